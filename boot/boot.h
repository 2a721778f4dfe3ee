/* SPDX-License-Identifier: MIT */
/* From loader to C, private to boot/.  entry.asm hands over a magic number and
 * an address; boot_info_init() turns what lies there into struct boot_info,
 * copied and checked.  Nothing that the loader wrote is believed: not a length,
 * not a count, not that a string ends. */
#pragma once

#include "hv/boot_info.h"
#include "hv/log.h"

/* What entry.asm passes as magic.  The first two are the loader's EAX; a PVH
 * loader gives none, so its entry point passes the magic of its structure. */
#define BOOT_MAGIC_MULTIBOOT1 0x2badb002u
#define BOOT_MAGIC_MULTIBOOT2 0x36d76289u
#define BOOT_MAGIC_PVH 0x336ec578u

/* Fills boot_info from the loader's structure at info_pa.  Call it once, with
 * paging off or with the identity map, before any of that memory is used for
 * something else.  Always returns; what was refused is in .complaints. */
void boot_info_init(uint32_t magic, uint32_t info_pa);

/* Takes memory off the map that this CPU cannot address. After cpu_detect(). */
void boot_clip_memory(void);

/* Copies modules that the direct map will not cover, and those in memory that the
 * firmware may write to, to where they can stay. Paging is off, the frame allocator
 * works. One that does not fit is complained about. */
void boot_move_modules(void);

/* Stops what firmware and loader may have left running, and says what is left to
 * them (leftovers.c). With paging and the host IDT, before arch_irq_init(). */
void boot_stop_leftovers(void);

/* bi->modules -> hv_add_guest() for every guest that is configured well.
 * Each refusal is one line through log_config_error. */
void modules_parse(const struct boot_info *bi);

/* ---- between the files of boot/ ---- */

/* No frame number beyond fits hfn_t, and no CPU of this kind has more. */
#define BOOT_RAM_END (1ull << 44)

/* [pa, pa + len) as readable bytes, or NULL: the first KiB, above 4 GiB and the
 * monitor's own image are not readable. The host tests bring their own. */
const void *boot_phys(uint64_t pa, uint32_t len);

/* A part of the configuration is lost: counted as such. */
#define boot_complain(bi, ...) \
    do { \
        (bi)->complaints++; \
        log_config_error(__VA_ARGS__); \
    } while (0)

/* The loader or firmware wrote nonsense that the user did not configure. */
#define boot_warn(bi, ...) \
    do { \
        (bi)->complaints++; \
        log_warn(__VA_ARGS__); \
    } while (0)

/* Adds memory in any order and with any overlap: where two entries meet the
 * more restrictive type wins. Unknown types count as reserved. */
void boot_info_add_region(struct boot_info *bi, uint64_t base, uint64_t bytes,
                          uint32_t type);

/* The beginning of an entry of any loader's map. */
struct boot_map_entry {
    uint64_t base, bytes;
    uint32_t type;
} HV_PACKED;
void boot_info_add_map_entry(struct boot_info *bi, const struct boot_map_entry *e);

/* Without entries the loader's two numbers of KiB are the map. */
void boot_info_finish_map(struct boot_info *bi);

/* A string in loader memory: at most len bytes at p, or at a physical address
 * up to its NUL. */
struct boot_string {
    const char *p;
    uint32_t len;
    uint64_t pa; /* if p is NULL; 0: no string */
};

/* What the loader calls itself, before or behind the strings whose form depends on it. */
void boot_info_loader_name(struct boot_info *bi, const char *name, uint32_t len);

/* Undoes GRUB's quoting, if it is GRUB. */
void boot_info_undo_quoting(struct boot_info *bi);

/* A list of *n modules at pa; *n becomes how many are to be looked at, 0 and one line
 * if the list cannot be read. */
const void *boot_module_list(struct boot_info *bi, uint64_t pa, uint32_t *n,
                             uint32_t entry_bytes);

void boot_info_set_cmdline(struct boot_info *bi, struct boot_string s);
void boot_info_add_module(struct boot_info *bi, uint64_t base, uint64_t bytes,
                          struct boot_string s);
void boot_info_set_framebuffer(struct boot_info *bi,
                               const struct boot_framebuffer *fb);

/* Drops modules and a screen that lie where none may lie. After all was added. */
void boot_info_finish(struct boot_info *bi);

void multiboot1_parse(struct boot_info *bi, uint32_t info_pa);
void multiboot2_parse(struct boot_info *bi, uint32_t info_pa);
void pvh_parse(struct boot_info *bi, uint32_t info_pa);
