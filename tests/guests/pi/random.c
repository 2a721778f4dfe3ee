/* SPDX-License-Identifier: MIT */
/* PI-19: random bytes as code. At ring 3 the guest kernel must survive it, at
 * ring 1 only the monitor must. */

#include "gtest.h"

#define STRINGS 8000u

/* Not only noise: bytes that begin what is emulated, prefixes, gates. */
static uint8_t random_byte(void)
{
    static const uint8_t likely[] = {
        0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x36, 0x64, 0x65, 0x0f, 0x01, 0xcd, 0x80,
        0xcc, 0xce, 0xcf, 0x9c, 0x9d, 0xfa, 0xfb, 0xf4, 0xe4, 0xe6, 0xec, 0xee, 0x6c,
        0x6e, 0x8e, 0x0b, 0x20, 0x22, 0x30, 0x32, 0xea, 0x9a, 0xcb, 0xf1, 0xc1,
    };
    uint32_t r = gt_random();

    return r & 1 ? (uint8_t)(r >> 8) : likely[(r >> 8) % ARRAY_COUNT(likely)];
}

static void one(uint32_t ring)
{
    uint32_t regs[] = {0, 0xffffffff, GT_USER_DATA, 0xffe00000, 0x1f, gt_random()};
    uint8_t code[16];
    struct trap_frame f;

    for (uint32_t i = 0; i < sizeof(code); i++)
        code[i] = random_byte();
    gt_frame(ring, &f);
    f.eax = regs[gt_random() % 6];
    f.ebx = regs[gt_random() % 6];
    f.ecx = gt_random() % 64;
    f.edx = regs[gt_random() % 6];
    f.esi = GT_USER_DATA + 64;
    f.edi = GT_USER_DATA + 128;
    f.ebp = f.esp - 64;
    f.eflags |= gt_random() & (FLAG_CF | FLAG_DF | FLAG_TF | FLAG_NT | FLAG_AC);
    memset(phys_ptr(f.eip), 0xcc, 64);
    lguest_call(GABI_HCALL_SET_CLOCKEVENT, 200000, 0, 0, 0);
    memcpy(phys_ptr(f.eip), code, sizeof(code));
    uint32_t v = trap_run(&f, GABI_IF);

    if (ring == 3) {
        EXPECT(v < 0x20 || v == GUEST_SYSCALL_VECTOR || v == GABI_IRQ_VECTOR);
        EXPECT_EQ(f.cs & 3, 3);
        EXPECT_EQ(f.eflags & (FLAG_IOPL | FLAG_VM), 0);
    }
}

static void random_code(uint32_t arg)
{
    uint32_t ring = arg & 3;

    gt_random_seed(arg);
    trap_run_ends_at_irq = true;
    irq_unblock(GABI_IRQ_TIMER);
    for (uint32_t i = 0; i < STRINGS; i++) {
        one(ring);
        /* User code may have changed its data only. */
        if (ring == 3)
            EXPECT_EQ(lg.reserve_mem, GABI_RESERVE_MEM);
    }
}

GT_ROW(random_ring3_1, random_code, GT_BOTH, .arg = 3 | 0x100)
GT_ROW(random_ring3_2, random_code, GT_BOTH, .arg = 3 | 0x200)
#define RING1(n) \
    GT_ROW(random_ring1_##n, random_code, GT_2LEVEL, .arg = 1 | n << 8, .expect = "whatever")
RING1(1)
RING1(2)
RING1(3)
RING1(4)
RING1(5)
RING1(6)
RING1(7)
RING1(8)
RING1(9)
RING1(10)
