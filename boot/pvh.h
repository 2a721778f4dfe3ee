/* SPDX-License-Identifier: MIT */
/* Offsets in the start information of the PVH boot protocol (x86/HVM direct
 * boot ABI).  The memory map came with version 1. */
#pragma once

enum {
    PVH_MAGIC = 0,
    PVH_VERSION = 4,
    PVH_NR_MODULES = 12,
    PVH_MODLIST = 16,
    PVH_CMDLINE = 24,
    PVH_RSDP = 32,
    PVH_V0_BYTES = 40,
    PVH_MEMMAP = 40,
    PVH_MEMMAP_ENTRIES = 48,
    PVH_V1_BYTES = 56,

    PVH_MOD_ADDR = 0,
    PVH_MOD_SIZE = 8,
    PVH_MOD_CMDLINE = 16,
    PVH_MOD_BYTES = 32,

    PVH_MAP_BYTES = 24,
};

#define PVH_MAX_MAP_ENTRIES 2048u
