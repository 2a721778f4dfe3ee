/* SPDX-License-Identifier: MIT */
/* Random bytes: RDRAND where the CPU has it, and always the jitter of the TSC
 * against a port access, stirred together by the ChaCha permutation.  What
 * leaves is a one-way image of the state, so that bytes given to one guest say
 * nothing about those of the next. */
#include "hv/arch_if.h"

#include "arch/cpu.h"
#include "arch/io.h"
#include "hv/string.h"

#define STATE_WORDS 16u
#define RATE_WORDS 8u /* the other half never leaves */
#define ROUNDS 10u    /* double rounds */
#define JITTER_SAMPLES 128u
#define RDRAND_TRIES 10u

static uint32_t state[STATE_WORDS];
static bool seeded;

static uint32_t rotate(uint32_t v, uint32_t n)
{
    return v << n | v >> (32 - n);
}

static void quarter_round(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    state[a] += state[b];
    state[d] = rotate(state[d] ^ state[a], 16);
    state[c] += state[d];
    state[b] = rotate(state[b] ^ state[c], 12);
    state[a] += state[b];
    state[d] = rotate(state[d] ^ state[a], 8);
    state[c] += state[d];
    state[b] = rotate(state[b] ^ state[c], 7);
}

/* The old state is added at the end, so that it cannot be run backwards. */
static void stir(void)
{
    uint32_t before[STATE_WORDS];

    memcpy(before, state, sizeof(before));
    for (uint32_t i = 0; i < ROUNDS; i++) {
        for (uint32_t c = 0; c < 4; c++)
            quarter_round(c, 4 + c, 8 + c, 12 + c);
        for (uint32_t c = 0; c < 4; c++)
            quarter_round(c, 4 + (c + 1) % 4, 8 + (c + 2) % 4, 12 + (c + 3) % 4);
    }
    for (uint32_t i = 0; i < STATE_WORDS; i++)
        state[i] += before[i];
    memset(before, 0, sizeof(before));
}

static bool rdrand(uint32_t *v)
{
    uint8_t ok = 0;

    for (uint32_t i = 0; cpu_features.rdrand && !ok && i < RDRAND_TRIES; i++)
        __asm__ volatile("rdrand %0; setc %1" : "=r"(*v), "=qm"(ok) : : "cc");
    return ok != 0;
}

/* Folds the low bits of many time differences into the state. */
static void absorb_jitter(uint32_t samples)
{
    uint64_t last = cpu_rdtsc();

    for (uint32_t i = 0; i < samples; i++) {
        uint64_t now;

        io_delay();
        now = cpu_rdtsc();
        state[i % RATE_WORDS] =
            rotate(state[i % RATE_WORDS], 5) ^ (uint32_t)(now - last);
        last = now;
    }
    state[0] ^= (uint32_t)last;
    state[1] ^= (uint32_t)(last >> 32);
}

void arch_entropy(void *buf, uint32_t bytes)
{
    uint8_t *out = buf;
    uint32_t word = 0;

    absorb_jitter(seeded ? 4 : JITTER_SAMPLES);
    seeded = true;
    while (bytes > 0) {
        uint32_t n = hv_min_u32(bytes, RATE_WORDS * 4);

        for (uint32_t i = 0; i < RATE_WORDS; i++) {
            if (rdrand(&word))
                state[i] ^= word;
        }
        stir();
        memcpy(out, state, n);
        stir(); /* what was given out is not the state any more */
        out += n;
        bytes -= n;
    }
}
