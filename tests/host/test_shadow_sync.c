/* SPDX-License-Identifier: MIT */
/* Keeping shadows true: tables that map themselves, every way to write a table,
 * silent clearing, announcements of roots that are not cached, hints that lie. */
#include "fake.h"
#include "shadow_guest.h"

/* ---- tables that map themselves (PT-03) ---- */

static void self_map(void)
{
    uint32_t dir = pae ? DIR : ROOT, slot = 5, top;
    uint32_t base = pae ? slot << 21 : slot << 22;

    /* The directory is its own table at this slot. */
    sf_poke(v, (dir << 12) + slot * entry_bytes(), dir << 12 | RWUSAD);
    sf_poke(v, pte_at(ROOT, 0x00001000), DATA << 12 | RWUSAD);
    top = base + slot * 4096; /* the directory itself, as a page */
    EXPECT(reaches(top, SF_WRITE, dir));
    EXPECT(reaches(0x00001000, SF_WRITE, DATA));
    /* Entry 0 of the directory, changed through the self map. */
    EXPECT_EQ(sf_store(v, top, 0).outcome, SF_OK);
    shadow_set_pgd(v, root_at(ROOT), 0);
    EXPECT(faults(0x00001000, SF_READ, 0));
    /* The self map itself goes, through itself. */
    EXPECT_EQ(sf_store(v, top + slot * entry_bytes(), 0).outcome, SF_OK);
    shadow_flush_all(v);
    EXPECT(faults(top, SF_READ, 0));
    sf_check(v);
}

TEST(pt03_directory_maps_itself)
{
    for_both(self_map);
}

/* All entries of a directory name the directory. */
static void all_self(void)
{
    uint32_t dir = pae ? DIR : ROOT, n = pae ? 512 : 768;

    for (uint32_t i = 0; i < n; i++)
        sf_poke(v, (dir << 12) + i * entry_bytes(), dir << 12 | RWUSAD);
    for (uint32_t va = 0; va < (pae ? 0x40000000u : 0xbfffffffu); va += 0x213000)
        EXPECT(reaches(va, SF_WRITE, dir) || (!pae && (va >> 12 & 1023) >= 768));
    shadow_flush_all(v);
    for (uint32_t i = 0; i < n; i++)
        monitor_writes((dir << 12) + i * entry_bytes(), 0);
    shadow_flush_user(v);
    for (uint32_t va = 0; va < (pae ? 0x40000000u : 0xbfffffffu); va += 0x213000)
        EXPECT(faults(va, SF_READ, 0));
}

TEST(pt03_all_entries_name_their_directory)
{
    for_both(all_self);
}

/* PDPTE 0 to 3 name one directory. */
TEST(pae_one_directory_four_times)
{
    uint32_t pte;

    start(true);
    pte = pte_at(ROOT, DIRECT_MAP + 20 * 4096);
    for (uint32_t i = 0; i < 4; i++)
        sf_poke(v, root_at(ROOT) + i * 8, (DIR + 3) << 12 | 1);
    shadow_new_pgtable(v, root_at(ROOT));
    for (uint32_t i = 0; i < 4 * PAGES; i++)
        EXPECT(reaches((i & 3) << 30 | (i >> 2) << 12, SF_WRITE, i >> 2));
    /* Where the switcher is at the top there is nothing below. */
    for (uint32_t top = 0; top < 3; top++)
        EXPECT(faults(top << 30 | 0x3fe00000, SF_READ, 0));
    guest_writes(pte, 21 << 12 | RWUSAD);
    sf_set_pte(v, root_at(ROOT), DIRECT_MAP + 20 * 4096, 0, 0);
    EXPECT(reaches(DIRECT_MAP + 20 * 4096, SF_READ, 21));
    guest_writes(pte, 22 << 12 | RWUSAD);
    shadow_flush_user(v);
    for (uint32_t top = 0; top < 3; top++)
        EXPECT(reaches(top << 30 | 20 << 12, SF_READ, 22));
    guest_writes(pte, 23 << 12 | RWUSAD);
    shadow_set_pgd(v, root_at(ROOT), 1);
    EXPECT(reaches(1u << 30 | 20 << 12, SF_READ, 23));
    stop();
}

/* ---- who may write a table without being seen ---- */

enum writer { BY_DIRECT_MAP, BY_ALIAS, BY_USER, BY_UNMAPPED_ALIAS, BY_MONITOR,
              BY_LINEAR, BY_SWITCHER, WRITERS };

static void write_entry(enum writer by, uint32_t gpa, uint32_t value)
{
    uint32_t alias = 0x00c00000, pte = pte_at(ROOT, alias);

    switch (by) {
    case BY_DIRECT_MAP:
        guest_writes(gpa, value);
        break;
    case BY_ALIAS:
    case BY_USER:
    case BY_UNMAPPED_ALIAS:
        guest_writes(pte, (gpa & ~0xfffu) | RWUSAD);
        sf_set_pte(v, root_at(ROOT), alias, 0, 0);
        EXPECT(reaches(alias, SF_WRITE | (by == BY_USER ? SF_USER : 0), gpa >> 12));
        sf_poke(v, gpa, value);
        if (by == BY_UNMAPPED_ALIAS) {
            guest_writes(pte, 0);
            sf_set_pte(v, root_at(ROOT), alias, 0, 0);
        }
        break;
    case BY_MONITOR:
        monitor_writes(gpa, value);
        break;
    case BY_LINEAR:
        EXPECT(gva_write(v, GVA(DIRECT_MAP + gpa), &value, 4));
        break;
    case BY_SWITCHER:
        shadow_note_alias(v->guest, GFN(gpa >> 12));
        sf_poke(v, gpa, value);
        break;
    case WRITERS:
        break;
    }
}

/* Every table that nobody writes meanwhile is at rest afterwards. */
static void let_rest(void)
{
    for (uint32_t i = 0; i < 4; i++)
        shadow_flush_all(v);
}

static void write_and_look(bool resting)
{
    uint32_t va = 0x00800000, pte = pte_at(ROOT, va), pde = pde_at(ROOT, va);
    uint32_t other = next_table++, table = sf_peek(v, pde);

    sf_poke(v, (other << 12) + (pte & 0xfff), (DATA + 9) << 12 | RWUSAD);
    for (uint32_t by = 0; by < WRITERS; by++) {
        for (uint32_t all = 0; all < 2; all++) {
            sf_poke(v, pte, DATA << 12 | RWUSAD);
            sf_set_pte(v, root_at(ROOT), va, 0, 0);
            EXPECT(reaches(va, SF_WRITE, DATA));
            if (resting)
                let_rest();
            write_entry(by, pte, (DATA + 1 + by) << 12 | RWUSAD);
            if (all)
                shadow_flush_all(v);
            else
                shadow_flush_user(v);
            EXPECT(reaches(va, SF_READ, DATA + 1 + by));
            /* The same for the directory. */
            if (resting)
                let_rest();
            write_entry(by, pde, other << 12 | RWUSAD);
            if (all)
                shadow_flush_all(v);
            else
                shadow_flush_user(v);
            EXPECT(reaches(va, SF_READ, DATA + 9));
            write_entry(by, pde, table);
            shadow_set_pgd(v, root_at(ROOT), pae ? va >> 30 : va >> 22);
            EXPECT(reaches(va, SF_READ, DATA + 1 + by));
        }
    }
}

static void hidden_writers(void)
{
    write_and_look(false);
}

TEST(every_way_to_write_a_table_shows_at_a_flush)
{
    for_both(hidden_writers);
}

static void hidden_writers_at_rest(void)
{
    write_and_look(true);
}

TEST(every_way_to_write_a_table_at_rest_shows_at_a_flush)
{
    for_both(hidden_writers_at_rest);
}

static bool is_at_rest(uint32_t gpa)
{
    return !gpage_may_write(&v->guest->pages[gpa >> HV_PAGE_SHIFT]);
}

/* Rest begins after some flushes without a write, and ends with the first one, or
 * when the page is no table any more. */
static void rest(void)
{
    uint32_t va = 0x00800000, pte = pte_at(ROOT, va), pde = pde_at(ROOT, va);

    guest_writes(pte, DATA << 12 | RWUSAD);
    EXPECT(reaches(va, SF_WRITE, DATA));
    shadow_flush_all(v);
    EXPECT(!is_at_rest(pte));
    let_rest();
    EXPECT(is_at_rest(pte));
    EXPECT(reaches(va, SF_READ, DATA));
    guest_writes(pte, (DATA + 1) << 12 | RWUSAD);
    EXPECT(!is_at_rest(pte));
    shadow_flush_all(v);
    EXPECT(reaches(va, SF_READ, DATA + 1));
    let_rest();
    EXPECT(is_at_rest(pte));
    guest_writes(pde, 0);
    shadow_flush_all(v);
    EXPECT(!is_at_rest(pte));
}

TEST(a_table_rests_until_it_is_written)
{
    for_both(rest);
}

/* A table that has several mappings never rests, nor one that the switcher maps. */
static void never_rest(void)
{
    uint32_t va = 0x00800000, pte = pte_at(ROOT, va), alias = 0x00c00000;

    guest_writes(pte, DATA << 12 | RWUSAD);
    EXPECT(reaches(va, SF_WRITE, DATA));
    sf_poke(v, pte_at(ROOT, alias), (pte & ~0xfffu) | RWUSAD);
    EXPECT(reaches(alias, SF_READ, pte >> 12));
    EXPECT(reaches(DIRECT_MAP + (pte & ~0xfffu), SF_READ, pte >> 12));
    let_rest();
    EXPECT(!is_at_rest(pte));
    guest_writes(pte_at(ROOT, alias), 0);
    sf_set_pte(v, root_at(ROOT), alias, 0, 0);
    let_rest();
    EXPECT(is_at_rest(pte));
    shadow_note_alias(v->guest, GFN(pte >> HV_PAGE_SHIFT));
    EXPECT(!is_at_rest(pte));
    let_rest();
    EXPECT(!is_at_rest(pte));
}

TEST(a_table_of_several_mappings_does_not_rest)
{
    for_both(never_rest);
}

/* The frame of a leaf is dirty because of an alias that is gone again. */
static void two_aliases(void)
{
    uint32_t va = 0x00800000, pte = pte_at(ROOT, va), alias = 0x00c00000;

    for (uint32_t i = 0; i < 2; i++)
        sf_poke(v, pte_at(ROOT, alias + i * 4096), (pte & ~0xfffu) | RWUSAD);
    sf_poke(v, pte, DATA << 12 | RWUSAD);
    EXPECT(reaches(va, SF_WRITE, DATA));
    for (uint32_t order = 0; order < 2; order++) {
        for (uint32_t i = 0; i < 2; i++)
            EXPECT(reaches(alias + i * 4096, SF_WRITE, pte >> 12));
        sf_poke(v, pte, (DATA + 1 + order) << 12 | RWUSAD);
        for (uint32_t i = 0; i < 2; i++)
            sf_set_pte(v, root_at(ROOT), alias + (i ^ order) * 4096, 0, 0);
        sf_set_pte(v, root_at(ROOT), DIRECT_MAP + (pte & ~0xfffu), 0, 0);
        shadow_flush_user(v);
        EXPECT(reaches(va, SF_READ, DATA + 1 + order));
    }
}

TEST(two_aliases_unmapped_before_the_flush)
{
    for_both(two_aliases);
}

/* ---- silent clearing ---- */

static void silent_clearing(void)
{
    uint32_t va = 0x00400000, va2 = 0x00800000, step = entry_bytes();
    uint32_t table = pte_at(ROOT, va) & ~0xfffu, pde = pde_at(ROOT, va);

    make_root2();
    for (uint32_t i = 0; i < 16; i++)
        sf_poke(v, table + i * step, (DATA + i) << 12 | RWUSAD);
    /* Both roots use the table: unlinking it from one does not free it. */
    sf_poke(v, pde_at(ROOT2, va2), table | RWUSAD);
    EXPECT(reaches(va + 0x3000, SF_USER | SF_WRITE, DATA + 3));
    shadow_new_pgtable(v, root_at(ROOT2));
    EXPECT(reaches(va2 + 0x4000, SF_USER | SF_WRITE, DATA + 4));
    shadow_new_pgtable(v, root_at(ROOT));
    for (uint32_t i = 0; i < 16; i++)
        guest_writes(table + i * step, 0);
    guest_writes(pde, 0);
    shadow_set_pgd(v, root_at(ROOT), pae ? 0 : va >> 22);
    shadow_set_pmd(v, pde & ~0xfffu, (pde & 0xfff) / 8);
    EXPECT(faults(va + 0x3000, SF_READ, 0));
    /* Data for a while, then a table for the same root, elsewhere. */
    for (uint32_t i = 0; i < 16; i++)
        guest_writes(table + i * step, 0xffffffffu);
    for (uint32_t i = 0; i < 16; i++)
        guest_writes(table + i * step,
                     i == 3 || i == 5 ? (DATA + 6 + i) << 12 | RWUSAD : 0);
    guest_writes(pde_at(ROOT, va2), table | RWUSAD);
    EXPECT(reaches(va2 + 0x5000, SF_USER, DATA + 11)); /* linked by this one */
    EXPECT(faults(va2 + 0x4000, SF_USER, SF_USER));
    EXPECT(reaches(va2 + 0x3000, SF_USER, DATA + 9));
    sf_check(v);
}

TEST(silently_cleared_table_is_compared_before_it_is_linked)
{
    for_both(silent_clearing);
}

/* The same when the root that built the table has been evicted or is not the
 * current one. */
static void silent_clearing_evicted(void)
{
    uint32_t va = 0x00400000, table = pte_at(ROOT, va) & ~0xfffu, step = entry_bytes();

    make_root2();
    sf_poke(v, table + 3 * step, DATA << 12 | RWUSAD);
    EXPECT(reaches(va + 0x3000, SF_WRITE, DATA));
    shadow_new_pgtable(v, root_at(ROOT2));
    for (uint32_t i = 0; i < 20; i++) /* roots without anything */
        shadow_new_pgtable(v, pae ? (ROOT2 << 12) + 32 + i * 32 : (12 + i) << 12);
    shadow_new_pgtable(v, root_at(ROOT2));
    guest_writes(table + 3 * step, 0);
    guest_writes(table + 4 * step, (DATA + 1) << 12 | RWUSAD);
    guest_writes(pde_at(ROOT2, va), table | RWUSAD);
    EXPECT(faults(va + 0x3000, SF_READ, 0));
    EXPECT(reaches(va + 0x4000, SF_READ, DATA + 1));
    shadow_new_pgtable(v, root_at(ROOT));
    EXPECT(faults(va + 0x3000, SF_READ, 0));
    EXPECT(reaches(va + 0x4000, SF_READ, DATA + 1));
}

TEST(silent_clearing_through_evicted_roots)
{
    for_both(silent_clearing_evicted);
}

/* A page that was a root, was given back without a word and is a root again. */
static void reused_root(void)
{
    uint32_t va = 0x00400000, table = pte_at(ROOT, va) & ~0xfffu;
    uint32_t pde, other = next_table++;

    make_root2();
    pde = pde_at(ROOT2, va);
    sf_poke(v, table, DATA << 12 | RWUSAD);
    sf_poke(v, other << 12, (DATA + 1) << 12 | RWUSAD);
    sf_poke(v, pde, table | RWUSAD);
    shadow_new_pgtable(v, root_at(ROOT2));
    EXPECT(reaches(va, SF_WRITE, DATA));
    shadow_new_pgtable(v, root_at(ROOT));
    guest_writes(pde, other << 12 | RWUSAD);
    if (pae) /* the top level is what a load of CR3 reads */
        shadow_set_pmd(v, pde & ~0xfffu, (pde & 0xfff) / 8);
    shadow_new_pgtable(v, root_at(ROOT2));
    EXPECT(reaches(va, SF_READ, DATA + 1));
    shadow_new_pgtable(v, root_at(ROOT));
}

TEST(root_page_that_was_reused)
{
    for_both(reused_root);
}

/* ---- announcements for what is not cached ---- */

/* A root that is no root, or not cached: the entry goes from the shadow of the
 * table that guest memory names. */
static void set_pte_elsewhere(void)
{
    uint32_t va = 0x00400000, pte = pte_at(ROOT, va);

    make_root2();
    sf_poke(v, pte, DATA << 12 | RWUSAD);
    sf_poke(v, pde_at(ROOT2, va), (pte & ~0xfffu) | RWUSAD);
    EXPECT(reaches(va, SF_READ, DATA));
    EXPECT_EQ(sf_hardware(v, va, SF_READ).outcome, SF_OK);
    sf_set_pte(v, root_at(ROOT2), va, 0, 0);
    EXPECT_EQ(sf_hardware(v, va, SF_READ).outcome, SF_FAULT);
    EXPECT(reaches(va, SF_READ, DATA));
    /* HC-13: a data page, the last page, beyond memory, unaligned. */
    sf_set_pte(v, DATA << 12, va, DATA << 12 | RWUSAD, 0);
    sf_set_pte(v, (PAGES - 1) << 12, va, DATA << 12 | RWUSAD, 0);
    sf_set_pte(v, PAGES << 12, va, DATA << 12 | RWUSAD, 0);
    sf_set_pte(v, 0xffffffffu, va, DATA << 12 | RWUSAD, 0);
    sf_set_pte(v, root_at(ROOT2) + 3, va, DATA << 12 | RWUSAD, 0);
    EXPECT(!guest_is_dead(v->guest));
    EXPECT(reaches(va, SF_READ, DATA));
}

TEST(set_pte_of_a_root_that_is_not_cached)
{
    for_both(set_pte_elsewhere);
}

/* S5: A without D is installed read-only, so that D is not lost. */
static void set_pte_without_d(void)
{
    uint32_t va = 0x00400000, pte = pte_at(ROOT, va), rights;

    EXPECT(faults(va, SF_READ, 0));
    for (uint32_t flags = 0; flags < 128; flags++) {
        guest_writes(pte, DATA << 12 | flags);
        sf_set_pte(v, root_at(ROOT), va, DATA << 12 | flags, 0);
        EXPECT_EQ(sf_hardware(v, va, SF_WRITE).outcome,
                  (flags & 0x63) == 0x63 && root_table(v->root, va, &rights) ? SF_OK : SF_FAULT);
        if ((flags & 3) == 3)
            EXPECT(reaches(va, SF_WRITE, DATA));
        EXPECT_EQ(sf_peek(v, pte), DATA << 12 | flags | ((flags & 3) == 3 ? 0x60 : 0));
    }
    /* A value that memory does not hold is a lie. */
    for (uint32_t flags = 0; flags < 128; flags++) {
        guest_writes(pte, (DATA + 1) << 12 | 0x21);
        sf_set_pte(v, root_at(ROOT), va, DATA << 12 | flags, 0);
        EXPECT(reaches(va, SF_READ, DATA + 1));
        EXPECT(faults(va, SF_WRITE, 3));
        EXPECT(faults(va, SF_USER, 5));
    }
}

TEST(set_pte_values_are_hints)
{
    for_both(set_pte_without_d);
}

static void bad_arguments(void)
{
    static const uint32_t vas[] = {0xffc00000, 0xffdff000, 0xffe00000, 0xffffffff};
    uint32_t limit = PAGES << 12;

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(vas); i++) {
        sf_set_pte(v, root_at(ROOT), vas[i], 0, 0);
        EXPECT(strstr(v->guest->reason, "set pte into Switcher pages") != NULL);
        EXPECT(guest_is_dead(v->guest));
        revive();
    }
    shadow_set_pgd(v, root_at(ROOT), pae ? 4 : 1024);
    EXPECT(guest_is_dead(v->guest));
    revive();
    shadow_set_pgd(v, limit, 0);
    EXPECT(guest_is_dead(v->guest));
    revive();
    shadow_set_pgd(v, root_at(ROOT), 0xffffffffu);
    EXPECT(guest_is_dead(v->guest));
    revive();
    shadow_set_pmd(v, DIR << 12, 512);
    EXPECT(guest_is_dead(v->guest));
    revive();
    shadow_set_pmd(v, limit, 0);
    EXPECT(guest_is_dead(v->guest));
    revive();
    shadow_new_pgtable(v, limit);
    EXPECT(guest_is_dead(v->guest));
    revive();
    shadow_new_pgtable(v, 0xffffffe0u);
    EXPECT(guest_is_dead(v->guest));
    revive();
    shadow_new_pgtable(v, root_at(ROOT) + (pae ? 16 : 32));
    EXPECT(guest_is_dead(v->guest));
    revive();
    EXPECT_EQ(v->root->gcr3, root_at(ROOT));
}

TEST(bad_arguments_kill)
{
    for_both(bad_arguments);
}

/* Values of CR3 that might mark something in the cache itself, also when every
 * root but one has been thrown out for want of tables. */
static void odd_roots(void)
{
    static const uint32_t odd[] = {1, 2, 31, 0xfff, 0x1001, 0xffffffff};
    uint32_t far = pae ? (ROOT2 << 12) + 32 : 16 << 12;

    v->guest->mmu->nr_tables_max = 12;
    for (uint32_t i = 0; i < 4 * HV_ARRAY_SIZE(odd); i++) {
        for (uint32_t n = 0; n < 3; n++) {
            EXPECT(reaches(DIRECT_MAP + (pae ? far & ~0xfffu : far + (n << 16)), SF_READ,
                           (pae ? far : far + (n << 16)) >> 12));
            shadow_new_pgtable(v, far + (pae ? n * 32 : n << 16));
            shadow_new_pgtable(v, root_at(ROOT));
        }
        for (uint32_t n = 0; (i & 1) && n < 8; n++) {
            sf_poke(v, pte_at(ROOT, n << 22), DATA << 12 | RWUSAD);
            EXPECT(reaches(n << 22, SF_READ, DATA));
        }
        shadow_new_pgtable(v, odd[i / 4]);
        EXPECT(guest_is_dead(v->guest));
        revive();
        EXPECT_EQ(v->root->gcr3, root_at(ROOT));
        EXPECT(reaches(DIRECT_MAP, SF_READ, 0));
    }
}

TEST(odd_values_of_cr3)
{
    for_both(odd_roots);
}

/* SET_PTE of a kernel address is for all roots, whatever root it names. */
static void kernel_pte_for_all(void)
{
    uint32_t va = 0xd0003000, mine = pte_at(ROOT, va), other, page = next_table++;
    static const uint32_t pgds[] = {0, 1, 2, 0x1000, 0x2000, 0xffffffff};

    /* The second root has a kernel table of its own there. */
    make_root2();
    if (pae) {
        sf_poke(v, root_at(ROOT2) + 24, next_table << 12 | 1);
        next_table++;
    }
    sf_poke(v, pde_at(ROOT2, va), page << 12 | RWUSAD);
    other = (page << 12) + (mine & 0xfff);
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(pgds); i++) {
        monitor_writes(other, DATA << 12 | RWUSAD);
        monitor_writes(mine, DATA << 12 | RWUSAD);
        shadow_flush_all(v);
        shadow_new_pgtable(v, root_at(ROOT2));
        EXPECT(reaches(va, SF_WRITE, DATA));
        shadow_new_pgtable(v, root_at(ROOT));
        EXPECT(reaches(va, SF_WRITE, DATA));
        guest_writes(mine, (DATA + 1) << 12 | RWUSAD);
        guest_writes(other, (DATA + 1) << 12 | RWUSAD);
        EXPECT(reaches(va + 0x1000, SF_READ, 0) || faults(va + 0x1000, SF_READ, 0));
        EXPECT(reaches(va, SF_WRITE, DATA));
        sf_set_pte(v, pgds[i], va, (DATA + 1) << 12 | RWUSAD, 0);
        EXPECT(reaches(va, SF_WRITE, DATA + 1));
        shadow_new_pgtable(v, root_at(ROOT2));
        EXPECT(reaches(va, SF_WRITE, DATA + 1));
        shadow_new_pgtable(v, root_at(ROOT));
    }
}

TEST(kernel_pte_is_for_all_roots)
{
    for_both(kernel_pte_for_all);
}

/* A directory that maps itself twice, and a device that ends both links while the
 * second is being made: the table that was about to be filled is gone. */
static void device_ends_links(void)
{
    fake_arch.on_preempt = NULL;
    monitor_writes(pde_at(ROOT, 0x40000000), 0);
    monitor_writes(pde_at(ROOT, 0x48000000), 0);
}

TEST(link_gone_before_it_is_used)
{
    start(false);
    sf_poke(v, pte_at(ROOT, 0), DATA << 12 | RWUSAD);
    sf_poke(v, pde_at(ROOT, 0x40000000), root_at(ROOT) | RWUSAD);
    sf_poke(v, pde_at(ROOT, 0x48000000), root_at(ROOT) | RWUSAD);
    EXPECT(reaches(0x40000000, SF_READ, sf_peek(v, pde_at(ROOT, 0)) >> 12));
    sf_poke(v, 0, DATA << 12 | RWUSAD); /* what a table of no page would stand for */
    monitor_writes(pde_at(ROOT, 0x50000000), 0);
    fake_arch.on_preempt = device_ends_links;
    v->guest->mmu->work_left = 0;
    EXPECT(faults(0x48000000, SF_READ, 0));
    EXPECT(fake_arch.on_preempt == NULL);
    stop();
}
