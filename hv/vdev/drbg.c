/* SPDX-License-Identifier: MIT */
/* ChaCha20 (RFC 8439) as a random generator with fast key erasure.  The key is
 * all the state there is; every request replaces it, fresh entropy is mixed in
 * after a number of bytes or a time.  No key byte is ever output. */
#include "drbg.h"

#include "hv/arch_if.h"
#include "hv/sched.h"
#include "hv/string.h"

#define RESEED_BYTES HV_KIB(64)
#define RESEED_NS (60ull * 1000000000ull)

static uint32_t rotate_left(uint32_t x, uint32_t n)
{
    return x << n | x >> (32 - n);
}

/* RFC 8439, 2.1. */
static void quarter_round(uint32_t s[16], uint32_t a, uint32_t b, uint32_t c,
                          uint32_t d)
{
    s[a] += s[b];
    s[d] = rotate_left(s[d] ^ s[a], 16);
    s[c] += s[d];
    s[b] = rotate_left(s[b] ^ s[c], 12);
    s[a] += s[b];
    s[d] = rotate_left(s[d] ^ s[a], 8);
    s[c] += s[d];
    s[b] = rotate_left(s[b] ^ s[c], 7);
}

static void double_round(uint32_t s[16])
{
    for (uint32_t i = 0; i < 4; i++)
        quarter_round(s, i, 4 + i, 8 + i, 12 + i);
    for (uint32_t i = 0; i < 4; i++)
        quarter_round(s, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
}

/* Erases secrets; the barrier keeps the compiler from dropping the stores. */
static void wipe(void *p, size_t n)
{
    memset(p, 0, n);
    __asm__ volatile("" : : "r"(p) : "memory");
}

void chacha20_block(const uint32_t key[8], uint32_t counter,
                    const uint32_t nonce[3], uint8_t out[64])
{
    uint32_t in[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    uint32_t s[16];

    memcpy(&in[4], key, 32);
    in[12] = counter;
    memcpy(&in[13], nonce, 12);
    memcpy(s, in, sizeof(s));
    for (uint32_t i = 0; i < 10; i++)
        double_round(s);
    for (uint32_t i = 0; i < 16; i++)
        s[i] += in[i];
    memcpy(out, s, 64); /* little-endian, as x86 is */
    wipe(s, sizeof(s));
    wipe(in, sizeof(in));
}

static const uint32_t no_nonce[3];

#define BLOCKS_A_STEP 2u /* between preemption points: some 4,000 instructions each */

static void reseed(struct drbg *d)
{
    uint32_t fresh[8];
    uint8_t block[64];

    arch_entropy(fresh, sizeof(fresh));
    for (uint32_t i = 0; i < 8; i++)
        d->key[i] ^= fresh[i];
    chacha20_block(d->key, 0, no_nonce, block);
    memcpy(d->key, block, sizeof(d->key));
    d->bytes_left = RESEED_BYTES;
    d->reseed_ns = arch_time_ns() + RESEED_NS;
    wipe(fresh, sizeof(fresh));
    wipe(block, sizeof(block));
}

void drbg_init(struct drbg *d)
{
    memset(d, 0, sizeof(*d));
    reseed(d);
}

void drbg_bytes(struct drbg *d, uint8_t *out, uint32_t bytes)
{
    uint8_t block[64];
    uint32_t next_key[8];
    uint32_t done = 0;

    bytes = hv_min_u32(bytes, DRBG_MAX_BYTES);
    if (d->bytes_left < bytes || arch_time_ns() >= d->reseed_ns) {
        reseed(d);
        sched_point(); /* as much work as what follows */
    }
    d->bytes_left -= bytes;

    /* Block 0: the next key and the first 32 bytes of output. */
    chacha20_block(d->key, 0, no_nonce, block);
    memcpy(next_key, block, sizeof(next_key));
    for (uint32_t counter = 1, from = 32; done < bytes; counter++, from = 0) {
        uint32_t n = hv_min_u32(bytes - done, 64 - from);

        memcpy(out + done, block + from, n);
        done += n;
        if (done < bytes)
            chacha20_block(d->key, counter, no_nonce, block);
        if (counter % BLOCKS_A_STEP == 0)
            sched_point(); /* nobody else uses this generator */
    }
    memcpy(d->key, next_key, sizeof(d->key));
    wipe(next_key, sizeof(next_key));
    wipe(block, sizeof(block));
}
