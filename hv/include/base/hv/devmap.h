/* SPDX-License-Identifier: MIT */
/* The part of hv/arch_if.h that drivers need too: from the physical address of a
 * device or of a firmware table to a pointer.  After paging is on. */
#pragma once

#include "hv/addr.h"

/* Device registers, uncached, for good. NULL when the space for them is used
 * up or the CPU has no such address. */
void *arch_map_device(hpa_t pa, uint32_t bytes);

/* Firmware tables and other memory that is no RAM of ours, read-only, for good;
 * below the direct map's end at the identity, else like a device. NULL as above. */
const void *arch_map_firmware(hpa_t pa, uint32_t bytes);
