/* SPDX-License-Identifier: MIT */
/* The lguest bus and its virtqueues. */

#include "guest/boot.h"
#include "guest/lguest.h"
#include "guest/virtio.h"

#define WAIT_TRIES 100000u

/* Calls fn for each descriptor until it returns false. */
static uint32_t desc_end(const struct gabi_device_desc *d)
{
    return addr_of(d) + GABI_DEV_BYTES(d);
}

static struct gabi_device_desc *bus_first(void)
{
    return phys_ptr(guest.mem_bytes);
}

static bool desc_valid(const struct gabi_device_desc *d)
{
    uint32_t end = guest.mem_bytes + GUEST_PAGE_BYTES;

    return addr_of(d) + sizeof(*d) <= end && d->type != GABI_DEV_END &&
           desc_end(d) <= end;
}

static struct gabi_vqconfig *desc_queues(struct gabi_device_desc *d)
{
    return (struct gabi_vqconfig *)(void *)(d + 1);
}

uint32_t bus_end(void)
{
    uint32_t end = guest.mem_bytes;

    if (lguest_row->row < GABI_ROW_3_1)
        return end; /* host-built tables need not map the device page */
    for (struct gabi_device_desc *d = bus_first(); desc_valid(d); d = phys_ptr(desc_end(d))) {
        if (end == guest.mem_bytes)
            end += GUEST_PAGE_BYTES;
        for (uint32_t i = 0; i < d->num_vq; i++) {
            const struct gabi_vqconfig *c = &desc_queues(d)[i];
            uint32_t e = (c->pfn << 12) + GABI_VRING_BYTES(c->num);

            if (e > end)
                end = e;
        }
    }
    return (end + GUEST_PAGE_MASK) & ~GUEST_PAGE_MASK;
}

static void vq_init(struct vq *q, const struct gabi_vqconfig *c)
{
    memset(q, 0, sizeof(*q));
    q->num = c->num;
    q->irq = c->irq;
    q->pa = c->pfn << 12;
    q->desc = phys_ptr(q->pa);
    q->avail = phys_ptr(q->pa + GABI_VRING_AVAIL_OFFSET(q->num));
    q->used = phys_ptr(q->pa + GABI_VRING_USED_OFFSET(q->num));
}

bool bus_find(uint8_t type, uint32_t nth, struct vdevice *v)
{
    for (struct gabi_device_desc *d = bus_first(); desc_valid(d); d = phys_ptr(desc_end(d))) {
        if (d->type != type || nth--)
            continue;
        memset(v, 0, sizeof(*v));
        v->desc = d;
        for (uint32_t i = 0; i < d->num_vq && i < ARRAY_COUNT(v->vq); i++)
            vq_init(&v->vq[i], &desc_queues(d)[i]);
        v->config = (const uint8_t *)(desc_queues(d) + d->num_vq) + 2 * d->feature_len;
        return true;
    }
    return false;
}

static void set_status(struct vdevice *v, uint8_t status, bool announce)
{
    WRITE_ONCE(v->desc->status, status);
    if (announce)
        lguest_call(GABI_HCALL_NOTIFY, addr_of(v->desc), 0, 0, 0);
}

void bus_start(struct vdevice *v)
{
    set_status(v, 0, true);
    set_status(v, GABI_DEV_ACKNOWLEDGE, false);
    set_status(v, GABI_DEV_ACKNOWLEDGE | GABI_DEV_DRIVER, true);
    set_status(v, GABI_DEV_ACKNOWLEDGE | GABI_DEV_DRIVER | GABI_DEV_DRIVER_OK, false);
}

void vq_add(struct vq *q, const struct vq_buffer *b, uint32_t n)
{
    uint16_t mask = (uint16_t)(q->num - 1), head = q->next_desc & mask;
    uint16_t slot = READ_ONCE(q->avail->idx);

    for (uint32_t i = 0; i < n; i++) {
        struct gabi_vring_desc *d = &q->desc[q->next_desc & mask];
        bool more = i + 1 < n;

        q->next_desc++;
        d->addr = b[i].pa;
        d->len = b[i].bytes;
        d->flags = (uint16_t)((b[i].device_writes ? GABI_VRING_WRITE : 0) |
                              (more ? GABI_VRING_NEXT : 0));
        d->next = (uint16_t)(q->next_desc & mask);
    }
    q->avail->ring[slot & mask] = head;
    barrier();
    WRITE_ONCE(q->avail->idx, (uint16_t)(slot + 1));
}

void vq_kick(const struct vq *q)
{
    barrier();
    if (!(READ_ONCE(q->used->flags) & GABI_VRING_NO_NOTIFY))
        lguest_call(GABI_HCALL_NOTIFY, q->pa, 0, 0, 0);
}

bool vq_take(struct vq *q, uint32_t *bytes)
{
    if (READ_ONCE(q->used->idx) == q->last_used)
        return false;
    barrier();
    if (bytes)
        *bytes = q->used->ring[q->last_used & (q->num - 1)].len;
    q->last_used++;
    return true;
}

bool vq_wait(struct vq *q, uint32_t *bytes)
{
    for (uint32_t i = 0; i < WAIT_TRIES; i++) {
        if (vq_take(q, bytes))
            return true;
        lguest_call(GABI_HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
    }
    return false;
}
