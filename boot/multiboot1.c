/* SPDX-License-Identifier: MIT */
/* Multiboot 1 information: QEMU -kernel, GRUB `multiboot`, iPXE, v86.  A flag
 * bit says which fields exist; pointers lead anywhere, so each is read through
 * boot_phys() and each table is bounded before it is walked. */
#include "multiboot.h"

#define LOADER_NAME_BYTES 5u /* that are looked at */

HV_INIT static void parse_mmap(struct boot_info *bi, const struct mb1_info *info)
{
    uint32_t left = multiboot_map_bytes(bi, info->mmap_length);
    const uint8_t *p = boot_phys(info->mmap_addr, left);

    if (!p) {
        boot_warn(bi, "memory map: at 0x%x, not readable", info->mmap_addr);
        return;
    }
    while (left > 0) {
        const struct mb1_map_entry *e = (const void *)p;
        uint32_t size = left >= sizeof(e->size) ? e->size : 0;

        if (size < sizeof(e->range) || size > left - sizeof(e->size)) {
            boot_warn(bi, "memory map: entry of %u bytes with %u left, the rest "
                      "is ignored", size, left);
            return;
        }
        boot_info_add_map_entry(bi, &e->range);
        p += sizeof(e->size) + size;
        left -= (uint32_t)sizeof(e->size) + size;
    }
}

HV_INIT static void parse_modules(struct boot_info *bi, const struct mb1_info *info)
{
    uint32_t n = info->mods_count;
    const struct mb1_module *m = boot_module_list(bi, info->mods_addr, &n, sizeof(*m));

    for (; n > 0; n--, m++)
        multiboot_add_module(bi, m->start, m->end, (struct boot_string){.pa = m->string});
}

HV_INIT static void parse_vbe(struct boot_info *bi, uint32_t pa)
{
    const struct vbe_mode *m = boot_phys(pa, sizeof(*m));

    if (m && (m->attributes & VBE_HAS_LINEAR) && m->model == VBE_MODEL_DIRECT)
        boot_info_set_framebuffer(bi, &(struct boot_framebuffer){
            .base = m->base, .pitch_bytes = m->pitch, .width = m->width,
            .height = m->height, .bpp = m->bpp, .red_pos = m->red_pos,
            .red_bits = m->red_bits, .green_pos = m->green_pos, .green_bits = m->green_bits,
            .blue_pos = m->blue_pos, .blue_bits = m->blue_bits,
        });
}

HV_INIT static void parse_loader_name(struct boot_info *bi, uint32_t pa)
{
    const void *name = boot_phys(pa, LOADER_NAME_BYTES);

    if (name)
        boot_info_loader_name(bi, name, LOADER_NAME_BYTES);
}

/* A field that not every version has can be read. */
#define HAS(info, flag, pa, field) \
    (((info)->flags & (flag)) \
     && boot_phys((uint64_t)(pa) + offsetof(struct mb1_info, field), sizeof((info)->field)))

HV_INIT void multiboot1_parse(struct boot_info *bi, uint32_t info_pa)
{
    const struct mb1_info *info = boot_phys(info_pa, offsetof(struct mb1_info, drives));

    bi->loader = BOOT_MULTIBOOT1;
    if (!info) {
        boot_complain(bi, "multiboot information at 0x%x is not readable",
                      info_pa);
        return;
    }
    if (HAS(info, MB1_HAS_LOADER_NAME, info_pa, loader_name))
        parse_loader_name(bi, info->loader_name);
    if (info->flags & MB1_HAS_CMDLINE)
        boot_info_set_cmdline(bi, (struct boot_string){.pa = info->cmdline});
    if (info->flags & MB1_HAS_MMAP)
        parse_mmap(bi, info);
    if (info->flags & MB1_HAS_MEM) {
        bi->lower_kib = info->mem_lower;
        bi->upper_kib = info->mem_upper;
    }
    if (info->flags & MB1_HAS_MODS)
        parse_modules(bi, info);
    if (HAS(info, MB1_HAS_FB, info_pa, fb) && HAS(info, MB1_HAS_FB, info_pa, colours))
        multiboot_set_framebuffer(bi, &info->fb, &info->colours);
    else if (HAS(info, MB1_HAS_VBE, info_pa, vbe_mode_info))
        parse_vbe(bi, info->vbe_mode_info);
}
