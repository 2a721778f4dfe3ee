/* SPDX-License-Identifier: MIT */
/* A bitmap that is searched in a few steps however large it is: of each 32 bits, the
 * level above has one that says whether any of them is set. All indices are below the
 * number of bits that bitmap_init() was given, unless a function says otherwise. */
#pragma once

#include "hv/types.h"

#define BITMAP_LEVELS 3u
#define BITMAP_NONE 0xffffffffu

struct bitmap {
    uint32_t *level[BITMAP_LEVELS]; /* [0]: the bits themselves */
    uint32_t words[BITMAP_LEVELS];
};

/* Bytes that bitmap_init() takes for so many bits. */
uint32_t bitmap_bytes(uint32_t bits);

/* memory: bitmap_bytes() of zeros, aligned to 4; no bit is set then. */
void bitmap_init(struct bitmap *b, void *memory, uint32_t bits);

void bitmap_set(struct bitmap *b, uint32_t i);
void bitmap_clear(struct bitmap *b, uint32_t i);
bool bitmap_test(const struct bitmap *b, uint32_t i);

/* Sets [first, end): whole words at once. */
void bitmap_set_range(struct bitmap *b, uint32_t first, uint32_t end);

/* The first bit that is set at or above from (any number), BITMAP_NONE if there is none;
 * the last one that is set below end (any number). */
uint32_t bitmap_next(const struct bitmap *b, uint32_t from);
uint32_t bitmap_prev(const struct bitmap *b, uint32_t end);

/* How many bits are set in a row from i (any number) on, at most n. */
uint32_t bitmap_run(const struct bitmap *b, uint32_t i, uint32_t n);
