/* SPDX-License-Identifier: MIT */
/* One split virtqueue, device side, for every transport: legacy rings in one
 * block and virtio-1.0 rings in three pieces are the same here.  All state that
 * is trusted is private to the monitor; every field of the guest is fetched
 * once.  A ring that breaks the rules stops (q->broken says why) until reset,
 * and costs nobody else anything. */
#pragma once

#include "hv/addr.h"

struct guest;

#define VQ_MAX_NUM 256u  /* entries of a ring */
#define VQ_MAX_SEGS 256u /* buffers of one chain, indirect ones included */

struct virtqueue {
    struct guest *g;
    uint32_t desc, avail, used; /* guest-physical, checked by vq_init */
    uint16_t num;               /* power of two; 0: not set up */
    uint16_t last_avail;        /* next entry to take */
    uint16_t seen_avail;        /* avail.idx as last fetched and checked */
    uint16_t used_idx;
    bool no_notify;      /* what used.flags tells the guest */
    uint16_t unsignalled; /* pushed since the last vq_wants_irq */
    const char *broken;  /* NULL, or what the guest did wrong */
};

struct vq_seg {
    uint32_t gpa;
    uint32_t bytes;
};

struct vq_cursor {
    uint32_t seg;
    uint32_t offset_bytes;
};

/* The buffers of one request, copied out of the ring: first those that the
 * device reads, then those that it writes. */
struct vq_chain {
    uint16_t head;
    uint32_t nr_read;  /* seg[0 .. nr_read) are readable */
    uint32_t nr_segs;  /* seg[nr_read .. nr_segs) are writable */
    uint32_t read_bytes, write_bytes;
    struct vq_cursor rd, wr;
    struct vq_seg seg[VQ_MAX_SEGS];
};

/* Sets the queue up at the beginning of its life.  False, and the queue stays
 * unusable, if num is no power of two in 1..VQ_MAX_NUM, an address is not
 * aligned (16, 2, 4) or a part does not lie in the guest's memory. */
bool vq_init(struct virtqueue *q, struct guest *g, uint32_t num, uint32_t desc,
             uint32_t avail, uint32_t used) HV_MUST_CHECK;

/* Forgets the rings: nothing is popped or pushed until vq_init. */
void vq_stop(struct virtqueue *q);

/* Takes the next request.  False when there is none or the queue is broken.
 * Bounded: at most num + VQ_MAX_SEGS descriptors are looked at.  May take
 * interrupts on the way (arch_preempt_point). */
bool vq_pop(struct virtqueue *q, struct vq_chain *c) HV_MUST_CHECK;

/* Puts back the request that the last vq_pop gave. */
void vq_unpop(struct virtqueue *q);

/* Copies the next bytes out of the readable or into the writable part and
 * moves on.  Returns how many: fewer than asked at the end of the chain. */
uint32_t vq_chain_read(struct virtqueue *q, struct vq_chain *c, void *dst,
                       uint32_t bytes);
uint32_t vq_chain_write(struct virtqueue *q, struct vq_chain *c,
                        const void *src, uint32_t bytes);

/* Moves the write cursor to offset bytes into the writable part. */
void vq_chain_seek_write(struct vq_chain *c, uint32_t offset_bytes);

/* Gives a request back to the guest: written bytes from the start of the
 * writable part are valid. */
void vq_push(struct virtqueue *q, const struct vq_chain *c, uint32_t written);

/* True if something was pushed since the last call and the guest wants to be
 * interrupted for it. */
bool vq_wants_irq(struct virtqueue *q);

/* Tells the guest whether kicks are of use (used.flags bit 0). A hint. */
void vq_set_notify(struct virtqueue *q, bool on);

/* Marks the queue broken; the first sentence is kept. Returns false. */
bool vq_break(struct virtqueue *q, const char *why);
