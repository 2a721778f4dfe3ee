/* SPDX-License-Identifier: MIT */
/* Multiboot 1 information: QEMU -kernel, GRUB `multiboot`, iPXE, v86.  A flag
 * bit says which fields exist; pointers lead anywhere, so each is read through
 * boot_phys() and each table is bounded before it is walked. */
#include "boot.h"
#include "multiboot.h"

#include "hv/string.h"

HV_INIT static void parse_mmap(struct boot_info *bi, const uint8_t *info)
{
    uint32_t left = boot_get32(info + MB1_MMAP_LENGTH);
    const uint8_t *p;

    if (left > MB_MMAP_MAX_BYTES) {
        boot_warn(bi, "memory map: %u bytes long, the first %u are used", left,
                  MB_MMAP_MAX_BYTES);
        left = MB_MMAP_MAX_BYTES;
    }
    p = boot_phys(boot_get32(info + MB1_MMAP_ADDR), left);
    if (!p) {
        boot_warn(bi, "memory map: at 0x%x, not readable",
                  boot_get32(info + MB1_MMAP_ADDR));
        return;
    }
    while (left > 0) {
        uint32_t size = left >= 4 ? boot_get32(p) : 0;

        if (size < MB1_MMAP_MIN || size > left - 4) {
            boot_warn(bi, "memory map: entry of %u bytes with %u left, the rest "
                      "is ignored", size, left);
            return;
        }
        boot_info_add_region(bi, boot_get64(p + MB1_MMAP_BASE),
                             boot_get64(p + MB1_MMAP_LEN),
                             boot_get32(p + MB1_MMAP_TYPE));
        p += size + 4;
        left -= size + 4;
    }
}

HV_INIT static void parse_modules(struct boot_info *bi, const uint8_t *info)
{
    uint32_t count = boot_get32(info + MB1_MODS_COUNT);
    /* One more than fits, so that the excess is noticed and reported. */
    uint32_t n = hv_min_u32(count, BOOT_MAX_MODULES + 1);
    const uint8_t *p = boot_phys(boot_get32(info + MB1_MODS_ADDR),
                                 n * MB1_MOD_BYTES);

    if (n > 0 && !p) {
        boot_complain(bi, "module list: at 0x%x, %u entries, not readable",
                      boot_get32(info + MB1_MODS_ADDR), count);
        return;
    }
    for (uint32_t i = 0; i < n; i++, p += MB1_MOD_BYTES) {
        uint32_t start = boot_get32(p + MB1_MOD_START);
        uint32_t end = boot_get32(p + MB1_MOD_END);

        boot_info_add_module(bi, start, end > start ? end - start : 0,
                             (struct boot_string){
                                 .pa = boot_get32(p + MB1_MOD_STRING)});
    }
}

HV_INIT static void parse_framebuffer(struct boot_info *bi, uint64_t pa)
{
    const uint8_t *p = boot_phys(pa, MB1_FB_BYTES);

    if (p && p[MBFB_TYPE] == MBFB_TYPE_RGB)
        boot_info_set_framebuffer(bi, &(struct boot_framebuffer){
            .base = boot_get64(p + MBFB_ADDR),
            .pitch_bytes = boot_get32(p + MBFB_PITCH),
            .width = boot_get32(p + MBFB_WIDTH),
            .height = boot_get32(p + MBFB_HEIGHT),
            .bpp = p[MBFB_BPP],
            .red_pos = p[MBFB_COLOUR1],
            .red_bits = p[MBFB_COLOUR1 + 1],
            .green_pos = p[MBFB_COLOUR1 + 2],
            .green_bits = p[MBFB_COLOUR1 + 3],
            .blue_pos = p[MBFB_COLOUR1 + 4],
            .blue_bits = p[MBFB_COLOUR1 + 5],
        });
}

HV_INIT static uint32_t get16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

HV_INIT static void parse_vbe(struct boot_info *bi, uint64_t pa)
{
    const uint8_t *p = boot_phys(pa, VBE_BYTES);

    if (!p || !(p[VBE_ATTRIBUTES] & VBE_HAS_LINEAR) || p[VBE_MODEL] != VBE_MODEL_DIRECT)
        return;
    boot_info_set_framebuffer(bi, &(struct boot_framebuffer){
        .base = boot_get32(p + VBE_BASE),
        .pitch_bytes = get16(p + VBE_PITCH),
        .width = get16(p + VBE_WIDTH),
        .height = get16(p + VBE_HEIGHT),
        .bpp = p[VBE_BPP],
        .red_bits = p[VBE_RED],
        .red_pos = p[VBE_RED + 1],
        .green_bits = p[VBE_RED + 2],
        .green_pos = p[VBE_RED + 3],
        .blue_bits = p[VBE_RED + 4],
        .blue_pos = p[VBE_RED + 5],
    });
}

HV_INIT static void parse_loader_name(struct boot_info *bi, uint64_t pa)
{
    const uint8_t *p = boot_phys(pa, 4);
    const void *name = p ? boot_phys(boot_get32(p), MB1_LOADER_NAME_BYTES) : NULL;

    if (name)
        boot_info_loader_name(bi, name, MB1_LOADER_NAME_BYTES);
}

HV_INIT void multiboot1_parse(struct boot_info *bi, uint32_t info_pa)
{
    const uint8_t *info = boot_phys(info_pa, MB1_BYTES);
    uint32_t flags;

    bi->loader = BOOT_MULTIBOOT1;
    if (!info) {
        boot_complain(bi, "multiboot information at 0x%x is not readable",
                      info_pa);
        return;
    }
    flags = boot_get32(info + MB1_FLAGS);
    if (flags & MB1_HAS_LOADER_NAME)
        parse_loader_name(bi, (uint64_t)info_pa + MB1_LOADER_NAME);
    if (flags & MB1_HAS_CMDLINE)
        boot_info_set_cmdline(bi, (struct boot_string){
            .pa = boot_get32(info + MB1_CMDLINE)});
    if (flags & MB1_HAS_MMAP)
        parse_mmap(bi, info);
    if (bi->nr_regions == 0 && (flags & MB1_HAS_MEM))
        boot_info_add_basic_memory(bi, boot_get32(info + MB1_MEM_LOWER),
                                   boot_get32(info + MB1_MEM_UPPER));
    if (flags & MB1_HAS_MODS)
        parse_modules(bi, info);
    if (flags & MB1_HAS_FB)
        parse_framebuffer(bi, (uint64_t)info_pa + MB1_FB);
    else if ((flags & MB1_HAS_VBE)
             && boot_phys((uint64_t)info_pa + MB1_VBE_MODE_INFO, 4))
        parse_vbe(bi, boot_get32(info + MB1_VBE_MODE_INFO));
}
