/* SPDX-License-Identifier: MIT */
/* The virtqueue core against a model, on random rings.  The model walks a
 * snapshot of guest memory by the rules of virtio 1.0, 2.4.  Every byte that
 * has been read is destroyed at once, in both, so that a second fetch shows. */
#include "test.h"

#include "fake_vdev.h"

#include "../../hv/vdev/virtqueue.h"

#define NEXT 1u
#define WRITE 2u
#define INDIRECT 4u

static struct vq_chain chain;

enum outcome { EMPTY, CHAIN, BROKEN };

struct model {
    uint8_t *mem; /* a snapshot; what has been fetched is destroyed here too */
    uint32_t mem_bytes;
    uint32_t nr, nr_read;
    uint32_t addr[256], len[256];
};

static void fetch(struct model *m, uint32_t at, void *out, uint32_t bytes)
{
    memcpy(out, m->mem + at, bytes);
    for (uint32_t i = 0; i < bytes; i++)
        m->mem[at + i] ^= 0x5a;
}

static bool model_add(struct model *m, uint64_t addr, uint32_t len, bool write)
{
    if (len == 0)
        return true;
    if (addr + len > m->mem_bytes || addr + len < addr || m->nr >= 256)
        return false;
    if (!write && m->nr_read != m->nr)
        return false;
    m->addr[m->nr] = (uint32_t)addr;
    m->len[m->nr++] = len;
    m->nr_read += !write;
    return true;
}

static enum outcome model_walk(struct model *m, uint64_t table, uint32_t entries,
                               uint32_t i, bool indirect)
{
    for (uint32_t n = 0; n < entries && n < 256; n++) {
        struct {
            uint64_t addr;
            uint32_t len;
            uint16_t flags, next;
        } d;

        if (i >= entries)
            return BROKEN;
        fetch(m, (uint32_t)table + 16 * i, &d, 16);
        if (d.flags & INDIRECT) {
            if (indirect || (d.flags & NEXT) || d.len == 0 || d.len % 16 != 0 ||
                d.addr + d.len > m->mem_bytes || d.addr + d.len < d.addr)
                return BROKEN;
            return model_walk(m, d.addr, d.len / 16, 0, true);
        }
        if (!model_add(m, d.addr, d.len, d.flags & WRITE))
            return BROKEN;
        if (!(d.flags & NEXT))
            return CHAIN;
        i = d.next;
    }
    return BROKEN;
}

static enum outcome model_pop(struct model *m, const struct fake_ring *r,
                              uint16_t last)
{
    uint16_t idx, head;

    m->nr = m->nr_read = 0;
    fetch(m, r->avail + 2, &idx, 2);
    if ((uint16_t)(idx - last) > r->num)
        return BROKEN;
    if (idx == last)
        return EMPTY;
    fetch(m, r->avail + 4 + 2 * (last % r->num), &head, 2);
    return model_walk(m, r->desc, r->num, head, false);
}

/* The guest as an enemy: what has been read is something else from now on. */
static void destroy_what_was_read(struct fake_guest *f, uint32_t gpa,
                                  uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        f->mem[gpa + i] ^= 0x5a;
}

static uint32_t seed = 0x52696e67;

static uint32_t below(uint32_t n)
{
    return fake_random(&seed) % n;
}

/* One field in ten is wild, so that chains of some length exist. */
static void random_desc(struct fake_guest *f, uint32_t table, uint32_t i,
                        uint32_t entries)
{
    uint64_t addr = below(f->mem_bytes);
    uint32_t len = below(0x400), flags = below(2) ? NEXT : 0;
    uint32_t next = below(entries);

    if (below(100) == 0)
        addr = (uint64_t)fake_random(&seed) << below(32);
    if (below(50) == 0)
        len = fake_random(&seed);
    if (below(30) == 0)
        next = below(0x10000);
    if (below(4) == 0)
        flags |= WRITE;
    if (below(12) == 0) {
        flags = INDIRECT | (below(10) == 0 ? NEXT : 0);
        addr = below(f->mem_bytes / 16) * 16;
        len = 16 * below(300) + (below(20) == 0);
    }
    fake_desc_at(f, table, i, addr, len, flags, next);
}

/* Compares one pop with the model and, for a chain, what can be read. */
static bool same(const struct virtqueue *q, bool got, const struct model *m,
                 enum outcome want)
{
    if (got != (want == CHAIN) || (q->broken != NULL) != (want == BROKEN))
        return false;
    if (!got)
        return true;
    if (chain.nr_segs != m->nr || chain.nr_read != m->nr_read)
        return false;
    for (uint32_t i = 0; i < m->nr; i++) {
        if (chain.seg[i].gpa != m->addr[i] || chain.seg[i].bytes != m->len[i])
            return false;
    }
    return true;
}

TEST(virtqueue_agrees_with_the_model_on_random_rings)
{
    struct fake_guest *f = (fake_reset(), fake_guest_bare(0, FAKE_RAM_PAGES));
    uint8_t *snapshot = malloc(f->mem_bytes);
    struct model m = {.mem = snapshot, .mem_bytes = f->mem_bytes};
    uint32_t seen[3] = {0}, wrong = 0;

    for (uint32_t round = 0; round < 20000; round++) {
        uint32_t num = 1u << below(9);
        uint32_t top = f->mem_bytes - (num < 128 ? 2 : 3) * HV_PAGE_SIZE;
        struct fake_ring r = fake_ring_legacy(f, top, num);
        struct virtqueue q = {0};
        enum outcome want;

        REQUIRE(vq_init(&q, &f->g, num, r.desc, r.avail, r.used));
        for (uint32_t i = 0; i < num; i++)
            random_desc(f, top, i, num);
        for (uint32_t i = 0; i < 64; i++)
            random_desc(f, 0x10000, i, 64);
        q.last_avail = q.seen_avail = (uint16_t)below(0x10000);
        for (uint32_t i = 0; i < num; i++)
            fake_put(f, r.avail + 4 + 2 * i, 2,
                     below(20) ? below(num) : below(0x10000));
        fake_put(f, r.avail + 2, 2,
                 below(10) ? q.last_avail + below(num + 1) : below(0x10000));
        memcpy(snapshot, f->mem, f->mem_bytes);
        want = model_pop(&m, &r, q.last_avail);
        fake_after_read = destroy_what_was_read;
        wrong += !same(&q, vq_pop(&q, &chain), &m, want);
        fake_after_read = NULL;
        seen[want]++;
    }
    EXPECT_EQ(wrong, 0u);
    EXPECT(seen[EMPTY] > 100);
    EXPECT(seen[CHAIN] > 1000);
    EXPECT(seen[BROKEN] > 1000);
    free(snapshot);
    fake_reset();
}
