/* SPDX-License-Identifier: MIT */
/* PI-19: random bytes as code. At ring 3 the guest kernel must survive it, at
 * ring 1 only the monitor must. */

#include "attack.h"
#include "gtest.h"

#define STRINGS 8000u

static void random_code(uint32_t arg)
{
    gt_random_seed(arg);
    gt_attack_code(arg & 3, STRINGS, true);
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
