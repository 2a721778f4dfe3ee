/* SPDX-License-Identifier: MIT */
/* Guests for the tests of hv/vdev/: memory is an array, what the devices do to
 * the outside (console, interrupts, log) is recorded, and hooks let a test act
 * as an interrupt or as a guest that changes memory behind the monitor's back. */
#pragma once

#include "hv/gmem.h"
#include "hv/guest.h"
#include "hv/vdev.h"

#define FAKE_GUESTS 3
#define FAKE_RAM_PAGES 64u

struct fake_guest {
    struct guest g;
    struct vcpu vcpu;
    uint8_t *mem; /* limit_pages, exactly: the sanitizer sees one byte more */
    uint32_t mem_bytes;
    uint32_t raised[32]; /* interrupts by line */
};

extern struct fake_guest fake_guests[FAKE_GUESTS];

/* What reached the outside since fake_reset(). */
extern struct fake_outside {
    uint8_t console[1 << 20];
    uint32_t console_bytes;
    struct guest *console_guest;
    uint32_t log_lines;
    char log_last[256];
    uint32_t preempt_points;
    uint32_t max_bytes_between_preempts;
    uint32_t bytes_since_preempt;
    uint64_t now_ns;
    uint32_t pages_allocated;
    bool console_full;
    uint32_t wakes;
} fake;

/* Called after each gmem read with what was read (may be NULL). */
extern void (*fake_after_read)(struct fake_guest *f, uint32_t gpa, uint32_t len);
/* Called at each preemption point (may be NULL). */
extern void (*fake_on_preempt)(void);
/* Guests that are made from now on are Linux 2.6.24. */
extern bool fake_tagged_devices;

/* Timers that are armed; fires them all, time moves on to their deadlines. */
uint32_t fake_timers_armed(void);
void fake_timers_fire(void);

/* All memory gone, no guests. */
void fake_reset(void);

/* Guest number id with these disks, built by vdev_create(); NULL: it failed. */
struct fake_guest *fake_guest_new(uint32_t id, const struct guest_disk *disks,
                                  uint32_t nr_disks);
/* A guest of FAKE_RAM_PAGES and nothing else. */
struct fake_guest *fake_guest_bare(uint32_t id, uint32_t limit_pages);
void fake_guest_free(struct fake_guest *f);

/* ---- the driver's side of a ring ---- */

struct fake_ring {
    struct fake_guest *f;
    uint32_t num, desc, avail, used;
    uint16_t avail_idx;
};

uint32_t fake_get(const struct fake_guest *f, uint32_t gpa, uint32_t bytes);
void fake_put(struct fake_guest *f, uint32_t gpa, uint32_t bytes, uint64_t v);

/* A legacy ring at this page. */
struct fake_ring fake_ring_legacy(struct fake_guest *f, uint32_t gpa,
                                  uint32_t num);
void fake_desc(struct fake_ring *r, uint32_t i, uint64_t addr, uint32_t len,
               uint32_t flags, uint32_t next);
/* The same in an indirect table. */
void fake_desc_at(struct fake_guest *f, uint32_t table, uint32_t i,
                  uint64_t addr, uint32_t len, uint32_t flags, uint32_t next);
void fake_avail(struct fake_ring *r, uint32_t head);
uint32_t fake_used_idx(const struct fake_ring *r);
uint32_t fake_used_id(const struct fake_ring *r, uint32_t i);
uint32_t fake_used_len(const struct fake_ring *r, uint32_t i);

/* Descriptor of the nth device on the bus: its gpa, 0 if there is none. */
uint32_t fake_bus_desc(const struct fake_guest *f, uint32_t n);
/* gpa and irq of its queue q, as the guest reads them in the page. */
uint32_t fake_bus_ring(const struct fake_guest *f, uint32_t n, uint32_t q);
uint32_t fake_bus_irq(const struct fake_guest *f, uint32_t n, uint32_t q);
/* ACKNOWLEDGE to DRIVER_OK as a guest up to 3.0 does it. */
void fake_bus_start(struct fake_guest *f, uint32_t n);

/* A small pseudo-random generator for model tests. */
uint32_t fake_random(uint32_t *state);
