/* SPDX-License-Identifier: MIT */
/* Time and fairness (TM-01 to TM-09): what a busy guest does to the others, and
 * what it gets itself. */

#include "gtest.h"

static void rearm(struct trap_frame *f)
{
    (void)f;
    hcall1(GABI_HCALL_SET_CLOCKEVENT, 100);
}

/* TM-02: an interrupt storm of its own making. */
GT_CASE(storm, GT_2LEVEL, .expect = "runs")
{
    trap_set_handler(GABI_IRQ_VECTOR, rearm);
    irq_unblock(GABI_IRQ_TIMER);
    hcall1(GABI_HCALL_SET_CLOCKEVENT, 100);
    irq_enable();
    for (;;)
        barrier();
}

/* TM-03: each kind of loop; the canary gets its share. */
GT_CASE(loop_hypercall, GT_2LEVEL, .expect = "runs")
{
    for (;;)
        hcall0(GABI_HCALL_FLUSH_ASYNC);
}

GT_CASE(loop_in, GT_2LEVEL, .expect = "runs")
{
    for (;;)
        (void)port_in8(0x80);
}

GT_CASE(loop_string, GT_2LEVEL, .expect = "runs")
{
    for (;;) {
        uint32_t c = 0xffffffff, s = 0x100000;

        __asm__ volatile("rep outsb" : "+c"(c), "+S"(s) : "d"(0x80));
    }
}

static void fix_fault(struct trap_frame *f)
{
    (void)f; /* the same again */
}

GT_CASE(loop_fault, GT_2LEVEL, .expect = "runs")
{
    trap_set_handler(VEC_PF, fix_fault);
    (void)peek32(0x66660000);
}

GT_CASE(loop_step, GT_2LEVEL, .expect = "runs")
{
    trap_set_handler(VEC_DB, fix_fault);
    __asm__ volatile("pushfl; orl $0x100, (%esp); popfl; 1: jmp 1b");
}

GT_CASE(loop_flush, GT_BOTH, .expect = "runs")
{
    uint32_t roots[4];

    for (uint32_t i = 0; i < 4; i++)
        roots[i] = i ? pt_new_root() : pt_root;
    for (uint32_t i = 0;; i++) {
        pt_switch(roots[i % 4]);
        for (uint32_t pa = 0x100000; pa < guest.mem_bytes; pa += GUEST_PAGE_BYTES)
            (void)peek32(pa);
        pt_flush(FLUSH_ALL);
    }
}

GT_CASE(loop_set_pte, GT_BOTH, .expect = "runs")
{
    uint32_t pa = page_alloc();

    for (uint32_t i = 0;; i++) {
        uint32_t va = 0x40000000 + i % 4096 * GUEST_PAGE_BYTES;
        uint32_t pte = i & 1 ? pa | PTE_USER : 0;

        pt_write(pt_root, va, pte);
        lguest_call_lazy(GABI_HCALL_SET_PTE, pt_root, va, pte, 0);
    }
}

GT_CASE(loop_switch, GT_BOTH, .expect = "runs")
{
    uint32_t roots[8];

    for (uint32_t i = 0; i < 8; i++)
        roots[i] = i ? pt_new_root() : pt_root;
    for (uint32_t i = 0;; i++)
        pt_switch(roots[i % 8]);
}

/* TM-01: one interrupt per arming, none early, for a range of delays. */
GT_CASE(one_shot, GT_BOTH)
{
    static const uint32_t delays[] = {100, 1000, 20000, 100000, 1000000, 7000000};

    for (uint32_t round = 0; round < 30; round++) {
        uint32_t ns = delays[round % ARRAY_COUNT(delays)], before = irq_count[0];
        uint64_t start = rdtsc();

        gt_sleep_ns(ns);
        if (lg.tsc_khz) {
            uint64_t ticks = rdtsc() - start;

            EXPECT(ticks * 1010 >= (uint64_t)(ns / 1000) * lg.tsc_khz);
        }
        EXPECT_EQ(irq_count[0], before + 1);
        gt_spin_ns(100000);
        EXPECT_EQ(irq_count[0], before + 1);
    }
}

/* Four seconds are not lost in 32 bits of nanoseconds, and late by less than the
 * other guest's slice and a half. */
GT_CASE(four_seconds, GT_2LEVEL)
{
    uint64_t start = rdtsc(), ticks;

    if (!lg.tsc_khz)
        SKIP("the TSC is not usable here");
    gt_sleep_ns(4000000000u);
    ticks = rdtsc() - start;
    EXPECT(ticks * 1010 >= (uint64_t)lg.tsc_khz * 4000000);
    if (ticks * 990 > (uint64_t)lg.tsc_khz * 4015000)
        FAIL("4 s took %llx ticks of %x kHz", ticks, lg.tsc_khz);
}

/* The longest wait for the next hundred: longer if the timer never came so far,
 * shorter if it always did. */
static uint32_t both_may_win(uint32_t most, uint32_t came, uint32_t of)
{
    if (came == 0 && most < 0x10000000)
        return most * 2;
    return came == of && most > 1 ? most / 2 : most;
}

/* Armed and cancelled at all distances: at most one interrupt for each arming, none
 * for one that was cancelled before, and the next arming is not confused. */
GT_CASE(cancel_race, GT_BOTH)
{
    uint32_t came = 0, most = 20000;

    irq_unblock(GABI_IRQ_TIMER);
    for (uint32_t i = 0; i < 3000; i++) {
        uint32_t before = irq_count[0], at_cancel;

        irq_enable();
        hcall1(GABI_HCALL_SET_CLOCKEVENT, 20000 + gt_random() % 20000);
        for (uint32_t n = gt_random() % most; n; n--)
            barrier();
        hcall1(GABI_HCALL_SET_CLOCKEVENT, 0);
        /* One that was pending by then may still come, here at the latest. */
        hcall0(GABI_HCALL_FLUSH_ASYNC);
        at_cancel = irq_count[0];
        EXPECT(at_cancel - before <= 1);
        came += at_cancel - before;
        if (i % 100 == 99) /* so that both may win, however fast the machine is */
            most = both_may_win(most, came, i + 1);
        if (i % 100 == 0) {
            gt_spin_ns(100000);
            EXPECT_EQ_AT(i, irq_count[0], at_cancel);
        }
    }
    irq_disable();
    print("%u of 3000 came before they were cancelled\n", came);
    EXPECT(came > 0 && came < 3000);
    gt_sleep_ns(50000);
}

/* TM-09: the clock in lguest_data is never torn and never goes back. */
static uint64_t clock_last;
static uint32_t clock_bad;

static void look_at_clock(struct trap_frame *f)
{
    uint64_t now = (uint64_t)lg.head.tv_sec * 1000000000u + lg.head.tv_nsec;

    (void)f;
    if (lg.head.tv_nsec >= 1000000000 || now < clock_last)
        clock_bad++;
    clock_last = now;
    hcall1(GABI_HCALL_SET_CLOCKEVENT, 50000);
}

GT_CASE(wall_clock, GT_2LEVEL)
{
    trap_set_handler(GABI_IRQ_VECTOR, look_at_clock);
    irq_unblock(GABI_IRQ_TIMER);
    hcall1(GABI_HCALL_SET_CLOCKEVENT, 50000);
    while (irq_count[0] < 300)
        irq_halt();
    irq_disable();
    EXPECT_EQ(clock_bad, 0);
}

static uint64_t clock_now(void)
{
    return (uint64_t)lg.head.tv_sec * 1000000000u + lg.head.tv_nsec;
}

/* The same over the end of a second. */
GT_CASE(wall_clock_seconds, GT_2LEVEL)
{
    for (uint32_t i = 0; i < 24; i++) {
        uint64_t before = clock_now();

        gt_sleep_ns(55000000);
        EXPECT(lg.head.tv_nsec < 1000000000);
        EXPECT(i == 0 || clock_now() - before >= 55000000);
    }
}

/* DB-06: a handler with TF set in what it returns to, and itself stepped by a
 * gate that leads to code which sets TF again. Only its own slice is burnt. */
GT_CASE(endless_debug, GT_2LEVEL, .expect = "runs")
{
    static const uint8_t again[] = {0x9c, 0x81, 0x0c, 0x24, 0, 1, 0, 0, 0x9d,
                                    0xbc, 0, 0, 0, 0, 0xeb, 0xf0};
    uint32_t top = addr_of(gt_kernel_stack) + sizeof(gt_kernel_stack);

    memcpy(gt_kernel_code, again, sizeof(again));
    memcpy(gt_kernel_code + 10, &top, 4);
    trap_load_gate(VEC_DB, addr_of(gt_kernel_code), GATE_TRAP, 0);
    __asm__ volatile("pushfl; orl $0x100, (%esp); popfl; nop; nop");
    for (;;)
        barrier();
}
