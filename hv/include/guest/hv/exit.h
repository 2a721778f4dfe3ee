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

/* A page fault at va that counts as the guest's own access with these PF_ERR_* bits:
 * filled, or reflected with CR2 and the error code of the guest's tables. */
void exit_fault_at(struct vcpu *v, uint32_t va, uint32_t hw_err);

/* Delivers a #DB with these bits added to DR6; a halted vCPU goes on. */
void exit_debug_trap(struct vcpu *v, uint32_t dr6);

/* The monitor has carried out an instruction and EIP is behind it: the #DB that TF
 * asks for, or that its watchpoints (B0 to B3 in dr6) do. */
void exit_insn_done(struct vcpu *v, uint32_t dr6);

/* The CPU refused the frame of the entry: a program's fault, or the end of its guest. */
void exit_bad_iret(struct vcpu *v);

/* The guest has left virtual-8086 mode, where it can get in an emulator only: a fault of the
 * program there. Returns the vector as pushed. */
uint32_t exit_left_vm86(struct vcpu *v);

/* True: this fault at ring 1 was the CPU's refusal of a frame to ring 3, and the program
 * has it now (ABI 5.7); or the guest is dead. */
bool exit_refused_return(struct vcpu *v, uint32_t vector, uint32_t err);

/* If the bytes at EIP are vmcall, patches them to int 0x1f (ABI 2.1). */
bool exit_try_vmcall(struct vcpu *v);

/* Makes v the one that is loaded on this CPU; another may have been. */
void vcpu_load(struct vcpu *v);

/* If v is loaded, no vCPU is afterwards. */
void vcpu_put(struct vcpu *v);

/* Runs v until it must leave the CPU: dead, halted without work, slice over. */
void vcpu_run(struct vcpu *v);

/* Exits of v so far. */
uint32_t vcpu_exits(const struct vcpu *v);
