/* SPDX-License-Identifier: MIT */
/* See paging_model.h.  Times are numbers of events: each write and each
 * announcement has its own, so "since" is never ambiguous. */
#include "paging_model.h"

#include "test.h"

#define P 1u
#define RW 2u
#define US 4u
#define A 0x20u
#define D 0x40u
#define OLD_MAX 24u
#define FOREVER UINT32_MAX
#define MAP_SLOTS 0x8000u

/* What a word held, from start until end (exclusive). */
struct value {
    uint32_t v, start, end;
};

struct word {
    uint32_t start; /* of what it holds now */
    uint32_t lost;  /* when the latest forgotten value ended */
    uint32_t nr;
    struct value old[OLD_MAX];
};

struct values {
    uint32_t nr;
    bool lost; /* there were more */
    struct value v[OLD_MAX + 1];
};

enum kind { NONE, PTE_OF_ROOT, PTE_OF_KERNEL, PGD, PMD, LOADED, FIRST, USER, FAULTED };

static struct vcpu *vcpu;
static uint32_t now, root, flushed;
static uint32_t *mem;
static struct word **words;
static struct {
    uint64_t key;
    uint32_t time;
} map[MAP_SLOTS];
static uint8_t *allowed; /* by page: some earlier state leads there */
static bool allowed_any, allowed_some;
/* Entries that an access through an earlier directory entry may have marked. */
static uint32_t gains[OLD_MAX * OLD_MAX * 4], nr_gains;

uint32_t pm_loose, pm_accesses;

/* ---- when was what announced ---- */

static uint32_t *time_of(enum kind k, uint32_t table, uint32_t i)
{
    uint64_t key = (uint64_t)k << 56 | (uint64_t)table << 20 | i;
    uint32_t at = (uint32_t)((key * 0x9e3779b97f4a7c15ull) >> 40) % MAP_SLOTS;

    while (map[at].key && map[at].key != key)
        at = (at + 1) % MAP_SLOTS;
    if (!map[at].key) {
        map[at].key = key;
        map[at].time = 0;
    }
    return &map[at].time;
}

static void announce(enum kind k, uint32_t table, uint32_t i)
{
    *time_of(k, table, i) = ++now;
}

static uint32_t later(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

void pm_new_pgtable(uint32_t gcr3)
{
    root = gcr3;
    announce(LOADED, gcr3, 0);
    if (!*time_of(FIRST, gcr3, 0))
        *time_of(FIRST, gcr3, 0) = now;
}

void pm_flush_user(void)
{
    announce(USER, root, 0);
}

void pm_flush_all(void)
{
    flushed = ++now;
}

void pm_set_pte(uint32_t pgd, uint32_t va)
{
    if (va >= vcpu->guest->kernel_address)
        announce(PTE_OF_KERNEL, 0, va >> HV_PAGE_SHIFT);
    else
        announce(PTE_OF_ROOT, pgd, va >> HV_PAGE_SHIFT);
}

void pm_set_pgd(uint32_t pgd, uint32_t index)
{
    announce(PGD, pgd, index);
}

void pm_set_pmd(uint32_t pmd, uint32_t index)
{
    announce(PMD, pmd >> HV_PAGE_SHIFT, index);
}

void pm_faulted(uint32_t va)
{
    announce(FAULTED, root, va >> HV_PAGE_SHIFT);
}

/* ---- memory ---- */

void pm_start(struct vcpu *v, uint32_t gcr3)
{
    uint32_t n = v->guest->limit_pages;

    vcpu = v;
    mem = malloc(n * HV_PAGE_SIZE);
    words = calloc(n * 1024u, sizeof(*words));
    allowed = calloc(n, 1);
    REQUIRE(mem && words && allowed);
    for (uint32_t i = 0; i < n; i++)
        memcpy(mem + i * 1024, sf_page(v, i), HV_PAGE_SIZE);
    memset(map, 0, sizeof(map));
    now = 1;
    flushed = 0;
    pm_new_pgtable(gcr3);
}

void pm_end(void)
{
    for (uint32_t i = 0; i < vcpu->guest->limit_pages * 1024; i++)
        free(words[i]);
    free(words);
    free(mem);
    free(allowed);
}

uint32_t pm_word(uint32_t gpa)
{
    return mem[gpa / 4];
}

void pm_wrote(uint32_t gpa, uint32_t value)
{
    struct word *w = words[gpa / 4];

    now++;
    if (mem[gpa / 4] == value)
        return;
    if (!w) {
        w = words[gpa / 4] = calloc(1, sizeof(*w));
        REQUIRE(w);
    }
    if (w->nr == OLD_MAX) {
        w->lost = w->old[0].end;
        memmove(w->old, w->old + 1, sizeof(w->old) - sizeof(w->old[0]));
        w->nr--;
    }
    w->old[w->nr++] = (struct value){mem[gpa / 4], w->start, now};
    w->start = now;
    mem[gpa / 4] = value;
}

bool pm_memory_ok(void)
{
    bool ok = true;

    for (uint32_t i = 0; i < vcpu->guest->limit_pages; i++) {
        if (memcmp(mem + i * 1024, sf_page(vcpu, i), HV_PAGE_SIZE) == 0)
            continue;
        for (uint32_t k = 0; k < 1024; k++) {
            uint32_t gpa = i << HV_PAGE_SHIFT | k * 4;

            if (mem[gpa / 4] != sf_peek(vcpu, gpa))
                printf("memory %#x holds %#x, should be %#x\n", gpa,
                       sf_peek(vcpu, gpa), mem[gpa / 4]);
        }
        ok = false;
    }
    return ok;
}

/* What the word holds, and what it held after a time. */
static void values_since(uint32_t gpa, uint32_t time, struct values *out)
{
    const struct word *w = words[gpa / 4];

    out->nr = 1;
    out->v[0] = (struct value){mem[gpa / 4], w ? w->start : 0, FOREVER};
    out->lost = w && w->lost > time;
    for (uint32_t i = 0; w && i < w->nr; i++) {
        if (w->old[i].end > time)
            out->v[out->nr++] = w->old[i];
    }
}

/* ---- the walk by the manual ---- */

static bool pae(void)
{
    return vcpu->guest->pae;
}

static uint32_t pde_gpa(uint32_t dir, uint32_t va)
{
    return (dir & ~0xfffu) + (pae() ? (va >> 21 & 511) * 8 : (va >> 22) * 4);
}

static uint32_t pte_gpa(uint32_t pde, uint32_t va)
{
    return (pde & ~0xfffu) +
           (pae() ? (va >> 12 & 511) * 8 : (va >> 12 & 1023) * 4);
}

static uint32_t pdpte_gpa(uint32_t gcr3, uint32_t va)
{
    return gcr3 + (va >> 30) * 8;
}

struct pm_walk pm_walk(uint32_t gcr3, uint32_t va, uint32_t access)
{
    struct pm_walk w = {.outcome = SF_FAULT, .err = access};
    uint32_t dir = gcr3, pde, pte;

    if (pae()) {
        dir = mem[pdpte_gpa(gcr3, va) / 4];
        if (!(dir & P))
            return w;
    }
    w.pde_gpa = pde_gpa(dir, va);
    pde = mem[w.pde_gpa / 4];
    if (!(pde & P))
        return w;
    w.pte_gpa = pte_gpa(pde, va);
    pte = mem[w.pte_gpa / 4];
    if (!(pte & P))
        return w;
    w.err |= P;
    if (access & ~(pde & pte))
        return w;
    w.outcome = SF_OK;
    w.gfn = pte >> HV_PAGE_SHIFT;
    return w;
}

/* ---- the same with earlier values ---- */

static void allow_ptes(uint32_t va, uint32_t access, struct value pde,
                       uint32_t since, bool current)
{
    struct values ptes;
    uint32_t need = P | access, marked = A | (access & SF_WRITE ? D : 0);

    values_since(pte_gpa(pde.v, va), since, &ptes);
    for (uint32_t i = 0; i < ptes.nr; i++) {
        uint32_t e = ptes.v[i].v;

        /* What is there now may also be walked to and be marked now. */
        if ((current && i == 0) || ((need | (i ? marked : 0)) & ~e))
            continue;
        if (i == 0 && (marked & ~e) && nr_gains < HV_ARRAY_SIZE(gains))
            gains[nr_gains++] = pte_gpa(pde.v, va);
        allowed[e >> HV_PAGE_SHIFT] = 1;
        allowed_some = true;
    }
    if (ptes.lost)
        allowed_any = allowed_some = true;
}

/* Since when the directory has named this table, as far as nothing has announced:
 * a load of CR3 brings entries up to date, but not what lies below them. */
static uint32_t linked_since(uint32_t gpa, struct value pde, uint32_t since)
{
    uint32_t start = pde.start;
    struct values all;

    values_since(gpa, since, &all);
    for (uint32_t i = 0; i < all.nr; i++) {
        if ((all.v[i].v & P) && !((all.v[i].v ^ pde.v) & ~0xfffu) &&
            all.v[i].start < start)
            start = all.v[i].start;
    }
    return start;
}

static void allow_pdes(uint32_t va, uint32_t access, struct value top,
                       uint32_t since, bool current)
{
    uint32_t dir = top.v >> HV_PAGE_SHIFT, need = P | A | access;
    uint32_t since_pte = va >= vcpu->guest->kernel_address
                             ? *time_of(PTE_OF_KERNEL, 0, va >> HV_PAGE_SHIFT)
                             : *time_of(PTE_OF_ROOT, root, va >> HV_PAGE_SHIFT);
    /* Two-level: the directory's page may have been another one's when it was
     * cached, so loading CR3 brings its entries up to date. */
    uint32_t loaded = pae() ? 0 : *time_of(LOADED, root, 0), start;
    struct values pdes;

    /* The CPU has forgotten what it knew of this page (SDM 3A 4.10.4.1). */
    since = later(since, *time_of(FAULTED, root, va >> HV_PAGE_SHIFT));
    if (pae())
        since = later(since, *time_of(PMD, dir, va >> 21 & 511));
    values_since(pde_gpa(top.v, va), later(later(since, loaded), top.start), &pdes);
    for (uint32_t i = 0; i < pdes.nr; i++) {
        if (need & ~pdes.v[i].v)
            continue;
        start = pae() ? pdes.v[i].start
                      : linked_since(pde_gpa(top.v, va), pdes.v[i], since);
        allow_ptes(va, access, pdes.v[i],
                   later(later(since, since_pte), later(top.start, start)),
                   current && i == 0);
    }
    if (pdes.lost)
        allowed_any = allowed_some = true;
}

/* Fills allowed[]: where va may lead besides where it leads now. */
static void allow_stale(uint32_t va, uint32_t access)
{
    uint32_t since = later(flushed, *time_of(FIRST, root, 0));
    struct values tops;

    memset(allowed, 0, vcpu->guest->limit_pages);
    allowed_any = allowed_some = false;
    nr_gains = 0;
    if (va < vcpu->guest->kernel_address)
        since = later(since, *time_of(USER, root, 0));
    since = later(since, *time_of(PGD, root, pae() ? va >> 30 : va >> 22));
    if (!pae()) {
        allow_pdes(va, access, (struct value){root, 0, FOREVER}, since, true);
        return;
    }
    values_since(pdpte_gpa(root, va), later(since, *time_of(LOADED, root, 0)), &tops);
    for (uint32_t i = 0; i < tops.nr; i++) {
        if (tops.v[i].v & P)
            allow_pdes(va, access, tops.v[i], since, i == 0);
    }
    if (tops.lost)
        allowed_any = allowed_some = true;
}

/* ---- checks ---- */

/* The word may have gained these bits. */
static bool may_gain(uint32_t gpa, uint32_t bits)
{
    uint32_t is = sf_peek(vcpu, gpa), was = mem[gpa / 4];

    mem[gpa / 4] = is;
    if (!((is ^ was) & ~bits) && !(was & ~is))
        return true;
    printf("entry at %#x was %#x, is %#x, may gain %#x\n", gpa, was, is, bits);
    return false;
}

static bool must_gain(uint32_t gpa, uint32_t bits)
{
    mem[gpa / 4] |= bits;
    if (sf_peek(vcpu, gpa) == mem[gpa / 4])
        return true;
    printf("entry at %#x is %#x, must be %#x\n", gpa, sf_peek(vcpu, gpa),
           mem[gpa / 4]);
    return false;
}

static bool outcome_ok(const struct pm_walk *w, struct sf_result r)
{
    if (r.outcome == SF_FAULT)
        return w->outcome == SF_FAULT && r.err == w->err;
    if (r.outcome != SF_OK)
        return false;
    if (w->outcome == SF_OK && w->gfn == r.gfn)
        return true;
    return allowed_any || allowed[r.gfn];
}

bool pm_access_ok(uint32_t va, uint32_t access, struct sf_result r)
{
    struct pm_walk w = pm_walk(root, va, access);
    uint32_t bits = A | (access & SF_WRITE ? D : 0);
    bool ok = true;

    allow_stale(va, access);
    for (uint32_t i = 0; i < nr_gains; i++) {
        if (gains[i] != w.pde_gpa && gains[i] != w.pte_gpa)
            ok = may_gain(gains[i], bits) && ok;
    }
    pm_accesses++;
    pm_loose += allowed_some;
    if (!outcome_ok(&w, r)) {
        printf("va %#x access %u root %#x: outcome %d page %#x error %u; the "
               "tables say %d page %#x error %u (%s)\n",
               va, access, root, r.outcome, r.gfn, r.err, w.outcome, w.gfn, w.err,
               allowed_some ? "others allowed, not this" : "nothing else allowed");
        return false;
    }
    if (w.outcome == SF_OK && !allowed_some) {
        /* A table that maps itself: one word in both roles. */
        if (w.pde_gpa != w.pte_gpa)
            ok = must_gain(w.pde_gpa, A) && ok;
        return must_gain(w.pte_gpa, bits) && ok;
    }
    /* Any of these words may be another's as well. */
    if (w.pte_gpa)
        ok = may_gain(w.pte_gpa, bits) && ok;
    return (!w.pde_gpa || may_gain(w.pde_gpa, bits)) && ok;
}

void pm_access_maybe(uint32_t va, uint32_t access)
{
    struct pm_walk w = pm_walk(root, va, access);

    allow_stale(va, access); /* or by what the directories said before */
    for (uint32_t i = 0; i < nr_gains; i++) {
        if (gains[i] != w.pde_gpa && gains[i] != w.pte_gpa)
            (void)may_gain(gains[i], A | (access & SF_WRITE ? D : 0));
    }
    if (w.pte_gpa)
        (void)may_gain(w.pde_gpa, A | D); /* as the entry of another page of the stack */
    if (w.outcome == SF_OK)
        (void)may_gain(w.pte_gpa, A | (access & SF_WRITE ? D : 0));
}
