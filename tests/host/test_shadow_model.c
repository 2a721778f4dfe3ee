/* SPDX-License-Identifier: MIT */
/* Random guests against the model of paging_model.h: they write their page tables
 * through mappings of their own, through the monitor and through the switcher's
 * alias, announce changes or not or with lies, share tables, map them into
 * themselves, reuse them as data and back, and let address spaces die silently.
 * Every access must come out as it may, and A and D as hardware sets them. */
#include "random_guest.h"

#include "fake.h"
#include "hv/gmem.h"

static uint32_t dying; /* table of an address space that is gone */
static bool with_stack, with_others;
static bool old_seeds; /* only what guests did when a seed was noted */

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

/* Announcements of several tables and roots in one ring: what the first have remembered
 * must not do for the next. Some are for roots that never were. */
static void mixed_ring(void)
{
    struct sf_pte ptes[SF_RING];
    uint32_t n = 2 + below(4 - 1);

    for (uint32_t i = 0; i < n; i++) {
        uint32_t root = root_gcr3(percent(60) ? cur : below(ROOTS));
        uint32_t va = i && percent(40) ? ptes[i - 1].va ^ below(2) * HV_PAGE_SIZE
                                       : random_va() & ~0xfffu;
        struct pm_walk w = pm_walk(root, va, SF_READ);
        uint32_t value = w.pte_gpa ? legal_value(w.pte_gpa >> 12) : 0;

        if (w.pte_gpa && pae && is_root_page(w.pte_gpa >> 12))
            value &= ~0xffeu;
        if (w.pte_gpa && percent(80))
            write_word(w.pte_gpa, value);
        if (percent(10))
            value = percent(50) ? 0 : legal_value(PAGE_DATA);
        ptes[i] = (struct sf_pte){percent(95) ? root : random_pgd(), va, value, 0};
    }
    sf_set_ptes(v, ptes, n);
    for (uint32_t i = 0; i < n; i++)
        pm_set_pte(ptes[i].pgd, ptes[i].va);
    if (percent(70))
        (void)access_va(ptes[below(n)].va, percent(50) ? SF_READ : SF_WRITE);
}

/* INIT: another border of the kernel's half, and no shadow is left. */
static void init_again(void)
{
    v->guest->kernel_address = random_kernel_address();
    shadow_drop_all(v);
    pm_flush_all();
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

/* One page in all entries of a table, more often than its mappings are counted. */
static void map_everywhere(void)
{
    uint32_t va = random_va(), size = pae ? 8 : 4;
    struct pm_walk w = pm_walk(root_gcr3(cur), va, SF_READ);
    uint32_t to = percent(50) ? PAGE_TABLE + below(NR_TABLES) : PAGE_DATA + below(20);
    uint32_t table = w.pte_gpa >> 12, value = to << 12 | 0x67;

    if (table < PAGE_TABLE + 2 || is_root_page(table) || table >= PAGE_TABLE + NR_TABLES)
        return;
    for (uint32_t i = 0; i < HV_PAGE_SIZE; i += size) {
        require(gmem_write(v->guest, GPA(table << 12 | i), &value, 4));
        pm_wrote(table << 12 | i, value);
    }
    va &= pae ? 0xffe00000u : 0xffc00000u;
    if (percent(50))
        flush(percent(50));
    for (uint32_t i = 0; i < HV_PAGE_SIZE / size; i += 31)
        (void)access_va(va + i * HV_PAGE_SIZE, percent(50) ? SF_WRITE : SF_READ);
    write_word(to << 12 | random_l1() << (pae ? 3 : 2), legal_value(to));
    if (percent(50))
        die_silently(cur);
}

static void use_stack(void)
{
    if (!with_stack)
        return;
    v->esp1 = (old_seeds || percent(50) ? STACK_TOP : random_va() & ~0xfffu) + below(3) * 0x800;
    v->stack_pages = (uint8_t)below(3);
    v->todo |= VCPU_TODO_PIN;
    enter();
}

/* The time slice is over and another guest has used this CPU. */
static void other_guest_runs(void)
{
    sf_lose_windows();
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
    if (!old_seeds && percent(5))
        mixed_ring();
    if (percent(2) && percent(15))
        map_everywhere();
    if (!old_seeds && percent(1) && percent(25))
        init_again();
    if (percent(5))
        (void)monitor_patch(random_va() & (pae ? ~7u : ~3u), 0, 0);
    if (with_others && percent(3))
        other_guest_runs();
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

/* One guest's life. Two of three begin with pages that nobody has touched. */
static void run_guest(uint32_t seed, uint32_t steps, uint32_t tables_max)
{
    seed_now = seed;
    rng.state = seed;
    sf_untouched = !old_seeds && seed % 3 != 0;
    fake_log_clear();
    build_guest(tables_max);
    dying = 0;
    for (step_nr = 0; step_nr < steps; step_nr++) {
        step();
        require(!guest_is_dead(v->guest));
        if (step_nr % 64 == 0) {
            enter();
            sf_check(v);
        }
        if (step_nr % 16 == 0)
            require(devices_write || pm_memory_ok());
    }
    pm_end();
    sf_free(v);
}

static void show_counts(void)
{
    printf("%u hits, %u fills, %u faults; %u of %u had more than one answer, %u stale\n",
           counts.hits, counts.fills, counts.faults, pm_loose, pm_accesses, counts.stale);
}

static void run_guests(uint32_t first, uint32_t n, uint32_t steps, uint32_t tables_max)
{
    for (uint32_t i = 0; i < n; i++)
        run_guest(first + i, steps, tables_max);
    if (getenv("TEST_VERBOSE"))
        show_counts();
    EXPECT(counts.hits && counts.fills && counts.faults && counts.stale);
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

/* What an interrupt may do: look at the guest, for a trace of its calls, through windows
 * that the interrupted code has to open anew. */
static void look_meanwhile(void)
{
    uint32_t words[2];

    sf_lose_windows();
    if (v->root && percent(20) &&
        gva_peek(v, words, GVA(random_va() | 0xffc), sizeof(words)))
        require(!guest_is_dead(v->guest));
}

static void run_high_guests(uint32_t first, uint32_t n)
{
    sf_high = with_others = true;
    fake_arch.on_preempt = look_meanwhile;
    for (uint32_t i = first * 8; i < (first + n) * 8; i++) {
        pae = i & 1;
        with_stack = i & 2;
        run_guest(800000 + i, 4000, i & 4 ? (with_stack ? 12 : 6) + i % 40 : 0);
    }
}

/* All of its memory above 4 GiB, in turns with another guest. */
TEST(model_high_memory)
{
    const char *text = getenv("MODEL_RUNS"), *from = getenv("MODEL_FIRST");

    run_high_guests(from ? (uint32_t)atoi(from) : 0, text ? (uint32_t)atoi(text) : 1);
}

/* make check-slow asks for many: MODEL_RUNS guests of each kind. */
TEST(model_long_runs)
{
    const char *text = getenv("MODEL_RUNS"), *from = getenv("MODEL_FIRST");
    uint32_t n = text ? (uint32_t)atoi(text) : 1, first = from ? (uint32_t)atoi(from) : 0;

    for (uint32_t i = first; i < first + n; i++) {
        for (uint32_t kind = 0; kind < 8; kind++) {
            pae = kind & 1;
            with_stack = kind & 2;
            run_guest(300000 + i * 8 + kind, 4000,
                      kind & 4 ? (with_stack ? 12 : 6) + i % 40 : 0);
        }
    }
}

/* At preemption points a device writes table entries: what the monitor has read before
 * is no longer so. Which outcome is right cannot be told then; the audit can. */
static void device_writes(void)
{
    uint32_t gfn = PAGE_TABLE + below(NR_TABLES), i = random_l1(), value;

    if (percent(60))
        return;
    if (percent(50)) {
        gfn = pae ? PAGE_DIR + below(NR_DIR) : PAGE_ROOT + below(ROOTS);
        i = random_dir_index();
    }
    value = legal_value(gfn);
    require(gmem_write(v->guest, GPA(gfn << 12 | i << (pae ? 3 : 2)), &value, 4));
}

TEST(devices_write_meanwhile)
{
    const char *text = getenv("MODEL_RUNS"), *from = getenv("MODEL_FIRST");
    uint32_t n = text ? (uint32_t)atoi(text) : 3, first = from ? (uint32_t)atoi(from) : 0;

    devices_write = true;
    fake_arch.on_preempt = device_writes;
    for (uint32_t i = first * 4; i < (first + n) * 4; i++) {
        pae = i & 1;
        run_guest(700000 + i, 4000, i & 2 ? 6 + i % 40 : 0);
    }
}

/* What long runs have found once. */
TEST(model_seeds_that_failed)
{
    old_seeds = pae = true;
    run_guest(200056, 2000, 0);
    with_stack = true; /* a top-level entry changed, was used and changed back */
    run_guest(300083, 1000, 0);
    run_guest(301523, 4000, 0); /* a fault linked another directory over the stack's */
    run_guest(7502263, 2000, 14); /* pinned through a top level that was written since */
}
