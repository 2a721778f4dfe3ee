/* SPDX-License-Identifier: MIT */
/* See random_guest.h: what the random guest is made of and how it touches memory.
 * Each access is checked against the model at once. */
#include "random_guest.h"

#include "fake.h"
#include "hv/gmem.h"

const uint16_t l1_2level[15] = {0, 1, 2, 7, 8, 15, 16, 31, 32, 33, 255, 511,
                                     512, 513, 1023};
const uint16_t l1_pae[13] = {0, 1, 2, 7, 15, 16, 31, 32, 33, 255, 256, 510, 511};
static const uint16_t dir_2level[] = {0, 1, 2, 255, 256, 511, 767, 769, 768, 1022};
static const uint16_t dir_pae[] = {0, 1, 2, 255, 509, 511};

struct test_rng rng;
struct vcpu *v;
bool pae;
uint32_t cur, step_nr, seed_now;
struct access_counts counts;
bool devices_write;
static uint32_t alias_page;
static uint32_t recent[32]; /* addresses that led somewhere */

uint32_t below(uint32_t n)
{
    return test_random_below(&rng, n);
}

bool percent(uint32_t p)
{
    return below(100) < p;
}

void require(bool ok)
{
    if (ok)
        return;
    if (guest_is_dead(v->guest))
        printf("guest ended: %s\n", v->guest->reason);
    test_fail(__FILE__, __LINE__, "seed %u step %u pae %d", seed_now, step_nr, pae);
    test_abort();
}

/* ---- shape ---- */

uint32_t root_gcr3(uint32_t i)
{
    return pae ? (PAGE_ROOT << 12) + i * 32 : (PAGE_ROOT + i) << 12;
}

/* No root of the guest, and some cannot be one. */
uint32_t random_pgd(void)
{
    static const uint32_t odd[] = {0, 1, 31, 0xfffff000, 0xffffffe0};

    return percent(50) ? odd[below(HV_ARRAY_SIZE(odd))] : PAGE_DATA << 12;
}

uint32_t random_l1(void)
{
    return pae ? l1_pae[below(HV_ARRAY_SIZE(l1_pae))]
               : l1_2level[below(HV_ARRAY_SIZE(l1_2level))];
}

/* Index of a directory entry; the last ones of a PAE directory are no guest
 * address if it is at the top. */
uint32_t random_dir_index(void)
{
    return pae ? dir_pae[below(HV_ARRAY_SIZE(dir_pae))]
               : dir_2level[below(HV_ARRAY_SIZE(dir_2level))];
}

uint32_t random_va(void)
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

bool is_root_page(uint32_t gfn)
{
    return pae ? gfn == PAGE_ROOT : gfn >= PAGE_ROOT && gfn < PAGE_ROOT + ROOTS;
}

static bool is_dir_page(uint32_t gfn)
{
    return pae ? gfn >= PAGE_DIR && gfn < PAGE_DIR + NR_DIR : is_root_page(gfn);
}

/* A value that is legal in a page of this use, whatever role it has just now. */
uint32_t legal_value(uint32_t gfn)
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
static void check_pins(bool anew)
{
    for (uint32_t i = 0; i < v->stack_pages; i++) {
        uint32_t va = v->esp1 - 1 - i * HV_PAGE_SIZE;
        struct pinned now = stack_entries(i);

        if (anew)
            pm_access_maybe(va, SF_WRITE);
        else if (!now.root || memcmp(&now, &pinned[i], sizeof(now)) != 0)
            continue;
        require(sf_hardware(v, va, SF_WRITE).outcome == SF_OK);
        pinned[i] = stack_entries(i);
    }
}

/* The stack is about to be pinned: it would kill a guest that has unmapped it. */
static bool pins;

static void about_to_pin(void)
{
    pins = true;
    for (uint32_t i = 0; i < v->stack_pages; i++) {
        uint32_t va = v->esp1 - 1 - i * HV_PAGE_SIZE;

        if (va >= LAYOUT_GUEST_TOP || /* below page 0 */
            pm_walk(v->root->gcr3, va, SF_WRITE).outcome != SF_OK)
            v->stack_pages = 0;
    }
}

void enter(void)
{
    pins = false;
    sf_on_pin = about_to_pin;
    require(sf_enter(v));
    if (v->stack_pages && !devices_write)
        check_pins(pins);
}

struct sf_result access_va(uint32_t va, uint32_t access)
{
    struct sf_result r;

    enter();
    pins = false;
    r = sf_access(v, va, access);
    if (pins && v->stack_pages && !devices_write)
        check_pins(true);
    if (r.outcome == SF_FAULT)
        counts.faults++;
    else
        *(r.exits ? &counts.fills : &counts.hits) += 1;
    if (r.outcome == SF_OK && va - DIRECT_MAP >= PAGES * HV_PAGE_SIZE)
        recent[below(32)] = va;
    counts.stale += r.outcome == SF_OK && r.gfn != pm_walk(root_gcr3(cur), va, access).gfn;
    require(devices_write || pm_access_ok(va, access, r));
    if (r.outcome == SF_FAULT)
        pm_faulted(va);
    return r;
}

static void write_frame(uint32_t gpa, uint32_t value)
{
    sf_poke(v, gpa, value);
    pm_wrote(gpa, value);
}

/* A store of the CPU. What is stored depends on where it goes. */
bool store_va(uint32_t va, uint32_t wanted_gpa, uint32_t value)
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
bool monitor_store(uint32_t va, uint32_t wanted_gpa, uint32_t value)
{
    struct pm_walk w = pm_walk(root_gcr3(cur), va, SF_WRITE);
    struct sf_result r = {.outcome = SF_FAULT, .err = w.err};
    uint32_t *p, gpa;

    enter();
    p = gva_write_ptr(v, GVA(va));
    if (p) {
        r.outcome = SF_OK;
        r.gfn = sf_gfn_at(v, p);
    }
    require(!guest_is_dead(v->guest));
    require(devices_write || pm_access_ok(va, SF_WRITE, r));
    if (!p)
        return false;
    gpa = r.gfn << 12 | (va & 0xffc);
    if (gpa != wanted_gpa)
        value = legal_value(r.gfn);
    *p = value;
    pm_wrote(gpa, value);
    return gpa == wanted_gpa;
}

/* The same where the guest may read only, as vmcall is patched. */
bool monitor_patch(uint32_t va, uint32_t wanted_gpa, uint32_t value)
{
    struct pm_walk w = pm_walk(root_gcr3(cur), va, SF_READ);
    struct sf_result r = {.outcome = SF_FAULT, .err = w.err};
    uint32_t was, gpa;

    enter();
    if (gva_read(v, &was, GVA(va), 4))
        r = sf_hardware(v, va, SF_READ);
    require(!guest_is_dead(v->guest));
    require(devices_write || pm_access_ok(va, SF_READ, r));
    if (r.outcome != SF_OK)
        return false;
    gpa = r.gfn << 12 | (va & 0xffc);
    require(devices_write || was == pm_word(gpa));
    if (gpa != wanted_gpa)
        value = legal_value(r.gfn);
    require(gva_patch(v, GVA(va), &value, 4));
    pm_wrote(gpa, value);
    return gpa == wanted_gpa;
}

/* Gets a value into guest memory by one of the ways there are. */
void write_word(uint32_t gpa, uint32_t value)
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
    if (way >= 90 && way < 94 && monitor_patch(DIRECT_MAP + gpa, gpa, value))
        return;
    require(gmem_write(v->guest, GPA(gpa), &value, 4));
    pm_wrote(gpa, value);
}

/* ---- announcements ---- */

/* A change of rights comes as two, the first of them that the entry is clear; and
 * sometimes there is something else behind that. */
void set_pte(uint32_t pgd, uint32_t va, uint32_t value)
{
    uint32_t way = below(10), other = va ^ HV_PAGE_SIZE;
    const struct sf_pte twice[] = {
        {pgd, va, 0, 0}, {pgd, way == 1 ? other : va, way & 1 ? 0 : value, 0},
        {pgd, va, value, 0}};

    if (way > 3) {
        sf_set_pte(v, pgd, va, value, 0);
    } else {
        sf_set_ptes(v, twice, way & 1 ? 3 : 2);
        if (way == 1)
            pm_set_pte(pgd, other);
    }
    pm_set_pte(pgd, va);
}

void set_pgd(uint32_t pgd, uint32_t index)
{
    shadow_set_pgd(v, pgd, index);
    pm_set_pgd(pgd, index);
}

void set_pmd(uint32_t gpa, uint32_t index)
{
    shadow_set_pmd(v, gpa, index);
    pm_set_pmd(gpa, index);
}

void flush(bool all)
{
    if (all) {
        shadow_flush_all(v);
        pm_flush_all();
    } else {
        shadow_flush_user(v);
        pm_flush_user();
    }
}

void load_root(uint32_t i)
{
    cur = i;
    shadow_new_pgtable(v, root_gcr3(i));
    pm_new_pgtable(root_gcr3(i));
    require(!guest_is_dead(v->guest) && v->root->gcr3 == root_gcr3(i));
}

/* Where the kernel's half begins: inside of a directory, too, and above what the guest
 * itself calls its kernel. */
uint32_t random_kernel_address(void)
{
    static const uint32_t at[] = {0x00400000, 0x00800000, 0x3fc00000, 0x40000000,
                                  0x40400000, 0x80000000, 0xbfc00000, 0xc0400000,
                                  0xff800000};

    return percent(60) ? KERNEL : at[below(HV_ARRAY_SIZE(at))];
}

void build_guest(uint32_t tables_max)
{
    v = sf_guest(PAGES, pae, false, root_gcr3(0));
    v->guest->kernel_address = random_kernel_address();
    v->guest->mmu->rest_after = 2; /* they are to come there often */
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
    (void)gmem_frame(v->guest, GFN(alias_page));
    shadow_note_alias(v->guest, GFN(alias_page));
    cur = 0;
    pm_start(v, root_gcr3(0));
}
