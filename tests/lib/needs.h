/* SPDX-License-Identifier: MIT */
/* What a CPU or an emulator may lack, found by trying: the case that needs it is
 * skipped then, with the reason. */
#pragma once

#include "gtest.h"

/* The exits it takes to run code that ends in a fault, from f's registers and flags:
 * the fewest of several times. A trap that the CPU takes is an exit, whatever the
 * monitor makes of it: that tells a CPU that lacks a trap from a monitor that keeps
 * it to itself. */
uint32_t gt_exits_of(const void *code, uint32_t bytes, const struct trap_frame *f);

/* Skips the case if code does not trap with that vector from f, and takes no more
 * exits than from plain, where it is not to trap. */
void gt_need_trap(uint32_t vector, const void *code, uint32_t bytes,
                  const struct trap_frame *f, const struct trap_frame *plain,
                  const char *why);

/* Skips the case on a CPU without single steps (TF). */
void gt_need_steps(void);

/* Skips the case on a CPU whose floating-point unit raises no error (#MF), or whose
 * BOUND does not (#BR). */
void gt_need_math_errors(void);
void gt_need_bound(void);
