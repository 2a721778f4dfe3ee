/* SPDX-License-Identifier: MIT */
/* The shared structure: odd values in it, and what the monitor writes there
 * (AR-07 to AR-11). */

#include "gtest.h"

#define ROW_3_1 .row = GABI_ROW_3_1

/* AR-08. */
static void set_kernel_address(uint32_t v)
{
    *lguest_field(lguest_row->kernel_address) = v;
}

static void kernel_address(uint32_t v)
{
    gt_init_with(&lguest_rows[GABI_ROW_3_1], set_kernel_address, v);
    gt_setup_rest();
    FAIL("%x was taken", v);
}

#define KERNEL_ADDRESS(n) \
    GT_ROW(kernel_address_##n, kernel_address, GT_RAW | GT_2LEVEL, .arg = n, ROW_3_1, \
           .expect = "killed: bad kernel address")
KERNEL_ADDRESS(0)
KERNEL_ADDRESS(1)
KERNEL_ADDRESS(0xffffffff)
KERNEL_ADDRESS(0xffc00000)
KERNEL_ADDRESS(0xc0000001)
KERNEL_ADDRESS(0xffe00000)

/* AR-09. */
static void set_syscall_vec(uint32_t v)
{
    *lguest_field(lguest_row->syscall_vec) = v;
}

static void syscall_vec(uint32_t v)
{
    gt_init_with(&lguest_rows[GABI_ROW_3_1], set_syscall_vec, v);
    gt_setup_rest();
    FAIL("%x was taken", v);
}

#define SYSCALL_VEC(n) \
    GT_ROW(syscall_vec_##n, syscall_vec, GT_RAW | GT_2LEVEL, .arg = n, ROW_3_1, \
           .expect = "killed: bad syscall vector")
SYSCALL_VEC(0)
SYSCALL_VEC(2)
SYSCALL_VEC(13)
SYSCALL_VEC(14)
SYSCALL_VEC(31)
SYSCALL_VEC(32)
SYSCALL_VEC(255)
SYSCALL_VEC(300)
SYSCALL_VEC(0x180)
SYSCALL_VEC(0x80000080)

/* Plan 9's vector is fine, and direct. */
GT_CASE(syscall_vec_0x40, GT_RAW | GT_2LEVEL)
{
    static const uint8_t code[] = {0xcd, 0x40};
    struct trap_frame f;

    gt_init_with(&lguest_rows[GABI_ROW_3_1], set_syscall_vec, 0x40);
    gt_setup_rest();
    trap_load_stub(0x40, GATE_TRAP, 3);
    for (uint32_t i = 0; i < 3; i++) {
        gt_frame(3, &f);
        EXPECT_EQ(gt_run_bytes(3, code, 2, &f), 0x40);
    }
    EXPECT_EQ(gt_real_idt(0x40) >> 40 & 0x1f, 0x0f); /* a real trap gate */
}

/* AR-07: windows of all kinds. Interrupts are postponed at ring 1 inside, and
 * nowhere else. */
static void set_window(uint32_t which)
{
    static const uint32_t windows[][2] = {
        {0, 0xffffffff}, {0, 0}, {0xc0200000, 0xc0100000},
        {GT_USER_CODE, GT_USER_CODE + 4096},
    };

    *lguest_field(lguest_row->noirq_start) = windows[which][0];
    *lguest_field(lguest_row->noirq_end) = windows[which][1];
}

static void window(uint32_t which)
{
    static const uint8_t spin[] = {0x40, 0x3d, 0, 0, 0, 0x08, 0x75, 0xf8, 0x0f, 0x0b};
    struct trap_frame f;

    gt_init_with(&lguest_rows[GABI_ROW_3_1], set_window, which);
    gt_setup_rest();
    irq_unblock(GABI_IRQ_TIMER);
    hcall1(GABI_HCALL_SET_CLOCKEVENT, 100000);
    lg_irq_enabled = GABI_IF;
    gt_spin_ns(3000000);
    for (uint32_t i = 0; which && i < 1000 && !irq_count[0]; i++)
        gt_spin_ns(1000000); /* the host of an emulator may be busy */
    EXPECT_EQ(irq_count[0], which == 0 ? 0 : 1);
    irq_disable();
    if (which)
        hcall1(GABI_HCALL_SET_CLOCKEVENT, 100000);
    gt_frame(3, &f); /* user code at these addresses is none of it */
    memcpy(phys_ptr(f.eip), spin, sizeof(spin));
    for (uint32_t i = 0; i < 10 && irq_count[0] < (which == 0 ? 1u : 2u); i++) {
        gt_frame(3, &f);
        EXPECT_EQ(trap_run(&f, GABI_IF), VEC_UD);
    }
    EXPECT_EQ(irq_count[0], which == 0 ? 1 : 2);
}

GT_ROW(window_everything, window, GT_RAW | GT_2LEVEL, .arg = 0, ROW_3_1)
GT_ROW(window_empty, window, GT_RAW | GT_2LEVEL, .arg = 1, ROW_3_1)
GT_ROW(window_reversed, window, GT_RAW | GT_2LEVEL, .arg = 2, ROW_3_1)
GT_ROW(window_in_user_space, window, GT_RAW | GT_2LEVEL, .arg = 3, ROW_3_1)

/* All in the window and busy: the others still get the CPU. */
GT_CASE(window_hog, GT_RAW | GT_2LEVEL, ROW_3_1, .expect = "runs")
{
    gt_init_with(&lguest_rows[GABI_ROW_3_1], set_window, 0);
    gt_setup_rest();
    irq_unblock(GABI_IRQ_TIMER);
    hcall1(GABI_HCALL_SET_CLOCKEVENT, 100);
    for (;;)
        barrier();
}

/* AR-10. */
GT_CASE(blocked_halt, GT_2LEVEL, .expect = "runs")
{
    lg_blocked = 0xffffffff;
    hcall1(GABI_HCALL_SET_CLOCKEVENT, 100);
    hcall0(GABI_HCALL_HALT);
    FAIL("woke up");
}

/* AR-11: everything that INIT and some life change in the page, by name. */
GT_CASE(only_documented_fields, GT_RAW | GT_BOTH)
{
    static uint8_t before[GUEST_PAGE_BYTES];
    const struct lguest_row *r = &lguest_rows[GABI_ROW_3_1];

    memset(&lguest_data, 0xa5, sizeof(lguest_data));
    lguest_prepare(&lguest_data, r);
    memcpy(before, &lguest_data, sizeof(before));
    hcall1(GABI_HCALL_INIT, addr_of(&lguest_data));
    guest.started = true;
    gt_setup_rest();
    gt_sleep_ns(100000);
    for (uint32_t i = 0; i < sizeof(before); i++) {
        bool documented = i < 4 || (i >= 4 && i < 8) || /* we changed these */
                          (i >= 8 && i < 0x18) ||       /* cr2, time, irq_pending */
                          (i >= r->reserve_mem && i < r->reserve_mem + 8u);

        if (!documented)
            EXPECT_EQ_AT(i, lguest_data.bytes[i], before[i]);
    }
    EXPECT_EQ(lg.reserve_mem, GABI_RESERVE_MEM);
    EXPECT(lg.head.tv_nsec < 1000000000);
    EXPECT_EQ(lg.irq_pending & ~(uint32_t)GABI_IF, 0);
    EXPECT_EQ(lg_cr2, 0);
}

/* The structure across two pages that are no neighbours in the machine. */
static uint8_t two_pages[2 * GUEST_PAGE_BYTES] __attribute__((aligned(4096)));

static void structure_at(uint32_t pa)
{
    static const uint8_t load[] = {0x8b, 0x03};
    const struct lguest_row *r = &lguest_rows[GABI_ROW_3_1];
    volatile struct gabi_data_3_1 *d = phys_ptr(pa);
    struct trap_frame f;

    lguest_prepare(phys_ptr(pa), r);
    hcall1(GABI_HCALL_INIT, pa);
    guest.started = true;
    gt_setup_rest();
    EXPECT_EQ(d->reserve_mem, GABI_RESERVE_MEM);
    gt_frame(3, &f);
    f.ebx = 0x61234568;
    memcpy(phys_ptr(f.eip), load, sizeof(load));
    d->head.irq_enabled = GABI_IF;
    EXPECT_EQ(trap_run(&f, 0), VEC_PF);
    EXPECT_EQ(d->head.cr2, 0x61234568);
    EXPECT_EQ(d->head.irq_enabled, 0); /* the gate was an interrupt gate */
    /* The ring's last slots lie in the second page. */
    for (uint32_t i = 0; i < GABI_RING_SLOTS; i++) {
        d->hcalls[i].word[0] = GABI_HCALL_TS;
        d->hcalls[i].word[1] = i & 1;
        barrier();
        d->hcall_status[i] = 0;
    }
    hcall0(GABI_HCALL_FLUSH_ASYNC);
    for (uint32_t i = 0; i < GABI_RING_SLOTS; i++)
        EXPECT_EQ_AT(i, d->hcall_status[i], GABI_SLOT_FREE);
    d->head.blocked_interrupts = 0;
    d->head.irq_enabled = 0;
    hcall1(GABI_HCALL_SET_CLOCKEVENT, 1000);
    for (uint32_t i = 0; i < 1000000 && !d->irq_pending; i++)
        hcall0(GABI_HCALL_FLUSH_ASYNC);
    EXPECT_EQ(d->irq_pending, GABI_IF);
}

GT_CASE(straddles_pages, GT_RAW | GT_BOTH)
{
    structure_at(addr_of(two_pages) + GUEST_PAGE_BYTES - 0x200);
}

GT_CASE(straddles_in_status, GT_RAW | GT_2LEVEL)
{
    structure_at(addr_of(two_pages) + GUEST_PAGE_BYTES - 0x30);
}

GT_CASE(ends_with_memory, GT_RAW | GT_2LEVEL)
{
    structure_at(guest.mem_bytes - GABI_DATA_BYTES_3_1);
}
