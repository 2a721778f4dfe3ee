/* SPDX-License-Identifier: MIT */
/* The start information of the PVH boot protocol (x86/HVM direct boot ABI). */
#pragma once

#include "boot.h"

struct pvh_info {
    uint32_t magic, version, flags, nr_modules;
    uint64_t modules, cmdline, rsdp;
    uint64_t map; /* from here on since version 1 */
    uint32_t map_entries, reserved;
} HV_PACKED;

_Static_assert(offsetof(struct pvh_info, map) == 40, "start information");

struct pvh_module {
    uint64_t addr, bytes, cmdline, reserved;
} HV_PACKED;

struct pvh_map_entry {
    struct boot_map_entry range;
    uint32_t reserved;
} HV_PACKED;

#define PVH_MAX_MAP_ENTRIES 2048u
