/* SPDX-License-Identifier: MIT */
/* The split virtqueue, device side (virtio 1.0, 2.4; the legacy layout differs
 * in where the parts lie only).  The rings are hostile: each field is copied
 * once, the copy is checked, the copy is used.  Every walk has a bound. */
#include "virtqueue.h"

#include "guest-abi/device_page.h"
#include "hv/gmem.h"
#include "hv/sched.h"
#include "hv/string.h"

_Static_assert((VQ_MAX_NUM & (VQ_MAX_NUM - 1)) == 0, "indices are masked");

/* Offsets common to avail and used: u16 flags, u16 idx, then the ring. */
#define RING_FLAGS 0u
#define RING_IDX 2u
#define RING_ENTRIES 4u

/* After this many descriptors interrupts get a chance, and when copying after
 * so much work: a byte is one unit, where the two sides are not aligned alike
 * (and so copied bytewise) it is more, each piece has a price of its own, and a page
 * that it is the first to touch is filled with zeros before. */
#define PREEMPT_EVERY 32u
#define COPY_PREEMPT 8192u
#define COPY_PIECE_COST 128u
#define COPY_TOUCH_COST HV_PAGE_SIZE
#define COPY_BYTEWISE_COST 4u
#define COPY_MAX_BYTES 4096u
#define COPY_BYTEWISE_MAX_BYTES 2048u

bool vq_break(struct virtqueue *q, const char *why)
{
    if (!q->broken)
        q->broken = why;
    return false;
}

void vq_stop(struct virtqueue *q)
{
    struct guest *g = q->g;

    memset(q, 0, sizeof(*q));
    q->g = g;
}

bool vq_init(struct virtqueue *q, struct guest *g, uint32_t num, uint32_t desc,
             uint32_t avail, uint32_t used)
{
    q->g = g;
    vq_stop(q);
    if (num == 0 || num > VQ_MAX_NUM || (num & (num - 1)) != 0)
        return false;
    if (desc % 16 != 0 || avail % 2 != 0 || used % 4 != 0)
        return false;
    if (!gmem_range_ok(g, GPA(desc), 16 * num) ||
        !gmem_range_ok(g, GPA(avail), RING_ENTRIES + 2 * num) ||
        !gmem_range_ok(g, GPA(used), RING_ENTRIES + 8 * num))
        return false;
    q->desc = desc;
    q->avail = avail;
    q->used = used;
    q->num = (uint16_t)num;
    return true;
}

/* Fetches avail.idx. True if it shows a request that was not seen before. */
static bool fetch_avail_idx(struct virtqueue *q)
{
    uint16_t idx;

    if (!gmem_read16(q->g, GPA(q->avail + RING_IDX), &idx))
        return vq_break(q, "available ring outside memory");
    if ((uint16_t)(idx - q->last_avail) > q->num)
        return vq_break(q, "available index jumps");
    q->seen_avail = idx;
    hv_barrier(); /* the entries are read after the index that covers them */
    return idx != q->last_avail;
}

/* Appends one buffer to the chain. */
static bool chain_add(struct virtqueue *q, struct vq_chain *c,
                      const struct gabi_vring_desc *d)
{
    bool writable = (d->flags & GABI_VRING_WRITE) != 0;
    uint32_t *total = writable ? &c->write_bytes : &c->read_bytes;

    if (d->len == 0)
        return true;
    if (d->addr > UINT32_MAX ||
        !gmem_range_ok(q->g, GPA(d->addr), d->len))
        return vq_break(q, "buffer outside memory");
    if (!writable && c->nr_segs != c->nr_read)
        return vq_break(q, "readable buffer after a writable one");
    if (c->nr_segs >= VQ_MAX_SEGS)
        return vq_break(q, "chain too long");
    if (d->len > UINT32_MAX - *total)
        return vq_break(q, "chain of 4 GiB or more");

    c->seg[c->nr_segs].gpa = (uint32_t)d->addr;
    c->seg[c->nr_segs].bytes = d->len;
    c->nr_segs++;
    if (!writable)
        c->nr_read++;
    *total += d->len;
    return true;
}

/* A table of descriptors being walked: the queue's own or an indirect one. */
struct desc_table {
    uint32_t gpa;
    uint32_t entries;
    uint32_t steps_left; /* a walk that takes more is a loop */
    bool indirect;
};

static bool enter_indirect(struct virtqueue *q, struct desc_table *t,
                           const struct gabi_vring_desc *d)
{
    if (t->indirect)
        return vq_break(q, "indirect table inside an indirect table");
    if (d->flags & GABI_VRING_NEXT)
        return vq_break(q, "indirect descriptor with a successor");
    if (d->len == 0 || d->len % 16 != 0)
        return vq_break(q, "bad length of an indirect table");
    if (d->addr > UINT32_MAX || !gmem_range_ok(q->g, GPA(d->addr), d->len))
        return vq_break(q, "indirect table outside memory");
    t->gpa = (uint32_t)d->addr;
    t->entries = d->len / 16;
    t->steps_left = hv_min_u32(t->entries, VQ_MAX_SEGS);
    t->indirect = true;
    return true;
}

/* Copies the chain that starts at c->head. */
static bool walk_chain(struct virtqueue *q, struct vq_chain *c)
{
    struct desc_table t = {q->desc, q->num, q->num, false};
    uint32_t i = c->head;

    for (uint32_t steps = 1;; steps++) {
        struct gabi_vring_desc d;

        if (i >= t.entries)
            return vq_break(q, "descriptor index out of range");
        if (t.steps_left-- == 0)
            return vq_break(q, "descriptor loop or chain too long");
        if (!gmem_read(q->g, &d, GPA(t.gpa + 16 * i), sizeof(d)))
            return vq_break(q, "descriptor outside memory");
        if (d.flags & GABI_VRING_INDIRECT) {
            if (!enter_indirect(q, &t, &d))
                return false;
            i = 0;
            continue;
        }
        if (!chain_add(q, c, &d))
            return false;
        if (!(d.flags & GABI_VRING_NEXT))
            return true;
        i = d.next;
        if (steps % PREEMPT_EVERY == 0)
            sched_point();
    }
}

/* T:280 The next chain of a queue: copied, bounded and checked before anybody looks at it. */
bool vq_pop(struct virtqueue *q, struct vq_chain *c)
{
    uint32_t slot = (uint32_t)q->last_avail & (q->num - 1u);

    if (q->num == 0 || q->broken)
        return false;
    if (q->last_avail == q->seen_avail && !fetch_avail_idx(q))
        return false;

    c->nr_read = c->nr_segs = 0;
    c->read_bytes = c->write_bytes = 0;
    c->rd = c->wr = (struct vq_cursor){0, 0};
    if (!gmem_read16(q->g, GPA(q->avail + RING_ENTRIES + 2 * slot), &c->head))
        return vq_break(q, "available ring outside memory");
    if (!walk_chain(q, c))
        return false;
    c->wr.seg = c->nr_read;
    q->last_avail++;
    return true;
}

void vq_unpop(struct virtqueue *q)
{
    q->last_avail--;
}

/* Copies between the monitor and the buffers from the cursor up to seg[end):
 * out of them into dst, or, when dst is NULL, from src into them. */
static uint32_t chain_copy(struct virtqueue *q, struct vq_chain *c,
                           struct vq_cursor *at, uint32_t end, uint8_t *dst,
                           const uint8_t *src, uint32_t bytes)
{
    uint32_t done = 0, cost = 0;

    while (done < bytes && at->seg < end) {
        const struct vq_seg *s = &c->seg[at->seg];
        uint32_t n = hv_min_u32(bytes - done, s->bytes - at->offset_bytes);
        uint32_t from = s->gpa + at->offset_bytes;
        uintptr_t host = (uintptr_t)(dst ? dst : src) + done;
        bool bytewise = ((from ^ host) & 3) != 0;
        uint32_t untouched = q->g->untouched_pages;
        bool ok;

        n = hv_min_u32(n, bytewise ? COPY_BYTEWISE_MAX_BYTES : COPY_MAX_BYTES);
        ok = dst ? gmem_read(q->g, dst + done, GPA(from), n)
                 : gmem_write(q->g, GPA(from), src + done, n);
        if (!ok) { /* was in memory when it was popped */
            (void)vq_break(q, "buffer vanished");
            break;
        }
        done += n;
        at->offset_bytes += n;
        if (at->offset_bytes == s->bytes) {
            at->seg++;
            at->offset_bytes = 0;
        }
        cost += COPY_PIECE_COST + (bytewise ? n * COPY_BYTEWISE_COST : n);
        cost += (untouched - q->g->untouched_pages) * COPY_TOUCH_COST;
        if (cost >= COPY_PREEMPT) {
            cost = 0;
            sched_point();
        }
    }
    return done;
}

uint32_t vq_chain_read(struct virtqueue *q, struct vq_chain *c, void *dst,
                       uint32_t bytes)
{
    return chain_copy(q, c, &c->rd, c->nr_read, dst, NULL, bytes);
}

uint32_t vq_chain_write(struct virtqueue *q, struct vq_chain *c,
                        const void *src, uint32_t bytes)
{
    return chain_copy(q, c, &c->wr, c->nr_segs, NULL, src, bytes);
}

void vq_chain_seek_write(struct vq_chain *c, uint32_t offset_bytes)
{
    uint32_t i = c->nr_read;

    while (i < c->nr_segs && offset_bytes >= c->seg[i].bytes) {
        offset_bytes -= c->seg[i].bytes;
        i++;
    }
    c->wr.seg = i;
    c->wr.offset_bytes = i < c->nr_segs ? offset_bytes : 0;
}

void vq_push(struct virtqueue *q, const struct vq_chain *c, uint32_t written)
{
    const struct gabi_vring_used_elem e = {c->head, written};
    uint32_t slot = (uint32_t)q->used_idx & (q->num - 1u);

    if (q->num == 0 || q->broken)
        return;
    if (!gmem_write(q->g, GPA(q->used + RING_ENTRIES + 8 * slot), &e,
                    sizeof(e))) {
        (void)vq_break(q, "used ring outside memory");
        return;
    }
    q->used_idx++;
    hv_barrier(); /* x86 keeps stores in order: the entry, then the index */
    if (!gmem_write16(q->g, GPA(q->used + RING_IDX), q->used_idx))
        (void)vq_break(q, "used ring outside memory");
    q->unsignalled++;
}

bool vq_wants_irq(struct virtqueue *q)
{
    uint16_t flags;

    if (q->unsignalled == 0 || q->num == 0)
        return false;
    q->unsignalled = 0;
    /* The load of avail.flags must not pass the store of used.idx, or a guest
     * that enables interrupts and then looks for work could miss both. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!gmem_read16(q->g, GPA(q->avail + RING_FLAGS), &flags))
        return false;
    return (flags & GABI_VRING_NO_INTERRUPT) == 0;
}

void vq_set_notify(struct virtqueue *q, bool on)
{
    uint16_t flags;

    if (q->no_notify == !on)
        return;
    q->no_notify = !on; /* in any case: callers loop until it is so */
    if (q->num == 0 || q->broken)
        return;
    flags = on ? 0 : (uint16_t)GABI_VRING_NO_NOTIFY;
    if (!gmem_write16(q->g, GPA(q->used + RING_FLAGS), flags))
        (void)vq_break(q, "used ring outside memory");
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* the caller looks again */
}
