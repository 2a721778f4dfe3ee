/* SPDX-License-Identifier: MIT */
/* The bench guest: one line per operation, for tools/bench. It fails when an
 * operation did not have its effect or took another number of exits; budgets
 * are judged outside, where the clock is known to count instructions. */

#include "bench.h"
#include "gtest.h"

static void check_exits(const struct bench_result *r)
{
    static const struct {
        const char *op;
        uint32_t least, most; /* hundredths */
    } want[] = {
        {"int80_trap", 0, 0}, {"int80_interrupt", 0, 0}, {"cli_sti", 0, 0},
        {"touch_a_clear", 100, 105}, {"touch_a_set", 0, 19},
        {"set_pte_ring", 3, 4},
    };
    uint32_t least = 100, most = 100;

    for (uint32_t i = 0; i < ARRAY_COUNT(want); i++) {
        if (strcmp(r->op, want[i].op) == 0) {
            least = want[i].least;
            most = want[i].most;
        }
    }
    if (r->exits_x100 < least || r->exits_x100 > most)
        FAIL("%s: %u.%02u exits, expected %u to %u hundredths", r->op,
             r->exits_x100 / 100, r->exits_x100 % 100, least, most);
}

static void emit(const struct bench_result *r)
{
    print("BENCH op=%s insns=%u exits=%u.%02u\n", r->op, r->insns,
          r->exits_x100 / 100, r->exits_x100 % 100);
    if (!r->ok)
        FAIL("%s: the operation did not have its effect", r->op);
    check_exits(r);
}

GT_CASE(rows, GT_BOTH | GT_NOT_ALL)
{
    bench_run(true, emit);
}
