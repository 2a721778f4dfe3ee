/* SPDX-License-Identifier: MIT */
/* A guest with real shadow tables, for the tests of hv/mmu/: guest memory in
 * frames of the fake allocator that lie where their numbers say (the shadow
 * code takes a table's address for its physical one), and a CPU that walks the
 * shadow as hardware does: P, RW and US of both levels with CR0.WP = 1, A and D
 * set in the shadow entries, #PF to shadow_fault(). */
#pragma once

#include "hv/guest.h"
#include "hv/shadow.h"

#define SF_READ 0u
#define SF_WRITE 2u /* the bits of an error code */
#define SF_USER 4u

/* A guest of so many pages. linear: before its first page table; else 2-level
 * or PAE tables, and the current root is at gcr3. */
struct vcpu *sf_guest(uint32_t pages, bool pae, bool linear, uint32_t gcr3);
void sf_free(struct vcpu *v);

/* Set before the first guest: the pages of all guests lie above 4 GiB, and the monitor
 * sees them through windows only, of which the last two are good. */
extern bool sf_high;

/* What pointers into windows may not survive: an interrupt, and another guest's turn. */
void sf_lose_windows(void);

/* The page that the monitor's pointer leads to. */
uint32_t sf_gfn_at(const struct vcpu *v, const void *p);

/* Set before a guest: its pages have no frames until they are touched. */
extern bool sf_untouched;

/* Bytes of guest memory, behind the monitor's back; sf_poke() touches the page. */
const uint8_t *sf_page(const struct vcpu *v, uint32_t gfn);
uint32_t sf_peek(const struct vcpu *v, uint32_t gpa);
void sf_poke(struct vcpu *v, uint32_t gpa, uint32_t value);

enum sf_outcome {
    SF_OK,
    SF_FAULT, /* the guest's own: err is what it gets */
    SF_DEAD,  /* the guest was killed */
};

struct sf_result {
    enum sf_outcome outcome;
    uint32_t gfn;    /* SF_OK: the page that was reached */
    uint32_t err;    /* SF_FAULT */
    uint32_t exits;  /* how many #PF the monitor got for it */
};

/* One access of the CPU. The test fails if it reaches a page that is not the
 * guest's, if an entry has a bit it must not have, or if the fault repeats. */
struct sf_result sf_access(struct vcpu *v, uint32_t va, uint32_t access);

/* The same with a value, stored only if it goes well. */
struct sf_result sf_store(struct vcpu *v, uint32_t va, uint32_t value);

/* What hardware would do now without any exit; SF_FAULT: a #PF. */
struct sf_result sf_hardware(struct vcpu *v, uint32_t va, uint32_t access);

/* SET_PTE as the hypercall passes it on. */
void sf_set_pte(struct vcpu *v, uint32_t pgd, uint32_t va, uint32_t lo, uint32_t hi);

/* Announcements that lie in the ring one after the other, at most SF_RING of them. */
#define SF_RING 4u
struct sf_pte {
    uint32_t pgd, va, lo, hi;
};
void sf_set_ptes(struct vcpu *v, const struct sf_pte *ptes, uint32_t n);

/* As the run loop before an entry: pins the stack if that is due. */
bool sf_enter(struct vcpu *v);

/* Called before sf_enter() pins, if not NULL. */
extern void (*sf_on_pin)(void);

/* shadow_audit(), and what hardware could reach through the current root. */
void sf_check(struct vcpu *v);
