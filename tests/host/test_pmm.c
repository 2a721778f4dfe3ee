/* SPDX-License-Identifier: MIT */
/* The frame allocator on maps of our own: nothing that is not RAM, the image,
 * a module or below 1 MiB is ever handed out, frames come zero-filled, counts add up,
 * contiguous ranges hold their promises, and so does what is set aside for guests;
 * random use against a model.
 * real: pmm
 */
#include "fake.h"
#include "test.h"

#include "hv/boot_info.h"
#include "hv/cmdline.h"
#include "hv/frame.h"
#include "hv/percpu.h"
#include "hv/pmm.h"

struct hv_options hv_options;

#define MIB_FRAMES 256u
#define DIRECT_END 0xc0000u

static void region(uint64_t base, uint64_t bytes, enum boot_region_type type)
{
    boot_info.regions[boot_info.nr_regions++] =
        (struct boot_region){base, bytes, type};
}

static void module(uint32_t base, uint32_t bytes)
{
    boot_info.modules[boot_info.nr_modules++] =
        (struct boot_module){base, bytes, "m"};
}

/* 1 MiB image at 1 MiB, a module at 8 MiB, RAM up to 64 MiB. */
static void small_machine(void)
{
    memset(&boot_info, 0, sizeof(boot_info));
    fake_arch.image_base = 0x100000;
    fake_arch.image_bytes = 0x100000;
    region(0, 0x9f000, BOOT_REGION_RAM);
    region(0x9f000, 0x61000, BOOT_REGION_RESERVED);
    region(0x100000, 0x3e00000, BOOT_REGION_RAM);
    region(0x3f00000, 0x100000, BOOT_REGION_ACPI);
    module(0x800000, 0x12345);
    pmm_init();
}

static bool may_be_handed_out(uint32_t f)
{
    bool ram = false;

    for (uint32_t i = 0; i < boot_info.nr_regions; i++) {
        const struct boot_region *r = &boot_info.regions[i];

        if (r->type == BOOT_REGION_RAM && f >= r->base >> 12 &&
            f < (r->base + r->bytes) >> 12)
            ram = true;
    }
    for (uint32_t i = 0; i < boot_info.nr_modules; i++) {
        const struct boot_module *m = &boot_info.modules[i];

        if (f >= m->base >> 12 && f <= (m->base + m->bytes - 1) >> 12)
            return false;
    }
    return ram && f >= 0x200;
}

TEST(all_frames_once_and_only_ram)
{
    static uint8_t seen[0x4000];
    uint32_t n = 0, before;

    small_machine();
    before = pmm_free_frames();
    EXPECT(before > 0x3c00 - 0x100 - 0x13 - 0x40 - 0x9f);
    for (;;) {
        hfn_t f = pmm_alloc(PMM_DIRECT);

        if (hfn_is_none(f))
            break;
        REQUIRE(f.v < 0x4000 && !seen[f.v] && may_be_handed_out(f.v));
        EXPECT(pmm_is_ram(f));
        EXPECT_EQ(pmm_refcount(f), 1);
        seen[f.v] = 1;
        n++;
    }
    EXPECT_EQ(n, before);
    EXPECT_EQ(pmm_free_frames(), 0);
    EXPECT(!pmm_alloc_page());
    EXPECT(hfn_is_none(pmm_alloc_contig(1, 1, 0)));
    for (uint32_t f = 0; f < 0x4000; f++) {
        if (seen[f])
            pmm_unref(HFN(f));
    }
    EXPECT_EQ(pmm_free_frames(), before);
}

TEST(frames_come_zero_filled)
{
    small_machine();
    REQUIRE(pmm_reserve(25));
    for (uint32_t i = 0; i < 50; i++) {
        hfn_t f = pmm_alloc(i & 1 ? PMM_DIRECT : PMM_GUEST);
        uint8_t *p = frame_ptr(f);

        for (uint32_t k = 0; k < 4096; k++)
            REQUIRE(p[k] == 0);
        memset(p, 0xaa, 4096);
        pmm_unref(f);
    }
    hfn_t c = pmm_alloc_contig(32, 32, 0);
    uint8_t *p = frame_ptr(c);

    for (uint32_t k = 0; k < 32 * 4096; k++)
        REQUIRE(p[k] == 0);
}

/* The marks are written while the frames are free: who clears again wipes them out. */
TEST(frames_cleared_ahead_are_cleared_once)
{
    uint32_t first, marked = 0;
    hfn_t f;

    small_machine();
    REQUIRE(pmm_reserve(3000));
    memset(frame_ptr(HFN(0x3eff)), 0xaa, 4096);
    while (pmm_clear_ahead())
        ;
    first = 0x3f00 - 2048; /* the uppermost ones are what guests get first */
    for (uint32_t i = first; i < 0x3f00; i++) {
        EXPECT_EQ(*(uint32_t *)frame_ptr(HFN(i)), 0);
        *(uint32_t *)frame_ptr(HFN(i)) = i;
    }
    memset(frame_ptr(HFN(first - 1)), 0xaa, 4096);
    for (uint32_t i = 0; i < 2049; i++) {
        f = pmm_alloc(PMM_GUEST);
        marked += *(uint32_t *)frame_ptr(f) == f.v;
    }
    EXPECT_EQ(marked, 2048);
    EXPECT_EQ(f.v, first - 1);
    EXPECT_EQ(*(uint32_t *)frame_ptr(f), 0);
}

TEST(a_frame_that_comes_back_is_cleared_again)
{
    hfn_t f;

    small_machine();
    REQUIRE(pmm_reserve(2));
    while (pmm_clear_ahead())
        ;
    f = pmm_alloc(PMM_GUEST);
    memset(frame_ptr(f), 0xaa, 4096);
    pmm_unref(f);
    EXPECT(!pmm_clear_ahead()); /* it was the one that is missing */
    EXPECT_EQ(*(uint32_t *)frame_ptr(f), 0);
    memset(frame_ptr(HFN(f.v - 4000)), 0xaa, 4096);
    EXPECT(!pmm_clear_ahead());
    EXPECT_EQ(*(uint32_t *)frame_ptr(HFN(f.v - 4000)), 0xaaaaaaaa);
}

TEST(reference_counts)
{
    uint32_t before;
    hfn_t f;

    small_machine();
    before = pmm_free_frames();
    REQUIRE(pmm_reserve(1));
    f = pmm_alloc(PMM_GUEST);
    for (uint32_t i = 0; i < 1000; i++)
        pmm_ref(f);
    EXPECT_EQ(pmm_refcount(f), 1001);
    for (uint32_t i = 0; i < 1001; i++) {
        EXPECT_EQ(pmm_free_frames(), before - 1);
        pmm_unref(f);
    }
    EXPECT_EQ(pmm_free_frames(), before);
    EXPECT_EQ(pmm_refcount(f), 0);
    EXPECT_PANIC(pmm_unref(f));
    EXPECT_PANIC(pmm_ref(f));
    EXPECT_PANIC(pmm_unref(HFN(0x150)));      /* the image */
    EXPECT_PANIC(pmm_ref(HFN(0x800)));        /* the module */
    EXPECT_PANIC(pmm_unref(HFN(0)));
    EXPECT_PANIC(pmm_unref(HFN(0xffffffff))); /* no frame */
    EXPECT(!pmm_is_ram(HFN(0xa0)));
    EXPECT(!pmm_is_ram(HFN(0x3f00)));
    EXPECT(!pmm_is_ram(HFN(0xffffffff)));
}

TEST(pages_by_pointer)
{
    uint32_t before;
    uint8_t *p;

    small_machine();
    before = pmm_free_frames();
    p = pmm_alloc_page();
    REQUIRE(p != NULL);
    EXPECT_EQ((uintptr_t)p & 0xfff, 0);
    pmm_free_page(p);
    EXPECT_EQ(pmm_free_frames(), before);
}

TEST(contiguous_ranges)
{
    static const struct {
        uint32_t n, align, below;
    } wanted[] = {
        {1, 1, 0}, {2, 2, 0}, {33, 1, 0}, {64, 64, 0}, {256, 256, 0x1000000},
        {1000, 4, 0}, {100, 1024, 0}, {31, 32, 0x400000},
    };
    uint32_t before;

    small_machine();
    before = pmm_free_frames();
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(wanted); i++) {
        hfn_t f = pmm_alloc_contig(wanted[i].n, wanted[i].align, wanted[i].below);

        REQUIRE(!hfn_is_none(f));
        EXPECT_EQ(f.v % wanted[i].align, 0);
        EXPECT(!wanted[i].below || f.v + wanted[i].n <= wanted[i].below >> 12);
        for (uint32_t k = 0; k < wanted[i].n; k++)
            REQUIRE(may_be_handed_out(f.v + k));
        EXPECT_EQ(pmm_free_frames(), before - wanted[i].n);
        pmm_free_contig(f, wanted[i].n);
        EXPECT_EQ(pmm_free_frames(), before);
    }
    EXPECT(hfn_is_none(pmm_alloc_contig(0x4000, 1, 0)));
    EXPECT(hfn_is_none(pmm_alloc_contig(1, 1, 0x100000)));
    EXPECT(hfn_is_none(pmm_alloc_contig(1, 1, 0x1000)));
    EXPECT_EQ(pmm_free_frames(), before);
}

/* A table of a large guest: taken whole at once, as what comes in between may
 * allocate, then prepared a few frames at a time. */
static hfn_t taken[1001];

static void take_one(void)
{
    taken[fake_arch.preempt_points - 1] = pmm_alloc(PMM_DIRECT);
}

TEST(large_tables_let_interrupts_in)
{
    uint32_t before, points;
    hfn_t f;

    small_machine();
    before = pmm_free_frames();
    fake_arch.preempt_points = 0;
    fake_arch.on_preempt = take_one;
    f = pmm_alloc_table(1001);
    fake_arch.on_preempt = NULL;
    REQUIRE(!hfn_is_none(f));
    points = fake_arch.preempt_points;
    EXPECT(points >= 1001 / 32);
    for (uint32_t i = 0; i < points; i++)
        EXPECT(taken[i].v < f.v || taken[i].v >= f.v + 1001);
    for (uint32_t k = 0; k < 1001; k++) {
        REQUIRE(may_be_handed_out(f.v + k));
        EXPECT_EQ(pmm_refcount(HFN(f.v + k)), 1);
        for (uint32_t i = 0; i < 4096; i++)
            REQUIRE(((uint8_t *)frame_ptr(HFN(f.v + k)))[i] == 0);
    }
    EXPECT_EQ(pmm_free_frames(), before - 1001 - points);
    fake_arch.preempt_points = 0;
    pmm_free_table(f, 1001);
    EXPECT(fake_arch.preempt_points >= 1001 / 32);
    EXPECT_EQ(pmm_free_frames(), before - points);
    EXPECT(hfn_is_none(pmm_alloc_table(0x4000)));
}

/* RAM above the direct map, reached by chunks of the fake's. */
static void large_machine(void)
{
    memset(&boot_info, 0, sizeof(boot_info));
    fake_arch.image_base = 0x100000;
    fake_arch.image_bytes = 0x100000;
    region(0, 0x9f000, BOOT_REGION_RAM);
    region(0x100000, 0x3f00000, BOOT_REGION_RAM);
    region(0xbff00000, 0x40000000, BOOT_REGION_RAM); /* 1 MiB direct, rest high */
    region(0x100000000ull, 0x10000000, BOOT_REGION_RAM);
    pmm_init();
}

/* One frame for a guest, set aside and taken. */
static hfn_t guest_frame(void)
{
    return pmm_reserve(1) ? pmm_alloc(PMM_GUEST) : HFN_NONE;
}

TEST(zones_and_what_the_monitor_keeps)
{
    uint32_t direct = 0, high = 0, kept;
    hfn_t f;

    large_machine();
    EXPECT_EQ(pmm_frame_limit(), 0x110000);
    EXPECT_EQ(pmm_free_high_frames(), 0x3ff00 + 0x10000);
    while (!hfn_is_none(f = guest_frame()) && f.v < DIRECT_END)
        direct++;
    kept = pmm_free_frames() - pmm_free_high_frames();
    EXPECT(direct > 0x3000);
    EXPECT(kept >= 512); /* DMA and page tables keep some */
    EXPECT(f.v >= DIRECT_END);
    for (high = 1; high < 1000; high++)
        REQUIRE(guest_frame().v >= DIRECT_END);
    while (!hfn_is_none(f = pmm_alloc(PMM_DIRECT)))
        REQUIRE(f.v < DIRECT_END);
    EXPECT_EQ(pmm_free_frames(), pmm_free_high_frames());
    EXPECT(hfn_is_none(pmm_alloc_contig(1, 1, 0)));
}

TEST(guestmem_high)
{
    large_machine();
    hv_options.guestmem_high = true;
    for (uint32_t i = 0; i < 100; i++)
        REQUIRE(guest_frame().v >= DIRECT_END);
    EXPECT_EQ(pmm_guest_frames(), pmm_free_high_frames());
    small_machine();
    EXPECT(hfn_is_none(guest_frame()));
    EXPECT_EQ(pmm_guest_frames(), 0);
}

/* ---- what is set aside ---- */

/* All that the monitor can get, by every way there is. Returns how many. */
static uint32_t monitor_takes_all(void)
{
    uint32_t n = 0;

    for (uint32_t k = 64; k; k /= 2) {
        while (!hfn_is_none(pmm_alloc_table(k)))
            n += k;
        while (!hfn_is_none(pmm_alloc_contig(k, 1, 0)))
            n += k;
    }
    while (pmm_alloc_page() || !hfn_is_none(pmm_alloc(PMM_DIRECT)))
        n++;
    return n;
}

TEST(set_aside_is_there_whatever_others_take)
{
    uint32_t before, some = 1000;

    small_machine();
    before = pmm_free_frames();
    REQUIRE(pmm_reserve(some));
    EXPECT_EQ(pmm_free_frames(), before - some);
    EXPECT_EQ(pmm_reserved_frames(), some);
    for (uint32_t i = 0; i < 300; i++)
        REQUIRE(!hfn_is_none(pmm_alloc(PMM_GUEST)));
    EXPECT_EQ(pmm_free_frames(), before - some); /* taken or not is the same to others */
    EXPECT_EQ(monitor_takes_all(), before - some);
    EXPECT_EQ(pmm_free_frames(), 0);
    EXPECT_EQ(pmm_guest_frames(), 0);
    EXPECT(!pmm_reserve(1));
    EXPECT_EQ(pmm_reserved_frames(), some - 300);
    for (uint32_t i = 300; i < some; i++)
        REQUIRE(!hfn_is_none(pmm_alloc(PMM_GUEST)));
    EXPECT(hfn_is_none(pmm_alloc(PMM_GUEST))); /* no more than was asked for */
}

TEST(set_aside_in_both_zones)
{
    uint32_t direct, high, n;

    large_machine();
    high = pmm_free_high_frames();
    direct = pmm_guest_frames() - high;
    EXPECT(!pmm_reserve(pmm_guest_frames() + 1));
    EXPECT_EQ(pmm_guest_frames(), direct + high); /* refused is untouched */
    REQUIRE(pmm_reserve(direct - 10));
    EXPECT_EQ(pmm_free_high_frames(), high);
    REQUIRE(pmm_reserve(20)); /* 10 of them have no room in the direct map */
    EXPECT_EQ(pmm_free_high_frames(), high - 10);
    EXPECT_EQ(pmm_guest_frames(), high - 10);
    EXPECT_EQ(pmm_alloc(PMM_GUEST).v, DIRECT_END - 1);
    (void)monitor_takes_all();
    for (n = 1; n < direct; n++)
        REQUIRE(pmm_alloc(PMM_GUEST).v < DIRECT_END);
    for (n = 0; n < 10; n++)
        REQUIRE(pmm_alloc(PMM_GUEST).v >= DIRECT_END);
    EXPECT(hfn_is_none(pmm_alloc(PMM_GUEST)));
    EXPECT_EQ(pmm_free_high_frames(), high - 10);
}

TEST(what_was_not_taken_goes_back)
{
    uint32_t before, high;

    large_machine();
    before = pmm_guest_frames();
    high = pmm_free_high_frames();
    REQUIRE(pmm_reserve(before - 5));
    EXPECT_EQ(pmm_free_high_frames(), 5);
    pmm_unreserve(1); /* of the direct map first: others can use it, too */
    EXPECT_EQ(pmm_free_high_frames(), 5);
    REQUIRE(!hfn_is_none(pmm_alloc(PMM_GUEST)));
    EXPECT_EQ(pmm_guest_frames(), 6);
    pmm_unreserve(before - 7);
    EXPECT_EQ(pmm_guest_frames(), before - 1);
    EXPECT_EQ(pmm_free_high_frames(), high);
    EXPECT_EQ(pmm_reserved_frames(), 0);
    EXPECT_PANIC(pmm_unreserve(1));
}

/* Whoever it was taken for, nothing is left on his account when all is back; and what is
 * taken for nobody is on none. */
TEST(frames_are_charged_to_whom_they_are_taken_for)
{
    struct account guest = {0};
    hfn_t own, one, from_aside, table;

    small_machine();
    own = pmm_alloc(PMM_DIRECT);
    this_cpu()->account = &guest;
    one = pmm_alloc(PMM_DIRECT);
    pmm_ref(one);
    table = pmm_alloc_table(5);
    EXPECT_EQ(guest.frames, 6u);
    REQUIRE(pmm_reserve(10));
    from_aside = pmm_alloc(PMM_GUEST);
    EXPECT_EQ(guest.frames, 16u);
    pmm_unreserve(9);
    pmm_unref(from_aside);
    pmm_unref(one);
    EXPECT_EQ(guest.frames, 6u); /* one has another reference */
    pmm_unref(one);
    pmm_free_table(table, 5);
    EXPECT_EQ(guest.frames, 0u);
    this_cpu()->account = NULL;
    pmm_unref(own);
    EXPECT_EQ(guest.frames, 0u);
}

TEST(giving_ranges_back)
{
    uint32_t before;

    small_machine();
    before = pmm_free_frames();
    pmm_give_range(0x180000, 0x10000); /* of the image */
    EXPECT_EQ(pmm_free_frames(), before + 16);
    pmm_give_range(0x180000, 0x10000); /* twice is once */
    EXPECT_EQ(pmm_free_frames(), before + 16);
    pmm_give_range(0x190001, 0xfff);   /* no whole page */
    EXPECT_EQ(pmm_free_frames(), before + 16);
    pmm_give_range(0, 0x100000);       /* never below 1 MiB */
    EXPECT_EQ(pmm_free_frames(), before + 16);
    pmm_give_range(0xfffff000, 0x10000); /* beyond all RAM */
    EXPECT_EQ(pmm_free_frames(), before + 16);
}

/* Pieces that begin and end anywhere, and some that are given already: what is
 * handed out afterwards is each frame of them once. */
TEST(giving_odd_ranges)
{
    static uint8_t given[0x4000];
    struct test_rng rng = {5};
    uint32_t wanted = 0;

    memset(&boot_info, 0, sizeof(boot_info));
    fake_arch.image_base = 0x100000;
    fake_arch.image_bytes = 0x100000;
    region(0x200000, 0x3e00000, BOOT_REGION_RAM);
    module(0x1000000, 0x3000000); /* not free until it is given */
    pmm_init();
    for (uint32_t i = 0; i < 40; i++) {
        uint32_t first = 0x1000 + test_random_below(&rng, 0x2f00);
        uint32_t n = test_random_below(&rng, 200);

        pmm_give_range((uint64_t)first << 12, (uint64_t)n << 12);
        memset(given + first, 1, n);
    }
    while (pmm_free_frames() > 0) {
        hfn_t f = pmm_alloc(PMM_DIRECT);

        REQUIRE(!hfn_is_none(f) && f.v < 0x4000);
        REQUIRE(f.v < 0x1000 || given[f.v] == 1);
        given[f.v] = 2;
    }
    for (uint32_t f = 0x1000; f < 0x4000; f++)
        wanted += given[f] == 1;
    EXPECT_EQ(wanted, 0);
}

TEST(more_than_64_gib)
{
    memset(&boot_info, 0, sizeof(boot_info));
    region(0x100000, 0x10000000, BOOT_REGION_RAM);
    region(0xf00000000ull, 0x200000000ull, BOOT_REGION_RAM); /* 60 to 68 GiB */
    region(0x2000000000ull, 0x100000000ull, BOOT_REGION_RAM);
    pmm_init();
    EXPECT_EQ(pmm_frame_limit(), 0x1000000);
    EXPECT_EQ(pmm_free_high_frames(), 0x100000);
    EXPECT(fake_log_has("above 64 GiB"));
}

TEST(no_room_at_all)
{
    memset(&boot_info, 0, sizeof(boot_info));
    region(0x100000, 0x100000, BOOT_REGION_RAM); /* all of it the image's */
    fake_arch.image_base = 0x100000;
    fake_arch.image_bytes = 0x100000;
    EXPECT_PANIC(pmm_init());
}

/* Random allocations, references and frees; the model is an array of counts. */
TEST(random_use_against_a_model)
{
    static uint16_t count[0x4000];
    static uint32_t live[0x4000];
    struct test_rng r = {11};
    uint32_t n = 0, free_frames, aside = 0;

    small_machine();
    free_frames = pmm_free_frames();
    for (uint32_t round = 0; round < 60000; round++) {
        uint32_t what = test_random_below(&r, 12);
        hfn_t f;

        if (what == 11) {
            (void)pmm_clear_ahead();
        } else if (what == 10) {
            uint32_t k = test_random_below(&r, 60);

            if (aside > 30)
                pmm_unreserve(k = hv_min_u32(k, aside)), aside -= k, free_frames += k;
            else if (pmm_reserve(k))
                aside += k, free_frames -= k;
            REQUIRE(pmm_reserved_frames() == aside);
        } else if (what < 4 || n == 0) {
            f = pmm_alloc(what & 1 ? PMM_DIRECT : PMM_GUEST);
            REQUIRE(hfn_is_none(f) == (what & 1 ? free_frames == 0 : aside == 0));
            if (hfn_is_none(f))
                continue;
            REQUIRE(f.v < 0x4000 && count[f.v] == 0 && may_be_handed_out(f.v));
            REQUIRE(*(uint32_t *)frame_ptr(f) == 0);
            *(uint32_t *)frame_ptr(f) = f.v;
            count[f.v] = 1;
            live[n++] = f.v;
            if (what & 1)
                free_frames--;
            else
                aside--;
        } else if (what == 4) {
            uint32_t k = 1 + test_random_below(&r, 40);
            uint32_t align = 1u << test_random_below(&r, 6);

            f = pmm_alloc_contig(k, align, 0);
            if (hfn_is_none(f))
                continue;
            REQUIRE(f.v % align == 0);
            for (uint32_t i = 0; i < k; i++) {
                REQUIRE(count[f.v + i] == 0 && may_be_handed_out(f.v + i));
                REQUIRE(*(uint32_t *)frame_ptr(HFN(f.v + i)) == 0);
                *(uint32_t *)frame_ptr(HFN(f.v + i)) = f.v + i;
                count[f.v + i] = 1;
                live[n++] = f.v + i;
            }
            free_frames -= k;
        } else if (what == 5) {
            f = HFN(live[test_random_below(&r, n)]);
            pmm_ref(f);
            count[f.v]++;
        } else {
            uint32_t at = test_random_below(&r, n);

            f = HFN(live[at]);
            pmm_unref(f);
            if (--count[f.v] == 0) {
                live[at] = live[--n];
                free_frames++;
            }
            REQUIRE(pmm_refcount(f) == count[f.v]);
        }
        REQUIRE(pmm_free_frames() == free_frames);
    }
}
