/* SPDX-License-Identifier: MIT */
/* Guest memory that comes when it is touched: making a guest takes a number of frames
 * and fills none, each page gets a zero-filled one, whatever else is allocated in
 * between, and teardown gives back what was touched and what was not.
 *
 * real: gpage pmm
 */
#include "../../hv/mmu/mmu.h"

#include "fake.h"
#include "hv/boot_info.h"
#include "hv/cmdline.h"
#include "test.h"

struct hv_options hv_options;
uintptr_t *frame_owner;

#define TOP_FRAMES 0x180000u /* 6 GiB */
#define LARGE_PAGES (3840u * 256)

static struct guest *g;
static uint32_t before;

static void machine(uint64_t bytes)
{
    memset(&boot_info, 0, sizeof(boot_info));
    fake_arch.image_base = 0x100000;
    fake_arch.image_bytes = 0x100000;
    boot_info.regions[boot_info.nr_regions++] =
        (struct boot_region){0x100000, bytes - 0x100000, BOOT_REGION_RAM};
    pmm_init();
    frame_owner = calloc(TOP_FRAMES, sizeof(*frame_owner));
    g = calloc(1, sizeof(*g));
    REQUIRE(frame_owner && g);
    before = pmm_free_frames();
}

static int create(uint32_t pages)
{
    memset(g, 0, sizeof(*g));
    g->limit_pages = pages;
    return gpages_create(g);
}

static bool is_zero(hfn_t f)
{
    const uint32_t *w = frame_ptr(f);
    uint32_t all = 0;

    for (uint32_t i = 0; i < HV_PAGE_SIZE / 4; i++)
        all |= w[i];
    return all == 0;
}

static void touch(uint32_t gfn)
{
    hfn_t f;

    gpage_touch(g, gfn);
    f = gpage_frame(&g->pages[gfn]);
    REQUIRE(!gpage_is_untouched(&g->pages[gfn]) && pmm_refcount(f) == 1);
    REQUIRE(frame_owner[f.v] == gfn && gpage_may_write(&g->pages[gfn]));
    REQUIRE(is_zero(f));
    memset(frame_ptr(f), 0xa5, HV_PAGE_SIZE); /* which nobody may see later */
}

TEST(a_large_guest_is_made_without_its_pages)
{
    uint32_t table = LARGE_PAGES * 8 / HV_PAGE_SIZE;

    machine((uint64_t)TOP_FRAMES << HV_PAGE_SHIFT);
    REQUIRE(create(LARGE_PAGES) == 0);
    EXPECT_EQ(pmm_reserved_frames(), LARGE_PAGES);
    EXPECT_EQ(pmm_free_frames(), before - table - LARGE_PAGES);
    EXPECT_EQ(g->untouched_pages, LARGE_PAGES);
    for (uint32_t i = 0; i < LARGE_PAGES; i++)
        REQUIRE(gpage_is_untouched(&g->pages[i]) && hfn_is_none(gpage_frame(&g->pages[i])));
    touch(0);
    touch(LARGE_PAGES - 1);
    EXPECT_EQ(g->untouched_pages, LARGE_PAGES - 2);
    EXPECT_EQ(pmm_free_frames(), before - table - LARGE_PAGES);
    gpages_destroy(g);
    EXPECT_EQ(pmm_free_frames(), before);
    EXPECT_EQ(pmm_reserved_frames(), 0);
}

/* By the points where interrupts are let in, which come with the work. */
TEST(teardown_costs_what_was_touched)
{
    uint32_t untouched, some = 3 * GPAGE_CHUNK, points;

    machine((uint64_t)TOP_FRAMES << HV_PAGE_SHIFT);
    REQUIRE(create(LARGE_PAGES) == 0);
    fake_arch.preempt_points = 0;
    gpages_destroy(g);
    untouched = fake_arch.preempt_points;
    REQUIRE(create(LARGE_PAGES) == 0);
    for (uint32_t i = 0; i < some; i++)
        touch(100 * GPAGE_CHUNK + i);
    fake_arch.preempt_points = 0;
    gpages_destroy(g);
    points = fake_arch.preempt_points - untouched;
    EXPECT(points >= some / 64); /* and interrupts do get in */
    EXPECT(points <= some / 16);
    EXPECT(untouched <= LARGE_PAGES / GPAGE_CHUNK / 8); /* of the table only */
    EXPECT_EQ(pmm_free_frames(), before);
}

TEST(refused_at_once_or_never)
{
    uint32_t most;

    machine(64ull << 20);
    EXPECT_EQ(create(16384), -HV_ENOMEM);
    gpages_destroy(g);
    EXPECT_EQ(pmm_free_frames(), before);
    EXPECT_EQ(create(0xfffff), -HV_ENOMEM); /* not even its table */
    gpages_destroy(g);
    EXPECT_EQ(pmm_free_frames(), before);

    most = pmm_guest_frames() * 512 / 513; /* and its table */
    REQUIRE(create(most) == 0);
    EXPECT(!pmm_reserve(most / 2)); /* another guest, though nothing was touched */
    while (pmm_alloc_page() || !hfn_is_none(pmm_alloc_contig(2, 1, 0)))
        continue;
    for (uint32_t i = most; i-- > 0;)
        touch(i);
    EXPECT_EQ(g->untouched_pages, 0);
    EXPECT_PANIC(gpage_touch(g, 0));
}

TEST(pages_at_the_end_of_a_chunk)
{
    static const uint32_t sizes[] = {1, 2, 511, 512, 513, 1023, 1024, 1025, 1537};

    machine(64ull << 20);
    for (uint32_t n = 0; n < HV_ARRAY_SIZE(sizes); n++) {
        REQUIRE(create(sizes[n]) == 0);
        touch(sizes[n] - 1);
        if (sizes[n] > 1)
            touch(0);
        gpages_destroy(g);
        EXPECT_EQ(pmm_free_frames(), before);
    }
}

TEST(random_touches_and_lives)
{
    struct test_rng r = {7};

    machine(64ull << 20);
    for (uint32_t life = 0; life < 200; life++) {
        uint32_t pages = 1 + test_random_below(&r, 6000), left = pages;

        REQUIRE(create(pages) == 0);
        for (uint32_t n = test_random_below(&r, 300); n; n--) {
            uint32_t gfn = test_random_below(&r, pages);

            if (gpage_is_untouched(&g->pages[gfn]))
                touch(gfn), left--;
        }
        REQUIRE(g->untouched_pages == left && pmm_reserved_frames() == left);
        gpages_destroy(g);
        REQUIRE(pmm_free_frames() == before && pmm_reserved_frames() == 0);
    }
}
