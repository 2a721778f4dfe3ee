/* SPDX-License-Identifier: MIT */
/* The virtual and the shadow IDT (ABI 5.1 to 5.3,
 * TR-02, TR-04, TR-07 to TR-09, TR-11): every vector with every gate. */
#include "fake.h"
#include "hv/arch_if.h"
#include "hv/vidt.h"
#include "test.h"

static const struct abi_row some_row;

/* ---- the rules, one vector at a time ---- */

static bool pushes_error(uint32_t vec)
{
    return vec == 8 || (vec >= 10 && vec <= 14) || vec == 17 || vec == 21;
}

/* `int n` at ring 3 or 1 must give #GP, whatever DPL the guest wanted. */
static bool never_by_software(uint32_t vec)
{
    return vec >= 0x20 || pushes_error(vec) || vec == 2 || vec == 7 || vec == 15 ||
           vec == 18;
}

static void check_choice(uint32_t vec, uint32_t hi, bool syscall)
{
    struct vidt_choice c = vidt_choose(vec, hi, syscall);
    bool present = hi >> 15 & 1, trap = (hi >> 8 & 15) == 15;
    uint32_t guest_dpl = hi >> 13 & 3;

    EXPECT(c.dpl == 0 || c.dpl == 1 || c.dpl == 3);
    if (vec == 0x1f) {
        EXPECT(c.kind == VIDT_STUB && c.dpl == 1);
        return;
    }
    if (!present) {
        EXPECT(c.kind == VIDT_STUB && c.dpl == 0);
        return;
    }
    if (syscall) {
        EXPECT_EQ(c.kind, trap ? VIDT_DIRECT : VIDT_THUNK);
        EXPECT_EQ(c.dpl, guest_dpl == 3 ? 3 : 1);
        return;
    }
    EXPECT_EQ(c.kind, VIDT_STUB);
    if (never_by_software(vec))
        EXPECT_EQ(c.dpl, 0);
    else
        EXPECT_EQ(c.dpl, guest_dpl == 3 ? 3 : 1);
}

TEST(every_vector_with_every_gate)
{
    for (uint32_t vec = 0; vec < 256; vec++) {
        for (uint32_t n = 0; n < 8 * 2 * 2; n++) {
            uint32_t hi = 0x12340000 | (n & 7) << 13 | (n & 8 ? 0xf00 : 0xe00);

            check_choice(vec, hi, (n & 16) && (vec == 0x80 || vec == 0x40));
        }
    }
}

/* ---- LOAD_IDT_ENTRY ---- */

static struct guest g;
static struct vcpu v;
static uint64_t idt[256];

static void start(uint8_t syscall_vec)
{
    memset(&g, 0, sizeof(g));
    memset(&v, 0, sizeof(v));
    g.vcpu = &v;
    v.guest = &g;
    v.arch.idt = idt;
    g.abi = &some_row;
    g.syscall_vec = syscall_vec;
    vidt_init(&v);
    for (uint32_t i = 0; i < 256; i++)
        EXPECT_EQ(idt[i], arch_stub_gate(i, i == 0x1f ? 1 : 0));
}

static bool ignored(uint32_t vec)
{
    return vec == 2 || vec == 8 || vec == 15 || vec == 0x1f;
}

static void check_loaded(uint32_t vec, uint32_t lo, uint32_t hi)
{
    uint32_t type = hi >> 8 & 15;
    bool present = hi >> 15 & 1;
    uint64_t before = idt[vec];

    vidt_load(&v, vec, lo, hi);
    if (ignored(vec)) {
        EXPECT(!guest_is_dead(&g) && idt[vec] == before && !vidt_present(&g, vec));
        return;
    }
    if (present && type != 14 && type != 15) {
        EXPECT(guest_is_dead(&g) && strstr(g.reason, "bad IDT type"));
        EXPECT_EQ(idt[vec], before);
        g.end = END_NONE;
        return;
    }
    EXPECT(!guest_is_dead(&g));
    EXPECT_EQ(vidt_present(&g, vec), present);
    if (!present) {
        EXPECT_EQ(g.vidt_eip[vec] | g.vidt_hi[vec], 0);
        EXPECT_EQ(idt[vec], arch_stub_gate(vec, 0));
        return;
    }
    EXPECT_EQ(g.vidt_hi[vec], hi & 0xffffef00);
    EXPECT_EQ(g.vidt_eip[vec], (hi & 0xffff0000) | (lo & 0xffff));
}

/* A gate that leads to ring 1 without us: flat kernel CS, a 32-bit trap gate. */
static bool is_ring1_gate(uint64_t gate)
{
    uint32_t lo = (uint32_t)gate, hi = (uint32_t)(gate >> 32);

    return lo >> 16 == 0x61 && (hi & 0x9fff) == 0x8f00 && (hi >> 13 & 1) == 1;
}

static void check_real_gate(uint32_t vec)
{
    uint64_t gate = idt[vec];
    uint32_t kind = (uint32_t)(gate >> 48);

    if (kind == 0x57ab) /* a stub of ours: the fake says which */
        EXPECT_EQ(gate >> 8 & 0xff, vec);
    else
        EXPECT(is_ring1_gate(gate) && vec == g.syscall_vec);
}

TEST(load_all_types_and_vectors)
{
    static const uint32_t offsets[] = {0, 0xc0001234, 0xffe00000, 0xffffffff};
    static const uint32_t selectors[] = {0, 0x08, 0x50, 0x58, 0x61, 0x63, 0x80, 0xffff};

    start(0x80);
    for (uint32_t vec = 0; vec < 256; vec++) {
        /* P, DPL, S, type and the low byte: all of it. */
        for (uint32_t attr = 0; attr < 0x10000; attr += 0x25) {
            uint32_t at = offsets[attr & 3], sel = selectors[attr >> 2 & 7];

            check_loaded(vec, sel << 16 | (at & 0xffff), (at & 0xffff0000) | attr);
            check_real_gate(vec);
        }
        for (uint32_t attr = 0; attr < 256; attr++) {
            check_loaded(vec, 0x00501234, 0xc0000000 | attr << 8);
            check_real_gate(vec);
        }
    }
}

TEST(vectors_above_255_kill)
{
    static const uint32_t bad[] = {256, 257, 0x7fffffff, 0x80000000, 0xffffffff};

    start(0x80);
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        vidt_load(&v, bad[i], 0, 0xc0008e00);
        EXPECT(guest_is_dead(&g) && strstr(g.reason, "idt entry"));
        g.end = END_NONE;
    }
    for (uint32_t i = 0; i < 256; i++)
        EXPECT(!vidt_present(&g, i));
}

/* Until INIT has said so no vector is the system call's; then trap gates go
 * direct and interrupt gates through the thunk, at 0xffe03000. */
TEST(system_call_vector)
{
    start(0x80);
    g.abi = NULL;
    vidt_load(&v, 0x80, 0x1234, 0xc000ef00);
    EXPECT_EQ(idt[0x80], arch_stub_gate(0x80, 0));
    start(0x80);
    vidt_load(&v, 0x80, 0x1234, 0xc000ef00);
    EXPECT_EQ(idt[0x80], 0xc000ef0000611234ull);
    vidt_load(&v, 0x80, 0x1234, 0xc000ee00);
    EXPECT_EQ(idt[0x80], 0xffe0ef0000613000ull);
    vidt_load(&v, 0x80, 0x1234, 0xc0008e00);
    EXPECT_EQ(idt[0x80], 0xffe0af0000613000ull);
    vidt_load(&v, 0x80, 0, 0);
    EXPECT_EQ(idt[0x80], arch_stub_gate(0x80, 0));
    vidt_load(&v, 0x40, 0x1234, 0xc000ef00); /* the other one is hardware's */
    EXPECT_EQ(idt[0x40], arch_stub_gate(0x40, 0));
    start(0x40);
    vidt_load(&v, 0x40, 0x1234, 0xc000ef00);
    EXPECT_EQ(idt[0x40], 0xc000ef0000611234ull);
}
