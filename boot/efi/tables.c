/* SPDX-License-Identifier: MIT */
/* What the firmware knows and the monitor wants: the screen, ACPI, SMBIOS (UEFI
 * 2.10, sections 4.6 and 12.9). */
#include "firmware.h"

#include "hv/string.h"

#include <efi.h>

static EFI_SYSTEM_TABLE *table(void)
{
    return (EFI_SYSTEM_TABLE *)(uintptr_t)fw_system_table();
}

/* ---- screen ---- */

static EFI_GUID gop_guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;

/* False if the mode is not linear memory. */
static bool set_format(struct info_framebuffer *fb,
                       const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *mode)
{
    EFI_PIXEL_BITMASK m = mode->PixelInformation;

    if (mode->PixelFormat == PixelRedGreenBlueReserved8BitPerColor)
        m = (EFI_PIXEL_BITMASK){0xff, 0xff00, 0xff0000, 0xff000000};
    else if (mode->PixelFormat == PixelBlueGreenRedReserved8BitPerColor)
        m = (EFI_PIXEL_BITMASK){0xff0000, 0xff00, 0xff, 0xff000000};
    else if (mode->PixelFormat != PixelBitMask)
        return false;
    return info_set_masks(fb, m.RedMask, m.GreenMask, m.BlueMask, m.ReservedMask);
}

static bool use_screen(struct info_framebuffer *fb, EFI_HANDLE handle)
{
    EFI_GRAPHICS_OUTPUT_PROTOCOL *gop;
    const EFI_GRAPHICS_OUTPUT_MODE_INFORMATION *mode;
    void *p;

    if (table()->BootServices->HandleProtocol(handle, &gop_guid, &p) != EFI_SUCCESS)
        return false;
    gop = p;
    if (!gop->Mode || !gop->Mode->Info)
        return false;
    mode = gop->Mode->Info;
    if (gop->Mode->FrameBufferBase == 0 || !set_format(fb, mode))
        return false;
    fb->base = gop->Mode->FrameBufferBase;
    fb->width = mode->HorizontalResolution;
    fb->height = mode->VerticalResolution;
    fb->pitch_bytes = mode->PixelsPerScanLine * (fb->bpp / 8u);
    return true;
}

bool fw_find_framebuffer(struct info_framebuffer *fb)
{
    EFI_HANDLE handles[16];
    UINTN bytes = sizeof(handles);

    *fb = (struct info_framebuffer){0};
    /* The one that the firmware writes to; it may be several at once, which has
     * no memory of its own. */
    if (use_screen(fb, table()->ConsoleOutHandle))
        return true;
    if (table()->BootServices->LocateHandle(ByProtocol, &gop_guid, NULL, &bytes,
                                            handles) != EFI_SUCCESS)
        return true;
    for (uint32_t i = 0; i < bytes / sizeof(handles[0]); i++) {
        if (use_screen(fb, handles[i]))
            return true;
    }
    return bytes == 0;
}

/* ---- configuration tables ---- */

static const uint8_t *find_table(EFI_GUID guid)
{
    const EFI_SYSTEM_TABLE *st = table();

    for (UINTN i = 0; i < st->NumberOfTableEntries; i++) {
        const EFI_CONFIGURATION_TABLE *t = &st->ConfigurationTable[i];

        if (memcmp(&t->VendorGuid, &guid, sizeof(guid)) == 0)
            return t->VendorTable;
    }
    return NULL;
}

const uint8_t *fw_find_rsdp(void)
{
    const uint8_t *p = find_table((EFI_GUID)ACPI_20_TABLE_GUID);

    if (!p)
        p = find_table((EFI_GUID)ACPI_TABLE_GUID);
    return p && memcmp(p, "RSD PTR ", 8) == 0 ? p : NULL;
}

/* DSP0134 3.6, sections 5.2.1 and 5.2.2. The offsets are unaligned. */
enum {
    SM2_MAJOR = 0x06,
    SM2_BYTES = 0x16,
    SM2_TABLE = 0x18,
    SM3_MAJOR = 0x07,
    SM3_BYTES = 0x0c,
    SM3_TABLE = 0x10,
};

static const EFI_GUID smbios3_guid = {
    0xf2fd1544, 0x9794, 0x4a2c, {0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94}};

void fw_find_smbios(struct fw_smbios *s)
{
    const uint8_t *p = find_table(smbios3_guid);
    uint64_t at = 0;

    *s = (struct fw_smbios){0};
    if (p && memcmp(p, "_SM3_", 5) == 0) {
        memcpy(&s->bytes, p + SM3_BYTES, 4);
        memcpy(&at, p + SM3_TABLE, 8);
        s->major = p[SM3_MAJOR];
        s->minor = p[SM3_MAJOR + 1];
    } else {
        p = find_table((EFI_GUID)SMBIOS_TABLE_GUID);
        if (!p || memcmp(p, "_SM_", 4) != 0)
            return;
        memcpy(&s->bytes, p + SM2_BYTES, 2);
        memcpy(&at, p + SM2_TABLE, 4);
        s->major = p[SM2_MAJOR];
        s->minor = p[SM2_MAJOR + 1];
    }
    /* A 32-bit loader cannot look above 4 GiB. */
    if (at > UINTPTR_MAX - SMBIOS_MAX_BYTES || s->bytes > SMBIOS_MAX_BYTES)
        at = 0;
    s->table = (const uint8_t *)(uintptr_t)at;
}
