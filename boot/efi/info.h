/* SPDX-License-Identifier: MIT */
/* Writes a multiboot2 information block (Multiboot2 2.0, section 3.4 to 3.6) into
 * a buffer of fixed size, and turns the firmware's memory map into its tag.
 * Writing past the end is not possible: what has no room sets .full. */
#pragma once

#include "hv/types.h"

struct info {
    uint8_t *p; /* 8-byte aligned, size bytes */
    uint32_t size, used;
    bool full;
};

struct info_framebuffer {
    uint64_t base; /* 0: none */
    uint32_t pitch_bytes, width, height;
    uint8_t bpp;
    uint8_t red_pos, red_bits, green_pos, green_bits, blue_pos, blue_bits;
};

/* The firmware's memory map as it came (UEFI 2.10, section 7.2): entries of step
 * bytes, which may be more than the 40 that are known. */
struct info_map {
    const uint8_t *p;
    uint32_t bytes, step;
};

void info_begin(struct info *in, void *buffer, uint32_t size);

/* Command line and loader name: a tag of one string. */
enum info_string { INFO_CMDLINE = 1, INFO_LOADER = 2 };
void info_string(struct info *in, enum info_string type, const char *text);

/* The module's string is its file's name, a blank and n bytes of words. */
void info_module(struct info *in, uint32_t base, uint32_t bytes,
                 const char *file, const char *words, uint32_t n);

/* Colours and width of a pixel from the firmware's masks (UEFI 2.10, section 12.9:
 * a pixel is as wide as their highest bit). False if all are 0. */
HV_MUST_CHECK bool info_set_masks(struct info_framebuffer *fb, uint32_t red,
                                  uint32_t green, uint32_t blue, uint32_t reserved);

void info_framebuffer(struct info *in, const struct info_framebuffer *fb);

/* The pointer itself, copied: 36 bytes from revision 2 on, else 20. */
void info_rsdp(struct info *in, const uint8_t *rsdp);

/* The structure table of SMBIOS, copied. */
void info_smbios(struct info *in, uint8_t major, uint8_t minor,
                 const uint8_t *table, uint32_t n);

/* Where the firmware's system table lies; of 32 or 64 bits as we are. */
void info_system_table(struct info *in, uint64_t pa);

/* Neighbours of one kind become one entry. */
void info_memory_map(struct info *in, const struct info_map *map);

/* The end tag and the length of the whole. False if anything had no room. */
HV_MUST_CHECK bool info_end(struct info *in);

/* True if [base, base + bytes) is nothing but memory that is free once the boot
 * services have ended. */
bool info_map_is_free(const struct info_map *map, uint64_t base, uint64_t bytes);
