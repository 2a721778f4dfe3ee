/* SPDX-License-Identifier: MIT */
/* The machine that the host tests run hv/ and boot/ on: arrays.  A test sets
 * and reads the fake's side through this header.  All of it is linked weakly:
 * what a test defines itself takes the place of the fake. */
#pragma once

#include "hv/addr.h"
#include "hv/guest.h"
#include "hv/guest_config.h"

/* ---- hv/arch_if.h ---- */

extern struct fake_arch {
    uint64_t now_ns;
    uint32_t tsc_khz;
    uint64_t wallclock_base_ns;
    uint64_t timer_deadline_ns;
    uint32_t preempt_points;
    void (*on_preempt)(void); /* what an interrupt would do; may be NULL */
    uint64_t image_base, image_bytes; /* where the monitor is said to lie */
    uint32_t fault_address;
    uint32_t ss1, esp1; /* as last set, in the TSS */
    bool ts;            /* of CR0 */
    uint32_t idles;
    uint32_t handled_vector; /* the last one that was handed to the machine */
    int debug_exit;          /* value written, -1: none */
    uint32_t copies_to_fault; /* of arch_copy(), 0: none */
} fake_arch;

/* ---- frames (hv/frame.h) and the allocator (hv/pmm.h) ---- */

/* Frames are there when they are first asked for; below 256 MiB they lie in one
 * piece. The fake allocator hands out [FAKE_PMM_FIRST, + fake_pmm_frames). */
#define FAKE_PMM_FIRST 0x100u
extern uint32_t fake_pmm_frames; /* how many there are; default 4096 */

/* ---- guest memory (hv/gmem.h) ---- */

/* A guest with zeroed memory of this many pages, exactly, so that the sanitizer
 * sees the byte behind it. Devices pages lie behind RAM. */
struct guest *fake_gmem_guest(uint32_t ram_pages, uint32_t device_pages);
uint8_t *fake_gmem_bytes(struct guest *g);
void fake_gmem_free(struct guest *g);

/* ---- hv/log.h, hv/panic.h ---- */

extern uint32_t fake_log_lines;
/* True if a line logged so far contains the text. */
bool fake_log_has(const char *text);
/* The newest line; "" if there is none. */
const char *fake_log_last(void);
void fake_log_clear(void);
/* Prints what has been logged (for the author of a test). */
void fake_log_show(void);

/* ---- hv/guest.h ---- */

/* guest_kill() and guest_end() note end and reason in the guest. */

/* ---- boot/ ---- */

/* Physical memory as boot_phys() shows it: pieces of the host's. */
void fake_phys_add(uint64_t pa, void *bytes, uint32_t len);
void fake_phys_clear(void);
const void *boot_phys(uint64_t pa, uint32_t len); /* also arch_map_firmware() */

/* What hv_add_guest() got. */
extern uint32_t fake_guests_added;
extern struct guest_config fake_guest_configs[GUEST_MAX];
const struct guest_config *fake_guest_added(const char *name);
