/* SPDX-License-Identifier: MIT */
/* Multiboot2 information: GRUB `multiboot2` on any firmware, the native form.
 * One block of tags, each of its own size, padded to 8 bytes.  All that is read
 * lies inside the block, module contents aside, so the walk sees (bytes,
 * length) only. */
#include "boot.h"
#include "multiboot.h"

#include "hv/firmware.h"
#include "hv/string.h"

HV_INIT static struct boot_string tag_string(const uint8_t *tag, uint32_t size,
                                             uint32_t at)
{
    return (struct boot_string){(const char *)tag + at, size - at, 0};
}

HV_INIT static void parse_mmap(struct boot_info *bi, const uint8_t *tag,
                               uint32_t size)
{
    uint32_t step, at = MB2_MMAP_ENTRIES;

    if (size > MB_MMAP_MAX_BYTES) {
        boot_warn(bi, "memory map: %u bytes long, the first %u are used", size,
                  MB_MMAP_MAX_BYTES);
        size = MB_MMAP_MAX_BYTES;
    }
    step = boot_get32(tag + MB2_MMAP_ENTRY_SIZE);
    if (step < MB2_MMAP_ENTRY_MIN) {
        boot_warn(bi, "memory map: entries of %u bytes, not used", step);
        return;
    }
    for (; size - at >= step; at += step)
        boot_info_add_region(bi, boot_get64(tag + at),
                             boot_get64(tag + at + 8),
                             boot_get32(tag + at + 16));
}

HV_INIT static void parse_module(struct boot_info *bi, const uint8_t *tag,
                                 uint32_t size)
{
    uint32_t start = boot_get32(tag + MB2_MOD_START);
    uint32_t end = boot_get32(tag + MB2_MOD_END);

    boot_info_add_module(bi, start, end > start ? end - start : 0,
                         tag_string(tag, size, MB2_MOD_STRING));
}

HV_INIT static void parse_framebuffer(struct boot_info *bi, const uint8_t *tag,
                                      uint32_t size)
{
    const uint8_t *p = tag + MB2_FB;

    if (p[MBFB_TYPE] != MBFB_TYPE_RGB || size < MB2_FB + MBFB_COLOUR2 + 6)
        return;
    boot_info_set_framebuffer(bi, &(struct boot_framebuffer){
        .base = boot_get64(p + MBFB_ADDR),
        .pitch_bytes = boot_get32(p + MBFB_PITCH),
        .width = boot_get32(p + MBFB_WIDTH),
        .height = boot_get32(p + MBFB_HEIGHT),
        .bpp = p[MBFB_BPP],
        .red_pos = p[MBFB_COLOUR2],
        .red_bits = p[MBFB_COLOUR2 + 1],
        .green_pos = p[MBFB_COLOUR2 + 2],
        .green_bits = p[MBFB_COLOUR2 + 3],
        .blue_pos = p[MBFB_COLOUR2 + 4],
        .blue_bits = p[MBFB_COLOUR2 + 5],
    });
}

/* The RSDP comes as a copy; the new tag (revision 2 and up) beats the old. */
HV_INIT static void parse_acpi(struct boot_info *bi, const uint8_t *tag,
                               uint32_t size, uint32_t type)
{
    uint32_t want = type == MB2_ACPI_NEW ? 36 : 20;

    if (size - MB2_TAG_DATA < want) {
        boot_warn(bi, "ACPI tag: %u bytes, not used", size);
        return;
    }
    if (bi->has_acpi_copy && type == MB2_ACPI_OLD)
        return;
    memset(bi->acpi_rsdp, 0, sizeof(bi->acpi_rsdp));
    memcpy(bi->acpi_rsdp, tag + MB2_TAG_DATA, want);
    bi->has_acpi_copy = true;
}

/* Ours is known by its whole name, NUL included. */
HV_INIT static void parse_loader_name(struct boot_info *bi, const uint8_t *tag,
                                      uint32_t size)
{
    boot_info_loader_name(bi, (const char *)tag + MB2_TAG_DATA, size - MB2_TAG_DATA);
    if (size - MB2_TAG_DATA >= sizeof(MB2_LOADER_EFI) &&
        memcmp(tag + MB2_TAG_DATA, MB2_LOADER_EFI, sizeof(MB2_LOADER_EFI)) == 0)
        bi->loader = BOOT_EFI;
}

HV_INIT static void parse_efi(struct boot_info *bi, const uint8_t *tag, uint32_t type)
{
    bi->efi_is_64 = type == MB2_EFI64;
    bi->efi_system_table = bi->efi_is_64 ? boot_get64(tag + MB2_TAG_DATA)
                                         : boot_get32(tag + MB2_TAG_DATA);
}

struct mb2_basic {
    bool present;
    uint32_t lower_kib, upper_kib;
};

/* The least size of each tag that is looked at; shorter ones are refused. */
HV_INIT static uint32_t tag_min_size(uint32_t type)
{
    switch (type) {
    case MB2_CMDLINE:
        return MB2_TAG_DATA;
    case MB2_MODULE:
        return MB2_MOD_STRING;
    case MB2_BASIC_MEMORY:
        return 16;
    case MB2_MMAP:
        return MB2_MMAP_ENTRIES;
    case MB2_FRAMEBUFFER:
        return MB2_FB_BYTES;
    case MB2_EFI32:
        return 12;
    case MB2_EFI64:
        return 16;
    case MB2_SMBIOS:
        return MB2_SMBIOS_TABLE;
    default:
        return MB2_TAG_DATA;
    }
}

HV_INIT static void parse_tag(struct boot_info *bi, const uint8_t *tag,
                              uint32_t size, struct mb2_basic *basic)
{
    uint32_t type = boot_get32(tag + MB2_TAG_TYPE);

    if (size < tag_min_size(type)) {
        boot_complain(bi, "multiboot2 tag %u: %u bytes, too short, ignored",
                      type, size);
        return;
    }
    switch (type) {
    case MB2_CMDLINE:
        boot_info_set_cmdline(bi, tag_string(tag, size, MB2_TAG_DATA));
        break;
    case MB2_LOADER_NAME:
        parse_loader_name(bi, tag, size);
        break;
    case MB2_MODULE:
        parse_module(bi, tag, size);
        break;
    case MB2_BASIC_MEMORY:
        *basic = (struct mb2_basic){true, boot_get32(tag + 8),
                                    boot_get32(tag + 12)};
        break;
    case MB2_MMAP:
        parse_mmap(bi, tag, size);
        break;
    case MB2_FRAMEBUFFER:
        parse_framebuffer(bi, tag, size);
        break;
    case MB2_EFI32:
    case MB2_EFI64:
        parse_efi(bi, tag, type);
        break;
    case MB2_SMBIOS:
        smbios_parse(&machine_info, tag + MB2_SMBIOS_TABLE, size - MB2_SMBIOS_TABLE);
        break;
    case MB2_ACPI_OLD:
    case MB2_ACPI_NEW:
        parse_acpi(bi, tag, size, type);
        break;
    default:
        break; /* of no use here */
    }
}

HV_INIT static void parse_tags(struct boot_info *bi, const uint8_t *p,
                               uint32_t left)
{
    struct mb2_basic basic = {0};
    bool ended = false;

    while (left >= MB2_TAG_DATA) {
        uint32_t size = boot_get32(p + MB2_TAG_SIZE);
        uint32_t step;

        if (boot_get32(p + MB2_TAG_TYPE) == MB2_END) {
            ended = true;
            break;
        }
        if (size < MB2_TAG_DATA || size > left)
            break;
        parse_tag(bi, p, size, &basic);
        step = hv_min_u32((size + 7) & ~7u, left);
        p += step;
        left -= step;
    }
    if (!ended)
        boot_complain(bi, "multiboot2 information: broken off before its end "
                      "tag, the rest is ignored");
    if (bi->nr_regions == 0 && basic.present)
        boot_info_add_basic_memory(bi, basic.lower_kib, basic.upper_kib);
}

HV_INIT void multiboot2_parse(struct boot_info *bi, uint32_t info_pa)
{
    const uint8_t *p = boot_phys(info_pa, MB2_HEADER_BYTES);
    uint32_t total = p ? boot_get32(p + MB2_TOTAL) : 0;

    bi->loader = BOOT_MULTIBOOT2;
    if (total > MB2_MAX_BYTES) {
        boot_warn(bi, "multiboot2 information: %u bytes long, the first %u are "
                  "used", total, MB2_MAX_BYTES);
        total = MB2_MAX_BYTES;
    }
    if (total >= MB2_HEADER_BYTES)
        p = boot_phys(info_pa, total);
    if (!p || total < MB2_HEADER_BYTES) {
        boot_complain(bi, "multiboot2 information at 0x%x is not readable",
                      info_pa);
        return;
    }
    parse_tags(bi, p + MB2_HEADER_BYTES, total - MB2_HEADER_BYTES);
}
