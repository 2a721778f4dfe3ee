/* SPDX-License-Identifier: MIT */
/* Shadow paging rule by rule, against the manual's walk: the access matrix PT-08 in
 * full, every page number and every flag pattern (PT-01, PT-02, PT-10, PT-18),
 * tables that map themselves, aliases, silent clearing, the switcher's place,
 * the kernel stack, linear mode and an empty pool.
 *
 * units: tests/host/shadow_fixture.c tests/host/paging_model.c hv/gmem.c
 * units: hv/mmu/walk.c hv/mmu/shadow.c hv/mmu/fill.c hv/mmu/sync.c
 * units: hv/mmu/rmap.c hv/mmu/linear.c hv/mmu/audit.c
 */
#include "../../hv/mmu/walk.h"

#include "fake.h"
#include "hv/gmem.h"
#include "paging_model.h"
#include "test.h"

#define ROOT 1u /* page of the first root; PAE: the top level */
#define ROOT2 2u
#define DIR 3u  /* PAE: 3 to 6, one for each GiB of the first root */
#define FREE 8u /* tables are taken from here on */
#define PAGES 64u
#define DATA 40u
#define RWUSAD 0x67u
#define DIRECT_MAP 0xc0000000u

static struct vcpu *v;
static bool pae;
static uint32_t next_table;

static uint32_t entry_bytes(void)
{
    return pae ? 8 : 4;
}

static uint32_t root_at(uint32_t page)
{
    return page << 12;
}

/* Where the entries for va are in guest memory; a table is made if there is
 * none. */
static uint32_t pde_at(uint32_t root, uint32_t va)
{
    if (!pae)
        return root_at(root) + (va >> 22) * 4;
    return (sf_peek(v, root_at(root) + (va >> 30) * 8) & ~0xfffu) +
           (va >> 21 & 511) * 8;
}

static uint32_t pte_at(uint32_t root, uint32_t va)
{
    uint32_t at = pde_at(root, va);

    if (!(sf_peek(v, at) & 1))
        sf_poke(v, at, next_table++ << 12 | RWUSAD);
    REQUIRE(next_table <= DATA);
    return (sf_peek(v, at) & ~0xfffu) +
           (pae ? (va >> 12 & 511) * 8 : (va >> 12 & 1023) * 4);
}

/* A guest with all its memory at DIRECT_MAP and nothing else. */
static void start(bool as_pae)
{
    pae = as_pae;
    next_table = FREE;
    v = sf_guest(PAGES, pae, false, root_at(ROOT));
    for (uint32_t i = 0; pae && i < 4; i++)
        sf_poke(v, root_at(ROOT) + i * 8, (DIR + i) << 12 | 1);
    for (uint32_t i = 0; i < PAGES; i++)
        sf_poke(v, pte_at(ROOT, DIRECT_MAP + i * 4096), i << 12 | 0x63);
}

static void stop(void)
{
    sf_check(v);
    sf_free(v);
}

/* The killed guest goes on, for the next of many cases. */
static void revive(void)
{
    v->guest->end = END_NONE;
    v->attention &= ~VCPU_ATTN_DEAD;
}

static void for_both(void (*test)(void))
{
    for (uint32_t i = 0; i < 2; i++) {
        start(i == 1);
        test();
        stop();
    }
}

/* Written by the guest through its direct map, or by the monitor. */
static void guest_writes(uint32_t gpa, uint32_t value)
{
    struct sf_result r = sf_store(v, DIRECT_MAP + gpa, value);

    EXPECT_EQ(r.outcome, SF_OK);
    EXPECT_EQ(r.gfn, gpa >> 12);
}

static void monitor_writes(uint32_t gpa, uint32_t value)
{
    EXPECT(gmem_write32(v->guest, GPA(gpa), value));
}

static bool reaches(uint32_t va, uint32_t access, uint32_t gfn)
{
    struct sf_result r = sf_access(v, va, access);

    return r.outcome == SF_OK && r.gfn == gfn;
}

static bool faults(uint32_t va, uint32_t access, uint32_t err)
{
    struct sf_result r = sf_access(v, va, access);

    return r.outcome == SF_FAULT && r.err == err;
}

static bool killed(uint32_t va, uint32_t access, const char *why)
{
    struct sf_result r = sf_access(v, va, access);
    bool ok = r.outcome == SF_DEAD && strstr(v->guest->reason, why);

    if (!ok)
        printf("outcome %d page %#x error %u: %s\n", r.outcome, r.gfn, r.err,
               v->guest->reason);
    revive();
    return ok;
}

/* ---- PT-08 ---- */

static uint32_t pattern(uint32_t bits)
{
    return (bits & 1 ? PT_P : 0) | (bits & 2 ? PT_RW : 0) | (bits & 4 ? PT_US : 0) |
           (bits & 8 ? PT_A : 0) | (bits & 16 ? PT_D : 0);
}

static void check_access(uint32_t va, uint32_t access)
{
    struct sf_result r = sf_access(v, va, access);

    if (!pm_access_ok(va, access, r) || !pm_memory_ok()) {
        test_fail(__FILE__, __LINE__, "pae %d pde %#x pte %#x access %u", pae,
                  sf_peek(v, pde_at(ROOT, va)), sf_peek(v, pte_at(ROOT, va)), access);
        test_abort();
    }
}

/* Every PDE with every PTE and every kind of access, each from a fresh state of
 * the entries and then once more from what that left. */
static void access_matrix(uint32_t va)
{
    static const uint32_t kinds[] = {SF_READ, SF_WRITE, SF_USER, SF_USER | SF_WRITE};
    uint32_t pte = pte_at(ROOT, va), pde = pde_at(ROOT, va);
    uint32_t table = sf_peek(v, pde) & ~0xfffu;

    pm_start(v, root_at(ROOT));
    for (uint32_t n = 0; n < 32 * 32 * 16; n++) {
        uint32_t d = table | pattern(n & 31), t = DATA << 12 | pattern(n >> 5 & 31);

        monitor_writes(pde, d);
        pm_wrote(pde, d);
        monitor_writes(pte, t);
        pm_wrote(pte, t);
        shadow_flush_all(v);
        pm_flush_all();
        check_access(va, kinds[n >> 10 & 3]);
        check_access(va, kinds[n >> 12]);
    }
    EXPECT_EQ(pm_loose, 0);
    pm_end();
}

static void matrix_user(void)
{
    access_matrix(0x00401000);
}

static void matrix_kernel(void)
{
    access_matrix(0xd0003000);
}

TEST(pt08_access_matrix_user_half)
{
    for_both(matrix_user);
}

TEST(pt08_access_matrix_kernel_half)
{
    for_both(matrix_kernel);
}

/* ---- PT-01, PT-02, PT-10, PT-18 ---- */

/* Every page number there is, in a PTE and in a PDE. */
static void every_pfn(void)
{
    uint32_t va = 0x00400000, pte = pte_at(ROOT, va), pde = pde_at(ROOT, va);
    uint32_t table = sf_peek(v, pde);

    for (uint32_t pfn = 0; pfn < 0x100000; pfn++) {
        uint32_t value = pfn << 12 | RWUSAD;

        sf_poke(v, pte, value);
        sf_set_pte(v, root_at(ROOT), va, 0, 0);
        if (pfn < PAGES ? !reaches(va, SF_READ, pfn)
                        : !killed(va, SF_READ, "bad page table entry"))
            test_fail(__FILE__, __LINE__, "pae %d pfn %#x", pae, pfn);
    }
    sf_poke(v, pte, 0);
    sf_set_pte(v, root_at(ROOT), va, 0, 0);
    for (uint32_t pfn = PAGES; pfn < 0x100000; pfn += pfn & 63 ? 1 : 61) {
        monitor_writes(pde, pfn << 12 | RWUSAD);
        shadow_flush_user(v);
        EXPECT(killed(va, SF_READ, "directory entry"));
        sf_set_pte(v, root_at(ROOT), va, 0, 0);
        EXPECT(!guest_is_dead(v->guest));
    }
    monitor_writes(pde, table);
    shadow_flush_user(v);
}

TEST(pt01_every_page_number)
{
    for_both(every_pfn);
}

/* A PTE may have any flag but bit 7; none of them gets into the shadow, which
 * the fixture checks at every access. */
static void flags_of_ptes(void)
{
    uint32_t va = 0x00400000, pte = pte_at(ROOT, va);

    for (uint32_t flags = 0; flags < 0x1000; flags++) {
        sf_poke(v, pte, DATA << 12 | flags);
        sf_set_pte(v, root_at(ROOT), va, 0, 0);
        if (!(flags & 1))
            EXPECT(faults(va, SF_READ, 0));
        else if (flags & 0x80)
            EXPECT(killed(va, SF_READ, "bad page table entry"));
        else
            EXPECT(reaches(va, SF_READ, DATA));
        sf_poke(v, pte, DATA << 12 | flags);
        sf_set_pte(v, root_at(ROOT), va, DATA << 12 | flags, 0);
        EXPECT_EQ(guest_is_dead(v->guest),
                  (flags & 1) && (flags & 0x60) && (flags & 0x80));
        revive();
        if ((flags & 0x85) == 5)
            EXPECT(reaches(va, SF_USER, DATA));
    }
}

TEST(pt10_flags_of_page_table_entries)
{
    for_both(flags_of_ptes);
}

static void flags_of_pdes(void)
{
    uint32_t va = 0x00400000, pte = pte_at(ROOT, va), pde = pde_at(ROOT, va);
    uint32_t table = sf_peek(v, pde) & ~0xfffu;

    sf_poke(v, pte, DATA << 12 | RWUSAD);
    for (uint32_t flags = 0; flags < 0x1000; flags++) {
        monitor_writes(pde, table | flags);
        shadow_flush_user(v);
        if (!(flags & 1))
            EXPECT(faults(va, SF_READ, 0));
        else if (flags & ~RWUSAD)
            EXPECT(killed(va, SF_READ, "directory entry"));
        else
            EXPECT(reaches(va, SF_READ, DATA));
        monitor_writes(pde, table | RWUSAD);
        shadow_flush_user(v);
        EXPECT(reaches(va, SF_USER | SF_WRITE, DATA));
    }
}

TEST(pt10_flags_of_directory_entries)
{
    for_both(flags_of_pdes);
}

/* PT-02: bit 7 set in an entry that the shadow has already. */
static void bit7_later(void)
{
    uint32_t va = 0x00400000, pte = pte_at(ROOT, va), pde = pde_at(ROOT, va);

    sf_poke(v, pte, DATA << 12 | RWUSAD);
    EXPECT(reaches(va, SF_WRITE, DATA));
    guest_writes(pte, DATA << 12 | RWUSAD | 0x80);
    shadow_flush_user(v);
    EXPECT(killed(va, SF_READ, "bad page table entry"));
    guest_writes(pte, DATA << 12 | RWUSAD);
    shadow_flush_user(v);
    EXPECT(reaches(va, SF_WRITE, DATA));
    guest_writes(pde, sf_peek(v, pde) | 0x80);
    shadow_flush_user(v);
    EXPECT(killed(va, SF_READ, "directory entry"));
    guest_writes(pde, sf_peek(v, pde) & ~0x80u);
}

TEST(pt02_large_page_bit_after_use)
{
    for_both(bit7_later);
}

TEST(pt10_pae_upper_halves)
{
    uint32_t va = 0x00400000, pte, pde, top = root_at(ROOT);

    start(true);
    pte = pte_at(ROOT, va);
    pde = pde_at(ROOT, va);
    sf_poke(v, pte, DATA << 12 | RWUSAD);
    for (uint32_t bit = 0; bit < 32; bit++) {
        monitor_writes(pte + 4, 1u << bit);
        shadow_flush_user(v);
        EXPECT(killed(va, SF_READ, "bad page table entry"));
        monitor_writes(pte + 4, 0);
        shadow_flush_user(v);
        EXPECT(reaches(va, SF_READ, DATA));
        sf_set_pte(v, root_at(ROOT), va, DATA << 12 | RWUSAD, 1u << bit);
        EXPECT(guest_is_dead(v->guest));
        revive();
        monitor_writes(pde + 4, 1u << bit);
        shadow_flush_user(v);
        EXPECT(killed(va, SF_READ, "bad page middle directory entry"));
        monitor_writes(pde + 4, 0);
        shadow_flush_user(v);
        EXPECT(reaches(va, SF_READ, DATA));
        monitor_writes(top + 4, 1u << bit);
        shadow_new_pgtable(v, root_at(ROOT));
        EXPECT(killed(va, SF_READ, "bad page directory entry"));
        monitor_writes(top + 4, 0);
        shadow_new_pgtable(v, root_at(ROOT));
        EXPECT(reaches(va, SF_READ, DATA));
    }
    for (uint32_t flags = 0; flags < 0x1000; flags++) {
        monitor_writes(top, DIR << 12 | flags);
        shadow_new_pgtable(v, root_at(ROOT));
        if (!(flags & 1))
            EXPECT(faults(va, SF_READ, 0));
        else if (flags != 1)
            EXPECT(killed(va, SF_READ, "bad page directory entry"));
        else
            EXPECT(reaches(va, SF_READ, DATA));
    }
    stop();
}

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
    for (uint32_t top = 0; top < 4; top++)
        for (uint32_t i = 0; i < PAGES; i++)
            EXPECT(reaches(top << 30 | i << 12, SF_WRITE, i));
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

static void hidden_writers(void)
{
    uint32_t va = 0x00800000, pte = pte_at(ROOT, va), pde = pde_at(ROOT, va);
    uint32_t other = next_table++, table = sf_peek(v, pde);

    sf_poke(v, (other << 12) + (pte & 0xfff), (DATA + 9) << 12 | RWUSAD);
    for (uint32_t by = 0; by < WRITERS; by++) {
        for (uint32_t all = 0; all < 2; all++) {
            sf_poke(v, pte, DATA << 12 | RWUSAD);
            sf_set_pte(v, root_at(ROOT), va, 0, 0);
            EXPECT(reaches(va, SF_WRITE, DATA));
            write_entry(by, pte, (DATA + 1 + by) << 12 | RWUSAD);
            if (all)
                shadow_flush_all(v);
            else
                shadow_flush_user(v);
            EXPECT(reaches(va, SF_READ, DATA + 1 + by));
            /* The same for the directory. */
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

TEST(every_way_to_write_a_table_shows_at_a_flush)
{
    for_both(hidden_writers);
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

/* A second root that shares nothing but the kernel's part. */
static void make_root2(void)
{
    if (pae) {
        sf_poke(v, root_at(ROOT2), 7u << 12 | 1);
        sf_poke(v, root_at(ROOT2) + 24, (DIR + 3) << 12 | 1);
    } else {
        sf_poke(v, root_at(ROOT2) + 768 * 4, sf_peek(v, root_at(ROOT) + 768 * 4));
    }
}

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
        guest_writes(table + i * step, i == 3 ? (DATA + 9) << 12 | RWUSAD : 0);
    guest_writes(pde_at(ROOT, va2), table | RWUSAD);
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
    uint32_t va = 0x00400000, pte = pte_at(ROOT, va);

    EXPECT(faults(va, SF_READ, 0));
    for (uint32_t flags = 0; flags < 128; flags++) {
        guest_writes(pte, DATA << 12 | flags);
        sf_set_pte(v, root_at(ROOT), va, DATA << 12 | flags, 0);
        EXPECT_EQ(sf_hardware(v, va, SF_WRITE).outcome,
                  (flags & 0x63) == 0x63 && root_l1(v->root, va) ? SF_OK : SF_FAULT);
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
