/* SPDX-License-Identifier: MIT */
/* PVH start information of any bytes (tests/fuzz/check_boot.h).
 * units: boot/boot_info.c boot/memory_map.c boot/quoting.c
 * units: boot/multiboot.c boot/multiboot1.c boot/multiboot2.c boot/pvh.c
 */
#include "check_boot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_boot(BOOT_MAGIC_PVH, data, size);
}
