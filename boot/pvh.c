/* SPDX-License-Identifier: MIT */
/* PVH start information: QEMU -kernel on an ELF with a PVH note only, Xen,
 * cloud monitors.  All pointers are 64-bit; what lies above 4 GiB cannot be
 * read before paging is on and is refused. */
#include "pvh.h"

HV_INIT static void parse_map(struct boot_info *bi, const struct pvh_info *info)
{
    uint32_t count = info->map_entries;
    const struct pvh_map_entry *e;

    if (count > PVH_MAX_MAP_ENTRIES) {
        boot_warn(bi, "memory map: %u entries, the first %u are used", count,
                  PVH_MAX_MAP_ENTRIES);
        count = PVH_MAX_MAP_ENTRIES;
    }
    e = boot_phys(info->map, count * (uint32_t)sizeof(*e));
    if (!e) {
        boot_warn(bi, "memory map: at 0x%llx, not readable", (unsigned long long)info->map);
        return;
    }
    for (; count > 0; count--, e++)
        boot_info_add_map_entry(bi, &e->range);
}

HV_INIT static void parse_modules(struct boot_info *bi, const struct pvh_info *info)
{
    uint32_t n = info->nr_modules;
    const struct pvh_module *m = boot_module_list(bi, info->modules, &n, sizeof(*m));

    for (; n > 0; n--, m++)
        boot_info_add_module(bi, m->addr, m->bytes, (struct boot_string){.pa = m->cmdline});
}

HV_INIT void pvh_parse(struct boot_info *bi, uint32_t info_pa)
{
    const struct pvh_info *info = boot_phys(info_pa, offsetof(struct pvh_info, map));

    bi->loader = BOOT_PVH;
    if (!info || info->magic != BOOT_MAGIC_PVH) {
        boot_complain(bi, "PVH start information at 0x%x is not readable",
                      info_pa);
        return;
    }
    bi->rsdp = info->rsdp;
    boot_info_set_cmdline(bi, (struct boot_string){.pa = info->cmdline});
    if (info->version >= 1 && boot_phys(info_pa, sizeof(*info)))
        parse_map(bi, info);
    parse_modules(bi, info);
}
