/* SPDX-License-Identifier: MIT */
/* Handling requests in bounded portions.  While that goes on, interrupts come in
 * at preemption points and may bring console input for the same guest; then only
 * bits are set, and the outer call does the work.  What has to wait, waits for a
 * timer or for vdev_poll(), never in a loop. */
#include "vdev_priv.h"

#include "hv/arch_if.h"
#include "hv/assert.h"
#include "hv/log.h"
#include "hv/sched.h"
#include "hv/virq.h"

/* Interrupts may bring new work while the first pass runs. */
#define PASSES_MAX 2u

/* After this time a device that was not ready is asked again. */
#define RETRY_NS 1000000ull

/* A guest that has not kicked a lazy queue for this long is interrupted. */
#define LAZY_NS 1000000ull

static uint32_t queue_bit(const struct vdev *d, uint32_t n)
{
    uint32_t index = (uint32_t)(d - d->set->dev);

    hv_assert(index < d->set->nr && n < VDEV_MAX_QUEUES);
    return HV_BIT(index * VDEV_MAX_QUEUES + n);
}

bool vdev_account(struct vdev_set *s, uint32_t bytes)
{
    s->spent += bytes;
    sched_point();
    return !guest_is_dead(s->g);
}

static void signal_now(struct vdev *d, uint32_t n)
{
    if (!vq_wants_irq(&d->vq[n]))
        return;
    if (d->modern)
        vpci_interrupt(&d->set->vpci, VPCI_ISR_QUEUE);
    else
        virq_raise(d->set->g, d->bus_irq + n);
}

/* Linux waits for console output to be used with interrupts off and then finds
 * nothing left to do in its handler; 100,000 such interrupts, and it switches
 * the line off.  So a lazy queue interrupts a guest that stands still or runs
 * out of ring, not one that goes on by itself. */
void vdev_signal(struct vdev *d, uint32_t n)
{
    const struct virtqueue *q = &d->vq[n];
    struct vdev_set *s = d->set;

    if (!(d->ops->lazy_queues & HV_BIT(n)) || q->unsignalled >= q->num / 2) {
        signal_now(d, n);
        return;
    }
    if (q->unsignalled == 0)
        return;
    s->lazy |= queue_bit(d, n);
    s->lazy_due_ns = arch_time_ns() + LAZY_NS;
    if (!timer_is_armed(&s->signal))
        timer_arm(&s->signal, s->lazy_due_ns);
}

static void signal_fired(struct timer *t)
{
    struct vdev_set *s = HV_CONTAINER_OF(t, struct vdev_set, signal);
    uint32_t bits = s->lazy;

    if (arch_time_ns() < s->lazy_due_ns) {
        timer_arm(t, s->lazy_due_ns);
        return;
    }
    s->lazy = 0;
    for (uint32_t i = 0; bits; i++, bits >>= 1) {
        if (bits & 1)
            signal_now(&s->dev[i / VDEV_MAX_QUEUES], i % VDEV_MAX_QUEUES);
    }
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
        d->set->lazy &= ~queue_bit(d, n);
    }
    if (d == d->set->net)
        vnet_forget(&d->set->vnet);
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
    else if (d->ops->deliver && d->ops->deliver(d, n))
        put_off(d, n, false);
}

void vdev_poll_later(struct vdev_set *s)
{
    struct vcpu *v = s->g->vcpu;

    if (!v)
        return;
    v->todo |= VCPU_TODO_VDEV;
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

void vdev_kick_later(struct vdev *d, uint32_t n)
{
    d->set->kicked |= queue_bit(d, n);
    vdev_poll_later(d->set);
}

void vdev_poll(struct guest *g)
{
    struct vdev_set *s = g->vdevs;

    if (g->vcpu)
        g->vcpu->todo &= ~VCPU_TODO_VDEV;
    if (s && s->kicked)
        vdev_run(s);
}

/* Work that had to wait is work again. */
static void retry_fired(struct timer *t)
{
    struct vdev_set *s = HV_CONTAINER_OF(t, struct vdev_set, retry);

    s->kicked |= s->waiting;
    s->waiting = 0;
    vdev_poll_later(s);
}

static void mail_came(struct mail *m)
{
    struct vdev_set *s = HV_CONTAINER_OF(m, struct vdev_set, mail);

    vconsole_mail(s);
    vnet_mail(s);
}

void serve_create(struct vdev_set *s)
{
    mail_init(&s->mail, mail_came);
    timer_init(&s->retry, &s->g->account, retry_fired);
    timer_init(&s->signal, &s->g->account, signal_fired);
}

void serve_destroy(struct vdev_set *s)
{
    mail_read(); /* nobody finds it any more, but some may be posted */
    timer_cancel(&s->retry);
    timer_cancel(&s->signal);
}
