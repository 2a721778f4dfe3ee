/* SPDX-License-Identifier: MIT */
/* Where frames go and what is in them when it gets difficult: page borders,
 * flags that must not reach the handler, page faults and cr2, floods. */

#include "gtest.h"

GT_CODE(code_ud, "ud2");
GT_CODE(code_nop_ud, "nop; nop; ud2");
GT_CODE(code_load, "movl (%ebx), %eax; ud2");
GT_CODE(code_store, "movl %eax, (%ebx); ud2");
GT_CODE(code_jump, "jmp *%ebx");

#define VA_STACK 0xd0000000u /* two pages that are no neighbours in memory */
#define VA_TEST 0xd0100000u

static void two_pages(uint32_t va)
{
    uint32_t second = page_alloc(), hole = page_alloc(), first = page_alloc();

    (void)hole;
    pt_write(pt_root, va, first | PTE_KERNEL);
    pt_write(pt_root, va + GUEST_PAGE_BYTES, second | PTE_KERNEL);
    memset(phys_ptr(va), 0x5a, 2 * GUEST_PAGE_BYTES);
}

/* A reflected frame that begins in one page and ends in another. */
GT_CASE(frame_crosses_page, GT_BOTH)
{
    struct trap_frame f;

    two_pages(VA_STACK);
    for (uint32_t words = 1; words <= 4; words++) {
        uint32_t esp = VA_STACK + GUEST_PAGE_BYTES + words * 4;

        gt_frame(1, &f);
        f.esp = esp;
        EXPECT_EQ_AT(words, gt_run(1, code_nop_ud, &f), VEC_UD);
        EXPECT_EQ_AT(words, f.eip, addr_of(gt_kernel_code) + 2);
        EXPECT_EQ_AT(words, f.cs, GABI_KERNEL_CS);
        EXPECT_EQ_AT(words, f.esp, esp);
    }
}

/* The same for ring 3: five words on ss1:esp1, which lies across the border. */
GT_CASE(user_frame_crosses_page, GT_BOTH)
{
    struct trap_frame f;

    two_pages(VA_STACK);
    for (uint32_t words = 1; words <= 5; words++) {
        uint32_t esp1 = VA_STACK + GUEST_PAGE_BYTES + words * 4;

        lguest_call(GABI_HCALL_SET_STACK, GABI_KERNEL_DS, esp1, 2, 0);
        gt_frame(3, &f);
        EXPECT_EQ_AT(words, gt_run(3, code_nop_ud, &f), VEC_UD);
        EXPECT_EQ_AT(words, f.eip, GT_USER_CODE + 2);
        EXPECT_EQ_AT(words, f.esp, GT_USER_STACK);
        EXPECT_EQ_AT(words, f.ss, USER_DS);
        EXPECT_EQ_AT(words, trap_seen.frame_esp, esp1 - 8);
    }
}

/* A lower word of the frame in a page that is not there yet: the monitor goes
 * by the guest's tables, not by what happens to be in the shadow. */
GT_CASE(frame_on_cold_page, GT_BOTH)
{
    struct trap_frame f;

    two_pages(VA_STACK);
    gt_frame(1, &f);
    f.esp = VA_STACK + GUEST_PAGE_BYTES + 4;
    memcpy(gt_kernel_code, code_ud_start, 2);
    pt_flush(FLUSH_ALL);
    EXPECT_EQ(trap_run(&f, 0), VEC_UD);
    EXPECT(pt_read(pt_root, VA_STACK) & PTE_D);
}

/* TF, NT, RF and VM do not reach a handler; the pushed word keeps them. */
GT_CASE(handler_flags_clear, GT_BOTH)
{
    struct trap_frame f;

    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        for (uint32_t gate = GATE_INTERRUPT; gate <= GATE_TRAP; gate++) {
            trap_load_stub(VEC_UD, gate, 0);
            gt_frame(ring, &f);
            f.eflags |= FLAG_NT | FLAG_DF | FLAG_CF;
            EXPECT_EQ(gt_run(ring, code_ud, &f), VEC_UD);
            EXPECT(f.eflags & FLAG_NT);
            EXPECT(f.eflags & FLAG_DF);
            EXPECT_EQ(trap_seen.handler_flags & (FLAG_TF | FLAG_NT | FLAG_RF | FLAG_VM |
                                                 FLAG_IOPL), 0);
        }
    }
}

/* TR-14: error code and cr2 of each kind of access. */
static void pf_kind(uint32_t ring, uint64_t pte, bool write, uint32_t want)
{
    struct trap_frame f;
    uint32_t frame = page_alloc();

    pt_set(pt_root, VA_TEST, pte ? frame | pte : 0);
    gt_frame(ring, &f);
    f.ebx = VA_TEST + 0x123;
    uint32_t v = write ? gt_run(ring, code_store, &f) : gt_run(ring, code_load, &f);
    uint32_t tag = ring << 16 | (uint32_t)pte << 4 | write;

    if (want == ~0u) {
        EXPECT_EQ_AT(tag, v, VEC_UD);
    } else {
        EXPECT_EQ_AT(tag, v, VEC_PF);
        EXPECT_EQ_AT(tag, f.errcode, want);
        EXPECT_EQ_AT(tag, trap_seen.cr2, VA_TEST + 0x123);
    }
    pt_set(pt_root, VA_TEST, 0);
    page_free(frame);
}

GT_CASE(pf_error_codes, GT_BOTH)
{
    const uint32_t ok = ~0u;
    static const uint32_t ptes[] = {0, PTE_P, PTE_P | PTE_W, PTE_P | PTE_U,
                                    PTE_P | PTE_W | PTE_U};
    const uint32_t want[5][4] = { /* k read, k write, u read, u write */
        {0, 2, 4, 6}, {ok, 3, 5, 7}, {ok, ok, 5, 7}, {ok, 3, ok, 7}, {ok, ok, ok, ok},
    };

    for (uint32_t i = 0; i < 5; i++) {
        for (uint32_t k = 0; k < 4; k++)
            pf_kind(k < 2 ? 1 : 3, ptes[i], k & 1, want[i][k]);
    }
}

/* A fetch: bit 4 stays 0, since NX is hidden from the guest. */
GT_CASE(pf_fetch_error_code, GT_BOTH)
{
    struct trap_frame f;

    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        gt_frame(ring, &f);
        f.ebx = VA_TEST;
        EXPECT_EQ(gt_run(ring, code_jump, &f), VEC_PF);
        EXPECT_EQ(f.eip, VA_TEST);
        EXPECT_EQ(f.errcode, ring == 3 ? 4 : 0);
    }
}

/* Between the fault and the handler's look at cr2, faults that the monitor
 * resolves by itself come and go. */
GT_CASE(pf_cr2_survives_fills, GT_BOTH)
{
    struct trap_frame f;

    for (uint32_t i = 0; i < 32; i++)
        pt_write(pt_root, VA_TEST + 0x10000 + i * GUEST_PAGE_BYTES,
                 page_alloc() | PTE_P | PTE_W);
    gt_frame(3, &f);
    f.ebx = VA_TEST;
    EXPECT_EQ(gt_run(3, code_load, &f), VEC_PF);
    for (uint32_t i = 0; i < 32; i++) {
        poke32(VA_TEST + 0x10000 + i * GUEST_PAGE_BYTES, i);
        EXPECT_EQ(lg_cr2, VA_TEST);
    }
}

/* TR-15: many, from both rings; nothing piles up. */
GT_CASE(flood, GT_BOTH)
{
    static const uint8_t codes[][4] = {
        {0x0f, 0x0b}, {0xcc}, {0x8b, 0x03}, {0x0f, 0x20, 0xc0}, {0xf7, 0xf1},
    };
    static const uint32_t vectors[] = {VEC_UD, VEC_BP, VEC_PF, VEC_GP, VEC_DE};
    struct trap_frame f;

    for (uint32_t i = 0; i < 10000; i++) {
        uint32_t r = gt_random(), k = (r >> 8) % ARRAY_COUNT(vectors);
        uint32_t ring = r & 1 ? 3 : 1, esp;

        gt_frame(ring, &f);
        f.ebx = VA_TEST;
        esp = f.esp;
        EXPECT_EQ_AT(i, gt_run_bytes(ring, codes[k], 4, &f), vectors[k]);
        EXPECT_EQ_AT(i, f.esp, esp);
    }
}

/* TR-13: two guests, each with handlers of its own, slices in between. */
static volatile uint32_t mine;

static void count_mine(struct trap_frame *f)
{
    mine++;
    f->eip += 2;
}

static void trap_loop(uint32_t rounds)
{
    trap_set_handler(VEC_UD, count_mine);
    for (uint32_t i = 0; rounds == 0 || i < rounds; i++) {
        __asm__ volatile("ud2");
        EXPECT_EQ(mine, i + 1);
    }
}

GT_CASE(two_guests_peer, GT_2LEVEL | GT_HIDDEN, .expect = "runs")
{
    /* Another image base is not needed: the gate itself differs. */
    trap_load_gate(VEC_UD, trap_stub(VEC_UD), GATE_TRAP, 3);
    trap_loop(0);
}

GT_CASE(two_guests, GT_2LEVEL, .with = "two_guests_peer")
{
    trap_loop(200000);
}
