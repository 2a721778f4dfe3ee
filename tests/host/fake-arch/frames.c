/* SPDX-License-Identifier: MIT */
/* Host frames as memory of the test process.  The first 256 MiB are one
 * reservation, so that code may walk from a frame into the next; above it
 * chunks appear when they are touched. */
#include "fake.h"

#include "hv/frame.h"
#include "test.h"

#include <sys/mman.h>

#define LOW_FRAMES 0x10000u
#define CHUNK_FRAMES 256u
#define CHUNKS (0x1000000u / CHUNK_FRAMES) /* 24-bit frame numbers */

static uint8_t *low;
static uint8_t *chunks[CHUNKS];

static uint8_t *reserve(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    REQUIRE(p != MAP_FAILED);
    return p;
}

void *frame_ptr(hfn_t f)
{
    uint32_t chunk = f.v / CHUNK_FRAMES;

    if (!low)
        low = reserve((size_t)LOW_FRAMES * HV_PAGE_SIZE);
    if (f.v < LOW_FRAMES)
        return low + (size_t)f.v * HV_PAGE_SIZE;
    REQUIRE(chunk < CHUNKS);
    if (!chunks[chunk])
        chunks[chunk] = reserve(CHUNK_FRAMES * HV_PAGE_SIZE);
    return chunks[chunk] + (size_t)(f.v % CHUNK_FRAMES) * HV_PAGE_SIZE;
}

hfn_t frame_of_ptr(const void *p)
{
    const uint8_t *b = p;

    if (low && b >= low && b < low + (size_t)LOW_FRAMES * HV_PAGE_SIZE)
        return HFN((size_t)(b - low) / HV_PAGE_SIZE);
    for (uint32_t i = 0; i < CHUNKS; i++) {
        if (chunks[i] && b >= chunks[i] &&
            b < chunks[i] + CHUNK_FRAMES * HV_PAGE_SIZE)
            return HFN(i * CHUNK_FRAMES + (uint32_t)((b - chunks[i]) /
                                                     (long)HV_PAGE_SIZE));
    }
    REQUIRE(!"pointer into a frame");
    return HFN_NONE;
}
