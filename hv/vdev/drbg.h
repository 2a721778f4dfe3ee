/* SPDX-License-Identifier: MIT */
/* Random bytes for guests: ChaCha20 with fast key erasure.  Each request
 * replaces the key with output that nobody sees, so that a later look at the
 * state tells nothing about earlier output. */
#pragma once

#include "hv/types.h"

struct drbg {
    uint32_t key[8];
    uint32_t bytes_left; /* until fresh entropy is mixed in */
    uint64_t reseed_ns;  /* or at this time, whichever comes first */
};

/* One block of the ChaCha20 key stream (RFC 8439, 2.3). */
void chacha20_block(const uint32_t key[8], uint32_t counter,
                    const uint32_t nonce[3], uint8_t out[64]);

/* Seeds from arch_entropy(). */
void drbg_init(struct drbg *d);

/* At most this many bytes per call. */
#define DRBG_MAX_BYTES 256u

void drbg_bytes(struct drbg *d, uint8_t *out, uint32_t bytes);
