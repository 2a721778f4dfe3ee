/* SPDX-License-Identifier: MIT */
/* TM-04 and property P5: what takes the monitor long has preemption points in it.
 * Beside each case ticks a guest whose timer is due every 20 microseconds; by how
 * much the hardware's interrupt came late is how long interrupts were off, which
 * the suite prints and tools/run-suite judges. TM-10: lines raised together. */

#include "gtest.h"
#include "guest/virtio.h"

GT_CASE(ticking_peer, GT_2LEVEL | GT_HIDDEN, .expect = "runs")
{
    irq_unblock(GABI_IRQ_TIMER);
    for (;;) {
        hcall1(GABI_HCALL_SET_CLOCKEVENT, 20000);
        irq_halt();
        irq_disable();
    }
}

#define BESIDE_TICKS .with = "ticking_peer"

/* Spins until the peer's timer is nearly due, for what INIT does only once per guest:
 * an interrupt that comes just after it began waits longest. Jumps of the time stamp
 * say when the peer had its turn (long) and how much later its timer fired (short);
 * the same time after its next turn is not waited for to the end. Early is more than
 * what comes before INIT's long part, and less than the time after a turn. */
static void wait_for_tick(void)
{
    const uint32_t turn = 3000, interrupt = 200, early = 6000;
    uint32_t last = (uint32_t)__builtin_ia32_rdtsc(), since_turn = 0, tick = 0;
    bool after_turn = false;

    for (uint32_t i = 0; i < 10000000; i++) { /* peers may be slow on a real CPU */
        uint32_t now = (uint32_t)__builtin_ia32_rdtsc(), gone = now - last;

        last = now;
        since_turn += gone;
        if (gone > turn) {
            since_turn = 0;
            after_turn = true;
        } else if (after_turn && !tick && gone > interrupt) {
            tick = since_turn - gone;
            after_turn = false;
        } else if (after_turn && tick && since_turn + early > tick) {
            return;
        }
    }
}

/* INIT takes the tables of linear mode apart, which has mapped all of memory by
 * then; so does the first page table. */
GT_CASE(init_beside_ticks, GT_RAW | GT_BOTH, BESIDE_TICKS)
{
    for (uint32_t pa = 0x100000; pa < guest.mem_bytes; pa += GUEST_PAGE_BYTES)
        (void)*(volatile uint32_t *)phys_ptr(pa);
    wait_for_tick();
    guest_init(&lguest_rows[GABI_ROW_3_1]);
    for (uint32_t pa = 0x100000; pa < guest.mem_bytes; pa += GUEST_PAGE_BYTES)
        (void)*(volatile uint32_t *)phys_ptr(pa);
    gt_setup_rest();
}

/* 64 entries in the ring and one directly, each for another table. */
GT_CASE(set_pte_burst, GT_BOTH, BESIDE_TICKS)
{
    uint32_t pa = page_alloc(), span = pt_dir_span();

    for (uint32_t i = 0; i < 10000; i++) {
        uint32_t va = 0x40000000 + i % 64 * span + i % 256 * GUEST_PAGE_BYTES;

        pt_write(pt_root, va, i & 0x1000 ? 0 : pa | PTE_USER);
        if (!(i & 0x1000))
            (void)peek32(va);
        lguest_call_lazy(GABI_HCALL_SET_PTE, pt_root, va, i & 0x1000 ? 0 : pa | PTE_USER, 0);
    }
}

/* Four roots, each full of present entries that all changed since the last look:
 * nothing of a flush is saved. */
static void full_roots(uint32_t how)
{
    uint32_t roots[4], page[2] = {page_alloc(), page_alloc()}, base = 0x40000000;
    uint32_t pages = 8 * (pt_dir_span() / GUEST_PAGE_BYTES);

    for (uint32_t r = 0; r < 4; r++)
        roots[r] = r ? pt_new_root() : pt_root;
    for (uint32_t round = 0; round < 2; round++) {
        for (uint32_t r = 0; r < 4; r++) {
            pt_switch(roots[r]);
            for (uint32_t i = 0; i < pages; i++)
                pt_write(roots[r], base + i * GUEST_PAGE_BYTES, page[round & 1] | PTE_USER);
            if (how == 0)
                pt_flush(FLUSH_ALL);
            else
                pt_flush(FLUSH_USER);
            for (uint32_t i = 0; i < pages; i += 8)
                (void)peek32(base + i * GUEST_PAGE_BYTES);
        }
        for (uint32_t i = 0; i < 10; i++)
            pt_flush(how == 0 ? FLUSH_ALL : FLUSH_USER);
    }
}

GT_ROW(flush_all_storm, full_roots, GT_BOTH, .arg = 0, BESIDE_TICKS)
GT_ROW(flush_user_storm, full_roots, GT_BOTH, .arg = 1, BESIDE_TICKS)

/* More roots than are kept, each with tables of its own, so that every switch
 * takes one apart. */
GT_CASE(new_pgtable_storm, GT_BOTH, BESIDE_TICKS)
{
    uint32_t roots[7], page = page_alloc();

    for (uint32_t r = 0; r < ARRAY_COUNT(roots); r++) {
        roots[r] = r ? pt_new_root() : pt_root;
        for (uint32_t i = 0; i < 1024; i++)
            pt_write(roots[r], 0x40000000 + i * GUEST_PAGE_BYTES, page | PTE_USER);
    }
    for (uint32_t n = 0; n < 300; n++) {
        pt_switch(roots[n % ARRAY_COUNT(roots)]);
        for (uint32_t i = 0; i < 1024; i += 8)
            (void)peek32(0x40000000 + i * GUEST_PAGE_BYTES);
    }
}

/* String I/O without an end, and kicks of a queue that is full. */
GT_CASE(string_io_beside_ticks, GT_2LEVEL, BESIDE_TICKS)
{
    for (uint32_t i = 0; i < 20; i++) {
        uint32_t c = 100000, s = 0x100000;

        __asm__ volatile("rep outsb" : "+c"(c), "+S"(s) : "d"(0x80));
    }
}

/* String input into a page table, mapped twice: each element is a write that has to be
 * found and noted. */
GT_CASE(string_io_into_table, GT_BOTH)
{
    uint32_t page = page_alloc(), va = 0x40000000, alias = 0x60000000, table;

    pt_write(pt_root, va, page | PTE_USER);
    (void)peek32(va);
    table = pt_table(pt_root, va);
    pt_set(pt_root, alias, table | PTE_KERNEL);
    for (uint32_t i = 0; i < 60; i++) {
        uint32_t c = 256, d = alias + 0x800;

        hcall1(GABI_HCALL_SET_CLOCKEVENT, 20000);
        gt_spin_ns(18000 + gt_random() % 16 * 500);
        __asm__ volatile("cld; rep insb" : "+c"(c), "+D"(d) : "d"(0x80) : "memory");
    }
    EXPECT_EQ(peek32(alias + 0x8fc), 0xffffffff);
}

GT_CASE(console_kicks_beside_ticks, GT_2LEVEL, BESIDE_TICKS)
{
    static const char line[] = "0123456789abcdef0123456789abcdef0123456789abcde\n";

    if (!console_init())
        SKIP("no console");
    for (uint32_t i = 0; i < 40; i++)
        console_write(line, sizeof(line) - 1);
}

/* ---- TM-10 ---- */

static uint32_t order[GABI_IRQ_LINES], delivered;

static void note_line(struct trap_frame *f)
{
    if (delivered < ARRAY_COUNT(order))
        order[delivered++] = f->vector - GABI_IRQ_VECTOR;
}

/* Raises the interrupt of the entropy device: one used buffer. */
static void raise_rng(struct vdevice *d)
{
    static uint8_t bytes[16];
    struct vq_buffer b = {addr_of(bytes), sizeof(bytes), true};

    vq_add(&d->vq[0], &b, 1);
    vq_kick(&d->vq[0]);
}

static void raise_block(struct vdevice *d)
{
    static struct gabi_blk_req req;
    static uint8_t data[512], status;
    struct vq_buffer b[3] = {{addr_of(&req), sizeof(req), false},
                             {addr_of(data), sizeof(data), true},
                             {addr_of(&status), 1, true}};

    req.type = GABI_BLK_READ;
    vq_add(&d->vq[0], b, 3);
    vq_kick(&d->vq[0]);
}

static void raise_output(struct vdevice *d)
{
    static const char text[] = "a line\n";
    struct vq_buffer b = {addr_of(text), sizeof(text) - 1, false};

    vq_add(&d->vq[1], &b, 1);
    vq_kick(&d->vq[1]);
}

static struct vdevice line_con, line_blk, line_rng;

/* Lowest first and each once. Output used up wakes a guest that sleeps, not one that
 * goes on: its line need not come. */
static bool lines_are_good(void)
{
    uint32_t must = 1u << GABI_IRQ_TIMER | 1u << line_blk.vq[0].irq |
                    1u << line_rng.vq[0].irq;
    uint32_t lines = must | 1u << line_con.vq[1].irq;

    for (uint32_t i = 0; i < delivered; i++) {
        if (!(lines & 1u << order[i]) || (i && order[i] <= order[i - 1]))
            return false;
        lines &= ~(1u << order[i]);
    }
    return !(lines & must);
}

/* Raises all lines while they are blocked, waits, and lets them come. */
static bool lines_round(uint32_t wait_ns)
{
    irq_disable();
    delivered = 0;
    lg_blocked = 0xffffffff;
    hcall1(GABI_HCALL_SET_CLOCKEVENT, 20000);
    raise_output(&line_con);
    raise_block(&line_blk);
    raise_rng(&line_rng);
    gt_spin_ns(wait_ns);
    EXPECT(vq_wait(&line_con.vq[1], NULL));
    EXPECT(vq_wait(&line_blk.vq[0], NULL));
    EXPECT(vq_wait(&line_rng.vq[0], NULL));
    EXPECT_EQ(delivered, 0);
    EXPECT_EQ(lg.irq_pending, 0); /* blocked ones do not count */
    lg_blocked = 0;
    irq_enable();
    for (uint32_t i = 0; i < 20; i++)
        hcall0(GABI_HCALL_FLUSH_ASYNC);
    irq_disable();
    return lines_are_good();
}

/* All lines that this guest has, raised together while all are blocked: lowest
 * first, each once. A machine's timer may be late, but not for so long. */
GT_CASE(lines_in_order, GT_BOTH | GT_DISK)
{
    static const uint32_t wait_ns[] = {200000, 20000000, 500000000};

    EXPECT(bus_find(GABI_DEV_CONSOLE, 0, &line_con));
    EXPECT(bus_find(GABI_DEV_BLOCK, 0, &line_blk));
    EXPECT(bus_find(GABI_DEV_RNG, 0, &line_rng));
    bus_start(&line_con);
    bus_start(&line_blk);
    bus_start(&line_rng);
    for (uint32_t i = 0; i < GABI_IRQ_LINES; i++)
        trap_set_handler(GABI_IRQ_VECTOR + i, note_line);
    for (uint32_t round = 0; round < 20; round++) {
        bool good = false;

        for (uint32_t i = 0; !good && i < ARRAY_COUNT(wait_ns); i++) {
            irq_enable();
            gt_spin_ns(i ? wait_ns[i] : 0); /* what was late comes now */
            good = lines_round(wait_ns[i]);
        }
        EXPECT(good);
    }
}
