/* SPDX-License-Identifier: MIT */
/* Virtual devices of a guest: the lguest bus (ABI 10a), the PCI configuration
 * ports with the emergency console of device 00:01.0 (ABI 10b), and the back
 * ends console, block, rng and net.  All memory of the guest is reached by
 * hv/gmem.h; every index and length is checked, each field is read once. */
#pragma once

#include "hv/addr.h"

struct guest;
struct guest_config;
struct vdev_set; /* all devices of one guest; private to hv/vdev/ */

/* Pages above guest RAM that the descriptor page and the vrings take: the
 * guest's pfn limit is RAM plus this (ABI 1.6). */
uint32_t vdev_pages(const struct guest_config *c);

/* Builds the devices: writes the descriptor page. g->ram_pages is set and the
 * pages above it exist and are zero.  0 or -HV_ENOMEM. */
int vdev_create(struct guest *g) HV_MUST_CHECK;
void vdev_destroy(struct guest *g);

/* Frames of the monitor's own that the devices take, for `info`. */
uint32_t vdev_overhead_frames(const struct guest *g);

/* NOTIFY hypercall (ABI 10a decoding order). Returns false if the address
 * means nothing: the caller then kills. Bounded work per call. */
bool vdev_notify(struct guest *g, uint32_t addr) HV_MUST_CHECK;

/* Port accesses that the exit handler decoded; width is 1, 2 or 4.  A port
 * that nobody claims reads all ones and swallows writes (ABI 5.5, 11.3). */
uint32_t vdev_port_in(struct guest *g, uint16_t port, uint32_t width);
void vdev_port_out(struct guest *g, uint16_t port, uint32_t width, uint32_t v);

/* Console input for this guest (keyboard, UART, shell). Bytes that do not fit
 * the guest's queue wait in a bounded ring; what overflows is counted. */
void vconsole_input(struct guest *g, const uint8_t *bytes, uint32_t n);

/* Goes on with work that was put off because one call may do only so much.
 * The run loop calls it, outside of interrupts, when VCPU_TODO_VDEV is set; a
 * halted guest with that bit counts as runnable.  Bounded; may take interrupts
 * (arch_preempt_point) and sets the bit again if there is still more. */
void vdev_poll(struct guest *g);

/* For `info`: one line per device through log_raw. */
void vdev_print(struct guest *g);

/* ---- the internal net hub: frames between guests (later: the NICs) ---- */

/* A port delivers a frame to every other port that wants it. */
void vnet_hub_send(struct guest *from, const uint8_t *frame, uint32_t bytes);
