/* SPDX-License-Identifier: MIT */
/* The frame allocator's set-up: tables for all frames that the memory map names, with
 * the monitor's image, the modules and the tables themselves taken out. Below
 * HV_LOW_END nothing is handed out at all. */
#include "hv/pmm.h"

#include "pmm_int.h"

#include "hv/arch_if.h"
#include "hv/boot_info.h"
#include "hv/config.h"
#include "hv/frame.h"
#include "hv/log.h"
#include "hv/panic.h"
#include "hv/range.h"
#include "hv/string.h"

/* struct gpage keeps a frame number in 24 bits. */
#define FRAME_LIMIT HV_BIT(24)
#define FIRST_FRAME (HV_LOW_END >> HV_PAGE_SHIFT)

/* What guests may not take of the direct map: page tables and DMA buffers
 * have to come from there. A 32nd of it, 2 MiB at least, 64 MiB at most. */
#define MONITOR_MIN_FRAMES 512u
#define MONITOR_MAX_FRAMES 16384u

void pmm_give_range(uint64_t base, uint64_t bytes)
{
    uint64_t first = (base + HV_PAGE_MASK) >> HV_PAGE_SHIFT;
    uint64_t end = (base + bytes) >> HV_PAGE_SHIFT;

    for (uint64_t f = first; f < end && f < pmm.limit; f++) {
        uint32_t i = (uint32_t)f;

        if (i < FIRST_FRAME || pmm.refs[i] != PMM_NOT_OURS)
            continue;
        pmm.refs[i] = 0;
        bitmap_set(&pmm.free, i);
        count_free(i, 1);
    }
}

/* Frames [first, end), whose counts are not set yet, become free. */
static HV_INIT void give_fresh(uint32_t first, uint32_t end)
{
    uint32_t direct_end = hv_min_u32(end, PMM_DIRECT_END);
    uint32_t above = hv_max_u32(first, PMM_DIRECT_END);

    memset(&pmm.refs[first], 0, (end - first) * 2);
    if (first < direct_end)
        count_free(first, direct_end - first);
    if (above < end)
        count_free(above, end - above);
    bitmap_set_range(&pmm.free, first, end);
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

        if (pmm.refs[i] == PMM_NOT_OURS)
            continue;
        pmm.refs[i] = PMM_NOT_OURS;
        bitmap_clear(&pmm.free, i);
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
        if (end > PMM_DIRECT_BYTES)
            end = PMM_DIRECT_BYTES;
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
    uint64_t base;
    uint32_t map = bitmap_bytes(pmm.limit), bytes = 2 * map + pmm.limit * 2;
    uint8_t *at;

    base = place_tables(bytes);
    at = frame_ptr(HFN((uint32_t)(base >> HV_PAGE_SHIFT)));
    memset(at, 0, 2 * map);
    bitmap_init(&pmm.free, at, pmm.limit);
    bitmap_init(&pmm.clear, at + map, pmm.limit);
    pmm.refs = (uint16_t *)(void *)(at + 2 * map);
    pmm.clear_end = hv_min_u32(pmm.limit, PMM_DIRECT_END);
    give_ram();
    keep_range(base, bytes);
}

HV_INIT void pmm_init(void)
{
    uint64_t base, bytes;

    memset(&pmm, 0, sizeof(pmm));
    find_limit();
    build_tables();
    arch_image_range(&base, &bytes);
    keep_range(base, bytes);
    for (uint32_t i = 0; i < boot_info.nr_modules; i++)
        keep_range(boot_info.modules[i].base, boot_info.modules[i].bytes);
    pmm.monitor_min = hv_max_u32(MONITOR_MIN_FRAMES,
                                 hv_min_u32(pmm.free_direct >> HV_CFG_RESERVE_SHIFT,
                                            MONITOR_MAX_FRAMES));
}
