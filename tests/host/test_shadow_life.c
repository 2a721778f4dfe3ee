/* SPDX-License-Identifier: MIT */
/* The rest of shadow paging: the switcher's place in every root, kernel stacks,
 * linear mode, tables in odd pages, fault-around, what a flush costs, the
 * monitor's own accesses, and a pool that is used up. */
#include "../../hv/mmu/mmu.h"

#include "fake.h"
#include "hv/gmem.h"
#include "shadow_fixture.h"
#include "test.h"

#define PAGES 96u
#define ROOT 1u
#define DIR 2u /* PAE: four directories */
#define TABLE 8u
#define DATA 32u
#define FULL 0x67u
#define KERNEL 0xc0000000u

static struct vcpu *v;
static bool pae;

/* All memory at 0 and at KERNEL, open to all. */
static void start(bool as_pae)
{
    uint32_t size = as_pae ? 8 : 4;

    pae = as_pae;
    v = sf_guest(PAGES, pae, false, ROOT << 12);
    for (uint32_t i = 0; i < PAGES; i++)
        sf_poke(v, (TABLE << 12) + i * size, i << 12 | FULL);
    if (pae) {
        for (uint32_t i = 0; i < 4; i++)
            sf_poke(v, (ROOT << 12) + i * 8, (DIR + i) << 12 | 1);
        sf_poke(v, DIR << 12, TABLE << 12 | FULL);
        sf_poke(v, (DIR + 3) << 12, TABLE << 12 | FULL);
    } else {
        sf_poke(v, ROOT << 12, TABLE << 12 | FULL);
        sf_poke(v, (ROOT << 12) + 768 * 4, TABLE << 12 | FULL);
    }
}

static void for_both(void (*test)(void))
{
    for (uint32_t i = 0; i < 2; i++) {
        start(i == 1);
        test();
        sf_check(v);
        sf_free(v);
    }
}

static void revive(void)
{
    v->guest->end = END_NONE;
    v->todo &= ~VCPU_TODO_DEAD;
}

static bool reaches(uint32_t va, uint32_t access, uint32_t gfn)
{
    struct sf_result r = sf_access(v, va, access);

    return r.outcome == SF_OK && r.gfn == gfn;
}

/* ---- the switcher's place ---- */

static void switcher_area(void)
{
    static const uint32_t vas[] = {0xffc00000, 0xffdff000, 0xffe00000, 0xffe01ff0,
                                   0xffe06000, 0xfffffffc};

    /* The guest's own entries there count for nothing. */
    for (uint32_t i = 0; i < (pae ? 2u : 1u); i++)
        sf_poke(v, pae ? ((DIR + 3) << 12) + (510 + i) * 8 : (ROOT << 12) + 1023 * 4,
                TABLE << 12 | FULL);
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(vas); i++) {
        for (uint32_t access = 0; access < 8; access += 2) {
            EXPECT_EQ(shadow_fault(v, GVA(vas[i]), access), access);
        }
    }
    EXPECT(reaches(KERNEL, SF_WRITE, 0));
    shadow_set_pgd(v, ROOT << 12, pae ? 3 : 1023);
    EXPECT(reaches(KERNEL, SF_WRITE, 0));
    shadow_set_pmd(v, pae ? (DIR + 3) << 12 : ROOT << 12, 511);
    shadow_flush_all(v);
    EXPECT(reaches(KERNEL, SF_WRITE, 0));
    shadow_drop_all(v);
    EXPECT(reaches(KERNEL, SF_WRITE, 0));
}

TEST(switcher_entry_is_in_every_root)
{
    for_both(switcher_area);
}

/* ST: SET_PGD at a root that is not the current one, then back to it (S6). */
static void drop_elsewhere(void)
{
    EXPECT(reaches(KERNEL, SF_WRITE, 0));
    shadow_new_pgtable(v, 20 << 12);
    EXPECT_EQ(sf_access(v, KERNEL, SF_READ).outcome, SF_FAULT);
    for (uint32_t i = 0; i < (pae ? 4u : 1024u); i++)
        shadow_set_pgd(v, ROOT << 12, i);
    EXPECT_EQ(sf_access(v, 0, SF_READ).outcome, SF_FAULT);
    shadow_new_pgtable(v, ROOT << 12);
    EXPECT(reaches(KERNEL, SF_WRITE, 0));
}

TEST(directories_dropped_in_another_root)
{
    for_both(drop_elsewhere);
}

/* More roots than are cached, each with the switcher, in any order. */
static void many_roots(void)
{
    struct test_rng rng = {7};

    for (uint32_t n = 0; n < 2000; n++) {
        uint32_t r = test_random_below(&rng, 40);
        uint32_t gcr3 = pae ? (20 << 12) + r * 32 : (20 + r) << 12;

        shadow_new_pgtable(v, gcr3);
        EXPECT_EQ(v->root->gcr3, gcr3);
        REQUIRE(sf_enter(v));
        EXPECT_EQ(sf_access(v, r << 20, SF_READ).outcome, SF_FAULT);
    }
    EXPECT(v->guest->mmu->evictions > 100);
    shadow_new_pgtable(v, ROOT << 12);
    EXPECT(reaches(5 << 12, SF_WRITE, 5));
}

TEST(more_roots_than_the_cache_holds)
{
    for_both(many_roots);
}

/* ---- tables in odd pages (PT-15) ---- */

static void odd_page(void)
{
    static const uint32_t pages[] = {0, PAGES - 1, TABLE, ROOT, DATA};
    uint32_t size = pae ? 8 : 4, va = pae ? 0x00200000 : 0x00400000;
    uint32_t pde = pae ? (DIR << 12) + 8 : (ROOT << 12) + 4;

    shadow_note_alias(v->guest, GFN(DATA));
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(pages); i++) {
        uint32_t at = pages[i] << 12, slot = 300;

        EXPECT(gmem_write32(v->guest, GPA(pde), at | FULL));
        EXPECT(gmem_write32(v->guest, GPA(at + slot * size), 40u << 12 | FULL));
        shadow_flush_user(v);
        EXPECT(reaches(va + slot * 4096, SF_WRITE, 40));
        for (uint32_t n = 0; n < 4; n++) {
            sf_store(v, KERNEL + at + slot * size, (41 + n) << 12 | FULL);
            if (n & 1)
                shadow_flush_user(v);
            else
                shadow_flush_all(v);
            EXPECT(reaches(va + slot * 4096, SF_WRITE, 41 + n));
        }
        sf_check(v);
    }
    /* Also at a quadrant's first and last entry. */
    for (uint32_t slot = 0; slot < 512; slot += 511) {
        EXPECT(gmem_write32(v->guest, GPA(pde), FULL));
        EXPECT(gmem_write32(v->guest, GPA(slot * size), 50u << 12 | FULL));
        shadow_flush_all(v);
        EXPECT(reaches(va + slot * 4096, SF_WRITE, 50));
        sf_store(v, KERNEL + slot * size, 51u << 12 | FULL);
        shadow_flush_all(v);
        EXPECT(reaches(va + slot * 4096, SF_WRITE, 51));
    }
}

TEST(pt15_tables_in_odd_pages)
{
    for_both(odd_page);
}

/* ---- kernel stacks ---- */

static bool hardware_writes(uint32_t va)
{
    return sf_hardware(v, va, SF_WRITE).outcome == SF_OK;
}

static void stacks(void)
{
    uint32_t size = pae ? 8 : 4, top = KERNEL + (DATA + 8) * 4096;
    uint32_t pte = (TABLE << 12) + (DATA + 7) * size;

    v->esp1 = top;
    v->stack_pages = 2;
    v->todo |= VCPU_TODO_PIN;
    for (uint32_t n = 0; n < 8; n++) {
        REQUIRE(sf_enter(v));
        EXPECT(hardware_writes(top - 1) && hardware_writes(top - 4096 - 1));
        if (n == 0)
            shadow_flush_all(v);
        if (n == 1)
            shadow_flush_user(v);
        if (n == 2)
            shadow_new_pgtable(v, ROOT << 12);
        if (n == 3)
            sf_set_pte(v, ROOT << 12, top - 4096, 0, 0);
        if (n == 4)
            sf_set_pte(v, ROOT << 12, top - 8192, 0, 0);
        if (n == 5)
            shadow_set_pgd(v, ROOT << 12, pae ? 3 : 768);
        if (n == 6)
            shadow_set_pmd(v, (DIR + 3) << 12, 0);
    }
    /* Read-only now: the guest is told in words, and dies. */
    sf_store(v, KERNEL + pte, (DATA + 7) << 12 | 0x65);
    sf_set_pte(v, ROOT << 12, top - 4096, 0, 0);
    EXPECT(!sf_enter(v));
    EXPECT(strstr(v->guest->reason, "bad stack page") != NULL);
    revive();
    v->stack_pages = 0;
}

TEST(kernel_stack_stays_pinned)
{
    for_both(stacks);
}

static void bad_stacks(void)
{
    static const uint32_t tops[] = {1, 0x1001, 0xffc00001, 0xffe02000, 0xffffffff,
                                    0x80001000};

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(tops); i++) {
        v->esp1 = tops[i];
        v->stack_pages = 2;
        v->todo |= VCPU_TODO_PIN;
        EXPECT_EQ(sf_enter(v), tops[i] == 0x1001);
        revive();
    }
    v->stack_pages = 0;
    v->todo = 0;
}

TEST(kernel_stack_at_bad_places)
{
    for_both(bad_stacks);
}

/* ---- fault-around ---- */

static uint32_t exits_of_sweep(uint32_t from, uint32_t pages, uint32_t access)
{
    uint32_t exits = 0;

    for (uint32_t i = 0; i < pages; i++)
        exits += sf_access(v, from + i * 4096, access).exits;
    return exits;
}

/* Neighbours come with A set, and writable with D set; else one exit each, and
 * nobody's A or D is touched. */
static void around(void)
{
    uint32_t size = pae ? 8 : 4;

    EXPECT(exits_of_sweep(KERNEL + DATA * 4096, 64, SF_WRITE) <= 64 / 5);
    EXPECT_EQ(exits_of_sweep(KERNEL + DATA * 4096, 64, SF_WRITE), 0);
    for (uint32_t i = 0; i < 16; i++)
        EXPECT(gmem_write32(v->guest, GPA((TABLE << 12) + (DATA + i) * size),
                            (DATA + i) << 12 | 0x27)); /* A, no D */
    shadow_flush_all(v);
    (void)sf_access(v, KERNEL + DATA * 4096, SF_READ);
    EXPECT_EQ(exits_of_sweep(KERNEL + DATA * 4096, 16, SF_READ), 0);
    EXPECT_EQ(exits_of_sweep(KERNEL + DATA * 4096, 16, SF_WRITE), 16);
    for (uint32_t i = 0; i < 16; i++)
        EXPECT(gmem_write32(v->guest, GPA((TABLE << 12) + (DATA + i) * size),
                            (DATA + i) << 12 | 0x47)); /* D, no A */
    shadow_flush_all(v);
    EXPECT_EQ(exits_of_sweep(KERNEL + DATA * 4096, 8, SF_READ), 8);
    for (uint32_t i = 0; i < 16; i++)
        EXPECT_EQ(sf_peek(v, (TABLE << 12) + (DATA + i) * size) & 0x60, i < 8 ? 0x60 : 0x40);
}

TEST(fault_around_sets_no_bits)
{
    for_both(around);
}

/* A flush compares what was written and nothing else. */
static void exact_flush(void)
{
    struct shadow_mmu *m = v->guest->mmu;
    uint32_t size = pae ? 8 : 4, before;

    /* Table pages out of the way of each other's mappings. */
    (void)sf_access(v, KERNEL + TABLE * 4096, SF_WRITE);
    (void)sf_access(v, KERNEL + DATA * 4096, SF_WRITE);
    shadow_flush_all(v);
    before = m->compared_pages;
    for (uint32_t i = 0; i < 10; i++) {
        sf_store(v, KERNEL + DATA * 4096 + i * 4, i);
        shadow_flush_all(v);
        shadow_flush_user(v);
    }
    EXPECT_EQ(m->compared_pages, before);
    sf_store(v, KERNEL + TABLE * 4096 + 90 * size, 0);
    shadow_flush_all(v);
    EXPECT_EQ(m->compared_pages, before + 1);
    shadow_flush_all(v);
    EXPECT_EQ(m->compared_pages, before + 1);
}

TEST(flush_compares_only_what_was_written)
{
    for_both(exact_flush);
}

/* P5: between tables of a flush interrupts are let in. */
static void long_flush(void)
{
    uint32_t before;

    for (uint32_t i = 1; i < 60; i++) {
        uint32_t at = pae ? (DIR << 12) + i * 8 : (ROOT << 12) + i * 4;

        sf_poke(v, ((DATA + i) << 12) + (pae ? 40 : 20), 7u << 12 | FULL);
        EXPECT(gmem_write32(v->guest, GPA(at), (DATA + i) << 12 | FULL));
        EXPECT(reaches((pae ? i << 21 : i << 22) | 5 << 12, SF_WRITE, 7));
    }
    for (uint32_t all = 0; all < 2; all++) {
        for (uint32_t i = 1; i < 60; i++)
            EXPECT(gmem_write32(v->guest, GPA((DATA + i) << 12), 0));
        before = fake_arch.preempt_points;
        if (all)
            shadow_flush_all(v);
        else
            shadow_flush_user(v);
        EXPECT(fake_arch.preempt_points - before >= 59 * WORK_TABLE / WORK_A_STEP);
    }
}

TEST(flush_lets_interrupts_in)
{
    for_both(long_flush);
}

/* ---- linear mode (ABI 1.5, PT-20) ---- */

TEST(linear_mode)
{
    v = sf_guest(PAGES, false, true, 0);
    for (uint32_t i = 0; i < PAGES; i++)
        EXPECT(reaches(i << 12, SF_WRITE, i));
    EXPECT_EQ(sf_access(v, 0x1000, SF_USER).outcome, SF_FAULT);
    EXPECT_EQ(sf_access(v, 0x1000, SF_USER).err, 5);
    EXPECT_EQ(sf_access(v, 0xffe00000, SF_READ).outcome, SF_FAULT);
    sf_check(v);
    for (uint32_t va = PAGES << 12; va < 0xffc00000 && va >= PAGES << 12; va += 0x3ff000) {
        EXPECT_EQ(sf_access(v, va, SF_READ).outcome, SF_DEAD);
        EXPECT(strstr(v->guest->reason, "bad page table entry") != NULL);
        revive();
    }
    /* Announcements mean nothing yet. */
    sf_set_pte(v, 0, 0x1000, 0x2067, 0);
    shadow_set_pgd(v, 0, 0);
    shadow_set_pmd(v, 0, 0);
    shadow_flush_user(v);
    shadow_flush_all(v);
    EXPECT(reaches(0x1000, SF_WRITE, 1));
    shadow_drop_all(v);
    EXPECT(reaches(0x1000, SF_WRITE, 1));
    shadow_new_pgtable(v, 20 << 12);
    EXPECT(!v->guest->linear);
    EXPECT_EQ(sf_access(v, 0x1000, SF_READ).outcome, SF_FAULT);
    sf_check(v);
    sf_free(v);
}

/* ---- the monitor's own accesses ---- */

static void monitor_accesses(void)
{
    uint32_t size = pae ? 8 : 4, pte = (TABLE << 12) + (DATA + 1) * size;
    uint8_t out[6000], in[6000];

    for (uint32_t i = 0; i < sizeof(out); i++)
        out[i] = (uint8_t)(i * 7);
    EXPECT(gva_write(v, GVA(KERNEL + DATA * 4096 + 100), out, sizeof(out)));
    EXPECT(gva_read(v, in, GVA(KERNEL + DATA * 4096 + 100), sizeof(in)));
    EXPECT(memcmp(in, out, sizeof(in)) == 0);
    EXPECT(gva_peek(v, in, GVA(DATA * 4096 + 100), 4096));
    EXPECT(memcmp(in, out, 4096) == 0);
    /* Like ring 1: a user page too, a read-only one only to read. */
    EXPECT(gmem_write32(v->guest, GPA(pte), (DATA + 1) << 12 | 0x21));
    shadow_flush_all(v);
    EXPECT(!gva_write(v, GVA(KERNEL + DATA * 4096 + 4000), out, 200));
    EXPECT(gva_read(v, in, GVA(KERNEL + DATA * 4096 + 4000), 200));
    EXPECT_EQ(gva_write_ptr(v, GVA(KERNEL + (DATA + 1) * 4096)) != NULL, 0);
    EXPECT_EQ(sf_peek(v, pte), (DATA + 1) << 12 | 0x21);
    EXPECT(gva_patch(v, GVA(KERNEL + (DATA + 1) * 4096 - 2), "\xcd\x1f\x90", 3));
    EXPECT_EQ(sf_page(v, DATA + 1)[0], 0x90);
    EXPECT(gmem_write32(v->guest, GPA(pte), 0));
    shadow_flush_all(v);
    EXPECT(!gva_patch(v, GVA(KERNEL + (DATA + 1) * 4096 - 2), "\x01\x02\x03", 3));
    EXPECT_EQ(sf_page(v, DATA)[4094], 0xcd);
    EXPECT(!gva_read(v, in, GVA(0xffbfffff), 2));
    EXPECT(!gva_read(v, in, GVA(0xffe01000), 4));
    EXPECT(!gva_write(v, GVA(0xffe01000), in, 4));
    EXPECT(!gva_patch(v, GVA(0xffe00000), in, 3));
    EXPECT(gva_write_ptr(v, GVA(0xffe02000)) == NULL);
    EXPECT(!guest_is_dead(v->guest));
}

TEST(monitor_at_linear_addresses)
{
    for_both(monitor_accesses);
}

/* The page that the monitor wrote to last is another one now, or none. */
static void write_pointer(void)
{
    uint32_t size = pae ? 8 : 4, va = KERNEL + DATA * 4096;
    uint32_t pte = (TABLE << 12) + DATA * size;

    for (uint32_t n = 0; n < 6; n++) {
        EXPECT(gmem_write32(v->guest, GPA(pte), (DATA + n) << 12 | FULL));
        if (n == 1 || n == 0)
            sf_set_pte(v, ROOT << 12, va, 0, 0);
        if (n == 2)
            shadow_flush_all(v);
        if (n == 3)
            shadow_set_pgd(v, ROOT << 12, pae ? 3 : 768);
        if (n == 4)
            shadow_drop_all(v);
        if (n == 5)
            shadow_flush_all(v);
        EXPECT(gva_write_ptr(v, GVA(va)) == sf_page(v, DATA + n));
        EXPECT(gva_write_ptr(v, GVA(va + 8)) == sf_page(v, DATA + n) + 8);
    }
    shadow_new_pgtable(v, 20 << 12);
    EXPECT(gva_write_ptr(v, GVA(va)) == NULL);
    shadow_new_pgtable(v, ROOT << 12);
    EXPECT(gva_write_ptr(v, GVA(va)) == sf_page(v, DATA + 5));
    /* Read-only, by the table and by the directory. */
    EXPECT(gmem_write32(v->guest, GPA(pte), DATA << 12 | 0x65));
    shadow_flush_all(v);
    EXPECT(gva_write_ptr(v, GVA(va)) == NULL);
    EXPECT(gmem_write32(v->guest, GPA(pte), DATA << 12 | FULL));
    EXPECT(gva_write_ptr(v, GVA(va)) != NULL);
    EXPECT(gmem_write32(v->guest, GPA(pae ? (DIR + 3) << 12 : (ROOT << 12) + 768 * 4),
                        TABLE << 12 | 0x65));
    shadow_flush_all(v);
    EXPECT(gva_write_ptr(v, GVA(va)) == NULL);
}

TEST(write_pointer_is_never_stale)
{
    for_both(write_pointer);
}

/* ---- memory ---- */

static uint32_t tables_in_use(void)
{
    return v->guest->mmu->nr_tables;
}

/* PT-21: one page mapped everywhere; the pool stays within its bound. */
static void pool_bound(void)
{
    uint32_t most = 0, max = v->guest->mmu->nr_tables_max = 24;

    for (uint32_t i = 0; i < 512; i++) {
        uint32_t at = pae ? ((DIR + i % 3) << 12) + i * 8 : (ROOT << 12) + i * 4;

        sf_poke(v, at, TABLE << 12 | FULL);
    }
    for (uint32_t n = 0; n < 3; n++) {
        for (uint32_t i = 0; i < 512; i++) {
            uint32_t va = pae ? i % 3 << 30 | i << 21 : i << 22;

            EXPECT(reaches(va | 5 << 12, SF_WRITE, 5));
            most = tables_in_use() > most ? tables_in_use() : most;
        }
    }
    /* Two quadrants or one table: it is all one page. */
    EXPECT(most <= max);
    /* Now different tables. */
    for (uint32_t i = 1; i < 60; i++) {
        uint32_t at = pae ? (DIR << 12) + i * 8 : (ROOT << 12) + i * 4;

        sf_poke(v, ((DATA + i) << 12) + 20, 0);
        sf_poke(v, ((DATA + i) << 12) + (pae ? 40 : 20), 7u << 12 | FULL);
        EXPECT(gmem_write32(v->guest, GPA(at), (DATA + i) << 12 | FULL));
    }
    shadow_flush_all(v);
    for (uint32_t n = 0; n < 5; n++) {
        for (uint32_t i = 1; i < 60; i++) {
            EXPECT(reaches((pae ? i << 21 : i << 22) | 5 << 12, SF_WRITE, 7));
            EXPECT(tables_in_use() <= max);
        }
    }
    EXPECT(v->guest->mmu->drops > 0);
}

TEST(pool_is_bounded_and_recycled)
{
    for_both(pool_bound);
}

/* The machine has no frame left: the prefilled pages are enough to go on. */
static void no_frames(void)
{
    hfn_t taken[4096];
    uint32_t n = 0;

    while (!hfn_is_none(taken[n] = pmm_alloc(PMM_DIRECT)))
        n++;
    for (uint32_t i = 1; i < 60; i++) {
        uint32_t at = pae ? (DIR << 12) + i * 8 : (ROOT << 12) + i * 4;

        sf_poke(v, ((DATA + i) << 12) + (pae ? 40 : 20), 7u << 12 | FULL);
        EXPECT(gmem_write32(v->guest, GPA(at), (DATA + i) << 12 | FULL));
    }
    for (uint32_t k = 0; k < 3; k++) {
        for (uint32_t i = 1; i < 60; i++)
            EXPECT(reaches((pae ? i << 21 : i << 22) | 5 << 12, SF_WRITE, 7));
        for (uint32_t i = 0; i < 20; i++)
            shadow_new_pgtable(v, pae ? (20 << 12) + i * 32 : (20 + i) << 12);
        shadow_new_pgtable(v, ROOT << 12);
    }
    EXPECT(reaches(KERNEL, SF_WRITE, 0));
    while (n)
        pmm_unref(taken[--n]);
}

TEST(no_memory_left_in_the_machine)
{
    for_both(no_frames);
}

/* A guest chooses which of its pages are tables, so it chooses the keys; a search
 * among them is short all the same. */
static uint32_t longest_chain(void)
{
    const struct shadow_mmu *m = v->guest->mmu;
    uint32_t longest = 0, n;

    for (uint32_t b = 0; b < HASH_BUCKETS; b++) {
        n = 0;
        for (uint32_t id = m->chains[b]; id; n++)
            id = m->chunks[id / CHUNK_TABLES]->table[id % CHUNK_TABLES].chain_next;
        longest = n > longest ? n : longest;
    }
    return longest;
}

TEST(keys_alike)
{
    const uint32_t pages = 8192, hashes[] = {77, 77 ^ 0x20}; /* one for each half */
    uint32_t longest = 0, va = 0x10000000;

    fake_pmm_frames = 20000;
    pae = false;
    v = sf_guest(pages, false, false, ROOT << 12);
    for (uint32_t gfn = 256; gfn < pages; gfn++) {
        uint32_t hash = (gfn ^ gfn >> 8 ^ gfn >> 15) & 255;

        if (hash != hashes[0] && hash != hashes[1])
            continue;
        sf_poke(v, gfn << 12, DATA << 12 | FULL);
        sf_poke(v, (gfn << 12) + 512 * 4, DATA << 12 | FULL);
        EXPECT(gmem_write32(v->guest, GPA((ROOT << 12) + (va >> 22) * 4), gfn << 12 | FULL));
        EXPECT(reaches(va, SF_WRITE, DATA));
        EXPECT(reaches(va + 0x200000, SF_WRITE, DATA));
        longest = hv_max_u32(longest, longest_chain());
        va += 0x400000;
    }
    EXPECT(longest > CHAIN_MAX / 2 && longest <= CHAIN_MAX);
    EXPECT(v->guest->mmu->drops > 0);
    sf_check(v);
    sf_free(v);
}
