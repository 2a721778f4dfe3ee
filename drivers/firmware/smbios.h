/* SPDX-License-Identifier: MIT */
/* SMBIOS entry points as bytes (SMBIOS 3.5 section 5.2). Pure; private to
 * drivers/firmware/. */
#pragma once

#include "hv/types.h"

struct smbios_entry {
    uint64_t table;
    uint32_t bytes; /* at most */
};

#define SMBIOS_ENTRY_BYTES 32u /* the longer of the two kinds has 31 */

/* An entry point with n bytes to read, "_SM_" or "_SM3_": anchor, length and sum
 * are checked. */
bool smbios_parse_entry(const uint8_t *p, uint32_t n, struct smbios_entry *out)
    HV_MUST_CHECK;
