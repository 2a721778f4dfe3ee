/* SPDX-License-Identifier: MIT */
/* The cost of operations in instructions (under -icount) or TSC ticks: used by
 * the bench guest and by the demo's command. */
#pragma once

#include "guest/base.h"

#define BENCH_SAMPLES 65

struct bench_result {
    const char *op, *title;
    uint32_t insns;
    uint32_t exits_x100; /* hundredths; 0 without a counter */
    bool ok;             /* the operation had its effect */
};

/* Measures everything; emit is called once per row. exits: the monitor's exit
 * counter can be read (guests of the suite). The gates are changed:
 * trap_init() afterwards. */
void bench_run(bool exits, void (*emit)(const struct bench_result *r));
