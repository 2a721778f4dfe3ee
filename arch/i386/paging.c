/* SPDX-License-Identifier: MIT */
/* The monitor's page tables (SDM 3A 4.4, PAE).  RAM below HV_DIRECT_END is
 * mapped where it lies; of the image each section has its own permission;
 * nothing is writable and executable, global, or open to ring 3; page 0 and
 * whatever is not RAM is not mapped at all. */
#include "arch/paging.h"

#include "arch/asm_entry.h"
#include "arch/cpu.h"
#include "arch/layout.h"
#include "arch/pte.h"
#include "hv/arch_if.h"
#include "hv/assert.h"
#include "hv/boot_info.h"
#include "hv/config.h"
#include "hv/frame.h"
#include "hv/panic.h"
#include "hv/pmm.h"
#include "hv/range.h"

#define MAX_ROOTS (uint32_t)HV_CFG_MAX_CPUS
#define DIRECT_DIRS 3u /* 1 GiB each */

static struct {
    uint64_t *direct_pd[DIRECT_DIRS];
    uint64_t *top_pd[MAX_ROOTS]; /* one a CPU: 0xc0000000 to the end */
    uint32_t nr_roots;
    uint32_t device_next; /* first free address of the device area */
} maps = {.device_next = LAYOUT_DEVICE_BASE};

static hpa_t table_pa(const uint64_t *table)
{
    return hfn_to_hpa(frame_of_ptr(table));
}

static uint64_t *table_of(uint64_t entry)
{
    return frame_ptr(hpa_to_hfn(pte_frame(entry)));
}

static uint64_t *new_table(void)
{
    uint64_t *t = pmm_alloc_page();

    if (t == NULL)
        hv_panic("no memory for the monitor's page tables");
    return t;
}

/* The table for va below pd, made if it is not there. */
static uint64_t *table_at(uint64_t *pd, uint32_t va)
{
    uint64_t *slot = &pd[pd_index(va)];

    if (!pte_present(*slot))
        pte_write(slot, pde_make(table_pa(new_table())));
    hv_assert(!(*slot & PTE_PS));
    return table_of(*slot);
}

static void map_page(uint64_t *pd, uint32_t va, hpa_t pa, uint64_t flags)
{
    pte_write(&table_at(pd, va)[pt_index(va)], pte_make(pa, flags));
}

static void map_identity(uint32_t base, uint32_t end, uint64_t flags)
{
    for (uint32_t at = base; at < end; at += HV_PAGE_SIZE)
        map_page(maps.direct_pd[pdpt_index(at)], at, HPA(at), flags);
}

/* ---- the direct map ---- */

static uint32_t addr(const void *symbol)
{
    return (uint32_t)(uintptr_t)symbol;
}

static HV_INIT bool region_has(uint64_t base, uint64_t bytes)
{
    for (uint32_t i = 0; i < boot_info.nr_regions; i++) {
        const struct boot_region *r = &boot_info.regions[i];

        if (r->type == BOOT_REGION_RAM && base >= r->base
            && base + bytes <= r->base + r->bytes)
            return true;
    }
    return false;
}

static HV_INIT bool region_touches(uint64_t base, uint64_t bytes)
{
    for (uint32_t i = 0; i < boot_info.nr_regions; i++) {
        const struct boot_region *r = &boot_info.regions[i];

        if (r->type == BOOT_REGION_RAM
            && range_overlaps64(base, bytes, r->base, r->bytes))
            return true;
    }
    return false;
}

/* One 2 MiB piece: a large page if it is RAM throughout and no page of it is
 * special, else whatever pages of it are RAM. */
static HV_INIT void map_piece(uint32_t base)
{
    bool special = base == 0
        || (base < addr(hv_image_end) && base + PDE_LARGE_BYTES > addr(hv_image_start));
    uint64_t *pd = maps.direct_pd[pdpt_index(base)];

    if (!special && region_has(base, PDE_LARGE_BYTES)) {
        pte_write(&pd[pd_index(base)],
                  pte_make(HPA(base), PTE_KERNEL_RW | PTE_PS));
        return;
    }
    if (!region_touches(base, PDE_LARGE_BYTES))
        return;
    for (uint32_t i = 0; i < PT_ENTRIES; i++) {
        uint32_t at = base + i * HV_PAGE_SIZE;

        if (at != 0 && region_has(at, HV_PAGE_SIZE))
            map_page(pd, at, HPA(at), PTE_KERNEL_RW);
    }
}

static HV_INIT void map_image(void)
{
    map_identity(addr(hv_text_start), addr(hv_text_end), PTE_KERNEL_RX);
    map_identity(addr(hv_rodata_start), addr(hv_rodata_end), PTE_KERNEL_RO);
    map_identity(addr(hv_data_start), addr(hv_bss_end), PTE_KERNEL_RW);
    map_identity(addr(hv_init_start), addr(hv_init_text_end), PTE_KERNEL_RX);
    map_identity(addr(hv_init_text_end), addr(hv_init_end), PTE_KERNEL_RW);
    map_identity(addr(hv_tail_start), addr(hv_tail_end), PTE_KERNEL_RO);
}

/* Modules are read, and disks written, where the loader put them; a loader may
 * have used memory that its own map calls reserved. */
static HV_INIT void map_modules(void)
{
    for (uint32_t i = 0; i < boot_info.nr_modules; i++) {
        uint32_t at = boot_info.modules[i].base & ~HV_PAGE_MASK;
        uint32_t last = boot_info.modules[i].base + boot_info.modules[i].bytes - 1;

        for (; at <= last && at < HV_DIRECT_END; at += HV_PAGE_SIZE) {
            if (at != 0 && !region_has(at, HV_PAGE_SIZE))
                map_identity(at, at + HV_PAGE_SIZE, PTE_KERNEL_RW);
        }
    }
}

HV_INIT void paging_init(void)
{
    for (uint32_t i = 0; i < DIRECT_DIRS; i++)
        maps.direct_pd[i] = new_table();
    for (uint32_t base = 0; base < HV_DIRECT_END; base += PDE_LARGE_BYTES)
        map_piece(base);
    map_image();
    map_modules();
}

/* ---- roots ---- */

hpa_t paging_new_root(uint64_t **top_pd)
{
    uint64_t *pdpt = new_table();

    hv_assert(maps.nr_roots < MAX_ROOTS);
    for (uint32_t i = 0; i < DIRECT_DIRS; i++)
        pdpt[i] = pdpte_make(table_pa(maps.direct_pd[i]));
    *top_pd = new_table();
    pdpt[DIRECT_DIRS] = pdpte_make(table_pa(*top_pd));
    for (uint32_t i = 0; maps.nr_roots > 0 && i < pd_index(LAYOUT_DEVICE_END); i++)
        (*top_pd)[i] = maps.top_pd[0][i];
    maps.top_pd[maps.nr_roots++] = *top_pd;
    return table_pa(pdpt);
}

void paging_enable(hpa_t root)
{
    cpu_setup();
    cpu_write_cr3((uint32_t)root.v);
    cpu_write_cr0(cpu_golden_cr0());
}

/* ---- devices and firmware ---- */

static void *map_bumped(hpa_t pa, uint32_t bytes, uint64_t flags)
{
    uint32_t off = (uint32_t)pa.v & HV_PAGE_MASK, va = maps.device_next, pages;

    if (bytes == 0 || bytes > LAYOUT_DEVICE_END - LAYOUT_DEVICE_BASE
        || !range_fits64(pa.v, bytes, 1ull << cpu_features.phys_bits))
        return NULL;
    pages = (off + bytes + HV_PAGE_MASK) >> HV_PAGE_SHIFT;
    if (pages > (LAYOUT_DEVICE_END - va) >> HV_PAGE_SHIFT)
        return NULL;
    for (uint32_t i = 0; i < pages; i++) {
        uint32_t at = va + i * HV_PAGE_SIZE;

        map_page(maps.top_pd[0], at, HPA(pa.v - off + i * HV_PAGE_SIZE), flags);
        for (uint32_t r = 1; r < maps.nr_roots; r++)
            maps.top_pd[r][pd_index(at)] = maps.top_pd[0][pd_index(at)];
    }
    /* A page stays free behind each, so that an overrun faults. */
    maps.device_next = va + (pages + 1) * HV_PAGE_SIZE;
    return (void *)(uintptr_t)(va + off);
}

void *arch_map_device(hpa_t pa, uint32_t bytes)
{
    return map_bumped(pa, bytes, PTE_DEVICE);
}

HV_INIT void *paging_map_framebuffer(hpa_t pa, uint32_t bytes)
{
    return map_bumped(pa, bytes, cpu_features.pat ? PTE_COMBINING : PTE_DEVICE);
}

const void *arch_map_firmware(hpa_t pa, uint32_t bytes)
{
    uint32_t at, last;

    if (bytes == 0 || !range_fits64(pa.v, bytes, 1ull << cpu_features.phys_bits))
        return NULL;
    if (pa.v + bytes > HV_DIRECT_END || pa.v < HV_PAGE_SIZE)
        return map_bumped(pa, bytes, PTE_KERNEL_RO);
    last = (uint32_t)pa.v + bytes - 1;
    for (at = (uint32_t)pa.v & ~HV_PAGE_MASK; at <= last; at += HV_PAGE_SIZE) {
        uint32_t size;

        if (paging_lookup(HPA(cpu_read_cr3()), at, &size) == 0)
            map_identity(at, at + HV_PAGE_SIZE, PTE_KERNEL_RO);
    }
    return (const void *)(uintptr_t)pa.v;
}

void arch_image_range(uint64_t *base, uint64_t *bytes)
{
    *base = addr(hv_image_start);
    *bytes = addr(hv_image_end) - addr(hv_image_start);
}

/* ---- the end of boot ---- */

static void protect(uint32_t base, uint32_t end, uint64_t flags)
{
    map_identity(base, end, flags);
    for (uint32_t at = base; at < end; at += HV_PAGE_SIZE)
        cpu_invlpg(at);
}

void hv_init_free(void)
{
    protect(addr(hv_ro_after_init_start), addr(hv_ro_after_init_end),
            PTE_KERNEL_RO);
    protect(addr(hv_init_start), addr(hv_init_end), PTE_KERNEL_RW);
    pmm_give_range(addr(hv_init_start),
                   addr(hv_init_end) - addr(hv_init_start));
}
