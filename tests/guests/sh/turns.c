/* SPDX-License-Identifier: MIT */
/* Two guests in turns, each with faults all the time in one table of its own.  What
 * the monitor remembers of the table of the last fault belongs to one guest: another
 * that ran in between must not get it, nor have its A and D bits set there. */

#include "gtest.h"

#define VA 0x40800000u
#define PAGES 16u
#define ROUNDS 10000u /* some turns of 10 ms */

static uint32_t pages[PAGES];

/* Entry i names page (i + twist) modulo PAGES, so that the two guests differ. */
static void touch(uint32_t twist, uint32_t rounds)
{
    for (uint32_t i = 0; i < PAGES; i++) {
        pages[i] = page_alloc();
        poke32(pages[i], 0x10000 * twist + i);
    }
    for (uint32_t n = 0; rounds == 0 || n < rounds; n++) {
        for (uint32_t i = 0; i < PAGES; i++)
            pt_write(pt_root, VA + i * GUEST_PAGE_BYTES,
                     pages[(i + twist) % PAGES] | PTE_P | PTE_W | PTE_U);
        pt_flush(FLUSH_USER);
        for (uint32_t i = 0; i < PAGES; i++) {
            uint32_t va = VA + i * GUEST_PAGE_BYTES;

            EXPECT_EQ_AT(i, peek32(va), 0x10000 * twist + (i + twist) % PAGES);
            EXPECT_EQ_AT(i, peek32(pt_entry_addr(pt_root, va)) & (PTE_A | PTE_D), PTE_A);
        }
    }
}

GT_CASE(touch_in_turns_peer, GT_BOTH | GT_HIDDEN, .expect = "runs")
{
    touch(5, 0);
}

GT_CASE(touch_in_turns, GT_BOTH, .with = "touch_in_turns_peer")
{
    touch(0, ROUNDS);
}
