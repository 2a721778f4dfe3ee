/* SPDX-License-Identifier: MIT */
/* RS-02 to RS-04: neighbours that take what they can get, and ends at awkward
 * moments.  Whatever a guest was doing when it died, everything of it is freed and
 * nothing of it fires later: that is what the suite looks at after each case. */

#include "gtest.h"
#include "guest/virtio.h"

#define KILLED(text) .expect = "killed: " text

/* ---- RS-02, RS-03: the neighbour's patience ---- */

/* Time may be that of a busy host, which stops all guests at once for as long as it
 * likes. So a nap that was late is told and taken again; a neighbour that is given
 * too much makes every one late. Where time is exact, tools/run-suite counts each
 * that was told as a failure. */
#define NAP_TRIES 20u

static void nap(void)
{
    uint64_t start, ticks = 0;

    for (uint32_t i = 0; i < NAP_TRIES; i++) {
        start = rdtsc();
        gt_sleep_ns(2000000);
        ticks = rdtsc() - start;
        if (ticks <= (uint64_t)lg.tsc_khz * 32)
            return;
        print("late: a nap took %llx ticks of %x kHz\n", ticks, lg.tsc_khz);
    }
    FAIL("%x naps in a row were late, the last took %llx ticks of %x kHz", NAP_TRIES,
         ticks, lg.tsc_khz);
}

/* Naps of 2 ms with a look at memory in between: none is late by more
 * than three slices of the scheduler (10 ms each), nothing has changed. */
static void naps(uint32_t n)
{
    uint32_t page = page_alloc();

    if (!lg.tsc_khz)
        SKIP("the TSC is not usable here");
    for (uint32_t k = 0; k < GUEST_PAGE_BYTES; k += 4)
        poke32(page + k, k * 2654435761u);
    for (uint32_t i = 0; i < n; i++) {
        nap();
        for (uint32_t k = 0; k < GUEST_PAGE_BYTES; k += 256)
            EXPECT_EQ_AT(k, peek32(page + k), k * 2654435761u);
    }
}

/* Text without an end, by NOTIFY and by the queue. */
GT_CASE(console_flood, GT_2LEVEL | GT_HIDDEN, .expect = "runs")
{
    static const char line[] = "ok 1 forged, and again and again and again and again\n";
    bool up = console_init();

    for (;;) {
        hcall1(GABI_HCALL_NOTIFY, addr_of(line));
        if (up)
            console_write(line, sizeof(line) - 1);
    }
}

GT_CASE(beside_console_flood, GT_2LEVEL, .with = "console_flood")
{
    naps(10);
}

/* Lines that look like the monitor's, and the control characters of both halves, by
 * both ways: what reads the report must not believe them, and none may reach a
 * terminal (both judged by tools/run-suite). */
GT_CASE(console_forged, GT_2LEVEL)
{
    static const char text[] =
        "(RS) PANIC: forged\n(RS) suite done rc=1\nKTAP version 2\n1..99999\n"
        "not ok 1 forged\n# totals: pass:0 fail:9 skip:0\nfailed: forged\n"
        "\x9b" "2J\xc2\x9b" "2J\x85not ok 1 forged\xc2\x85\033[2J\r(RS) PANIC: forged\n"
        "\xe2\x80\xa8not ok 1 forged\xe2\x80\xa9\n";

    hcall1(GABI_HCALL_NOTIFY, addr_of(text));
    EXPECT(console_init());
    console_write(text, sizeof(text) - 1);
}

/* More tables than its pool holds, in five roots, all the time. */
GT_CASE(table_hog, GT_2LEVEL | GT_HIDDEN, .expect = "runs")
{
    uint32_t roots[5], table = page_alloc(), page = page_alloc();

    for (uint32_t i = 0; i < 1024; i++)
        poke32(table + i * 4, page | PTE_KERNEL);
    for (uint32_t r = 0; r < 5; r++)
        roots[r] = r ? pt_new_root() : pt_root;
    for (uint32_t n = 0;; n++) {
        uint32_t va = 0x40000000 + n % 256 * 0x400000;

        pt_write_dir(roots[n / 256 % 5], va, table | PTE_TABLE);
        if (n % 256 == 0)
            pt_switch(roots[n / 256 % 5]);
        (void)peek32(va);
    }
}

GT_CASE(beside_table_hog, GT_2LEVEL, .with = "table_hog")
{
    naps(10);
}

/* Full queues, kicked for ever. */
GT_CASE(queue_hog, GT_2LEVEL | GT_HIDDEN | GT_DISK, .expect = "runs")
{
    static struct vdevice rng;
    static uint8_t buffer[4096];
    struct vq_buffer b = {addr_of(buffer), sizeof(buffer), true};

    EXPECT(bus_find(GABI_DEV_RNG, 0, &rng));
    bus_start(&rng);
    for (;;) {
        for (uint32_t i = 0; i < 64; i++)
            vq_add(&rng.vq[0], &b, 1);
        vq_kick(&rng.vq[0]);
        for (uint32_t i = 0; i < 64 && vq_wait(&rng.vq[0], NULL); i++)
            ;
    }
}

GT_CASE(beside_queue_hog, GT_2LEVEL, .with = "queue_hog")
{
    naps(10);
}

/* Timers of the smallest distance and faults without an end. */
static void skip_load(struct trap_frame *f)
{
    f->eip += 2;
}

GT_CASE(exit_hog, GT_2LEVEL | GT_HIDDEN, .expect = "runs")
{
    trap_set_handler(VEC_PF, skip_load);
    irq_unblock(GABI_IRQ_TIMER);
    lg_irq_enabled = GABI_IF;
    for (;;) {
        hcall1(GABI_HCALL_SET_CLOCKEVENT, 100);
        __asm__ volatile(".byte 0x8b, 0x03" : : "b"(0x66660000) : "eax"); /* a load */
    }
}

GT_CASE(beside_exit_hog, GT_2LEVEL, .with = "exit_hog")
{
    naps(3);
}

/* ---- RS-04: fifty places to die ---- */

static struct vdevice dev;

static void die(void)
{
    hcall1(GABI_HCALL_NOTIFY, 0xfffffff0);
    FAIL("still here");
}

static void die_in_handler(struct trap_frame *f)
{
    (void)f;
    die();
}

static void request(uint8_t type, uint32_t n, bool writes)
{
    static uint8_t buffer[512];
    struct vq_buffer b = {addr_of(buffer), sizeof(buffer), writes};

    if (!bus_find(type, 0, &dev))
        return;
    bus_start(&dev);
    vq_add(&dev.vq[n], &b, 1);
    vq_kick(&dev.vq[n]);
}

/* In the ring, with work before and behind; how: which slot. */
static void in_ring(uint32_t how)
{
    for (uint32_t i = 0; i < 64; i++) {
        if (i == how * 15)
            lguest_call_lazy(GABI_HCALL_NOTIFY, 0xfffffff0, 0, 0, 0);
        else
            lguest_call_lazy(GABI_HCALL_SET_PTE, pt_root, 0x40000000 + i * 4096, 0, 0);
    }
    hcall0(GABI_HCALL_FLUSH_ASYNC);
}

static void timer_armed(uint32_t how)
{
    static const uint32_t ns[] = {1, 20000, 1000000, 500000000, 0xffffffff};

    irq_unblock(GABI_IRQ_TIMER);
    hcall1(GABI_HCALL_SET_CLOCKEVENT, ns[how]);
}

static void in_interrupt(uint32_t how)
{
    trap_set_handler(GABI_IRQ_VECTOR, die_in_handler);
    irq_unblock(GABI_IRQ_TIMER);
    hcall1(GABI_HCALL_SET_CLOCKEVENT, 20000 + how * 1000);
    for (;;)
        irq_halt();
}

static void in_fault_of_user(uint32_t how)
{
    static const uint8_t codes[][3] = {{0x0f, 0x0b}, {0xcc}, {0x8b, 0x03}, {0xf7, 0xf1}, {0xfa}};
    static const uint32_t vectors[] = {VEC_UD, VEC_BP, VEC_PF, VEC_DE, VEC_GP};
    struct trap_frame f;

    trap_set_handler(vectors[how], die_in_handler);
    gt_frame(3, &f);
    memcpy(phys_ptr(f.eip), codes[how], 3);
    __asm__ volatile("pushl %%eax; pushl %%edx; pushl $0x202; pushl %%esi; pushl %%edi;"
                     "movw %%ax, %%ds; xorl %%ecx, %%ecx; iretl" /* DS of ring 1 ends there */
                     : : "a"(f.ss), "d"(f.esp), "S"(f.cs), "D"(f.eip), "b"(0x66660000));
}

static void fpu_owner(uint32_t how)
{
    uint32_t cw = how & 1 ? 0x37b : 0x37f;

    __asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp" : : "m"(cw));
    hcall1(GABI_HCALL_TS, how >> 1);
}

static void many_tables(uint32_t how)
{
    uint32_t table = page_alloc(), page = page_alloc(), roots = 1 + how;

    for (uint32_t i = 0; i < 512; i++)
        poke32(table + i * (pt_pae ? 8 : 4), page | PTE_KERNEL);
    for (uint32_t r = 0; r < roots; r++) {
        uint32_t root = r ? pt_new_root() : pt_root;

        for (uint32_t i = 0; i < 300; i++)
            pt_write_dir(root, 0x40000000 + i % 256 * pt_dir_span(), table | PTE_TABLE);
        pt_switch(root);
        for (uint32_t i = 0; i < 256; i++)
            (void)peek32(0x40000000 + i * pt_dir_span());
    }
}

static void request_in_flight(uint32_t how)
{
    static const uint8_t types[] = {GABI_DEV_CONSOLE, GABI_DEV_CONSOLE, GABI_DEV_RNG,
                                    GABI_DEV_NET, GABI_DEV_BLOCK};

    request(types[how], how == 1 || how == 3, how == 0 || how == 2);
}

static void irq_pending(uint32_t how)
{
    lg_blocked = how & 1 ? 0xffffffff : 0;
    lg_irq_enabled = 0;
    hcall1(GABI_HCALL_SET_CLOCKEVENT, 1000);
    gt_spin_ns(100000);
    if (how & 2)
        lg_irq_enabled = GABI_IF;
    if (how & 4)
        hcall0(GABI_HCALL_SEND_INTERRUPTS);
}

static void odd_state(uint32_t how)
{
    switch (how) {
    case 0: /* no gates left but its own death */
        for (uint32_t v = 0; v < 256; v++)
            hcall3(GABI_HCALL_LOAD_IDT_ENTRY, v, 0, 0);
        break;
    case 1: /* a descriptor for everything */
        for (uint32_t i = 1; i < 32; i += i == 11 ? 3 : 1) /* not 12 and 13 */
            desc_load(i, desc_make(0xffe00000, 0xfffff, 0xf2, 0xc));
        break;
    case 2: /* a stack that is about to go */
        pt_set(pt_root, 0xd0000000, page_alloc() | PTE_KERNEL);
        hcall3(GABI_HCALL_SET_STACK, GABI_KERNEL_DS, 0xd0001000, 1);
        lguest_call_lazy(GABI_HCALL_SET_PTE, pt_root, 0xd0000000, 0, 0);
        break;
    case 3: /* half of a string instruction */
        __asm__ volatile("rep outsb" : : "c"(1000), "S"(0x100000), "d"(0x80) : "memory");
        break;
    default: /* its own page tables overwritten, not yet announced */
        for (uint32_t va = 0x40000000; va < 0x40040000; va += GUEST_PAGE_BYTES)
            pt_write(pt_root, va, page_alloc() & gt_random());
        break;
    }
}

static void (*const places[])(uint32_t how) = {
    in_ring, timer_armed, in_interrupt, in_fault_of_user, fpu_owner, many_tables,
    request_in_flight, irq_pending, odd_state,
};

static void killed_at(uint32_t n)
{
    places[n / 5](n % 5);
    die();
}

#define AT(n) GT_ROW(killed_at_##n, killed_at, GT_BOTH | GT_DISK, .arg = n, KILLED(""))
#define FIVE(a, b, c, d, e) AT(a) AT(b) AT(c) AT(d) AT(e)
FIVE(0, 1, 2, 3, 4)
FIVE(5, 6, 7, 8, 9)
FIVE(10, 11, 12, 13, 14)
FIVE(15, 16, 17, 18, 19)
FIVE(20, 21, 22, 23, 24)
FIVE(25, 26, 27, 28, 29)
FIVE(30, 31, 32, 33, 34)
FIVE(35, 36, 37, 38, 39)
FIVE(40, 41, 42, 43, 44)

/* Before INIT, and in linear mode; halted, when the suite ends it from outside. */
static void killed_early(uint32_t how)
{
    if (how)
        hcall1(GABI_HCALL_SET_CLOCKEVENT, 1000000);
    die();
}

GT_ROW(killed_before_init, killed_early, GT_RAW | GT_2LEVEL, .arg = 0, KILLED(""))
GT_ROW(killed_in_linear_mode, killed_early, GT_LINEAR | GT_2LEVEL, .arg = 1, KILLED(""))

static void killed_outside(uint32_t how)
{
    timer_armed(how);
    request_in_flight(how);
    hcall1(GABI_HCALL_TS, 1);
    while (how == 3)
        irq_halt();
    irq_disable();
    lg_blocked = 0xffffffff;
    hcall0(GABI_HCALL_HALT);
}

GT_ROW(ended_while_halted, killed_outside, GT_BOTH | GT_DISK, .arg = 4, .expect = "runs")
GT_ROW(ended_while_ticking, killed_outside, GT_BOTH | GT_DISK, .arg = 3, .expect = "runs")
