/* SPDX-License-Identifier: MIT */
/* One guest life in a given row: INIT by its instruction and registers, its
 * boot page tables or linear mode, its way to load descriptors, its ring, its
 * window, its fields. Everything that differs between the rows is looked at. */

#include "gtest.h"

#define PTE_PRESENT_OK(e) (((e) & (PTE_P | PTE_W)) == (PTE_P | PTE_W))

static volatile uint32_t *field(uint16_t offset)
{
    return lguest_field(offset);
}

/* What INIT fills in. */
static void check_fields(const struct lguest_row *r)
{
    EXPECT_EQ(*field(r->reserve_mem), GABI_RESERVE_MEM);
    EXPECT_EQ(*field(r->kernel_address), GUEST_PAGE_OFFSET);
    EXPECT_EQ(*field(r->syscall_vec), GUEST_SYSCALL_VECTOR);
    EXPECT(lguest_data.head.tv_sec > 1000000000 || lguest_data.head.tv_sec == 0);
    EXPECT(lguest_data.head.tv_nsec < 1000000000);
}

static uint64_t boot_entry(uint32_t table, uint32_t index)
{
    return gt_pae ? *(volatile uint64_t *)phys_ptr(table + index * 8)
                  : peek32(table + index * 4);
}

/* Walks the tables that the monitor built (ABI 1.5). */
static uint32_t boot_translate(uint32_t pgdir, uint32_t va)
{
    uint64_t e;

    if (gt_pae) {
        e = boot_entry(pgdir, va >> 30);
        if (!(e & PTE_P))
            return 0xffffffff;
        e = boot_entry((uint32_t)(e & PTE_ADDR), va >> 21 & 511);
        if (!(e & PTE_P))
            return 0xffffffff;
        e = boot_entry((uint32_t)(e & PTE_ADDR), va >> 12 & 511);
    } else {
        e = boot_entry(pgdir, va >> 22);
        if (!(e & PTE_P))
            return 0xffffffff;
        e = boot_entry((uint32_t)(e & PTE_ADDR), va >> 12 & 1023);
    }
    return PTE_PRESENT_OK(e) ? (uint32_t)(e & PTE_ADDR) : 0xffffffff;
}

/* Up to 3.0: identity, and again at PAGE_OFFSET. */
static void check_boot_tables(const struct lguest_row *r)
{
    uint32_t pgdir = *field(r->pgdir), last = guest.mem_bytes - 0x20000;

    EXPECT(pgdir && pgdir < guest.mem_bytes && !(pgdir & GUEST_PAGE_MASK));
    EXPECT_EQ(boot_translate(pgdir, 0x100000), 0x100000);
    EXPECT_EQ(boot_translate(pgdir, last), last & ~GUEST_PAGE_MASK);
    EXPECT_EQ(boot_translate(pgdir, GUEST_PAGE_OFFSET + 0x100000), 0x100000);
    EXPECT_EQ(peek32(GUEST_PAGE_OFFSET + addr_of(&guest)), guest.mem_bytes);
    if (r->row == GABI_ROW_2_6_24) {
        /* As 2.6.28 and those before it do: copied by the guest itself. */
        for (uint32_t i = 0; i < 32; i++)
            poke32(pgdir + ((GUEST_PAGE_OFFSET >> 22) + i) * 4, peek32(pgdir + i * 4));
        EXPECT_EQ(peek32(GUEST_PAGE_OFFSET + addr_of(&guest)), guest.mem_bytes);
    }
}

/* vmcall has become int 0x1f; nop in the text itself. */
static void check_patched(const struct lguest_row *r)
{
    const uint8_t *text = (const uint8_t *)(uintptr_t)addr_of(lguest_call);
    bool patched = false, left = false;

    for (uint32_t i = 0; i < 256; i++) {
        patched |= text[i] == 0xcd && text[i + 1] == 0x1f && text[i + 2] == 0x90;
        left |= text[i] == 0x0f && text[i + 1] == 0x01 && text[i + 2] == 0xc1;
    }
    if (r->vmcall)
        EXPECT(patched);
    else
        EXPECT(left); /* never executed, never touched */
}

/* The ring with this row's slots: order of arguments, cursor, all 64. */
static void check_ring(const struct lguest_row *r)
{
    uint32_t pages[2] = {page_alloc(), page_alloc()};

    poke32(pages[0], 0x10);
    poke32(pages[1], 0x11);
    for (uint32_t i = 0; i < 200; i++) {
        uint32_t pte = pages[i & 1] | PTE_KERNEL;

        pt_write(pt_root, 0xd0000000, pte);
        lguest_call_lazy(GABI_HCALL_SET_PTE, pt_root, 0xd0000000, pte, 0);
        lguest_call_lazy(GABI_HCALL_TS, i & 1, 0, 0, 0);
        lguest_call_lazy(GABI_HCALL_SET_STACK, GABI_KERNEL_DS, guest_trap_stack(), 2, 0);
        lguest_call(GABI_HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
        EXPECT_EQ_AT(i, peek32(0xd0000000), 0x10 + (i & 1));
        for (uint32_t s = 0; s < GABI_RING_SLOTS; s++)
            EXPECT_EQ_AT(s, lguest_data.bytes[r->status + s], GABI_SLOT_FREE);
    }
    lguest_call(GABI_HCALL_TS, 0, 0, 0, 0);
}

static void check_interrupts(const struct lguest_row *r)
{
    if (r->irq_pending != LGUEST_NO_FIELD)
        EXPECT_EQ(*field(r->irq_pending), 0);
    for (uint32_t i = 1; i <= 20; i++) {
        irq_unblock(GABI_IRQ_TIMER);
        lguest_call(GABI_HCALL_SET_CLOCKEVENT, 100000, 0, 0, 0);
        if (i & 1) {
            while (irq_count[0] != i)
                lguest_call(GABI_HCALL_HALT, 0, 0, 0, 0);
        } else { /* in user code; comes back through the window */
            static const uint8_t spin[] = {0x40, 0x3d, 0, 0, 0x80, 0, 0x75, 0xf8, 0x0f, 0x0b};
            struct trap_frame f;

            while (irq_count[0] != i) {
                gt_frame(3, &f);
                memcpy(phys_ptr(f.eip), spin, sizeof(spin));
                EXPECT_EQ(trap_run(&f, GABI_IF), VEC_UD);
            }
        }
        EXPECT_EQ(irq_count[0], i);
        lg_irq_enabled = 0;
    }
}

static void check_traps(void)
{
    static const uint8_t int80[] = {0xcd, 0x80, 0x0f, 0x0b}, ud[] = {0x0f, 0x0b};
    static const uint8_t load[] = {0x8b, 0x03};
    struct trap_frame f;

    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        gt_frame(ring, &f);
        EXPECT_EQ(gt_run_bytes(ring, int80, 4, &f), GUEST_SYSCALL_VECTOR);
        gt_frame(ring, &f);
        EXPECT_EQ(gt_run_bytes(ring, ud, 2, &f), VEC_UD);
        EXPECT_EQ(f.eip, ring == 3 ? GT_USER_CODE : addr_of(gt_kernel_code));
        gt_frame(ring, &f);
        f.ebx = 0x61616160;
        EXPECT_EQ(gt_run_bytes(ring, load, 2, &f), VEC_PF);
        EXPECT_EQ(lg_cr2, 0x61616160);
    }
}

static void check_tls(void)
{
    uint64_t tls[3];

    for (uint32_t i = 0; i < 3; i++)
        tls[i] = desc_make(0x1000 * (i + 1), 0xfffff, DESC_DATA | DESC_DPL(3),
                           DESC_FLAT_BITS);
    desc_load_tls(tls);
    for (uint32_t i = 0; i < 3; i++)
        EXPECT_EQ(gt_desc_base(gt_real_gdt(6 + i)), 0x1000 * (i + 1));
}

void gt_abi_life(uint32_t row)
{
    const struct lguest_row *r = &lguest_rows[row];

    guest_init(r);
    check_fields(r);
    if (r->pgdir != LGUEST_NO_FIELD)
        check_boot_tables(r);
    pt_init(gt_pae);
    guest_setup_traps();
    gt_user_setup();
    check_patched(r);
    check_tls();
    check_traps();
    check_ring(r);
    check_interrupts(r);
    /* Announced and seen; the old three-argument form too. */
    pt_set(pt_root, 0x40800000, page_alloc() | PTE_USER);
    poke32(0x40800000, row);
    pt_flush(FLUSH_ALL);
    EXPECT_EQ(peek32(0x40800000), row);
    EXPECT_EQ(*field(r->reserve_mem), GABI_RESERVE_MEM);
}
