/* SPDX-License-Identifier: MIT */
/* For every fuzz target: the entry point, a check that stays on, and bytes taken
 * one after the other off the input. */
#pragma once

#include "hv/types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_ASSERT(e) \
    do { \
        if (!(e)) { \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #e); \
            abort(); \
        } \
    } while (0)

struct fuzz_input {
    const uint8_t *p;
    size_t n;
};

/* Little-endian, zero behind the end. */
static inline uint32_t fuzz_take(struct fuzz_input *in, uint32_t bytes)
{
    uint32_t v = 0;

    for (uint32_t i = 0; i < bytes && in->n > 0; i++, in->p++, in->n--)
        v |= (uint32_t)*in->p << (8 * i);
    return v;
}
