/* SPDX-License-Identifier: MIT */
/* Debug exceptions (DB-01 to DB-08): a #DB is the guest's own affair, and a storm of
 * them burns its own slice only.  Breakpoints have a file of their own. */

#include "gtest.h"
#include "needs.h"

#define KILLED(text) .expect = "killed: " text

/* DB-01: every move to and from DR0 to DR7 is the kernel's alone. */
GT_CASE(dr_moves_ring3, GT_BOTH)
{
    struct trap_frame f;

    for (uint32_t i = 0; i < 16; i++) {
        uint32_t dr = i & 7, v;
        const uint8_t code[] = {0x0f, i & 8 ? 0x23 : 0x21, (uint8_t)(0xc0 | dr << 3)};

        gt_frame(3, &f);
        f.eax = 0xffff0ff0 | dr;
        v = gt_run_bytes(3, code, 3, &f);
        EXPECT(v == VEC_GP || (v == VEC_UD && (dr == 4 || dr == 5)));
        EXPECT_EQ_AT(i, f.errcode, 0);
        EXPECT_EQ_AT(i, f.eax, 0xffff0ff0 | dr);
    }
}

/* DB-03: MOV SS and POP SS hold the trap flag's #DB back for one instruction. If
 * that instruction enters a gate, the #DB must not surface behind it, in ring 0 or
 * in the guest's handler with TF still set; what arrives is the gate's own vector
 * with the guest's EIP, or a #DB at the guest's code. */
#define SHADOWED(id, insn) \
    GT_CODE(movss_##id, "movl %edx, %ss; " insn "; ud2"); \
    GT_CODE(popss_##id, "pushl %edx; popl %ss; " insn "; ud2")
SHADOWED(hcall, "int $0x1f");
SHADOWED(int80, "int $0x80");
SHADOWED(int3, "int3");
SHADOWED(int_3, ".byte 0xcd, 3");
SHADOWED(int1, ".byte 0xcd, 1");
SHADOWED(icebp, ".byte 0xf1");
SHADOWED(sysenter, "sysenter");
SHADOWED(syscall, "syscall");
SHADOWED(cli, "cli");
SHADOWED(nop, "nop");
SHADOWED(fault, "movl (%ebx), %eax");

struct shadowed {
    const uint8_t *start, *end;
    uint32_t ring1, ring3; /* vectors that the shadowed instruction may give */
};

#define V(n) (1u << (n))
#define ROW(id, r1, r3) \
    {movss_##id##_start, movss_##id##_end, r1, r3}, \
    {popss_##id##_start, popss_##id##_end, r1, r3}
static const struct shadowed shadowed_rows[] = {
    ROW(hcall, V(VEC_DB) | V(VEC_UD), V(VEC_GP)),
    ROW(int80, 0, 0), /* 0x80 and nothing else */
    ROW(int3, V(VEC_BP), V(VEC_BP)),
    ROW(int_3, V(VEC_BP), V(VEC_BP)),
    ROW(int1, V(VEC_DB), V(VEC_GP)),
    ROW(icebp, V(VEC_DB) | V(VEC_UD), V(VEC_DB) | V(VEC_UD)),
    ROW(sysenter, V(VEC_GP) | V(VEC_UD), V(VEC_GP) | V(VEC_UD)),
    ROW(syscall, V(VEC_UD), V(VEC_UD)),
    ROW(cli, V(VEC_DB) | V(VEC_UD), V(VEC_GP)),
    ROW(nop, V(VEC_DB), V(VEC_DB)),
    ROW(fault, V(VEC_PF), V(VEC_PF)),
};

static void step_over(const struct shadowed *s, uint32_t ring, uint32_t tag)
{
    uint32_t bytes = (uint32_t)(s->end - s->start), start, v;
    uint32_t may = ring == 1 ? s->ring1 : s->ring3;
    struct trap_frame f;

    gt_frame(ring, &f);
    f.edx = ring == 3 ? USER_DS : GABI_KERNEL_DS;
    f.eax = GABI_HCALL_FLUSH_ASYNC;
    f.ebx = 0x66660000;
    start = f.eip;
    /* The iret of trap_run loads TF: the first #DB comes behind MOV SS and its
     * shadow, or behind the push. */
    memcpy(phys_ptr(start), s->start, bytes);
    f.eflags |= FLAG_TF;
    for (uint32_t i = 0; i < 4; i++) {
        v = trap_run(&f, GABI_IF);
        EXPECT_EQ_AT(tag, trap_seen.handler_flags & FLAG_TF, 0);
        EXPECT_EQ_AT(tag, f.cs & 3, ring);
        if (v != VEC_DB || f.eip - start >= bytes - 2)
            break;
        f.eflags |= FLAG_TF;
    }
    EXPECT(f.eip - start <= bytes);
    if (may)
        EXPECT_EQ_AT(tag, v < 32 && (may >> v & 1), 1);
    else
        EXPECT_EQ_AT(tag, v, GUEST_SYSCALL_VECTOR);
}

static void mov_ss(uint32_t rounds)
{
    uint32_t n = 0;

    gt_need_steps();
    trap_load_stub(VEC_DB, GATE_INTERRUPT, 1);
    for (uint32_t round = 0; round < rounds; round++) {
        for (uint32_t i = 0; i < ARRAY_COUNT(shadowed_rows); i++) {
            for (uint32_t ring = 1; ring <= 3; ring += 2) {
                step_over(&shadowed_rows[i], ring, ring << 8 | i);
                n++;
            }
        }
    }
    print("%u steps over MOV SS and POP SS\n", n);
}

GT_ROW(mov_ss_then_gate, mov_ss, GT_BOTH, .arg = 8)

/* DB-04: the same after DR6 has collected every bit that a guest can put there: the
 * monitor does not go by it. */
GT_CASE(mov_ss_after_sticky_dr6, GT_2LEVEL)
{
    GT_CODE(code_two_nops, "nop; nop; ud2");
    struct trap_frame f;

    gt_need_steps();
    for (uint32_t i = 0; i < 50; i++) {
        gt_frame(i & 1 ? 3 : 1, &f);
        f.eflags |= FLAG_TF;
        EXPECT_EQ(gt_run(i & 1 ? 3 : 1, code_two_nops, &f), VEC_DB);
        __asm__ volatile("movl %0, %%dr6" : : "r"(0xffffffff) : "memory");
    }
    mov_ss(2);
}

/* DB-06: a step whose frame has no place to go. */
GT_CODE(code_step_lost, "movl %ebx, %esp; nop; nop; ud2");

static void step_lost(uint32_t esp)
{
    struct trap_frame f;

    gt_need_steps();
    gt_frame(1, &f);
    f.ebx = esp;
    f.eflags |= FLAG_TF;
    memcpy(phys_ptr(f.eip), code_step_lost_start, 5);
    (void)trap_run(&f, 0);
    FAIL("a frame at %x", esp);
}

GT_ROW(step_on_no_stack, step_lost, GT_BOTH, .arg = 0x60000800, KILLED("bad address"))
GT_ROW(step_on_window, step_lost, GT_BOTH, .arg = 0xffe02800, KILLED("bad address"))
GT_ROW(step_on_text, step_lost, GT_2LEVEL, .arg = 0xffe00800, KILLED("bad address"))

/* A #DB handler that is itself stepped for ever, by setting TF before it is done:
 * each #DB is one instruction of progress, none is one of the monitor's. */
static void step_again(struct trap_frame *f)
{
    f->eflags |= FLAG_TF;
}

GT_CASE(user_stepped_for_ever, GT_2LEVEL, .expect = "runs")
{
    static const uint8_t self[] = {0x90, 0xeb, 0xfd};
    struct trap_frame f;

    gt_need_steps();
    trap_set_handler(VEC_DB, step_again);
    gt_frame(3, &f);
    memcpy(phys_ptr(f.eip), self, sizeof(self));
    /* No run: every #DB has to go back to the user code. */
    lg_irq_enabled = GABI_IF;
    __asm__ volatile("pushl %0; pushl %1; pushl $0x302; pushl %2; pushl %3; iretl"
                     : : "r"(f.ss), "r"(f.esp), "r"(f.cs), "r"(f.eip));
    FAIL("still here");
}

/* ---- #AC: only where the CPU raises it (TCG does not) ---- */

GT_CODE(code_unaligned, "movl 1(%ebx), %eax; ud2");

static uint32_t unaligned(uint32_t ring, uint32_t flags, struct trap_frame *f)
{
    gt_user_setup();
    gt_frame(ring, f);
    f->ebx = GT_USER_DATA;
    f->eflags |= flags;
    return gt_run(ring, code_unaligned, f);
}

static void need_alignment_checks(void)
{
    struct trap_frame f;

    if (unaligned(3, FLAG_AC, &f) != VEC_AC)
        SKIP("this CPU checks no alignment (#AC)");
}

/* FL-08 in the words of SDM 3A 6.15, vector 17: at ring 3 only. */
GT_CASE(alignment_check, GT_BOTH)
{
    struct trap_frame f;

    EXPECT_EQ(unaligned(1, FLAG_AC, &f), VEC_UD);
    EXPECT_EQ(unaligned(3, 0, &f), VEC_UD);
    need_alignment_checks();
    EXPECT_EQ(unaligned(3, FLAG_AC, &f), VEC_AC);
    EXPECT_EQ(f.errcode, 0);
    EXPECT_EQ(f.eip, GT_USER_CODE);
}

/* DB-07: #AC again and again, on a kernel stack that is not aligned either. */
GT_CASE(alignment_storm, GT_2LEVEL)
{
    struct trap_frame f;

    need_alignment_checks();
    hcall3(GABI_HCALL_SET_STACK, GABI_KERNEL_DS, guest_trap_stack() - 3, 2);
    for (uint32_t i = 0; i < 100000; i++)
        EXPECT_EQ(unaligned(3, FLAG_AC, &f), VEC_AC);
}

/* DB-08: ICEBP is a #DB that asks no gate for its DPL; TCG calls it undefined, others
 * pass over it. */
GT_CASE(icebp_flood, GT_2LEVEL)
{
    static const uint8_t icebp[] = {0xf1, 0x0f, 0x0b}, nop[] = {0x90, 0x0f, 0x0b};
    struct trap_frame f;

    for (uint32_t i = 0; i < 20000; i++) {
        gt_frame(3, &f);
        uint32_t v = gt_run_bytes(3, icebp, 3, &f);

        if (i == 0 && v == VEC_UD && f.eip == GT_USER_CODE)
            SKIP("ICEBP is an undefined opcode here");
        if (i == 0 && v == VEC_UD) {
            gt_frame(3, &f);
            if (gt_exits_of(icebp, 3, &f) == gt_exits_of(nop, 3, &f))
                SKIP("ICEBP does nothing here");
        }
        EXPECT_EQ(v, VEC_DB);
        EXPECT_EQ(f.eip, GT_USER_CODE + 1);
    }
}
