/* SPDX-License-Identifier: MIT */
/* Seeded random attacks, for the cases of one life (pi.random_*, hc.random_*) and
 * for those that go on (group attack).  All draw from gt_random(). */
#pragma once

#include "gtest.h"

/* Random byte strings as code, at ring 1 or 3, with random registers and flags,
 * each for at most 200 virtual microseconds. At ring 3 the kernel must survive it
 * whole as long as its gates are its own, and no random hypercall has loaded some;
 * at ring 1 anything may happen to this guest. */
void gt_attack_code(uint32_t ring, uint32_t strings, bool own_gates);

/* Random hypercalls, direct and by the ring, with edge values for arguments; most
 * are legal, so that a life is not too short. */
void gt_attack_hypercalls(uint32_t calls);

/* Random edits of its own page tables at all levels, announced or not, with
 * accesses from both rings in between. */
void gt_attack_tables(uint32_t edits);
