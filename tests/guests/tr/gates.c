/* SPDX-License-Identifier: MIT */
/* Gates: which vectors software may raise, what LOAD_IDT_ENTRY takes, and where
 * a handler may lie (TR-02, TR-04 to TR-11). */

#include "gtest.h"

/* Runs "int n" and gives back the vector that arrived. */
static uint32_t run_int(uint32_t ring, uint32_t n, struct trap_frame *f)
{
    const uint8_t code[] = {0xcd, (uint8_t)n, 0x90};

    gt_frame(ring, f);
    return gt_run_bytes(ring, code, sizeof(code), f);
}

/* Vectors that are the monitor's, or push an error code, or belong to hardware:
 * no software of a guest raises them. */
static bool never_by_software(uint32_t n)
{
    return n == 2 || n == 7 || n == 8 || (n >= 10 && n <= 15) || n == 17 ||
           n == 18 || n == 21 || n == GABI_HCALL_VECTOR ||
           (n >= GABI_IRQ_VECTOR && n != GUEST_SYSCALL_VECTOR);
}

static void expect_gp(uint32_t tag, uint32_t got, const struct trap_frame *f,
                      uint32_t n, uint32_t start)
{
    EXPECT_EQ_AT(tag, got, VEC_GP);
    EXPECT_EQ_AT(tag, f->errcode, n * 8 + 2);
    EXPECT_EQ_AT(tag, f->eip, start);
}

/* TR-02: every vector, gates of DPL 0, 1, 3, from both rings. */
static void int_n(uint32_t ring)
{
    struct trap_frame f;

    for (uint32_t n = 0; n < 256; n++) {
        if (n == GABI_HCALL_VECTOR && ring == 1)
            continue; /* a hypercall */
        for (uint32_t dpl = 0; dpl <= 3; dpl += dpl ? 2 : 1) {
            uint32_t tag = ring << 16 | dpl << 12 | n, v, start;
            bool allowed = !never_by_software(n) && (ring == 1 || dpl == 3);

            trap_load_stub(n, n == VEC_BP ? GATE_TRAP : GATE_INTERRUPT, dpl);
            gt_frame(ring, &f);
            start = f.eip;
            v = run_int(ring, n, &f);
            if (!allowed) {
                expect_gp(tag, v, &f, n, start);
                continue;
            }
            EXPECT_EQ_AT(tag, v, n);
            EXPECT_EQ_AT(tag, f.eip, start + 2);
            EXPECT_EQ_AT(tag, f.errcode, 0);
        }
    }
}

GT_ROW(int_n_ring1, int_n, GT_2LEVEL, .arg = 1)
GT_ROW(int_n_ring3, int_n, GT_BOTH, .arg = 3)

/* No gate: #GP(n*8+2), as ABI 5.3 says. */
static void int_n_absent(uint32_t ring)
{
    struct trap_frame f;

    for (uint32_t n = 0; n < 256; n++) {
        if (n == GABI_HCALL_VECTOR || n == VEC_GP || n == VEC_PF)
            continue;
        lguest_call(GABI_HCALL_LOAD_IDT_ENTRY, n, 0, 0, 0);
        gt_frame(ring, &f);
        uint32_t start = f.eip, v = run_int(ring, n, &f);

        expect_gp(ring << 16 | n, v, &f, n, start);
    }
}

GT_ROW(int_absent_ring1, int_n_absent, GT_2LEVEL, .arg = 1)
GT_ROW(int_absent_ring3, int_n_absent, GT_2LEVEL, .arg = 3)

/* TR-04: hardware vectors are not mistaken for interrupts. */
GT_CASE(int_hardware_vectors, GT_2LEVEL)
{
    static const uint8_t vectors[] = {2, 18, 32, 33, 35, 39, 40, 47, 48, 0xef, 0xff};
    struct trap_frame f;

    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        for (uint32_t i = 0; i < ARRAY_COUNT(vectors); i++) {
            uint32_t n = vectors[i], start, v;

            gt_frame(ring, &f);
            start = f.eip;
            v = run_int(ring, n, &f);
            expect_gp(ring << 16 | n, v, &f, n, start);
        }
    }
    for (uint32_t i = 0; i < GABI_IRQ_LINES; i++)
        EXPECT_EQ(irq_count[i], 0);
    gt_sleep_ns(1000000); /* the real one still works */
    EXPECT_EQ(irq_count[GABI_IRQ_TIMER], 1);
}

/* TR-05: lengths, with prefixes that mean nothing here. */
GT_CASE(int3_prefixes, GT_2LEVEL)
{
    static const struct {
        uint8_t bytes[6], length, vector;
    } rows[] = {
        {{0xcc}, 1, 3},
        {{0x66, 0xcc}, 2, 3},
        {{0x3e, 0xcc}, 2, 3},
        {{0xf3, 0x26, 0xcc}, 3, 3},
        {{0xcd, 0x03}, 2, 3},
        {{0x66, 0xcd, 0x03}, 3, 3},
        {{0x67, 0xf2, 0xcd, 0x04}, 4, 4},
    };
    struct trap_frame f;

    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
            gt_frame(ring, &f);
            uint32_t start = f.eip;

            EXPECT_EQ_AT(i, gt_run_bytes(ring, rows[i].bytes, 6, &f), rows[i].vector);
            EXPECT_EQ_AT(i, f.eip, start + rows[i].length);
        }
    }
}

/* TR-06. */
GT_CASE(no_gate_kills, GT_BOTH, .expect = "killed: unhandled trap 6")
{
    lguest_call(GABI_HCALL_LOAD_IDT_ENTRY, VEC_UD, 0, 0, 0);
    __asm__ volatile("ud2");
    FAIL("came through");
}

GT_CASE(no_gates_at_all, GT_LINEAR | GT_2LEVEL, .expect = "killed: unhandled trap")
{
    __asm__ volatile("int $0x80");
    FAIL("came through");
}

GT_CASE(user_int80_no_gate, GT_2LEVEL)
{
    struct trap_frame f;

    lguest_call(GABI_HCALL_LOAD_IDT_ENTRY, GUEST_SYSCALL_VECTOR, 0, 0, 0);
    gt_frame(3, &f);
    uint32_t start = f.eip, v = run_int(3, GUEST_SYSCALL_VECTOR, &f);

    expect_gp(3, v, &f, GUEST_SYSCALL_VECTOR, start);
}

/* TR-07: only types E and F; the ignored vectors take anything. */
static void load_type(uint32_t type)
{
    lguest_call(GABI_HCALL_LOAD_IDT_ENTRY, VEC_BP, GABI_KERNEL_CS << 16,
                0x8000 | 3u << 13 | type << 8, 0);
    FAIL("type %x was taken", type);
}

#define BAD_TYPE(n) \
    GT_ROW(idt_type_##n, load_type, GT_2LEVEL, .arg = 0x##n, .expect = "killed: bad IDT type")
BAD_TYPE(0)
BAD_TYPE(1)
BAD_TYPE(2)
BAD_TYPE(3)
BAD_TYPE(4)
BAD_TYPE(5)
BAD_TYPE(6)
BAD_TYPE(7)
BAD_TYPE(8)
BAD_TYPE(9)
BAD_TYPE(a)
BAD_TYPE(b)
BAD_TYPE(c)
BAD_TYPE(d)

GT_CASE(idt_ignored_vectors, GT_2LEVEL)
{
    static const uint8_t vectors[] = {2, 8, 15, GABI_HCALL_VECTOR};

    for (uint32_t i = 0; i < ARRAY_COUNT(vectors); i++) {
        for (uint32_t type = 0; type < 16; type++)
            trap_load_gate(vectors[i], trap_stub(VEC_BP), type, 3);
    }
    uint32_t before = gt_exits();

    hcall0(GABI_HCALL_FLUSH_ASYNC); /* 0x1f is still the monitor's */
    EXPECT(gt_exits() - before >= 2);
}

/* S bit and the reserved byte are cleared, the selector is forced (TR-08). */
GT_CASE(idt_reserved_and_sel, GT_2LEVEL)
{
    static const uint16_t selectors[] = {0x50, 0x08, 0, 0x63, 0x67, 0x58, 0x80};
    struct trap_frame f;

    for (uint32_t i = 0; i < ARRAY_COUNT(selectors); i++) {
        for (uint32_t junk = 0; junk < 2; junk++) {
            uint32_t h = trap_stub(VEC_BP);

            lguest_call(GABI_HCALL_LOAD_IDT_ENTRY, VEC_BP,
                        (uint32_t)selectors[i] << 16 | (h & 0xffff),
                        (h & 0xffff0000) | 0xee00 | (junk ? 0x10ff : 0), 0);
            EXPECT_EQ_AT(i, run_int(3, VEC_BP, &f), VEC_BP);
            EXPECT_EQ_AT(i, trap_seen.handler_cs, GABI_KERNEL_CS);
            lguest_call(GABI_HCALL_LOAD_IDT_ENTRY, GUEST_SYSCALL_VECTOR,
                        (uint32_t)selectors[i] << 16 |
                            (trap_stub(GUEST_SYSCALL_VECTOR) & 0xffff),
                        (trap_stub(GUEST_SYSCALL_VECTOR) & 0xffff0000) |
                            (junk ? 0xffff : 0xef00),
                        0);
            EXPECT_EQ_AT(i, run_int(3, GUEST_SYSCALL_VECTOR, &f), GUEST_SYSCALL_VECTOR);
            EXPECT_EQ_AT(i, trap_seen.handler_cs, GABI_KERNEL_CS);
        }
    }
}

/* TR-09: the gate that goes direct keeps the meaning of its DPL. */
GT_CASE(direct_gate_dpl, GT_2LEVEL)
{
    struct trap_frame f;

    for (uint32_t type = GATE_INTERRUPT; type <= GATE_TRAP; type++) {
        for (uint32_t dpl = 0; dpl <= 3; dpl++) {
            trap_load_stub(GUEST_SYSCALL_VECTOR, type, dpl);
            EXPECT_EQ_AT(dpl, run_int(1, GUEST_SYSCALL_VECTOR, &f), GUEST_SYSCALL_VECTOR);
            gt_frame(3, &f);
            uint32_t start = f.eip, v = run_int(3, GUEST_SYSCALL_VECTOR, &f);

            if (dpl == 3)
                EXPECT_EQ_AT(dpl, v, GUEST_SYSCALL_VECTOR);
            else
                expect_gp(dpl, v, &f, GUEST_SYSCALL_VECTOR, start);
        }
    }
}

/* The switcher's text, which ring 1 can read and run. */
#define SWITCHER_FIRST 0xffe00000u
#define SWITCHER_END 0xffe01000u

/* An instruction of it that works at ring 1: mov esp, some place of the monitor's. */
static bool takes_the_stack(uint32_t at)
{
    const uint8_t *code = (const uint8_t *)at;

    return at < SWITCHER_END - 5 && code[0] == 0xbc && code[4] == 0xff;
}

/* TR-10: a handler where no code is. The fetch fails at ring 1. */
static void wild_handler(uint32_t vector)
{
    static const uint32_t places[] = {0, 0xffffffff, 0x5ffff000, 0xfffff000, 0xffc00000};
    struct trap_frame f;

    for (uint32_t i = 0; i < ARRAY_COUNT(places); i++) {
        trap_load_gate(vector, places[i], GATE_TRAP, 3);
        EXPECT_EQ_AT(i, run_int(3, vector, &f), VEC_PF);
        EXPECT_EQ_AT(i, f.eip, places[i]);
        EXPECT_EQ_AT(i, f.cs, GABI_KERNEL_CS);
        EXPECT_EQ_AT(i, trap_seen.cr2, places[i]);
    }
    /* The switcher's own text can be run, but nothing in it works at ring 1, except
     * for what the next case is about. */
    for (uint32_t at = SWITCHER_FIRST; at < SWITCHER_END; at += 61) {
        if (takes_the_stack(at))
            continue;
        trap_load_gate(vector, at, GATE_TRAP, 3);
        uint32_t v = run_int(3, vector, &f);

        EXPECT(v == VEC_GP || v == VEC_PF || v == VEC_UD || v == VEC_SS || v == VEC_NP);
        EXPECT_EQ_AT(at, f.cs, GABI_KERNEL_CS);
    }
}

GT_ROW(wild_handler_reflected, wild_handler, GT_2LEVEL, .arg = VEC_BP)
GT_ROW(wild_handler_direct, wild_handler, GT_BOTH, .arg = GUEST_SYSCALL_VECTOR)

/* TR-10: there it gets a stack in the monitor's area, and the fault that the next
 * instruction is has no place for its frame. */
GT_CASE(wild_handler_stack, GT_BOTH, .expect = "killed: bad address 0xff")
{
    struct trap_frame f;

    for (uint32_t at = SWITCHER_FIRST; at < SWITCHER_END; at++) {
        if (takes_the_stack(at)) {
            trap_load_gate(VEC_BP, at, GATE_TRAP, 3);
            run_int(3, VEC_BP, &f);
        }
    }
}

/* TR-11: gates on the monitor's vectors change nothing for the monitor. */
GT_CASE(own_vectors, GT_2LEVEL)
{
    static const uint8_t vectors[] = {2, 8, 18, 0x1f, 0x20, 0x21, 0x2f, 0xef, 0xff};

    for (uint32_t i = 0; i < ARRAY_COUNT(vectors); i++) {
        if (vectors[i] != GABI_IRQ_VECTOR)
            trap_load_gate(vectors[i], 0xdead0000, GATE_TRAP, 3);
    }
    for (uint32_t i = 0; i < 5; i++)
        gt_sleep_ns(5000000);
    EXPECT_EQ(irq_count[GABI_IRQ_TIMER], 5);
}

/* Whatever gate stands there, the CPU itself enters ring 1 by one vector only. */
GT_CASE(one_direct_gate, GT_BOTH)
{
    for (uint32_t type = GATE_INTERRUPT; type <= GATE_TRAP; type++) {
        for (uint32_t v = 0; v < 256; v++)
            trap_load_stub(v, type, 3);
        for (uint32_t v = 0; v < 256; v++) {
            uint32_t sel = (uint32_t)(gt_real_idt(v) >> 16) & 0xffff;

            EXPECT_EQ_AT(v, sel, v == GUEST_SYSCALL_VECTOR ? GABI_KERNEL_CS : 0x50);
        }
    }
}
