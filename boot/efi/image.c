/* SPDX-License-Identifier: MIT */
/* ELF32 program headers to a list of copies.  The multiboot2 header must be
 * there: an ELF without one expects another entry state than ours. */
#include "image.h"

#include "hv/bytes.h"
#include "hv/range.h"
#include "hv/string.h"

enum {
    EHDR_BYTES = 52,
    EHDR_TYPE = 16,
    EHDR_MACHINE = 18,
    EHDR_ENTRY = 24,
    EHDR_PHOFF = 28,
    EHDR_PHENTSIZE = 42,
    EHDR_PHNUM = 44,
    ET_EXEC = 2,
    EM_386 = 3,

    PHDR_BYTES = 32,
    PHDR_OFFSET = 4,
    PHDR_PADDR = 12,
    PHDR_FILESZ = 16,
    PHDR_MEMSZ = 20,
    PHDR_FLAGS = 24,
    PT_LOAD = 1,
    PF_X = 1,

    MB2_SEARCH_BYTES = 32768,
    MB2_ALIGN = 8,
    MB2_HEADER_MIN = 16,
};

#define MB2_HEADER_MAGIC 0xe85250d6u
#define LOW_END HV_MIB(1) /* below lies what firmware and hardware share */

static bool has_multiboot2_header(const uint8_t *file, uint32_t bytes)
{
    uint32_t end = hv_min_u32(bytes, MB2_SEARCH_BYTES);

    for (uint32_t at = 0; range_fits(at, MB2_HEADER_MIN, end); at += MB2_ALIGN) {
        const uint8_t *h = file + at;

        if (get32(h) == MB2_HEADER_MAGIC && get32(h + 4) == 0 &&
            get32(h) + get32(h + 4) + get32(h + 8) + get32(h + 12) == 0)
            return true;
    }
    return false;
}

static bool is_elf32(const uint8_t *file, uint32_t bytes)
{
    return bytes >= EHDR_BYTES && memcmp(file, "\177ELF\1\1\1", 7) == 0;
}

static const char *add_segment(struct image *im, const uint8_t *ph,
                               uint32_t file_bytes)
{
    const struct image_segment s = {
        .to = get32(ph + PHDR_PADDR),
        .bytes = get32(ph + PHDR_MEMSZ),
        .from = get32(ph + PHDR_OFFSET),
        .file_bytes = get32(ph + PHDR_FILESZ),
    };

    if (get32(ph) != PT_LOAD)
        return NULL;
    if (s.file_bytes > s.bytes || !range_fits(s.from, s.file_bytes, file_bytes))
        return "a segment is not in the file: is it cut off?";
    if (s.bytes == 0)
        return NULL;
    if (im->n == IMAGE_MAX_SEGMENTS)
        return "it has more than 16 segments";
    if (s.to < LOW_END)
        return "a segment belongs below 1 MiB";
    if (s.bytes > UINT32_MAX - s.to)
        return "a segment goes beyond 4 GiB";
    for (uint32_t i = 0; i < im->n; i++) {
        if (range_overlaps64(im->segment[i].to, im->segment[i].bytes, s.to,
                             s.bytes))
            return "two segments overlap";
    }
    im->segment[im->n++] = s;
    return NULL;
}

/* The entry point lies in bytes of the file that are marked as code. */
static bool entry_is_code(const uint8_t *file, uint32_t phoff, uint32_t phnum,
                          uint32_t entry)
{
    for (uint32_t i = 0; i < phnum; i++) {
        const uint8_t *ph = file + phoff + i * PHDR_BYTES;

        if (get32(ph) == PT_LOAD && (get32(ph + PHDR_FLAGS) & PF_X) != 0 &&
            entry >= get32(ph + PHDR_PADDR) &&
            entry - get32(ph + PHDR_PADDR) < get32(ph + PHDR_FILESZ))
            return true;
    }
    return false;
}

static const char *find_span(struct image *im)
{
    uint32_t low = UINT32_MAX, last = 0;

    if (im->n == 0)
        return "it has nothing to load";
    for (uint32_t i = 0; i < im->n; i++) {
        low = hv_min_u32(low, im->segment[i].to);
        last = hv_max_u32(last, im->segment[i].to + (im->segment[i].bytes - 1));
    }
    if (last - low >= IMAGE_MAX_SPAN)
        return "its segments span more than 64 MiB";
    im->base = low;
    im->bytes = last - low + 1;
    return NULL;
}

const char *image_parse(struct image *im, const uint8_t *file, uint32_t bytes)
{
    uint32_t phoff, phnum;
    const char *why = NULL;

    memset(im, 0, sizeof(*im));
    if (!is_elf32(file, bytes))
        return "not an ELF32 file";
    if (get16(file + EHDR_TYPE) != ET_EXEC || get16(file + EHDR_MACHINE) != EM_386)
        return "not an executable for the i386";
    if (!has_multiboot2_header(file, bytes))
        return "it has no multiboot2 header";
    phoff = get32(file + EHDR_PHOFF);
    phnum = get16(file + EHDR_PHNUM);
    if (get16(file + EHDR_PHENTSIZE) != PHDR_BYTES ||
        !range_fits(phoff, phnum * PHDR_BYTES, bytes))
        return "its program headers are not in the file";
    for (uint32_t i = 0; i < phnum && !why; i++)
        why = add_segment(im, file + phoff + i * PHDR_BYTES, bytes);
    if (!why)
        why = find_span(im);
    im->entry = get32(file + EHDR_ENTRY);
    if (!why && !entry_is_code(file, phoff, phnum, im->entry))
        why = "its entry point is not in its code";
    return why;
}
