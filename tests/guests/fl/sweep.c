/* SPDX-License-Identifier: MIT */
/* FL-01 in full: each of the 2^21 words of bits 0 to 21 without TF goes through
 * POPF at each ring and comes back by PUSHF.  The code compares by itself, without
 * a trap, and stops at the first word that the model does not give. TF, which ends
 * the run, is swept beside in steps. */

#include "gtest.h"
#include "needs.h"

#define FREE (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_DF | FLAG_OF | \
              FLAG_NT | FLAG_AC | FLAG_ID)
#define ALL_BITS 0x003fffffu

/* EAX: the word, counted up; ECX: how many; EBP: FREE; EDX: what is always set. IF
 * is ignored, IOPL too, VM, VIF, VIP and RF read as 0 (SDM 2B, POPF, IOPL 0). */
GT_CODE(code_sweep,
        "1: testl $0x100, %eax; jnz 2f;"
        "pushl %eax; popfl; pushfl; popl %ebx; pushl $2; popfl;"
        "movl %eax, %esi; andl %ebp, %esi; orl %edx, %esi;"
        "incl %edi; cmpl %esi, %ebx; jne 3f;"
        "2: incl %eax; decl %ecx; jnz 1b;"
        "3: ud2");

static void sweep(uint32_t ring)
{
    struct trap_frame f;
    uint32_t n = 0;

    /* In parts, so that a stuck bit shows soon. */
    for (uint32_t from = 0; from <= ALL_BITS; from += 0x40000) {
        gt_frame(ring, &f);
        f.eax = from;
        f.ecx = 0x40000;
        f.ebp = FREE;
        f.edx = FLAG_FIXED | FLAG_IF;
        EXPECT_EQ(gt_run(ring, code_sweep, &f), VEC_UD);
        if (f.ecx)
            FAIL("popf %x gives %x, not %x", f.eax, f.ebx, f.esi);
        n += f.edi;
    }
    EXPECT_EQ(n, (ALL_BITS + 1) / 2);
    print("%u words through POPF at ring %u\n", n, ring);
}

GT_ROW(popf_all_ring1, sweep, GT_2LEVEL, .arg = 1)
GT_ROW(popf_all_ring3, sweep, GT_2LEVEL, .arg = 3)

/* The same words with TF: the step comes behind the instruction after POPF, and
 * what its frame says is what POPF made of the word. */
GT_CODE(code_popf_tf, "pushl %eax; popfl; nop; ud2");

static void sweep_tf(uint32_t ring)
{
    struct trap_frame f;
    uint32_t n = 0;

    gt_need_steps();
    for (uint32_t w = FLAG_TF; w <= ALL_BITS; w += 0x6f1, n++) {
        uint32_t word = w | FLAG_TF, start;

        gt_frame(ring, &f);
        f.eax = word;
        start = f.eip;
        EXPECT_EQ_AT(word, gt_run(ring, code_popf_tf, &f), VEC_DB);
        EXPECT_EQ_AT(word, f.eip, start + 3);
        EXPECT_EQ_AT(word, f.eflags & ~(FLAG_RF | FLAG_IF),
                     (word & (FREE | FLAG_TF)) | FLAG_FIXED);
    }
    print("%u words with TF at ring %u\n", n, ring);
}

GT_ROW(popf_tf_ring1, sweep_tf, GT_2LEVEL, .arg = 1)
GT_ROW(popf_tf_ring3, sweep_tf, GT_2LEVEL, .arg = 3)

/* Words through the image of IRET, every combination of the 14 bits that an outer
 * ring may touch or try to (IF, IOPL, NT, RF, VIF and VIP among them). VM has a
 * case of its own (fl.iret_vm_*). */
GT_CODE(code_pushf, "pushfl; popl %ebx; ud2");

static void sweep_iret(uint32_t ring)
{
    static const uint32_t bits[] = {
        FLAG_CF, FLAG_PF, FLAG_ZF, FLAG_SF, FLAG_IF, FLAG_DF, FLAG_OF, 0x1000, 0x2000,
        FLAG_NT, FLAG_RF, FLAG_AC, FLAG_VIF, FLAG_ID,
    };
    struct trap_frame f;

    for (uint32_t w = 0; w < 1u << ARRAY_COUNT(bits); w += 3) {
        uint32_t word = 0;

        for (uint32_t b = 0; b < ARRAY_COUNT(bits); b++)
            word |= w >> b & 1 ? bits[b] : 0;
        gt_frame(ring, &f);
        f.eflags = word;
        EXPECT_EQ_AT(word, gt_run(ring, code_pushf, &f), VEC_UD);
        EXPECT_EQ_AT(word, f.ebx, (word & FREE) | FLAG_FIXED | FLAG_IF);
    }
    print("%u images through IRET at ring %u\n", ((1u << ARRAY_COUNT(bits)) + 2) / 3, ring);
}

GT_ROW(iret_all_ring1, sweep_iret, GT_2LEVEL, .arg = 1)
GT_ROW(iret_all_ring3, sweep_iret, GT_2LEVEL, .arg = 3)
