/* SPDX-License-Identifier: MIT */
/* What Multiboot 0.6.96 and Multiboot2 2.0 loaders write, as it lies in memory: at any
 * alignment. */
#pragma once

#include "boot.h"

/* A framebuffer as both describe it; the colours follow, or two reserved bytes and
 * the colours. */
struct mb_framebuffer {
    uint64_t base;
    uint32_t pitch, width, height;
    uint8_t bpp, type;
} HV_PACKED;

struct mb_colours {
    uint8_t red_pos, red_bits, green_pos, green_bits, blue_pos, blue_bits;
};

#define MBFB_TYPE_RGB 1

/* Multiboot 1 information, section 3.3. */
struct mb1_info {
    uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
    uint32_t symbols[4], mmap_length, mmap_addr;
    uint32_t drives[2]; /* from here on not in every version */
    uint32_t config_table, loader_name, apm_table, vbe_control, vbe_mode_info;
    uint16_t vbe_mode[4];
    struct mb_framebuffer fb;
    struct mb_colours colours;
} HV_PACKED;

_Static_assert(offsetof(struct mb1_info, drives) == 52, "section 3.3");
_Static_assert(offsetof(struct mb1_info, fb) == 88, "section 3.3");

enum {
    MB1_HAS_MEM = 1 << 0,
    MB1_HAS_CMDLINE = 1 << 2,
    MB1_HAS_MODS = 1 << 3,
    MB1_HAS_MMAP = 1 << 6,
    MB1_HAS_LOADER_NAME = 1 << 9,
    MB1_HAS_VBE = 1 << 11,
    MB1_HAS_FB = 1 << 12,
};

struct mb1_module {
    uint32_t start, end, string, reserved;
} HV_PACKED;

/* size does not count itself. */
struct mb1_map_entry {
    uint32_t size;
    struct boot_map_entry range;
} HV_PACKED;

/* VBE 3.0 mode information (section 4.4), for loaders older than the framebuffer
 * fields. */
struct vbe_mode {
    uint16_t attributes, windows[7], pitch, width, height;
    uint8_t cell[2], planes, bpp, banks, model, bank_kib, pages, reserved;
    uint8_t red_bits, red_pos, green_bits, green_pos, blue_bits, blue_pos, reserved2[3];
    uint32_t base;
} HV_PACKED;

_Static_assert(offsetof(struct vbe_mode, base) == 40, "section 4.4");

#define VBE_HAS_LINEAR (1u << 7)
#define VBE_MODEL_DIRECT 6u

/* Multiboot2 information, section 3.4 and 3.6. */
enum {
    MB2_TOTAL = 0,
    MB2_HEADER_BYTES = 8,
    MB2_TAG_TYPE = 0,
    MB2_TAG_SIZE = 4,
    MB2_TAG_DATA = 8,

    MB2_END = 0,
    MB2_CMDLINE = 1,
    MB2_LOADER_NAME = 2,
    MB2_MODULE = 3,
    MB2_BASIC_MEMORY = 4,
    MB2_MMAP = 6,
    MB2_FRAMEBUFFER = 8,
    MB2_EFI32 = 11,
    MB2_EFI64 = 12,
    MB2_SMBIOS = 13,
    MB2_ACPI_OLD = 14,
    MB2_ACPI_NEW = 15,

    MB2_MOD_START = 8,
    MB2_MOD_END = 12,
    MB2_MOD_STRING = 16,

    MB2_MMAP_ENTRY_SIZE = 8,
    MB2_MMAP_ENTRIES = 16,
    MB2_MMAP_ENTRY_MIN = 24,

    MB2_SMBIOS_TABLE = 16, /* behind the version */
};

struct mb2_framebuffer {
    uint32_t type, size;
    struct mb_framebuffer fb;
    uint16_t reserved;
    struct mb_colours colours;
} HV_PACKED;

/* The loader name by which our own UEFI loader (boot/efi) is told from others. */
#define MB2_LOADER_EFI "Ringside EFI loader"

/* A map and an information block longer than this are nonsense. */
#define MB_MMAP_MAX_BYTES 65536u
#define MB2_MAX_BYTES 0x100000u

/* Length of a map, as far as it is used. */
uint32_t multiboot_map_bytes(struct boot_info *bi, uint32_t bytes);
/* A module by its first address and the one behind its last. */
void multiboot_add_module(struct boot_info *bi, uint32_t start, uint32_t end,
                          struct boot_string s);
void multiboot_set_framebuffer(struct boot_info *bi, const struct mb_framebuffer *fb,
                               const struct mb_colours *c);
