/* SPDX-License-Identifier: MIT */
/* Virtual interrupts (ABI 9.2, FL-12, TM-07, TM-08, TM-10): the decision against
 * the rules for every combination, then delivery with its side effects. */
#include "fake.h"
#include "hv/reflect.h"
#include "hv/sched.h"
#include "hv/vidt.h"
#include "hv/virq.h"
#include "hv/vtime.h"
#include "test.h"

#define IF 0x200u

static struct guest g;
static struct vcpu v;
static struct guest_regs regs;
static struct abi_row row;
static struct gabi_data_3_1 lgdata; /* what the guest shares */
static uint32_t injected[64], nr_injected, clock_writes, retries, wakes;

void reflect_plain(struct vcpu *who, uint32_t vector)
{
    EXPECT(who == &v);
    injected[nr_injected++ & 63] = vector;
    lgdata.head.irq_enabled = 0; /* as an interrupt gate does */
}

static void set_gates(uint32_t hi)
{
    for (uint32_t i = 0; i < 32; i++)
        g.vidt_hi[0x20 + i] = hi;
}

void vtime_write_wallclock(struct vcpu *who)
{
    (void)who;
    clock_writes++;
}

void vtime_expect_retry(struct vcpu *who)
{
    (void)who;
    retries++;
}

void sched_wake(struct vcpu *who)
{
    (void)who;
    wakes++;
}

static void start(void)
{
    memset(&g, 0, sizeof(g));
    memset(&v, 0, sizeof(v));
    memset(&lgdata, 0, sizeof(lgdata));
    g.vcpu = &v;
    v.guest = &g;
    v.regs = &regs;
    v.lgdata = &lgdata.head;
    g.abi = &row;
    row.irq_pending = offsetof(struct gabi_data_3_1, irq_pending);
    g.noirq_start = 0xc0001000;
    g.noirq_end = 0xc0001008;
    regs.cs = GABI_KERNEL_CS;
    regs.eip = 0xc0000000;
    set_gates(0x8e00);
    nr_injected = clock_writes = retries = wakes = 0;
}

TEST(nothing_before_init)
{
    start();
    g.abi = NULL;
    v.lgdata = &v.before_init;
    v.before_init.blocked_interrupts = 0xffffffffu;
    virq_raise(&g, 3);
    virq_deliver(&v);
    EXPECT_EQ(nr_injected, 0);
    EXPECT_EQ(v.irq_pending, 8);
    EXPECT_EQ(wakes, 1);
}

TEST(bad_lines_are_ignored)
{
    start();
    virq_raise(&g, 32);
    virq_raise(&g, 0xffffffffu);
    EXPECT_EQ(v.irq_pending, 0);
}

/* TM-10: all at once, lowest first, each once, one for each entry. */
TEST(all_lines_at_once)
{
    start();
    lgdata.head.blocked_interrupts = 0x00010100;
    for (uint32_t i = 32; i-- > 0;) {
        virq_raise(&g, i);
        virq_raise(&g, i);
    }
    for (uint32_t i = 0, n = 0; i < 32; i++) {
        if (lgdata.head.blocked_interrupts >> i & 1)
            continue;
        lgdata.head.irq_enabled = IF;
        virq_deliver(&v);
        EXPECT_EQ(nr_injected, ++n);
        EXPECT_EQ(injected[n - 1], 0x20 + i);
        EXPECT_EQ(lgdata.irq_pending, i < 31 ? IF : 0);
        EXPECT_EQ(clock_writes, n);
    }
    lgdata.head.irq_enabled = IF;
    virq_deliver(&v);
    EXPECT_EQ(nr_injected, 30);
    EXPECT_EQ(v.irq_pending, 0x00010100);
    lgdata.head.blocked_interrupts = 0; /* TM-07: without a word */
    virq_deliver(&v);
    EXPECT_EQ(injected[30], 0x28);
    EXPECT(v.todo & VCPU_TODO_VIRQ);
}

TEST(disabled_marks_the_word)
{
    start();
    virq_raise(&g, 5);
    lgdata.head.irq_enabled = ~IF;
    virq_deliver(&v);
    EXPECT_EQ(nr_injected, 0);
    EXPECT_EQ(lgdata.irq_pending, IF);
    EXPECT_EQ(v.irq_pending, 0x20);
    EXPECT(retries > 0);
    lgdata.head.irq_enabled = 0x246;
    virq_deliver(&v);
    EXPECT_EQ(nr_injected, 1);
    EXPECT_EQ(lgdata.irq_pending, 0);
    EXPECT_EQ(v.irq_pending, 0);
    EXPECT(!(v.todo & VCPU_TODO_VIRQ));
    /* The oldest layouts have no such word. */
    start();
    row.irq_pending = ABI_NO_FIELD;
    memset(&lgdata, 0x55, sizeof(lgdata));
    lgdata.head.irq_enabled = lgdata.head.blocked_interrupts = 0;
    virq_raise(&g, 5);
    virq_deliver(&v);
    lgdata.head.irq_enabled = IF;
    virq_deliver(&v);
    EXPECT_EQ(lgdata.irq_pending, 0x55555555);
}

/* What becomes of a line in every state of the guest; of the word only bit 9 counts
 * (AR-06). */
TEST(every_combination)
{
    static const uint32_t words[] = {0, IF, 0x46, 0x246, 0xffffffff, 0xfffffdff, 0x3200,
                                     0xfd00, 1};

    for (uint32_t n = 0; n < 32 * HV_ARRAY_SIZE(words); n++) {
        bool blocked = n & 1, halted = n & 2, window = n & 4, gate = n & 8, both = n & 16;
        bool open = words[n / 32] >> 9 & 1, goes_in;

        start();
        lgdata.head.irq_enabled = words[n / 32];
        lgdata.head.blocked_interrupts = blocked ? 0x20 : 0;
        v.todo = halted ? VCPU_TODO_HALTED : 0;
        regs.eip = window ? 0xc0001000 : 0xc0000000;
        set_gates(gate ? 0x8e00 : 0);
        virq_raise(&g, 5);
        if (both)
            virq_raise(&g, 9);
        goes_in = (!blocked || both) && !window && open && gate;
        virq_deliver(&v);
        EXPECT_EQ(nr_injected, goes_in);
        if (goes_in)
            EXPECT_EQ(injected[0], blocked ? 0x29 : 0x25);
        if (!goes_in)
            EXPECT_EQ(lgdata.irq_pending, (!blocked || both) && !window && !open ? IF : 0);
        EXPECT_EQ((v.todo & VCPU_TODO_HALTED) != 0, halted && !goes_in);
        EXPECT_EQ(v.irq_pending, (both ? 0x220u : 0x20u) &
                                     ~(goes_in ? blocked ? 0x200u : 0x20u : 0));
    }
}

/* ABI 4.3, S2, AR-07: only at ring 1, and never in the thunk. */
TEST(no_interrupt_window)
{
    static const uint32_t thunk[] = {0xffe02fff, 0xffe03000, 0xffe03fff, 0xffe04000};

    for (uint32_t eip = 0xc0000ffe; eip < 0xc000100b; eip++) {
        for (uint32_t ring = 1; ring < 4; ring += 2) {
            bool inside = eip >= 0xc0001000 && eip < 0xc0001008 && ring == 1;

            start();
            regs.eip = eip;
            regs.cs = 0x60 | ring;
            lgdata.head.irq_enabled = IF;
            virq_raise(&g, 0);
            virq_deliver(&v);
            EXPECT_EQ(nr_injected, inside ? 0 : 1);
            EXPECT_EQ(lgdata.irq_pending, 0);
            EXPECT_EQ(retries, inside ? 1 : 0);
        }
    }
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(thunk); i++) {
        start();
        regs.eip = thunk[i];
        lgdata.head.irq_enabled = IF;
        virq_raise(&g, 0);
        virq_deliver(&v);
        EXPECT_EQ(nr_injected, i == 1 || i == 2 ? 0 : 1);
        regs.cs = 0x73;
        virq_deliver(&v);
        EXPECT_EQ(nr_injected, 1);
    }
    /* Empty, reversed, the whole space. */
    start();
    g.noirq_start = 0xffffffff;
    g.noirq_end = 0;
    lgdata.head.irq_enabled = IF;
    virq_raise(&g, 0);
    virq_deliver(&v);
    EXPECT_EQ(nr_injected, 1);
}

/* HALT has set the flag. */
TEST(an_interrupt_ends_the_sleep)
{
    start();
    lgdata.head.irq_enabled = IF;
    v.todo = VCPU_TODO_HALTED;
    virq_deliver(&v);
    EXPECT(v.todo & VCPU_TODO_HALTED);
    virq_raise(&g, 2);
    lgdata.head.blocked_interrupts = 4;
    virq_deliver(&v);
    EXPECT((v.todo & VCPU_TODO_HALTED) && nr_injected == 0);
    lgdata.head.blocked_interrupts = 0;
    virq_deliver(&v);
    EXPECT(!(v.todo & VCPU_TODO_HALTED) && nr_injected == 1);
    EXPECT_EQ(injected[0], 0x22);
}

/* hlt with the virtual IF off. */
TEST(sleeps_for_good)
{
    start();
    v.todo |= VCPU_TODO_HALTED;
    virq_raise(&g, 2);
    virq_deliver(&v);
    EXPECT((v.todo & VCPU_TODO_HALTED) && nr_injected == 0);
}

/* TM-08: no gate: it waits, and the guest lives. */
TEST(no_gate)
{
    start();
    set_gates(0);
    lgdata.head.irq_enabled = IF;
    virq_raise(&g, 4);
    virq_deliver(&v);
    EXPECT(nr_injected == 0 && v.irq_pending == 0x10 && !guest_is_dead(&g));
    EXPECT_EQ(lgdata.head.irq_enabled, IF);
    set_gates(0x8e00);
    virq_deliver(&v);
    EXPECT_EQ(nr_injected, 1);
}

/* From any CPU: nothing that the owner writes meanwhile takes it away, and it comes once. */
TEST(what_others_post_is_the_owners_to_do)
{
    start();
    v.todo = VCPU_TODO_PIN;
    vcpu_post(&v, VCPU_TODO_RESCHED);
    EXPECT_EQ(v.todo, VCPU_TODO_PIN);
    v.todo = 0;
    EXPECT_EQ(vcpu_todo(&v), VCPU_TODO_RESCHED);
    v.todo &= ~VCPU_TODO_RESCHED;
    EXPECT_EQ(vcpu_todo(&v), 0);
}

/* FL-12: nothing lost, nothing twice, in any order of events. */
TEST(random_sequences)
{
    struct test_rng rng = {11};
    uint32_t raised = 0;

    start();
    lgdata.head.irq_enabled = IF;
    for (uint32_t n = 0; n < 200000; n++) {
        uint32_t what = test_random_below(&rng, 8), before = nr_injected;
        uint32_t line = test_random_below(&rng, 32), can;

        if (what < 2) {
            virq_raise(&g, line);
            raised |= 1u << line;
        }
        if (what == 2)
            lgdata.head.blocked_interrupts ^= 1u << line;
        if (what == 3)
            lgdata.head.irq_enabled ^= IF;
        if (what == 4)
            regs.eip = 0xc0001000 + test_random_below(&rng, 16);
        if (what == 5) { /* HALT */
            v.todo |= VCPU_TODO_HALTED;
            lgdata.head.irq_enabled = IF;
        }
        can = raised & ~lgdata.head.blocked_interrupts;
        if (lgdata.head.irq_enabled & IF)
            can = regs.eip < 0xc0001008 && regs.eip >= 0xc0001000 ? 0 : can;
        else
            can = 0;
        virq_deliver(&v);
        EXPECT_EQ(nr_injected - before, can != 0);
        if (can) {
            EXPECT_EQ(injected[before & 63], 0x20u + (uint32_t)__builtin_ctz(can));
            raised &= ~(can & -can);
            EXPECT(!(v.todo & VCPU_TODO_HALTED));
        }
        EXPECT_EQ(v.irq_pending, raised);
    }
}
