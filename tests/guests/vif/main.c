/* SPDX-License-Identifier: MIT */
/* The virtual interrupt flag on gate, thunk, handler and iret, from rings 1 and
 * 3, with a timer interrupt that comes a little later each time.  Under -icount
 * the sweep hits every instruction; elsewhere it is as random as the machine.
 * The model is short: with the flag off, inside the window or inside the thunk
 * no interrupt comes; each one comes exactly once, and they never nest. */

#include "gtest.h"

extern const char vif_kernel[], vif_kernel_end[], vif_interrupt_gate[], vif_trap_gate[];
extern const uint8_t vif_user_start[], vif_user_end[];
extern volatile uint32_t vif_critical;
void vif_delay(uint32_t n);

#define STEPS 2500u
#define USER_RANGE 250u
/* The monitor makes no interrupt come earlier (ABI 9.3), so the sequence
 * begins that much later. */
#define FIRST_NS 20000u
/* Under -icount shift=0 the TSC runs at 1 GHz sharp. */
#define ICOUNT_KHZ 1000000u

static volatile uint32_t depth, lowest;
static volatile bool came_to_user; /* the last interrupt */
static uint32_t armed, extra_ticks;
static uint8_t hit_kernel[256], hit_user[64];

static void run_kernel_sequence(void)
{
    void (*f)(void) = (void (*)(void))(uintptr_t)(addr_of(vif_kernel) + GUEST_PAGE_OFFSET);

    f();
}

static void note_hit(const struct trap_frame *f)
{
    uint32_t k = f->eip - GUEST_PAGE_OFFSET - addr_of(vif_kernel);
    uint32_t u = f->eip - GT_USER_CODE;

    if ((f->cs & 3) == 1 && k < sizeof(hit_kernel))
        hit_kernel[k] = 1;
    if ((f->cs & 3) == 3 && u < sizeof(hit_user))
        hit_user[u] = 1;
}

static void on_timer(struct trap_frame *f)
{
    uint32_t window = addr_of(lguest_noirq_start) + GUEST_PAGE_OFFSET;
    uint32_t window_end = addr_of(lguest_noirq_end) + GUEST_PAGE_OFFSET;

    if (lguest_row->noirq_iret != LGUEST_NO_FIELD) {
        window = addr_of(lguest_noirq_iret) + GUEST_PAGE_OFFSET;
        window_end = window + 1;
    }
    EXPECT_EQ_AT(f->eip, vif_critical, 0);
    EXPECT_EQ_AT(f->eip, lg_irq_enabled & GABI_IF, 0);
    EXPECT_EQ_AT(f->eip, f->eflags & FLAG_IF, FLAG_IF);
    EXPECT_EQ_AT(f->eip, f->eflags & (FLAG_IOPL | FLAG_VM | FLAG_NT), 0);
    EXPECT((f->cs & 3) == 3 || f->eip < window || f->eip >= window_end);
    EXPECT(f->eip < GT_WINDOW_THUNK || f->eip >= GT_WINDOW_THUNK + GUEST_PAGE_BYTES);
    EXPECT_EQ(++depth, 1);
    if (addr_of(f) < lowest)
        lowest = addr_of(f);
    note_hit(f);
    came_to_user = (f->cs & 3) == 3;
    depth--;
}

static void count_hits(const char *what, const uint8_t *hits, uint32_t n)
{
    uint32_t found = 0;

    for (uint32_t i = 0; i < n; i++)
        found += hits[i];
    print("%s: interrupted at %u addresses\n", what, found);
    /* Two thirds of what a sweep finds on a clock that counts instructions. */
    if (lg.tsc_khz / 100 == ICOUNT_KHZ / 100)
        EXPECT(found >= (n == sizeof(hit_kernel) ? 10u : 6u));
}

/* Arms the timer so that it falls into what comes next, which takes at most range
 * instructions: later by one each step, and in each round behind a few more. */
static void arm(uint32_t step, uint32_t range)
{
    uint32_t ticks = FIRST_NS / 100 * (lg.tsc_khz / 1000) / 10 + extra_ticks;
    uint64_t start = rdtsc();

    armed++;
    hcall1(GABI_HCALL_SET_CLOCKEVENT, FIRST_NS + step % range);
    while (rdtsc() - start < ticks)
        barrier();
    vif_delay(step / range * 7 % 61);
    /* The delay is a loop of an even number of instructions: without this only
     * every other instruction of what follows could be hit. */
    if (step & 1)
        __asm__ volatile("nop");
}

/* The timer of this step has fired once and no more. */
static void settle(void)
{
    while (irq_count[0] != armed)
        irq_halt();
    irq_disable();
    hcall0(GABI_HCALL_SEND_INTERRUPTS);
    EXPECT_EQ(irq_count[0], armed);
}

static void prepare(uint32_t row, uint32_t gate)
{
    guest_init(&lguest_rows[row]);
    gt_setup_rest();
    trap_set_handler(GABI_IRQ_VECTOR, on_timer);
    trap_load_gate(VEC_BP, addr_of(vif_interrupt_gate) + GUEST_PAGE_OFFSET, GATE_INTERRUPT,
                   3);
    trap_load_gate(GUEST_SYSCALL_VECTOR,
                   (gate == GATE_TRAP ? addr_of(vif_trap_gate)
                                      : addr_of(vif_interrupt_gate)) + GUEST_PAGE_OFFSET,
                   gate, 3);
    irq_unblock(GABI_IRQ_TIMER);
    lowest = 0xffffffff;
}

#define ARG(row, gate) ((uint32_t)(row) << 8 | (gate))

static void sweep_ring1(uint32_t arg)
{
    prepare(arg >> 8, arg & 0xff);
    for (uint32_t step = 0; step < STEPS; step++) {
        arm(step, 1250);
        irq_enable();
        run_kernel_sequence();
        EXPECT_EQ_AT(step, lg_irq_enabled & GABI_IF, GABI_IF);
        irq_disable();
        settle();
    }
    /* Handlers run on the boot stack here: one frame deep, never more. */
    EXPECT(lowest > addr_of(&arg) - 1024);
    count_hits("ring 1", hit_kernel, sizeof(hit_kernel));
}

/* How long an exit takes is the monitor's affair: one that checks itself (DEBUG=1)
 * needs longer, before the user's code and within. Searches with a wide net for the
 * waits that lead there; a longer one makes the interrupt fall in earlier. Returns the
 * range to sweep. */
static uint32_t find_start(struct trap_frame *f)
{
    uint32_t first = FIRST_NS, last = 0;

    for (extra_ticks = 0; extra_ticks < FIRST_NS; extra_ticks += 20) {
        gt_frame(3, f);
        came_to_user = false;
        arm(0, USER_RANGE);
        (void)trap_run(f, GABI_IF);
        settle();
        if (came_to_user) {
            first = first < extra_ticks ? first : extra_ticks;
            last = extra_ticks;
        }
    }
    extra_ticks = last ? last + 20 : 0;
    return last > first + USER_RANGE ? last - first + 40 : USER_RANGE;
}

static void sweep_ring3(uint32_t arg)
{
    struct trap_frame f;
    uint32_t range;

    prepare(arg >> 8, arg & 0xff);
    gt_frame(3, &f);
    memcpy(phys_ptr(GT_USER_CODE), vif_user_start,
           (uint32_t)(vif_user_end - vif_user_start));
    range = find_start(&f);
    for (uint32_t step = 0; step < STEPS; step++) {
        gt_frame(3, &f);
        arm(step, range);
        EXPECT_EQ_AT(step, trap_run(&f, GABI_IF), VEC_UD);
        EXPECT_EQ_AT(step, f.eflags & FLAG_IF, FLAG_IF);
        EXPECT_EQ_AT(step, f.eip, GT_USER_CODE + (uint32_t)(vif_user_end - vif_user_start) - 2);
        EXPECT_EQ_AT(step, f.esp, GT_USER_STACK);
        settle();
    }
    count_hits("ring 3", hit_user, sizeof(hit_user));
}

#define SWEEP(id, fn, abi, gate) \
    GT_ROW(id, fn, GT_RAW | GT_2LEVEL, .arg = ARG(abi, gate), .row = (abi), \
           .timeout_s = 120)
SWEEP(ring1_trap_gate, sweep_ring1, GABI_ROW_3_1, GATE_TRAP)
SWEEP(ring1_interrupt_gate, sweep_ring1, GABI_ROW_3_1, GATE_INTERRUPT)
SWEEP(ring1_trap_gate_4_1, sweep_ring1, GABI_ROW_4_1, GATE_TRAP)
SWEEP(ring1_intr_gate_4_1, sweep_ring1, GABI_ROW_4_1, GATE_INTERRUPT)
SWEEP(ring3_trap_gate, sweep_ring3, GABI_ROW_3_1, GATE_TRAP)
SWEEP(ring3_interrupt_gate, sweep_ring3, GABI_ROW_3_1, GATE_INTERRUPT)
SWEEP(ring3_trap_gate_4_1, sweep_ring3, GABI_ROW_4_1, GATE_TRAP)
SWEEP(ring3_intr_gate_4_1, sweep_ring3, GABI_ROW_4_1, GATE_INTERRUPT)

/* The thunk's slow branch: from ring 1, and with the flag off already; the word
 * that was pushed says what the virtual flag was. */
GT_CASE(thunk_slow_branch, GT_BOTH)
{
    static const uint8_t code[] = {0xcd, 0x80, 0x0f, 0x0b};
    struct trap_frame f;

    trap_load_stub(GUEST_SYSCALL_VECTOR, GATE_INTERRUPT, 3);
    for (uint32_t i = 0; i < 200; i++) {
        uint32_t ring = i & 1 ? 3 : 1, vif = i & 2 ? GABI_IF : 0;

        gt_frame(ring, &f);
        f.eax = i;
        f.eflags |= i & 4 ? FLAG_CF | FLAG_DF : 0;
        uint32_t esp = f.esp, flags = f.eflags;

        memcpy(phys_ptr(f.eip), code, 4);
        EXPECT_EQ_AT(i, trap_run(&f, vif | (i & 8 ? 0x46 : 0)), GUEST_SYSCALL_VECTOR);
        /* QEMU cannot clear VIF and VIP again once a guest has set them by the
         * iret to virtual-8086 mode that it wrongly allows (group fl). */
        EXPECT_EQ_AT(i, f.eflags & ~(FLAG_VIF | FLAG_VIP), (flags & ~FLAG_IF) | vif);
        EXPECT_EQ_AT(i, trap_seen.irq_enabled & GABI_IF, 0);
        EXPECT_EQ_AT(i, f.esp, esp);
        EXPECT_EQ_AT(i, f.eax, i);
        EXPECT_EQ_AT(i, f.cs, ring == 3 ? USER_CS : GABI_KERNEL_CS);
    }
}

/* An interrupt that becomes due while the flag is off comes with the sti of the
 * iret, the latest at the next exit, and the word says so meanwhile. */
GT_CASE(pending_word, GT_BOTH)
{
    irq_unblock(GABI_IRQ_TIMER);
    for (uint32_t i = 0; i < 100; i++) {
        irq_disable();
        EXPECT_EQ(lg.irq_pending, 0);
        hcall1(GABI_HCALL_SET_CLOCKEVENT, 1000);
        gt_spin_ns(20000);
        for (uint32_t n = 0; n < 100000 && !lg.irq_pending; n++)
            hcall0(GABI_HCALL_FLUSH_ASYNC);
        EXPECT_EQ(lg.irq_pending, GABI_IF);
        EXPECT_EQ(irq_count[0], i);
        irq_restore_flags(0x46); /* still off */
        EXPECT_EQ(irq_count[0], i);
        irq_restore_flags(0x246);
        EXPECT_EQ(irq_count[0], i + 1);
        EXPECT_EQ(lg.irq_pending, 0);
    }
}

/* Blocked line: nothing pending in the word, nothing delivered; unblocked: at
 * the next exit (TM-07). */
GT_CASE(blocked_then_unblocked, GT_BOTH)
{
    for (uint32_t i = 0; i < 50; i++) {
        irq_block(GABI_IRQ_TIMER);
        hcall1(GABI_HCALL_SET_CLOCKEVENT, 1000);
        irq_enable();
        gt_spin_ns(20000);
        EXPECT_EQ(irq_count[0], i);
        irq_unblock(GABI_IRQ_TIMER);
        for (uint32_t n = 0; n < 100000 && irq_count[0] == i; n++)
            hcall0(GABI_HCALL_FLUSH_ASYNC);
        EXPECT_EQ(irq_count[0], i + 1);
        irq_disable();
    }
}

/* No gate: stays pending, nobody is killed (TM-08). */
GT_CASE(gate_absent, GT_2LEVEL)
{
    hcall3(GABI_HCALL_LOAD_IDT_ENTRY, GABI_IRQ_VECTOR, 0, 0);
    irq_unblock(GABI_IRQ_TIMER);
    hcall1(GABI_HCALL_SET_CLOCKEVENT, 1000);
    lg_irq_enabled = GABI_IF;
    gt_spin_ns(100000);
    EXPECT_EQ(irq_count[0], 0);
    trap_load_stub(GABI_IRQ_VECTOR, GATE_INTERRUPT, 0);
    for (uint32_t n = 0; n < 100000 && irq_count[0] == 0; n++)
        hcall0(GABI_HCALL_FLUSH_ASYNC);
    EXPECT_EQ(irq_count[0], 1);
}
