/* SPDX-License-Identifier: MIT */
/* Searches of the three-level bitmap against one flag per bit, at sizes around those
 * where a level gets another word. */
#include "test.h"

#include "hv/bitmap.h"

#include <stdlib.h>

#define MOST 70000u

static struct bitmap b;
static bool set[MOST];

static void *begin(uint32_t bits)
{
    void *memory = calloc(1, bitmap_bytes(bits));

    bitmap_init(&b, memory, bits);
    memset(set, 0, sizeof(set));
    return memory;
}

static uint32_t next_of(uint32_t bits, uint32_t from)
{
    while (from < bits && !set[from])
        from++;
    return from < bits ? from : BITMAP_NONE;
}

static uint32_t prev_of(uint32_t bits, uint32_t end)
{
    for (end = hv_min_u32(end, bits); end > 0; end--) {
        if (set[end - 1])
            return end - 1;
    }
    return BITMAP_NONE;
}

static uint32_t run_of(uint32_t bits, uint32_t i, uint32_t n)
{
    uint32_t run = 0;

    while (run < n && i + run < bits && set[i + run])
        run++;
    return run;
}

static void compare_at(uint32_t bits, uint32_t at)
{
    REQUIRE(bitmap_next(&b, at) == next_of(bits, at));
    REQUIRE(bitmap_prev(&b, at) == prev_of(bits, at));
    REQUIRE(bitmap_run(&b, at, 40) == run_of(bits, at, 40));
    REQUIRE(bitmap_run(&b, at, 5000) == run_of(bits, at, 5000));
    if (at < bits)
        REQUIRE(bitmap_test(&b, at) == set[at]);
}

TEST(random_bits_at_odd_sizes)
{
    static const uint32_t sizes[] = {1, 31, 32, 33, 1023, 1024, 1025, 32767, 32769, MOST};
    struct test_rng r = {5};

    for (uint32_t s = 0; s < HV_ARRAY_SIZE(sizes); s++) {
        uint32_t bits = sizes[s];
        void *memory = begin(bits);

        for (uint32_t round = 0; round < 300; round++) {
            uint32_t i = test_random_below(&r, bits);
            uint32_t n = test_random_below(&r, hv_min_u32(bits - i, 3000) + 1);

            switch (test_random_below(&r, 4)) {
            case 0:
                bitmap_set_range(&b, i, i + n);
                memset(&set[i], 1, n);
                break;
            case 1:
                for (; n > 0; n--, i++)
                    bitmap_clear(&b, i), set[i] = false;
                break;
            case 2:
                bitmap_set(&b, i), set[i] = true;
                break;
            default:
                bitmap_clear(&b, i), set[i] = false;
            }
            for (uint32_t k = 0; k < 8; k++)
                compare_at(bits, test_random_below(&r, bits + 40));
        }
        compare_at(bits, 0);
        compare_at(bits, bits);
        free(memory);
    }
}

TEST(one_bit_is_found_from_everywhere)
{
    void *memory = begin(MOST);

    for (uint32_t i = 0; i < MOST; i += 977) {
        bitmap_set(&b, i);
        REQUIRE(bitmap_next(&b, 0) == i && bitmap_prev(&b, ~0u) == i);
        REQUIRE(bitmap_next(&b, i) == i && bitmap_next(&b, i + 1) == BITMAP_NONE);
        REQUIRE(bitmap_prev(&b, i + 1) == i && bitmap_prev(&b, i) == BITMAP_NONE);
        bitmap_clear(&b, i);
        REQUIRE(bitmap_next(&b, 0) == BITMAP_NONE && bitmap_prev(&b, MOST) == BITMAP_NONE);
    }
    free(memory);
}
