/* SPDX-License-Identifier: MIT */
/* The memory map: from what loaders say in any order and with any overlap to a sorted
 * one without. */
#include "boot.h"

#include "hv/string.h"

/* Which type wins where two entries overlap. */
static const uint8_t region_rank[] = {
    [BOOT_REGION_RAM] = 0, [BOOT_REGION_ACPI] = 1, [BOOT_REGION_NVS] = 2,
    [BOOT_REGION_RESERVED] = 3, [BOOT_REGION_BAD] = 4,
};

/* The map being rebuilt: appended to in order of address. */
struct region_list {
    struct boot_region *r;
    uint32_t n;
    bool full;
};

HV_INIT static void region_emit(struct region_list *l, uint64_t from,
                                uint64_t to, enum boot_region_type type)
{
    struct boot_region *last = l->n > 0 ? &l->r[l->n - 1] : NULL;

    if (from >= to)
        return;
    if (last && last->type == type && last->base + last->bytes == from) {
        last->bytes += to - from;
    } else if (l->n < BOOT_MAX_REGIONS) {
        l->r[l->n++] = (struct boot_region){from, to - from, type};
    } else {
        l->full = true; /* becomes a hole, which is never used as RAM */
    }
}

static struct boot_region region_scratch[BOOT_MAX_REGIONS] HV_INIT_BSS;

/* Inserts [from, to): walks the sorted old map once and writes the new one. */
HV_INIT static bool region_paint(struct boot_info *bi, uint64_t from,
                                 uint64_t to, enum boot_region_type type)
{
    struct region_list out = {region_scratch, 0, false};
    uint64_t at = from; /* up to here the new range is written */

    for (uint32_t i = 0; i < bi->nr_regions; i++) {
        struct boot_region o = bi->regions[i];
        uint64_t end = o.base + o.bytes;

        if (end <= from) {
            region_emit(&out, o.base, end, o.type);
            continue;
        }
        if (o.base < from) {
            region_emit(&out, o.base, from, o.type);
            o.base = from;
        }
        if (o.base >= to) {
            region_emit(&out, at, to, type);
            at = to;
            region_emit(&out, o.base, end, o.type);
            continue;
        }
        uint64_t both_end = end < to ? end : to;

        region_emit(&out, at, o.base, type);
        region_emit(&out, o.base, both_end,
                    region_rank[type] > region_rank[o.type] ? type : o.type);
        at = both_end;
        region_emit(&out, both_end, end, o.type);
    }
    region_emit(&out, at, to, type);
    memcpy(bi->regions, out.r, out.n * sizeof(out.r[0]));
    bi->nr_regions = out.n;
    return !out.full;
}

HV_INIT void boot_info_add_region(struct boot_info *bi, uint64_t base,
                                  uint64_t bytes, uint32_t type)
{
    uint64_t end = bytes <= UINT64_MAX - base ? base + bytes : UINT64_MAX;

    if (type < BOOT_REGION_RAM || type > BOOT_REGION_BAD)
        type = BOOT_REGION_RESERVED;
    if (base >= BOOT_RAM_END || bytes == 0)
        return;
    if (end > BOOT_RAM_END)
        end = BOOT_RAM_END;
    if (type == BOOT_REGION_RAM) {
        base = (base + HV_PAGE_MASK) & ~(uint64_t)HV_PAGE_MASK;
        end &= ~(uint64_t)HV_PAGE_MASK;
    } else {
        base &= ~(uint64_t)HV_PAGE_MASK;
        end = (end + HV_PAGE_MASK) & ~(uint64_t)HV_PAGE_MASK;
    }
    if (base >= end)
        return;
    /* A full map has lost pieces; RAM that came later could cover them. */
    if (bi->regions_full && type == BOOT_REGION_RAM)
        return;
    if (!region_paint(bi, base, end, (enum boot_region_type)type) &&
        !bi->regions_full) {
        bi->regions_full = true;
        boot_warn(bi, "memory map: more than %u pieces, the rest is not used",
                  BOOT_MAX_REGIONS);
    }
}

HV_INIT void boot_info_add_map_entry(struct boot_info *bi, const struct boot_map_entry *e)
{
    boot_info_add_region(bi, e->base, e->bytes, e->type);
}

HV_INIT void boot_info_finish_map(struct boot_info *bi)
{
    if (bi->nr_regions == 0) {
        boot_info_add_region(bi, 0, (uint64_t)hv_min_u32(bi->lower_kib, 640) << 10,
                             BOOT_REGION_RAM);
        boot_info_add_region(bi, HV_MIB(1), (uint64_t)bi->upper_kib << 10, BOOT_REGION_RAM);
    }
    if (bi->nr_regions == 0)
        boot_warn(bi, "the loader gave no memory map and no memory size");
}
