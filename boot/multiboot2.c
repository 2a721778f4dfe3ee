/* SPDX-License-Identifier: MIT */
/* Multiboot2 information: GRUB `multiboot2` on any firmware, the native form.
 * One block of tags, each of its own size, padded to 8 bytes.  All that is read
 * lies inside the block, module contents aside, so the walk sees (bytes,
 * length) only. */
#include "boot.h"
#include "multiboot.h"

#include "hv/bytes.h"
#include "hv/firmware.h"
#include "hv/string.h"

HV_INIT static struct boot_string tag_string(const uint8_t *tag, uint32_t size,
                                             uint32_t at)
{
    return (struct boot_string){(const char *)tag + at, size - at, 0};
}

HV_INIT static void parse_cmdline(struct boot_info *bi, const uint8_t *tag, uint32_t size)
{
    boot_info_set_cmdline(bi, tag_string(tag, size, MB2_TAG_DATA));
}

HV_INIT static void parse_basic_memory(struct boot_info *bi, const uint8_t *tag, uint32_t size)
{
    (void)size;
    bi->lower_kib = get32(tag + MB2_TAG_DATA);
    bi->upper_kib = get32(tag + MB2_TAG_DATA + 4);
}

HV_INIT static void parse_mmap(struct boot_info *bi, const uint8_t *tag,
                               uint32_t size)
{
    uint32_t step = get32(tag + MB2_MMAP_ENTRY_SIZE);

    size = multiboot_map_bytes(bi, size);
    if (step < MB2_MMAP_ENTRY_MIN) {
        boot_warn(bi, "memory map: entries of %u bytes, not used", step);
        return;
    }
    for (uint32_t at = MB2_MMAP_ENTRIES; size - at >= step; at += step)
        boot_info_add_map_entry(bi, (const void *)(tag + at));
}

HV_INIT static void parse_module(struct boot_info *bi, const uint8_t *tag,
                                 uint32_t size)
{
    multiboot_add_module(bi, get32(tag + MB2_MOD_START), get32(tag + MB2_MOD_END),
                         tag_string(tag, size, MB2_MOD_STRING));
}

HV_INIT static void parse_framebuffer(struct boot_info *bi, const uint8_t *tag,
                                      uint32_t size)
{
    const struct mb2_framebuffer *t = (const void *)tag;

    if (size >= sizeof(*t))
        multiboot_set_framebuffer(bi, &t->fb, &t->colours);
}

/* The RSDP comes as a copy; the new tag (revision 2 and up) beats the old. */
HV_INIT static void parse_acpi(struct boot_info *bi, const uint8_t *tag, uint32_t size)
{
    bool is_new = get32(tag + MB2_TAG_TYPE) == MB2_ACPI_NEW;
    uint32_t want = is_new ? 36 : 20;

    if (size - MB2_TAG_DATA < want) {
        boot_warn(bi, "ACPI tag: %u bytes, not used", size);
        return;
    }
    if (bi->has_acpi_copy && !is_new)
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

HV_INIT static void parse_efi(struct boot_info *bi, const uint8_t *tag, uint32_t size)
{
    (void)size;
    bi->efi_is_64 = get32(tag + MB2_TAG_TYPE) == MB2_EFI64;
    bi->efi_system_table = bi->efi_is_64 ? get64(tag + MB2_TAG_DATA)
                                         : get32(tag + MB2_TAG_DATA);
}

HV_INIT static void parse_smbios(struct boot_info *bi, const uint8_t *tag, uint32_t size)
{
    (void)bi;
    smbios_parse(&machine_info, tag + MB2_SMBIOS_TABLE, size - MB2_SMBIOS_TABLE);
}

/* The tags that are of use here. Shorter ones are refused. */
static const struct tag {
    uint32_t type, min_bytes;
    void (*parse)(struct boot_info *bi, const uint8_t *tag, uint32_t size);
} tags[] = {
    {MB2_CMDLINE, MB2_TAG_DATA, parse_cmdline},
    {MB2_LOADER_NAME, MB2_TAG_DATA, parse_loader_name},
    {MB2_MODULE, MB2_MOD_STRING, parse_module},
    {MB2_BASIC_MEMORY, 16, parse_basic_memory},
    {MB2_MMAP, MB2_MMAP_ENTRIES, parse_mmap},
    {MB2_FRAMEBUFFER, offsetof(struct mb2_framebuffer, reserved), parse_framebuffer},
    {MB2_EFI32, 12, parse_efi},
    {MB2_EFI64, 16, parse_efi},
    {MB2_SMBIOS, MB2_SMBIOS_TABLE, parse_smbios},
    {MB2_ACPI_OLD, MB2_TAG_DATA, parse_acpi},
    {MB2_ACPI_NEW, MB2_TAG_DATA, parse_acpi},
};

HV_INIT static void parse_tag(struct boot_info *bi, const uint8_t *p, uint32_t size)
{
    uint32_t type = get32(p + MB2_TAG_TYPE);

    for (const struct tag *t = tags; t < tags + HV_ARRAY_SIZE(tags); t++) {
        if (t->type != type)
            continue;
        if (size >= t->min_bytes)
            t->parse(bi, p, size);
        else
            boot_complain(bi, "multiboot2 tag %u: %u bytes, too short, ignored",
                          type, size);
    }
}

HV_INIT static void parse_tags(struct boot_info *bi, const uint8_t *p,
                               uint32_t left)
{
    bool ended = false;

    while (left >= MB2_TAG_DATA) {
        uint32_t size = get32(p + MB2_TAG_SIZE);
        uint32_t step;

        if (get32(p + MB2_TAG_TYPE) == MB2_END) {
            ended = true;
            break;
        }
        if (size < MB2_TAG_DATA || size > left)
            break;
        parse_tag(bi, p, size);
        step = hv_min_u32((size + 7) & ~7u, left);
        p += step;
        left -= step;
    }
    if (!ended)
        boot_complain(bi, "multiboot2 information: broken off before its end "
                      "tag, the rest is ignored");
}

HV_INIT void multiboot2_parse(struct boot_info *bi, uint32_t info_pa)
{
    const uint8_t *p = boot_phys(info_pa, MB2_HEADER_BYTES);
    uint32_t total = p ? get32(p + MB2_TOTAL) : 0;

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
