/* SPDX-License-Identifier: MIT */
/* Tables at rest: a page table that nobody has written for many flushes of everything
 * may be passed by from then on, until somebody writes there again.  Whoever that is,
 * and by whatever mapping, old or new: after the next flush the old page must be
 * gone. And nothing that is at rest may stop what has a right to be written. */

#include "gtest.h"
#include "guest/virtio.h"

#define VA 0x40800000u /* what the entry maps */
#define USER_ALIAS 0x48000000u
#define KERNEL_ALIAS 0xd8000000u
#define OTHER_ALIAS 0xdc000000u
#define FLUSHES 40u /* more than it takes to come to rest, twice */
#define ROUNDS 12u

static uint32_t table, pages[2];

enum { DIRECT, ALIAS_BEFORE, ALIAS_AFTER, ALIAS_GONE, USER, DISK, FRAME, STACK, ENTRY_ONLY };

static uint32_t value(uint32_t i)
{
    return pages[i & 1] | PTE_USER;
}

static uint32_t entry_offset(void)
{
    return pt_entry_addr(pt_root, VA) & GUEST_PAGE_MASK;
}

static void come_to_rest(void)
{
    for (uint32_t i = 0; i < FLUSHES; i++)
        pt_flush(FLUSH_ALL);
}

static void by_disk(uint32_t i)
{
    static struct vdevice disk;
    static uint8_t sector[512] __attribute__((aligned(512))), status;
    static struct gabi_blk_req req = {.sector = 1};

    if (i == 1) {
        EXPECT(bus_find(GABI_DEV_BLOCK, 0, &disk));
        bus_start(&disk);
    }
    *(uint32_t *)(void *)(sector + entry_offset() % 512) = value(i);
    for (uint32_t read = 0; read < 2; read++) {
        struct vq_buffer b[3] = {
            {addr_of(&req), sizeof(req), false},
            {read ? table + (entry_offset() & ~511u) : addr_of(sector), 512, read != 0},
            {addr_of(&status), 1, true}};

        req.type = read ? GABI_BLK_READ : GABI_BLK_WRITE;
        status = 0xff;
        vq_add(&disk.vq[0], b, 3);
        vq_kick(&disk.vq[0]);
        EXPECT(vq_wait(&disk.vq[0], NULL));
        EXPECT_EQ(READ_ONCE(status), GABI_BLK_OK);
    }
}

/* The frame of a trap at ring 1, its EIP an address that is a sensible entry. */
static void by_frame(uint32_t i)
{
    static const uint8_t ud[] = {0x0f, 0x0b};
    struct trap_frame f;

    memcpy(phys_ptr(value(i)), ud, 2);
    gt_frame(1, &f);
    f.eip = value(i);
    f.esp = table + entry_offset() + 12;
    EXPECT_EQ_AT(i, trap_run(&f, 0), VEC_UD);
    if (pt_pae)
        poke32(table + entry_offset() + 4, 0); /* CS lies there */
}

/* The kernel's stack lies in the table while user code is interrupted: the CPU, or
 * the monitor, pushes there. Then the entry is mended. */
static void by_stack(uint32_t i)
{
    uint32_t top = addr_of(gt_kernel_stack) + sizeof(gt_kernel_stack);

    hcall3(GABI_HCALL_SET_STACK, GABI_KERNEL_DS, table + 0x800, 1);
    hcall0(GABI_HCALL_FLUSH_ASYNC);
    hcall3(GABI_HCALL_SET_STACK, GABI_KERNEL_DS, top, 1);
    poke32(table + entry_offset(), value(i));
}

static void write_by(uint32_t how, uint32_t i)
{
    uint32_t off = entry_offset();

    switch (how) {
    case DIRECT:
        poke32(table + off, value(i));
        break;
    case ALIAS_BEFORE:
        poke32(OTHER_ALIAS + off, value(i));
        break;
    case ALIAS_AFTER:
    case ALIAS_GONE:
        pt_set(pt_root, KERNEL_ALIAS, table | PTE_KERNEL);
        poke32(KERNEL_ALIAS + off, value(i));
        if (how == ALIAS_GONE)
            pt_set(pt_root, KERNEL_ALIAS, 0);
        break;
    case USER:
        EXPECT_EQ(gt_store(3, USER_ALIAS + off, value(i)), VEC_UD);
        break;
    case DISK:
        by_disk(i);
        break;
    case FRAME:
        by_frame(i);
        break;
    case STACK:
        by_stack(i);
        break;
    case ENTRY_ONLY: /* the entry is not the page's only word */
        poke32(table + ((off + 2048) & GUEST_PAGE_MASK), 0);
        *(volatile uint8_t *)phys_ptr(table + off + 1) = (uint8_t)(value(i) >> 8);
        poke32(table + off, value(i));
        break;
    }
}

static void rest(uint32_t how)
{
    table = page_alloc();
    for (uint32_t i = 0; i < 2; i++) {
        pages[i] = page_alloc();
        poke32(pages[i] + 0x800, 0x4e570000 + i);
    }
    pt_write_dir(pt_root, VA, table | PTE_TABLE);
    if (how == ALIAS_BEFORE)
        pt_set(pt_root, OTHER_ALIAS, table | PTE_KERNEL);
    if (how == USER)
        pt_set(pt_root, USER_ALIAS, table | PTE_USER);
    pt_write(pt_root, VA, value(0));
    for (uint32_t i = 1; i < ROUNDS; i++) {
        EXPECT_EQ_AT(i, peek32(VA + 0x800), 0x4e570000 + ((i - 1) & 1));
        come_to_rest();
        EXPECT_EQ_AT(i, peek32(VA + 0x800), 0x4e570000 + ((i - 1) & 1));
        write_by(how, i);
        EXPECT_EQ(peek32(pt_entry_addr(pt_root, VA)) & ~0xfffu, pages[i & 1]);
        pt_flush(i % 3 ? FLUSH_ALL : FLUSH_USER);
        EXPECT_EQ_AT(i, peek32(VA + 0x800), 0x4e570000 + (i & 1));
    }
}

GT_ROW(rest_direct, rest, GT_BOTH, .arg = DIRECT)
GT_ROW(rest_alias_before, rest, GT_BOTH, .arg = ALIAS_BEFORE)
GT_ROW(rest_alias_after, rest, GT_BOTH, .arg = ALIAS_AFTER)
GT_ROW(rest_alias_gone, rest, GT_BOTH, .arg = ALIAS_GONE)
GT_ROW(rest_user, rest, GT_BOTH, .arg = USER)
GT_ROW(rest_disk, rest, GT_BOTH | GT_DISK, .arg = DISK)
GT_ROW(rest_frame, rest, GT_BOTH, .arg = FRAME)
GT_ROW(rest_stack, rest, GT_BOTH, .arg = STACK)
GT_ROW(rest_bytes, rest, GT_BOTH, .arg = ENTRY_ONLY)
