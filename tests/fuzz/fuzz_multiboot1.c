/* SPDX-License-Identifier: MIT */
/* Multiboot 1 information of any bytes (tests/fuzz/check_boot.h). */
#include "check_boot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_boot(BOOT_MAGIC_MULTIBOOT1, data, size);
}
