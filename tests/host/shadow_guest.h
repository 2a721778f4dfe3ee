/* SPDX-License-Identifier: MIT */
/* A small guest for the tests of single rules of hv/mmu/, 2-level or PAE: all its
 * memory at DIRECT_MAP and whatever a test adds, before or after. */
#pragma once

#include "../../hv/mmu/leaf.h"

#include "hv/gmem.h"
#include "shadow_fixture.h"
#include "test.h"

#define ROOT 1u /* page of the first root; PAE: the top level */
#define ROOT2 2u
#define DIR 3u  /* PAE: 3 to 6, one for each GiB of the first root */
#define FREE 8u /* tables are taken from here on */
#define PAGES 64u
#define DATA 40u
#define RWUSAD 0x67u
#define DIRECT_MAP 0xc0000000u

extern struct vcpu *v;
extern bool pae;
extern uint32_t next_table;

uint32_t entry_bytes(void);
uint32_t root_at(uint32_t page);
uint32_t pde_at(uint32_t root, uint32_t va);
/* Where the entries for va are in guest memory; a table is made if there is
 * none. */
uint32_t pte_at(uint32_t root, uint32_t va);
void start(bool as_pae);
void stop(void);
/* The killed guest goes on, for the next of many cases. */
void revive(void);
/* The test, for a 2-level and for a PAE guest. */
void for_both(void (*test)(void));

/* Written by the guest through its direct map, or by the monitor. */
void guest_writes(uint32_t gpa, uint32_t value);
void monitor_writes(uint32_t gpa, uint32_t value);
bool reaches(uint32_t va, uint32_t access, uint32_t gfn);
bool faults(uint32_t va, uint32_t access, uint32_t err);
bool killed(uint32_t va, uint32_t access, const char *why);
/* A second root that shares nothing but the kernel's part. */
void make_root2(void);
