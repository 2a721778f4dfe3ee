/* SPDX-License-Identifier: MIT */
/* Changes and when they must show (PT-03 to PT-06, PT-14, PT-19, PT-21, PT-27). */

#include "gtest.h"

#define VA 0x40800000u
#define KVA 0xd0000000u /* in the kernel part */
#define PAGES 40u

static bool can_write(uint32_t va)
{
    return gt_store(1, va, peek32(va)) == VEC_UD;
}

static bool can_read(uint32_t va)
{
    static const uint8_t load[] = {0x8b, 0x03, 0x0f, 0x0b};
    struct trap_frame f;

    gt_frame(1, &f);
    f.ebx = va;
    return gt_run_bytes(1, load, 4, &f) == VEC_UD;
}

enum { BY_SET_PTE, BY_FLUSH_USER, BY_FLUSH_ALL, BY_RING };

static void tell(uint32_t how, uint32_t va)
{
    if (how == BY_SET_PTE)
        pt_announce(pt_root, va, pt_read(pt_root, va));
    if (how == BY_RING)
        lguest_call_lazy(GABI_HCALL_SET_PTE, pt_root, va, (uint32_t)pt_read(pt_root, va),
                         0);
}

static void tell_all(uint32_t how)
{
    if (how == BY_FLUSH_USER)
        pt_flush(FLUSH_USER);
    if (how == BY_FLUSH_ALL)
        pt_flush(FLUSH_ALL);
    if (how == BY_RING)
        lguest_call(GABI_HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
}

/* PT-05: three kinds of change on every page, announced in one way. */
static void change(uint32_t how, uint32_t base)
{
    static uint32_t old[PAGES], fresh[PAGES];

    for (uint32_t i = 0; i < PAGES; i++) {
        uint32_t va = base + i * GUEST_PAGE_BYTES;

        old[i] = page_alloc();
        fresh[i] = page_alloc();
        poke32(old[i], 0x01d00000 + i);
        poke32(fresh[i], 0xf4e50000 + i);
        pt_set(pt_root, va, old[i] | PTE_USER);
        EXPECT_EQ(peek32(va), 0x01d00000 + i);
        EXPECT(can_write(va));
    }
    for (uint32_t i = 0; i < PAGES; i++) {
        uint32_t va = base + i * GUEST_PAGE_BYTES;

        pt_write(pt_root, va, i % 3 == 0 ? old[i] | (PTE_USER & ~PTE_W)
                              : i % 3 == 1 ? 0 : (fresh[i] | PTE_USER));
        tell(how, va);
    }
    tell_all(how);
    for (uint32_t i = 0; i < PAGES; i++) {
        uint32_t va = base + i * GUEST_PAGE_BYTES;

        if (i % 3 == 0) {
            EXPECT_EQ_AT(i, peek32(va), 0x01d00000 + i);
            EXPECT(!can_write(va));
        } else if (i % 3 == 1) {
            EXPECT(!can_read(va));
        } else {
            EXPECT_EQ_AT(i, peek32(va), 0xf4e50000 + i);
            EXPECT(can_write(va));
        }
    }
}

static void change_user(uint32_t how)
{
    change(how, VA);
}

static void change_kernel(uint32_t how)
{
    change(how, KVA);
}

GT_ROW(change_set_pte, change_user, GT_BOTH, .arg = BY_SET_PTE)
GT_ROW(change_ring, change_user, GT_BOTH, .arg = BY_RING)
GT_ROW(change_flush_user, change_user, GT_BOTH, .arg = BY_FLUSH_USER)
GT_ROW(change_flush_all, change_user, GT_BOTH, .arg = BY_FLUSH_ALL)
GT_ROW(change_kernel_set_pte, change_kernel, GT_BOTH, .arg = BY_SET_PTE)
GT_ROW(change_kernel_flush, change_kernel, GT_BOTH, .arg = BY_FLUSH_ALL)

#define ROOTS 7u

/* A kernel mapping that all roots share changes: in none of them, cached or
 * evicted, is the old one left. On a 2-level guest the directory entries are
 * copied; a PAE guest shares the directory. */
static void shared_kernel(uint32_t how)
{
    uint32_t roots[ROOTS], a = page_alloc(), b = page_alloc();

    poke32(a, 0xaaaa);
    poke32(b, 0xbbbb);
    pt_write(pt_root, KVA, a | PTE_KERNEL);
    for (uint32_t i = 0; i < ROOTS; i++) {
        roots[i] = i ? pt_new_root() : pt_root;
        if (i)
            pt_write_dir(roots[i], KVA, pt_read_dir(roots[0], KVA));
    }
    for (uint32_t round = 0; round < 20; round++) {
        uint32_t pa = round & 1 ? a : b;

        for (uint32_t i = 0; i < ROOTS; i++) {
            pt_switch(roots[i]);
            EXPECT_EQ_AT(i, peek32(KVA), round & 1 ? 0xbbbb : round ? 0xaaaa : 0xaaaa);
        }
        pt_switch(roots[gt_random() % ROOTS]);
        pt_write(pt_root, KVA, pa | PTE_KERNEL);
        if (how == BY_SET_PTE)
            pt_announce(pt_root, KVA, pa | PTE_KERNEL);
        else
            pt_flush(FLUSH_ALL);
    }
}

GT_ROW(shared_kernel_set_pte, shared_kernel, GT_BOTH, .arg = BY_SET_PTE)
GT_ROW(shared_kernel_flush, shared_kernel, GT_BOTH, .arg = BY_FLUSH_ALL)

/* SET_PTE of a root that is not the current one: seen when it becomes so. */
GT_CASE(set_pte_other_root, GT_BOTH)
{
    uint32_t first = pt_root, second = pt_new_root(), a = page_alloc(), b = page_alloc();

    poke32(a, 1);
    poke32(b, 2);
    for (uint32_t i = 0; i < 50; i++) {
        pt_write(second, VA, a | PTE_USER);
        pt_announce(second, VA, a | PTE_USER);
        pt_switch(second);
        EXPECT_EQ(peek32(VA), 1);
        pt_switch(first);
        pt_write(second, VA, b | PTE_USER);
        pt_announce(second, VA, b | PTE_USER);
        pt_switch(second);
        EXPECT_EQ(peek32(VA), 2);
        pt_switch(first);
    }
}

/* The root that SET_PTE names has never been loaded, but shares its table with the
 * current one: walked in memory, the entry is forgotten (ABI 7.5). */
GT_CASE(set_pte_uncached_root, GT_BOTH)
{
    uint32_t other = pt_new_root(), pages[2] = {page_alloc(), page_alloc()};

    poke32(pages[0], 0xa0);
    poke32(pages[1], 0xa1);
    pt_write(pt_root, VA, pages[0] | PTE_USER);
    pt_write_dir(other, VA, pt_read_dir(pt_root, VA) & ~(uint64_t)PTE_A);
    for (uint32_t i = 0; i < 100; i++) {
        EXPECT_EQ_AT(i, peek32(VA), 0xa0 + (i & 1));
        pt_write(pt_root, VA, pages[~i & 1] | PTE_USER);
        pt_announce(other, VA, pages[~i & 1] | PTE_USER);
    }
}

/* PT-06: roots come, go and come back, their tables in the meantime reused for
 * others; nothing of an earlier life is seen. */
GT_CASE(evicted_roots, GT_BOTH)
{
    uint32_t roots[ROOTS], pages[ROOTS];

    for (uint32_t i = 0; i < ROOTS; i++) {
        roots[i] = i ? pt_new_root() : pt_root;
        pages[i] = page_alloc();
        pt_write(roots[i], VA, pages[i] | PTE_USER);
    }
    for (uint32_t n = 0; n < 2000; n++) {
        uint32_t i = gt_random() % ROOTS;

        pt_switch(roots[i]);
        poke32(VA, n);
        EXPECT_EQ_AT(n, peek32(pages[i]), n);
        if (gt_random() % 4 == 0) {
            /* This one gets another page, by an announced change. */
            uint32_t fresh = page_alloc();

            page_free(pages[i]);
            pages[i] = fresh;
            pt_set(roots[i], VA, fresh | PTE_USER);
        }
    }
}

/* PT-03: a directory that maps itself. The guest sees its own tables. */
GT_CASE(recursive, GT_BOTH)
{
    uint32_t window = 0x80000000, span = pt_dir_span(), dir_page, slot;

    if (pt_pae) {
        pt_write(pt_root, window + span, page_alloc() | PTE_KERNEL); /* makes the PD */
        dir_page = pt_dir_addr(pt_root, window) & ~GUEST_PAGE_MASK;
    } else {
        dir_page = pt_root;
    }
    slot = pt_dir_addr(pt_root, window);
    poke32(slot, dir_page | PTE_TABLE);
    /* The page at index i of the window is the table of directory entry i. */
    uint32_t index = window / span % (pt_pae ? 512 : 1024);
    uint32_t self = window + index * GUEST_PAGE_BYTES;

    for (uint32_t i = 0; i < 1024; i++)
        EXPECT_EQ_AT(i, peek32(self + i * 4) & ~0x60u, peek32(dir_page + i * 4) & ~0x60u);
    if (!pt_pae) {
        /* The kernel's first table, seen through it; changed through it too. */
        uint32_t entry = window + (VA >> 12) * 4, pa = page_alloc();

        pt_write(pt_root, VA, 0);
        poke32(pa, 0x4ec);
        poke32(entry, pa | PTE_KERNEL);
        pt_flush(FLUSH_ALL);
        EXPECT_EQ(peek32(VA), 0x4ec);
        poke32(entry, 0);
        pt_flush(FLUSH_ALL);
        EXPECT(!can_read(VA));
    }
}

/* PT-04: one frame in many roles, written while in use. */
GT_CASE(many_roles, GT_BOTH)
{
    uint32_t table = page_alloc(), page = page_alloc();

    poke32(page, 0x101e);
    pt_write_dir(pt_root, VA, table | PTE_TABLE); /* a page table */
    pt_write(pt_root, 0xd0000000, table | PTE_USER); /* data of the kernel */
    pt_write(pt_root, 0x50000000, table | PTE_USER); /* data of the user */
    for (uint32_t i = 0; i < 500; i++) {
        uint32_t n = gt_random() % 512, words = pt_pae ? 8 : 4;
        uint32_t va = VA + n * GUEST_PAGE_BYTES;
        uint32_t through = i & 1 ? 0xd0000000 : 0x50000000;

        poke32(through + n * words, page | PTE_USER);
        EXPECT_EQ_AT(i, peek32(va), 0x101e);
        poke32(through + n * words, 0);
        pt_flush(i & 2 ? FLUSH_USER : FLUSH_ALL);
        EXPECT(!can_read(va));
    }
    /* And as a directory that has itself as table, if someone is so inclined. */
    if (!pt_pae) {
        uint32_t root = pt_new_root();

        pt_write_dir(root, VA, root | PTE_TABLE);
        pt_switch(root);
        EXPECT_EQ(peek32(VA + (VA >> 22) * 4096) & ~0x60u, peek32(root) & ~0x60u);
    }
}

/* PT-14: SET_PGD and SET_PMD over the monitor's part of a root, current or not;
 * what the guest's own entry says there does not matter. */
GT_CASE(window_slot_survives, GT_BOTH)
{
    uint32_t other = pt_new_root();

    for (uint32_t i = 0; i < 20; i++) {
        uint32_t root = i & 1 ? other : pt_root;

        if (pt_pae) {
            uint32_t pd = peek32(root + 24) & ~GUEST_PAGE_MASK;

            poke32(pd + 511 * 8, i & 2 ? 0 : page_alloc() | PTE_TABLE);
            poke32(pd + 510 * 8, i & 4 ? 0 : page_alloc() | PTE_TABLE);
            lguest_call(GABI_HCALL_SET_PMD, pd, 511, 0, 0);
            lguest_call(GABI_HCALL_SET_PMD, pd, 510, 0, 0);
            lguest_call(GABI_HCALL_SET_PGD, root, 3, 0, 0);
        } else {
            poke32(root + 1023 * 4, i & 2 ? 0 : page_alloc() | PTE_TABLE);
            lguest_call(GABI_HCALL_SET_PGD, root, 1023, 0, 0);
        }
        pt_flush(FLUSH_ALL);
        lguest_call(GABI_HCALL_NEW_PGTABLE, other, 0, 0, 0);
        hcall0(GABI_HCALL_FLUSH_ASYNC);
        lguest_call(GABI_HCALL_NEW_PGTABLE, pt_root, 0, 0, 0);
        EXPECT(!can_write(GT_WINDOW_TEXT));
    }
}

/* PT-19: a pointer of the root changes; after SET_PGD the new one holds. */
GT_CASE(pdpte_change, GT_PAE)
{
    uint32_t pd[2], page[2];

    for (uint32_t i = 0; i < 2; i++) {
        uint32_t table = page_alloc();

        pd[i] = page_alloc();
        page[i] = page_alloc();
        poke32(page[i], 0xdd + i);
        poke32(pd[i], table | PTE_TABLE);
        poke32(table, page[i] | PTE_KERNEL);
    }
    for (uint32_t i = 0; i < 100; i++) {
        poke32(pt_root + 16, pd[i & 1] | PTE_P);
        lguest_call(GABI_HCALL_SET_PGD, pt_root, 2, 0, 0);
        EXPECT_EQ_AT(i, peek32(0x80000000), 0xdd + (i & 1));
    }
}

/* PT-21: more tables than any pool holds. */
GT_CASE(many_tables, GT_BOTH)
{
    uint32_t tables[8], page = page_alloc(), roots[5], n;

    for (uint32_t t = 0; t < 8; t++) {
        tables[t] = page_alloc();
        for (n = 0; n < 512; n++)
            poke32(tables[t] + n * (pt_pae ? 8 : 4), page | PTE_KERNEL);
    }
    for (uint32_t r = 0; r < 5; r++)
        roots[r] = r ? pt_new_root() : pt_root;
    poke32(page, 0x7ab5);
    for (uint32_t r = 0; r < 5; r++) {
        uint32_t step = pt_dir_span();

        for (uint32_t va = 0x40000000; va < 0x80000000; va += step)
            pt_write_dir(roots[r], va, tables[(va / step + r) % 8] | PTE_TABLE);
        pt_switch(roots[r]);
        for (uint32_t va = 0x40000000; va < 0x80000000; va += step)
            EXPECT_EQ_AT(va, peek32(va + (va / step) % 512 * 4096), 0x7ab5);
    }
    for (n = 0; n < 4000; n++) {
        uint32_t va = 0x40000000 + gt_random() % 0x40000000;

        if (n % 16 == 0)
            pt_switch(roots[gt_random() % 5]);
        EXPECT_EQ_AT(va, peek32((va & ~0x3ff000u & ~0xfffu) + (va & 0xff000)), 0x7ab5);
    }
}

/* PT-27: single pages by SET_PTE with 0 (flush_tlb_single), which changes nothing
 * but the cached entry. */
GT_CASE(flush_single, GT_BOTH)
{
    uint32_t a = page_alloc(), b = page_alloc();

    poke32(a, 0xa);
    poke32(b, 0xb);
    for (uint32_t i = 0; i < 200; i++) {
        uint32_t pa = i & 1 ? a : b;

        pt_write(pt_root, VA, pa | PTE_USER);
        pt_announce(pt_root, VA, 0);
        EXPECT_EQ_AT(i, peek32(VA), i & 1 ? 0xa : 0xb);
        EXPECT_EQ_AT(i, pt_read(pt_root, VA), pa | PTE_USER);
    }
}

/* A fault ends what is cached of its page (SDM 3A 4.10.4.1): a read-only page is there,
 * its entry changes without a word, and a store is refused by the new one. What is read
 * then is what the new one says. */
GT_CASE(fault_forgets, GT_BOTH)
{
    uint32_t a = page_alloc(), b = page_alloc(), ro = PTE_USER & ~PTE_W;

    poke32(a, 0xa);
    poke32(b, 0xb);
    for (uint32_t i = 0; i < 100; i++) {
        pt_set(pt_root, VA, a | ro);
        EXPECT_EQ_AT(i, peek32(VA), 0xa);
        pt_write(pt_root, VA, i & 1 ? 0 : b | ro);
        EXPECT_EQ_AT(i, gt_store(1, VA, i), VEC_PF);
        if (i & 1)
            EXPECT(!can_read(VA));
        else
            EXPECT_EQ_AT(i, peek32(VA), 0xb);
    }
}

/* SET_PTE's value is a hint: what counts is the guest's memory. */
GT_CASE(set_pte_is_a_hint, GT_BOTH)
{
    uint32_t a = page_alloc(), b = page_alloc();

    poke32(a, 0xa);
    poke32(b, 0xb);
    pt_set(pt_root, VA, a | PTE_USER);
    EXPECT_EQ(peek32(VA), 0xa);
    pt_announce(pt_root, VA, b | PTE_USER);
    EXPECT_EQ(peek32(VA), 0xa);
    pt_write(pt_root, VA, 0);
    pt_announce(pt_root, VA, b | PTE_USER);
    EXPECT(!can_read(VA));
}
