/* SPDX-License-Identifier: MIT */
/* A monitor's file of any bytes: what is accepted can be copied segment by segment
 * without leaving the file or the promised range. */
#include "efi/image.h"
#include "fuzz.h"

#include "hv/range.h"

static void check(const struct image *im, uint32_t size)
{
    FUZZ_ASSERT(im->n >= 1 && im->n <= IMAGE_MAX_SEGMENTS);
    FUZZ_ASSERT(im->base >= HV_MIB(1) && im->bytes <= IMAGE_MAX_SPAN);
    FUZZ_ASSERT(im->bytes <= UINT32_MAX - im->base + 1ull);
    FUZZ_ASSERT(range_fits64(im->entry - (uint64_t)im->base, 1, im->bytes));
    for (uint32_t i = 0; i < im->n; i++) {
        const struct image_segment *s = &im->segment[i];

        FUZZ_ASSERT(s->bytes > 0 && s->file_bytes <= s->bytes);
        FUZZ_ASSERT(range_fits(s->from, s->file_bytes, size));
        FUZZ_ASSERT(s->to >= im->base &&
                    range_fits(s->to - im->base, s->bytes, im->bytes));
        for (uint32_t k = 0; k < i; k++)
            FUZZ_ASSERT(!range_overlaps64(s->to, s->bytes, im->segment[k].to,
                                          im->segment[k].bytes));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct image im;
    uint8_t *file = malloc(size > 0 ? size : 1);

    memcpy(file, data, size);
    if (!image_parse(&im, file, (uint32_t)size))
        check(&im, (uint32_t)size);
    free(file);
    return 0;
}
