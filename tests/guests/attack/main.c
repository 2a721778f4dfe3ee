/* SPDX-License-Identifier: MIT */
/* The seeded random attack (HC-24, PI-19, RS-05): lives one after the other, each
 * with the next seed, for the time that timeout= gives to each case.  Nothing may
 * come of it but the end of that guest: the suite looks at the canary and at the
 * monitor after every life.  Not in test=all:
 *
 *     tools/run-suite --attack 60        one minute for all
 *     test=attack.code_ring1 seed=N      that life again first */

#include "attack.h"
#include "gtest.h"

static uint32_t seed_of_life(void)
{
    char text[16];

    if (!guest_option("seed", text, sizeof(text)))
        FAIL("no seed");
    return str_to_u32(text);
}

#define ATTACK(id, ...) \
    GT_CASE(id, GT_BOTH | GT_DISK | GT_NOT_ALL | GT_AGAIN, ##__VA_ARGS__)

/* Ring 3 has no way to end its kernel, or to make it fail. */
ATTACK(code_ring3)
{
    gt_random_seed(seed_of_life());
    gt_attack_code(3, 3000, true);
}

/* Ring 1 may do anything to itself. */
ATTACK(code_ring1, .expect = "whatever")
{
    gt_random_seed(seed_of_life());
    gt_attack_code(1, 3000, true);
}

ATTACK(hypercalls, .expect = "any")
{
    gt_random_seed(seed_of_life());
    gt_attack_hypercalls(20000);
}

/* Its own tables are its own to ruin: it may fall over them. */
ATTACK(page_tables, .expect = "whatever")
{
    gt_random_seed(seed_of_life());
    gt_attack_tables(3000);
}

ATTACK(everything, .expect = "whatever")
{
    gt_random_seed(seed_of_life());
    for (uint32_t i = 0; i < 100; i++) {
        gt_attack_tables(gt_random() % 64);
        gt_attack_hypercalls(gt_random() % 64);
        gt_attack_code(gt_random() % 8 ? 3 : 1, gt_random() % 16, false);
    }
}
