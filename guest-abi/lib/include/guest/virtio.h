/* SPDX-License-Identifier: MIT */
/* The lguest bus and its legacy virtqueues, from the driver's side; and the
 * console driver on top (hvc). */
#pragma once

#include "guest/base.h"
#include "guest-abi/device_page.h"

struct vq {
    uint32_t num, pa, irq;
    struct gabi_vring_desc *desc;
    struct gabi_vring_avail *avail;
    struct gabi_vring_used *used;
    uint16_t next_desc; /* slots are used in turn */
    uint16_t last_used;
};

struct vdevice {
    struct gabi_device_desc *desc;
    struct vq vq[2];
    const uint8_t *config;
};

/* End of what the bus uses above RAM, page-aligned (for the page tables). */
uint32_t bus_end(void);

/* The nth device of a type; false if there is none. Fills *d, starts nothing. */
bool bus_find(uint8_t type, uint32_t nth, struct vdevice *d);

/* Status protocol up to DRIVER_OK, accepting no feature, announced as a 3.11
 * guest does. */
void bus_start(struct vdevice *d);

/* Puts one chain of n buffers into the avail ring (n descriptors in turn). */
struct vq_buffer {
    uint32_t pa, bytes;
    bool device_writes;
};
void vq_add(struct vq *q, const struct vq_buffer *b, uint32_t n);
void vq_kick(const struct vq *q);

/* Takes one element from the used ring; false if there is none. */
bool vq_take(struct vq *q, uint32_t *bytes);
bool vq_wait(struct vq *q, uint32_t *bytes); /* bounded, with hypercalls */

/* The console: after console_init, print() goes through the queue. */
bool console_init(void);
bool console_is_up(void);
void console_write(const char *s, uint32_t n);
int console_getchar(void);      /* -1: nothing there */
uint32_t console_irq(void);     /* line of the input queue */
