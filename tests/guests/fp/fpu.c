/* SPDX-License-Identifier: MIT */
/* The floating-point unit as a guest meets it (FP-01 to FP-07): its state is the
 * guest's own to the bit, CR0.TS is what the guest asked for and nothing else,
 * and an image that cannot be stored is the guest's page fault.  What one guest
 * leaves for the next is in group residue. */

#include "gtest.h"
#include "needs.h"

struct fxsave {
    uint32_t word[128];
} __attribute__((aligned(16)));

#define FX_MXCSR 6
#define FX_MXCSR_MASK 7
#define FX_ST 8
#define FX_XMM 40
#define FX_END 72 /* XMM0 to XMM7; what follows is reserved */

static void fxsave(struct fxsave *s)
{
    __asm__ volatile("fxsave %0" : "=m"(*s));
}

static uint32_t cpuid_edx(uint32_t leaf)
{
    uint32_t a = leaf, b, c = 0, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return d;
}

static bool has_sse(void)
{
    return cpuid_edx(1) >> 25 & 1;
}

/* FP-01 with all that FXSAVE knows: control, status, tags, opcode and pointers,
 * MMX by way of the register bits, MXCSR. What the CPU gives back directly after
 * FXRSTOR is what it has to give back ever after, whoever ran in between. */
static void fill(struct fxsave *s, uint32_t tag)
{
    fxsave(s);
    s->word[0] = 0x037f | (0x3800 & tag << 11) << 16;        /* FCW, TOP in FSW */
    s->word[1] = (0x5a ^ tag) | (0x123 * tag & 0x7ff) << 16; /* some empty; FOP */
    s->word[2] = 0x10000 + tag;                              /* FIP */
    s->word[4] = 0x20000 + tag;                              /* FDP */
    for (uint32_t i = 0; i < 8; i++) {
        s->word[FX_ST + 4 * i] = tag * 0x01010101 + i;
        s->word[FX_ST + 1 + 4 * i] = 0x80000000 | tag << i;
        s->word[FX_ST + 2 + 4 * i] = 0x3fff + i;
    }
    if (!has_sse())
        return;
    s->word[FX_MXCSR] = 0x1f80 | (tag & 3) << 13; /* rounding */
    for (uint32_t i = FX_XMM; i < FX_END; i++)
        s->word[i] = tag * 0x11111111 + i;
}

static void every_bit(uint32_t tag, uint32_t rounds)
{
    static struct fxsave set, want, now;
    uint32_t end = has_sse() ? FX_END : FX_XMM;

    fill(&set, tag);
    __asm__ volatile("fxrstor %0" : : "m"(set));
    fxsave(&want);
    for (uint32_t i = 0; rounds == 0 || i < rounds; i++) {
        fxsave(&now);
        for (uint32_t k = 0; k < end; k++)
            EXPECT_EQ_AT(k, now.word[k], want.word[k]);
        if (i % 16 == 0)
            gt_sleep_ns(100000);
        else if (i % 16 == 8)
            gt_spin_ns(50000);
    }
}

GT_CASE(every_bit_peer, GT_2LEVEL | GT_HIDDEN, .expect = "runs")
{
    every_bit(6, 0);
}

GT_CASE(every_bit_two_guests, GT_BOTH, .with = "every_bit_peer")
{
    every_bit(3, 5000);
}

/* MMX registers are the x87's: one guest's EMMS does not reach the other's tags. */
GT_CASE(mmx_peer, GT_2LEVEL | GT_HIDDEN, .expect = "runs")
{
    for (;;) {
        __asm__ volatile("emms; pxor %mm0, %mm0; emms");
        gt_sleep_ns(70000);
    }
}

GT_CASE(mmx_two_guests, GT_2LEVEL, .with = "mmx_peer")
{
    uint32_t lo = 0x12345678, got;

    if (!(cpuid_edx(1) >> 23 & 1))
        SKIP("no MMX");
    __asm__ volatile("movd %0, %%mm0; movd %0, %%mm7" : : "r"(lo));
    for (uint32_t i = 0; i < 300; i++) {
        static struct fxsave now;

        gt_sleep_ns(100000);
        fxsave(&now);
        EXPECT_EQ_AT(i, now.word[1] & 0xff, 0xff); /* MMX has set all tags */
        __asm__ volatile("movd %%mm7, %0" : "=r"(got));
        EXPECT_EQ_AT(i, got, lo);
    }
    __asm__ volatile("emms");
}

/* FP-03: which instructions raise #NM (SDM 3A table 2-2 with EM 0; MP as smsw
 * shows it), at both rings, for TS as the guest set it: #NM exactly then. */
GT_CODE(code_x87, "fnop; ud2");
GT_CODE(code_fninit, "fninit; ud2");
GT_CODE(code_wait, "fwait; ud2");
GT_CODE(code_mmx, "movd %eax, %mm0; ud2");
GT_CODE(code_emms, "emms; ud2");
GT_CODE(code_sse, "movaps %xmm1, %xmm0; ud2");
GT_CODE(code_fxsave, "fxsave (%ebx); ud2");
GT_CODE(code_ldmxcsr, "ldmxcsr (%ecx); ud2");
GT_CODE(code_fence, "sfence; ud2");

/* EMMS is among the rows by the manual; QEMU 7.2 lets it through with TS set. */
enum { NM_BY_TS, NM_BY_MP, NM_OR_NOT, NM_NEVER };

static const struct {
    const uint8_t *start, *end;
    uint32_t rule;
    bool sse;
} fpu_rows[] = {
    {code_x87_start, code_x87_end, NM_BY_TS, false},
    {code_fninit_start, code_fninit_end, NM_BY_TS, false},
    {code_wait_start, code_wait_end, NM_BY_MP, false},
    {code_mmx_start, code_mmx_end, NM_BY_TS, false},
    {code_emms_start, code_emms_end, NM_OR_NOT, false},
    {code_sse_start, code_sse_end, NM_BY_TS, true},
    {code_fxsave_start, code_fxsave_end, NM_BY_TS, false},
    {code_ldmxcsr_start, code_ldmxcsr_end, NM_BY_TS, true},
    {code_fence_start, code_fence_end, NM_NEVER, true},
};

static uint32_t machine_status(void)
{
    uint32_t w;

    __asm__ volatile("smsw %0" : "=r"(w));
    return w;
}

static uint32_t run_row(uint32_t ring, uint32_t i, struct trap_frame *f)
{
    gt_frame(ring, f);
    f->ebx = GT_USER_DATA;
    f->ecx = GT_USER_DATA + 512;
    return gt_run_bytes(ring, fpu_rows[i].start,
                        (uint32_t)(fpu_rows[i].end - fpu_rows[i].start), f);
}

GT_CASE(ts_table, GT_BOTH)
{
    struct trap_frame f;
    uint32_t n = 0;

    gt_user_setup();
    poke32(GT_USER_DATA + 512, 0x1f80);
    for (uint32_t round = 0; round < 12; round++) {
        uint32_t ring = round & 1 ? 3 : 1, ts = round >> 1 & 1;

        for (uint32_t i = 0; i < ARRAY_COUNT(fpu_rows); i++) {
            uint32_t rule = fpu_rows[i].rule;
            bool nm = ts && (rule == NM_BY_TS ||
                             (rule == NM_BY_MP && (machine_status() & 2)));

            if (fpu_rows[i].sse && !has_sse())
                continue;
            /* Every second time twice: TS(x) is no toggle. */
            for (uint32_t k = 0; k <= (round & 1); k++)
                hcall1(GABI_HCALL_TS, ts ? 8 : 0);
            EXPECT_EQ_AT(i, machine_status() >> 3 & 1, ts);
            uint32_t v = run_row(ring, i, &f);

            if (rule == NM_OR_NOT && ts && v == VEC_NM)
                v = VEC_UD;
            EXPECT_EQ_AT(round << 8 | i, v, nm ? VEC_NM : VEC_UD);
            n++;
        }
    }
    print("%u combinations of TS, ring and instruction\n", n);
}

/* The lazy protocol of a kernel: #NM, TS(0) in the handler, the instruction again. */
static void allow_fpu(struct trap_frame *f)
{
    (void)f;
    hcall1(GABI_HCALL_TS, 0);
}

GT_CASE(nm_handler_resumes, GT_BOTH)
{
    trap_set_handler(VEC_NM, allow_fpu);
    for (uint32_t i = 1; i <= 200; i++) {
        uint32_t got = 0;

        __asm__ volatile("fninit");
        hcall1(GABI_HCALL_TS, 1);
        __asm__ volatile("fildl %1; fistpl %0" : "=m"(got) : "m"(i));
        EXPECT_EQ(got, i);
        EXPECT_EQ(machine_status() >> 3 & 1, 0);
    }
}

/* FP-05: a TS call that is still in the ring has not happened; what the FPU holds
 * is neither lost by the call nor by its delay. */
GT_CASE(ts_in_ring, GT_BOTH)
{
    struct trap_frame f;
    uint32_t got, value = 0x5eed;

    hcall1(GABI_HCALL_TS, 0);
    __asm__ volatile("fninit; fildl %0" : : "m"(value));
    for (uint32_t i = 0; i < 100; i++) {
        uint32_t ts = ~i & 1;

        lguest_call_lazy(GABI_HCALL_TS, ts, 0, 0, 0);
        EXPECT_EQ_AT(i, machine_status() >> 3 & 1, !ts && i ? 1 : 0);
        EXPECT_EQ_AT(i, run_row(1, 0, &f), !ts && i ? VEC_NM : VEC_UD);
        /* #NM, #UD and interrupts do not run the ring, a hypercall does. */
        EXPECT_EQ_AT(i, machine_status() >> 3 & 1, !ts && i ? 1 : 0);
        hcall0(GABI_HCALL_FLUSH_ASYNC);
        EXPECT_EQ_AT(i, run_row(i & 2 ? 3 : 1, 0, &f), ts ? VEC_NM : VEC_UD);
    }
    hcall1(GABI_HCALL_TS, 0);
    __asm__ volatile("fistpl %0" : "=m"(got));
    EXPECT_EQ(got, value);
}

/* FP-06: FXSAVE where it may not. The address and the kind are the guest's own;
 * nothing is written before the fault that could be seen elsewhere. */
static void fxsave_at(uint32_t ring, uint32_t va, uint32_t vector, uint32_t err)
{
    struct trap_frame f;

    gt_frame(ring, &f);
    f.ebx = va;
    EXPECT_EQ_AT(va, gt_run(ring, code_fxsave, &f), vector);
    if (vector == VEC_UD)
        return;
    /* The guest's own tables have nothing in the window, so P may be 0 there. */
    EXPECT_EQ_AT(va, f.errcode | (va >= 0xffc00000), err);
    EXPECT_EQ_AT(va, f.eip, ring == 3 ? GT_USER_CODE : addr_of(gt_kernel_code));
    if (vector == VEC_PF)
        EXPECT_EQ_AT(va, trap_seen.cr2 & ~GUEST_PAGE_MASK, va & ~GUEST_PAGE_MASK);
}

GT_CASE(fxsave_places, GT_BOTH)
{
    uint32_t ro = 0x42000000, page = page_alloc();

    gt_user_setup();
    pt_set(pt_root, ro, page | PTE_P | PTE_U | PTE_A | PTE_D);
    for (uint32_t round = 0; round < 20; round++) {
        fxsave_at(1, ro, VEC_PF, 3);
        fxsave_at(3, ro, VEC_PF, 7);
        fxsave_at(1, 0x61000000, VEC_PF, 2);
        fxsave_at(3, 0x61000000, VEC_PF, 6);
        fxsave_at(3, addr_of(gt_kernel_stack), VEC_PF, 7);
        fxsave_at(1, GT_WINDOW_TEXT, VEC_PF, 3);
        fxsave_at(1, GT_WINDOW_STATE + 0x800, VEC_PF, 3);
        fxsave_at(1, GT_WINDOW_THUNK, VEC_PF, 3);
        fxsave_at(3, GT_WINDOW_REGS, VEC_PF, 7);
        fxsave_at(1, GT_USER_DATA, VEC_UD, 0);
        fxsave_at(3, GT_USER_DATA, VEC_UD, 0);
    }
    for (uint32_t k = 0; k < GUEST_PAGE_BYTES; k += 4)
        EXPECT_EQ_AT(k, peek32(page + k), 0);
}

/* Over the end of a page whose neighbour is not there. */
GT_CASE(fxsave_crosses_page, GT_BOTH)
{
    uint32_t va = 0x42000000, at = va + GUEST_PAGE_BYTES - 64;
    struct trap_frame f;

    pt_set(pt_root, va, page_alloc() | PTE_USER);
    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        gt_frame(ring, &f);
        f.ebx = at;
        EXPECT_EQ(gt_run(ring, code_fxsave, &f), VEC_PF);
        EXPECT_EQ(trap_seen.cr2 & ~GUEST_PAGE_MASK, va + GUEST_PAGE_BYTES);
        EXPECT_EQ(f.errcode, ring == 3 ? 6 : 2);
    }
}

/* At an address that is no multiple of 16, in memory that is there. */
GT_CASE(fxsave_not_aligned, GT_BOTH)
{
    struct trap_frame f, plain;

    gt_user_setup();
    gt_frame(1, &f);
    f.ebx = GT_USER_DATA;
    plain = f;
    f.ebx += 8;
    gt_need_trap(VEC_GP, code_fxsave_start, (uint32_t)(code_fxsave_end - code_fxsave_start),
                 &f, &plain, "FXSAVE takes any address here");
    for (uint32_t ring = 1; ring <= 3; ring += 2)
        fxsave_at(ring, GT_USER_DATA + 8, VEC_GP, 0);
}

/* FP-07: no state that the monitor does not switch: XSAVE and AVX are undefined. */
GT_CASE(no_extended_state, GT_BOTH)
{
    static const uint8_t codes[][8] = {
        {0x0f, 0x01, 0xd0},             /* xgetbv */
        {0x0f, 0xae, 0x23},             /* xsave [ebx] */
        {0x0f, 0xae, 0x2b},             /* xrstor [ebx] */
        {0x0f, 0xae, 0x33},             /* xsaveopt [ebx] */
        {0x0f, 0xc7, 0x23},             /* xsavec [ebx] */
        {0x0f, 0xc7, 0x2b},             /* xsaves [ebx] */
        {0xc5, 0xf8, 0x77},             /* vzeroupper */
        {0xc5, 0xfc, 0x28, 0xc1},       /* vmovaps ymm0, ymm1 */
        {0xc5, 0xf8, 0x58, 0xc1},       /* vaddps xmm0, xmm0, xmm1 */
        {0xc4, 0xe2, 0x7d, 0x18, 0x03}, /* vbroadcastss ymm0, [ebx] */
        {0x62, 0xf1, 0x7c, 0x48, 0x28, 0xc1}, /* vmovaps zmm0, zmm1 */
    };
    uint32_t a = 1, b, c = 0, d;
    struct trap_frame f;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    EXPECT_EQ(c >> 27 & 1, 0); /* OSXSAVE */
    gt_user_setup();
    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        for (uint32_t i = 0; i < ARRAY_COUNT(codes); i++) {
            gt_frame(ring, &f);
            f.ebx = GT_USER_DATA;
            f.eax = 7;
            EXPECT_EQ_AT(i, gt_run_bytes(ring, codes[i], 8, &f), VEC_UD);
            EXPECT_EQ_AT(i, f.eip, ring == 3 ? GT_USER_CODE : addr_of(gt_kernel_code));
        }
    }
}
