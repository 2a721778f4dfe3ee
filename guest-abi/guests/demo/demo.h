/* SPDX-License-Identifier: MIT */
/* The parts of the demo guest. */
#pragma once

#include "guest/base.h"

/* user.asm: the ring-3 program, and what it asks the kernel for. */
extern const char demo_user_start[], demo_user_end[];
#define SYS_WRITE 1 /* EBX text, ECX bytes */
#define SYS_EXIT 2  /* EBX status */

/* main.c */
void demo_show_memory(void);
uint32_t demo_run_user(void);
extern volatile uint32_t demo_ticks;
extern uint32_t demo_faults;

/* commands.c */
void demo_show_costs(void);

/* The prompt; returns only when the guest is to end. */
void demo_prompt(void);
