/* SPDX-License-Identifier: MIT */
/* Pages that nobody has touched: an access gives the page its frame and no other one,
 * announcements, flushes and fault-around leave it alone, and the guest's tables hold
 * zeros there. */
#include "shadow_guest.h"

#define VA 0x00400000u

/* None of the guest's pages is touched but its tables. */
static void for_both_untouched(void (*test)(void))
{
    sf_untouched = true;
    for_both(test);
}

static bool untouched(uint32_t gfn)
{
    return gpage_is_untouched(&v->guest->pages[gfn]);
}

/* Those of pages [DATA, DATA + n) that were touched, as bits. */
static uint32_t touched(uint32_t n)
{
    uint32_t bits = 0;

    for (uint32_t i = 0; i < n; i++)
        bits |= (untouched(DATA + i) ? 0 : 1u) << i;
    return bits;
}

static void one_page(void)
{
    static const uint32_t kinds[] = {SF_READ, SF_WRITE};

    for (uint32_t i = 0; i < 2; i++) {
        EXPECT(reaches(DIRECT_MAP + (DATA + i * 2) * 4096, kinds[i], DATA + i * 2));
        EXPECT_EQ(touched(20), i ? 5 : 1);
        EXPECT_EQ(sf_peek(v, (DATA + i * 2) << 12), 0);
    }
    EXPECT(reaches(DIRECT_MAP + DATA * 4096, SF_WRITE, DATA));
    EXPECT_EQ(sf_access(v, DIRECT_MAP + DATA * 4096, SF_WRITE).exits, 0);
    /* No access, no frame. */
    EXPECT(faults(DIRECT_MAP + (DATA + 1) * 4096, SF_USER, 5));
    EXPECT_EQ(touched(20), 5);
}

TEST(an_access_touches_its_page_alone)
{
    for_both_untouched(one_page);
}

/* A, D, both ways: the remembered table and a walk. */
static void bits(void)
{
    for (uint32_t i = 0; i < 8; i++)
        sf_poke(v, pte_at(ROOT, VA + i * 4096), (DATA + i) << 12 | (i & 1 ? 0x07 : 0x67));
    shadow_flush_all(v);
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t kind = i & 2 ? SF_WRITE : SF_USER;

        if (i & 4)
            shadow_drop_all(v); /* no table is linked */
        EXPECT(reaches(VA + i * 4096, kind, DATA + i));
        EXPECT_EQ(touched(8), (2u << i) - 1);
        EXPECT_EQ(sf_peek(v, pte_at(ROOT, VA + i * 4096)) & 0x60,
                  i & 1 ? (i & 2 ? 0x60 : 0x20) : 0x60);
    }
}

TEST(each_way_of_a_fault_touches)
{
    for_both_untouched(bits);
}

static void around(void)
{
    uint32_t exits = 0;

    for (uint32_t i = 0; i < 16; i++)
        sf_poke(v, pte_at(ROOT, VA + i * 4096), (DATA + i) << 12 | RWUSAD);
    for (uint32_t i = 0; i < 16; i += 3)
        sf_poke(v, (DATA + i) << 12, i);
    shadow_flush_all(v);
    EXPECT(reaches(VA + 4096, SF_READ, DATA + 1));
    EXPECT_EQ(touched(16), 0x924b); /* every third, and that one */
    for (uint32_t i = 0; i < 16; i += 3)
        exits += sf_access(v, VA + i * 4096, SF_WRITE).exits;
    EXPECT_EQ(exits, 0); /* which were filled around it */
    for (uint32_t i = 2; i < 16; i += 3)
        EXPECT_EQ(sf_hardware(v, VA + i * 4096, SF_READ).outcome, SF_FAULT);
    EXPECT_EQ(touched(16), 0x924b);
}

TEST(fault_around_touches_nothing)
{
    for_both_untouched(around);
}

/* Neither believed nor refused: the access that follows finds the new entry. */
static void announced(void)
{
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t va = i == 2 ? DIRECT_MAP + 0x80000 : VA + i * 4096, pte = pte_at(ROOT, va);

        (void)reaches(va ^ 0x8000, SF_READ, 0); /* a table, remembered or not */
        if (i == 1) { /* over another page */
            sf_poke(v, pte, (DATA + 10) << 12 | RWUSAD);
            EXPECT(reaches(va, SF_WRITE, DATA + 10));
        }
        sf_poke(v, pte, (DATA + i) << 12 | RWUSAD);
        sf_set_pte(v, root_at(ROOT), va, (DATA + i) << 12 | RWUSAD, 0);
        EXPECT_EQ(touched(5), (1u << i) - 1);
        EXPECT_EQ(sf_hardware(v, va, SF_WRITE).outcome, SF_FAULT);
        sf_check(v);
        EXPECT(reaches(va, SF_WRITE, DATA + i));
        EXPECT_EQ(touched(5), (2u << i) - 1);
        sf_set_pte(v, root_at(ROOT), va, (DATA + i) << 12 | RWUSAD, 0);
        EXPECT_EQ(sf_hardware(v, va, SF_WRITE).outcome, SF_OK);
    }
}

TEST(announcements_touch_nothing)
{
    for_both_untouched(announced);
}

/* Tables, directories and roots where nobody has written yet. */
static void tables(void)
{
    uint32_t gfn = DATA + 2;

    sf_poke(v, pde_at(ROOT, VA), gfn << 12 | RWUSAD);
    EXPECT(faults(VA, SF_READ, 0));
    EXPECT(faults(VA, SF_WRITE | SF_USER, 6));
    sf_set_pte(v, root_at(ROOT), VA, 0, 0);
    sf_set_pte(v, root_at(ROOT2), VA, DATA << 12 | RWUSAD, 0);
    EXPECT(untouched(gfn));
    guest_writes(gfn << 12, DATA << 12 | RWUSAD);
    EXPECT(reaches(VA, SF_WRITE, DATA));
    if (pae) {
        sf_poke(v, root_at(ROOT), (DATA + 5) << 12 | 1);
        shadow_new_pgtable(v, root_at(ROOT));
        EXPECT(faults(VA, SF_READ, 0));
        shadow_set_pmd(v, (DATA + 5) << 12, 2);
        EXPECT(untouched(DATA + 5));
        guest_writes((DATA + 5) << 12 | 2 * 8, gfn << 12 | RWUSAD);
        EXPECT(reaches(VA, SF_WRITE, DATA));
    }
    sf_check(v);
    shadow_set_pgd(v, (DATA + 7) << 12, 0);
    EXPECT(untouched(DATA + 7));
    shadow_new_pgtable(v, (DATA + 7) << 12); /* a root is looked at */
    EXPECT(!guest_is_dead(v->guest) && faults(VA, SF_READ, 0));
    shadow_flush_all(v);
    shadow_flush_user(v);
    sf_check(v);
    shadow_new_pgtable(v, root_at(ROOT));
    EXPECT(reaches(VA, SF_WRITE, DATA));
}

TEST(untouched_tables_hold_zeros)
{
    for_both_untouched(tables);
}

/* A look for a backtrace: it may come in a panic. */
static void peeks(void)
{
    uint32_t left, word = 1;

    sf_poke(v, pte_at(ROOT, VA), DATA << 12 | RWUSAD);
    sf_poke(v, pde_at(ROOT, 0x40000000), (DATA + 1) << 12 | RWUSAD);
    left = v->guest->untouched_pages;
    EXPECT(gva_peek(v, &word, GVA(VA), 4));
    EXPECT_EQ(word, 0);
    EXPECT(!gva_peek(v, &word, GVA(0x40000000), 4)); /* its table is untouched */
    EXPECT_EQ(v->guest->untouched_pages, left);
    EXPECT(gva_read(v, &word, GVA(VA), 4) && word == 0);
    EXPECT_EQ(v->guest->untouched_pages, left - 1);
}

TEST(a_peek_touches_nothing)
{
    for_both_untouched(peeks);
}

static void monitor(void)
{
    uint32_t va = DIRECT_MAP + DATA * 4096;

    EXPECT(gva_write(v, GVA(va + 4090), "0123456789", 10));
    EXPECT_EQ(touched(8), 3);
    EXPECT(gva_write_ptr(v, GVA(va + 2 * 4096)) != NULL);
    EXPECT(gva_patch(v, GVA(va + 3 * 4096), "\xcd\x1f\x90", 3));
    EXPECT(gva_code_ptr(v, GVA(va + 4 * 4096)) == NULL);
    EXPECT_EQ(touched(8), 15);
    EXPECT_EQ(sf_page(v, DATA + 1)[3], '9');
    v->esp1 = va + 8 * 4096;
    v->stack_pages = 2;
    v->todo |= VCPU_TODO_PIN;
    EXPECT(sf_enter(v));
    EXPECT_EQ(touched(8), 0xcf);
}

TEST(the_monitor_touches_what_it_needs)
{
    for_both_untouched(monitor);
}

/* A kernel's temporary mapping, which FLUSH_TLB(1) puts in by itself. */
static void mapped_again(void)
{
    uint32_t va = DIRECT_MAP + 0x1f0000, pte = pte_at(ROOT, va);

    for (uint32_t n = 0; n < 3; n++) {
        sf_poke(v, (DATA + 10) << 12, 0);
        guest_writes(pte, (DATA + 10) << 12 | 0x63);
        sf_set_pte(v, root_at(ROOT), va, (DATA + 10) << 12 | 0x63, 0);
        EXPECT(reaches(va, SF_WRITE, DATA + 10));
        guest_writes(pte, 0);
        sf_set_pte(v, root_at(ROOT), va, 0, 0);
        sf_set_pte(v, root_at(ROOT), va, 0, 0);
        shadow_flush_all(v);
    }
    guest_writes(pte, DATA << 12 | 0x63);
    shadow_flush_all(v);
    EXPECT(untouched(DATA));
    sf_check(v);
    EXPECT(reaches(va, SF_READ, DATA));
}

TEST(a_temporary_mapping_of_an_untouched_page)
{
    for_both_untouched(mapped_again);
}

TEST(linear_mode_touches_page_by_page)
{
    sf_untouched = true;
    v = sf_guest(PAGES, false, true, 0);
    for (uint32_t i = 0; i < PAGES; i += 5) {
        EXPECT(untouched(i));
        EXPECT(reaches(i << 12, i & 1 ? SF_WRITE : SF_READ, i));
        EXPECT_EQ(v->guest->untouched_pages, PAGES - 1 - i / 5);
        sf_check(v);
    }
    sf_free(v);
}

/* The same where every pointer into a page may be lost at once. */
TEST(high_pages_are_touched_through_windows)
{
    static void (*const all[])(void) = {one_page, bits, around, announced, tables, peeks,
                                        monitor, mapped_again};

    sf_high = true;
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(all); i++)
        for_both_untouched(all[i]);
}
