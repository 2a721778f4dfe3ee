/* SPDX-License-Identifier: MIT */
/* SG-10: the second wall. Limits and types of data segments are the CPU's to check;
 * emulators do not (TCG: neither), which each case finds out by trying a segment
 * of its own first. Isolation does not stand on them. */

#include "gtest.h"

#define ENTRY 5u
#define SEL (ENTRY << 3 | 3)
#define WRITABLE 0xf2u   /* present, DPL 3, data */
#define READ_ONLY 0xf0u
#define EXPAND_DOWN 0xf6u

GT_CODE(code_store, "movl %eax, %gs:(%ebx); ud2");
GT_CODE(code_load, "movl %gs:(%ebx), %eax; ud2");

static uint32_t access(uint32_t limit, uint32_t attr, uint32_t offset, bool store)
{
    struct trap_frame f;

    gt_user_setup();
    desc_load(ENTRY, desc_make(GT_USER_DATA, limit, attr, 4));
    gt_frame(3, &f);
    f.gs = SEL;
    f.ebx = offset;
    uint32_t v = store ? gt_run(3, code_store, &f) : gt_run(3, code_load, &f);

    if (v == VEC_GP)
        EXPECT_EQ(f.errcode, 0);
    return v;
}

GT_CASE(data_limits, GT_2LEVEL)
{
    EXPECT_EQ(access(0xff, WRITABLE, 0xfc, true), VEC_UD);
    if (access(0xff, WRITABLE, 0x100, true) == VEC_UD)
        SKIP("data segment limits are not enforced here");
    for (uint32_t limit = 4; limit < 0x1000; limit = limit * 2 + 1) {
        EXPECT_EQ_AT(limit, access(limit, WRITABLE, limit - 3, true), VEC_UD);
        EXPECT_EQ_AT(limit, access(limit, WRITABLE, limit - 2, true), VEC_GP);
        EXPECT_EQ_AT(limit, access(limit, WRITABLE, 0xfffffffc, false), VEC_GP);
        EXPECT_EQ_AT(limit, access(limit, EXPAND_DOWN, limit - 3, true), VEC_GP);
        EXPECT_EQ_AT(limit, access(limit, EXPAND_DOWN, limit + 1, true), VEC_UD);
    }
}

GT_CASE(data_types, GT_2LEVEL)
{
    EXPECT_EQ(access(0xff, READ_ONLY, 0, false), VEC_UD);
    if (access(0xff, READ_ONLY, 0, true) == VEC_UD)
        SKIP("data segment types are not enforced here");
    EXPECT_EQ(access(0xff, READ_ONLY, 0, true), VEC_GP);
}

/* A null selector: loading it is fine, using it is not. */
GT_CASE(null_segment, GT_2LEVEL)
{
    struct trap_frame f;

    gt_user_setup();
    gt_frame(3, &f);
    f.gs = 0;
    f.ebx = GT_USER_DATA;
    if (gt_run(3, code_load, &f) == VEC_UD)
        SKIP("null segments can be used here");
    EXPECT_EQ(f.vector, VEC_GP);
    EXPECT_EQ(f.errcode, 0);
}

/* A program at the limit of its code segment, interrupted there: it gets the CPU's
 * #GP(0), as it does if nothing interrupts it; nobody dies of it (TK-08). Timers of
 * all distances, so that some strike at the limit. */
GT_CASE(code_limit_interrupted, GT_2LEVEL)
{
    enum { NOPS = 40 };
    struct trap_frame f;
    uint32_t v;

    gt_user_setup();
    desc_load(ENTRY, desc_make(GT_USER_CODE, NOPS - 1, 0xfa, 4));
    for (uint32_t delta = 20000; delta < 24000; delta++) {
        gt_frame(3, &f);
        memset(phys_ptr(f.eip), 0x90, NOPS);
        memcpy(phys_ptr(f.eip + NOPS), "\x0f\x0b", 2);
        f.cs = SEL;
        f.eip = 0;
        irq_unblock(GABI_IRQ_TIMER);
        hcall1(GABI_HCALL_SET_CLOCKEVENT, delta);
        gt_spin_ns(delta > 21500 ? 20000 : 19000);
        v = trap_run(&f, 0);
        if (v == VEC_UD)
            SKIP("code segment limits are not enforced here");
        EXPECT_EQ(v, VEC_GP);
        EXPECT_EQ(f.errcode, 0);
        EXPECT_EQ(f.eip, NOPS);
        EXPECT_EQ(f.cs, SEL);
    }
}
