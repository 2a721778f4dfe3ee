/* SPDX-License-Identifier: MIT */
/* #MF and #XM (DB-13, DB-14): an unmasked error of the floating-point unit is its
 * owner's.  The monitor switches the state while the error is pending, executes no
 * such instruction itself, and nobody gets interrupt 13 of the PC for it. */

#include "gtest.h"
#include "needs.h"

/* 1 / 0 with the division error unmasked: pending from here on. */
GT_CODE(code_pending, "fninit; fldcw (%ebx); fld1; fldz; .byte 0xde, 0xf9; ud2");
GT_CODE(code_wait, "fwait; ud2");

#define FCW_ZM_OFF 0x037bu

static void make_pending(uint32_t ring)
{
    struct trap_frame f;

    gt_user_setup();
    poke32(GT_USER_DATA, FCW_ZM_OFF);
    gt_frame(ring, &f);
    f.ebx = GT_USER_DATA;
    EXPECT_EQ(gt_run(ring, code_pending, &f), VEC_UD);
}

/* The other guest: an error that is always pending, and always put away so. */
GT_CASE(error_peer, GT_2LEVEL | GT_HIDDEN, .expect = "runs")
{
    make_pending(1);
    for (;;)
        gt_sleep_ns(40000);
}

/* This one computes, waits and sleeps: no #MF ever. */
GT_CASE(error_is_the_others, GT_BOTH, .with = "error_peer")
{
    uint32_t got;

    __asm__ volatile("fninit");
    for (uint32_t i = 0; i < 500; i++) {
        __asm__ volatile("fildl %1; fwait; fistpl %0; fwait" : "=m"(got) : "m"(i));
        EXPECT_EQ(got, i);
        if (i % 4 == 0)
            gt_sleep_ns(50000);
    }
    EXPECT_EQ(irq_count[13], 0);
}

/* And its own error, made before a sleep, is still there after it: once, at the
 * next FWAIT (other waiting instructions: TCG does not look). */
GT_CASE(error_is_kept, GT_BOTH, .with = "error_peer")
{
    struct trap_frame f;

    gt_need_math_errors();
    for (uint32_t i = 0; i < 60; i++) {
        uint32_t ring = i & 1 ? 3 : 1, start;

        make_pending(ring);
        gt_sleep_ns(100000);
        gt_frame(ring, &f);
        start = f.eip;
        EXPECT_EQ(gt_run(ring, code_wait, &f), VEC_MF);
        EXPECT_EQ(f.eip, start);
        EXPECT_EQ(f.errcode, 0);
        __asm__ volatile("fnclex");
        gt_frame(ring, &f);
        EXPECT_EQ(gt_run(ring, code_wait, &f), VEC_UD);
    }
    EXPECT_EQ(irq_count[13], 0);
}

/* ---- DB-14 ---- */

GT_CODE(code_divps, "ldmxcsr (%ebx); movaps 16(%ebx), %xmm0; xorps %xmm1, %xmm1;"
                    "divps %xmm1, %xmm0; ud2");

#define MXCSR_MASKED 0x1f80u
#define MXCSR_ZM 0x0200u

static uint32_t divide(uint32_t ring, uint32_t mxcsr, struct trap_frame *f)
{
    uint32_t a = 1, b, c = 0, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (!(d >> 25 & 1))
        SKIP("no SSE");
    gt_user_setup();
    poke32(GT_USER_DATA, mxcsr);
    for (uint32_t i = 0; i < 4; i++)
        poke32(GT_USER_DATA + 16 + 4 * i, 0x3f800000);
    gt_frame(ring, f);
    f->ebx = GT_USER_DATA;
    return gt_run(ring, code_divps, f);
}

GT_CASE(simd_error_masked, GT_BOTH)
{
    struct trap_frame f;

    for (uint32_t i = 0; i < 20; i++) {
        EXPECT_EQ(divide(i & 1 ? 3 : 1, MXCSR_MASKED, &f), VEC_UD);
        if (i % 5 == 0)
            gt_sleep_ns(50000);
    }
}

GT_CASE(simd_error_unmasked, GT_BOTH)
{
    struct trap_frame f;

    if (divide(1, MXCSR_MASKED & ~MXCSR_ZM, &f) == VEC_UD)
        SKIP("this CPU raises no SIMD floating-point error (#XM)");
    for (uint32_t i = 0; i < 20; i++) {
        uint32_t ring = i & 1 ? 3 : 1;

        EXPECT_EQ(divide(ring, MXCSR_MASKED & ~MXCSR_ZM, &f), VEC_XM);
        EXPECT_EQ(f.errcode, 0);
        EXPECT_EQ(divide(ring, MXCSR_MASKED, &f), VEC_UD);
    }
}
