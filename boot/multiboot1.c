/* SPDX-License-Identifier: MIT */
/* Multiboot 1 information: QEMU -kernel, GRUB `multiboot`, iPXE, v86.  A flag
 * bit says which fields exist; pointers lead anywhere, so each is read through
 * boot_phys() and each table is bounded before it is walked. */
#include "boot.h"
#include "multiboot.h"

#include "hv/bytes.h"

HV_INIT static void parse_mmap(struct boot_info *bi, const uint8_t *info)
{
    uint32_t left = multiboot_map_bytes(bi, get32(info + MB1_MMAP_LENGTH));
    const uint8_t *p = boot_phys(get32(info + MB1_MMAP_ADDR), left);

    if (!p) {
        boot_warn(bi, "memory map: at 0x%x, not readable", get32(info + MB1_MMAP_ADDR));
        return;
    }
    while (left > 0) {
        uint32_t size = left >= 4 ? get32(p) : 0;

        if (size < MB1_MMAP_MIN || size > left - 4) {
            boot_warn(bi, "memory map: entry of %u bytes with %u left, the rest "
                      "is ignored", size, left);
            return;
        }
        boot_info_add_map_entry(bi, p + MB1_MMAP_ENTRY);
        p += size + 4;
        left -= size + 4;
    }
}

HV_INIT static void parse_modules(struct boot_info *bi, const uint8_t *info)
{
    uint32_t n = get32(info + MB1_MODS_COUNT);
    const uint8_t *p = boot_module_list(bi, get32(info + MB1_MODS_ADDR), &n, MB1_MOD_BYTES);

    for (uint32_t i = 0; i < n; i++, p += MB1_MOD_BYTES)
        multiboot_add_module(bi, p, (struct boot_string){.pa = get32(p + MB1_MOD_STRING)});
}

HV_INIT static void parse_framebuffer(struct boot_info *bi, uint64_t pa)
{
    const uint8_t *p = boot_phys(pa, MB1_FB_BYTES);

    if (p)
        multiboot_set_framebuffer(bi, p, MBFB_COLOUR1);
}

HV_INIT static void parse_vbe(struct boot_info *bi, uint64_t pa)
{
    const uint8_t *p = boot_phys(pa, VBE_BYTES);

    if (!p || !(p[VBE_ATTRIBUTES] & VBE_HAS_LINEAR) || p[VBE_MODEL] != VBE_MODEL_DIRECT)
        return;
    boot_info_set_framebuffer(bi, &(struct boot_framebuffer){
        .base = get32(p + VBE_BASE),
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
    const void *name = p ? boot_phys(get32(p), MB1_LOADER_NAME_BYTES) : NULL;

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
    flags = get32(info + MB1_FLAGS);
    if (flags & MB1_HAS_LOADER_NAME)
        parse_loader_name(bi, (uint64_t)info_pa + MB1_LOADER_NAME);
    if (flags & MB1_HAS_CMDLINE)
        boot_info_set_cmdline(bi, (struct boot_string){
            .pa = get32(info + MB1_CMDLINE)});
    if (flags & MB1_HAS_MMAP)
        parse_mmap(bi, info);
    if (flags & MB1_HAS_MEM) {
        bi->lower_kib = get32(info + MB1_MEM_LOWER);
        bi->upper_kib = get32(info + MB1_MEM_UPPER);
    }
    if (flags & MB1_HAS_MODS)
        parse_modules(bi, info);
    if (flags & MB1_HAS_FB)
        parse_framebuffer(bi, (uint64_t)info_pa + MB1_FB);
    else if ((flags & MB1_HAS_VBE)
             && boot_phys((uint64_t)info_pa + MB1_VBE_MODE_INFO, 4))
        parse_vbe(bi, get32(info + MB1_VBE_MODE_INFO));
}
