/* SPDX-License-Identifier: MIT */
/* What shadow paging knows must go when what it was found by does: what a flush has seen,
 * the table of the last SET_PTE, one where SET_PTE has nothing to do, the top level of a
 * root, the stack that was pinned. */
#include "shadow_guest.h"

#define VA 0x00400000u
#define VA2 0x00600000u /* 2-level: the other half of the same table */

/* Two entries that are used and compared, and the mappings that the stores of the test
 * need are there. */
static void start_watching(uint32_t pte, uint32_t pte2)
{
    guest_writes(pte, DATA << 12 | RWUSAD);
    guest_writes(pte2, (DATA + 1) << 12 | RWUSAD);
    guest_writes(pde_at(ROOT, VA), sf_peek(v, pde_at(ROOT, VA)));
    EXPECT(reaches(VA, SF_WRITE, DATA));
    EXPECT(reaches(VA2, SF_WRITE, DATA + 1));
    shadow_flush_user(v);
    shadow_flush_user(v);
}

/* ---- the watch list ---- */

static void watched_tables(void)
{
    uint32_t pte = pte_at(ROOT, VA), pte2 = pte_at(ROOT, VA2);

    start_watching(pte, pte2);
    for (uint32_t i = 0; i < 4; i++) {
        guest_writes(pte2, (DATA + 2 + i) << 12 | RWUSAD);
        if (i & 1)
            guest_writes(pte, (DATA + 8 + i) << 12 | RWUSAD);
        shadow_flush_user(v);
        EXPECT(reaches(VA2, SF_WRITE, DATA + 2 + i));
        EXPECT(reaches(VA, SF_WRITE, DATA + (i & 1 ? 8 + i : i == 0 ? 0 : 7 + i)));
    }
}

TEST(watched_tables_are_compared_when_written)
{
    for_both(watched_tables);
}

static void watched_directory(void)
{
    uint32_t pte = pte_at(ROOT, VA), pte2 = pte_at(ROOT, VA2), other = next_table++;

    sf_poke(v, (other << 12) + (pte & 0xfff), (DATA + 9) << 12 | RWUSAD);
    start_watching(pte, pte2);
    guest_writes(pde_at(ROOT, VA), other << 12 | RWUSAD);
    shadow_flush_user(v);
    EXPECT(reaches(VA, SF_READ, DATA + 9));
}

TEST(watched_directory_is_compared_when_written)
{
    for_both(watched_directory);
}

/* The list tells of one root; a flush in another has its own tables. */
static void watched_root(void)
{
    uint32_t pte = pte_at(ROOT, VA), pte2 = pte_at(ROOT, VA2), other;

    make_root2();
    other = pte_at(ROOT2, VA);
    sf_poke(v, other, (DATA + 5) << 12 | RWUSAD);
    shadow_new_pgtable(v, root_at(ROOT2));
    EXPECT(reaches(VA, SF_WRITE, DATA + 5));
    guest_writes(other, (DATA + 5) << 12 | RWUSAD);
    shadow_new_pgtable(v, root_at(ROOT));
    start_watching(pte, pte2);
    shadow_new_pgtable(v, root_at(ROOT2));
    guest_writes(other, (DATA + 6) << 12 | RWUSAD);
    shadow_flush_user(v);
    EXPECT(reaches(VA, SF_READ, DATA + 6));
    shadow_new_pgtable(v, root_at(ROOT));
}

TEST(a_flush_does_not_go_by_the_list_of_another_root)
{
    for_both(watched_root);
}

/* A table that was linked since the list was made. */
static void linked_since(void)
{
    uint32_t va = VA + 0x00800000, pte = pte_at(ROOT, va);

    start_watching(pte_at(ROOT, VA), pte_at(ROOT, VA2));
    guest_writes(pte, (DATA + 3) << 12 | RWUSAD);
    EXPECT(reaches(va, SF_WRITE, DATA + 3));
    guest_writes(pte, (DATA + 4) << 12 | RWUSAD);
    shadow_flush_user(v);
    EXPECT(reaches(va, SF_READ, DATA + 4));
}

TEST(a_table_linked_since_the_last_flush_is_compared)
{
    for_both(linked_since);
}

/* ---- SET_PTE in a table that is linked ---- */

static void link_table(uint32_t pte)
{
    guest_writes(pte, DATA << 12 | RWUSAD);
    sf_set_pte(v, root_at(ROOT), VA, DATA << 12 | RWUSAD, 0);
    EXPECT(reaches(VA, SF_READ, DATA));
}

/* Two announcements in the ring, the first that the entry is clear. What is there in
 * the end is what memory holds, whether or not the second one is about it. */
static void cleared_and_then(void)
{
    uint32_t pte = pte_at(ROOT, VA), next = pte_at(ROOT, VA + HV_PAGE_SIZE);
    const uint32_t now = (DATA + 1) << 12 | RWUSAD;
    const struct sf_pte second[] = {
        {root_at(ROOT), VA, now, 0},
        {root_at(ROOT), VA + HV_PAGE_SIZE, now, 0},
        {root_at(ROOT) + HV_PAGE_SIZE, VA, now, 0},
        {root_at(ROOT), VA, 0, 0},
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(second); i++) {
        struct sf_pte two[] = {{root_at(ROOT), VA, 0, 0}, second[i]};

        link_table(pte);
        EXPECT(reaches(VA, SF_WRITE, DATA));
        monitor_writes(pte, second[i].lo ? now : 0);
        monitor_writes(next, now);
        sf_set_ptes(v, two, 2);
        if (second[i].lo)
            EXPECT(reaches(VA, SF_WRITE, DATA + 1));
        else
            EXPECT_EQ(sf_access(v, VA, SF_READ).outcome, SF_FAULT);
        sf_check(v);
        guest_writes(pte, 0);
        shadow_flush_user(v);
    }
}

TEST(an_entry_cleared_and_set_again_in_the_ring)
{
    for_both(cleared_and_then);
}

/* Entries that end the guest. */
static void bad_entries(void)
{
    static const uint32_t bad[] = {PAGES << 12 | RWUSAD, (PAGES + 1) << 12 | RWUSAD,
                                   0xfffff000 | RWUSAD, DATA << 12 | RWUSAD | 0x80};
    uint32_t pte = pte_at(ROOT, VA);

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad) + (pae ? 1 : 0); i++) {
        uint32_t lo = i < HV_ARRAY_SIZE(bad) ? bad[i] : DATA << 12 | RWUSAD;
        uint32_t hi = i < HV_ARRAY_SIZE(bad) ? 0 : 1;

        link_table(pte);
        guest_writes(pte, lo);
        if (pae)
            guest_writes(pte + 4, hi);
        sf_set_pte(v, root_at(ROOT), VA, lo, hi);
        EXPECT(guest_is_dead(v->guest));
        EXPECT(strstr(v->guest->reason, "bad page table entry") != NULL);
        revive();
        if (pae)
            guest_writes(pte + 4, 0);
        guest_writes(pte, 0);
        shadow_flush_all(v);
    }
}

TEST(set_pte_of_the_remembered_table_kills_for_bad_entries)
{
    for_both(bad_entries);
}

/* The root that is named counts, not the one that is loaded. */
static void named_root(void)
{
    uint32_t pte = pte_at(ROOT, VA), other;

    make_root2();
    other = pte_at(ROOT2, VA);
    sf_poke(v, other, (DATA + 5) << 12 | RWUSAD);
    shadow_new_pgtable(v, root_at(ROOT2));
    EXPECT(reaches(VA, SF_WRITE, DATA + 5));
    shadow_new_pgtable(v, root_at(ROOT));
    link_table(pte);
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t value = i ? (DATA + 6) << 12 | RWUSAD : 0;

        guest_writes(other, value);
        guest_writes(pte, value);
        sf_set_pte(v, root_at(ROOT2), VA, value, 0);
        shadow_new_pgtable(v, root_at(ROOT2));
        if (i)
            EXPECT(reaches(VA, SF_READ, DATA + 6));
        else
            EXPECT(faults(VA, SF_READ, 0));
        guest_writes(other, (DATA + 5) << 12 | RWUSAD);
        shadow_flush_user(v);
        EXPECT(reaches(VA, SF_READ, DATA + 5));
        shadow_new_pgtable(v, root_at(ROOT));
        shadow_flush_user(v);
        link_table(pte);
    }
}

TEST(set_pte_changes_the_root_that_it_names)
{
    for_both(named_root);
}

/* A second root whose table for this kernel address is its own; both map DATA there.
 * Returns where its entry is. */
static uint32_t kernel_table_apart(uint32_t va, uint32_t pte)
{
    uint32_t page = next_table++, other = (page << 12) + (pte & 0xfff);

    make_root2();
    if (pae)
        sf_poke(v, root_at(ROOT2) + 24, next_table++ << 12 | 1);
    sf_poke(v, pde_at(ROOT2, va), page << 12 | RWUSAD);
    sf_poke(v, other, DATA << 12 | RWUSAD);
    sf_poke(v, pte, DATA << 12 | RWUSAD);
    return other;
}

/* A kernel address: every root that has a table there, also after a fault that found
 * the one of the current root. */
static void kernel_address(void)
{
    uint32_t va = 0xd0003000, pte = pte_at(ROOT, va), other = kernel_table_apart(va, pte);

    shadow_new_pgtable(v, root_at(ROOT2));
    EXPECT(reaches(va, SF_WRITE, DATA));
    shadow_new_pgtable(v, root_at(ROOT));
    EXPECT(reaches(va, SF_WRITE, DATA));
    monitor_writes(pte, (DATA + 1) << 12 | RWUSAD);
    monitor_writes(other, (DATA + 1) << 12 | RWUSAD);
    sf_set_pte(v, root_at(ROOT), va, (DATA + 1) << 12 | RWUSAD, 0);
    EXPECT(reaches(va, SF_WRITE, DATA + 1));
    shadow_new_pgtable(v, root_at(ROOT2));
    EXPECT(reaches(va, SF_WRITE, DATA + 1));
    shadow_new_pgtable(v, root_at(ROOT));
}

TEST(set_pte_of_a_kernel_address_after_a_fault_there)
{
    for_both(kernel_address);
}

/* A table that was the only one there, until another root got one of its own. */
static void kernel_table_of_one(void)
{
    uint32_t va = 0xd0003000, pte = pte_at(ROOT, va), other = kernel_table_apart(va, pte);

    EXPECT(reaches(va, SF_WRITE, DATA));
    sf_set_pte(v, root_at(ROOT), va, DATA << 12 | RWUSAD, 0);
    EXPECT_EQ(v->guest->mmu->remembered.region, va >> 21);
    shadow_new_pgtable(v, root_at(ROOT2));
    EXPECT(reaches(va, SF_WRITE, DATA));
    for (uint32_t i = 1; i < 4; i++) {
        monitor_writes(pte, (DATA + i) << 12 | RWUSAD);
        monitor_writes(other, (DATA + i) << 12 | RWUSAD);
        sf_set_pte(v, root_at(ROOT), va, (DATA + i) << 12 | RWUSAD, 0);
        EXPECT(reaches(va, SF_WRITE, DATA + i));
        shadow_new_pgtable(v, root_at(i & 1 ? ROOT : ROOT2));
        EXPECT(reaches(va, SF_WRITE, DATA + i));
    }
}

TEST(set_pte_of_a_kernel_table_that_is_no_longer_the_only_one)
{
    for_both(kernel_table_of_one);
}

/* ---- SET_PTE with nothing to do ---- */

/* A root that is not cached, whose table nobody shadows; then somebody does. */
static void nothing_yet(void)
{
    uint32_t table, pte, i = VA >> 12 & 511, elsewhere = VA + 0x00800000;

    make_root2();
    pte = pte_at(ROOT2, VA);
    table = pte & ~0xfffu;
    sf_poke(v, pte, DATA << 12 | RWUSAD);
    for (uint32_t n = 0; n < 4; n++)
        sf_set_pte(v, root_at(ROOT2), VA + (n << 12), 0, 0);
    /* The same page as a table of the current root. */
    guest_writes(pde_at(ROOT, elsewhere), table | RWUSAD);
    EXPECT(reaches(elsewhere | i << 12, SF_READ, DATA));
    for (uint32_t n = 0; n < 4; n++) {
        guest_writes(pte, (DATA + n) << 12 | RWUSAD);
        sf_set_pte(v, root_at(ROOT2), VA, n & 1 ? 0 : (DATA + n) << 12 | RWUSAD, 0);
        EXPECT(reaches(elsewhere | i << 12, SF_READ, DATA + n));
    }
}

TEST(set_pte_of_a_table_that_became_shadowed)
{
    for_both(nothing_yet);
}

/* The root's directory names another table meanwhile, one that is shadowed. */
static void nothing_before(void)
{
    uint32_t pte = pte_at(ROOT, VA), pde;

    make_root2();
    (void)pte_at(ROOT2, VA);
    pde = pde_at(ROOT2, VA);
    for (uint32_t i = 0; i < (pae ? 2 : 1); i++) {
        guest_writes(pte, DATA << 12 | RWUSAD);
        guest_writes(pde, sf_peek(v, pde));
        guest_writes(root_at(ROOT2), sf_peek(v, root_at(ROOT2)));
        EXPECT(reaches(VA, SF_READ, DATA));
        for (uint32_t n = 0; n < 4; n++)
            sf_set_pte(v, root_at(ROOT2), VA + (n << 12), 0, 0);
        /* PAE: at first in the top level. */
        if (pae && i == 0)
            guest_writes(root_at(ROOT2), DIR << 12 | 1);
        else
            guest_writes(pde, (pte & ~0xfffu) | RWUSAD);
        guest_writes(pte, (DATA + 1) << 12 | RWUSAD);
        sf_set_pte(v, root_at(ROOT2), VA, 0, 0);
        EXPECT(reaches(VA, SF_READ, DATA + 1));
        if (pae && i == 0)
            guest_writes(root_at(ROOT2), (pde & ~0xfffu) | 1);
        guest_writes(pte, 0);
        sf_set_pte(v, root_at(ROOT), VA, 0, 0);
    }
}

TEST(set_pte_of_a_directory_that_was_changed)
{
    for_both(nothing_before);
}

/* A cached root without a table there; then it has one. */
static void no_link_yet(void)
{
    uint32_t pte;

    make_root2();
    pte = pte_at(ROOT2, VA);
    sf_poke(v, pte, DATA << 12 | RWUSAD);
    shadow_new_pgtable(v, root_at(ROOT2));
    EXPECT(reaches(DIRECT_MAP, SF_READ, 0));
    shadow_new_pgtable(v, root_at(ROOT));
    for (uint32_t n = 0; n < 4; n++)
        sf_set_pte(v, root_at(ROOT2), VA + (n << 12), 0, 0);
    shadow_new_pgtable(v, root_at(ROOT2));
    EXPECT(reaches(VA, SF_READ, DATA));
    shadow_new_pgtable(v, root_at(ROOT));
    guest_writes(pte, (DATA + 1) << 12 | RWUSAD);
    sf_set_pte(v, root_at(ROOT2), VA, 0, 0);
    shadow_new_pgtable(v, root_at(ROOT2));
    EXPECT(reaches(VA, SF_READ, DATA + 1));
    shadow_new_pgtable(v, root_at(ROOT));
}

TEST(set_pte_of_a_root_that_got_a_table)
{
    for_both(no_link_yet);
}

/* It is nothing for the root that was named then, not for the current one. */
static void nothing_elsewhere(void)
{
    uint32_t pte = pte_at(ROOT, VA);

    make_root2();
    (void)pte_at(ROOT2, VA);
    guest_writes(pte, DATA << 12 | RWUSAD);
    EXPECT(reaches(VA, SF_READ, DATA));
    for (uint32_t n = 0; n < 4; n++)
        sf_set_pte(v, root_at(ROOT2), VA + (n << 12), 0, 0);
    shadow_new_pgtable(v, root_at(ROOT)); /* no table is remembered now */
    guest_writes(pte, (DATA + 1) << 12 | RWUSAD);
    sf_set_pte(v, root_at(ROOT), VA, 0, 0);
    EXPECT(reaches(VA, SF_READ, DATA + 1));
}

TEST(set_pte_with_nothing_to_do_in_another_root)
{
    for_both(nothing_elsewhere);
}

static void nothing_but_bad(void)
{
    static const uint32_t bad[] = {PAGES << 12 | RWUSAD, 0xfffff000 | RWUSAD,
                                   DATA << 12 | RWUSAD | 0x80};

    make_root2();
    (void)pte_at(ROOT2, VA);
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        for (uint32_t n = 0; n < 4; n++)
            sf_set_pte(v, root_at(ROOT2), VA + (n << 12), 0, 0);
        sf_set_pte(v, root_at(ROOT2), VA, bad[i], 0);
        EXPECT(guest_is_dead(v->guest));
        revive();
    }
}

TEST(set_pte_with_nothing_to_do_kills_for_bad_entries)
{
    for_both(nothing_but_bad);
}

/* ---- the top level of a root ---- */

static void top_level(void)
{
    uint32_t other, old, top = root_at(ROOT2), n = pae ? 0 : VA >> 22;

    make_root2();
    sf_poke(v, pte_at(ROOT2, VA), DATA << 12 | RWUSAD);
    old = sf_peek(v, top + n * entry_bytes());
    other = next_table++;
    if (pae) { /* another directory, with a table of its own */
        sf_poke(v, (other << 12) + (VA >> 21) * 8, next_table << 12 | RWUSAD);
        sf_poke(v, (next_table << 12) + (VA >> 12 & 511) * 8, (DATA + 1) << 12 | RWUSAD);
        next_table++;
        other = other << 12 | 1;
    } else {
        sf_poke(v, (other << 12) + (VA >> 12 & 1023) * 4, (DATA + 1) << 12 | RWUSAD);
        other = other << 12 | RWUSAD;
    }
    guest_writes(top, sf_peek(v, top));
    for (uint32_t i = 0; i < 6; i++) {
        shadow_new_pgtable(v, top);
        EXPECT(reaches(VA, SF_READ, DATA + (i & 1)));
        shadow_new_pgtable(v, root_at(ROOT));
        shadow_new_pgtable(v, top);
        shadow_new_pgtable(v, root_at(ROOT));
        guest_writes(top + n * entry_bytes(), i & 1 ? old : other);
    }
}

TEST(a_changed_top_level_shows_when_it_is_loaded)
{
    for_both(top_level);
}

/* ---- the pinned stack ---- */

/* What the second page needs takes the first one along: another directory. */
TEST(both_stack_pages_stay_when_the_directory_is_replaced)
{
    uint32_t top = 0x40201000, va[2] = {0x40200000, 0x401ff000}, other;

    start(true);
    for (uint32_t i = 0; i < 2; i++)
        sf_poke(v, pte_at(ROOT, va[i]), (DATA + i) << 12 | 0x63);
    other = next_table++;
    for (uint32_t i = 0; i < 16; i += 4)
        sf_poke(v, (other << 12) + i, sf_peek(v, ((DIR + 1) << 12) + i));
    EXPECT(reaches(va[0], SF_WRITE, DATA));
    guest_writes(root_at(ROOT) + 8, other << 12 | 1);
    v->esp1 = top;
    v->stack_pages = 2;
    v->todo |= VCPU_TODO_PIN;
    EXPECT(sf_enter(v));
    for (uint32_t i = 0; i < 2; i++)
        EXPECT_EQ(sf_hardware(v, va[i], SF_WRITE).outcome, SF_OK);
    stop();
}

/* A fault elsewhere brings in the directory that the top level names by now; the stack's
 * page is not in it yet. */
TEST(stack_stays_when_a_fault_replaces_its_directory)
{
    uint32_t stack = 0x40200000, va = 0x40400000, other;

    start(true);
    sf_poke(v, pte_at(ROOT, stack), DATA << 12 | 0x63);
    sf_poke(v, pte_at(ROOT, va), (DATA + 1) << 12 | RWUSAD);
    other = next_table++;
    for (uint32_t i = 0; i < 24; i += 4)
        sf_poke(v, (other << 12) + i, sf_peek(v, ((DIR + 1) << 12) + i));
    v->esp1 = stack + HV_PAGE_SIZE;
    v->stack_pages = 1;
    v->todo |= VCPU_TODO_PIN;
    EXPECT(sf_enter(v));
    EXPECT_EQ(sf_hardware(v, stack, SF_WRITE).outcome, SF_OK);
    guest_writes(root_at(ROOT) + 8, other << 12 | 1);
    EXPECT(reaches(va, SF_READ, DATA + 1));
    EXPECT(sf_enter(v));
    EXPECT_EQ(sf_hardware(v, stack, SF_WRITE).outcome, SF_OK);
    stop();
}

/* SET_PTE by way of a directory that no root has, whose entry names the stack's own
 * table: the page is forgotten, so it is pinned again before the next entry. */
static void pinned_by_another_way(void)
{
    uint32_t pte = pte_at(ROOT, VA);

    sf_poke(v, pte, DATA << 12 | 0x63);
    make_root2();
    sf_poke(v, pde_at(ROOT2, VA), sf_peek(v, pde_at(ROOT, VA)));
    v->esp1 = VA + HV_PAGE_SIZE;
    v->stack_pages = 1;
    v->todo |= VCPU_TODO_PIN;
    EXPECT(sf_enter(v));
    EXPECT_EQ(sf_hardware(v, VA, SF_WRITE).outcome, SF_OK);
    sf_set_pte(v, root_at(ROOT2), VA, 0, 0);
    EXPECT(sf_hardware(v, VA, SF_WRITE).outcome != SF_OK);
    EXPECT(sf_enter(v));
    EXPECT_EQ(sf_hardware(v, VA, SF_WRITE).outcome, SF_OK);
}

TEST(a_stack_page_forgotten_through_another_directory_is_pinned_again)
{
    for_both(pinned_by_another_way);
}

/* ---- faults in the remembered table ---- */

/* A fault in the remembered table that the directory forbids: the guest's own, and
 * nothing is set in its entry. */
static void directory_forbids(void)
{
    uint32_t pte = pte_at(ROOT, VA), next = pte + entry_bytes();

    sf_poke(v, pde_at(ROOT, VA), sf_peek(v, pde_at(ROOT, VA)) & ~6u);
    sf_poke(v, pte, DATA << 12 | RWUSAD);
    sf_poke(v, next, (DATA + 1) << 12 | 7);
    EXPECT(reaches(VA, SF_READ, DATA));
    EXPECT(faults(VA + 4096, SF_WRITE, SF_WRITE | 1));
    EXPECT(faults(VA + 4096, SF_USER, SF_USER | 1));
    EXPECT_EQ(sf_peek(v, next), (DATA + 1) << 12 | 7);
}

TEST(a_directory_without_rights_forbids_in_the_remembered_table)
{
    for_both(directory_forbids);
}
