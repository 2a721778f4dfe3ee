/* SPDX-License-Identifier: MIT */
/* What the loader needs of the firmware, in our own types.  Everything that is taken is
 * written down, so that a boot that fails gives all of it back. */
#pragma once

#include "info.h"
#include "leave.h"

/* The two arguments of efi_main(). */
void fw_init(void *image, void *system_table);

/* One line on the firmware's console, after "ringside: ". */
void fw_say(const char *fmt, ...) HV_PRINTF(1, 2);

/* Lets the user read: until a key, ten seconds at most. */
void fw_wait(void);

/* ---- memory, below 4 GiB ---- */

/* Page-aligned, not zeroed; NULL if there is none. May hold code. */
HV_MUST_CHECK void *fw_alloc(uint32_t bytes);

/* Keeps others out of [base, base + bytes) as far as it is free. What is not is
 * the firmware's; info_map_is_free() tells whether that matters. */
void fw_claim(uint32_t base, uint32_t bytes);

void fw_release_all(void);

/* ---- files ---- */

struct fw_file {
    uint8_t *data;
    uint32_t bytes; /* at least 1 */
};

/* Reads a whole file of the volume that the loader came from. path has '/'. False
 * and one line: not there, empty, larger than max, no room, not readable. */
HV_MUST_CHECK bool fw_read_file(struct fw_file *f, const char *path, uint32_t max);

/* ---- what the monitor wants to know (tables.c) ---- */

/* The first screen with a linear framebuffer; .base 0: none. False if there are
 * screens and none has one. */
HV_MUST_CHECK bool fw_find_framebuffer(struct info_framebuffer *fb);

/* The RSDP, or NULL. */
const uint8_t *fw_find_rsdp(void);

#define SMBIOS_MAX_BYTES HV_KIB(64) /* a larger table is left out */

struct fw_smbios {
    const uint8_t *table; /* NULL: none */
    uint32_t bytes;
    uint8_t major, minor;
};
void fw_find_smbios(struct fw_smbios *s);

uint64_t fw_system_table(void);

/* ---- the end of the firmware ---- */

/* How many bytes its memory map takes, with room to grow. 0: it will not say. */
uint32_t fw_map_room(void);

bool fw_get_map(struct info_map *map, uint32_t room, uint64_t *key);
enum leave_answer fw_exit(uint64_t key);
