/* SPDX-License-Identifier: MIT */
/* Silent clearing: kernels clear the tables of a dying address space without a
 * word, announce only that they unlink them, and use the pages for something
 * else.  Random work of that kind against a model of what each address must
 * show; and the A and D bits of entries that nobody touched. */

#include "gtest.h"

#define ROOTS 6u
#define SLOTS 3u  /* directory entries per root that the model uses */
#define TABLES 12u
#define FRAMES 48u
#define ENTRIES 24u /* of each table */
#define BASE 0x40000000u

enum role { FREE, LINKED, DATA };

static struct {
    uint32_t pa;
    enum role role;
    uint32_t root, slot; /* where it is linked */
    uint32_t entry[ENTRIES]; /* frame index + 1, 0: not present */
} tables[TABLES];

static uint32_t roots[ROOTS], current;
static uint32_t frames[FRAMES], values[FRAMES];

static uint32_t entry_bytes(void)
{
    return pt_pae ? 8 : 4;
}

static uint32_t slot_va(uint32_t slot)
{
    return BASE + slot * pt_dir_span();
}

/* Where entry k of a table lies: spread out, not the first ones only. */
static uint32_t entry_index(uint32_t k)
{
    return k * 21 % (pt_pae ? 512 : 1024);
}

static void write_entry(uint32_t table, uint32_t k, uint32_t value)
{
    uint32_t pa = tables[table].pa + entry_index(k) * entry_bytes();

    if (pt_pae)
        poke32(pa + 4, 0);
    poke32(pa, value);
}

static uint32_t linked_at(uint32_t root, uint32_t slot)
{
    for (uint32_t t = 0; t < TABLES; t++) {
        if (tables[t].role == LINKED && tables[t].root == root && tables[t].slot == slot)
            return t;
    }
    return TABLES;
}

/* A fresh table: entries first or later, both without a word. */
static void do_link(uint32_t t)
{
    uint32_t root = gt_random() % ROOTS, slot = gt_random() % SLOTS;

    if (tables[t].role == LINKED || linked_at(root, slot) < TABLES)
        return;
    memset(phys_ptr(tables[t].pa), 0, GUEST_PAGE_BYTES);
    memset(tables[t].entry, 0, sizeof(tables[t].entry));
    tables[t].role = LINKED;
    tables[t].root = root;
    tables[t].slot = slot;
    pt_write_dir(roots[root], slot_va(slot), tables[t].pa | PTE_TABLE);
}

/* Not present to present: silent. */
static void do_fill(uint32_t t)
{
    for (uint32_t n = gt_random() % ENTRIES; n; n--) {
        uint32_t k = gt_random() % ENTRIES, f = gt_random() % FRAMES;

        if (tables[t].role != LINKED || tables[t].entry[k])
            continue;
        tables[t].entry[k] = f + 1;
        write_entry(t, k, frames[f] | (gt_random() & 1 ? PTE_USER : PTE_P | PTE_W | PTE_U));
    }
}

/* The dying address space. */
static void do_unlink(uint32_t t)
{
    if (tables[t].role != LINKED)
        return;
    for (uint32_t k = 0; k < ENTRIES; k++) {
        if (gt_random() & 3)
            write_entry(t, k, 0); /* some are not even cleared */
    }
    pt_write_dir(roots[tables[t].root], slot_va(tables[t].slot), 0);
    if (gt_random() & 3)
        pt_announce_dir(roots[tables[t].root], slot_va(tables[t].slot));
    else
        pt_flush(FLUSH_ALL);
    tables[t].role = FREE;
}

/* The page is data now, full of what could be entries. */
static void do_reuse(uint32_t t)
{
    if (tables[t].role == LINKED)
        return;
    tables[t].role = DATA;
    for (uint32_t i = 0; i < GUEST_PAGE_BYTES; i += 4)
        poke32(tables[t].pa + i, frames[gt_random() % FRAMES] | (gt_random() & 0x67));
}

/* One present entry changes and is announced. */
static void do_change(uint32_t t)
{
    uint32_t k = gt_random() % ENTRIES, f = gt_random() % FRAMES, value = 0;
    uint32_t va = slot_va(tables[t].slot) + entry_index(k) * GUEST_PAGE_BYTES;

    if (tables[t].role != LINKED)
        return;
    tables[t].entry[k] = 0;
    if (gt_random() & 1) {
        tables[t].entry[k] = f + 1;
        value = frames[f] | PTE_USER;
    }
    write_entry(t, k, value);
    lguest_call_lazy(GABI_HCALL_SET_PTE, roots[tables[t].root], va, value, 0);
    if (gt_random() & 1)
        lguest_call(GABI_HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
}

static void load(uint32_t va)
{
    (void)peek32(va);
}

static void check_one(uint32_t t, uint32_t k)
{
    uint32_t va = slot_va(tables[t].slot) + entry_index(k) * GUEST_PAGE_BYTES;
    uint32_t f = tables[t].entry[k];
    struct trap_frame tf;

    if (!f) {
        EXPECT_EQ_AT(va, trap_catch(load, va, &tf), VEC_PF);
        return;
    }
    EXPECT_EQ_AT(va, peek32(va + 4), values[f - 1]);
    if (gt_random() & 1) {
        values[f - 1] = gt_random();
        poke32(va + 4, values[f - 1]);
        EXPECT_EQ_AT(va, peek32(frames[f - 1] + 4), values[f - 1]);
    }
}

static void do_access(void)
{
    lguest_call(GABI_HCALL_FLUSH_ASYNC, 0, 0, 0, 0); /* what was said, counts */
    for (uint32_t n = 0; n < 8; n++) {
        uint32_t t = linked_at(current, gt_random() % SLOTS);

        if (t < TABLES)
            check_one(t, gt_random() % ENTRIES);
    }
}

static void setup(void)
{
    for (uint32_t i = 0; i < TABLES; i++)
        tables[i].pa = page_alloc();
    for (uint32_t i = 0; i < FRAMES; i++) {
        frames[i] = page_alloc();
        values[i] = 0xf0000000 + i;
        poke32(frames[i] + 4, values[i]);
    }
    for (uint32_t i = 0; i < ROOTS; i++)
        roots[i] = i ? pt_new_root() : pt_root;
}

static void silent_clearing(uint32_t seed)
{
    gt_random_seed(seed);
    setup();
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t t = gt_random() % TABLES;

        switch (gt_random() % 10) {
        case 0:
            do_link(t);
            break;
        case 1:
        case 2:
            do_fill(t);
            break;
        case 3:
            if (gt_random() % 3 == 0)
                do_unlink(t);
            break;
        case 4:
            do_reuse(t);
            break;
        case 5:
            do_change(t);
            break;
        case 6:
            current = gt_random() % ROOTS;
            pt_switch(roots[current]);
            break;
        case 7:
            if (gt_random() % 4 == 0)
                pt_flush(gt_random() & 1);
            break;
        default:
            do_access();
            break;
        }
    }
}

#define CLEARING(n) GT_ROW(silent_clearing_##n, silent_clearing, GT_BOTH, .arg = n)
CLEARING(1)
CLEARING(2)
CLEARING(3)
CLEARING(4)

/* Through an evicted root: the table's only link is in a root that the monitor
 * has long forgotten; it is cleared and unlinked there, then linked elsewhere. */
GT_CASE(through_evicted_root, GT_BOTH)
{
    setup();
    for (uint32_t round = 0; round < 60; round++) {
        uint32_t a = round % ROOTS, b = (round + 1) % ROOTS, f = round % FRAMES;
        uint32_t g = (round + 7) % FRAMES, table = tables[0].pa, index = entry_index(5);

        memset(phys_ptr(table), 0, GUEST_PAGE_BYTES);
        pt_write_dir(roots[a], BASE, table | PTE_TABLE);
        poke32(table + index * entry_bytes(), frames[f] | PTE_USER);
        pt_switch(roots[a]);
        EXPECT_EQ_AT(round, peek32(BASE + index * 4096 + 4), values[f]);
        for (uint32_t i = 0; i < ROOTS; i++) {
            pt_switch(roots[i]);
            (void)peek32(addr_of(frames));
        }
        pt_switch(roots[b]);
        poke32(table + index * entry_bytes(), 0); /* silent */
        pt_write_dir(roots[a], BASE, 0);
        pt_announce_dir(roots[a], BASE); /* a root that is not there any more */
        poke32(table + index * entry_bytes(), frames[g] | PTE_USER);
        pt_write_dir(roots[b], BASE, table | PTE_TABLE);
        EXPECT_EQ_AT(round, peek32(BASE + index * 4096 + 4), values[g]);
        pt_write_dir(roots[b], BASE, 0);
        pt_announce_dir(roots[b], BASE);
    }
}

/* A and D of every entry after random reads and writes: set exactly where an
 * access was, although neighbours were filled with it. */
#define AD_PAGES 300u

static void ad_bits(uint32_t seed)
{
    static uint8_t want[AD_PAGES];
    static const uint32_t start[] = {0, PTE_A, PTE_A | PTE_D, PTE_D};
    uint32_t pa = page_alloc();

    gt_random_seed(seed);
    for (uint32_t round = 0; round < 12; round++) {
        for (uint32_t i = 0; i < AD_PAGES; i++) {
            want[i] = (uint8_t)start[gt_random() % 4];
            pt_write(pt_root, BASE + i * GUEST_PAGE_BYTES,
                     pa | PTE_P | PTE_U | (gt_random() & 7 ? PTE_W : 0) | want[i]);
        }
        pt_flush(round & 1 ? FLUSH_USER : FLUSH_ALL);
        for (uint32_t n = gt_random() % (2 * AD_PAGES); n; n--) {
            uint32_t i = gt_random() % AD_PAGES, va = BASE + i * GUEST_PAGE_BYTES;
            bool write = (gt_random() & 1) && (pt_read(pt_root, va) & PTE_W);

            want[i] |= PTE_A;
            if (write) {
                want[i] |= PTE_D;
                poke32(va, n);
            } else {
                (void)peek32(va);
            }
        }
        for (uint32_t i = 0; i < AD_PAGES; i++)
            EXPECT_EQ_AT(i, pt_read(pt_root, BASE + i * GUEST_PAGE_BYTES) & 0x60, want[i]);
    }
}

GT_ROW(ad_bits_1, ad_bits, GT_BOTH, .arg = 11)
GT_ROW(ad_bits_2, ad_bits, GT_BOTH, .arg = 12)
