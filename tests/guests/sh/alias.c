/* SPDX-License-Identifier: MIT */
/* Aliases: the page that holds page-table entries is written through some other
 * mapping, or by the monitor itself; after FLUSH_TLB(0) the old page must be
 * gone.  The monitor may go by dirty bits, so every way to set one is tried. */

#include "gtest.h"
#include "guest/virtio.h"

#define VA 0x40800000u       /* what the entry maps */
#define USER_ALIAS 0x48000000u
#define KERNEL_ALIAS 0xd8000000u
#define SECOND_ALIAS 0xdc000000u
#define ROUNDS 60u

static uint32_t table, pages[2], root_of_table;

static uint32_t entry_offset(void)
{
    return pt_entry_addr(pt_root, VA) & GUEST_PAGE_MASK;
}

static void setup(void)
{
    table = page_alloc();
    for (uint32_t i = 0; i < 2; i++) {
        pages[i] = page_alloc();
        poke32(pages[i], 0xa11a5000 + i);
    }
    pt_write_dir(pt_root, VA, table | PTE_TABLE);
    root_of_table = pt_root;
}

static uint32_t value(uint32_t i)
{
    return pages[i & 1] | PTE_USER;
}

/* Entry i in force and in use, by silent means only: not present, flushed, then
 * present. The stale way would be to keep showing this page. */
static void in_use(uint32_t i)
{
    EXPECT_EQ_AT(i, peek32(VA), 0xa11a5000 + (i & 1));
}

static void expect_new(uint32_t i)
{
    pt_flush(FLUSH_USER);
    EXPECT_EQ_AT(i, peek32(VA), 0xa11a5000 + (i & 1));
    if (gt_random() & 1)
        poke32(VA + 8, i);
}

enum { DIRECT, HIGH_HALF, SECOND, USER, UNMAPPED };

static void write_by(uint32_t how, uint32_t i)
{
    uint32_t off = entry_offset();

    switch (how) {
    case DIRECT:
        poke32(table + off, value(i));
        break;
    case HIGH_HALF:
        poke32(table + off + GUEST_PAGE_OFFSET, value(i));
        break;
    case SECOND:
        poke32(SECOND_ALIAS + off, value(i));
        break;
    case USER:
        EXPECT_EQ(gt_store(3, USER_ALIAS + off, value(i)), VEC_UD);
        break;
    default: /* gone again before the flush */
        pt_set(pt_root, KERNEL_ALIAS, table | PTE_KERNEL);
        poke32(KERNEL_ALIAS + off, value(i));
        pt_set(pt_root, KERNEL_ALIAS, 0);
        break;
    }
}

static void alias(uint32_t how)
{
    setup();
    if (how == SECOND)
        pt_set(pt_root, SECOND_ALIAS, table | PTE_KERNEL);
    if (how == USER)
        pt_set(pt_root, USER_ALIAS, table | PTE_USER);
    poke32(table + 0, 0);
    pt_write(pt_root, VA, value(0));
    in_use(0);
    for (uint32_t i = 1; i < ROUNDS; i++) {
        write_by(how, i);
        expect_new(i);
    }
}

GT_ROW(alias_direct, alias, GT_BOTH, .arg = DIRECT)
GT_ROW(alias_high_half, alias, GT_BOTH, .arg = HIGH_HALF)
GT_ROW(alias_second, alias, GT_BOTH, .arg = SECOND)
GT_ROW(alias_user, alias, GT_BOTH, .arg = USER)
GT_ROW(alias_unmapped, alias, GT_BOTH, .arg = UNMAPPED)

/* All of them in random order, reads in between that make shadow entries clean
 * and cached, other roots too. */
GT_CASE(alias_mixed, GT_BOTH)
{
    uint32_t other = pt_new_root();

    setup();
    pt_write_dir(other, VA, table | PTE_TABLE);
    pt_set(pt_root, SECOND_ALIAS, table | PTE_KERNEL);
    pt_set(pt_root, USER_ALIAS, table | PTE_USER);
    pt_write(pt_root, VA, value(0));
    in_use(0);
    for (uint32_t i = 1; i < 1500; i++) {
        uint32_t how = gt_random() % 5;

        if (gt_random() % 8 == 0)
            (void)peek32(SECOND_ALIAS); /* read only: not dirty */
        if (gt_random() % 16 == 0) {
            pt_switch(other); /* has the same table */
            pt_flush(FLUSH_USER);
            EXPECT_EQ_AT(i, peek32(VA), 0xa11a5000 + ((i - 1) & 1));
            pt_switch(root_of_table);
        }
        write_by(how, i);
        expect_new(i);
    }
}

/* The alias is mapped before the page becomes a table at all, and dirty then. */
GT_CASE(alias_dirty_before, GT_BOTH)
{
    for (uint32_t i = 1; i < ROUNDS; i++) {
        uint32_t fresh = page_alloc(), off;

        if (i == 1)
            setup();
        pt_set(pt_root, SECOND_ALIAS, fresh | PTE_KERNEL);
        poke32(SECOND_ALIAS + 0x10, 0); /* dirty already */
        pt_write_dir(pt_root, VA, fresh | PTE_TABLE);
        pt_announce_dir(pt_root, VA);
        table = fresh;
        off = entry_offset();
        poke32(SECOND_ALIAS + off, value(i));
        in_use(i);
        poke32(SECOND_ALIAS + off, value(i + 1));
        expect_new(i + 1);
        pt_write_dir(pt_root, VA, 0);
        pt_announce_dir(pt_root, VA);
    }
}

/* Written by the monitor: a disk read, a frame of a trap, the ring's status
 * bytes and the time beside entries in the same page. */
static void disk_read(struct vdevice *d, uint32_t to)
{
    static struct gabi_blk_req req = {.type = GABI_BLK_READ, .sector = 1};
    static uint8_t status;
    struct vq_buffer b[3] = {{addr_of(&req), sizeof(req), false},
                             {to, 512, true},
                             {addr_of(&status), 1, true}};

    status = 0xff;
    vq_add(&d->vq[0], b, 3);
    vq_kick(&d->vq[0]);
    EXPECT(vq_wait(&d->vq[0], NULL));
    EXPECT_EQ(READ_ONCE(status), GABI_BLK_OK);
}

static void disk_write(struct vdevice *d, uint32_t from)
{
    static struct gabi_blk_req req = {.type = GABI_BLK_WRITE, .sector = 1};
    static uint8_t status;
    struct vq_buffer b[3] = {{addr_of(&req), sizeof(req), false},
                             {from, 512, false},
                             {addr_of(&status), 1, true}};

    vq_add(&d->vq[0], b, 3);
    vq_kick(&d->vq[0]);
    EXPECT(vq_wait(&d->vq[0], NULL));
}

GT_CASE(alias_disk_read, GT_BOTH | GT_DISK)
{
    static uint8_t sector[512] __attribute__((aligned(512)));
    struct vdevice disk;

    if (!bus_find(GABI_DEV_BLOCK, 0, &disk))
        SKIP("no disk");
    bus_start(&disk);
    setup();
    pt_write(pt_root, VA, value(0));
    in_use(0);
    for (uint32_t i = 1; i < ROUNDS; i++) {
        memset(sector, 0, sizeof(sector));
        *(uint32_t *)(void *)(sector + entry_offset() % 512) = value(i);
        disk_write(&disk, addr_of(sector));
        disk_read(&disk, table + (entry_offset() & ~511u));
        expect_new(i);
    }
}

/* A trap frame lands on the table: its EIP is an address in the page of value i,
 * chosen so that the word is a sensible entry. */
GT_CASE(alias_trap_frame, GT_BOTH)
{
    static const uint8_t ud[] = {0x0f, 0x0b};
    struct trap_frame f;

    setup();
    pt_write(pt_root, VA, value(0));
    in_use(0);
    for (uint32_t i = 1; i < ROUNDS; i++) {
        /* EIP = frame address | 0x67; the word below it is no error code. */
        uint32_t eip = value(i);

        memcpy(phys_ptr(eip), ud, 2);
        gt_frame(1, &f);
        f.eip = eip;
        f.esp = table + entry_offset() + 12;
        EXPECT_EQ_AT(i, trap_run(&f, 0), VEC_UD);
        if (pt_pae)
            poke32(table + entry_offset() + 4, 0); /* CS lies there */
        EXPECT_EQ_AT(i, (uint32_t)pt_read(pt_root, VA) & ~0xfffu, pages[i & 1]);
        expect_new(i);
    }
}

/* PAE: all four pointers name one directory. Then every GiB shows the same, and
 * the switcher is at the top only (hv/mmu/README.md, rule 8). */
GT_CASE(pdpte_same_directory, GT_PAE)
{
    uint32_t root = page_alloc(), pd = page_alloc(), low = pt_dir_addr(pt_root, 0);
    uint32_t page = page_alloc(), tbl = page_alloc();
    struct trap_frame f;

    memcpy(phys_ptr(pd), phys_ptr(low & ~GUEST_PAGE_MASK), GUEST_PAGE_BYTES);
    poke32(page, 0x5a3e);
    for (uint32_t i = 0; i < 512; i++)
        poke32(tbl + i * 8, page | PTE_KERNEL);
    poke32(pd + 511 * 8, tbl | PTE_TABLE); /* the switcher's slot in each GiB */
    poke32(pd + 300 * 8, tbl | PTE_TABLE);
    for (uint32_t i = 0; i < 4; i++)
        poke32(root + i * 8, pd | PTE_P);
    pt_switch(root);
    for (uint32_t gib = 0; gib < 4; gib++) {
        uint32_t base = gib << 30;

        EXPECT_EQ_AT(gib, peek32(base + addr_of(&pt_root)), root);
        for (uint32_t n = 0; n < 512; n++)
            EXPECT_EQ_AT(n, peek32(base + 300 * 0x200000 + n * 4096), 0x5a3e);
        for (uint32_t n = 0; n < 512; n++) {
            uint32_t va = base + 511u * 0x200000 + n * 4096;

            if (gib < 3) {
                EXPECT_EQ_AT(va, peek32(va), 0x5a3e);
                continue;
            }
            /* The top: nothing of the guest's is there. */
            static const uint8_t look[] = {0x8b, 0x03, 0x0f, 0x0b};

            gt_frame(1, &f);
            f.ebx = va;
            uint32_t v = gt_run_bytes(1, look, 4, &f);

            EXPECT(v == VEC_PF || f.eax != 0x5a3e);
            EXPECT_EQ_AT(va, v == VEC_UD, n < 5);
        }
    }
    /* A sweep of everything in between: absent where the directory has nothing. */
    for (uint32_t mib = 16; mib < 4080; mib += 6) {
        static const uint8_t look[] = {0x8b, 0x03, 0x0f, 0x0b};
        uint32_t va = mib << 20, slot = va >> 21 & 511;
        bool there = peek32(pd + slot * 8) & PTE_P;

        if (slot <= 8)
            continue; /* the kernel's own */
        gt_frame(1, &f);
        f.ebx = va;
        EXPECT_EQ_AT(va, gt_run_bytes(1, look, 4, &f) == VEC_UD, there);
    }
}
