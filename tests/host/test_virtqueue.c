/* SPDX-License-Identifier: MIT */
/* The virtqueue core with sane rings and with each kind of hostile ring by name;
 * test_vqmodel.c has the random ones. */
#include "test.h"

#include "fake_vdev.h"

#include "../../hv/vdev/virtqueue.h"

#include <string.h>

#define NEXT 1u
#define WRITE 2u
#define INDIRECT 4u

static struct vq_chain chain;

static struct virtqueue queue_at(const struct fake_ring *r)
{
    struct virtqueue q;

    memset(&q, 0, sizeof(q));
    EXPECT(vq_init(&q, &r->f->g, r->num, r->desc, r->avail, r->used));
    return q;
}

static struct fake_ring small_ring(void)
{
    fake_reset();
    return fake_ring_legacy(fake_guest_bare(0, FAKE_RAM_PAGES), 0x1000, 8);
}

/* Pops once; true if that broke the queue with this word in the sentence. */
static bool breaks(struct virtqueue *q, const char *word)
{
    if (vq_pop(q, &chain) || !q->broken)
        return false;
    return strstr(q->broken, word) != NULL;
}

TEST(virtqueue_init_takes_legal_rings_only)
{
    struct fake_guest *f = (fake_reset(), fake_guest_bare(0, FAKE_RAM_PAGES));
    uint32_t end = f->mem_bytes;
    struct virtqueue q;

    memset(&q, 0, sizeof(q));
    EXPECT(vq_init(&q, &f->g, 1, 0x1000, 0x2000, 0x3000));
    EXPECT(vq_init(&q, &f->g, 256, 0x1000, 0x2000, 0x3000));
    EXPECT(!vq_init(&q, &f->g, 0, 0x1000, 0x2000, 0x3000));
    EXPECT(!vq_init(&q, &f->g, 3, 0x1000, 0x2000, 0x3000));
    EXPECT(!vq_init(&q, &f->g, 512, 0x1000, 0x2000, 0x3000));
    EXPECT(!vq_init(&q, &f->g, 65535, 0x1000, 0x2000, 0x3000));
    EXPECT(!vq_init(&q, &f->g, 0x80000000u, 0x1000, 0x2000, 0x3000));
    EXPECT(!vq_init(&q, &f->g, 8, 0x1008, 0x2000, 0x3000));
    EXPECT(!vq_init(&q, &f->g, 8, 0x1000, 0x2001, 0x3000));
    EXPECT(!vq_init(&q, &f->g, 8, 0x1000, 0x2000, 0x3002));
    EXPECT_EQ(q.num, 0);
    EXPECT(!vq_pop(&q, &chain));
    /* each part may end with memory, not one element later */
    EXPECT(vq_init(&q, &f->g, 8, end - 128, 0x2000, 0x3000));
    EXPECT(!vq_init(&q, &f->g, 8, end - 112, 0x2000, 0x3000));
    EXPECT(vq_init(&q, &f->g, 8, 0x1000, end - 20, 0x3000));
    EXPECT(!vq_init(&q, &f->g, 8, 0x1000, end - 18, 0x3000));
    EXPECT(vq_init(&q, &f->g, 8, 0x1000, 0x2000, end - 68));
    EXPECT(!vq_init(&q, &f->g, 8, 0x1000, 0x2000, end - 64));
    EXPECT(!vq_init(&q, &f->g, 8, 0xfffffff0u, 0x2000, 0x3000));
    fake_reset();
}

TEST(virtqueue_passes_a_request_and_its_answer)
{
    struct fake_ring r = small_ring();
    struct virtqueue q = queue_at(&r);
    char text[8] = {0};

    EXPECT(!vq_pop(&q, &chain));
    EXPECT(q.broken == NULL);
    memcpy(r.f->mem + 0x8000, "abc", 3);
    memcpy(r.f->mem + 0x9000, "def", 3);
    fake_desc(&r, 5, 0x8000, 3, NEXT, 2);
    fake_desc(&r, 2, 0x9000, 3, NEXT, 7);
    fake_desc(&r, 7, 0xa000, 2, NEXT | WRITE, 1);
    fake_desc(&r, 1, 0xb000, 4, WRITE, 99);
    fake_avail(&r, 5);

    EXPECT(vq_pop(&q, &chain));
    EXPECT_EQ(chain.head, 5);
    EXPECT_EQ(chain.nr_read, 2u);
    EXPECT_EQ(chain.nr_segs, 4u);
    EXPECT_EQ(chain.read_bytes, 6u);
    EXPECT_EQ(chain.write_bytes, 6u);
    EXPECT_EQ(vq_chain_read(&q, &chain, text, 4), 4u);
    EXPECT_EQ(vq_chain_read(&q, &chain, text + 4, 4), 2u);
    EXPECT_EQ(memcmp(text, "abcdef", 6), 0);
    EXPECT_EQ(vq_chain_read(&q, &chain, text, 4), 0u);
    EXPECT_EQ(vq_chain_write(&q, &chain, "123456789", 9), 6u);
    EXPECT_EQ(memcmp(r.f->mem + 0xa000, "12", 2), 0);
    EXPECT_EQ(memcmp(r.f->mem + 0xb000, "3456\0", 5), 0);
    vq_chain_seek_write(&chain, 5);
    EXPECT_EQ(vq_chain_write(&q, &chain, "xy", 2), 1u);
    EXPECT_EQ(memcmp(r.f->mem + 0xb000, "345x\0", 5), 0);

    EXPECT(!vq_wants_irq(&q));
    vq_push(&q, &chain, 6);
    EXPECT_EQ(fake_used_idx(&r), 1u);
    EXPECT_EQ(fake_used_id(&r, 0), 5u);
    EXPECT_EQ(fake_used_len(&r, 0), 6u);
    EXPECT(vq_wants_irq(&q));
    EXPECT(!vq_wants_irq(&q)); /* once for each push */
    EXPECT(!vq_pop(&q, &chain));
    fake_reset();
}

TEST(virtqueue_honours_both_suppression_flags)
{
    struct fake_ring r = small_ring();
    struct virtqueue q = queue_at(&r);

    fake_desc(&r, 0, 0x8000, 1, 0, 0);
    fake_avail(&r, 0);
    fake_put(r.f, r.avail, 2, 1);
    EXPECT(vq_pop(&q, &chain));
    vq_push(&q, &chain, 0);
    EXPECT(!vq_wants_irq(&q));
    vq_set_notify(&q, false);
    EXPECT_EQ(fake_get(r.f, r.used, 2), 1u);
    vq_set_notify(&q, true);
    EXPECT_EQ(fake_get(r.f, r.used, 2), 0u);
    fake_reset();
}

TEST(virtqueue_indices_wrap)
{
    struct fake_ring r = small_ring();
    struct virtqueue q = queue_at(&r);

    for (uint32_t i = 0; i < 70000; i++) {
        fake_desc(&r, i % 8, 0x8000, 1, 0, 0);
        fake_avail(&r, i % 8);
        EXPECT(vq_pop(&q, &chain));
        EXPECT_EQ(chain.head, i % 8);
        vq_push(&q, &chain, i);
        EXPECT_EQ(fake_used_len(&r, i), i);
    }
    EXPECT_EQ(fake_used_idx(&r), 70000u & 0xffff);
    fake_reset();
}

TEST(virtqueue_unpop_gives_the_same_request_again)
{
    struct fake_ring r = small_ring();
    struct virtqueue q = queue_at(&r);

    fake_desc(&r, 3, 0x8000, 1, 0, 0);
    fake_avail(&r, 3);
    EXPECT(vq_pop(&q, &chain));
    vq_unpop(&q);
    chain.head = 0;
    EXPECT(vq_pop(&q, &chain));
    EXPECT_EQ(chain.head, 3);
    EXPECT(!vq_pop(&q, &chain));
    fake_reset();
}

/* ---- hostile rings, each by name ---- */

TEST(virtqueue_breaks_on_a_descriptor_that_is_its_own_successor)
{
    struct fake_ring r = small_ring();
    struct virtqueue q = queue_at(&r);

    fake_desc(&r, 4, 0x8000, 1, NEXT, 4);
    fake_avail(&r, 4);
    EXPECT(breaks(&q, "loop"));
    fake_reset();
}

TEST(virtqueue_breaks_on_a_loop_through_the_whole_ring)
{
    struct fake_ring r = small_ring();
    struct virtqueue q = queue_at(&r);

    for (uint32_t i = 0; i < 8; i++)
        fake_desc(&r, i, 0x8000, 1, NEXT, (i + 1) % 8);
    fake_avail(&r, 0);
    EXPECT(breaks(&q, "loop"));
    fake_reset();
}

TEST(virtqueue_takes_a_chain_as_long_as_the_ring)
{
    struct fake_ring r = small_ring();
    struct virtqueue q = queue_at(&r);

    for (uint32_t i = 0; i < 8; i++)
        fake_desc(&r, i, 0x8000, 1, i == 7 ? 0 : NEXT, i + 1);
    fake_avail(&r, 0);
    EXPECT(vq_pop(&q, &chain));
    EXPECT_EQ(chain.nr_segs, 8u);
    fake_reset();
}

TEST(virtqueue_breaks_on_indices_out_of_range)
{
    static const uint32_t bad[] = {8, 9, 255, 256, 0x7fff, 0xffff};

    for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct fake_ring r = small_ring();
        struct virtqueue q = queue_at(&r);
        struct virtqueue q2 = q;

        fake_avail(&r, bad[i]);
        EXPECT(breaks(&q, "out of range"));
        fake_desc(&r, 0, 0x8000, 1, NEXT, bad[i]);
        r.avail_idx = 0;
        fake_avail(&r, 0);
        EXPECT(breaks(&q2, "out of range"));
    }
    fake_reset();
}

TEST(virtqueue_breaks_on_available_index_jumps)
{
    static const uint16_t jump[] = {9, 10, 256, 0x8000, 65535};

    for (uint32_t i = 0; i < sizeof(jump) / sizeof(jump[0]); i++) {
        struct fake_ring r = small_ring();
        struct virtqueue q = queue_at(&r);

        fake_put(r.f, r.avail + 2, 2, jump[i]);
        EXPECT(breaks(&q, "jumps"));
        EXPECT(!vq_pop(&q, &chain)); /* and stays so */
        fake_put(r.f, r.avail + 2, 2, 1);
        EXPECT(!vq_pop(&q, &chain));
        vq_push(&q, &chain, 0);
        EXPECT_EQ(fake_used_idx(&r), 0u);
    }
    fake_reset();
}

TEST(virtqueue_breaks_on_buffers_outside_memory)
{
    const uint32_t end = FAKE_RAM_PAGES * HV_PAGE_SIZE;
    const struct {
        uint64_t addr;
        uint32_t len;
        bool ok;
    } cases[] = {
        {end - 1, 1, true},
        {end - 1, 2, false},
        {end, 1, false},
        {0, end, true},
        {0, end + 1, false},
        {1, 0xffffffffu, false},
        {0xffffffffu, 1, false},
        {0xfffff000u, 0x2000, false},
        {0x100000000ull, 1, false},
        {0xffffffff00008000ull, 1, false},
        {0xffffffff00008000ull, 0, true}, /* empty: not looked at */
    };

    for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fake_ring r = small_ring();
        struct virtqueue q = queue_at(&r);

        fake_desc(&r, 0, cases[i].addr, cases[i].len, 0, 0);
        fake_avail(&r, 0);
        if (cases[i].ok)
            EXPECT(vq_pop(&q, &chain));
        else
            EXPECT(breaks(&q, "buffer outside memory"));
    }
    fake_reset();
}

TEST(virtqueue_breaks_on_a_readable_buffer_after_a_writable_one)
{
    struct fake_ring r = small_ring();
    struct virtqueue q = queue_at(&r);

    fake_desc(&r, 0, 0x8000, 1, WRITE | NEXT, 1);
    fake_desc(&r, 1, 0x8000, 1, 0, 0);
    fake_avail(&r, 0);
    EXPECT(breaks(&q, "after a writable"));
    fake_reset();
}

/* 15 buffers of 256 MiB are fine; with the 16th the sum would wrap to 0. */
TEST(virtqueue_breaks_on_4_gib_in_one_chain)
{
    struct fake_guest *f = (fake_reset(), fake_guest_bare(0, 0x10000));
    struct fake_ring r = fake_ring_legacy(f, 0x1000, 16);
    struct virtqueue q = queue_at(&r);

    for (uint32_t i = 0; i < 16; i++)
        fake_desc(&r, i, 0, f->mem_bytes, i == 15 ? 0 : NEXT, i + 1);
    fake_avail(&r, 1);
    EXPECT(vq_pop(&q, &chain));
    EXPECT_EQ(chain.read_bytes, 15u << 28);
    fake_avail(&r, 0);
    EXPECT(breaks(&q, "4 GiB"));
    fake_reset();
}

TEST(virtqueue_walks_one_level_of_indirection)
{
    struct fake_ring r = small_ring();
    struct virtqueue q = queue_at(&r);

    for (uint32_t i = 0; i < 256; i++)
        fake_desc_at(r.f, 0x10000, i, 0x8000 + i, 1, i < 255 ? NEXT : WRITE,
                     i + 1);
    fake_desc(&r, 6, 0x10000, 256 * 16, INDIRECT, 0);
    fake_avail(&r, 6);
    EXPECT(vq_pop(&q, &chain));
    EXPECT_EQ(chain.head, 6);
    EXPECT_EQ(chain.nr_read, 255u);
    EXPECT_EQ(chain.nr_segs, 256u);
    EXPECT_EQ(chain.write_bytes, 1u);
    fake_reset();
}

TEST(virtqueue_takes_direct_buffers_before_an_indirect_table)
{
    struct fake_ring r = small_ring();
    struct virtqueue q = queue_at(&r);

    fake_desc(&r, 0, 0x8000, 16, NEXT, 3);
    fake_desc(&r, 3, 0x10000, 2 * 16, INDIRECT, 0);
    fake_desc_at(r.f, 0x10000, 0, 0x9000, 8, NEXT, 1);
    fake_desc_at(r.f, 0x10000, 1, 0xa000, 4, WRITE, 0);
    fake_avail(&r, 0);
    EXPECT(vq_pop(&q, &chain));
    EXPECT_EQ(chain.read_bytes, 24u);
    EXPECT_EQ(chain.write_bytes, 4u);
    fake_reset();
}

TEST(virtqueue_breaks_on_bad_indirect_tables)
{
    const uint32_t end = FAKE_RAM_PAGES * HV_PAGE_SIZE;
    const struct {
        uint64_t addr;
        uint32_t len, flags;
        const char *word;
    } cases[] = {
        {0x10000, 0, INDIRECT, "length"},
        {0x10000, 15, INDIRECT, "length"},
        {0x10000, 24, INDIRECT, "length"},
        {0x10000, 32, INDIRECT | NEXT, "successor"},
        {end - 16, 32, INDIRECT, "table outside memory"},
        {0x100010000ull, 32, INDIRECT, "table outside memory"},
        {0x10000, 0xfffffff0u, INDIRECT, "table outside memory"},
        {0x10000, 32, INDIRECT, "inside an indirect"},
        {0x20000, 32, INDIRECT, "loop"},
        {0x30000, 32, INDIRECT, "out of range"},
    };

    for (uint32_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct fake_ring r = small_ring();
        struct virtqueue q = queue_at(&r);

        fake_desc_at(r.f, 0x10000, 0, 0x10000, 32, INDIRECT, 0);
        fake_desc_at(r.f, 0x20000, 0, 0x8000, 1, NEXT, 1);
        fake_desc_at(r.f, 0x20000, 1, 0x8000, 1, NEXT, 0);
        fake_desc_at(r.f, 0x30000, 0, 0x8000, 1, NEXT, 2);
        fake_desc(&r, 0, cases[i].addr, cases[i].len, cases[i].flags, 0);
        fake_avail(&r, 0);
        EXPECT(breaks(&q, cases[i].word));
    }
    fake_reset();
}

TEST(virtqueue_breaks_on_more_than_256_buffers)
{
    struct fake_ring r = small_ring();
    struct virtqueue q = queue_at(&r);

    for (uint32_t i = 0; i < 257; i++)
        fake_desc_at(r.f, 0x10000, i, 0x8000, 1, i < 256 ? NEXT : 0, i + 1);
    fake_desc(&r, 0, 0x10000, 257 * 16, INDIRECT, 0);
    fake_avail(&r, 0);
    EXPECT(breaks(&q, "too long"));
    fake_reset();
}

TEST(virtqueue_stops_when_a_buffer_vanishes)
{
    struct fake_ring r = small_ring();
    struct virtqueue q = queue_at(&r);
    uint8_t x[4];

    fake_desc(&r, 0, 0x20000, 4, 0, 0);
    fake_avail(&r, 0);
    EXPECT(vq_pop(&q, &chain));
    r.f->mem_bytes = 0x10000; /* as a balloon would */
    EXPECT_EQ(vq_chain_read(&q, &chain, x, 4), 0u);
    EXPECT(q.broken != NULL);
    fake_reset();
}

TEST(virtqueue_counts_direct_and_indirect_buffers_together)
{
    struct fake_ring r = small_ring();
    struct virtqueue q = queue_at(&r);

    for (uint32_t i = 0; i < 256; i++)
        fake_desc_at(r.f, 0x10000, i, 0x8000, 1, i < 255 ? NEXT : 0, i + 1);
    fake_desc(&r, 0, 0x8000, 1, NEXT, 1);
    fake_desc(&r, 1, 0x10000, 256 * 16, INDIRECT, 0);
    fake_avail(&r, 0);
    EXPECT(breaks(&q, "too long"));
    fake_reset();
}

/* A long walk gives interrupts a chance. */
TEST(virtqueue_long_walks_have_preemption_points)
{
    struct fake_ring r = small_ring();
    struct virtqueue q = queue_at(&r);
    static uint8_t bytes[256];

    for (uint32_t i = 0; i < 256; i++)
        fake_desc_at(r.f, 0x10000, i, 0x8000 + 2 * i, 1, i < 255 ? NEXT : 0,
                     i + 1);
    fake_desc(&r, 0, 0x10000, 256 * 16, INDIRECT, 0);
    fake_avail(&r, 0);
    fake.max_bytes_between_preempts = 0;
    EXPECT(vq_pop(&q, &chain));
    EXPECT_EQ(vq_chain_read(&q, &chain, bytes, 256), 256u);
    EXPECT(fake.preempt_points >= 10);
    EXPECT(fake.max_bytes_between_preempts < 4096);
    fake_reset();
}
