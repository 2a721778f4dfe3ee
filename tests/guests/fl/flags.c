/* SPDX-License-Identifier: MIT */
/* Flags: what a guest can and cannot do to the real EFLAGS (FL-01 to FL-11). */

#include "gtest.h"
#include "needs.h"

GT_CODE(code_popf, "pushl %eax; popfl; pushfl; popl %ebx; ud2");
GT_CODE(code_pushf, "pushfl; popl %ebx; ud2");
GT_CODE(code_int80, "int $0x80; ud2");
GT_CODE(code_hcall, "int $0x1f; pushfl; popl %ebx; ud2");
GT_CODE(code_load, "movl (%ebx), %eax; ud2");
GT_CODE(code_iret, "iretl");
GT_CODE(code_cli, "cli; pushfl; popl %ebx; ud2");
GT_CODE(code_sti, "sti; pushfl; popl %ebx; ud2");
GT_CODE(code_sysenter, "sysenter; ud2");
GT_CODE(code_nops, "nop; nop; nop; ud2");
GT_CODE(code_stac, ".byte 0x0f, 0x01, 0xcb; ud2");
GT_CODE(code_clac, ".byte 0x0f, 0x01, 0xca; ud2");

/* Bits that code below ring 0 changes as it likes, IOPL being 0. */
#define FREE (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_DF | FLAG_OF | \
              FLAG_NT | FLAG_AC | FLAG_ID)
#define FORBIDDEN (FLAG_IOPL | FLAG_VM | FLAG_VIF | FLAG_VIP)

static void check_flags(uint32_t tried, uint32_t seen)
{
    EXPECT_EQ_AT(tried, seen & FLAG_IF, FLAG_IF); /* the real one */
    EXPECT_EQ_AT(tried, seen & FORBIDDEN, 0);
    EXPECT_EQ_AT(tried, seen & FREE, tried & FREE);
}

static void try_popf(uint32_t ring, uint32_t flags)
{
    struct trap_frame f;

    gt_frame(ring, &f);
    f.eax = flags;
    EXPECT_EQ_AT(flags, gt_run(ring, code_popf, &f), VEC_UD);
    check_flags(flags, f.ebx);
}

/* FL-01: single bits, their complements, and 10,000 random words. */
static void popf_sweep(uint32_t ring)
{
    for (uint32_t bit = 0; bit < 32; bit++) {
        if (1u << bit != FLAG_TF) {
            try_popf(ring, 1u << bit);
            try_popf(ring, ~(1u << bit) & ~FLAG_TF);
        }
    }
    for (uint32_t i = 0; i < 10000; i++)
        try_popf(ring, gt_random() & ~FLAG_TF);
}

GT_ROW(popf_ring1, popf_sweep, GT_2LEVEL, .arg = 1)
GT_ROW(popf_ring3, popf_sweep, GT_2LEVEL, .arg = 3)

/* The same through the image of an iret. RF in it is legal and without effect;
 * NT is set only after the iret. VM has a case of its own. */
static void iret_sweep(uint32_t ring)
{
    struct trap_frame f;

    for (uint32_t i = 0; i < 10000; i++) {
        uint32_t flags = i < 32 ? 1u << i : gt_random();

        flags &= ~(FLAG_TF | FLAG_VM);
        gt_frame(ring, &f);
        f.eflags = flags;
        EXPECT_EQ_AT(flags, gt_run(ring, code_pushf, &f), VEC_UD);
        check_flags(flags, f.ebx);
    }
}

GT_ROW(iret_ring1, iret_sweep, GT_2LEVEL, .arg = 1)
GT_ROW(iret_ring3, iret_sweep, GT_2LEVEL, .arg = 3)

/* AR-06, FL-02: whatever irq_enabled holds, only bit 9 means anything, and it
 * never reaches the real flags. */
GT_CASE(irq_enabled_words, GT_BOTH)
{
    static const uint32_t words[] = {0xffffffff, 0x200, 0x3200, 0xfd00, 0x3000,
                                     0x20000,    0x246, 0x046,  0x5200, 0xfffffdff};
    struct trap_frame f;

    for (uint32_t i = 0; i < ARRAY_COUNT(words); i++) {
        for (uint32_t ring = 1; ring <= 3; ring += 2) {
            gt_frame(ring, &f);
            memcpy(phys_ptr(f.eip), code_pushf_start, 4);
            EXPECT_EQ_AT(i, trap_run(&f, words[i]), VEC_UD);
            EXPECT_EQ_AT(i, f.ebx & (FLAG_IF | FORBIDDEN), FLAG_IF);
            EXPECT_EQ_AT(i, f.eflags & FLAG_IF, words[i] & GABI_IF);
            EXPECT_EQ_AT(i, f.eflags & FORBIDDEN, 0);
            EXPECT_EQ_AT(i, read_flags() & (FLAG_IF | FORBIDDEN), FLAG_IF);
        }
    }
}

/* FL-03: neither this loop nor the raw instruction stops the machine. */
GT_CASE(cli_loop, GT_2LEVEL, .expect = "runs")
{
    irq_disable();
    __asm__ volatile("cli");
    for (;;)
        barrier();
}

GT_CASE(user_loop, GT_2LEVEL, .expect = "runs")
{
    static const uint8_t self[] = {0xeb, 0xfe};
    struct trap_frame f;

    gt_frame(3, &f);
    gt_run_bytes(3, self, sizeof(self), &f);
}

/* FL-04: raw cli is skipped, raw sti sets the virtual flag; ring 3 may not. */
GT_CASE(raw_cli_sti, GT_BOTH)
{
    struct trap_frame f;

    for (uint32_t i = 0; i < 2000; i++) {
        gt_frame(1, &f);
        memcpy(gt_kernel_code, code_cli_start, 6);
        EXPECT_EQ(trap_run(&f, GABI_IF), VEC_UD);
        EXPECT(f.ebx & FLAG_IF);
        EXPECT(f.eflags & FLAG_IF); /* cli has no effect */
        gt_frame(1, &f);
        memcpy(gt_kernel_code, code_sti_start, 6);
        EXPECT_EQ(trap_run(&f, 0), VEC_UD);
        EXPECT(f.eflags & FLAG_IF);
    }
    for (uint32_t i = 0; i < 200; i++) {
        gt_frame(3, &f);
        uint32_t v = i & 1 ? gt_run(3, code_cli, &f) : gt_run(3, code_sti, &f);

        EXPECT_EQ(v, VEC_GP);
        EXPECT_EQ(f.errcode, 0);
        EXPECT_EQ(f.eip, GT_USER_CODE);
    }
}

/* FL-05: NT through each way into the monitor and back. It is the guest's own:
 * still set where the guest goes on, clear in every handler. */
static void nt_round(uint32_t ring, const uint8_t *code, uint32_t vector, uint32_t err)
{
    struct trap_frame f;

    gt_frame(ring, &f);
    f.eflags |= FLAG_NT;
    f.ebx = 0x66660000;
    f.eax = GABI_HCALL_FLUSH_ASYNC;
    EXPECT_EQ(gt_run_bytes(ring, code, 8, &f), vector);
    EXPECT_EQ(f.errcode, err);
    EXPECT(f.eflags & FLAG_NT);
    EXPECT_EQ(trap_seen.handler_flags & FLAG_NT, 0);
}

GT_CASE(nt_everywhere, GT_BOTH)
{
    for (uint32_t i = 0; i < 50; i++) {
        nt_round(3, code_int80_start, 0x80, 0);
        nt_round(1, code_int80_start, 0x80, 0);
        nt_round(3, code_load_start, VEC_PF, 4);
        nt_round(1, code_load_start, VEC_PF, 0);
        nt_round(3, code_sysenter_start, VEC_GP, 0);
        nt_round(1, code_sysenter_start, VEC_GP, 0);
        nt_round(1, code_hcall_start, VEC_UD, 0);
    }
    read_flags();
}

/* An interrupt into code that has NT set, and back to it. */
GT_CASE(nt_interrupt, GT_2LEVEL)
{
    /* Loops while EBX is 0; the handler sets it. */
    static const uint8_t loop[] = {0x8b, 0x0b, 0x85, 0xc9, 0x74, 0xfa, 0x0f, 0x0b};
    struct trap_frame f;

    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        uint32_t before = irq_count[GABI_IRQ_TIMER];

        gt_frame(ring, &f);
        f.eflags |= FLAG_NT;
        f.ebx = ring == 3 ? GT_USER_DATA : addr_of(&irq_count[GABI_IRQ_TIMER]);
        if (ring == 3) {
            /* User code cannot see the kernel's count: give it a bounded run. */
            static const uint8_t spin[] = {0x40, 0x3d, 0, 0, 0, 0x04, 0x75, 0xf8,
                                           0x0f, 0x0b};

            memcpy(phys_ptr(f.eip), spin, sizeof(spin));
        } else {
            memcpy(phys_ptr(f.eip), loop, sizeof(loop));
        }
        irq_unblock(GABI_IRQ_TIMER);
        lguest_call(GABI_HCALL_SET_CLOCKEVENT, 200000, 0, 0, 0);
        EXPECT_EQ(trap_run(&f, GABI_IF), VEC_UD);
        EXPECT(f.eflags & FLAG_NT);
        EXPECT(irq_count[GABI_IRQ_TIMER] != before);
    }
}

/* The guest's own iret with NT set: there is no task to go back to. */
GT_CASE(iret_with_nt, GT_BOTH)
{
    struct trap_frame f;

    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        gt_frame(ring, &f);
        f.eflags |= FLAG_NT;
        f.esp -= 32;
        for (uint32_t i = 0; i < 8; i++)
            poke32(f.esp + i * 4, 0);
        uint32_t start = f.eip, v = gt_run(ring, code_iret, &f);

        EXPECT(v == VEC_TS || v == VEC_GP);
        EXPECT_EQ(f.eip, start);
        EXPECT_EQ(f.errcode, 0);
    }
}

/* FL-07: RF in an image does nothing where there are no breakpoints. */
GT_CASE(rf_no_effect, GT_2LEVEL)
{
    struct trap_frame f;

    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        gt_frame(ring, &f);
        f.eflags |= FLAG_RF;
        EXPECT_EQ(gt_run(ring, code_nops, &f), VEC_UD);
    }
}

/* Single steps: one #DB per instruction, TF off in the handler, on in the frame;
 * also across an emulated instruction, a filled page fault and a hypercall. */
GT_CASE(single_step, GT_BOTH)
{
    static const uint8_t code[] = {
        0x90,             /* nop */
        0x8b, 0x03,       /* mov eax, [ebx]: filled by the monitor */
        0x31, 0xc0,       /* xor eax, eax */
        0x90, 0x0f, 0x0b, /* nop; ud2 */
    };
    static const uint8_t ends[] = {1, 3, 5, 6};
    struct trap_frame f;

    gt_need_steps();
    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        pt_set(pt_root, 0x41000000, 0);
        pt_write(pt_root, 0x41000000, page_alloc() | PTE_USER);
        gt_frame(ring, &f);
        f.ebx = 0x41000000;
        uint32_t start = f.eip;

        memcpy(phys_ptr(start), code, sizeof(code));
        for (uint32_t i = 0; i < ARRAY_COUNT(ends); i++) {
            f.eflags |= FLAG_TF;
            EXPECT_EQ_AT(i, trap_run(&f, 0), VEC_DB);
            EXPECT_EQ_AT(i, f.eip, start + ends[i]);
            EXPECT_EQ(trap_seen.handler_flags & FLAG_TF, 0);
            EXPECT(f.eflags & FLAG_TF);
        }
        f.eflags &= ~FLAG_TF;
        EXPECT_EQ(trap_run(&f, 0), VEC_UD);
    }
}

/* HC-21: the step shows behind the hypercall instruction. */
GT_CASE(single_step_hcall, GT_BOTH)
{
    struct trap_frame f;

    gt_need_steps();
    gt_frame(1, &f);
    f.eflags |= FLAG_TF | FLAG_DF | FLAG_AC | FLAG_NT;
    f.eax = GABI_HCALL_FLUSH_ASYNC;
    EXPECT_EQ(gt_run(1, code_hcall, &f), VEC_DB);
    EXPECT_EQ(f.eip, addr_of(gt_kernel_code) + 2);
    EXPECT_EQ(f.eflags & (FLAG_DF | FLAG_AC | FLAG_NT), FLAG_DF | FLAG_AC | FLAG_NT);
}

/* One #DB behind each instruction that the monitor carries out, as behind any other, and
 * behind each element of a repeated one; no sleep with a #DB to come. */
static const struct carried_out {
    uint8_t bytes[6], length;
    uint8_t steps; /* #DB before EIP is behind it */
} carried_out[] = {
    {{0xec}, 1, 1},                   /* in al, dx */
    {{0xe5, 0x80}, 2, 1},             /* in eax, 0x80 */
    {{0x66, 0xed}, 2, 1},             /* in ax, dx */
    {{0xf2, 0xec}, 2, 1},             /* with a prefix that means nothing */
    {{0xee}, 1, 1},                   /* out dx, al */
    {{0x66, 0xef}, 2, 1},             /* out dx, ax */
    {{0x6d}, 1, 1},                   /* insl */
    {{0xf3, 0x6d}, 2, 3},             /* rep insl: ECX is 3 */
    {{0xf3, 0x6e}, 2, 3},             /* rep outsb */
    {{0xfa}, 1, 1},                   /* cli */
    {{0xfb}, 1, 1},                   /* sti */
    {{0xf4}, 1, 1},                   /* hlt */
    {{0x0f, 0x21, 0xc8}, 3, 1},       /* mov eax, dr1 */
    {{0x0f, 0x23, 0xc8}, 3, 1},       /* mov dr1, eax */
    {{0xcd, 0x1f}, 2, 1},             /* the hypercall FLUSH_ASYNC, then HALT */
    {{0xcd, 0x1f}, 2, 1},
};

GT_CASE(single_step_carried_out, GT_BOTH)
{
    struct trap_frame f;

    gt_need_steps();
    gt_user_setup();
    for (uint32_t i = 0; i < ARRAY_COUNT(carried_out); i++) {
        const struct carried_out *c = &carried_out[i];
        uint8_t code[8] = {0};
        uint32_t start;

        gt_frame(1, &f);
        start = f.eip;
        f.ecx = c->steps;
        f.edx = 0x80;
        f.edi = GT_USER_DATA;
        f.eax = i + 1 == ARRAY_COUNT(carried_out) ? GABI_HCALL_HALT : GABI_HCALL_FLUSH_ASYNC;
        memcpy(code, c->bytes, c->length);
        memcpy(code + c->length, "\x90\x0f\x0b", 3);
        memcpy(phys_ptr(start), code, sizeof(code));
        for (uint32_t n = 1; n <= c->steps + 1u; n++) {
            f.eflags |= FLAG_TF;
            EXPECT_EQ_AT(i, trap_run(&f, GABI_IF), VEC_DB);
            EXPECT_EQ_AT(i, f.eip, start + (n < c->steps ? 0u : c->length + n - c->steps));
            EXPECT_EQ_AT(i, trap_seen.handler_flags & FLAG_TF, 0);
        }
        f.eflags &= ~FLAG_TF;
        EXPECT_EQ_AT(i, trap_run(&f, 0), VEC_UD);
    }
}

/* At ring 3 all of these are faults where they stand, stepped or not. */
GT_CASE(single_step_refused, GT_BOTH)
{
    struct trap_frame f;

    for (uint32_t i = 0; i < ARRAY_COUNT(carried_out); i++) {
        gt_frame(3, &f);
        f.edx = 0x80;
        f.edi = GT_USER_DATA;
        f.eflags |= FLAG_TF;
        EXPECT_EQ_AT(i, gt_run_bytes(3, carried_out[i].bytes, 6, &f), VEC_GP);
        EXPECT_EQ_AT(i, f.eip, GT_USER_CODE);
    }
}

/* FL-10: VM stays 0. */
GT_CASE(vm_attempts, GT_2LEVEL)
{
    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        try_popf(ring, FLAG_VM);
        try_popf(ring, FLAG_VM | FLAG_IOPL | FLAG_VIF | FLAG_VIP);
    }
}

/* An iret at ring 1 cannot set VM (SDM 2A, IRET). QEMU's can: there the guest
 * lands in virtual-8086 mode, and its first trap is #GP(0) of ring 3. */
static void iret_vm(uint32_t ring)
{
    struct trap_frame f;
    uint32_t v;

    gt_frame(ring, &f);
    f.eflags |= FLAG_VM;
    v = gt_run(ring, code_pushf, &f);
    EXPECT_EQ(f.eflags & FLAG_VM, 0);
    if (v == VEC_GP) {
        EXPECT_EQ(f.cs & 3, 3);
        EXPECT_EQ(f.errcode, 0);
        return;
    }
    EXPECT_EQ(v, VEC_UD);
    EXPECT_EQ(f.ebx & FLAG_VM, 0);
}

GT_ROW(iret_vm_ring1, iret_vm, GT_2LEVEL, .arg = 1)
GT_ROW(iret_vm_ring3, iret_vm, GT_2LEVEL, .arg = 3)

/* Without a gate for it the guest ends, and nothing of that mode stays in the CPU. */
GT_CASE(iret_vm_no_gate, GT_LINEAR | GT_2LEVEL, .expect = "any")
{
    __asm__ volatile("pushl $0; pushl $0; pushl $0; pushl $0; pushl $0x69; pushl $0x1000;"
                     "pushl $0x23202; pushl $0x61; pushl $1f; iretl; 1:" : : : "memory");
}

/* What a trap pushes is what rings 1 and 3 can have. QEMU 7.2 forgets on the way to the
 * fault which value its flags are to be taken from, and pushes the INC's result with
 * them: 0x23000, which is VM and IOPL 3, and an iret of the guest's would take VM from
 * there. OF is 0 by the ROL, but QEMU's is not always; RF is the fault's. */
GT_CODE(code_rotate_fault,
        "movl $0, (%edi); movl $0x22fff, %ebx; incl %ebx; roll $1, (%edi);"
        "rcrl $3, 0x70000000; ud2");

GT_CASE(rotate_before_fault, GT_2LEVEL)
{
    struct trap_frame f;

    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        gt_frame(ring, &f);
        f.edi = f.esp - 64;
        EXPECT_EQ(gt_run(ring, code_rotate_fault, &f), VEC_PF);
        EXPECT_EQ_AT(ring, f.eflags & ~(FLAG_OF | FLAG_RF), FLAG_FIXED | FLAG_PF | FLAG_AF);
    }
}

/* FL-11. */
GT_CASE(stac_clac, GT_2LEVEL)
{
    struct trap_frame f;

    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        gt_frame(ring, &f);
        EXPECT_EQ(gt_run(ring, code_stac, &f), VEC_UD);
        EXPECT_EQ(f.eflags & FLAG_AC, 0);
        gt_frame(ring, &f);
        EXPECT_EQ(gt_run(ring, code_clac, &f), VEC_UD);
    }
}

/* The same with a CS that looks like ring 0 to who does not look at VM. */
GT_CODE(code_vm86_iret,
        "pushl $0; pushl $0; pushl $0; pushl $0; pushl $0; pushl $0x100;"
        "pushl $0x20202; pushl $0x2000; pushl $0; iretl");

static void iret_vm_cs(uint32_t ring)
{
    struct trap_frame f;

    gt_frame(ring, &f);
    EXPECT_EQ(gt_run(ring, code_vm86_iret, &f), VEC_GP);
}

GT_ROW(iret_vmcs_ring1, iret_vm_cs, GT_2LEVEL, .arg = 1)
GT_ROW(iret_vmcs_ring3, iret_vm_cs, GT_2LEVEL, .arg = 3)
