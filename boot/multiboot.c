/* SPDX-License-Identifier: MIT */
/* What the two versions of Multiboot have in common. */
#include "multiboot.h"

HV_INIT uint32_t multiboot_map_bytes(struct boot_info *bi, uint32_t bytes)
{
    if (bytes <= MB_MMAP_MAX_BYTES)
        return bytes;
    boot_warn(bi, "memory map: %u bytes long, the first %u are used", bytes,
              MB_MMAP_MAX_BYTES);
    return MB_MMAP_MAX_BYTES;
}

HV_INIT void multiboot_add_module(struct boot_info *bi, uint32_t start, uint32_t end,
                                  struct boot_string s)
{
    boot_info_add_module(bi, start, end > start ? end - start : 0, s);
}

HV_INIT void multiboot_set_framebuffer(struct boot_info *bi, const struct mb_framebuffer *fb,
                                       const struct mb_colours *c)
{
    if (fb->type == MBFB_TYPE_RGB)
        boot_info_set_framebuffer(bi, &(struct boot_framebuffer){
            .base = fb->base, .pitch_bytes = fb->pitch, .width = fb->width,
            .height = fb->height, .bpp = fb->bpp, .red_pos = c->red_pos,
            .red_bits = c->red_bits, .green_pos = c->green_pos, .green_bits = c->green_bits,
            .blue_pos = c->blue_pos, .blue_bits = c->blue_bits,
        });
}
