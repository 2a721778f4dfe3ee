/* SPDX-License-Identifier: MIT */
/* Tags of multiboot2 information.  Each starts on 8 bytes; its size field does
 * not count the padding behind it. */
#include "info.h"

#include "../multiboot.h"

#include "hv/range.h"
#include "hv/string.h"

enum {
    TAG_SMBIOS = 13, /* major, minor, 6 reserved bytes, table */
    TAG_SYSTEM_TABLE_32 = 11,
    TAG_SYSTEM_TABLE_64 = 12,

    RSDP_REVISION = 15, /* ACPI 6.5, section 5.2.5.3 */
    RSDP_BYTES_1 = 20,
    RSDP_BYTES_2 = 36,

    /* An entry of the firmware's map. */
    MAP_TYPE = 0,
    MAP_START = 8,
    MAP_PAGES = 24,
    MAP_ENTRY_MIN = 40,
};

/* UEFI 2.10, table 7-6. */
enum efi_memory {
    EFI_MEM_LOADER_CODE = 1,
    EFI_MEM_LOADER_DATA = 2,
    EFI_MEM_BOOT_CODE = 3,
    EFI_MEM_BOOT_DATA = 4,
    EFI_MEM_CONVENTIONAL = 7,
    EFI_MEM_UNUSABLE = 8,
    EFI_MEM_ACPI_RECLAIM = 9,
    EFI_MEM_ACPI_NVS = 10,
};

/* Multiboot2 2.0, section 3.6.8. */
enum { MB2_RAM = 1, MB2_RESERVED = 2, MB2_ACPI = 3, MB2_NVS = 4, MB2_BAD = 5 };

/* ---- bytes ---- */

static void put(struct info *in, const void *data, uint32_t n)
{
    if (in->full || !range_fits(in->used, n, in->size)) {
        in->full = true;
        return;
    }
    if (n > 0)
        memcpy(in->p + in->used, data, n);
    in->used += n;
}

static void put_zeros(struct info *in, uint32_t n)
{
    static const uint8_t zeros[8];

    for (; n > 0; n -= hv_min_u32(n, sizeof(zeros)))
        put(in, zeros, hv_min_u32(n, sizeof(zeros)));
}

static void put8(struct info *in, uint8_t v)
{
    put(in, &v, 1);
}

/* Host and target are both little-endian. */
static void put32(struct info *in, uint32_t v)
{
    put(in, &v, 4);
}

static void put64(struct info *in, uint64_t v)
{
    put(in, &v, 8);
}

static uint32_t tag_begin(struct info *in, uint32_t type)
{
    uint32_t at = in->used;

    put32(in, type);
    put32(in, 0);
    return at;
}

static void tag_end(struct info *in, uint32_t at)
{
    uint32_t bytes = in->used - at;

    put_zeros(in, (8 - bytes % 8) % 8);
    if (!in->full)
        memcpy(in->p + at + MB2_TAG_SIZE, &bytes, 4);
}

/* ---- tags ---- */

void info_begin(struct info *in, void *buffer, uint32_t size)
{
    *in = (struct info){.p = buffer, .size = size};
    put_zeros(in, MB2_HEADER_BYTES);
}

void info_string(struct info *in, enum info_string type, const char *text)
{
    uint32_t at = tag_begin(in, type);

    put(in, text, (uint32_t)strlen(text) + 1);
    tag_end(in, at);
}

void info_module(struct info *in, uint32_t base, uint32_t bytes,
                 const char *file, const char *words, uint32_t n)
{
    uint32_t at = tag_begin(in, MB2_MODULE);

    put32(in, base);
    put32(in, base + bytes);
    put(in, file, (uint32_t)strlen(file));
    put8(in, ' ');
    put(in, words, n);
    put8(in, '\0');
    tag_end(in, at);
}

/* Lowest bit of a mask, and how many lead to its highest. */
static void mask_field(uint32_t mask, uint8_t *pos, uint8_t *bits)
{
    *pos = mask != 0 ? (uint8_t)__builtin_ctz(mask) : 0;
    *bits = mask != 0 ? (uint8_t)(32 - __builtin_clz(mask) - *pos) : 0;
}

bool info_set_masks(struct info_framebuffer *fb, uint32_t red, uint32_t green,
                    uint32_t blue, uint32_t reserved)
{
    uint32_t all = red | green | blue | reserved;

    if (all == 0)
        return false;
    mask_field(red, &fb->red_pos, &fb->red_bits);
    mask_field(green, &fb->green_pos, &fb->green_bits);
    mask_field(blue, &fb->blue_pos, &fb->blue_bits);
    fb->bpp = (uint8_t)((32 - __builtin_clz(all) + 7) & ~7);
    return true;
}

void info_framebuffer(struct info *in, const struct info_framebuffer *fb)
{
    uint32_t at = tag_begin(in, MB2_FRAMEBUFFER);
    const uint8_t fields[6] = {fb->red_pos, fb->red_bits, fb->green_pos,
                               fb->green_bits, fb->blue_pos, fb->blue_bits};

    put64(in, fb->base);
    put32(in, fb->pitch_bytes);
    put32(in, fb->width);
    put32(in, fb->height);
    put8(in, fb->bpp);
    put8(in, MBFB_TYPE_RGB);
    put_zeros(in, sizeof(((struct mb2_framebuffer *)NULL)->reserved));
    put(in, fields, sizeof(fields));
    tag_end(in, at);
}

void info_rsdp(struct info *in, const uint8_t *rsdp)
{
    bool is_new = rsdp[RSDP_REVISION] >= 2;
    uint32_t at = tag_begin(in, is_new ? MB2_ACPI_NEW : MB2_ACPI_OLD);

    put(in, rsdp, is_new ? RSDP_BYTES_2 : RSDP_BYTES_1);
    tag_end(in, at);
}

void info_smbios(struct info *in, uint8_t major, uint8_t minor,
                 const uint8_t *table, uint32_t n)
{
    uint32_t at = tag_begin(in, TAG_SMBIOS);

    put8(in, major);
    put8(in, minor);
    put_zeros(in, 6);
    put(in, table, n);
    tag_end(in, at);
}

void info_system_table(struct info *in, uint64_t pa)
{
    bool wide = sizeof(void *) == 8;
    uint32_t at = tag_begin(in, wide ? TAG_SYSTEM_TABLE_64 : TAG_SYSTEM_TABLE_32);

    put(in, &pa, sizeof(void *));
    tag_end(in, at);
}

bool info_end(struct info *in)
{
    tag_end(in, tag_begin(in, MB2_END));
    if (!in->full)
        memcpy(in->p + MB2_TOTAL, &in->used, 4);
    return !in->full;
}

/* ---- memory map ---- */

struct map_entry {
    uint64_t base, bytes;
    uint32_t type; /* enum efi_memory and more */
};

/* Entry i, false behind the last. */
static bool map_get(const struct info_map *map, uint32_t i, struct map_entry *e)
{
    const uint8_t *p = map->p + (uint64_t)i * map->step;
    uint64_t pages;

    if (map->step < MAP_ENTRY_MIN || i >= map->bytes / map->step)
        return false;
    memcpy(&e->type, p + MAP_TYPE, 4);
    memcpy(&e->base, p + MAP_START, 8);
    memcpy(&pages, p + MAP_PAGES, 8);
    if (pages > (UINT64_MAX - e->base) >> HV_PAGE_SHIFT)
        pages = (UINT64_MAX - e->base) >> HV_PAGE_SHIFT;
    e->bytes = pages << HV_PAGE_SHIFT;
    return true;
}

static uint32_t mb2_type(uint32_t type)
{
    switch (type) {
    case EFI_MEM_LOADER_CODE:
    case EFI_MEM_LOADER_DATA:
    case EFI_MEM_BOOT_CODE:
    case EFI_MEM_BOOT_DATA:
    case EFI_MEM_CONVENTIONAL:
        return MB2_RAM;
    case EFI_MEM_ACPI_RECLAIM:
        return MB2_ACPI;
    case EFI_MEM_ACPI_NVS:
        return MB2_NVS;
    case EFI_MEM_UNUSABLE:
        return MB2_BAD;
    default: /* runtime services, devices, what later versions bring */
        return MB2_RESERVED;
    }
}

static void put_entry(struct info *in, const struct map_entry *e)
{
    put64(in, e->base);
    put64(in, e->bytes);
    put32(in, e->type);
    put32(in, 0);
}

void info_memory_map(struct info *in, const struct info_map *map)
{
    struct map_entry last = {0}, e;
    uint32_t at = tag_begin(in, MB2_MMAP);

    put32(in, MB2_MMAP_ENTRY_MIN);
    put32(in, 0);
    for (uint32_t i = 0; map_get(map, i, &e); i++) {
        e.type = mb2_type(e.type);
        if (e.bytes == 0)
            continue;
        if (e.type == last.type && e.base == last.base + last.bytes) {
            last.bytes += e.bytes;
            continue;
        }
        if (last.bytes > 0)
            put_entry(in, &last);
        last = e;
    }
    if (last.bytes > 0)
        put_entry(in, &last);
    tag_end(in, at);
}

bool info_map_is_free(const struct info_map *map, uint64_t base, uint64_t bytes)
{
    struct map_entry e;
    uint64_t seen = 0;

    for (uint32_t i = 0; map_get(map, i, &e); i++) {
        uint64_t from, to;

        if (!range_overlaps64(base, bytes, e.base, e.bytes))
            continue;
        if (mb2_type(e.type) != MB2_RAM)
            return false;
        from = e.base > base ? e.base : base;
        to = e.base + e.bytes < base + bytes ? e.base + e.bytes : base + bytes;
        seen += to - from; /* the firmware's entries do not overlap */
    }
    return seen == bytes;
}
