/* SPDX-License-Identifier: MIT */
/* PVH start information of any bytes (tests/fuzz/check_boot.h). */
#include "check_boot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_boot(BOOT_MAGIC_PVH, data, size);
}
