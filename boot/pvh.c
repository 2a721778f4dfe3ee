/* SPDX-License-Identifier: MIT */
/* PVH start information: QEMU -kernel on an ELF with a PVH note only, Xen,
 * cloud monitors.  All pointers are 64-bit; what lies above 4 GiB cannot be
 * read before paging is on and is refused. */
#include "boot.h"
#include "pvh.h"

#include "hv/bytes.h"

HV_INIT static void parse_memmap(struct boot_info *bi, const uint8_t *info)
{
    uint32_t count = get32(info + PVH_MEMMAP_ENTRIES);
    uint64_t pa = get64(info + PVH_MEMMAP);
    const uint8_t *p;

    if (count > PVH_MAX_MAP_ENTRIES) {
        boot_warn(bi, "memory map: %u entries, the first %u are used", count,
                  PVH_MAX_MAP_ENTRIES);
        count = PVH_MAX_MAP_ENTRIES;
    }
    p = boot_phys(pa, count * PVH_MAP_BYTES);
    if (!p) {
        boot_warn(bi, "memory map: at 0x%llx, not readable",
                  (unsigned long long)pa);
        return;
    }
    for (uint32_t i = 0; i < count; i++, p += PVH_MAP_BYTES)
        boot_info_add_map_entry(bi, p);
}

HV_INIT static void parse_modules(struct boot_info *bi, const uint8_t *info)
{
    uint32_t n = get32(info + PVH_NR_MODULES);
    const uint8_t *p = boot_module_list(bi, get64(info + PVH_MODLIST), &n, PVH_MOD_BYTES);

    for (uint32_t i = 0; i < n; i++, p += PVH_MOD_BYTES)
        boot_info_add_module(bi, get64(p + PVH_MOD_ADDR), get64(p + PVH_MOD_SIZE),
                             (struct boot_string){.pa = get64(p + PVH_MOD_CMDLINE)});
}

HV_INIT void pvh_parse(struct boot_info *bi, uint32_t info_pa)
{
    const uint8_t *info = boot_phys(info_pa, PVH_V0_BYTES);

    bi->loader = BOOT_PVH;
    if (!info || get32(info + PVH_MAGIC) != BOOT_MAGIC_PVH) {
        boot_complain(bi, "PVH start information at 0x%x is not readable",
                      info_pa);
        return;
    }
    bi->rsdp = get64(info + PVH_RSDP);
    boot_info_set_cmdline(bi, (struct boot_string){
        .pa = get64(info + PVH_CMDLINE)});
    if (get32(info + PVH_VERSION) >= 1 && boot_phys(info_pa, PVH_V1_BYTES))
        parse_memmap(bi, info);
    parse_modules(bi, info);
}
