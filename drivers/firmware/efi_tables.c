/* SPDX-License-Identifier: MIT */
/* From the EFI system table to one of its configuration tables.  The firmware
 * has 32- or 64-bit pointers; the loader's tag says which.  Nothing of EFI is
 * called: its boot services have ended. */
#include "efi_tables.h"

#include "hv/boot_info.h"
#include "hv/bytes.h"
#include "hv/devmap.h"
#include "hv/string.h"

#define MAX_TABLES 256u
#define GUID_BYTES 16u

/* Offsets in the system table and its entries, by the size of a pointer. */
static const struct layout {
    uint32_t bytes, count, list, entry_bytes;
} layouts[2] = {
    {72, 64, 68, GUID_BYTES + 4},
    {120, 104, 112, GUID_BYTES + 8},
};

static const uint8_t guids[][GUID_BYTES] = {
    [EFI_TABLE_ACPI_20] = {0x71, 0xe8, 0x68, 0x88, 0xf1, 0xe4, 0xd3, 0x11,
                           0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81},
    [EFI_TABLE_ACPI_10] = {0x30, 0x2d, 0x9d, 0xeb, 0x88, 0x2d, 0xd3, 0x11,
                           0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d},
    [EFI_TABLE_SMBIOS3] = {0x44, 0x15, 0xfd, 0xf2, 0x94, 0x97, 0x2c, 0x4a,
                           0x99, 0x2e, 0xe5, 0xbb, 0xcf, 0x20, 0xe3, 0x94},
    [EFI_TABLE_SMBIOS] = {0x31, 0x2d, 0x9d, 0xeb, 0x88, 0x2d, 0xd3, 0x11,
                          0x9a, 0x16, 0x00, 0x90, 0x27, 0x3f, 0xc1, 0x4d},
};

HV_INIT static uint64_t get_pointer(const uint8_t *p)
{
    return boot_info.efi_is_64 ? get64(p) : get32(p);
}

HV_INIT uint64_t efi_find_table(enum efi_table which)
{
    const struct layout *l = &layouts[boot_info.efi_is_64];
    const uint8_t *t = boot_info.efi_system_table == 0 ? NULL
        : arch_map_firmware(HPA(boot_info.efi_system_table), l->bytes);
    uint32_t n;

    if (t == NULL || memcmp(t, "IBI SYST", 8) != 0)
        return 0;
    n = get32(t + l->count);
    if (n == 0 || n > MAX_TABLES)
        return 0;
    t = arch_map_firmware(HPA(get_pointer(t + l->list)), n * l->entry_bytes);
    for (; t != NULL && n > 0; n--, t += l->entry_bytes) {
        if (memcmp(t, guids[which], GUID_BYTES) == 0)
            return get_pointer(t + GUID_BYTES);
    }
    return 0;
}
