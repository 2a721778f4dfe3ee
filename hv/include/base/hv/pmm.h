/* SPDX-License-Identifier: MIT */
/* Physical frames.  Two zones: DIRECT frames have a permanent mapping (their
 * host-virtual address equals the physical one), HIGH frames are reached
 * through the CPU's windows (hv/frame.h).  Every frame has a reference count;
 * a frame that goes back is scrubbed before a guest can get it again. */
#pragma once

#include "hv/addr.h"

enum pmm_zone {
    PMM_DIRECT,   /* directly mapped, below 4 GiB */
    PMM_GUEST,    /* for guest RAM: one of those that pmm_reserve() set aside */
};

/* Sets n frames aside for PMM_GUEST, as a number: direct ones first (some are kept
 * for the monitor), then high ones; with guestmem=high from high only. So many calls
 * of pmm_alloc(PMM_GUEST) cannot fail, whatever else is allocated. false: not so
 * many are there, and nothing is set aside. */
bool pmm_reserve(uint32_t n) HV_MUST_CHECK;

/* n of those that were not taken are anybody's again. */
void pmm_unreserve(uint32_t n);

/* One frame, zero-filled, reference count 1. HFN_NONE when there is none. */
hfn_t pmm_alloc(enum pmm_zone zone);

/* n contiguous DIRECT frames, aligned to align frames (a power of two),
 * zero-filled; below_limit: all of it under this physical address (0: any). */
hfn_t pmm_alloc_contig(uint32_t n, uint32_t align, uint32_t below_limit);

/* The same with a preemption point every few frames, both ways: for what grows with
 * a guest or the machine. No frame of it is anybody else's in between. */
hfn_t pmm_alloc_table(uint32_t n);
void pmm_free_table(hfn_t f, uint32_t n);

/* Clears a few of the frames that guests will get next, which then cost nothing when
 * they are taken: for times when nobody runs. false: enough of them are clear. */
bool pmm_clear_ahead(void);

/* Adds a reference; drops one and frees the frame at 0. */
void pmm_ref(hfn_t f);
void pmm_unref(hfn_t f);
uint32_t pmm_refcount(hfn_t f);
void pmm_free_contig(hfn_t f, uint32_t n);

/* A DIRECT page by pointer, zero-filled, or NULL; and back. */
void *pmm_alloc_page(void);
void pmm_free_page(void *page);

/* Free frames now (both zones) that are not set aside, the high ones of them, total
 * RAM frames found. */
uint32_t pmm_free_frames(void);
uint32_t pmm_free_high_frames(void);
uint32_t pmm_total_frames(void);

/* The largest number that pmm_reserve() would grant now; what it has set aside and
 * nobody has taken yet. */
uint32_t pmm_guest_frames(void);
uint32_t pmm_reserved_frames(void);

/* True if f is RAM that the allocator owns (never MMIO, ROM, the monitor). */
bool pmm_is_ram(hfn_t f);

/* One more than the highest RAM frame number. */
uint32_t pmm_frame_limit(void);

/* Boot: takes the memory map, keeps the monitor's image, modules and all below
 * HV_LOW_END out. Then hv_init_free() gives boot-only memory back range by range. */
void pmm_init(void);
void pmm_give_range(uint64_t base, uint64_t bytes);
