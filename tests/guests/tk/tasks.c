/* SPDX-License-Identifier: MIT */
/* Task switches and far transfers (TK-01 to TK-08): there is one task, it is the
 * monitor's, and no guest can leave, nest or describe it; control moves outward
 * or stays; code segments of other sizes trap like any. */

#include "gtest.h"

#define TSS_SEL 0x80u
#define DF_TSS_SEL 0xf8u
#define ENTRY 5u /* a free GDT entry of the guest */
#define ENTRY_SEL (ENTRY << 3)

static uint32_t task_register(void)
{
    uint32_t sel;

    __asm__ volatile("str %0" : "=r"(sel));
    return sel & 0xffff;
}

static uint32_t local_table(void)
{
    uint32_t sel;

    __asm__ volatile("sldt %0" : "=r"(sel));
    return sel & 0xffff;
}

/* TSS types of both tasks: 9 available, B busy (SDM 3A 7.2.2). */
static void expect_tasks(uint64_t tss, uint64_t df)
{
    EXPECT_EQ(gt_real_gdt(TSS_SEL >> 3), tss);
    EXPECT_EQ(gt_real_gdt(DF_TSS_SEL >> 3), df);
    EXPECT_EQ(tss >> 40 & 0x1f, 0xb);
    EXPECT_EQ(df >> 40 & 0x1f, 0x9);
    EXPECT_EQ(task_register(), TSS_SEL);
    EXPECT_EQ(local_table(), 0);
}

static void far_transfer(uint32_t ring, uint8_t opcode, uint32_t sel)
{
    uint8_t code[8] = {opcode, 0, 0, 0, 0, (uint8_t)sel, (uint8_t)(sel >> 8)};
    struct trap_frame f;

    gt_frame(ring, &f);
    uint32_t start = f.eip, v = gt_run_bytes(ring, code, 7, &f);

    EXPECT_EQ_AT(ring << 16 | sel, v, VEC_GP);
    EXPECT_EQ_AT(ring << 16 | sel, f.errcode, sel & 0xfffc);
    EXPECT_EQ_AT(ring << 16 | sel, f.eip, start);
}

/* TK-01: jump and call to both task descriptors, with every RPL. */
GT_CASE(far_to_tasks, GT_BOTH)
{
    uint64_t tss = gt_real_gdt(TSS_SEL >> 3), df = gt_real_gdt(DF_TSS_SEL >> 3);

    for (uint32_t rpl = 0; rpl < 4; rpl++) {
        for (uint32_t ring = 1; ring <= 3; ring += 2) {
            far_transfer(ring, 0xea, TSS_SEL | rpl);
            far_transfer(ring, 0x9a, TSS_SEL | rpl);
            far_transfer(ring, 0xea, DF_TSS_SEL | rpl);
            far_transfer(ring, 0x9a, DF_TSS_SEL | rpl);
            expect_tasks(tss, df);
        }
    }
}

/* TK-02: the back link that an IRET with NT would follow is in a page that no
 * ring of the guest writes; so the IRET finds no task, and the guest a fault. */
GT_CODE(code_link, "movw $0xf8, (%ebx); ud2");
GT_CODE(code_iret, "iretl");

GT_CASE(iret_to_back_link, GT_BOTH)
{
    uint64_t tss = gt_real_gdt(TSS_SEL >> 3), df = gt_real_gdt(DF_TSS_SEL >> 3);
    struct trap_frame f;

    for (uint32_t i = 0; i < 20; i++) {
        uint32_t ring = i & 1 ? 3 : 1, start, v;

        gt_frame(ring, &f);
        f.ebx = GT_STATE_TSS;
        EXPECT_EQ(gt_run(ring, code_link, &f), VEC_PF);
        EXPECT_EQ(f.errcode & ~1u, ring == 3 ? 6 : 2);
        EXPECT_EQ(peek32(GT_STATE_TSS) & 0xffff, 0);
        gt_frame(ring, &f);
        f.eflags |= FLAG_NT;
        start = f.eip;
        v = gt_run(ring, code_iret, &f);
        EXPECT(v == VEC_TS || v == VEC_GP);
        EXPECT_EQ(f.errcode, 0);
        EXPECT_EQ(f.eip, start);
        EXPECT(f.eflags & FLAG_NT);
        expect_tasks(tss, df);
    }
}

/* TK-03: a task gate for #DF is what Linux loads; taken without a word, and no
 * gate of a guest ever is a task gate. */
GT_CASE(task_gates_ignored, GT_BOTH)
{
    static const uint8_t vectors[] = {2, 8};
    static const uint8_t ud[] = {0x0f, 0x0b};
    struct trap_frame f;

    for (uint32_t i = 0; i < ARRAY_COUNT(vectors); i++) {
        uint64_t before = gt_real_idt(vectors[i]);

        lguest_call(GABI_HCALL_LOAD_IDT_ENTRY, vectors[i], DF_TSS_SEL << 16, 0x8500, 0);
        EXPECT_EQ(gt_real_idt(vectors[i]), before);
        EXPECT_EQ(before >> 40 & 0x1f, 0x0e);
    }
    gt_frame(3, &f);
    EXPECT_EQ(gt_run_bytes(3, ud, 2, &f), VEC_UD);
}

/* ---- 16-bit segments ---- */

/* A code segment of 64 KiB without the D bit over the bytes that are run. */
static uint32_t code16(uint32_t ring, const void *bytes, uint32_t n, struct trap_frame *f)
{
    uint32_t at;

    gt_frame(ring, f);
    at = f->eip;
    memcpy(phys_ptr(at), bytes, n);
    desc_load(ENTRY, desc_make(at, 0xffff, DESC_CODE | DESC_DPL(ring), 0));
    f->cs = ENTRY_SEL | ring;
    f->eip = 0;
    return trap_run(f, GABI_IF);
}

static const struct {
    uint8_t bytes[8];
    uint32_t vector, eip;
} rows16[] = {
    {{0xcd, 0x80, 0x0f, 0x0b}, GUEST_SYSCALL_VECTOR, 2},
    {{0x90, 0xcc, 0x0f, 0x0b}, VEC_BP, 2},
    {{0xcd, 0x03, 0x0f, 0x0b}, VEC_BP, 2},
    {{0xb0, 0x7f, 0x04, 0x01, 0xce, 0x0f, 0x0b}, VEC_OF, 5}, /* into */
    {{0x62, 0x07, 0x0f, 0x0b}, VEC_BR, 0},                   /* bound ax, [bx] */
    {{0x66, 0x62, 0x47, 0x08, 0x0f, 0x0b}, VEC_BR, 0},       /* bound eax, [bx+8] */
    {{0x90, 0x0f, 0x0b}, VEC_UD, 1},
    {{0x31, 0xd2, 0xf7, 0xf2}, VEC_DE, 2}, /* div dx */
    {{0x8b, 0x07, 0x0f, 0x0b}, VEC_UD, 2}, /* mov ax, [bx] */
    {{0x0f, 0x20, 0xc0}, VEC_GP, 0},
    {{0xe4, 0x80, 0x0f, 0x0b}, VEC_GP, 0}, /* in: emulated in the flat segment only */
    {{0xfa, 0x0f, 0x0b}, VEC_GP, 0},
};

/* TK-07, and TK-04 in what 16-bit code can do without VM: the frames are 32-bit,
 * vector and EIP right. */
static void from_16bit(uint32_t ring)
{
    uint32_t data = GT_USER_DATA;
    struct trap_frame f;

    gt_user_setup();
    poke32(data, 5u << 16 | 2);
    poke32(data + 8, 2);
    poke32(data + 12, 5);
    desc_load(17, desc_make(data, 0xffff, DESC_DATA | DESC_DPL(3), 0));
    for (uint32_t round = 0; round < 10; round++) {
        for (uint32_t i = 0; i < ARRAY_COUNT(rows16); i++) {
            uint32_t tag = ring << 8 | i, esp;

            /* bx, ax and ds are in the frame: the code brings what it needs */
            uint8_t code[16] = {0x68, 17 << 3 | 3, 0, 0x1f, 0xb8, 9, 0, 0x31, 0xdb};

            memcpy(code + 9, rows16[i].bytes, sizeof(rows16[i].bytes) - 1);
            gt_frame(ring, &f);
            esp = f.esp;
            EXPECT_EQ_AT(tag, code16(ring, code, sizeof(code), &f), rows16[i].vector);
            EXPECT_EQ_AT(tag, f.eip, rows16[i].eip + 9);
            EXPECT_EQ_AT(tag, f.cs, ENTRY_SEL | ring);
            EXPECT_EQ_AT(tag, f.esp, esp);
            EXPECT_EQ_AT(tag, f.eflags & FLAG_VM, 0);
        }
    }
}

GT_ROW(from_16bit_ring1, from_16bit, GT_2LEVEL, .arg = 1)
GT_ROW(from_16bit_ring3, from_16bit, GT_BOTH, .arg = 3)

/* ICEBP from there: as a #DB where the CPU has it (TCG has not). */
GT_CASE(icebp_16bit, GT_2LEVEL)
{
    static const uint8_t icebp[] = {0xf1, 0x0f, 0x0b};
    struct trap_frame f;

    if (code16(3, icebp, sizeof(icebp), &f) == VEC_UD && f.eip == 0)
        SKIP("ICEBP is an undefined opcode here");
    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        EXPECT_EQ(code16(ring, icebp, sizeof(icebp), &f), VEC_DB);
        EXPECT_EQ(f.eip, 1);
    }
}

/* ---- TK-06: far transfers ---- */

enum { JMP, CALL, LRET, LRET_N, IRET, KINDS };

static uint32_t transfer(uint32_t ring, uint32_t kind, uint32_t sel, uint32_t to,
                         struct trap_frame *f)
{
    uint8_t code[8] = {0xea, 0, 0, 0, 0, (uint8_t)sel, (uint8_t)(sel >> 8)};
    uint32_t *stack;

    gt_user_setup();
    gt_frame(ring, f);
    f->esp -= 64;
    stack = phys_ptr(f->esp);
    stack[0] = to;
    stack[1] = sel;
    stack[2] = kind == IRET ? FLAG_FIXED | FLAG_IF : GT_USER_STACK;
    stack[3] = kind == IRET ? GT_USER_STACK : USER_DS;
    stack[4] = USER_DS;
    memcpy(code + 1, &to, 4);
    if (kind == CALL)
        code[0] = 0x9a;
    if (kind == LRET)
        code[0] = 0xcb;
    if (kind == LRET_N) /* lret 0 */
        memcpy(code, "\xca\0\0", 3);
    if (kind == IRET)
        code[0] = 0xcf;
    return gt_run_bytes(ring, code, 7, f);
}

/* No way leads inward, whatever the selector's RPL says. */
GT_CASE(far_inward, GT_BOTH)
{
    static const uint8_t sels[] = {0x50, 0x51, 0x52, 0x53, 0x60, 0x61, 0x62, 0x63, 0x58};
    struct trap_frame f;
    uint32_t n = 0;

    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        for (uint32_t i = 0; i < ARRAY_COUNT(sels); i++) {
            for (uint32_t kind = 0; kind < KINDS; kind++) {
                uint32_t tag = ring << 16 | kind << 8 | sels[i];

                /* Jumps and calls take any RPL up to CPL, returns the very one. */
                if (ring == 1 && (sels[i] == 0x61 || (sels[i] == 0x60 && kind <= CALL)))
                    continue;
                EXPECT_EQ_AT(tag, transfer(ring, kind, sels[i], GT_WINDOW_TEXT, &f), VEC_GP);
                EXPECT_EQ_AT(tag, f.errcode, sels[i] & 0xfcu);
                EXPECT_EQ_AT(tag, f.cs & 3, ring);
                n++;
            }
        }
    }
    print("%u far transfers refused\n", n);
}

/* Outward goes by a return only. */
GT_CASE(far_outward, GT_BOTH)
{
    struct trap_frame f;

    memset(phys_ptr(gt_user_setup()), 0xcc, 16);
    for (uint32_t kind = 0; kind < KINDS; kind++) {
        uint32_t v = transfer(1, kind, USER_CS, GT_USER_CODE, &f);

        if (kind <= CALL) {
            EXPECT_EQ_AT(kind, v, VEC_GP);
            EXPECT_EQ_AT(kind, f.errcode, USER_CS & ~3u);
        } else {
            EXPECT_EQ_AT(kind, v, VEC_BP);
            EXPECT_EQ_AT(kind, f.cs, USER_CS);
            EXPECT_EQ_AT(kind, f.ss, USER_DS);
            EXPECT_EQ_AT(kind, f.eip, GT_USER_CODE + 1);
        }
    }
}

/* Own code segments of ring 1 and 3, and a conforming one that is not installed. */
GT_CASE(far_own_segments, GT_BOTH)
{
    struct trap_frame f;

    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        uint32_t target = ring == 3 ? GT_USER_CODE + 64 : addr_of(gt_kernel_code) + 64;

        gt_user_setup();
        desc_load(ENTRY, desc_make(0, 0xfffff, DESC_CODE | DESC_DPL(ring == 3 ? 3 : 0),
                                   DESC_FLAT_BITS));
        memset(phys_ptr(target), 0xcc, 4);
        for (uint32_t kind = JMP; kind <= CALL; kind++) {
            EXPECT_EQ(transfer(ring, kind, ENTRY_SEL | ring, target, &f), VEC_BP);
            EXPECT_EQ(f.cs, ENTRY_SEL | ring);
            EXPECT_EQ(f.eip, target + 1);
        }
        desc_load(ENTRY, desc_make(0, 0xfffff, 0x9e, DESC_FLAT_BITS));
        EXPECT_EQ(transfer(3, JMP, ENTRY_SEL | 3, target, &f), VEC_GP);
        EXPECT_EQ(f.errcode, ENTRY_SEL);
    }
}

/* TK-08: a code limit just below the next instruction. */
GT_CASE(code_limit, GT_2LEVEL)
{
    static const uint8_t nops[] = {0x90, 0x90, 0x90, 0x90, 0x0f, 0x0b};
    struct trap_frame f;

    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        gt_frame(ring, &f);
        memcpy(phys_ptr(f.eip), nops, sizeof(nops));
        desc_load(ENTRY, desc_make(f.eip, 2, DESC_CODE | DESC_DPL(ring), 4));
        f.cs = ENTRY_SEL | ring;
        f.eip = 0;
        if (trap_run(&f, 0) == VEC_UD)
            SKIP("code segment limits are not enforced here");
        EXPECT_EQ(f.vector, VEC_GP);
        EXPECT_EQ(f.errcode, 0);
        EXPECT_EQ(f.eip, 3);
    }
}

/* DB-11 from inside: through exits of all kinds both tasks stay as they are, and
 * CR0.TS is the guest's. tests/boot rains NMIs on this one. */
GT_CASE(task_state_holds, GT_2LEVEL)
{
    static const uint8_t codes[][4] = {
        {0x0f, 0x0b}, {0xcc}, {0xcd, 0x80}, {0x0f, 0x20, 0xc0}, {0x8b, 0x03},
    };
    uint64_t tss = gt_real_gdt(TSS_SEL >> 3), df = gt_real_gdt(DF_TSS_SEL >> 3);
    struct trap_frame f;
    uint32_t status;

    for (uint32_t i = 0; i < 20000; i++) {
        hcall1(GABI_HCALL_TS, i >> 3 & 1);
        gt_frame(i & 1 ? 3 : 1, &f);
        f.ebx = 0x66660000;
        (void)gt_run_bytes(i & 1 ? 3 : 1, codes[i % 5], 4, &f);
        __asm__ volatile("smsw %0" : "=r"(status));
        EXPECT_EQ_AT(i, status >> 3 & 1, i >> 3 & 1);
        EXPECT_EQ_AT(i, read_flags() & (FLAG_NT | FLAG_IOPL), 0);
        expect_tasks(tss, df);
    }
}
