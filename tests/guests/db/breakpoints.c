/* SPDX-License-Identifier: MIT */
/* Debug registers that work (DB-02).  A guest's breakpoints are its own, whatever
 * addresses they name: the same numbers are addresses of the monitor's while it runs. */

#include "gtest.h"
#include "needs.h"

#define DR7_FIXED 0x400u
#define DR6_FIXED 0xffff0ff0u
#define DR6_BS 0x4000u

enum { EXECUTE = 0, WRITE = 1, PORT = 2, ACCESS = 3 };

/* Enabled by L(i), with this kind and length in bytes. */
static uint32_t dr7_of(uint32_t i, uint32_t kind, uint32_t bytes)
{
    uint32_t len = bytes == 8 ? 2 : bytes - 1;

    return 1u << (2 * i) | kind << (16 + 4 * i) | len << (18 + 4 * i);
}

#define MOVE_TO(n) \
    case n: \
        __asm__ volatile("movl %0, %%dr" #n : : "r"(value) : "memory"); \
        break
#define MOVE_FROM(n) \
    case n: \
        __asm__ volatile("movl %%dr" #n ", %0" : "=r"(value) : : "memory"); \
        break

static void write_dr(uint32_t n, uint32_t value)
{
    switch (n) {
        MOVE_TO(0);
        MOVE_TO(1);
        MOVE_TO(2);
        MOVE_TO(3);
        MOVE_TO(4);
        MOVE_TO(5);
        MOVE_TO(6);
        MOVE_TO(7);
    default:
        FAIL("DR%u", n);
    }
}

static uint32_t read_dr(uint32_t n)
{
    uint32_t value = 0;

    switch (n) {
        MOVE_FROM(0);
        MOVE_FROM(1);
        MOVE_FROM(2);
        MOVE_FROM(3);
        MOVE_FROM(4);
        MOVE_FROM(5);
        MOVE_FROM(6);
        MOVE_FROM(7);
    default:
        FAIL("DR%u", n);
    }
    return value;
}

static void all_off(void)
{
    write_dr(7, 0);
    write_dr(6, 0);
    for (uint32_t i = 0; i < 4; i++)
        write_dr(i, 0);
}

/* Arms one and runs code at that ring with EBX = GT_USER_DATA; DR6 is clear before. */
static uint32_t run_armed(uint32_t ring, const uint8_t *code, uint32_t bytes, uint32_t i,
                          uint32_t address, uint32_t kind, uint32_t length,
                          struct trap_frame *f)
{
    uint32_t v;

    gt_user_setup();
    write_dr(6, 0);
    write_dr(i, address);
    write_dr(7, dr7_of(i, kind, length));
    gt_frame(ring, f);
    f->ebx = GT_USER_DATA;
    v = gt_run_bytes(ring, code, bytes, f);
    write_dr(7, 0);
    return v;
}

#define RUN_ARMED(ring, id, ...) \
    run_armed(ring, id##_start, (uint32_t)(id##_end - id##_start), __VA_ARGS__)

GT_CODE(code_store, "movl %eax, (%ebx); nop; ud2");
GT_CODE(code_load, "movl (%ebx), %eax; nop; ud2");

/* A CPU or emulator that has no breakpoints at all takes no exit for one. */
static void need_breakpoints(void)
{
    static const uint8_t code[] = {0x89, 0x03, 0x90, 0x0f, 0x0b};
    struct trap_frame f, plain;

    gt_user_setup();
    write_dr(0, GT_USER_DATA);
    write_dr(7, dr7_of(0, WRITE, 4));
    gt_frame(1, &f);
    plain = f;
    f.ebx = GT_USER_DATA;
    plain.ebx = GT_USER_DATA + 64;
    gt_need_trap(VEC_DB, code, sizeof(code), &f, &plain, "this CPU has no breakpoints");
    all_off();
}

/* What is written reads back, but for the bits that no CPU keeps (SDM 3B 17.2) and
 * for GD; DR4 and DR5 are DR6 and DR7. */
GT_CASE(dr_values, GT_BOTH)
{
    static const uint32_t values[] = {0, 1, 0xffffffff, 0x80000000, 0xffc00000, 0xffe02800,
                                      0xbfffffff, 0x55555555, 0xaaaaaaaa};
    uint32_t esp;

    EXPECT_EQ(read_dr(6), DR6_FIXED);
    EXPECT_EQ(read_dr(7), DR7_FIXED);
    for (uint32_t i = 0; i < ARRAY_COUNT(values); i++) {
        for (uint32_t n = 0; n < 4; n++) {
            EXPECT_EQ_AT(n, read_dr(n), i == 0 ? 0 : values[i - 1] + n);
            write_dr(n, values[i] + n);
            EXPECT_EQ_AT(n, read_dr(n), values[i] + n);
        }
        for (uint32_t n = 4; n < 8; n += 2) {
            write_dr(n, values[i]);
            EXPECT_EQ_AT(i, read_dr(4), (values[i] & 0xe00f) | DR6_FIXED);
            EXPECT_EQ_AT(i, read_dr(6), (values[i] & 0xe00f) | DR6_FIXED);
        }
    }
    all_off();
    write_dr(5, 0xffffdc00); /* no enable bit */
    EXPECT_EQ(read_dr(7), 0xffff0400);
    EXPECT_EQ(read_dr(5), 0xffff0400);
    write_dr(7, 0x2400); /* GD */
    EXPECT_EQ(read_dr(7), DR7_FIXED);
    EXPECT_EQ(read_dr(0), 0); /* which would be a #DB */
    __asm__ volatile("movl %%esp, %%dr3; movl %%esp, %0" : "=r"(esp) : : "memory");
    EXPECT_EQ(read_dr(3), esp);
}

/* An instruction breakpoint is a fault before the instruction, and RF passes it. */
GT_CASE(on_execution, GT_BOTH)
{
    struct trap_frame f;

    need_breakpoints();
    for (uint32_t round = 0; round < 8; round++) {
        uint32_t ring = round & 1 ? 3 : 1, i = round >> 1, start;

        gt_frame(ring, &f);
        start = f.eip;
        EXPECT_EQ(RUN_ARMED(ring, code_store, i, start + 2, EXECUTE, 1, &f), VEC_DB);
        EXPECT_EQ(f.eip, start + 2);
        EXPECT_EQ(f.cs & 3, ring);
        EXPECT_EQ_AT(i, read_dr(6), DR6_FIXED | 1u << i);
        write_dr(7, dr7_of(i, EXECUTE, 1));
        f.eflags |= FLAG_RF;
        EXPECT_EQ(trap_run(&f, 0), VEC_UD);
        EXPECT_EQ(f.eip, start + 3);
        write_dr(7, 0);
        EXPECT_EQ(RUN_ARMED(ring, code_store, i, start + 1, EXECUTE, 1, &f), VEC_UD);
    }
    all_off();
}

/* RF is for one instruction, also if the monitor carries that out. */
GT_CODE(code_cli, "cli; nop; ud2");
GT_CODE(code_out_dx, "outb %al, %dx; nop; ud2");

GT_CASE(rf_is_for_one, GT_BOTH)
{
    struct trap_frame f;

    need_breakpoints();
    for (uint32_t i = 0; i < 2; i++) {
        gt_frame(1, &f);
        write_dr(0, f.eip);
        write_dr(1, f.eip + 1);
        write_dr(7, dr7_of(0, EXECUTE, 1) | dr7_of(1, EXECUTE, 1));
        f.edx = 0x80;
        f.eflags |= FLAG_RF;
        EXPECT_EQ(i ? gt_run(1, code_cli, &f) : gt_run(1, code_out_dx, &f), VEC_DB);
        EXPECT_EQ(f.eip, addr_of(gt_kernel_code) + 1);
        EXPECT_EQ(read_dr(6) & 0xf, 2);
        all_off();
    }
}

/* A data breakpoint is a trap behind the instruction: by kind, and by length. */
static void watched(uint32_t ring, uint32_t i, bool store, uint32_t kind, uint32_t offset,
                    uint32_t bytes, bool hit)
{
    uint32_t tag = ring << 24 | i << 16 | kind << 12 | offset << 4 | bytes, start, v;
    struct trap_frame f;

    gt_frame(ring, &f);
    start = f.eip;
    if (store)
        v = RUN_ARMED(ring, code_store, i, GT_USER_DATA + offset, kind, bytes, &f);
    else
        v = RUN_ARMED(ring, code_load, i, GT_USER_DATA + offset, kind, bytes, &f);
    EXPECT_EQ_AT(tag, v, hit ? VEC_DB : VEC_UD);
    EXPECT_EQ_AT(tag, f.eip, start + (hit ? 2 : 3));
    EXPECT_EQ_AT(tag, read_dr(6), DR6_FIXED | (hit ? 1u << i : 0));
}

GT_CASE(on_data, GT_BOTH)
{
    need_breakpoints();
    for (uint32_t round = 0; round < 8; round++) {
        uint32_t ring = round & 1 ? 3 : 1, i = round >> 1;

        watched(ring, i, true, WRITE, 0, 4, true);
        watched(ring, i, false, WRITE, 0, 4, false);
        watched(ring, i, true, ACCESS, 0, 4, true);
        watched(ring, i, false, ACCESS, 0, 4, true);
        watched(ring, i, true, PORT, 0, 4, false);
        for (uint32_t at = 0; at < 8; at++)
            watched(ring, i, true, WRITE, at, 1, at < 4);
        watched(ring, i, true, WRITE, 2, 2, true);
        watched(ring, i, true, WRITE, 4, 2, false);
        watched(ring, i, true, WRITE, 4, 4, false);
    }
    all_off();
}

/* INS is carried out by the monitor and hits like the guest's own stores: once per
 * element that does. OUT to a watched number is no access to memory. */
GT_CODE(code_insl, "cld; rep insl; ud2");
GT_CODE(code_out, "outb %al, %dx; nop; ud2");

GT_CASE(on_port_instructions, GT_BOTH)
{
    struct trap_frame f;
    uint32_t v;

    need_breakpoints();
    gt_user_setup();
    write_dr(2, GT_USER_DATA + 8);
    write_dr(7, dr7_of(2, WRITE, 4));
    gt_frame(1, &f);
    f.edi = GT_USER_DATA;
    f.ecx = 6;
    f.edx = 0x80;
    v = gt_run(1, code_insl, &f);
    EXPECT_EQ(v, VEC_DB);
    EXPECT_EQ(read_dr(6), DR6_FIXED | 4);
    EXPECT_EQ(f.edi, GT_USER_DATA + 12); /* SDM 3B 17.3.1.2 */
    EXPECT_EQ(f.ecx, 3);
    EXPECT_EQ(trap_run(&f, 0), VEC_UD);
    EXPECT_EQ(f.ecx, 0);
    write_dr(0, 0x80);
    write_dr(7, dr7_of(0, PORT, 1) | dr7_of(1, ACCESS, 1));
    gt_frame(1, &f);
    f.edx = 0x80;
    EXPECT_EQ(gt_run(1, code_out, &f), VEC_UD);
    all_off();
}

/* DR6 collects; only the guest clears it. */
GT_CASE(dr6_is_sticky, GT_BOTH)
{
    struct trap_frame f;

    need_breakpoints();
    gt_need_steps();
    all_off();
    gt_frame(3, &f);
    f.ebx = GT_USER_DATA;
    f.eflags |= FLAG_TF;
    EXPECT_EQ(gt_run(3, code_store, &f), VEC_DB);
    EXPECT_EQ(read_dr(6), DR6_FIXED | DR6_BS);
    write_dr(1, GT_USER_DATA);
    write_dr(7, dr7_of(1, WRITE, 4));
    gt_frame(3, &f);
    f.ebx = GT_USER_DATA;
    EXPECT_EQ(gt_run(3, code_store, &f), VEC_DB);
    EXPECT_EQ(read_dr(6) & (DR6_BS | 2), DR6_BS | 2);
    write_dr(6, 0);
    EXPECT_EQ(read_dr(6), DR6_FIXED);
    all_off();
}

/* Something of everything that a guest leaves for the monitor with; how many #DB. */
static volatile uint32_t own_hits;

static void pass(struct trap_frame *f)
{
    own_hits++;
    f->eflags |= FLAG_RF;
}

static void nothing(struct trap_frame *f)
{
    f->eip += 2; /* ud2 */
}

static void one_of_everything(void)
{
    static uint32_t page;
    uint32_t got;

    if (!page)
        page = page_alloc();
    pt_set(pt_root, 0x41000000, 0);
    pt_write(pt_root, 0x41000000, page | PTE_USER);
    poke32(0x41000000, 0x12345678); /* a fault that is filled */
    EXPECT_EQ(peek32(0x41000000), 0x12345678);
    hcall0(GABI_HCALL_FLUSH_ASYNC);
    pt_flush(FLUSH_ALL);
    __asm__ volatile("ud2" : : : "memory"); /* reflected */
    got = port_in32(0x80);
    EXPECT_EQ(got, 0xffffffff);
    lguest_call_lazy(GABI_HCALL_FLUSH_TLB, 0, 0, 0, 0);
    hcall0(GABI_HCALL_SEND_INTERRUPTS);
    gt_sleep_ns(20000);
}

static void arm(uint32_t i, uint32_t address, uint32_t kind)
{
    write_dr(i, address);
    write_dr(7, read_dr(7) | dr7_of(i, kind, kind == EXECUTE ? 1 : 4));
}

/* On the switcher's pages and this CPU's own: kept, and never armed. */
GT_CASE(in_the_window, GT_BOTH)
{
    static const uint32_t kinds[] = {EXECUTE, WRITE, ACCESS};

    need_breakpoints();
    trap_set_handler(VEC_DB, pass);
    trap_set_handler(VEC_UD, nothing);
    for (uint32_t at = 0xffc00000; at >= 0xffc00000; at += 0x1000) {
        for (uint32_t k = 0; k < ARRAY_COUNT(kinds); k++) {
            all_off();
            arm(0, at, kinds[k]);
            arm(1, at + 0xffc, kinds[k]);
            arm(2, at + (gt_random() & 0xffc), kinds[k]);
            arm(3, at + (gt_random() & 0xfff), kinds[k]);
            EXPECT_EQ(read_dr(0), at);
            EXPECT_EQ(read_dr(7) & 0x55, 0x55);
            if (at >= 0xffe00000 ? at < 0xffe07000 : (at & 0xf000) == 0)
                one_of_everything();
            else
                hcall0(GABI_HCALL_FLUSH_ASYNC);
        }
    }
    /* The last bytes of the regs page are the frame that every trap writes, the
     * first of a stub what every trap runs. */
    for (uint32_t at = 0xffe01fb4; at < 0xffe02000; at += 4) {
        all_off();
        arm(0, at, ACCESS);
        arm(1, 0xffe00000 + 9 * (at & 0xff), EXECUTE);
        one_of_everything();
    }
    EXPECT_EQ(own_hits, 0);
    EXPECT_EQ(read_dr(6) & 0xf, 0);
    all_off();
}

/* On every kind of place that is the monitor's while it runs: code, data, RAM, devices.
 * The same numbers are this guest's own memory and code, so its own hits count as
 * passed; what the monitor does there must not be a hit, nor end it. */
GT_CASE(on_the_monitor, GT_BOTH, .timeout_s = 120)
{
    static const struct {
        uint32_t from, bytes;
    } places[] = {
        {0x00100000, 0x00040000}, /* the image: code first */
        {0x00100000, 0x00080000},
        {0x00001000, 0x000ff000}, /* low memory */
        {0x00200000, 0x04000000}, /* RAM by its own address */
        {0xc0000000, 0x00010000}, /* devices */
        {0xc0000000, 0x3fc00000},
        {0xffbff000, 0x00001000}, /* the last page before the CPU's own */
    };

    need_breakpoints();
    trap_set_handler(VEC_DB, pass);
    trap_set_handler(VEC_UD, nothing);
    for (uint32_t round = 0; round < 1500; round++) {
        uint32_t place = round % ARRAY_COUNT(places);

        all_off();
        for (uint32_t i = 0; i < 4; i++)
            arm(i, places[place].from + gt_random() % places[place].bytes,
                i < 2 ? EXECUTE : i);
        one_of_everything();
    }
    all_off();
    print("%u hits of the guest's own\n", own_hits);
}

/* On one address of the monitor, which tests/boot takes from its symbols (seed=). */
GT_CASE(on_a_symbol, GT_2LEVEL | GT_NOT_ALL, .expect = "runs", .timeout_s = 15)
{
    char text[16];
    uint32_t at;

    if (!guest_option("seed", text, sizeof(text)))
        FAIL("no seed");
    at = str_to_u32(text);
    trap_set_handler(VEC_DB, pass);
    trap_set_handler(VEC_UD, nothing);
    arm(0, at, EXECUTE);
    arm(1, at, ACCESS);
    print("armed on %x\n", at);
    for (;;) {
        for (uint32_t i = 0; i < 200; i++)
            hcall0(GABI_HCALL_FLUSH_ASYNC);
        one_of_everything();
    }
}

/* DB-03 with the breakpoint that it takes: MOV SS holds the #DB of its operand back over
 * an instruction that leaves for the monitor. Where it comes, it comes once: before that
 * instruction if the CPU holds nothing back (TCG), else behind it. Bochs drops it. */
GT_CODE(late_hcall, "movw (%ebx), %ss; int $0x1f; nop; ud2");
GT_CODE(late_in, "movw (%ebx), %ss; inb %dx, %al; nop; ud2");
GT_CODE(late_cli, "movw (%ebx), %ss; cli; nop; ud2");
GT_CODE(late_fault, "movw (%ebx), %ss; movl (%ecx), %eax; nop; ud2");
GT_CODE(late_ud, "movw (%ebx), %ss; ud2");

static void late(const uint8_t *code, uint32_t bytes, uint32_t insn_bytes, uint32_t trap)
{
    struct trap_frame f;
    uint32_t start, v, page = page_alloc();

    poke32(GT_USER_DATA, GABI_KERNEL_DS);
    pt_set(pt_root, 0x41000000, 0);
    pt_write(pt_root, 0x41000000, page | PTE_USER);
    gt_frame(1, &f);
    start = f.eip;
    f.ecx = 0x41000000;
    f.edx = 0x80;
    f.eax = GABI_HCALL_FLUSH_ASYNC;
    f.ebx = GT_USER_DATA;
    write_dr(6, 0);
    write_dr(3, GT_USER_DATA);
    write_dr(7, dr7_of(3, ACCESS, 4));
    v = gt_run_bytes(1, code, bytes, &f);
    if (v == VEC_DB) {
        EXPECT_EQ(read_dr(6) & 0xf, 8);
        if (f.eip != start + 2 && f.eip != start + 2 + insn_bytes)
            EXPECT_EQ(f.eip, trap_stub(trap)); /* where its handler begins */
        else
            v = trap_run(&f, 0);
    }
    if (v != VEC_DB) {
        EXPECT_EQ_AT(insn_bytes, v, VEC_UD);
        EXPECT_EQ(f.eip, start + bytes - 2);
    }
    all_off();
    page_free(page);
}

#define LATE(id, insn_bytes, trap) \
    late(late_##id##_start, (uint32_t)(late_##id##_end - late_##id##_start), insn_bytes, trap)

GT_CASE(mov_ss_watched, GT_BOTH)
{
    need_breakpoints();
    gt_user_setup();
    for (uint32_t i = 0; i < 20; i++) {
        LATE(hcall, 2, 0);
        LATE(in, 1, 0);
        LATE(cli, 1, 0);
        LATE(fault, 2, 0);
        LATE(ud, 0, VEC_UD);
    }
}

/* What the switcher leaves behind when one came late, a word of the regs page, can be
 * left there by the guest, too: it is a #DB behind what the guest left for, once, and a
 * sleep ends; without a breakpoint it is nothing. */
GT_CODE(mark_hcall, "movl $1, 0xffe01000; int $0x1f; nop; ud2");
GT_CODE(mark_hlt, "movl $1, 0xffe01000; hlt; nop; ud2");
GT_CODE(mark_ud, "movl $1, 0xffe01000; ud2");
GT_CODE(mark_off, "movl $1, 0xffe01000; movl %eax, %dr7; nop; ud2");

GT_CASE(came_late, GT_BOTH)
{
    struct trap_frame f;

    need_breakpoints();
    gt_user_setup();
    gt_frame(1, &f);
    EXPECT_EQ(gt_run(1, mark_hcall, &f), VEC_UD);
    poke32(GT_WINDOW_REGS, 0);
    arm(0, GT_USER_DATA, WRITE);
    for (uint32_t i = 0; i < 20; i++) {
        gt_frame(1, &f);
        EXPECT_EQ(gt_run(1, mark_hcall, &f), VEC_DB);
        EXPECT_EQ(f.eip, addr_of(gt_kernel_code) + 12);
        EXPECT_EQ(trap_run(&f, 0), VEC_UD);
        gt_frame(1, &f);
        EXPECT_EQ(gt_run(1, mark_hlt, &f), VEC_DB);
        EXPECT_EQ(f.eip, addr_of(gt_kernel_code) + 11);
        EXPECT_EQ(trap_run(&f, 0), VEC_UD);
        gt_frame(1, &f);
        EXPECT_EQ(gt_run(1, mark_ud, &f), VEC_DB);
        EXPECT_EQ(f.eip, trap_stub(VEC_UD)); /* a CPU takes it there */
        EXPECT_EQ(peek32(GT_WINDOW_REGS), 0);
    }
    gt_frame(1, &f); /* also if that instruction turns the breakpoint off */
    EXPECT_EQ(gt_run(1, mark_off, &f), VEC_DB);
    EXPECT_EQ(f.eip, addr_of(gt_kernel_code) + 13);
    all_off();
}

/* Two guests with breakpoints on the same addresses: neither sees the other's. */
static void own_breakpoints(uint32_t which)
{
    uint32_t mark = which ? 0x40004040 : 0x40004080;
    struct trap_frame f;

    need_breakpoints();
    gt_user_setup();
    for (uint32_t round = 0; round < (which ? 1000000u : 60u); round++) {
        uint32_t i = round % 4;

        all_off();
        for (uint32_t n = 0; n < 4; n++)
            write_dr(n, mark + 4 * n);
        write_dr(7, dr7_of(i, WRITE, 4));
        gt_sleep_ns(30000); /* the other one has a turn */
        EXPECT_EQ(read_dr(6), DR6_FIXED);
        EXPECT_EQ(read_dr(7), dr7_of(i, WRITE, 4) | DR7_FIXED);
        for (uint32_t n = 0; n < 4; n++)
            EXPECT_EQ(read_dr(n), mark + 4 * n);
        poke32((which ? 0x40004080 : 0x40004040) + 4 * i, round); /* the other's */
        EXPECT_EQ(read_dr(6), DR6_FIXED);
        gt_frame(1, &f);
        f.ebx = mark + 4 * i;
        EXPECT_EQ(gt_run(1, code_store, &f), VEC_DB);
        EXPECT_EQ(read_dr(6), DR6_FIXED | 1u << i);
        gt_sleep_ns(30000);
        EXPECT_EQ(read_dr(6), DR6_FIXED | 1u << i);
    }
}

GT_ROW(breakpoint_peer, own_breakpoints, GT_2LEVEL | GT_HIDDEN, .arg = 1, .expect = "runs")
GT_ROW(each_its_own, own_breakpoints, GT_BOTH, .arg = 0, .with = "breakpoint_peer")

/* And one without any, that only steps, finds nothing of theirs in DR6. */
GT_CASE(none_of_the_others, GT_2LEVEL, .with = "breakpoint_peer")
{
    GT_CODE(code_two_nops, "nop; nop; ud2");
    struct trap_frame f;

    gt_need_steps();
    gt_user_setup();
    all_off();
    for (uint32_t i = 0; i < 100; i++) {
        gt_sleep_ns(30000);
        EXPECT_EQ(read_dr(6), DR6_FIXED);
        for (uint32_t n = 0; n < 4; n++)
            EXPECT_EQ(read_dr(n), 0);
        poke32(0x40004040 + 4 * (i % 8), i);
        gt_frame(i & 1 ? 3 : 1, &f);
        f.eflags |= FLAG_TF;
        EXPECT_EQ(gt_run(i & 1 ? 3 : 1, code_two_nops, &f), VEC_DB);
        EXPECT_EQ(read_dr(6), DR6_FIXED | DR6_BS);
        write_dr(6, 0);
    }
}
