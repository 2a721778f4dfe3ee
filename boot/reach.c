/* SPDX-License-Identifier: MIT */
/* What the monitor will be able to reach: memory beyond the CPU's addresses is
 * taken off the map, and modules above the direct map are copied down while
 * paging is off, because afterwards nobody could read them.  Those below 1 MiB,
 * where a loader may put small ones, are copied up: firmware may write there. */
#include "boot.h"

#include "arch/cpu.h"
#include "hv/frame.h"
#include "hv/pmm.h"
#include "hv/string.h"

HV_INIT void boot_clip_memory(void)
{
    uint64_t limit = 1ull << cpu_features.phys_bits, lost = 0;
    uint32_t kept = 0;

    for (uint32_t i = 0; i < boot_info.nr_regions; i++) {
        struct boot_region r = boot_info.regions[i];
        uint64_t fits = r.base < limit ? limit - r.base : 0;

        if (r.bytes > fits) {
            if (r.type == BOOT_REGION_RAM)
                lost += r.bytes - fits;
            r.bytes = fits;
        }
        if (r.bytes > 0)
            boot_info.regions[kept++] = r;
    }
    boot_info.nr_regions = kept;
    if (lost > 0)
        log_warn("memory: %u MiB lie beyond the %u address bits of this CPU",
                 (uint32_t)(lost >> 20), cpu_features.phys_bits);
}

static HV_INIT bool is_out_of_place(const struct boot_module *m)
{
    return m->base < HV_LOW_END || (uint64_t)m->base + m->bytes > HV_DIRECT_END;
}

/* RAM between 3 and 4 GiB is where a loader finds such places. Only pages that
 * the module fills are given back: a neighbour may have the rest of a page. */
static HV_INIT bool move(struct boot_module *m)
{
    uint32_t was = m->base, off = was & HV_PAGE_MASK;
    uint32_t n = (uint32_t)(((uint64_t)off + m->bytes + HV_PAGE_MASK)
                            >> HV_PAGE_SHIFT);
    const void *from = boot_phys(was, m->bytes);
    hfn_t to = from ? pmm_alloc_contig(n, 1, 0) : HFN_NONE;

    if (hfn_is_none(to))
        return false;
    memcpy((uint8_t *)frame_ptr(to) + off, from, m->bytes);
    m->base = hpa_low(hfn_to_hpa(to)) + off;
    pmm_give_range(was, m->bytes);
    return true;
}

HV_INIT void boot_move_modules(void)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < boot_info.nr_modules; i++) {
        struct boot_module *m = &boot_info.modules[i];

        if (is_out_of_place(m) && !move(m)) {
            boot_complain(&boot_info, "module \"%.64s\" lies at 0x%x and there is no "
                          "room between 1 MiB and 3 GiB, not used", m->string, m->base);
            continue;
        }
        boot_info.modules[kept++] = *m;
    }
    boot_info.nr_modules = kept;
}
