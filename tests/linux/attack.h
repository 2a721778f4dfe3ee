/* SPDX-License-Identifier: MIT */
/* The random attack on a Linux kernel from ring 3 (make check-linux FUZZ_USER):
 * what a program without privileges may do to its own registers, segments,
 * frames and threads.  Everything comes out of one number, so that a run can be
 * repeated. */
#pragma once

#include "sys.h"

/* Memory of a program under attack, at fixed addresses with holes behind. */
#define ATTACK_CODE 0x10000000u
#define ATTACK_DATA 0x10010000u
#define ATTACK_STACK 0x10020000u
#define ATTACK_SIGNAL 0x10030000u
#define ATTACK_BYTES 0x4000u

/* i386 struct sigcontext: the registers of a signal frame. */
struct attack_regs {
    uint32_t gs, fs, es, ds;
    uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax;
    uint32_t trapno, err, eip, cs, eflags, esp_at_signal, ss;
    uint32_t fpstate, oldmask, cr2;
};

/* struct user_desc of set_thread_area and modify_ldt. */
struct attack_desc {
    uint32_t entry, base, limit, flags;
};

/* attack.c: as init, runs n programs under attack one after another and ends
 * the machine by a reboot.  Returns only if it is not init. */
int attack_run(uint32_t seed, uint32_t n);

/* attack_random.c */
void attack_seed(uint32_t seed);
uint32_t attack_random(void);
uint32_t attack_below(uint32_t n);
bool attack_once_in(uint32_t n);
uint32_t attack_address(void);
uint32_t attack_selector(void);
uint32_t attack_flags(void);
/* Any of the above, or a small or a random number. */
uint32_t attack_value(void);
/* A descriptor for one of the kernel's three slots, or for any. */
struct attack_desc attack_descriptor(void);
void attack_fill(uint32_t at, uint32_t bytes);
/* Writes a new string of instructions; returns where it begins. */
uint32_t attack_string(void);

/* attack_user.c: one program under attack, alone or with a tracer. */
void attack_prepare(void);
void attack_user(uint32_t steps);

/* attack_trace.c: a child under attack, and its tracer does its worst. */
void attack_trace(void);
