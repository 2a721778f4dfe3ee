/* SPDX-License-Identifier: MIT */
/* Shadow paging rule by rule against the manual's walk: the access matrix PT-08 in
 * full, every page number and every flag pattern (PT-01, PT-02, PT-10, PT-18). */
#include "paging_model.h"
#include "shadow_guest.h"

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

/* Bad neighbours of a good page are not filled along with it: they kill when they
 * are used. */
static void bad_neighbours(void)
{
    static const uint32_t bad[] = {PAGES << 12 | RWUSAD, 0xfffff000 | RWUSAD,
                                   DATA << 12 | RWUSAD | 0x80};
    uint32_t va = 0x00410000, pte = pte_at(ROOT, va), step = entry_bytes();

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        sf_poke(v, pte, DATA << 12 | RWUSAD);
        sf_poke(v, pte + step, (DATA + 1) << 12 | RWUSAD);
        sf_poke(v, pte + 2 * step, bad[i]);
        sf_poke(v, pte - step, bad[i]);
        EXPECT(reaches(va, SF_READ, DATA));
        EXPECT_EQ(sf_hardware(v, va + 4096, SF_READ).outcome, SF_OK);
        EXPECT_EQ(sf_hardware(v, va + 8192, SF_READ).outcome, SF_FAULT);
        EXPECT_EQ(sf_hardware(v, va - 4096, SF_READ).outcome, SF_FAULT);
        EXPECT(killed(va + 8192, SF_READ, "bad page table entry"));
        EXPECT(killed(va - 4096, SF_READ, "bad page table entry"));
        for (uint32_t k = 0; k < 4; k++) {
            sf_poke(v, pte + k * step - step, 0);
            sf_set_pte(v, root_at(ROOT), va + k * 4096 - 4096, 0, 0);
        }
    }
}

TEST(pt01_bad_neighbours_are_not_filled)
{
    for_both(bad_neighbours);
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
