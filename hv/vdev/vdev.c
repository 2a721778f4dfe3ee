/* SPDX-License-Identifier: MIT */
/* The set of devices of a guest: building it, handling requests in bounded
 * portions, giving it back.  While requests are handled interrupts come in at
 * preemption points and may bring console input for the same guest; then only
 * bits are set here, and the outer call does the work. */
#include "vdev_priv.h"

#include "hv/arch_if.h"
#include "hv/frame.h"
#include "hv/gmem.h"
#include "hv/log.h"
#include "hv/pmm.h"
#include "hv/sched.h"
#include "hv/string.h"
#include "hv/virq.h"

/* Interrupts may bring new work while the first pass runs. */
#define PASSES_MAX 2u

/* After this time a device that was not ready is asked again. */
#define RETRY_NS 1000000ull

static uint32_t queue_bit(const struct vdev *d, uint32_t n)
{
    uint32_t index = (uint32_t)(d - d->set->dev);

    return HV_BIT(index * VDEV_MAX_QUEUES + n);
}

static uint32_t queue_count(const struct guest_config *c)
{
    return vnet_ops.nr_queues + c->nr_disks * vblock_ops.nr_queues +
           vrng_ops.nr_queues + vconsole_ops.nr_queues;
}

uint32_t vdev_pages(const struct guest_config *c)
{
    return 1 + queue_count(c) * VDEV_QUEUE_PAGES;
}

/* Work that had to wait is work again. */
static void retry_fired(struct timer *t)
{
    struct vdev_set *s = HV_CONTAINER_OF(t, struct vdev_set, retry);

    s->kicked |= s->waiting;
    s->waiting = 0;
    vdev_poll_later(s);
}

/* ---- building ---- */

static struct vdev *add_device(struct vdev_set *s, const struct vdev_ops *ops,
                               const char *name, uint64_t offered)
{
    struct vdev *d = &s->dev[s->nr++];

    d->set = s;
    d->ops = ops;
    d->name = name;
    d->offered = offered;
    for (uint32_t n = 0; n < VDEV_MAX_QUEUES; n++)
        d->vq[n].g = s->g;
    return d;
}

/* The order is the ABI's: net, block, rng, console last (10a). */
static void add_devices(struct vdev_set *s)
{
    const struct guest_config *c = &s->g->config;

    s->net = add_device(s, &vnet_ops, "net",
                        HV_BIT64(VNET_F_MAC) |
                            HV_BIT64(VIRTIO_F_INDIRECT_DESC));
    vnet_create(s);
    for (uint32_t i = 0; i < c->nr_disks && i < GUEST_MAX_DISKS; i++) {
        const struct guest_disk *disk = &c->disks[i];
        struct vdev *d;

        d = add_device(s, &vblock_ops, disk->name,
                       HV_BIT64(VBLK_F_SEG_MAX) | HV_BIT64(VBLK_F_FLUSH) |
                           HV_BIT64(VIRTIO_F_INDIRECT_DESC));
        if (disk->read_only)
            d->offered |= HV_BIT64(VBLK_F_RO);
        d->disk = disk;
    }
    (void)add_device(s, &vrng_ops, "rng", 0);
    s->console = add_device(s, &vconsole_ops, "console", 0);
}

int vdev_create(struct guest *g)
{
    uint32_t frames = (sizeof(struct vdev_set) + HV_PAGE_MASK) >> HV_PAGE_SHIFT;
    hfn_t f = pmm_alloc_contig(frames, 1, 0);
    struct vdev_set *s;

    if (hfn_is_none(f))
        return -HV_ENOMEM;
    s = frame_ptr(f);
    memset(s, 0, sizeof(*s));
    s->g = g;
    s->own_frame = f;
    s->own_frames = frames;
    timer_init(&s->retry, retry_fired);
    drbg_init(&s->drbg);
    add_devices(s);
    vpci_create(&s->vpci, s->console);
    pciconf_create(s);
    g->vdevs = s;
    if (!lgbus_create(s)) {
        vdev_destroy(g);
        return -HV_ENOMEM;
    }
    return 0;
}

void vdev_destroy(struct guest *g)
{
    struct vdev_set *s = g->vdevs;

    g->vdevs = NULL;
    if (s) {
        hfn_t f = s->own_frame;
        uint32_t frames = s->own_frames;

        timer_cancel(&s->retry);
        memset(s, 0, sizeof(*s)); /* it holds a key and guest data */
        pmm_free_contig(f, frames);
    }
}

/* ---- handling requests ---- */

bool vdev_account(struct vdev_set *s, uint32_t bytes)
{
    s->spent += bytes;
    arch_preempt_point();
    return !guest_is_dead(s->g);
}

void vdev_signal(struct vdev *d, uint32_t n)
{
    if (!vq_wants_irq(&d->vq[n]))
        return;
    if (d->modern)
        vpci_interrupt(&d->set->vpci, VPCI_ISR_QUEUE);
    else
        virq_raise(d->set->g, d->bus_irq + n);
}

void vdev_break(struct vdev *d, uint32_t n)
{
    struct guest *g = d->set->g;

    d->state = VDEV_BROKEN;
    d->errors++;
    if (log_limit_ok(&g->log_limit, 10))
        log_warn("guest %s: %s stopped until reset: %s (queue %u)",
                 g->config.name, d->name, d->vq[n].broken, n);
    if (d->modern) {
        d->set->vpci.status |= VIRTIO_STATUS_NEEDS_RESET;
        vpci_interrupt(&d->set->vpci, VPCI_ISR_CONFIG);
    } else {
        lgbus_show_broken(d);
    }
}

void vdev_reset(struct vdev *d)
{
    d->state = VDEV_RESET;
    d->accepted = 0;
    d->modern = false;
    for (uint32_t n = 0; n < d->ops->nr_queues; n++) {
        vq_stop(&d->vq[n]);
        d->set->kicked &= ~queue_bit(d, n);
        d->set->later &= ~queue_bit(d, n);
        d->set->waiting &= ~queue_bit(d, n);
    }
}

bool vdev_pop(struct vdev *d, uint32_t n)
{
    if (d->state != VDEV_STARTED)
        return false;
    if (vq_pop(&d->vq[n], &d->set->chain))
        return true;
    if (d->vq[n].broken)
        vdev_break(d, n);
    return false;
}

/* Puts the rest of a queue off: until the next call, or for RETRY_NS. The guest
 * need not kick meanwhile. */
static void put_off(struct vdev *d, uint32_t n, bool for_a_while)
{
    struct vdev_set *s = d->set;

    vq_set_notify(&d->vq[n], false);
    if (!for_a_while) {
        s->later |= queue_bit(d, n);
        return;
    }
    s->waiting |= queue_bit(d, n);
    timer_arm(&s->retry, arch_time_ns() + RETRY_NS);
}

/* Handles requests until there are none, the device is not ready for one, or
 * the budget of this call is used up. */
static void serve_requests(struct vdev *d, uint32_t n)
{
    struct vdev_set *s = d->set;
    struct virtqueue *q = &d->vq[n];

    while (s->spent < VDEV_BUDGET_BYTES) {
        uint32_t written;

        if (!vdev_pop(d, n)) {
            if (d->state != VDEV_STARTED || !q->no_notify)
                break;
            vq_set_notify(q, true); /* clears no_notify: then look again */
            continue;
        }
        if (d->ops->ready && !d->ops->ready(d, &s->chain)) {
            vq_unpop(q);
            put_off(d, n, true);
            break;
        }
        written = d->ops->request(d, n, &s->chain);
        if (q->broken) {
            vdev_break(d, n);
            break;
        }
        vq_push(q, &s->chain, written);
        d->requests++;
        if (!vdev_account(s, VDEV_REQUEST_COST))
            break;
    }
    if (s->spent >= VDEV_BUDGET_BYTES && d->state == VDEV_STARTED)
        put_off(d, n, false);
    vdev_signal(d, n);
}

static void serve_queue(struct vdev *d, uint32_t n)
{
    if (d->state != VDEV_STARTED)
        return;
    if (d->ops->request_queues & HV_BIT(n))
        serve_requests(d, n);
    else if (d->ops->refill)
        d->ops->refill(d, n);
}

void vdev_poll_later(struct vdev_set *s)
{
    struct vcpu *v = s->g->vcpu;

    if (!v)
        return;
    v->attention |= VCPU_ATTN_VDEV;
    sched_wake(v);
}

void vdev_run(struct vdev_set *s)
{
    if (s->busy || guest_is_dead(s->g))
        return;
    s->busy = true;
    s->spent = 0;
    for (uint32_t pass = 0; pass < PASSES_MAX && s->kicked; pass++) {
        uint32_t work = s->kicked;

        s->kicked = 0;
        for (uint32_t i = 0; work; i++, work >>= 1) {
            if (work & 1)
                serve_queue(&s->dev[i / VDEV_MAX_QUEUES], i % VDEV_MAX_QUEUES);
        }
    }
    s->kicked |= s->later;
    s->later = 0;
    s->busy = false;
    if (s->kicked)
        vdev_poll_later(s);
}

void vdev_kick(struct vdev *d, uint32_t n)
{
    d->set->kicked |= queue_bit(d, n);
    vdev_run(d->set);
}

/* ---- public entries ---- */

bool vdev_notify(struct guest *g, uint32_t addr)
{
    return lgbus_notify(g->vdevs, addr);
}

void vdev_poll(struct guest *g)
{
    struct vdev_set *s = g->vdevs;

    if (g->vcpu)
        g->vcpu->attention &= ~(uint32_t)VCPU_ATTN_VDEV;
    if (s && s->kicked)
        vdev_run(s);
}

static const char *state_name(enum vdev_state state)
{
    static const char *const names[] = {"reset", "started", "failed", "broken"};

    return names[state];
}

void vdev_print(struct guest *g)
{
    const struct vdev_set *s = g->vdevs;

    for (uint32_t i = 0; s && i < s->nr; i++) {
        const struct vdev *d = &s->dev[i];

        log_raw("  %-8s %s%s requests=%llu errors=%llu", d->name,
                state_name(d->state), d->modern ? " pci" : "",
                (unsigned long long)d->requests,
                (unsigned long long)d->errors);
        if (d->ops->print)
            d->ops->print(d);
    }
}
