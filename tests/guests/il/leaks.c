/* SPDX-License-Identifier: MIT */
/* What a guest can learn (IL-01 to IL-05): of the monitor's pages only what the
 * interface documents, in registers nothing at all, in cr2 its own addresses.
 * Every word of the read-only page is explained here, or must be zero. */

#include "gtest.h"

#define REGS_FRAME_BYTES 256u /* the CPU's and the stubs' pushes: far less */
#define STATE_HOST_CR3 (GT_WINDOW_STATE + 0x970)
#define WINDOW_END 0xffe07000u

static bool in_window(uint32_t a)
{
    return a >= GT_WINDOW_TEXT && a < WINDOW_END;
}

/* A gate leads to the switcher's text, or directly to this guest's own handler by
 * way of its thunk or its stub. */
static void check_gate(uint32_t v)
{
    uint64_t g = gt_real_idt(v);
    uint32_t to = (uint32_t)(g & 0xffff) | (uint32_t)(g >> 48) << 16;
    uint32_t sel = (uint32_t)(g >> 16) & 0xffff;

    if (sel == GABI_KERNEL_CS)
        EXPECT(to == trap_stub(v) || (to & ~GUEST_PAGE_MASK) == GT_WINDOW_THUNK);
    else
        EXPECT_EQ_AT(v, to & ~GUEST_PAGE_MASK, GT_WINDOW_TEXT);
    EXPECT_EQ_AT(v, g >> 32 & 0xff, 0); /* the reserved byte */
}

static void check_tss(void)
{
    for (uint32_t off = 0; off < 104; off += 4) {
        uint32_t w = peek32(GT_STATE_TSS + off);

        switch (off) {
        case 4: /* esp0: the end of the regs page */
            EXPECT(in_window(w));
            break;
        case 8: /* ss0 */
            EXPECT_EQ(w, 0x58);
            break;
        case 12: /* esp1, ss1: what SET_STACK said */
            EXPECT_EQ(w, guest_trap_stack());
            break;
        case 16:
            EXPECT_EQ(w, GABI_KERNEL_DS);
            break;
        case 100: /* base of the I/O bitmap: behind the limit */
            EXPECT(w >> 16 >= 104 && !(w & 0xffff));
            break;
        default:
            EXPECT_EQ_AT(off, w, 0);
            break;
        }
    }
}

/* IL-01: GDT, IDT, TSS, the host CR3, and beside them nothing. */
GT_CASE(state_page_explained, GT_BOTH)
{
    for (uint32_t v = 0; v < 256; v++)
        check_gate(v);
    check_tss();
    EXPECT_EQ(gt_desc_base(gt_real_gdt(10)), 0);
    EXPECT_EQ(gt_desc_base(gt_real_gdt(11)), 0);
    EXPECT_EQ(gt_desc_base(gt_real_gdt(16)), GT_STATE_TSS);
    EXPECT(in_window(gt_desc_base(gt_real_gdt(31))));
    for (uint32_t va = GT_STATE_TSS + 104; va < GT_WINDOW_STATE + GUEST_PAGE_BYTES; va += 4) {
        if (va != STATE_HOST_CR3)
            EXPECT_EQ_AT(va, peek32(va), 0);
    }
}

/* The page that ring 0 is entered on: after exits of all kinds nothing was ever
 * pushed below the frame of a trap, and the frame has the guest's values only. */
static void some_exits(void)
{
    static const uint8_t codes[][4] = {
        {0x0f, 0x0b}, {0xcc}, {0x8b, 0x03}, {0x0f, 0x20, 0xc0}, {0xcd, 0x80},
    };
    struct trap_frame f;

    for (uint32_t i = 0; i < 40; i++) {
        gt_frame(i & 1 ? 3 : 1, &f);
        f.ebx = 0x66660000;
        (void)gt_run_bytes(i & 1 ? 3 : 1, codes[i % 5], 4, &f);
    }
    for (uint32_t i = 0; i < 4; i++)
        gt_sleep_ns(50000);
    pt_flush(FLUSH_ALL);
    (void)port_in8(0x80);
}

GT_CASE(regs_page_explained, GT_BOTH)
{
    uint32_t end = GT_WINDOW_REGS + GUEST_PAGE_BYTES;

    for (uint32_t round = 0; round < 5; round++) {
        for (uint32_t va = GT_WINDOW_REGS; va < end - REGS_FRAME_BYTES; va += 4)
            poke32(va, round);
        some_exits();
        for (uint32_t va = GT_WINDOW_REGS; va < end - REGS_FRAME_BYTES; va += 4)
            EXPECT_EQ_AT(va, peek32(va), round);
        /* Of the frame: no address of the monitor. Its own memory is 4 MiB from
         * 0 and again from 0xc0000000, so what is neither that, a switcher
         * address nor a number below 16 MiB, would be somebody else's. */
        for (uint32_t va = end - REGS_FRAME_BYTES; va < end; va += 4) {
            uint32_t w = peek32(va);

            EXPECT(w < 0x1000000 || w - GUEST_PAGE_OFFSET < guest.mem_bytes ||
                   w - GT_USER_CODE < 0x10000 || w == 0x66660000 || in_window(w) ||
                   w >= 0xffffff80);
        }
    }
}

/* The thunk is a page of 64 bytes of code and zeros; with no interrupt gate on the
 * system-call vector it may be empty. */
GT_CASE(thunk_explained, GT_BOTH)
{
    for (uint32_t type = GATE_INTERRUPT; type <= GATE_TRAP; type++) {
        trap_load_stub(GUEST_SYSCALL_VECTOR, type, 3);
        hcall0(GABI_HCALL_FLUSH_ASYNC);
        for (uint32_t k = 64; k < GUEST_PAGE_BYTES; k += 4)
            EXPECT_EQ_AT(k, peek32(GT_WINDOW_THUNK + k), 0);
    }
}

/* The alias shows lguest_data's own page and nothing behind it. */
GT_CASE(alias_is_own_page, GT_BOTH)
{
    uint32_t page = addr_of(&lguest_data) & ~GUEST_PAGE_MASK;

    for (uint32_t k = 0x800; k < GUEST_PAGE_BYTES; k += 4) {
        poke32(page + k, 0xa11a5000 + k);
        EXPECT_EQ_AT(k, peek32(GT_WINDOW_LGDATA + k), 0xa11a5000 + k);
    }
}

/* IL-02: every register across every kind of exit. The code marks the place with
 * UD2 before and after; what differs is what the exit has changed. */
GT_CODE(exit_hcall, "int $0x1f");
GT_CODE(exit_in, "inb $0x80, %al");
GT_CODE(exit_out, "outl %eax, $0x80");
GT_CODE(exit_cli, "cli");
GT_CODE(exit_sti, "sti");
GT_CODE(exit_outs, "outsb");
GT_CODE(exit_fill, "testl %eax, (%ebx)");
GT_CODE(exit_fill_write, "lock orl $0, (%ebx)");

enum { FREE_RUN, FILL, STRING };
#define BOTH_RINGS 3u
static const struct {
    const uint8_t *start, *end;
    uint32_t kind, ring;
} exits[] = {
    {exit_hcall_start, exit_hcall_end, FREE_RUN, 1},
    {exit_in_start, exit_in_end, FREE_RUN, 1},
    {exit_out_start, exit_out_end, FREE_RUN, 1},
    {exit_cli_start, exit_cli_end, FREE_RUN, 1},
    {exit_sti_start, exit_sti_end, FREE_RUN, 1},
    {exit_outs_start, exit_outs_end, STRING, 1},
    {exit_fill_start, exit_fill_end, FILL, 1},
    {exit_fill_start, exit_fill_end, FILL, 3},
    {exit_fill_write_start, exit_fill_write_end, FILL, 1},
    {exit_fill_write_start, exit_fill_write_end, FILL, 3},
};

static void through_exit(uint32_t i, uint32_t round)
{
    uint32_t n = (uint32_t)(exits[i].end - exits[i].start), ring = exits[i].ring;
    uint32_t va = 0x43000000 + round % 16 * GUEST_PAGE_BYTES;
    uint8_t code[24];
    struct trap_frame f, in;

    pt_set(pt_root, va, 0);
    pt_write(pt_root, va, page_alloc() | PTE_P | PTE_W | PTE_U);
    gt_frame(ring, &f);
    f.eax = i == 0 ? (uint32_t)GABI_HCALL_FLUSH_ASYNC : 0x0a0b0cff;
    f.ebx = va;
    f.ecx = 0xc1c2c3c4;
    f.edx = 0xd1d2d3d4;
    f.esi = 0x5e5f6061;
    f.edi = 0xf1f2f3f4;
    f.ebp = 0xb1b2b3b4;
    f.fs = USER_DS;
    f.gs = round & 1 ? USER_DS : 0;
    f.eflags |= FLAG_CF | FLAG_AF | FLAG_SF | (round & 1 ? FLAG_ID : 0);
    memcpy(code, exits[i].start, n);
    memcpy(code + n, "\x0f\x0b", 2);
    in = f;
    memcpy(phys_ptr(f.eip), code, n + 2);
    EXPECT_EQ_AT(i, trap_run(&f, GABI_IF), VEC_UD);
    EXPECT_EQ_AT(i, f.eip, in.eip + n);
    EXPECT_EQ_AT(i, f.eax, in.eax);
    EXPECT_EQ_AT(i, f.ebx, in.ebx);
    EXPECT_EQ_AT(i, f.ecx, in.ecx);
    EXPECT_EQ_AT(i, f.edx, in.edx);
    EXPECT_EQ_AT(i, f.esi, in.esi + (exits[i].kind == STRING));
    EXPECT_EQ_AT(i, f.edi, in.edi);
    EXPECT_EQ_AT(i, f.ebp, in.ebp);
    EXPECT_EQ_AT(i, f.esp, in.esp);
    EXPECT(f.ds == in.ds && f.es == in.es && f.fs == in.fs && f.gs == in.gs);
    EXPECT(f.cs == in.cs && f.ss == in.ss);
    if (exits[i].kind != FILL) /* those instructions set flags of their own */
        EXPECT_EQ_AT(i, f.eflags & ~FLAG_RF, in.eflags);
    page_free((uint32_t)(pt_read(pt_root, va) & PTE_ADDR));
}

GT_CASE(registers_every_exit, GT_BOTH)
{
    for (uint32_t round = 0; round < 50; round++) {
        for (uint32_t i = 0; i < ARRAY_COUNT(exits); i++)
            through_exit(i, round);
    }
    print("%u exits compared\n", 50 * (uint32_t)ARRAY_COUNT(exits));
}

/* IL-03: cr2 changes when a page fault is reflected, and then to its address; the
 * faults that the monitor deals with, its own work on page tables and another
 * guest's faults leave it. */
#define PEER_VA 0x6eee0000u
#define OWN_VA 0x61110000u

static void skip_load(struct trap_frame *f)
{
    EXPECT_EQ(lg_cr2 & 0xffff0000, PEER_VA);
    f->eip += 2;
}

GT_CASE(cr2_peer, GT_2LEVEL | GT_HIDDEN, .expect = "runs")
{
    trap_set_handler(VEC_PF, skip_load);
    for (uint32_t i = 0;; i++) {
        uint32_t at = PEER_VA + i % 0x4000 * 4, v;

        __asm__ volatile(".byte 0x8b, 0x01" : "=a"(v) : "c"(at)); /* mov (ecx), eax */
        if (i % 64 == 0)
            gt_sleep_ns(30000);
    }
}

GT_CASE(cr2_own_only, GT_BOTH, .with = "cr2_peer")
{
    static const uint8_t load[] = {0x8b, 0x03};
    uint32_t va = 0x43000000, other = pt_new_root();
    struct trap_frame f;

    for (uint32_t i = 0; i < 400; i++) {
        uint32_t at = OWN_VA + i * 4, ring = i & 1 ? 3 : 1;

        gt_frame(ring, &f);
        f.ebx = at;
        EXPECT_EQ(gt_run_bytes(ring, load, 2, &f), VEC_PF);
        EXPECT_EQ_AT(i, lg_cr2, at);
        pt_set(pt_root, va + i % 64 * GUEST_PAGE_BYTES, page_alloc() | PTE_P | PTE_W);
        poke32(va + i % 64 * GUEST_PAGE_BYTES, i);
        page_free((uint32_t)(pt_read(pt_root, va + i % 64 * GUEST_PAGE_BYTES) & PTE_ADDR));
        pt_set(pt_root, va + i % 64 * GUEST_PAGE_BYTES, 0);
        pt_announce(other, va, 0);
        if (i % 8 == 0)
            gt_sleep_ns(60000);
        if (i % 16 == 0)
            pt_flush(FLUSH_ALL);
        EXPECT_EQ_AT(i, lg_cr2, at);
    }
}

/* IL-04: a prefetch of the window tells nothing by a fault, nor does it leave one
 * behind; all that ring 3 could speculate on is what ring 1 may read anyway. */
GT_CASE(prefetch_window, GT_2LEVEL)
{
    GT_CODE(code_prefetch, ".byte 0x0f, 0x18, 0x03; .byte 0x0f, 0x18, 0x0b;"
                           ".byte 0x0f, 0x18, 0x13; .byte 0x0f, 0x18, 0x1b; ud2");
    uint32_t before = lg_cr2, n = 0;
    struct trap_frame f;

    for (uint32_t va = 0xffc00000; va >= 0xffc00000; va += GUEST_PAGE_BYTES, n++) {
        gt_frame(n & 1 ? 3 : 1, &f);
        f.ebx = va;
        EXPECT_EQ_AT(va, gt_run(n & 1 ? 3 : 1, code_prefetch, &f), VEC_UD);
        EXPECT_EQ_AT(va, lg_cr2, before);
    }
    print("%u pages of the window prefetched\n", n);
}

/* IL-04, the structure: pages that are present above the guest's part, counted at
 * ring 1, are the five documented ones (the second page of lguest_data's alias is
 * there only for a structure that straddles). */
static void look(uint32_t va)
{
    (void)peek32(va);
}

GT_CASE(window_page_count, GT_BOTH)
{
    struct trap_frame f;
    uint32_t present = 0;

    for (uint32_t va = 0xffc00000; va >= 0xffc00000; va += GUEST_PAGE_BYTES)
        present += trap_catch(look, va, &f) == TRAP_NONE;
    EXPECT_EQ(present, 5);
}
