/* SPDX-License-Identifier: MIT */
/* TR-01: each fault, really caused, at rings 1 and 3, through an interrupt and
 * a trap gate, with the virtual IF on and off.  The frame has to be the one that
 * hardware would push, with the virtual IF in it. */

#include "gtest.h"
#include "needs.h"

#define FLAGS_SEEN (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_DF | \
                    FLAG_OF | FLAG_IOPL | FLAG_NT | FLAG_VM | FLAG_ID)
#define FLAGS_SET (FLAG_FIXED | FLAG_IF | FLAG_CF | FLAG_SF)

#define SEL_NOT_PRESENT (6u << 3) /* TLS 0, made below */

GT_CODE(code_de, "nop; divl %ecx; nop");
GT_CODE(code_bp, "nop; int3; nop");
GT_CODE(code_bp2, "nop; .byte 0xcd, 3; nop");
GT_CODE(code_of, "movb $0x7f, %al; addb $1, %al; into; nop");
GT_CODE(code_of2, "nop; .byte 0xcd, 4; nop");
GT_CODE(code_br, "nop; bound %ecx, (%ebx); nop");
GT_CODE(code_ud, "nop; ud2; nop");
GT_CODE(code_nm, "nop; fnop; nop");
GT_CODE(code_np, "nop; movl %ecx, %gs; nop");
GT_CODE(code_ss, "nop; movl %ecx, %ss; nop");
GT_CODE(code_gp, "nop; movl %cr0, %eax; nop");
GT_CODE(code_gp_sel, "nop; movl %ecx, %ds; nop");
GT_CODE(code_pf, "nop; movl (%ebx), %eax; nop");
GT_CODE(code_pf_w, "nop; movl %eax, (%ebx); nop");
GT_CODE(code_mf, "fninit; fldcw (%ebx); fld1; fldz; .byte 0xde, 0xf9; fwait; nop");
GT_CODE(code_int80, "nop; int $0x80; nop");

struct fault {
    const uint8_t *start, *end;
    uint32_t vector, errcode, eip_offset;
    uint32_t ecx, ebx;
    uint32_t user_errcode; /* added at ring 3 */
    bool flags_known;      /* the code itself changes no flag */
};

#define F(id, ...) {id##_start, id##_end, __VA_ARGS__}

enum {
    DE, BP, BP2, OF, OF2, BR, UD, NM, NP, SS, GP, GPSEL, PF, PFW, MF,
};

#define VA_NOWHERE 0x66667008u

static const struct fault faults[] = {
    [DE] = F(code_de, VEC_DE, 0, 1, 0, 0, 0, true),
    [BP] = F(code_bp, VEC_BP, 0, 2, 0, 0, 0, true),
    [BP2] = F(code_bp2, VEC_BP, 0, 3, 0, 0, 0, true),
    [OF] = F(code_of, VEC_OF, 0, 5, 0, 0, 0, false),
    [OF2] = F(code_of2, VEC_OF, 0, 3, 0, 0, 0, true),
    [BR] = F(code_br, VEC_BR, 0, 1, 5, GT_USER_DATA, 0, true),
    [UD] = F(code_ud, VEC_UD, 0, 1, 0, 0, 0, true),
    [NM] = F(code_nm, VEC_NM, 0, 1, 0, 0, 0, true),
    [NP] = F(code_np, VEC_NP, SEL_NOT_PRESENT, 1, SEL_NOT_PRESENT, 0, 0, true),
    [SS] = F(code_ss, VEC_SS, SEL_NOT_PRESENT, 1, SEL_NOT_PRESENT, 0, 0, true),
    [GP] = F(code_gp, VEC_GP, 0, 1, 0, 0, 0, true),
    [GPSEL] = F(code_gp_sel, VEC_GP, 0xf0, 1, 0xf3, 0, 0, true),
    [PF] = F(code_pf, VEC_PF, 0, 1, 0, VA_NOWHERE, 4, true),
    [PFW] = F(code_pf_w, VEC_PF, 2, 1, 0, VA_NOWHERE, 4, true),
    [MF] = F(code_mf, VEC_MF, 0, 10, 0, GT_USER_DATA + 16, 0, true),
};

static void prepare(const struct fault *x, uint32_t ring)
{
    uint32_t dpl = ring == 3 ? 3 : 1;
    uint64_t tls[3] = {0};

    /* The #NP and #SS rows: present bit clear. LOAD_TLS keeps it so. */
    tls[0] = desc_make(0, 0xfffff, (DESC_DATA | DESC_DPL(dpl)) & ~0x80u,
                       DESC_FLAT_BITS);
    desc_load_tls(tls);
    gt_user_setup();
    poke32(GT_USER_DATA, 0); /* bounds 0..2 */
    poke32(GT_USER_DATA + 4, 2);
    poke32(GT_USER_DATA + 16, 0x37b); /* divide by zero unmasked */
    lguest_call(GABI_HCALL_TS, x->vector == VEC_NM ? 8 : 0, 0, 0, 0);
}

static void check(const struct fault *x, uint32_t ring, uint32_t gate, uint32_t vif)
{
    uint32_t tag = ring << 16 | gate << 12 | vif, flags, err = x->errcode;
    struct trap_frame f;

    gt_frame(ring, &f);
    f.eflags = FLAGS_SET;
    f.ecx = x->ecx | (x->vector == VEC_NP || x->vector == VEC_SS
                          ? (ring == 3 ? 3u : 1u) : 0);
    f.ebx = x->ebx;
    uint32_t start = f.eip, esp = f.esp;

    lg_cr2 = 0x12345678;
    memcpy(phys_ptr(start), x->start, (uint32_t)(x->end - x->start));
    EXPECT_EQ_AT(tag, trap_run(&f, vif), x->vector);
    EXPECT_EQ_AT(tag, f.eip, start + x->eip_offset);
    EXPECT_EQ_AT(tag, f.cs, ring == 3 ? USER_CS : GABI_KERNEL_CS);
    EXPECT_EQ_AT(tag, f.esp, esp);
    EXPECT_EQ_AT(tag, f.ss, ring == 3 ? USER_DS : GABI_KERNEL_DS);
    EXPECT_EQ_AT(tag, f.errcode, err | (ring == 3 ? x->user_errcode : 0));
    EXPECT_EQ_AT(tag, f.eflags & FLAG_IF, vif);
    EXPECT_EQ_AT(tag, trap_seen.irq_enabled, gate == GATE_INTERRUPT ? 0 : vif);
    EXPECT_EQ_AT(tag, trap_seen.handler_cs, GABI_KERNEL_CS);
    EXPECT_EQ_AT(tag, trap_seen.cr2, x->vector == VEC_PF ? x->ebx : 0x12345678);
    if (ring == 3)
        EXPECT_EQ_AT(tag, trap_seen.frame_esp, guest_trap_stack() - 8);
    if (x->flags_known) {
        flags = (FLAGS_SET & ~FLAG_IF);
        EXPECT_EQ_AT(tag, f.eflags & FLAGS_SEEN, flags & FLAGS_SEEN);
    }
}

static void each_way(uint32_t which)
{
    static const uint32_t gates[] = {GATE_INTERRUPT, GATE_TRAP};
    const struct fault *x = &faults[which];

    if (which == MF)
        gt_need_math_errors();
    if (which == BR)
        gt_need_bound();
    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        for (uint32_t g = 0; g < 2; g++) {
            prepare(x, ring);
            trap_load_stub(x->vector, gates[g], 3);
            check(x, ring, gates[g], 0);
            check(x, ring, gates[g], GABI_IF);
        }
    }
}

GT_ROW(de, each_way, GT_BOTH, .arg = DE)
GT_ROW(bp, each_way, GT_BOTH, .arg = BP)
GT_ROW(int_3, each_way, GT_BOTH, .arg = BP2)
GT_ROW(of, each_way, GT_BOTH, .arg = OF)
GT_ROW(int_4, each_way, GT_2LEVEL, .arg = OF2)
GT_ROW(br, each_way, GT_2LEVEL, .arg = BR)
GT_ROW(ud, each_way, GT_BOTH, .arg = UD)
GT_ROW(nm, each_way, GT_BOTH, .arg = NM)
GT_ROW(np, each_way, GT_BOTH, .arg = NP)
GT_ROW(ss, each_way, GT_BOTH, .arg = SS)
GT_ROW(gp, each_way, GT_BOTH, .arg = GP)
GT_ROW(gp_selector, each_way, GT_2LEVEL, .arg = GPSEL)
GT_ROW(pf_read, each_way, GT_BOTH, .arg = PF)
GT_ROW(pf_write, each_way, GT_BOTH, .arg = PFW)
GT_ROW(mf, each_way, GT_BOTH, .arg = MF)

/* The system-call vector: direct from ring 3 through a trap gate (IF then reads
 * 1 whatever the virtual one is: the accepted divergence), through the thunk
 * with an interrupt gate. Both without an exit. */
static void syscall_from_user(uint32_t gate)
{
    struct trap_frame f;

    trap_load_stub(GUEST_SYSCALL_VECTOR, gate, 3);
    for (uint32_t round = 0; round < 4; round++) {
        uint32_t vif = round & 1 ? GABI_IF : 0, before, taken;

        gt_frame(3, &f);
        f.eflags = FLAGS_SET;
        f.eax = 0x11111111 * round;
        memcpy(phys_ptr(f.eip), code_int80_start, 4);
        uint32_t start = f.eip, esp = f.esp;

        before = gt_exits();
        EXPECT_EQ(trap_run(&f, vif), 0x80);
        taken = gt_exits() - before - 1;
        EXPECT_EQ(f.eip, start + 3);
        EXPECT_EQ(f.cs, USER_CS);
        EXPECT_EQ(f.esp, esp);
        EXPECT_EQ(f.ss, USER_DS);
        EXPECT_EQ(f.eax, 0x11111111 * round);
        EXPECT_EQ(trap_seen.frame_esp, guest_trap_stack() - 8);
        EXPECT_EQ(trap_seen.irq_enabled, gate == GATE_INTERRUPT ? 0 : vif);
        if (gate == GATE_INTERRUPT || vif)
            EXPECT_EQ(f.eflags & FLAG_IF, vif);
        EXPECT_EQ(f.eflags & (FLAGS_SEEN & ~FLAG_IOPL), FLAGS_SET & FLAGS_SEEN);
        /* The first rounds may fill shadow pages; a tick may fall in too. */
        if (round >= 2)
            EXPECT(taken <= 1);
    }
}

GT_ROW(int80_trap_gate, syscall_from_user, GT_BOTH, .arg = GATE_TRAP)
GT_ROW(int80_interrupt_gate, syscall_from_user, GT_BOTH, .arg = GATE_INTERRUPT)

/* The same from ring 1: no stack switch. */
static void syscall_from_kernel(uint32_t gate)
{
    struct trap_frame f;

    trap_load_stub(GUEST_SYSCALL_VECTOR, gate, 3);
    for (uint32_t round = 0; round < 4; round++) {
        uint32_t vif = round & 1 ? GABI_IF : 0;

        gt_frame(1, &f);
        f.eflags = FLAGS_SET;
        uint32_t start = f.eip, esp = f.esp;

        EXPECT_EQ(gt_run(1, code_int80, &f), 0x80);
        gt_frame(1, &f);
        f.eflags = FLAGS_SET;
        EXPECT_EQ(trap_run(&f, vif), 0x80);
        EXPECT_EQ(f.eip, start + 3);
        EXPECT_EQ(f.cs, GABI_KERNEL_CS);
        EXPECT_EQ(f.esp, esp);
        EXPECT_EQ(trap_seen.irq_enabled, gate == GATE_INTERRUPT ? 0 : vif);
        if (gate == GATE_INTERRUPT || vif)
            EXPECT_EQ(f.eflags & FLAG_IF, vif);
    }
}

GT_ROW(int80_ring1_trap, syscall_from_kernel, GT_2LEVEL, .arg = GATE_TRAP)
GT_ROW(int80_ring1_intr, syscall_from_kernel, GT_2LEVEL, .arg = GATE_INTERRUPT)
