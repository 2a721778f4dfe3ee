/* SPDX-License-Identifier: MIT */
/* SMBIOS structures and entry points of any bytes: names end, are printable, and
 * an entry point that is believed has a right sum. */
#include "fuzz.h"

#include "../../drivers/firmware/smbios.h"
#include "hv/firmware.h"

#define CHECK(text) \
    do { \
        size_t left = strnlen(text, sizeof(text)); \
        FUZZ_ASSERT(left < sizeof(text)); \
        while (left-- > 0) \
            FUZZ_ASSERT((text)[left] >= ' ' && (text)[left] <= '~'); \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct machine_info m = {.vendor = ""};
    struct smbios_entry e;
    uint32_t n = size > 0x10000 ? 0x10000 : (uint32_t)size;
    uint8_t sum = 0;

    smbios_parse(&m, data, n);
    CHECK(m.vendor);
    CHECK(m.product);
    CHECK(m.version);
    CHECK(m.board_vendor);
    CHECK(m.board);
    CHECK(m.bios_vendor);
    CHECK(m.bios_version);
    CHECK(m.bios_date);
    if (!smbios_parse_entry(data, n, &e))
        return 0;
    for (uint32_t i = 0; i < data[data[3] == '3' ? 6 : 5]; i++)
        sum = (uint8_t)(sum + data[i]);
    FUZZ_ASSERT(n >= 24 && sum == 0);
    return 0;
}
