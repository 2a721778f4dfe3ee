/* SPDX-License-Identifier: MIT */
/* The configuration tables that EFI leaves behind (UEFI 2.9 section 4.6); private
 * to drivers/firmware/. */
#pragma once

#include "hv/types.h"

enum efi_table { EFI_TABLE_ACPI_20, EFI_TABLE_ACPI_10, EFI_TABLE_SMBIOS3, EFI_TABLE_SMBIOS };

/* Physical address of a configuration table, 0 if there is none or the machine
 * was not started by EFI. With paging, while boot_info is there. */
uint64_t efi_find_table(enum efi_table which);
