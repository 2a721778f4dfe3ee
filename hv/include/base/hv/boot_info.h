/* SPDX-License-Identifier: MIT */
/* What the loader told us, copied and checked.  Whatever the loader was
 * (multiboot 1 or 2, PVH, our own UEFI loader), later code sees only this, and
 * nobody looks at loader memory again, module contents excepted. */
#pragma once

#include "hv/addr.h"

#define BOOT_MAX_MODULES 64
#define BOOT_MAX_REGIONS 128
#define BOOT_CMDLINE_BYTES 2048
#define BOOT_MODSTR_BYTES 2304 /* a guest's command line fits */

enum boot_loader { BOOT_MULTIBOOT1, BOOT_MULTIBOOT2, BOOT_PVH, BOOT_EFI };

enum boot_region_type {
    BOOT_REGION_RAM = 1,
    BOOT_REGION_RESERVED = 2,
    BOOT_REGION_ACPI = 3,
    BOOT_REGION_NVS = 4,
    BOOT_REGION_BAD = 5,
};

/* Sorted by base, without overlap, page-aligned (RAM rounded inwards). */
struct boot_region {
    uint64_t base;
    uint64_t bytes;
    enum boot_region_type type;
};

struct boot_module {
    uint32_t base;  /* host-physical, below 4 GiB, page 0 excluded */
    uint32_t bytes; /* not 0 */
    const char *string; /* into boot_info.strings, NUL-terminated */
};

struct boot_framebuffer {
    uint64_t base; /* 0: none */
    uint32_t pitch_bytes, width, height;
    uint8_t bpp;
    uint8_t red_pos, red_bits, green_pos, green_bits, blue_pos, blue_bits;
};

struct boot_info {
    enum boot_loader loader;
    char cmdline[BOOT_CMDLINE_BYTES];
    uint32_t nr_regions;
    struct boot_region regions[BOOT_MAX_REGIONS];
    uint32_t lower_kib, upper_kib; /* below and from 1 MiB on, where there is no map */
    uint32_t nr_modules;
    struct boot_module modules[BOOT_MAX_MODULES];
    char strings[16384];
    uint32_t strings_used;
    uint64_t rsdp; /* host-physical, 0: unknown */
    bool has_acpi_copy; /* acpi_rsdp holds the multiboot2 tag's copy */
    uint8_t acpi_rsdp[36];
    uint64_t efi_system_table; /* host-physical, 0: not started by EFI */
    bool efi_is_64;            /* its pointers are */
    struct boot_framebuffer fb;
    uint32_t complaints; /* what was refused while parsing (also logged) */
    uint32_t modules_seen; /* that the loader listed, refused ones included */
    bool regions_full;     /* pieces of the map were dropped: holes */
    bool grub_quotes;      /* the loader quotes as GRUB 2 does */
};

/* Filled by boot/, read until hv_run() has printed its banner; boot-only memory. */
extern struct boot_info boot_info;
