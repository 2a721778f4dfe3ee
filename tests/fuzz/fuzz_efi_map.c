/* SPDX-License-Identifier: MIT */
/* A firmware's memory map of any bytes: the size of an entry, then entries. The
 * block that comes out is one that the monitor reads to its end. */
#include "efi/info.h"
#include "fuzz.h"

#define ROOM 8192u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    uint32_t step = fuzz_take(&in, 1), room = fuzz_take(&in, 2) % ROOM, total;
    uint8_t *entries = malloc(in.n > 0 ? in.n : 1), *block = malloc(room + 1);
    struct info_map map = {entries, (uint32_t)in.n, step};
    struct info out;

    memcpy(entries, in.p, in.n);
    info_begin(&out, block, room);
    info_memory_map(&out, &map);
    if (info_end(&out)) {
        memcpy(&total, block, 4);
        FUZZ_ASSERT(total == out.used && total <= room && total % 8 == 0);
    }
    (void)info_map_is_free(&map, 0x100000, 0x100000);
    free(entries);
    free(block);
    return 0;
}
