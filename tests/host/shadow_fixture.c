/* SPDX-License-Identifier: MIT */
/* See shadow_fixture.h.  The CPU here knows the shadow format from the manual
 * (SDM 3A 4.4, 4.6 to 4.8) and shares nothing with hv/mmu/.
 * real: gmem gpage
 */
#define _GNU_SOURCE /* memfd_create() */
#include "shadow_fixture.h"

#include "fake.h"
#include "hv/frame.h"
#include "hv/hcall.h"
#include "hv/pmm.h"
#include "test.h"

#include <sys/mman.h>
#include <unistd.h>

#define E_P 1ull
#define E_RW 2ull
#define E_US 4ull
#define E_A 0x20ull
#define E_D 0x40ull
#define E_ADDR 0x000ffffffffff000ull
#define FRAME_BITS 0x00ffffffu
#define TRIES_MAX 4u

/* Pages above 4 GiB, and how many windows there are, which go round. Between them and
 * around is nothing. */
#define HIGH_FIRST 0x100000u
#define HIGH_FRAMES 256u
#define WINDOWS 2u

bool sf_high, sf_untouched;

static uint8_t *memory;
static struct {
    int fd;
    uint8_t *all;     /* as the guest's CPU sees it */
    uint8_t *windows; /* every other page */
    uint32_t frame[WINDOWS], next, used;
} high;
static hfn_t switcher_frame;
static uint32_t frames_before;

/* ---- frames: the address is the number ---- */

/* The guest page with this frame; the limit if there is none. */
static uint32_t gfn_of_frame(const struct vcpu *v, uint64_t frame)
{
    uint32_t gfn = 0;

    while (gfn < v->guest->limit_pages &&
           (v->guest->pages[gfn].word & FRAME_BITS) != frame)
        gfn++;
    return gfn;
}

uint32_t pmm_frame_limit(void)
{
    return sf_high ? HIGH_FIRST + HIGH_FRAMES : FAKE_PMM_FIRST + fake_pmm_frames;
}

static void high_init(void)
{
    size_t bytes = (size_t)HIGH_FRAMES << HV_PAGE_SHIFT;

    high.fd = memfd_create("high", 0);
    REQUIRE(high.fd >= 0 && ftruncate(high.fd, (off_t)bytes) == 0);
    high.all = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, high.fd, 0);
    high.windows = mmap(NULL, (WINDOWS * 2 + 1) * HV_PAGE_SIZE, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(high.all != MAP_FAILED && high.windows != MAP_FAILED);
}

static uint8_t *window_at(uint32_t n)
{
    return high.windows + (n * 2 + 1) * HV_PAGE_SIZE;
}

static void *window_open(uint32_t n, hfn_t f)
{
    off_t at = (off_t)(f.v - HIGH_FIRST) << HV_PAGE_SHIFT;

    REQUIRE(f.v >= HIGH_FIRST && f.v - HIGH_FIRST < HIGH_FRAMES);
    if (high.frame[n] != f.v)
        REQUIRE(mmap(window_at(n), HV_PAGE_SIZE, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_FIXED, high.fd, at) == window_at(n));
    high.frame[n] = f.v;
    return window_at(n);
}

static void windows_close(uint32_t first, uint32_t end)
{
    for (uint32_t n = first; n < end && high.windows; n++) {
        REQUIRE(mprotect(window_at(n), HV_PAGE_SIZE, PROT_NONE) == 0);
        high.frame[n] = 0;
    }
}

void sf_lose_windows(void)
{
    windows_close(0, WINDOWS);
}

uint32_t sf_gfn_at(const struct vcpu *v, const void *p)
{
    uintptr_t at = (uintptr_t)p & ~(uintptr_t)HV_PAGE_MASK;

    for (uint32_t n = 0; n < WINDOWS && sf_high; n++) {
        if ((uintptr_t)window_at(n) == at)
            return gfn_of_frame(v, high.frame[n]);
    }
    return gfn_of_frame(v, at >> HV_PAGE_SHIFT);
}

void *frame_ptr(hfn_t f)
{
    uintptr_t base = (uintptr_t)FAKE_PMM_FIRST << HV_PAGE_SHIFT;
    size_t bytes = (size_t)fake_pmm_frames << HV_PAGE_SHIFT;

    if (!frame_is_direct(f)) {
        if (high.frame[high.next] == f.v) /* the other one is the older now */
            high.next ^= 1;
        else if (high.frame[high.next ^ 1] != f.v)
            (void)window_open(high.next, f), high.next ^= 1;
        return window_at(high.next ^ 1);
    }

    if (!memory) {
        memory = mmap((void *)base, bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        REQUIRE(memory == (uint8_t *)base);
    }
    REQUIRE(f.v >= FAKE_PMM_FIRST && f.v - FAKE_PMM_FIRST < fake_pmm_frames);
    return (void *)((uintptr_t)f.v << HV_PAGE_SHIFT);
}

hfn_t frame_of_ptr(const void *p)
{
    return HFN((uintptr_t)p >> HV_PAGE_SHIFT);
}

hpa_t arch_switcher_pt(void);
hpa_t arch_switcher_pt(void)
{
    return hfn_to_hpa(switcher_frame);
}

/* ---- the guest ---- */

/* What lies behind a page of the guest is not to be touched. */
static void guard_behind(hfn_t f, int prot)
{
    REQUIRE(mprotect((uint8_t *)frame_ptr(f) + HV_PAGE_SIZE, HV_PAGE_SIZE, prot) == 0);
}

/* The allocator's, for a page that is touched: in an order of their own, the low ones
 * with a guard. */
hfn_t pmm_alloc(enum pmm_zone zone)
{
    hfn_t f;

    if (zone == PMM_DIRECT)
        return pmm_alloc_contig(1, 1, 0);
    pmm_unreserve(1);
    if (sf_high) {
        f = HFN(HIGH_FIRST + (high.used++ ^ 1));
        memset(high.all + (f.v - HIGH_FIRST) * HV_PAGE_SIZE, 0, HV_PAGE_SIZE);
        return f;
    }
    f = pmm_alloc_contig(2, 2, 0);
    if (!hfn_is_none(f))
        guard_behind(f, PROT_NONE);
    return f;
}

struct vcpu *sf_guest(uint32_t pages, bool pae, bool linear, uint32_t gcr3)
{
    struct guest *g = calloc(1, sizeof(*g));
    struct vcpu *v = calloc(1, sizeof(*v));

    REQUIRE(g && v);
    if (hfn_is_none(switcher_frame)) {
        if (sf_high)
            high_init();
        rmap_init();
        switcher_frame = pmm_alloc(PMM_DIRECT);
    }
    frames_before = pmm_free_frames();
    (void)snprintf(g->config.name, sizeof(g->config.name), "model");
    g->vcpu = v;
    v->guest = g;
    g->ram_pages = g->limit_pages = pages;
    g->pages = calloc(pages, sizeof(*g->pages));
    REQUIRE(g->pages);
    REQUIRE(pmm_reserve(pages));
    g->untouched_pages = pages;
    high.used = 0;
    for (uint32_t i = 0; i < pages && !sf_untouched; i++)
        gpage_touch(g, i);
    g->kernel_address = 0xc0000000u;
    g->linear = linear;
    g->pae = pae;
    g->boot_pgdir = gcr3;
    REQUIRE(shadow_create(g) == 0);
    return v;
}

void sf_free(struct vcpu *v)
{
    struct guest *g = v->guest;

    shadow_destroy(g);
    for (uint32_t i = 0; i < g->limit_pages && !sf_high; i++) {
        hfn_t f = HFN(g->pages[i].word & FRAME_BITS);

        if (hfn_is_none(f))
            continue;
        guard_behind(f, PROT_READ | PROT_WRITE);
        pmm_free_contig(f, 2);
    }
    pmm_unreserve(g->untouched_pages);
    EXPECT_EQ(pmm_free_frames(), frames_before);
    free(g->pages);
    free(v);
    free(g);
}

const uint8_t *sf_page(const struct vcpu *v, uint32_t gfn)
{
    static const uint8_t zeros[HV_PAGE_SIZE];
    hfn_t f;

    REQUIRE(gfn < v->guest->limit_pages);
    f = HFN(v->guest->pages[gfn].word & FRAME_BITS);
    if (hfn_is_none(f))
        return zeros;
    return sf_high ? high.all + (f.v - HIGH_FIRST) * HV_PAGE_SIZE : frame_ptr(f);
}

uint32_t sf_peek(const struct vcpu *v, uint32_t gpa)
{
    uint32_t value;

    memcpy(&value, sf_page(v, gpa >> HV_PAGE_SHIFT) + (gpa & HV_PAGE_MASK), 4);
    return value;
}

void sf_poke(struct vcpu *v, uint32_t gpa, uint32_t value)
{
    uint32_t gfn = gpa >> HV_PAGE_SHIFT;

    if (gpage_is_untouched(&v->guest->pages[gfn]))
        gpage_touch(v->guest, gfn);
    memcpy((uint8_t *)(uintptr_t)sf_page(v, gfn) + (gpa & HV_PAGE_MASK), &value, 4);
}

/* ---- the CPU ---- */

/* A table of the monitor's that an entry points to. */
static uint64_t *table_at(const struct vcpu *v, uint64_t entry)
{
    uint64_t frame = (entry & E_ADDR) >> HV_PAGE_SHIFT;

    REQUIRE(frame >= FAKE_PMM_FIRST && frame < pmm_frame_limit());
    REQUIRE(pmm_refcount(HFN(frame)) == 1);
    REQUIRE(gfn_of_frame(v, frame) == v->guest->limit_pages);
    return frame_ptr(HFN(frame));
}

/* The shadow's entries for va. Returns how many levels are present. */
static uint32_t entries_of(struct vcpu *v, uint32_t va, uint64_t **pde,
                           uint64_t **pte)
{
    uint64_t *pdpt = (uint64_t *)(uintptr_t)v->arch.cr3;
    uint64_t pdpte = pdpt[va >> 30];

    REQUIRE((v->arch.cr3 & 31) == 0);
    if (!(pdpte & E_P)) {
        EXPECT_EQ(pdpte, 0);
        return 0;
    }
    EXPECT_EQ(pdpte & ~(E_ADDR | E_P), 0);
    *pde = &table_at(v, pdpte)[(va >> 21) & 511];
    if (!(**pde & E_P)) {
        EXPECT_EQ(**pde, 0);
        return 1;
    }
    EXPECT_EQ(**pde & ~(E_ADDR | 0x27u), 0);
    *pte = &table_at(v, **pde)[(va >> 12) & 511];
    if (!(**pte & E_P)) {
        EXPECT_EQ(**pte, 0); /* L1TF: no payload */
        return 2;
    }
    EXPECT_EQ(**pte & ~(E_ADDR | 0x667u), 0);
    return 3;
}

struct sf_result sf_hardware(struct vcpu *v, uint32_t va, uint32_t access)
{
    struct sf_result r = {.outcome = SF_FAULT, .err = access};
    uint64_t *pde = NULL, *pte = NULL, need = access;

    if (entries_of(v, va, &pde, &pte) < 3)
        return r;
    r.err |= 1;
    if (need & ~(*pde & *pte & (E_RW | E_US)))
        return r;
    *pde |= E_A;
    *pte |= E_A | (access & SF_WRITE ? E_D : 0);
    r.outcome = SF_OK;
    r.gfn = gfn_of_frame(v, (*pte & E_ADDR) >> HV_PAGE_SHIFT);
    REQUIRE(r.gfn < v->guest->limit_pages);
    return r;
}

/* Every root must have the switcher's page table at its place. */
static void check_switcher(struct vcpu *v)
{
    uint64_t *pdpt = (uint64_t *)(uintptr_t)v->arch.cr3;

    REQUIRE(pdpt[3] & E_P);
    EXPECT_EQ(table_at(v, pdpt[3])[511] & ~(E_A | E_D),
              arch_switcher_pt().v | E_P | E_RW);
    EXPECT_EQ(table_at(v, pdpt[3])[510], 0);
}

void (*sf_on_pin)(void);

bool sf_enter(struct vcpu *v)
{
    if (guest_is_dead(v->guest))
        return false;
    if (v->todo & VCPU_TODO_PIN) {
        if (sf_on_pin)
            sf_on_pin();
        if (!shadow_pin_stack(v))
            return false;
    }
    check_switcher(v);
    return !guest_is_dead(v->guest);
}

struct sf_result sf_access(struct vcpu *v, uint32_t va, uint32_t access)
{
    struct sf_result r = {.outcome = SF_DEAD};
    uint32_t exits = 0, err;

    while (sf_enter(v)) {
        r = sf_hardware(v, va, access);
        if (r.outcome == SF_OK)
            break;
        REQUIRE(exits < TRIES_MAX);
        exits++;
        err = shadow_fault(v, GVA(va), r.err);
        if (err != SHADOW_FILLED) {
            r.err = err;
            break;
        }
        r.outcome = SF_DEAD;
    }
    r.exits = exits;
    return r;
}

struct sf_result sf_store(struct vcpu *v, uint32_t va, uint32_t value)
{
    struct sf_result r = sf_access(v, va, SF_WRITE);

    if (r.outcome == SF_OK)
        sf_poke(v, r.gfn << HV_PAGE_SHIFT | (va & HV_PAGE_MASK & ~3u), value);
    return r;
}

void sf_set_ptes(struct vcpu *v, const struct sf_pte *ptes, uint32_t n)
{
    struct hcall calls[SF_RING];

    REQUIRE(n <= SF_RING);
    for (uint32_t i = 0; i < n; i++)
        calls[i] = (struct hcall){GABI_HCALL_SET_PTE, ptes[i].pgd, ptes[i].va, ptes[i].lo,
                                  ptes[i].hi};
    shadow_set_ptes(v, calls, n);
}

void sf_set_pte(struct vcpu *v, uint32_t pgd, uint32_t va, uint32_t lo, uint32_t hi)
{
    const struct sf_pte one = {pgd, va, lo, hi};

    /* By the ring and by a call, every other time. */
    if ((va >> 12 ^ lo >> 12) & 1) {
        sf_set_ptes(v, &one, 1);
        return;
    }
    v->hcall_c = lo;
    v->hcall_d = hi;
    shadow_set_pte(v, pgd, va);
}

/* ---- the whole ---- */

static void check_table(struct vcpu *v, uint64_t *pt)
{
    for (uint32_t i = 0; i < 512; i++) {
        if (!(pt[i] & E_P)) {
            EXPECT_EQ(pt[i], 0);
            continue;
        }
        EXPECT_EQ(pt[i] & ~(E_ADDR | 0x667u), 0);
        REQUIRE(gfn_of_frame(v, (pt[i] & E_ADDR) >> HV_PAGE_SHIFT) <
                v->guest->limit_pages);
    }
}

void sf_check(struct vcpu *v)
{
    uint64_t *pdpt = (uint64_t *)(uintptr_t)v->arch.cr3;

    if (!shadow_audit(v->guest)) {
        fake_log_show();
        test_fail(__FILE__, __LINE__, "shadow_audit");
    }
    check_switcher(v);
    for (uint32_t top = 0; top < 4; top++) {
        uint64_t *pd = pdpt[top] & E_P ? table_at(v, pdpt[top]) : NULL;

        for (uint32_t i = 0; pd && i < 512; i++) {
            if ((pd[i] & E_P) && (pd[i] & E_ADDR) != arch_switcher_pt().v)
                check_table(v, table_at(v, pd[i]));
        }
    }
}
