/* SPDX-License-Identifier: MIT */
/* PI-02: the instructions that the monitor emulates, with every prefix, every pair
 * of prefixes and 3 to 16 of the same, against a model of their length and effect
 * (SDM 2A 2.1.1, 2A 2.3.11: 15 bytes at most).  The model does not know how the
 * monitor decodes; a wrong length would run the next instruction's middle. */

#include "gtest.h"

enum { IN, OUT, INS, OUTS, FLAG, NEVER };

static const struct insn {
    uint8_t bytes[2], length, kind;
} insns[] = {
    {{0xe4, 0x80}, 2, IN},   {{0xe5, 0x80}, 2, IN},   {{0xec}, 1, IN},
    {{0xed}, 1, IN},         {{0xe6, 0x80}, 2, OUT},  {{0xe7, 0x80}, 2, OUT},
    {{0xee}, 1, OUT},        {{0xef}, 1, OUT},        {{0x6c}, 1, INS},
    {{0x6d}, 1, INS},        {{0x6e}, 1, OUTS},       {{0x6f}, 1, OUTS},
    {{0xfa}, 1, FLAG},       {{0xfb}, 1, FLAG},       {{0x0f, 0x30}, 2, NEVER},
    {{0x0f, 0x32}, 2, NEVER},
};

static const uint8_t prefixes[] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65,
                                   0x66, 0x67, 0xf2, 0xf3, 0xf0};

#define EAX_IN 0x5a5b5c5du
#define INDEX 0x9000u /* the same for 16-bit addresses */
#define COUNT 3u

static uint32_t tried;

static bool has(const uint8_t *p, uint32_t n, uint8_t what)
{
    for (uint32_t i = 0; i < n; i++) {
        if (p[i] == what)
            return true;
    }
    return false;
}

/* What the registers hold behind an instruction that was carried out. */
static void check_effect(uint32_t tag, const struct insn *in, const uint8_t *p, uint32_t n,
                         const struct trap_frame *f)
{
    uint32_t width = !(in->bytes[0] & 1) ? 1 : has(p, n, 0x66) ? 2 : 4;
    uint32_t mask = width == 4 ? 0xffffffff : (1u << 8 * width) - 1;
    bool rep = has(p, n, 0xf2) || has(p, n, 0xf3);
    uint32_t moved = width * (rep ? COUNT : 1);

    EXPECT_EQ_AT(tag, f->eax, in->kind == IN ? EAX_IN | mask : EAX_IN);
    EXPECT_EQ_AT(tag, f->ecx, rep && (in->kind == INS || in->kind == OUTS) ? 0 : COUNT);
    EXPECT_EQ_AT(tag, f->edi, INDEX + (in->kind == INS ? moved : 0));
    EXPECT_EQ_AT(tag, f->esi, INDEX + (in->kind == OUTS ? moved : 0));
}

static void one(uint32_t ring, uint32_t which, const uint8_t *p, uint32_t n)
{
    const struct insn *in = &insns[which];
    uint32_t length = n + in->length, tag = ring << 28 | which << 20 | n << 16 |
                                            (uint32_t)p[0] << 8 | p[n ? n - 1 : 0];
    uint8_t code[24];
    struct trap_frame f;

    memcpy(code, p, n);
    memcpy(code + n, in->bytes, 2);
    memcpy(code + length, "\x0f\x0b", 2);
    gt_frame(ring, &f);
    f.eax = EAX_IN;
    f.ecx = COUNT;
    f.edx = 0x80;
    f.esi = f.edi = INDEX;
    uint32_t start = f.eip, v = gt_run_bytes(ring, code, length + 2, &f);

    tried++;
    if (ring == 1 && in->kind != NEVER && length <= 15 && !has(p, n, 0xf0)) {
        EXPECT_EQ_AT(tag, v, VEC_UD);
        EXPECT_EQ_AT(tag, f.eip, start + length);
        check_effect(tag, in, p, n, &f);
        return;
    }
    /* LOCK: undefined, or too privileged first. A REP or 66 may make another,
     * undefined instruction of rdmsr and wrmsr. */
    EXPECT(v == VEC_GP || (v == VEC_UD && (has(p, n, 0xf0) || in->kind == NEVER)));
    EXPECT_EQ_AT(tag, f.errcode, 0);
    EXPECT_EQ_AT(tag, f.eip, start);
    EXPECT_EQ_AT(tag, f.eax, EAX_IN);
    EXPECT_EQ_AT(tag, f.ecx, COUNT);
}

static void all_lengths(uint32_t ring)
{
    uint8_t p[16];

    for (uint32_t w = 0; w < ARRAY_COUNT(insns); w++) {
        one(ring, w, prefixes, 0);
        for (uint32_t a = 0; a < ARRAY_COUNT(prefixes); a++) {
            one(ring, w, &prefixes[a], 1);
            for (uint32_t b = 0; b < ARRAY_COUNT(prefixes); b++) {
                p[0] = prefixes[a];
                p[1] = prefixes[b];
                one(ring, w, p, 2);
            }
            memset(p, prefixes[a], sizeof(p));
            for (uint32_t n = 3; n <= 16; n++)
                one(ring, w, p, n);
        }
    }
    print("%u instructions compared with the model\n", tried);
}

GT_ROW(lengths_ring1, all_lengths, GT_BOTH, .arg = 1)
GT_ROW(lengths_ring3, all_lengths, GT_2LEVEL, .arg = 3)

/* PI-04 without a second CPU: the page that the instruction was fetched from is
 * replaced in the guest's tables, silently; the monitor, which reads the bytes
 * through them, sees others than the CPU has. It decides and acts on the same
 * copy: what is not to be emulated is reflected, never carried out. */
GT_CASE(page_swapped, GT_BOTH)
{
    static const uint8_t others[][4] = {
        {0xcf}, {0x9d}, {0x0f, 0x22, 0xc0}, {0x0f, 0x01, 0x13}, {0xf4}, {0x0f, 0x30},
        {0xea, 0, 0, 0}, {0x66, 0x66, 0x66, 0x66},
    };
    uint32_t va = 0xd0000000, page[2] = {page_alloc(), page_alloc()};
    struct trap_frame f;

    memcpy(phys_ptr(page[0]), "\xec\x0f\x0b", 3); /* in al, dx */
    for (uint32_t i = 0; i < 4 * ARRAY_COUNT(others); i++) {
        memset(phys_ptr(page[1]), 0x90, 32);
        memcpy(phys_ptr(page[1]), others[i % ARRAY_COUNT(others)], 4);
        pt_set(pt_root, va, page[0] | PTE_KERNEL);
        (void)peek32(va); /* in the shadow and the TLB */
        pt_write(pt_root, va, page[1] | PTE_KERNEL);
        gt_frame(1, &f);
        f.eip = va;
        f.edx = 0x80;
        hcall1(GABI_HCALL_SET_CLOCKEVENT, 1000000);
        irq_unblock(GABI_IRQ_TIMER);
        trap_run_ends_at_irq = true; /* hlt sleeps until then */
        uint32_t v = trap_run(&f, GABI_IF);

        EXPECT(v == VEC_GP || v == VEC_UD || v == GABI_IRQ_VECTOR);
        EXPECT_EQ(f.cs, GABI_KERNEL_CS);
        EXPECT_EQ(f.eflags & (FLAG_IOPL | FLAG_VM), 0);
        trap_run_ends_at_irq = false;
        hcall1(GABI_HCALL_SET_CLOCKEVENT, 0);
    }
}
