/* SPDX-License-Identifier: MIT */
/* The monitor's pages at the top of the address space (PT-11 to PT-13), and who
 * may touch what is the kernel's. */

#include "gtest.h"

GT_CODE(code_load, "movl (%ebx), %eax; ud2");
GT_CODE(code_store, "movl %eax, (%ebx); ud2");

static uint32_t access(uint32_t ring, uint32_t va, bool write, struct trap_frame *f)
{
    gt_frame(ring, f);
    f->ebx = va;
    f->eax = 0;
    return write ? gt_run(ring, code_store, f) : gt_run(ring, code_load, f);
}

static bool readable(uint32_t va)
{
    return va == GT_WINDOW_TEXT || va == GT_WINDOW_REGS || va == GT_WINDOW_STATE ||
           va == GT_WINDOW_THUNK || va == GT_WINDOW_LGDATA;
}

/* PT-12: ring 1 reads the documented pages and no other; it writes its own
 * registers' page and the alias of its own data. */
GT_CASE(window_ring1, GT_BOTH)
{
    struct trap_frame f;

    for (uint32_t va = 0xffc00000; va >= 0xffc00000; va += GUEST_PAGE_BYTES) {
        uint32_t v = access(1, va + 0xffc, false, &f);

        EXPECT_EQ_AT(va, v, readable(va) ? VEC_UD : VEC_PF);
        if (!readable(va))
            EXPECT_EQ_AT(va, f.errcode, 0);
        if (va == GT_WINDOW_REGS || va == GT_WINDOW_LGDATA)
            continue;
        v = access(1, va + 0x7f0, true, &f);
        EXPECT_EQ_AT(va, v, VEC_PF);
        EXPECT_EQ_AT(va, f.errcode & ~1u, 2);
    }
}

/* PT-11: ring 3 sees nothing of the top 16 MiB. */
GT_CASE(window_ring3, GT_BOTH)
{
    struct trap_frame f;

    for (uint32_t va = 0xff000000; va >= 0xff000000; va += GUEST_PAGE_BYTES) {
        EXPECT_EQ_AT(va, access(3, va, false, &f), VEC_PF);
        EXPECT_EQ_AT(va, f.errcode & 4, 4);
        EXPECT_EQ_AT(va, access(3, va, true, &f), VEC_PF);
        EXPECT_EQ_AT(va, f.errcode & 6, 6);
    }
}

GT_CASE(ring3_on_kernel_pages, GT_BOTH)
{
    struct trap_frame f;

    for (uint32_t va = 0x100000; va < guest.mem_bytes; va += 7 * GUEST_PAGE_BYTES) {
        EXPECT_EQ_AT(va, access(3, va, false, &f), VEC_PF);
        EXPECT_EQ_AT(va, f.errcode, 5);
        EXPECT_EQ_AT(va, access(3, va + GUEST_PAGE_OFFSET, true, &f), VEC_PF);
        EXPECT_EQ_AT(va, f.errcode, 7);
    }
}

/* PT-12, execution: nothing in the switcher's text does anything for ring 1. Begun in the
 * middle of instructions it is any code, though, and may do anything to the guest itself:
 * load ESP, return to nowhere. */
static void window_execute(uint32_t start)
{
    struct trap_frame f;

    for (uint32_t va = GT_WINDOW_TEXT + start; va < GT_WINDOW_TEXT + start + 512; va++) {
        gt_frame(1, &f);
        f.eip = va;
        uint32_t v = trap_run(&f, 0);

        EXPECT(v < 32 && v != VEC_NMI && v != VEC_DF && v != VEC_MC);
        EXPECT_EQ_AT(va, f.cs, GABI_KERNEL_CS);
    }
}

#define EXECUTE(n) \
    GT_ROW(window_execute_##n, window_execute, GT_2LEVEL, .arg = n, .expect = "whatever")
EXECUTE(0x000)
EXECUTE(0x200)
EXECUTE(0x400)
EXECUTE(0x600)
EXECUTE(0x800)
EXECUTE(0xa00)
EXECUTE(0xc00)
EXECUTE(0xe00)

/* PT-13: the entry stack is the guest's to write; the monitor never believes
 * what was there before. */
GT_CASE(regs_page_garbage, GT_BOTH)
{
    static const uint8_t ud[] = {0x0f, 0x0b};
    struct trap_frame f;

    for (uint32_t i = 0; i < 300; i++) {
        uint32_t word = gt_random();

        gt_frame(i & 1 ? 3 : 1, &f);
        f.edi = 0x77770000 + i;
        for (uint32_t k = 0; k < GUEST_PAGE_BYTES; k += 4)
            poke32(GT_WINDOW_REGS + k, i % 3 == 0 ? 0xffffffff : i % 3 == 1 ? word : 0);
        EXPECT_EQ_AT(i, gt_run_bytes(i & 1 ? 3 : 1, ud, 2, &f), VEC_UD);
        EXPECT_EQ_AT(i, f.edi, 0x77770000 + i);
        EXPECT_EQ_AT(i, f.cs, i & 1 ? USER_CS : GABI_KERNEL_CS);
    }
}

/* The same while timer interrupts come: no frame of theirs is disturbed. */
GT_CASE(regs_page_garbage_irq, GT_2LEVEL)
{
    irq_unblock(GABI_IRQ_TIMER);
    lg_irq_enabled = GABI_IF;
    for (uint32_t n = 1; n <= 10; n++) {
        hcall1(GABI_HCALL_SET_CLOCKEVENT, 500000);
        while (irq_count[0] < n) {
            for (uint32_t k = 0; k < GUEST_PAGE_BYTES; k += 4)
                poke32(GT_WINDOW_REGS + k, 0x0bad0bad);
        }
    }
    irq_disable();
}

/* The documented layout: real GDT and IDT at their places, and nothing there
 * belongs to ring 0 but what lguest reserves for it. */
GT_CASE(state_page_contents, GT_BOTH)
{
    for (uint32_t i = 0; i < GABI_GDT_ENTRIES; i++) {
        uint32_t hi = (uint32_t)(gt_real_gdt(i) >> 32), dpl = hi >> 13 & 3;

        if (i == 10 || i == 11 || i == 16 || i == 31) {
            EXPECT_EQ_AT(i, dpl, 0);
        } else if (hi & 0x8000) {
            EXPECT(dpl == 1 || dpl == 3);
            EXPECT(hi & 0x1000);
        }
    }
    for (uint32_t v = 0; v < 256; v++) {
        uint64_t g = gt_real_idt(v);
        uint32_t type = (uint32_t)(g >> 40) & 0x1f, sel = (uint32_t)(g >> 16) & 0xffff;

        EXPECT(g >> 47 & 1);                     /* present */
        EXPECT(type == 0x0e || type == 0x0f);    /* no task gate */
        EXPECT(type == 0x0f ? sel == GABI_KERNEL_CS : sel == 0x50);
    }
    EXPECT_EQ(peek32(GT_STATE_TSS + 8) & 0xffff, 0x58); /* ss0 */
    EXPECT(peek32(GT_STATE_TSS + 100) >> 16 >= 104);    /* no I/O bitmap */
    EXPECT_EQ(peek32(GT_STATE_TSS + 96) & 0xffff, 0);   /* no LDT */
}
