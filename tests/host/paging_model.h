/* SPDX-License-Identifier: MIT */
/* What a guest may rely on: its own page tables walked by the manual (SDM 3A 4.3,
 * 4.4, 4.6 to 4.8, CR0.WP = 1), with a translation cache of unknown size that
 * may hold what was true at some time since the last announcement covering it
 * (ABI 7.4 to 7.6).
 *
 * Every word of guest memory remembers its earlier values and when each was
 * there. An access must come out as the tables say now, or as they said with
 * values that no announcement has covered since, each of which was linked to
 * the next at one time. A fault is only right if the tables say it now. */
#pragma once

#include "shadow_fixture.h"

void pm_start(struct vcpu *v, uint32_t gcr3);
void pm_end(void);

/* A word of guest memory got this value, whoever wrote it. */
void pm_wrote(uint32_t gpa, uint32_t value);
uint32_t pm_word(uint32_t gpa);

/* The announcements. */
void pm_new_pgtable(uint32_t gcr3);
void pm_flush_user(void);
void pm_flush_all(void);
void pm_set_pte(uint32_t pgd, uint32_t va);
void pm_set_pgd(uint32_t pgd, uint32_t index);
void pm_set_pmd(uint32_t pmd, uint32_t index);

/* The guest got a fault for this address of the current root: the CPU has nothing of
 * that page any more, but what other pages have of the directories stays. */
void pm_faulted(uint32_t va);

/* The tables as they are now, walked for one address; nothing is set. */
struct pm_walk {
    enum sf_outcome outcome;
    uint32_t err, gfn;
    uint32_t pde_gpa, pte_gpa; /* 0: the walk ended above */
};
struct pm_walk pm_walk(uint32_t gcr3, uint32_t va, uint32_t access);

/* Checks an access that was made with the current root, and the A and D bits
 * that it left; false: not as it must be (explained on stdout). */
bool pm_access_ok(uint32_t va, uint32_t access, struct sf_result r);

/* The monitor may have made this access or not: A and D may have been set. */
void pm_access_maybe(uint32_t va, uint32_t access);

/* All of guest memory is as it must be. */
bool pm_memory_ok(void);

/* Accesses for which more than one outcome was allowed, and all. */
extern uint32_t pm_loose, pm_accesses;
