/* SPDX-License-Identifier: MIT */
/* The sanitised boot information.  The parsers of the three formats feed it
 * raw numbers; here they become strings that end and a list of modules that lie
 * in RAM below 4 GiB, apart from the monitor and from each other (reach.c brings
 * down those that paging will not cover).  What is refused costs one line; nothing
 * is guessed. */
#include "boot.h"
#include "span.h"

#include "hv/arch_if.h"
#include "hv/range.h"

struct boot_info boot_info HV_INIT_BSS;

#define BOOT_PHYS_END 0x100000000ull

#define BOOT_VECTORS_END 0x400u

#ifndef HV_HOST_TEST
HV_INIT const void *boot_phys(uint64_t pa, uint32_t len)
{
    uint64_t image, bytes;

    /* Paging is off: page 0 is there, and QEMU puts the memory map of a PVH
     * boot behind the interrupt vectors. */
    if (pa < BOOT_VECTORS_END || !range_fits64(pa, len, BOOT_PHYS_END))
        return NULL;
    arch_image_range(&image, &bytes);
    if (range_overlaps64(pa, len, image, bytes))
        return NULL;
    return (const void *)(uintptr_t)pa;
}
#endif

/* ---- strings ---- */

enum copied { COPIED, COPIED_CUT, COPIED_UNREADABLE };

/* Copies up to the NUL, the end of what is readable or size - 1 bytes. */
HV_INIT static enum copied copy_string(char *dst, uint32_t size,
                                       struct boot_string s)
{
    uint32_t n = 0;

    if (!s.p && s.pa == 0) {
        dst[0] = '\0';
        return COPIED;
    }
    for (;; n++) {
        const char *c = s.p ? (n < s.len ? &s.p[n] : "") : boot_phys(s.pa + n, 1);

        dst[n] = '\0';
        if (!c)
            return COPIED_UNREADABLE;
        if (*c == '\0')
            return COPIED;
        if (n + 1 >= size)
            return COPIED_CUT;
        dst[n] = *c;
    }
}

/* Half a word would be another word; its key alone is one that the parser refuses,
 * so that a test= does not get lost. */
HV_INIT static uint32_t without_half_word(const char *line, uint32_t n)
{
    uint32_t end = n;

    while (n > 0 && !span_is_blank(line[n - 1]))
        n--;
    for (uint32_t i = n; i < end; i++) {
        if (line[i] == '=')
            return i + 1;
    }
    return n;
}

HV_INIT void boot_info_set_cmdline(struct boot_info *bi, struct boot_string s)
{
    enum copied c = copy_string(bi->cmdline, BOOT_CMDLINE_BYTES, s);
    uint32_t n = (uint32_t)strlen(bi->cmdline);

    if (c == COPIED)
        return;
    n = without_half_word(bi->cmdline, n);
    bi->cmdline[n] = '\0';
    if (c == COPIED_CUT)
        boot_complain(bi, "command line: longer than %u bytes, the rest is "
                      "ignored", BOOT_CMDLINE_BYTES - 1);
    else
        boot_complain(bi, "command line: not readable to its end");
}

/* ---- modules ---- */

HV_INIT const void *boot_module_list(struct boot_info *bi, uint64_t pa, uint32_t *n,
                                     uint32_t entry_bytes)
{
    uint32_t count = *n;
    const void *p;

    /* One more than fits, so that the excess is noticed and reported. */
    *n = hv_min_u32(count, BOOT_MAX_MODULES + 1);
    p = boot_phys(pa, *n * entry_bytes);
    if (*n > 0 && !p) {
        boot_complain(bi, "module list: at 0x%llx, %u entries, not readable",
                      (unsigned long long)pa, count);
        *n = 0;
    }
    return p;
}

HV_INIT static const char *add_string(struct boot_info *bi,
                                      struct boot_string s)
{
    uint32_t left = (uint32_t)sizeof(bi->strings) - bi->strings_used;
    char *dst = bi->strings + bi->strings_used;
    enum copied c = left == 0 ? COPIED_CUT
                              : copy_string(dst, hv_min_u32(left, BOOT_MODSTR_BYTES), s);

    if (c == COPIED) {
        bi->strings_used += (uint32_t)strlen(dst) + 1;
        return dst;
    }
    boot_complain(bi, "module %u: string %s, not used", bi->modules_seen,
                  c == COPIED_CUT ? "too long, or no room is left" : "not readable");
    return NULL;
}

HV_INIT static void complain_module(struct boot_info *bi, const char *string, uint64_t base,
                                    uint64_t bytes, const char *fault)
{
    struct span_text shown;

    boot_complain(bi, "module \"%s\" at 0x%llx, 0x%llx bytes: %s, not used",
                  span_show(span_of(string), &shown), (unsigned long long)base,
                  (unsigned long long)bytes, fault);
}

HV_INIT void boot_info_add_module(struct boot_info *bi, uint64_t base,
                                  uint64_t bytes, struct boot_string s)
{
    struct span_text shown;
    const char *string;

    bi->modules_seen++;
    if (bi->modules_seen > BOOT_MAX_MODULES) {
        if (bi->modules_seen == BOOT_MAX_MODULES + 1)
            boot_complain(bi, "more than %u modules, the rest is not used",
                          BOOT_MAX_MODULES);
        return;
    }
    string = add_string(bi, s);
    if (!string)
        return;
    if (bytes == 0)
        boot_complain(bi, "module \"%s\": empty, not used",
                      span_show(span_of(string), &shown));
    else if (!range_fits64(base, bytes, BOOT_PHYS_END))
        complain_module(bi, string, base, bytes, "above what can be reached");
    else
        bi->modules[bi->nr_modules++] =
            (struct boot_module){(uint32_t)base, (uint32_t)bytes, string};
}

HV_INIT static bool lies_in_ram(const struct boot_info *bi,
                                const struct boot_module *m)
{
    for (uint32_t i = 0; i < bi->nr_regions; i++) {
        const struct boot_region *r = &bi->regions[i];

        if (r->type == BOOT_REGION_RAM && m->base >= r->base &&
            range_fits64(m->base - r->base, m->bytes, r->bytes))
            return true;
    }
    return false;
}

/* Why a module may not be used, or NULL. modules[0, kept) are good. */
HV_INIT static const char *module_fault(const struct boot_info *bi,
                                        const struct boot_module *m,
                                        uint32_t kept)
{
    uint64_t image, bytes;

    arch_image_range(&image, &bytes);
    if (range_overlaps64(m->base, m->bytes, image, bytes))
        return "lies over the monitor";
    if (m->base < HV_PAGE_SIZE)
        return "lies in page 0";
    if (!lies_in_ram(bi, m))
        return "does not lie in RAM";
    for (uint32_t i = 0; i < kept; i++) {
        if (range_overlaps64(m->base, m->bytes, bi->modules[i].base,
                             bi->modules[i].bytes))
            return "overlaps an earlier module";
    }
    return NULL;
}

/* A screen is written to: what is said to be one must not be memory. */
HV_INIT static bool screen_is_memory(const struct boot_info *bi)
{
    uint64_t bytes = (uint64_t)bi->fb.pitch_bytes * bi->fb.height, image, image_bytes;

    arch_image_range(&image, &image_bytes);
    for (uint32_t i = 0; i < bi->nr_regions; i++) {
        const struct boot_region *r = &bi->regions[i];

        if (r->type == BOOT_REGION_RAM
            && range_overlaps64(bi->fb.base, bytes, r->base, r->bytes))
            return true;
    }
    return range_overlaps64(bi->fb.base, bytes, image, image_bytes);
}

HV_INIT void boot_info_finish(struct boot_info *bi)
{
    uint32_t kept = 0;

    boot_info_undo_quoting(bi);
    boot_info_finish_map(bi);
    if (bi->fb.base != 0 && screen_is_memory(bi)) {
        boot_warn(bi, "framebuffer: at 0x%llx there is RAM, not used",
                  (unsigned long long)bi->fb.base);
        bi->fb.base = 0;
    }
    for (uint32_t i = 0; i < bi->nr_modules; i++) {
        const struct boot_module m = bi->modules[i];
        const char *fault = module_fault(bi, &m, kept);

        if (fault)
            complain_module(bi, m.string, m.base, m.bytes, fault);
        else
            bi->modules[kept++] = m;
    }
    bi->nr_modules = kept;
}

/* ---- the rest ---- */

HV_INIT void boot_info_set_framebuffer(struct boot_info *bi,
                                       const struct boot_framebuffer *fb)
{
    uint32_t bytes_pp = (fb->bpp + 7u) / 8;
    uint32_t top = hv_max_u32(fb->red_pos + fb->red_bits, fb->green_pos + fb->green_bits);

    top = hv_max_u32(top, fb->blue_pos + fb->blue_bits);
    if (fb->base == 0 || bytes_pp < 2 || bytes_pp > 4 || top > fb->bpp ||
        fb->width == 0 || fb->width > 16384 || fb->height == 0 ||
        fb->height > 16384 || fb->pitch_bytes < fb->width * bytes_pp ||
        fb->pitch_bytes > 65536 * 4 ||
        !range_fits64(fb->base, (uint64_t)fb->pitch_bytes * fb->height,
                      BOOT_RAM_END)) {
        boot_warn(bi, "framebuffer: description makes no sense, not used");
        return;
    }
    bi->fb = *fb;
}

HV_INIT void boot_info_init(uint32_t magic, uint32_t info_pa)
{
    struct boot_info *bi = &boot_info;

    memset(bi, 0, sizeof(*bi));
    switch (magic) {
    case BOOT_MAGIC_MULTIBOOT1:
        multiboot1_parse(bi, info_pa);
        break;
    case BOOT_MAGIC_MULTIBOOT2:
        multiboot2_parse(bi, info_pa);
        break;
    case BOOT_MAGIC_PVH:
        pvh_parse(bi, info_pa);
        break;
    default:
        boot_complain(bi, "unknown loader: magic 0x%x", magic);
        break;
    }
    boot_info_finish(bi);
}
