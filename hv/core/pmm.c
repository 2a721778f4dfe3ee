/* SPDX-License-Identifier: MIT */
/* The frame allocator.  Every frame below the limit has a 16-bit reference count, and a
 * bit in a map if it is free.  Frames leave zero-filled; some of the next ones are
 * cleared ahead, when the machine has nothing else to do.
 *
 * Monitor frames are taken from 16 MiB up, so that low memory stays for what
 * needs it (DMA), guest frames from the top of the direct map down, then from
 * above it. */
#include "hv/pmm.h"

#include "pmm_int.h"

#include "hv/arch_if.h"
#include "hv/assert.h"
#include "hv/cmdline.h"
#include "hv/config.h"
#include "hv/frame.h"
#include "hv/percpu.h"
#include "hv/string.h"

#define LOW_FRAMES (HV_MIB(16) >> HV_PAGE_SHIFT)

/* So many frames are cleared ahead: what a kernel touches while it boots. All of RAM
 * would be too much, because in a virtual machine a page that is written takes memory
 * from its host. */
#define CLEAR_AHEAD_FRAMES 2048u
#define CLEAR_AHEAD_STEP 8u

struct pmm pmm;

/* ---- single frames ---- */

/* n more frames for whom this CPU works; less if it wraps. */
static void charge(uint32_t n)
{
    struct account *a = arch_percpu_ready() ? this_cpu()->account : NULL;

    if (a)
        a->frames += n;
}

static void claim(uint32_t f)
{
    hv_assert_slow(pmm.refs[f] == 0);
    charge(1);
    bitmap_clear(&pmm.free, f);
    count_free(f, ~0u);
    pmm.refs[f] = 1;
}

static void clear_frame(uint32_t f)
{
    memset(frame_ptr(HFN(f)), 0, HV_PAGE_SIZE);
}

/* Fills a claimed frame with zeros, if it does not hold them yet. */
static void make_clear(uint32_t f)
{
    if (!bitmap_test(&pmm.clear, f)) {
        clear_frame(f);
        return;
    }
    bitmap_clear(&pmm.clear, f);
    pmm.nr_clear--;
}

static hfn_t take(uint32_t f)
{
    claim(f);
    make_clear(f);
    return HFN(f);
}

/* Guests take from the top down, and so does this. */
bool pmm_clear_ahead(void)
{
    for (uint32_t n = 0; n < CLEAR_AHEAD_STEP; n++) {
        uint32_t f = BITMAP_NONE;

        if (pmm.nr_clear < CLEAR_AHEAD_FRAMES)
            f = bitmap_prev(&pmm.free, pmm.clear_end);
        if (f == BITMAP_NONE)
            return false;
        pmm.clear_end = f;
        if (bitmap_test(&pmm.clear, f))
            continue;
        clear_frame(f);
        bitmap_set(&pmm.clear, f);
        pmm.nr_clear++;
    }
    return true;
}

/* Frames of the direct map that are not set aside. */
static uint32_t spare_direct(void)
{
    return pmm.free_direct - pmm.aside_direct;
}

static hfn_t alloc_direct(void)
{
    uint32_t f;

    if (spare_direct() == 0)
        return HFN_NONE;
    f = bitmap_next(&pmm.free, LOW_FRAMES);
    return take(f < PMM_DIRECT_END ? f : bitmap_next(&pmm.free, 0));
}

/* One of those that are set aside, which are a number of frames and not these or
 * those: as long as nobody else takes the last ones, each finds one. */
static hfn_t alloc_guest(void)
{
    bool direct = pmm.aside_direct != 0;

    if (pmm_reserved_frames() == 0)
        return HFN_NONE;
    pmm_unreserve(1);
    return take(direct ? bitmap_prev(&pmm.free, PMM_DIRECT_END)
                       : bitmap_next(&pmm.free, PMM_DIRECT_END));
}

hfn_t pmm_alloc(enum pmm_zone zone)
{
    return zone == PMM_DIRECT ? alloc_direct() : alloc_guest();
}

void pmm_ref(hfn_t f)
{
    hv_assert(f.v < pmm.limit && pmm.refs[f.v] != 0);
    hv_assert(pmm.refs[f.v] < PMM_NOT_OURS - 1);
    pmm.refs[f.v]++;
}

void pmm_unref(hfn_t f)
{
    hv_assert(f.v < pmm.limit && pmm.refs[f.v] != 0);
    hv_assert(pmm.refs[f.v] != PMM_NOT_OURS);
    if (--pmm.refs[f.v] != 0)
        return;
    charge(~0u);
    bitmap_set(&pmm.free, f.v);
    count_free(f.v, 1);
    if (f.v < PMM_DIRECT_END && f.v >= pmm.clear_end)
        pmm.clear_end = f.v + 1;
}

uint32_t pmm_refcount(hfn_t f)
{
    if (f.v >= pmm.limit || pmm.refs[f.v] == PMM_NOT_OURS)
        return 0;
    return pmm.refs[f.v];
}

void *pmm_alloc_page(void)
{
    hfn_t f = pmm_alloc(PMM_DIRECT);

    return hfn_is_none(f) ? NULL : frame_ptr(f);
}

void pmm_free_page(void *page)
{
    pmm_unref(frame_of_ptr(page));
}

/* ---- frames that are set aside ---- */

/* Direct frames that guests may still have. */
static uint32_t guest_direct(void)
{
    if (hv_options.guestmem_high || spare_direct() < pmm.monitor_min)
        return 0;
    return spare_direct() - pmm.monitor_min;
}

bool pmm_reserve(uint32_t n)
{
    uint32_t direct = hv_min_u32(n, guest_direct());

    if (n > pmm_guest_frames())
        return false;
    pmm.aside_direct += direct;
    pmm.aside_high += n - direct;
    charge(n);
    return true;
}

/* Those of the direct map first: others can use them, too. */
void pmm_unreserve(uint32_t n)
{
    uint32_t direct = hv_min_u32(n, pmm.aside_direct);

    hv_assert(n <= pmm_reserved_frames());
    pmm.aside_direct -= direct;
    pmm.aside_high -= n - direct;
    charge(0u - n);
}

/* ---- contiguous frames ---- */

static uint32_t find_run(uint32_t from, uint32_t end, uint32_t n,
                         uint32_t align)
{
    uint32_t f = from, run;

    for (;;) {
        f = bitmap_next(&pmm.free, f);
        if (f >= end)
            return BITMAP_NONE;
        f = (f + align - 1) & ~(align - 1);
        if (f >= end || n > end - f)
            return BITMAP_NONE;
        run = bitmap_run(&pmm.free, f, n);
        if (run == n)
            return f;
        f += run + 1;
    }
}

static uint32_t find_contig(uint32_t n, uint32_t align, uint32_t end)
{
    uint32_t f = BITMAP_NONE;

    hv_assert(n != 0 && align != 0 && (align & (align - 1)) == 0);
    if (n > spare_direct())
        return BITMAP_NONE;
    if (end > LOW_FRAMES)
        f = find_run(LOW_FRAMES, end, n, align);
    return f == BITMAP_NONE ? find_run(0, end, n, align) : f;
}

hfn_t pmm_alloc_contig(uint32_t n, uint32_t align, uint32_t below_limit)
{
    uint32_t end = PMM_DIRECT_END, f;

    if (below_limit != 0)
        end = hv_min_u32(end, below_limit >> HV_PAGE_SHIFT);
    f = find_contig(n, align, end);
    if (f == BITMAP_NONE)
        return HFN_NONE;
    for (uint32_t i = 0; i < n; i++)
        (void)take(f + i);
    return HFN(f);
}

void pmm_free_contig(hfn_t f, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        pmm_unref(HFN(f.v + i));
}

/* Claiming takes some tens of instructions a frame, filling it more than a
 * thousand. */
#define FRAMES_A_STEP 16u

hfn_t pmm_alloc_table(uint32_t n)
{
    uint32_t f = find_contig(n, 1, PMM_DIRECT_END);

    if (f == BITMAP_NONE)
        return HFN_NONE;
    for (uint32_t i = 0; i < n; i++)
        claim(f + i);
    for (uint32_t i = 0; i < n; i++) {
        if (i % FRAMES_A_STEP == 0)
            arch_preempt_point();
        make_clear(f + i);
    }
    return HFN(f);
}

void pmm_free_table(hfn_t f, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (i % FRAMES_A_STEP == 0)
            arch_preempt_point();
        pmm_unref(HFN(f.v + i));
    }
}

/* ---- figures ---- */

uint32_t pmm_free_frames(void)
{
    return spare_direct() + pmm_free_high_frames();
}

uint32_t pmm_free_high_frames(void)
{
    return pmm.free_high - pmm.aside_high;
}

uint32_t pmm_guest_frames(void)
{
    return guest_direct() + pmm_free_high_frames();
}

uint32_t pmm_reserved_frames(void)
{
    return pmm.aside_direct + pmm.aside_high;
}

uint32_t pmm_total_frames(void)
{
    return pmm.total;
}

uint32_t pmm_frame_limit(void)
{
    return pmm.limit;
}

bool pmm_is_ram(hfn_t f)
{
    return f.v < pmm.limit && pmm.refs[f.v] != PMM_NOT_OURS;
}
