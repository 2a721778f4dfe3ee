/* SPDX-License-Identifier: MIT */
/* Private to hv/vdev/: the devices of one guest.  A device has a back end
 * (const ops) and may be driven through either transport, the lguest bus or
 * virtio-pci; which one started it is in dev->modern.  Nothing here points into
 * guest memory, and nothing is allocated after vdev_create(). */
#pragma once

#include "drbg.h"
#include "virtqueue.h"
#include "vpci.h"

#include "hv/guest.h"
#include "hv/mail.h"
#include "hv/timerq.h"
#include "hv/vdev.h"

#define VDEV_MAX (3 + GUEST_MAX_DISKS) /* net, disks, rng, console */
#define VDEV_QUEUE_NUM 256u
#define VDEV_QUEUE_PAGES 3u /* GABI_VRING_BYTES(256) in pages */

/* Bits of virtio features and of device status that have no name in the ABI
 * headers (virtio 1.0, sections 2.1 and 5). */
#define VIRTIO_F_INDIRECT_DESC 28
#define VIRTIO_F_VERSION_1 32
#define VIRTIO_STATUS_FEATURES_OK 8u
#define VIRTIO_STATUS_NEEDS_RESET 0x40u

/* Work of one call of vdev_notify() or vdev_poll(), in bytes moved. Each
 * request counts VDEV_REQUEST_COST besides; what is left over is done later. */
#define VDEV_BUDGET_BYTES HV_KIB(256)
#define VDEV_REQUEST_COST 256u

enum vdev_state {
    VDEV_RESET,   /* not driven */
    VDEV_STARTED, /* rings are live */
    VDEV_FAILED,  /* the guest gave up; reset heals */
    VDEV_BROKEN,  /* the guest broke a ring; reset heals */
};

struct vdev;
struct vdev_set;

struct vdev_ops {
    uint8_t virtio_id;
    uint8_t nr_queues;
    uint8_t config_bytes; /* on the lguest bus */
    uint64_t features; /* VERSION_1 aside */
    uint8_t request_queues; /* bit n: the guest puts requests into queue n */
    uint8_t lazy_queues;    /* bit n: interrupt only a guest that waits */
    /* Fills config_bytes bytes. May be NULL. */
    void (*config)(const struct vdev *d, uint8_t *out);
    /* Handles one request of queue n; returns the bytes written into it. */
    uint32_t (*request)(struct vdev *d, uint32_t n, struct vq_chain *c);
    /* False: not now; the request is tried again a little later. May be NULL. */
    bool (*ready)(const struct vdev *d, const struct vq_chain *c);
    /* The guest has supplied buffers in a queue without requests. May be
     * NULL. */
    void (*refill)(struct vdev *d, uint32_t n);
    /* What others have sent for queue n is put into it; true: there is more, for the
     * next call. May be NULL. */
    bool (*deliver)(struct vdev *d, uint32_t n);
    /* Counters for `info`. */
    void (*print)(const struct vdev *d);
};

struct vdev {
    struct vdev_set *set;
    const struct vdev_ops *ops;
    const char *name;
    const struct guest_disk *disk; /* block devices */
    uint64_t offered;              /* features, VERSION_1 aside */
    uint64_t accepted;
    enum vdev_state state;
    bool modern;         /* started through virtio-pci */
    uint8_t bus_irq;     /* line of queue 0 on the lguest bus; queue n: + n */
    uint16_t bus_offset; /* of the descriptor in the descriptor page */
    uint32_t bus_ring;   /* gpa of queue 0's ring; queue n: + n * pages */
    struct virtqueue vq[VDEV_MAX_QUEUES];
    uint64_t requests, errors;
};

#define VCONSOLE_INPUT_BYTES 512u /* power of two */

/* The console's CPU moves tail on and counts what is dropped, the owner moves head on. */
struct vconsole {
    uint32_t head, tail; /* free-running; input[head % size] goes out next */
    uint64_t in_bytes, out_bytes, dropped;
    uint8_t input[VCONSOLE_INPUT_BYTES];
};

#define VNET_GRAINS 512u /* a power of two; what one kick can send */
#define VNET_GRAIN_BYTES 256u

/* Frames from others wait in the inbox until this guest runs: to put them into its
 * buffers is its own work. A sender takes grains by moving tail on, fills them, and then
 * writes the length, which is 0 before; the owner clears it and moves head on. */
struct vnet {
    uint8_t mac[6];
    uint64_t tx_frames, rx_frames, tx_dropped;
    uint32_t rx_dropped; /* senders count, too */
    uint32_t head, tail; /* free-running; the frame at head % VNET_GRAINS goes out next */
    uint16_t length[VNET_GRAINS]; /* of the frame that begins here */
    uint8_t inbox[VNET_GRAINS][VNET_GRAIN_BYTES];
};

struct vdev_set {
    struct guest *g;
    struct mail mail; /* something from others waits: input, frames */
    uint32_t nr;
    struct vdev dev[VDEV_MAX];
    struct vdev *net, *console;

    /* busy: requests are being handled, perhaps below us on the stack (we may
     * be an interrupt at a preemption point). kicked: bit per queue with work;
     * later: put off because the budget was used up; waiting: put off until
     * the timer fires, because the device was not ready. */
    bool busy;
    uint32_t kicked, later, waiting;
    uint32_t spent;
    struct timer retry;

    /* Lazy queues with an interrupt due, and since when that is so. */
    uint32_t lazy;
    uint64_t lazy_due_ns;
    struct timer signal;

    struct vconsole vconsole;
    struct vnet vnet;
    struct vpci vpci;
    struct pciconf pciconf;
    struct drbg drbg;
    struct vq_chain chain; /* of the request being handled */
    uint8_t buf[2048];     /* for the request being handled */
};

_Static_assert(VDEV_MAX * VDEV_MAX_QUEUES <= 32, "bits of kicked");

/* ---- serve.c ---- */

void serve_create(struct vdev_set *s);
void serve_destroy(struct vdev_set *s);

/* Queue n has work: done before this returns, unless requests are being
 * handled already (then before those return) or the budget ends. */
void vdev_kick(struct vdev *d, uint32_t n);

/* The same by way of the run loop, for whoever may be called from an interrupt
 * or a preemption point: guest memory must not change under a page walk. */
void vdev_kick_later(struct vdev *d, uint32_t n);

/* What vdev_kick() marks, is done now. */
void vdev_run(struct vdev_set *s);

/* Asks the run loop for a vdev_poll(). */
void vdev_poll_later(struct vdev_set *s);

/* Adds to the cost of this call and gives interrupts a chance.  Returns false
 * when the guest has ended meanwhile: stop working for it. */
bool vdev_account(struct vdev_set *s, uint32_t bytes) HV_MUST_CHECK;

/* Interrupts the guest for what was pushed, if it wants to be: at once or, for
 * a lazy queue, when the guest has not kicked it for a while. */
void vdev_signal(struct vdev *d, uint32_t n);

/* Takes the next request of queue n into set->chain; a broken queue breaks the
 * device. */
bool vdev_pop(struct vdev *d, uint32_t n) HV_MUST_CHECK;

/* The guest broke a rule of queue n: the device stops until reset. */
void vdev_break(struct vdev *d, uint32_t n);

/* Stops all queues and forgets what was accepted. */
void vdev_reset(struct vdev *d);

/* ---- lgbus.c ---- */

/* Places the rings and writes the descriptor page. */
bool lgbus_create(struct vdev_set *s) HV_MUST_CHECK;
/* Lets the guest see NEEDS_RESET in the descriptor's status. */
void lgbus_show_broken(struct vdev *d);

/* ---- the devices ---- */

extern const struct vdev_ops vconsole_ops, vblock_ops, vrng_ops, vnet_ops;

#define VNET_F_MAC 5
#define VBLK_F_BARRIER 0 /* of the legacy interface: Linux up to 2.6.31 knows no FLUSH */
#define VBLK_F_SEG_MAX 2
#define VBLK_F_RO 5
#define VBLK_F_FLUSH 9
#define VCONSOLE_F_EMERG_WRITE 2

void vnet_create(struct vdev_set *s);
/* What waits in the inbox is lost, with the ring that it was for. */
void vnet_forget(struct vnet *v);
/* For what has come from others: makes the owner's next vdev_poll() look at it. */
void vnet_mail(struct vdev_set *s);
void vconsole_mail(struct vdev_set *s);
