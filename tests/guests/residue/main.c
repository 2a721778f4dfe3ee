/* SPDX-License-Identifier: MIT */
/* What one guest leaves for the next: registers, the switcher's pages, memory,
 * the floating-point unit (S12, RS-08, FP-01, FP-02, IL-01).  The other guest
 * puts a word everywhere it can; this one looks for it. */

#include "gtest.h"
#include "guest/virtio.h"

#define MARK 0xfeedface
#define MARK_HI 0xfeed0000

/* ---- the other guest ---- */

static void fill_registers(void)
{
    struct trap_frame f;
    static const uint8_t code[] = {0x0f, 0x0b};
    uint64_t tls[3];

    for (uint32_t i = 0; i < 3; i++)
        tls[i] = desc_make(MARK, 0xfffff, DESC_DATA | DESC_DPL(3), DESC_FLAT_BITS);
    desc_load_tls(tls);
    trap_load_gate(0x80, MARK, GATE_TRAP, 3);
    trap_load_gate(VEC_OF, MARK, GATE_TRAP, 3);
    gt_frame(1, &f);
    f.edi = f.esi = f.ebp = f.ebx = f.edx = f.ecx = f.eax = MARK;
    for (uint32_t i = 0; i < 64; i++) {
        EXPECT_EQ(gt_run_bytes(1, code, 2, &f), VEC_UD);
        f.eip = addr_of(gt_kernel_code);
        for (uint32_t k = 0; k < GUEST_PAGE_BYTES; k += 4) {
            if (k < 0xf00) /* below what the CPU pushes */
                poke32(GT_WINDOW_REGS + k, MARK);
        }
    }
}

GT_CASE(marker, GT_2LEVEL | GT_HIDDEN, .expect = "runs")
{
    for (;;) {
        fill_registers();
        gt_sleep_ns(1000000);
    }
}

/* ---- this one ---- */

static void expect_unmarked(uint32_t from, uint32_t bytes, uint32_t not_here)
{
    for (uint32_t va = from; va < from + bytes; va += 4) {
        uint32_t w = peek32(va);

        if (w == MARK && va != not_here)
            FAIL("the other guest's word at %08x", va);
        if ((w & 0xffff0000) == MARK_HI && va != not_here)
            FAIL("half of the other guest's word at %08x", va);
    }
}

static void search_window(uint32_t rounds)
{
    for (uint32_t i = 0; i < rounds; i++) {
        expect_unmarked(GT_WINDOW_TEXT, 5 * GUEST_PAGE_BYTES, 0);
        for (uint32_t k = 6; k <= 8; k++)
            EXPECT(gt_desc_base(gt_real_gdt(k)) != MARK);
        if (i % 4 == 0)
            gt_sleep_ns(500000);
    }
}

GT_CASE(window_beside_marker, GT_2LEVEL, .with = "marker")
{
    search_window(400);
}

/* Registers that come out of a sleep are the ones that went in. */
GT_CASE(regs_beside_marker, GT_BOTH, .with = "marker")
{
    irq_unblock(GABI_IRQ_TIMER);
    for (uint32_t i = 0; i < 300; i++) {
        uint32_t a = GABI_HCALL_HALT, b = 1, c = 2, d = 3, s = 4, t = 5;

        irq_disable();
        hcall1(GABI_HCALL_SET_CLOCKEVENT, 200000);
        __asm__ volatile("int $0x1f"
                         : "+a"(a), "+b"(b), "+c"(c), "+d"(d), "+S"(s), "+D"(t)
                         : : "memory");
        EXPECT(a == GABI_HCALL_HALT && b == 1 && c == 2 && d == 3 && s == 4 && t == 5);
    }
}

/* First thing in life: nothing of anybody in the window, no descriptor that is
 * not ours. */
static void be_marked(void)
{
    fill_registers();
}

GT_CASE(mark_and_go, GT_2LEVEL | GT_HIDDEN)
{
    be_marked();
    for (uint32_t pa = page_free_count(); pa > 8; pa--) {
        uint32_t p = page_alloc();

        for (uint32_t k = 0; k < GUEST_PAGE_BYTES; k += 4)
            poke32(p + k, MARK);
    }
    __asm__ volatile("fninit; fld1; fldpi; fldl2e; fldz; fld1; fldpi; fldl2e");
}

GT_CASE(window_after_marker, GT_RAW | GT_2LEVEL | GT_BEFORE, .with = "mark_and_go")
{
    expect_unmarked(GT_WINDOW_REGS, GUEST_PAGE_BYTES, 0);
    expect_unmarked(GT_WINDOW_STATE, GUEST_PAGE_BYTES, 0);
    expect_unmarked(GT_WINDOW_THUNK, GUEST_PAGE_BYTES, 0);
    for (uint32_t i = 1; i < GABI_GDT_ENTRIES; i++) {
        if (i != 10 && i != 11 && i != 12 && i != 13 && i != 16 && i != 31)
            EXPECT_EQ_AT(i, gt_real_gdt(i), 0);
    }
    guest_setup(false);
}

/* RS-08: all memory that is not the image is zero. */
GT_CASE(memory_after_marker, GT_RAW | GT_2LEVEL | GT_BEFORE, .with = "mark_and_go")
{
    extern char boot_stack[];
    uint32_t first = (addr_of(guest_image_end) + GUEST_PAGE_MASK) & ~GUEST_PAGE_MASK;

    for (uint32_t pa = 0x2000; pa < 0x100000; pa += 4)
        EXPECT_EQ_AT(pa, peek32(pa), 0);
    for (uint32_t pa = first; pa < guest.mem_bytes; pa += 4)
        EXPECT_EQ_AT(pa, peek32(pa), 0);
    for (uint32_t pa = addr_of(gt_kernel_stack); pa < addr_of(gt_kernel_stack) + 4096; pa += 4)
        EXPECT_EQ_AT(pa, peek32(pa), 0);
    (void)boot_stack;
    guest_setup(false);
}

/* RS-08, page by page: the first access writes one word, and the others are zero. The
 * guest before had this memory full of its mark. */
#define UNTOUCHED_PAGES 96u

static uint32_t untouched_page(uint32_t n)
{
    return ((guest.mem_bytes - 0x20000) & ~GUEST_PAGE_MASK) - n * GUEST_PAGE_BYTES;
}

static void expect_zero_but(uint32_t pa, uint32_t from, uint32_t bytes)
{
    for (uint32_t k = 0; k < GUEST_PAGE_BYTES; k += 4) {
        if (k < from || k >= from + bytes)
            EXPECT_EQ_AT(pa + k, peek32(pa + k), 0);
    }
}

GT_CASE(write_after_marker, GT_BOTH | GT_BEFORE, .with = "mark_and_go")
{
    for (uint32_t n = 0; n < UNTOUCHED_PAGES; n++) {
        uint32_t pa = untouched_page(n), at = n * 68 % GUEST_PAGE_BYTES & ~3u;

        poke32(pa + at, ~MARK);
        expect_zero_but(pa, at, 4);
        EXPECT_EQ_AT(n, peek32(pa + at), ~MARK);
    }
}

/* The same by a device, over the edge of two pages; and by the monitor, which reads a
 * string from a page that it is the first to touch. */
GT_CASE(device_after_marker, GT_BOTH | GT_BEFORE, .with = "mark_and_go")
{
    static struct vdevice rng;
    uint32_t pa = untouched_page(1), at = pa + GUEST_PAGE_BYTES - 8;
    struct vq_buffer b = {at, 16, true};

    EXPECT(bus_find(GABI_DEV_RNG, 0, &rng));
    bus_start(&rng);
    vq_add(&rng.vq[0], &b, 1);
    vq_kick(&rng.vq[0]);
    EXPECT(vq_wait(&rng.vq[0], NULL));
    expect_zero_but(pa, GUEST_PAGE_BYTES - 8, 8);
    expect_zero_but(pa + GUEST_PAGE_BYTES, 0, 8);
    lguest_call(GABI_HCALL_NOTIFY, untouched_page(3), 0, 0, 0); /* early console text */
    expect_zero_but(untouched_page(3), 0, 0);
}

/* ---- the floating-point unit ---- */

struct fxsave {
    uint32_t word[128];
} __attribute__((aligned(16)));

static void fxsave(struct fxsave *s)
{
    __asm__ volatile("fxsave %0" : "=m"(*s));
}

static bool has_sse(void)
{
    uint32_t a = 1, b, c, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
    return d >> 25 & 1;
}

/* FP-02: the state that a new guest finds. */
GT_CASE(fpu_after_marker, GT_2LEVEL | GT_BEFORE, .with = "mark_and_go")
{
    static struct fxsave s;

    memset(&s, 0x5a, sizeof(s));
    fxsave(&s);
    EXPECT_EQ(s.word[0] & 0xffff, 0x37f); /* FCW */
    EXPECT_EQ(s.word[0] >> 16, 0);        /* FSW */
    EXPECT_EQ(s.word[1] & 0xff, 0);       /* FTW: empty */
    for (uint32_t i = 8; i < 40; i++) {
        if (i % 4 < 2) /* the rest of the 16 bytes is reserved */
            EXPECT_EQ_AT(i, s.word[i], 0);
    }
    if (!has_sse())
        return;
    EXPECT_EQ(s.word[6], 0x1f80); /* MXCSR */
    for (uint32_t i = 40; i < 72; i++)
        EXPECT_EQ_AT(i, s.word[i], 0);
}

/* FP-01: two guests, each with its own pattern in every register. */
static void make_pattern(struct fxsave *s, uint32_t tag)
{
    fxsave(s);
    s->word[0] = 0x37f;
    s->word[1] = 0xff; /* all in use */
    for (uint32_t i = 0; i < 8; i++) {
        s->word[8 + 4 * i] = tag * 0x01010101 + i;
        s->word[9 + 4 * i] = 0x80000000 | tag;
        s->word[10 + 4 * i] = 0x3fff;
    }
    if (has_sse()) {
        for (uint32_t i = 40; i < 72; i++)
            s->word[i] = tag * 0x11111111 + i;
    }
}

static void fpu_loop(uint32_t tag, uint32_t rounds)
{
    static struct fxsave want, now;

    make_pattern(&want, tag);
    __asm__ volatile("fxrstor %0" : : "m"(want));
    for (uint32_t i = 0; rounds == 0 || i < rounds; i++) {
        fxsave(&now);
        for (uint32_t k = 8; k < (has_sse() ? 72u : 40u); k++) {
            if ((k < 40 && k % 4 == 3) == false)
                EXPECT_EQ_AT(k, now.word[k], want.word[k]);
        }
        EXPECT_EQ(now.word[0] & 0xffff, want.word[0] & 0xffff);
        if (i % 64 == 0)
            gt_sleep_ns(100000);
    }
}

GT_CASE(fpu_peer, GT_2LEVEL | GT_HIDDEN, .expect = "runs")
{
    fpu_loop(9, 0);
}

GT_CASE(fpu_two_guests, GT_2LEVEL, .with = "fpu_peer")
{
    fpu_loop(5, 20000);
}

/* FP-03: TS as the guest asked for it, at both rings. */
GT_CASE(fpu_ts_protocol, GT_BOTH)
{
    static const uint8_t fnop[] = {0xd9, 0xd0, 0x0f, 0x0b};
    static const uint8_t wait[] = {0x9b, 0x0f, 0x0b};
    static const uint8_t movaps[] = {0x0f, 0x28, 0xc1, 0x0f, 0x0b};
    struct trap_frame f;

    for (uint32_t i = 0; i < 60; i++) {
        uint32_t ring = i & 1 ? 3 : 1, ts = i / 2 % 3, v; /* 0, 1, 8 */

        lguest_call_lazy(GABI_HCALL_TS, ts == 2 ? 8 : ts, 0, 0, 0);
        lguest_call(GABI_HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
        gt_frame(ring, &f);
        if (i % 3 == 2)
            v = gt_run_bytes(ring, wait, sizeof(wait), &f);
        else if (i % 3 == 1 && has_sse())
            v = gt_run_bytes(ring, movaps, sizeof(movaps), &f);
        else
            v = gt_run_bytes(ring, fnop, sizeof(fnop), &f);
        if (i % 3 == 2)
            EXPECT(v == (ts ? VEC_NM : VEC_UD) || v == VEC_UD); /* wait: MP decides */
        else
            EXPECT_EQ_AT(i, v, ts ? VEC_NM : VEC_UD);
    }
}
