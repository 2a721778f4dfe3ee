/* SPDX-License-Identifier: MIT */
/* The guest of the model test: its shape, its accesses and stores with their checks,
 * its ways to get a word into memory, its announcements. */
#pragma once

#include "../../hv/mmu/mmu.h"

#include "paging_model.h"
#include "test.h"

#define ROOTS 24u
#define PAGES 144u
#define KERNEL 0xc0000000u
#define STACK_TOP (KERNEL + 66 * HV_PAGE_SIZE) /* in the direct map: data pages */
#define DIRECT_MAP KERNEL     /* of all guest memory */
#define P 1u
#define RW 2u
#define US 4u

/* Pages by use. Two-level: a root is a page. PAE: all top-level tables are in
 * one page, and there are directories. */
enum {
    PAGE_ROOT = 1,    /* 24 of them; PAE: page 1 */
    PAGE_DIR = 2,     /* PAE: 8, the first is the kernel's */
    NR_DIR = 8,
    PAGE_TABLE = 25,  /* 32: the first two are the kernel's */
    NR_TABLES = 32,
    PAGE_DATA = 57,
};

struct access_counts {
    uint32_t hits, fills, faults, stale;
};

extern struct test_rng rng;
extern struct vcpu *v;
extern bool pae;
extern uint32_t cur; /* number of the current root */
extern uint32_t step_nr, seed_now;
extern struct access_counts counts;
/* Memory changes while the monitor is at work, so no outcome can be told. */
extern bool devices_write;
extern const uint16_t l1_2level[15], l1_pae[13]; /* table indices that tests use */

/* In [0, n). */
uint32_t below(uint32_t n);
/* True so many times of 100. */
bool percent(uint32_t p);
/* Ends the test with seed and step if not. */
void require(bool ok);
uint32_t root_gcr3(uint32_t i);
/* A number that SET_PTE may give and that is no root. */
uint32_t random_pgd(void);
uint32_t random_l1(void);
/* Index of a directory entry that tests use. */
uint32_t random_dir_index(void);
/* An address that tests use; often one that led somewhere. */
uint32_t random_va(void);
bool is_root_page(uint32_t gfn);
/* A value that is legal in a page of this use, whatever role it has just now. */
uint32_t legal_value(uint32_t gfn);
/* As the run loop before an entry; what was pinned must stay so. */
void enter(void);
/* An access of the CPU, checked. */
struct sf_result access_va(uint32_t va, uint32_t access);
/* A store of the CPU. True if it went to wanted_gpa; else a legal value for
 * wherever it went was stored. */
bool store_va(uint32_t va, uint32_t wanted_gpa, uint32_t value);
/* The same by the monitor, as for a trap frame. */
bool monitor_store(uint32_t va, uint32_t wanted_gpa, uint32_t value);
/* And as it patches code, where the guest may only read. */
bool monitor_patch(uint32_t va, uint32_t wanted_gpa, uint32_t value);
/* Gets a value into guest memory by one of the ways there are. */
void write_word(uint32_t gpa, uint32_t value);
/* Announcements, to the shadow and to the model. */
void set_pte(uint32_t pgd, uint32_t va, uint32_t value);
void set_pgd(uint32_t pgd, uint32_t index);
void set_pmd(uint32_t gpa, uint32_t index);
void flush(bool all);
void load_root(uint32_t i);
/* Where INIT says that the kernel's half begins. */
uint32_t random_kernel_address(void);
/* A new guest; tables_max: size of the pool, 0: as it is. */
void build_guest(uint32_t tables_max);
