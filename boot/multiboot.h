/* SPDX-License-Identifier: MIT */
/* Offsets in the structures of Multiboot 0.6.96 and Multiboot2 2.0.  Offsets
 * and not structs: loader memory is read by bytes, at any alignment. */
#pragma once

/* Multiboot 1 information, section 3.3. */
enum {
    MB1_FLAGS = 0,
    MB1_MEM_LOWER = 4,
    MB1_MEM_UPPER = 8,
    MB1_CMDLINE = 16,
    MB1_MODS_COUNT = 20,
    MB1_MODS_ADDR = 24,
    MB1_MMAP_LENGTH = 44,
    MB1_MMAP_ADDR = 48,
    MB1_BYTES = 52, /* up to here in every version */
    MB1_LOADER_NAME = 64,
    MB1_LOADER_NAME_BYTES = 5, /* that are looked at */
    MB1_VBE_MODE_INFO = 76,
    MB1_FB = 88,    /* address 8, pitch, width, height, bpp, type, colours */
    MB1_FB_BYTES = 28,

    MB1_HAS_MEM = 1 << 0,
    MB1_HAS_CMDLINE = 1 << 2,
    MB1_HAS_MODS = 1 << 3,
    MB1_HAS_MMAP = 1 << 6,
    MB1_HAS_LOADER_NAME = 1 << 9,
    MB1_HAS_VBE = 1 << 11,
    MB1_HAS_FB = 1 << 12,

    MB1_MOD_STRING = 8,
    MB1_MOD_BYTES = 16,

    /* A map entry's size field does not count itself. */
    MB1_MMAP_ENTRY = 4,
    MB1_MMAP_MIN = 20,
};

/* VBE 3.0 mode information (section 4.4), for loaders older than the framebuffer
 * fields. */
enum {
    VBE_ATTRIBUTES = 0,
    VBE_PITCH = 16,
    VBE_WIDTH = 18,
    VBE_HEIGHT = 20,
    VBE_BPP = 25,
    VBE_MODEL = 27,
    VBE_RED = 31, /* bits, position; then green and blue */
    VBE_BASE = 40,
    VBE_BYTES = 44,
    VBE_HAS_LINEAR = 1 << 7,
    VBE_MODEL_DIRECT = 6,
};

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
    MB2_MOD_STRING = 16,

    MB2_MMAP_ENTRY_SIZE = 8,
    MB2_MMAP_ENTRIES = 16,
    MB2_MMAP_ENTRY_MIN = 24,

    MB2_SMBIOS_TABLE = 16, /* behind the version */

    MB2_FB = 8,
    MB2_FB_BYTES = 30,
};

/* A framebuffer description is the same in both, apart from where the colour
 * fields begin: right behind the type, or two reserved bytes later. */
enum {
    MBFB_ADDR = 0,
    MBFB_PITCH = 8,
    MBFB_WIDTH = 12,
    MBFB_HEIGHT = 16,
    MBFB_BPP = 20,
    MBFB_TYPE = 21,
    MBFB_COLOUR1 = 22,
    MBFB_COLOUR2 = 24,
    MBFB_TYPE_RGB = 1,
};

/* The loader name by which our own UEFI loader (boot/efi) is told from others. */
#define MB2_LOADER_EFI "Ringside EFI loader"

/* A map and an information block longer than this are nonsense. */
#define MB_MMAP_MAX_BYTES 65536u
#define MB2_MAX_BYTES 0x100000u
