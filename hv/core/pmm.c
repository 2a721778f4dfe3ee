/* SPDX-License-Identifier: MIT */
/* The frame allocator.  Every frame below the limit has a 16-bit reference
 * count; free frames are bits in a three-level bitmap, so that finding one
 * takes a few steps however large the machine is.  Frames leave zero-filled.
 *
 * Monitor frames are taken from 16 MiB up, so that low memory stays for what
 * needs it (DMA), guest frames from the top of the direct map down, then from
 * above it. Below HV_LOW_END nothing is handed out at all. */
#include "hv/pmm.h"

#include "hv/arch_if.h"
#include "hv/assert.h"
#include "hv/boot_info.h"
#include "hv/cmdline.h"
#include "hv/config.h"
#include "hv/frame.h"
#include "hv/log.h"
#include "hv/panic.h"
#include "hv/range.h"
#include "hv/string.h"

#define NOT_OURS 0xffffu /* no RAM, or the monitor's image, or a module */
#define NONE 0xffffffffu

#define HV_DIRECT_BYTES 0xc0000000u
#define DIRECT_LIMIT (HV_DIRECT_BYTES >> HV_PAGE_SHIFT)
/* struct gpage keeps a frame number in 24 bits. */
#define FRAME_LIMIT HV_BIT(24)
#define FIRST_FRAME (HV_LOW_END >> HV_PAGE_SHIFT)
#define LOW_FRAMES (HV_MIB(16) >> HV_PAGE_SHIFT)

/* What guests may not take of the direct map: page tables and DMA buffers
 * have to come from there. A 32nd of it, 2 MiB at least, 64 MiB at most. */
#define MONITOR_MIN_FRAMES 512u
#define MONITOR_MAX_FRAMES 16384u

#define LEVELS 3u

static struct {
    uint16_t *refs;
    uint32_t *bits[LEVELS]; /* [0]: a bit per free frame; [n]: a bit per word
                               of [n - 1] that is not zero */
    uint32_t words[LEVELS];
    uint32_t limit; /* frames 0..limit-1 have a count */
    uint32_t total, free_direct, free_high, monitor_min;
    uint32_t aside_direct, aside_high; /* of the free ones: see pmm_reserve() */
    uint32_t meta_first, meta_frames;
} pmm;

/* ---- the bitmap ---- */

static void bit_set(uint32_t i)
{
    for (uint32_t l = 0; l < LEVELS; l++, i >>= 5)
        pmm.bits[l][i >> 5] |= HV_BIT(i & 31);
}

static void bit_clear(uint32_t i)
{
    for (uint32_t l = 0; l < LEVELS; l++, i >>= 5) {
        pmm.bits[l][i >> 5] &= ~HV_BIT(i & 31);
        if (pmm.bits[l][i >> 5] != 0)
            return;
    }
}

static bool bit_test(uint32_t i)
{
    return (pmm.bits[0][i >> 5] & HV_BIT(i & 31)) != 0;
}

static uint32_t lowest(uint32_t w)
{
    return (uint32_t)__builtin_ctz(w);
}

static uint32_t highest(uint32_t w)
{
    return 31u - (uint32_t)__builtin_clz(w);
}

/* The first free frame at or above from, or NONE. */
static uint32_t free_above(uint32_t from)
{
    uint32_t l = 0, i = from, w;

    for (;;) {
        if ((i >> 5) >= pmm.words[l])
            return NONE;
        w = pmm.bits[l][i >> 5] & (~0u << (i & 31));
        if (w)
            break;
        if (l + 1 < LEVELS) {
            i = (i >> 5) + 1;
            l++;
        } else {
            i = (i | 31) + 1;
        }
    }
    i = (i & ~31u) + lowest(w);
    while (l > 0) {
        l--;
        i = i * 32 + lowest(pmm.bits[l][i]);
    }
    return i;
}

/* The last free frame below end, or NONE. */
static uint32_t free_below(uint32_t end)
{
    uint32_t l = 0, i = hv_min_u32(end, pmm.words[0] * 32), w;

    for (;;) {
        if (i == 0)
            return NONE;
        i--; /* the highest index that may be taken */
        w = pmm.bits[l][i >> 5] & (~0u >> (31 - (i & 31)));
        if (w)
            break;
        i >>= 5;
        if (l + 1 < LEVELS)
            l++; /* words below i, as bits of the next level */
        else
            i *= 32;
    }
    i = (i & ~31u) + highest(w);
    while (l > 0) {
        l--;
        i = i * 32 + highest(pmm.bits[l][i]);
    }
    return i;
}

/* ---- single frames ---- */

static void count_free(uint32_t f, uint32_t n)
{
    if (f < DIRECT_LIMIT)
        pmm.free_direct += n;
    else
        pmm.free_high += n;
}

static void claim(uint32_t f)
{
    hv_assert_slow(pmm.refs[f] == 0);
    bit_clear(f);
    count_free(f, ~0u);
    pmm.refs[f] = 1;
}

static hfn_t take(uint32_t f)
{
    claim(f);
    memset(frame_ptr(HFN(f)), 0, HV_PAGE_SIZE);
    return HFN(f);
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
    f = free_above(LOW_FRAMES);
    return take(f < DIRECT_LIMIT ? f : free_above(0));
}

/* One of those that are set aside, which are a number of frames and not these or
 * those: as long as nobody else takes the last ones, each finds one. */
static hfn_t alloc_guest(void)
{
    if (pmm.aside_direct != 0) {
        pmm.aside_direct--;
        return take(free_below(DIRECT_LIMIT));
    }
    if (pmm.aside_high == 0)
        return HFN_NONE;
    pmm.aside_high--;
    return take(free_above(DIRECT_LIMIT));
}

hfn_t pmm_alloc(enum pmm_zone zone)
{
    return zone == PMM_DIRECT ? alloc_direct() : alloc_guest();
}

void pmm_ref(hfn_t f)
{
    hv_assert(f.v < pmm.limit && pmm.refs[f.v] != 0);
    hv_assert(pmm.refs[f.v] < NOT_OURS - 1);
    pmm.refs[f.v]++;
}

void pmm_unref(hfn_t f)
{
    hv_assert(f.v < pmm.limit && pmm.refs[f.v] != 0);
    hv_assert(pmm.refs[f.v] != NOT_OURS);
    if (--pmm.refs[f.v] != 0)
        return;
    bit_set(f.v);
    count_free(f.v, 1);
}

uint32_t pmm_refcount(hfn_t f)
{
    if (f.v >= pmm.limit || pmm.refs[f.v] == NOT_OURS)
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
    return true;
}

/* Those of the direct map first: others can use them, too. */
void pmm_unreserve(uint32_t n)
{
    uint32_t direct = hv_min_u32(n, pmm.aside_direct);

    hv_assert(n <= pmm_reserved_frames());
    pmm.aside_direct -= direct;
    pmm.aside_high -= n - direct;
}

/* ---- contiguous frames ---- */

/* Free frames from f on, at most n. */
static uint32_t run_length(uint32_t f, uint32_t n)
{
    uint32_t i = 0;

    while (i < n && f + i < pmm.limit) {
        if (((f + i) & 31) == 0 && n - i >= 32
            && pmm.bits[0][(f + i) >> 5] == ~0u) {
            i += 32;
            continue;
        }
        if (!bit_test(f + i))
            break;
        i++;
    }
    return i;
}

static uint32_t find_run(uint32_t from, uint32_t end, uint32_t n,
                         uint32_t align)
{
    uint32_t f = from, run;

    for (;;) {
        f = free_above(f);
        if (f >= end)
            return NONE;
        f = (f + align - 1) & ~(align - 1);
        if (f >= end || n > end - f)
            return NONE;
        run = run_length(f, n);
        if (run == n)
            return f;
        f += run + 1;
    }
}

static uint32_t find_contig(uint32_t n, uint32_t align, uint32_t end)
{
    uint32_t f = NONE;

    hv_assert(n != 0 && align != 0 && (align & (align - 1)) == 0);
    if (n > spare_direct())
        return NONE;
    if (end > LOW_FRAMES)
        f = find_run(LOW_FRAMES, end, n, align);
    return f == NONE ? find_run(0, end, n, align) : f;
}

hfn_t pmm_alloc_contig(uint32_t n, uint32_t align, uint32_t below_limit)
{
    uint32_t end = DIRECT_LIMIT, f;

    if (below_limit != 0)
        end = hv_min_u32(end, below_limit >> HV_PAGE_SHIFT);
    f = find_contig(n, align, end);
    if (f == NONE)
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
    uint32_t f = find_contig(n, 1, DIRECT_LIMIT);

    if (f == NONE)
        return HFN_NONE;
    for (uint32_t i = 0; i < n; i++)
        claim(f + i);
    for (uint32_t i = 0; i < n; i++) {
        if (i % FRAMES_A_STEP == 0)
            arch_preempt_point();
        memset(frame_ptr(HFN(f + i)), 0, HV_PAGE_SIZE);
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
    return f.v < pmm.limit && pmm.refs[f.v] != NOT_OURS;
}

/* ---- boot ---- */

void pmm_give_range(uint64_t base, uint64_t bytes)
{
    uint64_t first = (base + HV_PAGE_MASK) >> HV_PAGE_SHIFT;
    uint64_t end = (base + bytes) >> HV_PAGE_SHIFT;

    for (uint64_t f = first; f < end && f < pmm.limit; f++) {
        uint32_t i = (uint32_t)f;

        if (i < FIRST_FRAME || pmm.refs[i] != NOT_OURS)
            continue;
        pmm.refs[i] = 0;
        bit_set(i);
        count_free(i, 1);
    }
}

/* Bits [first, end) of a level; whole words at once. */
static HV_INIT void set_bits(uint32_t *bits, uint32_t first, uint32_t end)
{
    for (; first < end && (first & 31) != 0; first++)
        bits[first >> 5] |= HV_BIT(first & 31);
    memset(&bits[first >> 5], 0xff, first < end ? (end - first) / 32 * 4 : 0);
    for (first = hv_max_u32(first, end & ~31u); first < end; first++)
        bits[first >> 5] |= HV_BIT(first & 31);
}

/* Frames [first, end), whose counts are not set yet, become free. */
static HV_INIT void give_fresh(uint32_t first, uint32_t end)
{
    uint32_t direct_end = hv_min_u32(end, DIRECT_LIMIT), above = hv_max_u32(first, DIRECT_LIMIT);

    memset(&pmm.refs[first], 0, (end - first) * 2);
    if (first < direct_end)
        count_free(first, direct_end - first);
    if (above < end)
        count_free(above, end - above);
    for (uint32_t l = 0; l < LEVELS; l++) {
        set_bits(pmm.bits[l], first, end);
        first >>= 5;
        end = (end + 31) >> 5;
    }
}

/* Sets all counts: the map is sorted and without overlap, so each is written
 * once. A machine may have millions of frames. */
static HV_INIT void give_ram(void)
{
    uint32_t at = 0;

    for (uint32_t i = 0; i < boot_info.nr_regions; i++) {
        const struct boot_region *r = &boot_info.regions[i];
        uint64_t first = r->base >> HV_PAGE_SHIFT;
        uint64_t end = (r->base + r->bytes) >> HV_PAGE_SHIFT;

        if (first < FIRST_FRAME)
            first = FIRST_FRAME;
        if (end > pmm.limit)
            end = pmm.limit;
        if (r->type != BOOT_REGION_RAM || first >= end)
            continue;
        memset(&pmm.refs[at], 0xff, ((uint32_t)first - at) * 2);
        give_fresh((uint32_t)first, (uint32_t)end);
        at = (uint32_t)end;
    }
    memset(&pmm.refs[at], 0xff, (pmm.limit - at) * 2);
}

/* Every frame that [base, base + bytes) touches is not to be handed out. */
static HV_INIT void keep_range(uint64_t base, uint64_t bytes)
{
    uint64_t f = base >> HV_PAGE_SHIFT;
    uint64_t end = (base + bytes + HV_PAGE_MASK) >> HV_PAGE_SHIFT;

    for (; f < end && f < pmm.limit; f++) {
        uint32_t i = (uint32_t)f;

        if (pmm.refs[i] == NOT_OURS)
            continue;
        pmm.refs[i] = NOT_OURS;
        bit_clear(i);
        count_free(i, ~0u);
    }
}

/* The end of the first kept range that [base, base + bytes) runs into, or 0. */
static HV_INIT uint64_t conflict_end(uint64_t base, uint64_t bytes)
{
    uint64_t at, len;

    arch_image_range(&at, &len);
    if (range_overlaps64(base, bytes, at, len))
        return at + len;
    for (uint32_t i = 0; i < boot_info.nr_modules; i++) {
        at = boot_info.modules[i].base;
        len = boot_info.modules[i].bytes;
        if (range_overlaps64(base, bytes, at, len))
            return at + len;
    }
    return 0;
}

/* Room in RAM of the direct map for the tables of this file. */
static HV_INIT uint64_t place_tables(uint64_t bytes)
{
    for (uint32_t i = 0; i < boot_info.nr_regions; i++) {
        const struct boot_region *r = &boot_info.regions[i];
        uint64_t at = r->base < HV_LOW_END ? HV_LOW_END : r->base;
        uint64_t end = r->base + r->bytes, next;

        if (r->type != BOOT_REGION_RAM)
            continue;
        if (end > HV_DIRECT_BYTES)
            end = HV_DIRECT_BYTES;
        while (at < end && bytes <= end - at) {
            next = conflict_end(at, bytes);
            if (next == 0)
                return at;
            at = (next + HV_PAGE_MASK) & ~(uint64_t)HV_PAGE_MASK;
        }
    }
    hv_panic("no room for the frame tables (%u KiB)", (uint32_t)(bytes >> 10));
}

static HV_INIT void find_limit(void)
{
    uint64_t top = 0, frames = 0;

    for (uint32_t i = 0; i < boot_info.nr_regions; i++) {
        const struct boot_region *r = &boot_info.regions[i];
        uint64_t end = r->base + r->bytes;

        if (r->type != BOOT_REGION_RAM)
            continue;
        if (end > (uint64_t)FRAME_LIMIT << HV_PAGE_SHIFT) {
            log_warn("memory above 64 GiB is not used");
            end = (uint64_t)FRAME_LIMIT << HV_PAGE_SHIFT;
            if (r->base >= end)
                continue;
        }
        frames += (end - r->base) >> HV_PAGE_SHIFT;
        top = end > top ? end : top;
    }
    pmm.limit = (uint32_t)(top >> HV_PAGE_SHIFT);
    pmm.total = (uint32_t)frames;
}

static HV_INIT void build_tables(void)
{
    uint32_t n = pmm.limit, bytes = (n * 2 + 3) & ~3u;
    uint8_t *at;

    for (uint32_t l = 0; l < LEVELS; l++) {
        n = (n + 31) >> 5;
        pmm.words[l] = n;
        bytes += n * 4;
    }
    bytes = (bytes + HV_PAGE_MASK) & ~HV_PAGE_MASK;
    pmm.meta_first = (uint32_t)(place_tables(bytes) >> HV_PAGE_SHIFT);
    pmm.meta_frames = bytes >> HV_PAGE_SHIFT;
    at = frame_ptr(HFN(pmm.meta_first));
    pmm.refs = (uint16_t *)(void *)at;
    bytes -= (pmm.limit * 2 + 3) & ~3u;
    at += (pmm.limit * 2 + 3) & ~3u;
    memset(at, 0, bytes);
    for (uint32_t l = 0; l < LEVELS; l++) {
        pmm.bits[l] = (uint32_t *)(void *)at;
        at += pmm.words[l] * 4;
    }
}

HV_INIT void pmm_init(void)
{
    uint64_t base, bytes;

    memset(&pmm, 0, sizeof(pmm));
    find_limit();
    build_tables();
    give_ram();
    keep_range((uint64_t)pmm.meta_first << HV_PAGE_SHIFT,
               (uint64_t)pmm.meta_frames << HV_PAGE_SHIFT);
    arch_image_range(&base, &bytes);
    keep_range(base, bytes);
    for (uint32_t i = 0; i < boot_info.nr_modules; i++)
        keep_range(boot_info.modules[i].base, boot_info.modules[i].bytes);
    pmm.monitor_min = hv_max_u32(MONITOR_MIN_FRAMES,
                                 hv_min_u32(pmm.free_direct >> HV_CFG_RESERVE_SHIFT,
                                            MONITOR_MAX_FRAMES));
}
