/* SPDX-License-Identifier: MIT */
/* What the two versions of Multiboot have in common. */
#include "boot.h"
#include "multiboot.h"

#include "hv/bytes.h"

HV_INIT uint32_t multiboot_map_bytes(struct boot_info *bi, uint32_t bytes)
{
    if (bytes <= MB_MMAP_MAX_BYTES)
        return bytes;
    boot_warn(bi, "memory map: %u bytes long, the first %u are used", bytes,
              MB_MMAP_MAX_BYTES);
    return MB_MMAP_MAX_BYTES;
}

HV_INIT void multiboot_add_module(struct boot_info *bi, const uint8_t *bounds,
                                  struct boot_string s)
{
    uint32_t start = get32(bounds), end = get32(bounds + 4);

    boot_info_add_module(bi, start, end > start ? end - start : 0, s);
}

HV_INIT void multiboot_set_framebuffer(struct boot_info *bi, const uint8_t *p,
                                       uint32_t colours)
{
    if (p[MBFB_TYPE] != MBFB_TYPE_RGB)
        return;
    boot_info_set_framebuffer(bi, &(struct boot_framebuffer){
        .base = get64(p + MBFB_ADDR),
        .pitch_bytes = get32(p + MBFB_PITCH),
        .width = get32(p + MBFB_WIDTH),
        .height = get32(p + MBFB_HEIGHT),
        .bpp = p[MBFB_BPP],
        .red_pos = p[colours],
        .red_bits = p[colours + 1],
        .green_pos = p[colours + 2],
        .green_bits = p[colours + 3],
        .blue_pos = p[colours + 4],
        .blue_bits = p[colours + 5],
    });
}
