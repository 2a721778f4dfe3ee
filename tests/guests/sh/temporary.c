/* SPDX-License-Identifier: MIT */
/* Temporary mappings as kernels with high memory make them: an entry of the kernel's half
 * is written, everything is flushed, the page is used, the entry is cleared, and SET_PTE
 * says so once or twice.  Meanwhile user tables fill up.  And what a kernel can get
 * wrong or lie about there: the guest's memory is what counts. */

#include "gtest.h"

#define SLOT 0xd8007000u  /* a second one is below */
#define USER 0x40800000u
#define SPAN 0x200000u
#define ROUNDS 300u

static uint32_t pages[8];

static void setup(void)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(pages); i++) {
        pages[i] = page_alloc();
        poke32(pages[i], 0x7e390000 + i);
    }
    pt_set(pt_root, SLOT - 0x5000, pages[0] | PTE_KERNEL); /* others in that table */
    pt_set(pt_root, USER, 0);
}

static void map(uint32_t va, uint32_t entry)
{
    pt_write(pt_root, va, entry);
    pt_flush(FLUSH_ALL);
}

static void unmap(uint32_t va, uint32_t times)
{
    pt_write(pt_root, va, 0);
    for (uint32_t i = 0; i < times; i++)
        pt_announce(pt_root, va, 0);
}

/* One page after the other is used through a slot, the second one now and then within the
 * first, and mapped for the user; what was mapped so far is still that. */
GT_CASE(temporary_mappings, GT_BOTH)
{
    setup();
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t n = i % ARRAY_COUNT(pages), k = (i + 3) % ARRAY_COUNT(pages);
        uint32_t va = USER + i * GUEST_PAGE_BYTES % SPAN, back = gt_random() % (i + 1);

        map(SLOT, pages[n] | PTE_KERNEL);
        EXPECT_EQ_AT(i, peek32(SLOT), 0x7e390000 + n);
        if (i % 3 == 0) {
            map(SLOT - GUEST_PAGE_BYTES, pages[k] | PTE_KERNEL);
            poke32(SLOT - GUEST_PAGE_BYTES + 4, i);
            EXPECT_EQ_AT(i, peek32(SLOT), 0x7e390000 + n);
            unmap(SLOT - GUEST_PAGE_BYTES, 2);
            EXPECT_EQ_AT(i, peek32(pages[k] + 4), i);
        }
        unmap(SLOT, 1 + i % 2);
        EXPECT_EQ_AT(i, gt_store(1, SLOT, i), VEC_PF);
        pt_set(pt_root, va, pages[n] | PTE_USER);
        EXPECT_EQ_AT(i, peek32(USER + back * GUEST_PAGE_BYTES),
                     0x7e390000 + back % ARRAY_COUNT(pages));
        EXPECT_EQ_AT(i, peek32(SLOT - 0x5000), 0x7e390000);
    }
}

/* SET_PTE says cleared, and it is not; the slot is cleared or changed without a word and
 * everything flushed; what is mapped is a table, or nothing that the CPU would load. */
GT_CASE(temporary_lies, GT_BOTH)
{
    uint32_t table;

    setup();
    map(USER, pages[1] | PTE_USER);
    table = pt_entry_addr(pt_root, USER) & ~GUEST_PAGE_MASK;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t n = i % ARRAY_COUNT(pages), k = (i + 1) % ARRAY_COUNT(pages);

        map(SLOT, pages[n] | PTE_KERNEL);
        pt_announce(pt_root, SLOT, 0);
        EXPECT_EQ_AT(i, peek32(SLOT), 0x7e390000 + n);
        map(SLOT, pages[k] | PTE_KERNEL);
        EXPECT_EQ_AT(i, peek32(SLOT), 0x7e390000 + k);
        map(SLOT, 0);
        EXPECT_EQ_AT(i, gt_store(1, SLOT, i), VEC_PF);
        unmap(SLOT, 1);
        map(SLOT, (pages[n] | PTE_KERNEL) & ~PTE_P);
        EXPECT_EQ_AT(i, gt_store(1, SLOT, i), VEC_PF);
        unmap(SLOT, 2);
        map(SLOT, (pages[n] | PTE_KERNEL) & ~PTE_W);
        EXPECT_EQ_AT(i, peek32(SLOT), 0x7e390000 + n);
        EXPECT_EQ_AT(i, gt_store(1, SLOT, i), VEC_PF);
        unmap(SLOT, 2);
        map(SLOT, table | PTE_KERNEL);
        poke32(SLOT + (pt_entry_addr(pt_root, USER) & GUEST_PAGE_MASK), pages[n] | PTE_USER);
        unmap(SLOT, 2);
        pt_flush(i & 1 ? FLUSH_ALL : FLUSH_USER);
        EXPECT_EQ_AT(i, peek32(USER), 0x7e390000 + n);
    }
}
