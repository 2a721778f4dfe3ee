/* SPDX-License-Identifier: MIT */
/* Bitmaps in three levels, for millions of bits. */
#include "hv/bitmap.h"

#include "hv/assert.h"
#include "hv/string.h"

static uint32_t words_for(uint32_t bits)
{
    return bits / 32 + (bits % 32 != 0);
}

uint32_t bitmap_bytes(uint32_t bits)
{
    uint32_t words = 0;

    for (uint32_t l = 0; l < BITMAP_LEVELS; l++)
        words += bits = words_for(bits);
    return words * 4;
}

void bitmap_init(struct bitmap *b, void *memory, uint32_t bits)
{
    uint32_t *at = memory;

    for (uint32_t l = 0; l < BITMAP_LEVELS; l++) {
        bits = words_for(bits);
        b->words[l] = bits;
        b->level[l] = at;
        at += bits;
    }
}

void bitmap_set(struct bitmap *b, uint32_t i)
{
    for (uint32_t l = 0; l < BITMAP_LEVELS; l++, i >>= 5)
        b->level[l][i >> 5] |= HV_BIT(i & 31);
}

void bitmap_clear(struct bitmap *b, uint32_t i)
{
    for (uint32_t l = 0; l < BITMAP_LEVELS; l++, i >>= 5) {
        b->level[l][i >> 5] &= ~HV_BIT(i & 31);
        if (b->level[l][i >> 5] != 0)
            return;
    }
}

bool bitmap_test(const struct bitmap *b, uint32_t i)
{
    return (b->level[0][i >> 5] & HV_BIT(i & 31)) != 0;
}

/* Of one level. */
static void set_bits(uint32_t *bits, uint32_t first, uint32_t end)
{
    for (; first < end && (first & 31) != 0; first++)
        bits[first >> 5] |= HV_BIT(first & 31);
    memset(&bits[first >> 5], 0xff, first < end ? (end - first) / 32 * 4 : 0);
    for (first = hv_max_u32(first, end & ~31u); first < end; first++)
        bits[first >> 5] |= HV_BIT(first & 31);
}

void bitmap_set_range(struct bitmap *b, uint32_t first, uint32_t end)
{
    hv_assert(first <= end && words_for(end) <= b->words[0]);
    for (uint32_t l = 0; l < BITMAP_LEVELS; l++) {
        set_bits(b->level[l], first, end);
        first >>= 5;
        end = words_for(end);
    }
}

static uint32_t lowest(uint32_t w)
{
    return (uint32_t)__builtin_ctz(w);
}

static uint32_t highest(uint32_t w)
{
    return 31u - (uint32_t)__builtin_clz(w);
}

/* Up until a word has a bit above where the search stands, then down to the lowest. */
uint32_t bitmap_next(const struct bitmap *b, uint32_t from)
{
    uint32_t l = 0, i = from, w;

    for (;;) {
        if ((i >> 5) >= b->words[l])
            return BITMAP_NONE;
        w = b->level[l][i >> 5] & (~0u << (i & 31));
        if (w)
            break;
        if (l + 1 < BITMAP_LEVELS) {
            i = (i >> 5) + 1;
            l++;
        } else {
            i = (i | 31) + 1;
        }
    }
    i = (i & ~31u) + lowest(w);
    while (l > 0) {
        l--;
        i = i * 32 + lowest(b->level[l][i]);
    }
    return i;
}

uint32_t bitmap_prev(const struct bitmap *b, uint32_t end)
{
    uint32_t l = 0, i = hv_min_u32(end, b->words[0] * 32), w;

    for (;;) {
        if (i == 0)
            return BITMAP_NONE;
        i--; /* the highest index that may be taken */
        w = b->level[l][i >> 5] & (~0u >> (31 - (i & 31)));
        if (w)
            break;
        i >>= 5;
        if (l + 1 < BITMAP_LEVELS)
            l++; /* words below i, as bits of the next level */
        else
            i *= 32;
    }
    i = (i & ~31u) + highest(w);
    while (l > 0) {
        l--;
        i = i * 32 + highest(b->level[l][i]);
    }
    return i;
}

uint32_t bitmap_run(const struct bitmap *b, uint32_t i, uint32_t n)
{
    uint32_t run = 0;

    while (run < n && (i + run) >> 5 < b->words[0]) {
        if (((i + run) & 31) == 0 && n - run >= 32 && b->level[0][(i + run) >> 5] == ~0u)
            run += 32;
        else if (bitmap_test(b, i + run))
            run++;
        else
            break;
    }
    return run;
}
