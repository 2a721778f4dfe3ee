/* SPDX-License-Identifier: MIT */
/* The door to guest memory: ranges at every edge, pages that are not neighbours,
 * all or nothing, and that every page written to is reported.
 * real: gmem
 */
#include "fake.h"
#include "hv/frame.h"
#include "hv/gmem.h"
#include "hv/pmm.h"
#include "hv/shadow.h"
#include "test.h"

#define PAGES 5u
#define LIMIT (PAGES * HV_PAGE_SIZE)

static struct guest g;
static struct gpage pages[PAGES];
static uint32_t noted; /* bit n: page n was written */

void shadow_note_write(struct guest *who, gfn_t f)
{
    EXPECT(who == &g);
    REQUIRE(f.v < PAGES);
    noted |= 1u << f.v;
}

/* Frames in no order, so that going on into the next one would show. */
static void start(void)
{
    static const uint8_t order[PAGES] = {3, 0, 4, 1, 2};
    hfn_t f = pmm_alloc_contig(PAGES * 2, 1, 0);

    REQUIRE(!hfn_is_none(f));
    memset(&g, 0, sizeof(g));
    g.limit_pages = PAGES;
    g.ram_pages = PAGES - 1;
    g.pages = pages;
    for (uint32_t i = 0; i < PAGES; i++)
        pages[i].word = (f.v + order[i] * 2u) | 0xfb000000u;
    for (uint32_t i = 0; i < PAGES * 2; i++)
        memset(frame_ptr(HFN(f.v + i)), 0xee, HV_PAGE_SIZE);
    noted = 0;
}

static uint8_t *page(uint32_t i)
{
    return frame_ptr(HFN(pages[i].word & 0xffffff));
}

static const uint32_t edges[] = {0, 1, 2, 4094, 4095, 4096, 4097, LIMIT - 4097,
                                 LIMIT - 4096, LIMIT - 2, LIMIT - 1, LIMIT, LIMIT + 1,
                                 0x7fffffff, 0x80000000, 0xfffff000, 0xfffffffe,
                                 0xffffffff};
static const uint32_t sizes[] = {0, 1, 2, 3, 4, 24, 4095, 4096, 4097, 8192, LIMIT - 1,
                                 LIMIT};

static bool inside(uint32_t a, uint32_t len)
{
    return len ? (uint64_t)a + len <= LIMIT : a < LIMIT;
}

TEST(ranges)
{
    start();
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(edges); i++) {
        for (uint32_t k = 0; k < HV_ARRAY_SIZE(sizes); k++)
            EXPECT_EQ(gmem_range_ok(&g, GPA(edges[i]), sizes[k]),
                      inside(edges[i], sizes[k]));
        for (uint32_t k = 0; k < HV_ARRAY_SIZE(edges); k++)
            EXPECT_EQ(gmem_range_ok(&g, GPA(edges[i]), edges[k]),
                      inside(edges[i], edges[k]));
    }
}

/* A guest of 4 GiB less one page, the largest there is. */
TEST(ranges_of_the_largest_guest)
{
    start();
    g.limit_pages = 0xfffff;
    EXPECT(gmem_range_ok(&g, GPA(0), 0xfffff000u));
    EXPECT(!gmem_range_ok(&g, GPA(0), 0xfffff001u));
    EXPECT(gmem_range_ok(&g, GPA(0xffffefff), 1));
    EXPECT(!gmem_range_ok(&g, GPA(0xfffff000), 1));
    EXPECT(!gmem_range_ok(&g, GPA(0xffffefff), 2));
    EXPECT(!gmem_range_ok(&g, GPA(0xfffff000), 0));
    EXPECT(!gmem_range_ok(&g, GPA(1), 0xffffffffu));
}

TEST(read_and_write_all_or_nothing)
{
    static uint8_t out[LIMIT], in[LIMIT + 1];

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(edges); i++) {
        for (uint32_t k = 0; k < HV_ARRAY_SIZE(sizes); k++) {
            uint32_t a = edges[i], n = sizes[k], expect = 0;
            bool ok = inside(a, n);

            start();
            for (uint32_t b = 0; b < n; b++)
                out[b] = (uint8_t)(b * 31 + i + k);
            EXPECT_EQ(gmem_write(&g, GPA(a), out, n), ok);
            for (uint32_t p = 0; p < LIMIT; p++) {
                bool written = ok && p >= a && p - a < n;

                if (page(p >> 12)[p & 4095] != (written ? out[p - a] : 0xee))
                    test_fail(__FILE__, __LINE__, "write %#x+%#x at %#x", a, n, p);
                expect |= written ? 1u << (p >> 12) : 0;
            }
            EXPECT_EQ(noted, expect);
            memset(in, 0xaa, sizeof(in));
            EXPECT_EQ(gmem_read(&g, in, GPA(a), n), ok);
            for (uint32_t b = 0; b < n; b++)
                REQUIRE(in[b] == (ok ? out[b] : 0));
            EXPECT_EQ(in[n], 0xaa);
        }
    }
}

/* A frame that is not mapped in the monitor: the guest's end, no half of a copy. */
TEST(unreachable_frames)
{
    uint8_t bytes[3 * HV_PAGE_SIZE];

    for (uint32_t n = 1; n <= 3; n++) {
        start();
        fake_arch.copies_to_fault = n;
        memset(bytes, 0xaa, sizeof(bytes));
        EXPECT(!gmem_read(&g, bytes, GPA(100), 2 * HV_PAGE_SIZE));
        for (uint32_t i = 0; i < sizeof(bytes); i++)
            REQUIRE(bytes[i] == (i < 2 * HV_PAGE_SIZE ? 0 : 0xaa));
        EXPECT(g.end == END_KILLED);
        EXPECT_STR(g.reason, "a page of its memory cannot be reached");
        start();
        fake_arch.copies_to_fault = n;
        EXPECT(!gmem_write(&g, GPA(100), bytes, 2 * HV_PAGE_SIZE));
        EXPECT(g.end == END_KILLED);
        EXPECT_EQ(fake_arch.copies_to_fault, 0);
    }
}

TEST(zero)
{
    start();
    EXPECT(gmem_zero(&g, GPA(4000), 200));
    EXPECT(page(0)[3999] == 0xee && page(0)[4000] == 0 && page(0)[4095] == 0);
    EXPECT(page(1)[0] == 0 && page(1)[103] == 0 && page(1)[104] == 0xee);
    EXPECT_EQ(noted, 3);
    EXPECT(!gmem_zero(&g, GPA(LIMIT - 10), 11));
    EXPECT_EQ(page(PAGES - 1)[4095], 0xee);
}

/* The quick way for LOAD_TLS: the same words, or it says that it does not know. */
TEST(tls_words)
{
    uint32_t want[6], quick = 0;

    for (uint32_t a = 0; a < LIMIT + 64; a++) {
        const volatile uint32_t *w;
        bool ok;

        start();
        for (uint32_t i = 0; i < LIMIT; i++)
            page(i >> 12)[i & 4095] = (uint8_t)(i * 13);
        ok = gmem_read(&g, want, GPA(a), sizeof(want));
        w = gmem_tls_words(&g, GPA(a));
        EXPECT_EQ(w != NULL, ok && a % 4 == 0 && (a & 4095) <= 4096 - 24);
        for (uint32_t i = 0; w && i < 6; i++, quick++)
            EXPECT_EQ(w[i], want[i]);
        if (a == 64)
            a = HV_PAGE_SIZE - 64;
        if (a == HV_PAGE_SIZE + 8)
            a = LIMIT - 64;
    }
    EXPECT(quick > 100);
    EXPECT(!gmem_tls_words(&g, GPA(0xffffffff)));
    EXPECT(!gmem_tls_words(&g, GPA(0xfffff000)));
}

/* A page without a frame: it is touched by whatever needs its bytes, and holds zeros. */
TEST(untouched_pages)
{
    uint32_t w = 1, left;
    uint16_t half = 1;
    char text[8] = "xxxxxxx";

    start();
    memset(pages, 0, sizeof(pages));
    left = g.untouched_pages = PAGES;
    EXPECT(gmem_tls_words(&g, GPA(0)) == NULL);
    EXPECT(gmem_zero(&g, GPA(0), LIMIT)); /* nothing to do */
    EXPECT_EQ(g.untouched_pages, left);
    EXPECT(gmem_read32(&g, GPA(8), &w) && w == 0);
    EXPECT(!gpage_is_untouched(&pages[0]) && g.untouched_pages == left - 1);
    EXPECT(gmem_tls_words(&g, GPA(0)) != NULL);
    EXPECT(gmem_read16(&g, GPA(HV_PAGE_SIZE), &half) && half == 0);
    EXPECT_EQ(gmem_read_string(&g, text, GPA(2 * HV_PAGE_SIZE - 4), sizeof(text)), 0);
    EXPECT_EQ(text[0], 0);
    EXPECT_EQ(g.untouched_pages, left - 2);
    EXPECT(gmem_write(&g, GPA(3 * HV_PAGE_SIZE - 2), "abcd", 4)); /* two at once */
    EXPECT_EQ(g.untouched_pages, left - 4);
    EXPECT(page(2)[4093] == 0 && page(2)[4094] == 'a' && page(3)[1] == 'd' && page(3)[2] == 0);
    EXPECT(gmem_write32(&g, GPA(LIMIT - 4), 5) && page(4)[4092] == 5);
    EXPECT_EQ(g.untouched_pages, 0);
    EXPECT(gmem_zero(&g, GPA(3 * HV_PAGE_SIZE - 1), 2) && page(3)[0] == 0 && page(2)[4094] == 'a');
    EXPECT(!gmem_read32(&g, GPA(LIMIT), &w));
}

TEST(single_words)
{
    uint32_t w;
    uint16_t h;

    start();
    EXPECT(gmem_write32(&g, GPA(4092), 0x12345678));
    EXPECT(gmem_read32(&g, GPA(4092), &w) && w == 0x12345678);
    EXPECT(gmem_write16(&g, GPA(4096), 0xabcd));
    EXPECT(gmem_read16(&g, GPA(4096), &h) && h == 0xabcd);
    EXPECT_EQ(noted, 3);
    for (uint32_t i = 1; i < 4; i++) {
        EXPECT(!gmem_write32(&g, GPA(4092 + i), 0));
        w = 5;
        EXPECT(!gmem_read32(&g, GPA(4092 + i), &w) && w == 0);
    }
    h = 5;
    EXPECT(!gmem_read16(&g, GPA(1), &h) && h == 0);
    EXPECT(!gmem_write16(&g, GPA(1), 0));
    EXPECT(!gmem_read32(&g, GPA(LIMIT), &w) && !gmem_write32(&g, GPA(LIMIT), 0));
    EXPECT(!gmem_read32(&g, GPA(0xfffffffc), &w) && !gmem_write32(&g, GPA(0xfffffffc), 0));
    EXPECT(gmem_write32(&g, GPA(LIMIT - 4), 1) && gmem_write16(&g, GPA(LIMIT - 2), 1));
}

TEST(strings)
{
    char s[16];

    start();
    memcpy(page(0) + 4090, "hello", 6);
    EXPECT_EQ(gmem_read_string(&g, s, GPA(4090), sizeof(s)), 5);
    EXPECT_STR(s, "hello");
    memcpy(page(0) + 4092, "over", 4);
    memcpy(page(1), "page", 5);
    EXPECT_EQ(gmem_read_string(&g, s, GPA(4092), sizeof(s)), 8);
    EXPECT_STR(s, "overpage");
    EXPECT_EQ(gmem_read_string(&g, s, GPA(4092), 4), 3);
    EXPECT_STR(s, "ove");
    EXPECT_EQ(gmem_read_string(&g, s, GPA(4092), 1), 0);
    EXPECT_STR(s, "");
    /* Not terminated: ends with memory. */
    memset(page(PAGES - 1), 'x', 4096);
    EXPECT_EQ(gmem_read_string(&g, s, GPA(LIMIT - 3), sizeof(s)), 3);
    EXPECT_STR(s, "xxx");
    EXPECT_EQ(gmem_read_string(&g, s, GPA(LIMIT), sizeof(s)), 0);
    EXPECT_EQ(gmem_read_string(&g, s, GPA(0xffffffff), sizeof(s)), 0);
    EXPECT_EQ(gmem_read_string(&g, s, GPA(0x40000000), sizeof(s)), 0);
    EXPECT_EQ(noted, 0);
}

TEST(strings_of_every_length_at_every_offset)
{
    char s[40], want[40];

    start();
    for (uint32_t at = 4096 - 24; at < 4096 + 4; at++) {
        for (uint32_t len = 0; len < 24; len++) {
            for (uint32_t size = 1; size < 32; size++) {
                uint32_t n = len < size - 1 ? len : size - 1;

                /* What follows the NUL, and what is behind the buffer, is not touched. */
                memset(page(0) + 4096 - 64, 0xff, 64);
                memset(page(1), 0xff, 64);
                for (uint32_t i = 0; i <= len; i++)
                    *(page((at + i) / 4096) + (at + i) % 4096) = i < len ? (uint8_t)(0x80 + i) : 0;
                memset(s, 0x55, sizeof(s));
                for (uint32_t i = 0; i < n; i++)
                    want[i] = (char)(0x80 + i);
                want[n] = '\0';
                REQUIRE(gmem_read_string(&g, s, GPA(at), size) == n);
                REQUIRE(memcmp(s, want, n + 1) == 0);
                for (uint32_t i = size; i < sizeof(s); i++)
                    REQUIRE(s[i] == 0x55);
            }
        }
    }
}
