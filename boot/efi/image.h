/* SPDX-License-Identifier: MIT */
/* The monitor's file as an ELF32 with a multiboot2 header: which bytes go where.
 * The file is not ours: every number in it is checked against the file's length
 * and against 4 GiB before it is used. */
#pragma once

#include "hv/types.h"

#define IMAGE_MAX_SEGMENTS 16u
#define IMAGE_MAX_SPAN HV_MIB(64u) /* from the lowest byte to the highest */

struct image_segment {
    uint32_t to;    /* physical address */
    uint32_t bytes; /* in memory, not 0 */
    uint32_t from;  /* offset in the file */
    uint32_t file_bytes; /* the rest is zeroed */
};

struct image {
    uint32_t entry;
    uint32_t base, bytes; /* all segments lie in here */
    uint32_t n;
    struct image_segment segment[IMAGE_MAX_SEGMENTS]; /* no two share a byte */
};

/* NULL, or one sentence why this file cannot be started. What is promised:
 * System V ABI, chapter 5; Multiboot2 2.0, section 3.1. */
HV_MUST_CHECK const char *image_parse(struct image *im, const uint8_t *file,
                                      uint32_t bytes);
