/* SPDX-License-Identifier: MIT */
/* Random guests against the model of paging_model.h: they write their page tables
 * through mappings of their own, through the monitor and through the switcher's
 * alias, announce changes or not or with lies, share tables, map them into
 * themselves, reuse them as data and back, and let address spaces die silently.
 * Every access must come out as it may, and A and D as hardware sets them.
 *
 * units: tests/host/shadow_fixture.c tests/host/paging_model.c hv/gmem.c
 * units: hv/mmu/walk.c hv/mmu/shadow.c hv/mmu/fill.c hv/mmu/sync.c
 * units: hv/mmu/rmap.c hv/mmu/linear.c hv/mmu/audit.c
 */
#include "../../hv/mmu/mmu.h"

#include "fake.h"
#include "hv/gmem.h"
#include "paging_model.h"
#include "test.h"

#define ROOTS 24u
#define PAGES 144u
#define KERNEL 0xc0000000u
#define STACK_TOP (KERNEL + 66 * HV_PAGE_SIZE) /* in the direct map: data pages */
#define DIRECT_MAP KERNEL     /* of all guest memory */
#define P 1u
#define RW 2u
#define US 4u

/* Pages by use. Two-level: a root is a page. PAE: all top-level tables are in
 * one page, and there are directories. */
enum {
    PAGE_ROOT = 1,    /* 24 of them; PAE: page 1 */
    PAGE_DIR = 2,     /* PAE: 8, the first is the kernel's */
    NR_DIR = 8,
    PAGE_TABLE = 25,  /* 32: the first two are the kernel's */
    NR_TABLES = 32,
    PAGE_DATA = 57,
};

static const uint16_t l1_2level[] = {0, 1, 2, 7, 8, 15, 16, 31, 32, 33, 255, 511,
                                     512, 513, 1023};
static const uint16_t l1_pae[] = {0, 1, 2, 7, 15, 16, 31, 32, 33, 255, 256, 510, 511};
static const uint16_t dir_2level[] = {0, 1, 2, 255, 256, 511, 767, 769, 768, 1022};
static const uint16_t dir_pae[] = {0, 1, 2, 255, 509, 511};

static struct test_rng rng;
static struct vcpu *v;
static bool pae, with_stack;
static uint32_t cur, alias_page, step_nr, seed_now, dying;
static uint32_t recent[32]; /* addresses that led somewhere */
static uint32_t hits, fills, faults, stale; /* accesses by how they went */

static uint32_t below(uint32_t n)
{
    return test_random_below(&rng, n);
}

static bool percent(uint32_t p)
{
    return below(100) < p;
}

static void require(bool ok)
{
    if (ok)
        return;
    if (guest_is_dead(v->guest))
        printf("guest ended: %s\n", v->guest->reason);
    test_fail(__FILE__, __LINE__, "seed %u step %u pae %d", seed_now, step_nr, pae);
    test_abort();
}

/* ---- shape ---- */

static uint32_t root_gcr3(uint32_t i)
{
    return pae ? (PAGE_ROOT << 12) + i * 32 : (PAGE_ROOT + i) << 12;
}

static uint32_t random_l1(void)
{
    return pae ? l1_pae[below(HV_ARRAY_SIZE(l1_pae))]
               : l1_2level[below(HV_ARRAY_SIZE(l1_2level))];
}

/* Index of a directory entry; the last ones of a PAE directory are no guest
 * address if it is at the top. */
static uint32_t random_dir_index(void)
{
    return pae ? dir_pae[below(HV_ARRAY_SIZE(dir_pae))]
               : dir_2level[below(HV_ARRAY_SIZE(dir_2level))];
}

static uint32_t random_va(void)
{
    uint32_t dir = random_dir_index(), top = below(4);

    if (percent(45))
        return recent[below(32)];
    if (!pae)
        return dir << 22 | random_l1() << 12 | below(1024) * 4;
    if (top == 3 && dir > 509)
        dir = 0;
    return top << 30 | dir << 21 | random_l1() << 12 | below(512) * 8;
}

static bool is_root_page(uint32_t gfn)
{
    return pae ? gfn == PAGE_ROOT : gfn >= PAGE_ROOT && gfn < PAGE_ROOT + ROOTS;
}

static bool is_dir_page(uint32_t gfn)
{
    return pae ? gfn >= PAGE_DIR && gfn < PAGE_DIR + NR_DIR : is_root_page(gfn);
}

/* A value that is legal in a page of this use, whatever role it has just now. */
static uint32_t legal_value(uint32_t gfn)
{
    uint32_t flags = percent(95) ? P : 0, to;

    if (percent(12))
        return 0;
    if (pae && is_root_page(gfn)) {
        to = PAGE_DIR + below(NR_DIR);
        return to << 12 | flags;
    }
    flags |= percent(75) ? RW : 0;
    flags |= percent(65) ? US : 0;
    flags |= percent(50) ? 0x20 : 0;
    flags |= percent(50) ? 0x40 : 0;
    if (is_dir_page(gfn)) {
        to = PAGE_TABLE + below(NR_TABLES);
        /* Not a PAE top-level page: as a table its entries would get A and D. */
        if (percent(10))
            to = pae ? PAGE_DIR + below(NR_DIR) : PAGE_ROOT + below(ROOTS);
        else if (percent(10))
            to = PAGE_DATA + below(PAGES - PAGE_DATA);
        return to << 12 | flags;
    }
    to = percent(50) ? PAGE_DATA + below(PAGES - PAGE_DATA) : below(PAGES);
    if (percent(25))
        to = PAGE_TABLE + below(8);
    flags |= percent(10) ? 8u << below(9) : 0; /* PWT PCD G AVL: masked */
    return to << 12 | (flags & ~0x80u);
}

/* ---- accesses ---- */

/* What the tables say of the stack, as of the last pin. */
static struct pinned {
    uint32_t root, pde, pte;
} pinned[2];

static struct pinned stack_entries(uint32_t i)
{
    struct pm_walk w = pm_walk(root_gcr3(cur), v->esp1 - 1 - i * HV_PAGE_SIZE, SF_WRITE);

    if (w.outcome != SF_OK)
        return (struct pinned){0, 0, 0};
    return (struct pinned){root_gcr3(cur), pm_word(w.pde_gpa), pm_word(w.pte_gpa)};
}

/* As long as the guest leaves the entries alone, its stack stays pinned. */
static void check_pins(bool pins)
{
    for (uint32_t i = 0; i < v->stack_pages; i++) {
        uint32_t va = v->esp1 - 1 - i * HV_PAGE_SIZE;
        struct pinned now = stack_entries(i);

        if (pins)
            pm_access_maybe(va, SF_WRITE);
        else if (!now.root || memcmp(&now, &pinned[i], sizeof(now)) != 0)
            continue;
        require(sf_hardware(v, va, SF_WRITE).outcome == SF_OK);
        pinned[i] = stack_entries(i);
    }
}

static void enter(void)
{
    bool pins = (v->attention & VCPU_ATTN_PIN) && v->stack_pages;

    if (pins) {
        for (uint32_t i = 0; i < v->stack_pages; i++) {
            uint32_t va = v->esp1 - 1 - i * HV_PAGE_SIZE;

            if (pm_walk(v->root->gcr3, va, SF_WRITE).outcome != SF_OK)
                v->stack_pages = 0; /* it would be killed */
        }
    }
    require(sf_enter(v));
    if (v->stack_pages)
        check_pins(pins);
}

static struct sf_result access_va(uint32_t va, uint32_t access)
{
    struct sf_result r;

    enter();
    r = sf_access(v, va, access);
    if (r.outcome == SF_FAULT)
        faults++;
    else
        *(r.exits ? &fills : &hits) += 1;
    if (r.outcome == SF_OK && va - DIRECT_MAP >= PAGES * HV_PAGE_SIZE)
        recent[below(32)] = va;
    stale += r.outcome == SF_OK && r.gfn != pm_walk(root_gcr3(cur), va, access).gfn;
    require(pm_access_ok(va, access, r));
    return r;
}

static void write_frame(uint32_t gpa, uint32_t value)
{
    sf_poke(v, gpa, value);
    pm_wrote(gpa, value);
}

/* A store of the CPU. What is stored depends on where it goes. */
static bool store_va(uint32_t va, uint32_t wanted_gpa, uint32_t value)
{
    struct sf_result r = access_va(va, SF_WRITE);
    uint32_t gpa;

    if (r.outcome != SF_OK)
        return false;
    gpa = r.gfn << 12 | (va & (pae ? 0xff8u : 0xffcu));
    write_frame(gpa, gpa == wanted_gpa ? value : legal_value(r.gfn));
    return gpa == wanted_gpa;
}

/* Some address in the current root that the guest may write this page at. */
static uint32_t find_alias(uint32_t gfn)
{
    for (uint32_t i = 0; i < 64; i++) {
        uint32_t va = random_va() & ~0xfffu;
        struct pm_walk w = pm_walk(root_gcr3(cur), va, SF_WRITE);

        if (w.outcome == SF_OK && w.gfn == gfn)
            return va;
    }
    return 0;
}

/* The monitor writes at a linear address, as for a trap frame. */
static bool monitor_store(uint32_t va, uint32_t wanted_gpa, uint32_t value)
{
    struct pm_walk w = pm_walk(root_gcr3(cur), va, SF_WRITE);
    struct sf_result r = {.outcome = SF_FAULT, .err = w.err};
    uint32_t *p, gpa;

    enter();
    p = gva_write_ptr(v, GVA(va));
    if (p) {
        r.outcome = SF_OK;
        for (r.gfn = 0; sf_page(v, r.gfn) != (uint8_t *)((uintptr_t)p & ~0xffful);)
            r.gfn++;
    }
    require(!guest_is_dead(v->guest));
    require(pm_access_ok(va, SF_WRITE, r));
    if (!p)
        return false;
    gpa = r.gfn << 12 | (va & 0xffc);
    if (gpa != wanted_gpa)
        value = legal_value(r.gfn);
    *p = value;
    pm_wrote(gpa, value);
    return gpa == wanted_gpa;
}

/* Gets a value into guest memory by one of the ways there are. */
static void write_word(uint32_t gpa, uint32_t value)
{
    uint32_t alias, way = below(100);

    if (gpa >> 12 == alias_page && percent(50)) {
        write_frame(gpa, value);
        return;
    }
    if (way < 60 && store_va(DIRECT_MAP + gpa, gpa, value))
        return;
    if (way >= 60 && way < 80) {
        alias = find_alias(gpa >> 12);
        if (alias && store_va(alias | (gpa & 0xfff), gpa, value))
            return;
    }
    if (way >= 80 && way < 90 && monitor_store(DIRECT_MAP + gpa, gpa, value))
        return;
    require(gmem_write(v->guest, GPA(gpa), &value, 4));
    pm_wrote(gpa, value);
}

/* ---- announcements ---- */

static void set_pte(uint32_t pgd, uint32_t va, uint32_t value)
{
    sf_set_pte(v, pgd, va, value, 0);
    pm_set_pte(pgd, va);
}

static void set_pgd(uint32_t pgd, uint32_t index)
{
    shadow_set_pgd(v, pgd, index);
    pm_set_pgd(pgd, index);
}

static void set_pmd(uint32_t gpa, uint32_t index)
{
    shadow_set_pmd(v, gpa, index);
    pm_set_pmd(gpa, index);
}

static void flush(bool all)
{
    if (all) {
        shadow_flush_all(v);
        pm_flush_all();
    } else {
        shadow_flush_user(v);
        pm_flush_user();
    }
}

static void load_root(uint32_t i)
{
    cur = i;
    shadow_new_pgtable(v, root_gcr3(i));
    pm_new_pgtable(root_gcr3(i));
    require(!guest_is_dead(v->guest) && v->root->gcr3 == root_gcr3(i));
}

/* ---- what a guest does ---- */

static void random_access(void)
{
    static const uint32_t kinds[] = {SF_READ, SF_WRITE, SF_USER, SF_USER | SF_WRITE};
    uint32_t va = random_va(), kind = kinds[below(4)];

    if (percent(5))
        va = DIRECT_MAP + below(PAGES) * HV_PAGE_SIZE;
    if ((kind & SF_WRITE) && percent(60))
        (void)store_va(va, 0, 0);
    else
        (void)access_va(va, kind);
}

/* Changes the entry that maps an address in some root, and may say so. */
static void change_leaf(void)
{
    uint32_t r = percent(60) ? cur : below(ROOTS), va = random_va() & ~0xfffu;
    struct pm_walk w = pm_walk(root_gcr3(r), va, SF_READ);
    uint32_t value = w.pte_gpa ? legal_value(w.pte_gpa >> 12) : 0;

    if (!w.pte_gpa)
        return;
    if (percent(20)) /* only the rights or A and D */
        value = pm_word(w.pte_gpa) ^ (2u << below(6) & 0x66);
    if (is_root_page(w.pte_gpa >> 12) && pae)
        value &= ~0xffeu;
    write_word(w.pte_gpa, value);
    if (percent(50))
        set_pte(root_gcr3(r), va, percent(80) ? value : legal_value(PAGE_DATA));
    if (percent(50))
        (void)access_va(va, SF_READ);
}

static void change_dir(void)
{
    uint32_t r = percent(60) ? cur : below(ROOTS);
    uint32_t i = random_dir_index(), top = below(4), gpa, value;

    if (!pae) {
        gpa = root_gcr3(r) + i * 4;
        write_word(gpa, percent(30) ? pm_word(root_gcr3(below(ROOTS)) + i * 4)
                                    : legal_value(gpa >> 12));
        if (percent(60))
            set_pgd(root_gcr3(r), i);
        return;
    }
    if (percent(30)) {
        gpa = root_gcr3(r) + top * 8;
        write_word(gpa, percent(70) ? (PAGE_DIR + below(NR_DIR)) << 12 | P
                                    : legal_value(PAGE_ROOT));
        if (percent(50))
            set_pgd(root_gcr3(r), top);
        return;
    }
    gpa = (PAGE_DIR + below(NR_DIR)) << 12;
    value = percent(30) ? pm_word(((PAGE_DIR + below(NR_DIR)) << 12) + i * 8)
                        : legal_value(gpa >> 12);
    write_word(gpa + i * 8, value);
    if (percent(60))
        set_pmd(gpa, i);
}

/* The monitor writes to the same page again and again, as to a stack. */
static void frames_of_traps(void)
{
    static uint32_t va;

    if (percent(20))
        va = random_va();
    (void)monitor_store(va & (pae ? ~7u : ~3u), 0, 0);
}

static void write_anything(void)
{
    uint32_t gfn = percent(60) ? PAGE_TABLE + below(NR_TABLES) : below(PAGES);
    uint32_t gpa = gfn << 12 | random_l1() << (pae ? 3 : 2);

    if (gfn)
        write_word(gpa, legal_value(gfn));
}

/* Many announcements for one table, with all that may come in between. */
static void burst(void)
{
    uint32_t region = random_va() & (pae ? 0xffe00000u : 0xffc00000u), r = cur;

    if (percent(20))
        r = below(ROOTS);
    for (uint32_t n = below(12); n; n--) {
        uint32_t va = region | random_l1() << 12, what = below(12);
        struct pm_walk w = pm_walk(root_gcr3(r), va, SF_READ);

        if (w.pte_gpa && (!pae || !is_root_page(w.pte_gpa >> 12))) {
            uint32_t value = legal_value(w.pte_gpa >> 12);

            write_word(w.pte_gpa, value);
            set_pte(root_gcr3(r), va, value);
        }
        if (what < 5)
            (void)access_va(va, what & 1 ? SF_WRITE : SF_READ);
        if (what == 6)
            change_dir();
        if (what == 7)
            load_root(percent(50) ? r : below(ROOTS));
        if (what == 8)
            flush(percent(50));
        if (what == 9)
            (void)access_va(random_va(), SF_READ);
    }
}

/* The kernel's part as every root has it. */
static void mend_kernel(uint32_t r)
{
    if (pae) {
        write_word((PAGE_DIR << 12) + 0, PAGE_TABLE << 12 | 0x67);
        set_pmd(PAGE_DIR << 12, 0);
        write_word(root_gcr3(r) + 24, PAGE_DIR << 12 | P);
        set_pgd(root_gcr3(r), 3);
        return;
    }
    write_word(root_gcr3(r) + 768 * 4, PAGE_TABLE << 12 | 0x67);
    set_pgd(root_gcr3(r), 768);
    write_word(root_gcr3(r) + 769 * 4, (PAGE_TABLE + 1) << 12 | 0x67);
    set_pgd(root_gcr3(r), 769);
}

static void mend_direct_map(void)
{
    uint32_t i = below(PAGES), gpa = (PAGE_TABLE << 12) + i * (pae ? 8 : 4);

    write_word(gpa, i << 12 | P | RW);
    set_pte(root_gcr3(cur), DIRECT_MAP + i * HV_PAGE_SIZE, i << 12 | P | RW);
}

/* An address space goes: its tables are cleared without a word, the directory
 * entry goes with an announcement, the page is data for a while and then a
 * table again, elsewhere. */
static void die_silently(uint32_t r)
{
    uint32_t i = pae ? below(2) : random_dir_index();
    uint32_t dir = pae ? (PAGE_DIR + 1 + below(NR_DIR - 1)) << 12 : root_gcr3(r);
    uint32_t gpa = dir + i * (pae ? 8 : 4), table = pm_word(gpa) & ~0xfffu;

    if (!(pm_word(gpa) & P) || (!pae && i >= 768) || table >> 12 < PAGE_TABLE + 2)
        return;
    for (uint32_t k = 0; k < (pae ? HV_ARRAY_SIZE(l1_pae) : HV_ARRAY_SIZE(l1_2level)); k++)
        write_word(table + (pae ? l1_pae[k] * 8u : l1_2level[k] * 4u), 0);
    write_word(gpa, 0);
    if (pae)
        set_pmd(dir, i);
    else
        set_pgd(dir, i);
    dying = table;
    for (uint32_t k = below(4); k; k--)
        write_word(table + random_l1() * (pae ? 8 : 4), legal_value(table >> 12));
}

static void link_again(void)
{
    uint32_t r = below(ROOTS), i = pae ? below(2) : random_dir_index();
    uint32_t dir = pae ? (PAGE_DIR + 1 + below(NR_DIR - 1)) << 12 : root_gcr3(r);

    if (!dying || (!pae && i >= 768))
        return;
    write_word(dir + i * (pae ? 8 : 4), dying | 0x7 | (percent(50) ? 0x60 : 0));
    if (percent(30))
        load_root(r);
    for (uint32_t k = 0; k < 3; k++)
        (void)access_va((pae ? below(4) << 30 | i << 21 : i << 22) | random_l1() << 12,
                        SF_READ);
}

static void use_stack(void)
{
    if (!with_stack)
        return;
    v->esp1 = STACK_TOP + below(3) * 0x800;
    v->stack_pages = (uint8_t)below(3);
    v->attention |= VCPU_ATTN_PIN;
    enter();
}

static void tour_roots(void)
{
    for (uint32_t n = below(ROOTS); n; n--) {
        load_root(below(ROOTS));
        random_access();
    }
}

static void step(void)
{
    uint32_t what = below(100);

    if (percent(15))
        frames_of_traps();
    if (percent(10))
        burst();
    if (what < 40)
        random_access();
    else if (what < 60)
        change_leaf();
    else if (what < 68)
        change_dir();
    else if (what < 75)
        write_anything();
    else if (what < 82)
        load_root(percent(50) ? below(4) : below(ROOTS));
    else if (what < 85)
        flush(percent(50));
    else if (what < 88)
        set_pte(root_gcr3(below(ROOTS)), random_va() & ~0xfffu, legal_value(PAGE_DATA));
    else if (what < 90)
        set_pgd(root_gcr3(below(ROOTS)), pae ? below(4) : random_dir_index());
    else if (what < 93)
        mend_kernel(percent(70) ? cur : below(ROOTS));
    else if (what < 95)
        mend_direct_map();
    else if (what < 97)
        die_silently(percent(50) ? cur : below(ROOTS));
    else if (what < 98)
        link_again();
    else if (what < 99)
        use_stack();
    else
        tour_roots();
}

static void build_guest(uint32_t tables_max)
{
    v = sf_guest(PAGES, pae, false, root_gcr3(0));
    v->guest->mmu->nr_tables_max = tables_max ? tables_max : v->guest->mmu->nr_tables_max;
    for (uint32_t i = 0; i < PAGES; i++)
        sf_poke(v, (PAGE_TABLE << 12) + i * (pae ? 8 : 4), i << 12 | P | RW);
    for (uint32_t r = 0; r < ROOTS; r++) {
        if (pae) {
            sf_poke(v, root_gcr3(r) + 24, PAGE_DIR << 12 | P);
            sf_poke(v, root_gcr3(r), (PAGE_DIR + 1 + r % (NR_DIR - 1)) << 12 | P);
            continue;
        }
        sf_poke(v, root_gcr3(r) + 768 * 4, PAGE_TABLE << 12 | 0x67);
        sf_poke(v, root_gcr3(r) + 769 * 4, (PAGE_TABLE + 1) << 12 | 0x67);
    }
    if (pae) {
        sf_poke(v, PAGE_DIR << 12, PAGE_TABLE << 12 | 0x67);
        sf_poke(v, (PAGE_DIR << 12) + 8, (PAGE_TABLE + 1) << 12 | 0x67);
    }
    for (uint32_t i = 0; i < 32; i++)
        recent[i] = i << 12;
    alias_page = PAGE_TABLE + 2 + below(4);
    shadow_note_alias(v->guest, GFN(alias_page));
    cur = 0;
    dying = 0;
    pm_start(v, root_gcr3(0));
}

/* One guest's life. */
static void run_guest(uint32_t seed, uint32_t steps, uint32_t tables_max)
{
    seed_now = seed;
    rng.state = seed;
    fake_log_clear();
    build_guest(tables_max);
    for (step_nr = 0; step_nr < steps; step_nr++) {
        step();
        require(!guest_is_dead(v->guest));
        if (step_nr % 64 == 0) {
            enter();
            sf_check(v);
        }
        if (step_nr % 16 == 0)
            require(pm_memory_ok());
    }
    pm_end();
    sf_free(v);
}

static void show_counts(void)
{
    printf("%u hits, %u fills, %u faults; %u of %u had more than one answer, %u stale\n",
           hits, fills, faults, pm_loose, pm_accesses, stale);
}

static void run_guests(uint32_t first, uint32_t n, uint32_t steps, uint32_t tables_max)
{
    for (uint32_t i = 0; i < n; i++)
        run_guest(first + i, steps, tables_max);
    if (getenv("TEST_VERBOSE"))
        show_counts();
    EXPECT(hits > 0 && fills > 0 && faults > 0 && stale > 0);
    EXPECT(pm_loose < pm_accesses / 2);
}

TEST(model_2level)
{
    run_guests(1000, 60, 4000, 0);
}

TEST(model_pae)
{
    pae = true;
    run_guests(2000, 60, 4000, 0);
}

/* Kernel stacks pinned through all of it. */
TEST(model_2level_stack)
{
    with_stack = true;
    run_guests(3000, 20, 4000, 0);
}

TEST(model_pae_stack)
{
    pae = with_stack = true;
    run_guests(4000, 20, 4000, 0);
}

/* So few tables that something is recycled all the time. */
TEST(model_2level_small_pool)
{
    for (uint32_t i = 0; i < 20; i++)
        run_guests(5000 + i, 1, 4000, 6 + i);
}

TEST(model_pae_small_pool)
{
    pae = true;
    for (uint32_t i = 0; i < 20; i++)
        run_guests(6000 + i, 1, 4000, 6 + i);
}
