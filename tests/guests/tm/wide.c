/* SPDX-License-Identifier: MIT */
/* TM-04 and property P5 again: directories as wide as they go.  A guest can name one
 * table in all entries of a directory, so what looks cheap by the number of tables
 * (a comparison that finds nothing, a table with nothing in it) is not by the number
 * of links. And as many tables as a guest may have, which all come to rest, are
 * emptied or are let go at the same moment. The peer of long.c ticks beside these:
 * run-suite judges how long interrupts were off. */

#include "gtest.h"

#define BESIDE_TICKS .with = "ticking_peer"
#define FIRST 0x40000000u /* the second and third GiB */
#define END 0xc0000000u

static uint32_t table[2];

/* The clock of the guest itself is due at some moment of what comes next. */
static void tick_soon(void)
{
    hcall1(GABI_HCALL_SET_CLOCKEVENT, 20000 + gt_random() % 64 * 1000);
    gt_spin_ns(19000);
}

static void flush(uint32_t which)
{
    tick_soon();
    pt_flush(which);
}

/* Two tables in turn, so that no neighbour is the same, all in use. */
static void wide(void)
{
    uint32_t page = page_alloc(), n = 0;

    for (uint32_t i = 0; i < 2; i++) {
        table[i] = page_alloc();
        pt_write_dir(pt_root, FIRST, table[i] | PTE_TABLE);
        pt_write(pt_root, FIRST, page | PTE_USER);
        pt_write(pt_root, FIRST + pt_dir_span() - 0x200000, page | PTE_USER);
    }
    for (uint32_t va = FIRST; va < END; va += pt_dir_span())
        pt_write_dir(pt_root, va, table[n++ & 1] | PTE_TABLE);
    pt_flush(FLUSH_USER);
    for (uint32_t va = FIRST; va < END; va += 0x200000)
        (void)peek32(va);
}

static void all_dirs(uint32_t clear)
{
    for (uint32_t va = FIRST; va < END; va += pt_dir_span())
        pt_write_dir(pt_root, va, pt_read_dir(pt_root, va) & ~(uint64_t)clear);
}

/* Nothing was written: only looked at. */
GT_CASE(wide_clean, GT_BOTH, BESIDE_TICKS)
{
    wide();
    for (uint32_t i = 0; i < 20; i++)
        flush(i & 1 ? FLUSH_USER : FLUSH_ALL);
}

/* All rights changed, then all entries gone. */
static void wide_changed(uint32_t how)
{
    for (uint32_t i = 0; i < 4; i++) {
        wide();
        all_dirs(PTE_W);
        flush(how);
        all_dirs(PTE_P);
        flush(how);
    }
}

GT_ROW(wide_changed_user, wide_changed, GT_BOTH, .arg = FLUSH_USER, BESIDE_TICKS)
GT_ROW(wide_changed_all, wide_changed, GT_BOTH, .arg = FLUSH_ALL, BESIDE_TICKS)

/* A second root has the same directories, and one that replaces them. */
GT_CASE(wide_shared, GT_BOTH, BESIDE_TICKS)
{
    uint32_t first = pt_root, other = pt_new_root(), empty = pt_new_root();

    wide();
    for (uint32_t i = 0; i < 3; i++) {
        if (pt_pae) {
            poke32(other + 8, peek32(first + 8));
            poke32(other + 16, peek32(first + 16));
        } else {
            memcpy(phys_ptr(other), phys_ptr(first), GUEST_PAGE_BYTES);
        }
        pt_switch(other);
        for (uint32_t va = FIRST; va < END; va += 0x200000)
            (void)peek32(va);
        flush(FLUSH_USER);
        for (uint32_t top = FIRST; top < END && pt_pae; top += 0x40000000) {
            poke32(other + (top >> 30) * 8, 0);
            lguest_call(GABI_HCALL_SET_PGD, other, top >> 30, 0, 0);
        }
        pt_switch(empty);
        pt_switch(first);
    }
}

/* Tables full of entries that lead to tables, each of which is let go. */
GT_CASE(full_tables_go, GT_BOTH, BESIDE_TICKS)
{
    uint32_t t = page_alloc(), n = pt_dir_span() / GUEST_PAGE_BYTES;

    for (uint32_t round = 0; round < 3; round++) {
        pt_write_dir(pt_root, FIRST, t | PTE_TABLE);
        for (uint32_t i = 0; i < n; i++)
            pt_write(pt_root, FIRST + i * GUEST_PAGE_BYTES, t | PTE_USER);
        for (uint32_t i = 0; i < n; i += 8)
            (void)peek32(FIRST + i * GUEST_PAGE_BYTES);
        pt_write_dir(pt_root, FIRST, 0);
        if (round == 0)
            pt_announce_dir(pt_root, FIRST);
        else
            flush(round == 1 ? FLUSH_USER : FLUSH_ALL);
    }
}

/* As many tables as fit, none of them written any more. */
GT_CASE(many_at_rest, GT_BOTH, BESIDE_TICKS, .memory_kib = 8192)
{
    uint32_t page = page_alloc(), n = gt_pae ? 180 : 90;

    for (uint32_t i = 0; i < n; i++)
        pt_write(pt_root, FIRST + i * pt_dir_span(), page | PTE_USER);
    for (uint32_t i = 0; i < n; i++) {
        pt_write(pt_root, FIRST + i * pt_dir_span() + pt_dir_span() / 2, page | PTE_USER);
        (void)peek32(FIRST + i * pt_dir_span());
        (void)peek32(FIRST + i * pt_dir_span() + pt_dir_span() / 2);
    }
    for (uint32_t i = 0; i < 40; i++)
        flush(FLUSH_ALL);
}

/* A table with all entries in use, of which few change from one flush to the next. */
static void full_table(uint32_t how)
{
    uint32_t page[2] = {page_alloc(), page_alloc()}, n = pt_dir_span() / GUEST_PAGE_BYTES;

    for (uint32_t i = 0; i < n; i++)
        pt_write(pt_root, FIRST + i * GUEST_PAGE_BYTES, page[0] | PTE_USER);
    for (uint32_t round = 0; round < 40; round++) {
        for (uint32_t i = 0; i < n; i += 8)
            (void)peek32(FIRST + i * GUEST_PAGE_BYTES);
        for (uint32_t i = 0; i < round; i++)
            pt_write(pt_root, FIRST + gt_random() % n * GUEST_PAGE_BYTES,
                     page[i & 1] | PTE_USER);
        flush(how);
    }
}

GT_ROW(full_table_user, full_table, GT_BOTH, .arg = FLUSH_USER, BESIDE_TICKS)
GT_ROW(full_table_all, full_table, GT_BOTH, .arg = FLUSH_ALL, BESIDE_TICKS)

/* The same with all of them changed. */
static void changed_table(uint32_t how)
{
    uint32_t page[2] = {page_alloc(), page_alloc()}, n = pt_dir_span() / GUEST_PAGE_BYTES;

    for (uint32_t round = 0; round < 6; round++) {
        for (uint32_t i = 0; i < n; i++)
            pt_write(pt_root, FIRST + i * GUEST_PAGE_BYTES, page[round & 1] | PTE_USER);
        flush(how);
        for (uint32_t i = 0; i < n; i += 8)
            EXPECT_EQ_AT(i, peek32(FIRST + i * GUEST_PAGE_BYTES), 0);
    }
}

GT_ROW(changed_table_user, changed_table, GT_BOTH, .arg = FLUSH_USER, BESIDE_TICKS)
GT_ROW(changed_table_all, changed_table, GT_BOTH, .arg = FLUSH_ALL, BESIDE_TICKS)

#define SMALL 15u
#define WORD 32u  /* leaves that are compared at a time */

/* Many small tables that were written and are right, then a full one with as many
 * changes as are made in one go: no way through this may be long because each part of
 * it is short. */
GT_CASE(small_tables_then_full, GT_BOTH, BESIDE_TICKS, .memory_kib = 8192)
{
    uint32_t page[2] = {page_alloc(), page_alloc()};
    uint32_t full = FIRST + SMALL * pt_dir_span(), n = pt_dir_span() / GUEST_PAGE_BYTES;

    for (uint32_t i = 0; i < SMALL * WORD; i++)
        pt_write(pt_root, FIRST + i / WORD * pt_dir_span() + i % WORD * GUEST_PAGE_BYTES,
                 page[0] | PTE_USER);
    for (uint32_t i = 0; i < n; i++)
        pt_write(pt_root, full + i * GUEST_PAGE_BYTES, page[0] | PTE_USER);
    for (uint32_t round = 0; round < 20; round++) {
        for (uint32_t i = 0; i < SMALL * WORD; i++)
            (void)peek32(FIRST + i / WORD * pt_dir_span() + i % WORD * GUEST_PAGE_BYTES);
        for (uint32_t i = 0; i < n; i++)
            (void)peek32(full + i * GUEST_PAGE_BYTES);
        pt_flush(FLUSH_USER);
        pt_flush(FLUSH_USER); /* now there is a list */
        for (uint32_t i = 0; i < SMALL; i++)
            pt_write(pt_root, FIRST + i * pt_dir_span(), page[0] | PTE_USER);
        for (uint32_t i = 1; i < WORD; i++)
            pt_write(pt_root, full + i * GUEST_PAGE_BYTES, page[~round & 1] | PTE_USER);
        for (uint32_t i = 6 * WORD; i < 7 * WORD; i++)
            pt_write(pt_root, full + i * GUEST_PAGE_BYTES, page[~round & 1] | PTE_USER);
        flush(FLUSH_USER);
    }
}
