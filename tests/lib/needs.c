/* SPDX-License-Identifier: MIT */
/* Probes for what a CPU or an emulator may lack (needs.h). */

#include "needs.h"

uint32_t gt_exits_of(const void *code, uint32_t bytes, const struct trap_frame *f)
{
    uint32_t least = 0xffffffff;

    /* Interrupts of the machine and of neighbours are exits too. */
    for (uint32_t i = 0; i < 10; i++) {
        struct trap_frame each = *f;
        uint32_t before = gt_exits(), n;

        (void)gt_run_bytes(0, code, bytes, &each);
        n = gt_exits() - before;
        least = n < least ? n : least;
    }
    return least;
}

void gt_need_trap(uint32_t vector, const void *code, uint32_t bytes,
                  const struct trap_frame *f, const struct trap_frame *plain,
                  const char *why)
{
    struct trap_frame first = *f;

    if (gt_run_bytes(0, code, bytes, &first) != vector &&
        gt_exits_of(code, bytes, f) == gt_exits_of(code, bytes, plain))
        gt_skip(why);
}

void gt_need_steps(void)
{
    static const uint8_t code[] = {0x90, 0x90, 0x0f, 0x0b}; /* nop; nop; ud2 */
    struct trap_frame f, plain;

    gt_frame(1, &f);
    plain = f;
    f.eflags |= FLAG_TF;
    gt_need_trap(VEC_DB, code, sizeof(code), &f, &plain, "this CPU does not step (TF)");
}

/* 1 / 0, once with that error unmasked. */
GT_CODE(code_zero_divide, "fninit; fldcw (%ebx); fld1; fldz; .byte 0xde, 0xf9; fwait; ud2");

void gt_need_math_errors(void)
{
    struct trap_frame f, plain;

    gt_user_setup();
    poke32(GT_USER_DATA, 0x37b);
    poke32(GT_USER_DATA + 4, 0x37f);
    gt_frame(1, &f);
    f.ebx = GT_USER_DATA;
    plain = f;
    plain.ebx = GT_USER_DATA + 4;
    gt_need_trap(VEC_MF, code_zero_divide_start,
                 (uint32_t)(code_zero_divide_end - code_zero_divide_start), &f, &plain,
                 "this CPU raises no floating-point error (#MF)");
    __asm__ volatile("fninit");
}

void gt_need_bound(void)
{
    static const uint8_t code[] = {0x62, 0x0b, 0x0f, 0x0b}; /* bound ecx, [ebx]; ud2 */
    struct trap_frame f, plain;

    gt_user_setup();
    poke32(GT_USER_DATA, 0);
    poke32(GT_USER_DATA + 4, 2);
    gt_frame(1, &f);
    f.ebx = GT_USER_DATA;
    plain = f;
    f.ecx = 5;
    gt_need_trap(VEC_BR, code, sizeof(code), &f, &plain, "BOUND raises no #BR here");
}
