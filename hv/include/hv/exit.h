/* SPDX-License-Identifier: MIT */
/* What ends a guest's run, by vector, and the run loop around it. */
#pragma once

#include "hv/types.h"

struct vcpu;

typedef void (*exit_handler_t)(struct vcpu *v);

#define EXIT_REASONS 257u /* vectors and ARCH_EXIT_BAD_IRET */

extern const exit_handler_t exit_table[EXIT_REASONS];
extern const char *const exit_names[32];

void exit_page_fault(struct vcpu *v);
void exit_general_protection(struct vcpu *v);
void exit_hcall(struct vcpu *v);

/* If the bytes at EIP are vmcall, patches them to int 0x1f (ABI 2.1). */
bool exit_try_vmcall(struct vcpu *v);

/* Runs v until it must leave the CPU: dead, halted without work, slice over. */
void vcpu_run(struct vcpu *v);

/* Exits of v so far. */
uint32_t vcpu_exits(const struct vcpu *v);
