/* SPDX-License-Identifier: MIT */
/* The canary: runs beside every other case.  It keeps a pattern in its memory,
 * checks all of it again and again, and reports a number that grows with every
 * heartbeat. Top byte not 0: something is wrong (which check, see below). */

#include "gtest.h"

#define BEAT_NS 2000000u
#define PATTERN_PAGES 64u
#define BAD_MEMORY 0x01000000u
#define BAD_REGISTERS 0x02000000u
#define BAD_TIME 0x03000000u
#define BAD_STACK 0x04000000u

static uint32_t pattern[PATTERN_PAGES * 1024] __attribute__((aligned(4096)));

static uint32_t value_at(uint32_t i)
{
    return i * 2654435761u ^ 0xca4a4100u;
}

static bool memory_is_good(uint32_t page)
{
    for (uint32_t i = page * 1024; i < (page + 1) * 1024; i++) {
        if (pattern[i] != value_at(i))
            return false;
    }
    return true;
}

/* Registers across an exit of every beat. */
static bool registers_are_good(void)
{
    uint32_t a = 19, b = 0x1234, c = 0x5678, d = 0x9abc, s = 0xdef0, t = 0x1357;

    __asm__ volatile("int $0x1f"
                     : "+a"(a), "+b"(b), "+c"(c), "+d"(d), "+S"(s), "+D"(t)
                     : : "memory");
    return a == 19 && b == 0x1234 && c == 0x5678 && d == 0x9abc && s == 0xdef0 &&
           t == 0x1357;
}

static uint64_t wall_ns(void)
{
    uint32_t sec, nsec;

    do {
        sec = lg.head.tv_sec;
        nsec = lg.head.tv_nsec;
        barrier();
    } while (sec != lg.head.tv_sec);
    return (uint64_t)sec * 1000000000u + nsec;
}

GT_CASE(canary, GT_2LEVEL | GT_HIDDEN, .expect = "runs")
{
    uint32_t beat = 0, bad = 0;
    uint64_t last = wall_ns();
    volatile uint32_t guard[4] = {1, 2, 3, 4};

    for (uint32_t i = 0; i < ARRAY_COUNT(pattern); i++)
        pattern[i] = value_at(i);
    for (;;) {
        uint64_t now = wall_ns();

        if (!memory_is_good(beat % PATTERN_PAGES))
            bad = BAD_MEMORY;
        if (!registers_are_good())
            bad = BAD_REGISTERS;
        if (now < last)
            bad = BAD_TIME;
        if (guard[0] + guard[1] + guard[2] + guard[3] != 10)
            bad = BAD_STACK;
        last = now;
        beat++;
        gt_report((beat & 0xffffff) | bad);
        if (!port_in8(GABI_TEST_PORT))
            gt_sleep_ns(BEAT_NS);
    }
}
