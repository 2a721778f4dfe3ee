/* SPDX-License-Identifier: MIT */
/* FL-12: the virtual interrupt flag against a model.  The only line is the
 * timer; whether it is pending is known from irq_pending or, with the flag on,
 * from the handler having run. */

#include "gtest.h"

static volatile uint32_t bad_delivery; /* handler ran where it must not */
static volatile bool allowed;

static void on_timer(struct trap_frame *f)
{
    if (!allowed || !(f->eflags & FLAG_IF) || (lg_blocked & 1) ||
        (lg_irq_enabled & GABI_IF))
        bad_delivery++;
}

/* Until the monitor has noticed that the timer is over. */
static void spend(uint32_t exits)
{
    for (uint32_t i = 0; i < exits; i++)
        hcall0(GABI_HCALL_FLUSH_ASYNC);
}

GT_CASE(irq_model, GT_BOTH)
{
    uint32_t armed = 0;
    bool vif = false, blocked = false;

    trap_set_handler(GABI_IRQ_VECTOR, on_timer);
    irq_disable();
    irq_unblock(0);
    for (uint32_t i = 0; i < 20000; i++) {
        switch (gt_random() % 8) {
        case 0:
            vif = false;
            irq_disable();
            allowed = false;
            break;
        case 1:
            allowed = !blocked;
            vif = true;
            irq_enable();
            break;
        case 2:
            blocked = true;
            irq_block(0);
            allowed = false;
            break;
        case 3:
            allowed = vif;
            blocked = false;
            irq_unblock(0);
            break;
        case 4: { /* arm only when the last one has been delivered */
            if (irq_count[0] != armed)
                break;
            armed++;
            lguest_call(GABI_HCALL_SET_CLOCKEVENT, 100 + gt_random() % 5000, 0, 0, 0);
            break;
        }
        case 5:
            spend(1 + gt_random() % 4);
            break;
        case 6: {
            uint32_t flags = irq_save_flags();

            irq_disable();
            allowed = false; /* not before: until then one may come */
            spend(1);
            allowed = vif && !blocked;
            irq_restore_flags(flags);
            break;
        }
        default:
            lguest_call(GABI_HCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
            break;
        }
        EXPECT_EQ_AT(i, bad_delivery, 0);
        EXPECT(irq_count[0] <= armed);
        EXPECT_EQ_AT(i, lg_irq_enabled & GABI_IF, vif ? GABI_IF : 0);
    }
    allowed = true;
    irq_unblock(0);
    irq_enable();
    for (uint32_t i = 0; i < 100000 && irq_count[0] != armed; i++)
        spend(1);
    EXPECT_EQ(irq_count[0], armed); /* none lost, none twice */
    EXPECT_EQ(lg.irq_pending, 0);
    EXPECT(armed > 20);
}

/* Pending while off, then on: exactly one, at once. */
GT_CASE(pending_then_enable, GT_BOTH)
{
    trap_set_handler(GABI_IRQ_VECTOR, on_timer);
    irq_unblock(0);
    for (uint32_t i = 1; i <= 200; i++) {
        allowed = false;
        irq_disable();
        lguest_call(GABI_HCALL_SET_CLOCKEVENT, 1000, 0, 0, 0);
        for (uint32_t n = 0; n < 1000000 && !lg.irq_pending; n++)
            spend(1);
        EXPECT_EQ(lg.irq_pending, GABI_IF);
        EXPECT_EQ(irq_count[0], i - 1);
        allowed = true;
        irq_enable();
        EXPECT_EQ(irq_count[0], i);
        EXPECT_EQ(lg.irq_pending, 0);
        EXPECT_EQ(bad_delivery, 0);
    }
}

/* hlt with the virtual flag off sleeps for good; the rest of the world goes on. */
GT_CASE(hlt_off_sleeps, GT_2LEVEL, .expect = "runs")
{
    irq_unblock(0);
    irq_disable();
    lguest_call(GABI_HCALL_SET_CLOCKEVENT, 100000, 0, 0, 0);
    __asm__ volatile("hlt");
    FAIL("woke up");
}

/* hlt with it on is HALT. */
GT_CASE(hlt_on_wakes, GT_BOTH)
{
    irq_unblock(0);
    for (uint32_t i = 1; i <= 20; i++) {
        irq_disable();
        lguest_call(GABI_HCALL_SET_CLOCKEVENT, 200000, 0, 0, 0);
        lg_irq_enabled = GABI_IF;
        while (irq_count[0] != i)
            __asm__ volatile("hlt" : : : "memory");
        EXPECT_EQ(lg_irq_enabled & GABI_IF, GABI_IF);
    }
}

/* STI opens interrupts behind the next instruction (SDM 2B): one that is pending goes
 * in when hlt sleeps, and not before it, or the sleep would miss it. */
GT_CODE(code_sti_hlt, "sti; hlt; nop; ud2");
GT_CODE(code_sti_loop, "sti; 1: jmp 1b");

static volatile uint32_t interrupted_at;

static void note_eip(struct trap_frame *f)
{
    interrupted_at = f->eip;
    lguest_call(GABI_HCALL_SET_CLOCKEVENT, 0, 0, 0, 0);
}

static uint32_t run_with_pending(const uint8_t *code, uint32_t bytes, struct trap_frame *f)
{
    gt_frame(1, f);
    memcpy(phys_ptr(f->eip), code, bytes);
    irq_disable();
    irq_unblock(0);
    lguest_call(GABI_HCALL_SET_CLOCKEVENT, 1000, 0, 0, 0);
    for (uint32_t n = 0; n < 1000000 && !lg.irq_pending; n++)
        spend(1);
    interrupted_at = 0;
    return trap_run(f, 0);
}

GT_CASE(sti_then_hlt, GT_BOTH)
{
    struct trap_frame f;

    trap_set_handler(GABI_IRQ_VECTOR, note_eip);
    for (uint32_t i = 0; i < 100; i++) {
        EXPECT_EQ(run_with_pending(code_sti_hlt_start, 5, &f), VEC_UD);
        EXPECT_EQ(interrupted_at, addr_of(gt_kernel_code) + 2);
    }
}

/* But a jump to itself behind it is interrupted all the same. */
GT_CASE(sti_then_loop, GT_BOTH)
{
    struct trap_frame f;

    trap_set_handler(GABI_IRQ_VECTOR, note_eip);
    trap_run_ends_at_irq = true;
    for (uint32_t i = 0; i < 20; i++) {
        EXPECT_EQ(run_with_pending(code_sti_loop_start, 3, &f), GABI_IRQ_VECTOR);
        EXPECT_EQ(f.eip, addr_of(gt_kernel_code) + 1);
    }
}
