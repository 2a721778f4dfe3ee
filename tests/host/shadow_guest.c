/* SPDX-License-Identifier: MIT */
/* See shadow_guest.h: a small guest whose tables a test builds entry by entry, and
 * short questions about where an access ends. */
#include "shadow_guest.h"

struct vcpu *v;
bool pae;
uint32_t next_table;

uint32_t entry_bytes(void)
{
    return pae ? 8 : 4;
}

uint32_t root_at(uint32_t page)
{
    return page << 12;
}

/* Where the entries for va are in guest memory; a table is made if there is
 * none. */
uint32_t pde_at(uint32_t root, uint32_t va)
{
    if (!pae)
        return root_at(root) + (va >> 22) * 4;
    return (sf_peek(v, root_at(root) + (va >> 30) * 8) & ~0xfffu) +
           (va >> 21 & 511) * 8;
}

uint32_t pte_at(uint32_t root, uint32_t va)
{
    uint32_t at = pde_at(root, va);

    if (!(sf_peek(v, at) & 1))
        sf_poke(v, at, next_table++ << 12 | RWUSAD);
    REQUIRE(next_table <= DATA);
    return (sf_peek(v, at) & ~0xfffu) +
           (pae ? (va >> 12 & 511) * 8 : (va >> 12 & 1023) * 4);
}

/* A guest with all its memory at DIRECT_MAP and nothing else. */
void start(bool as_pae)
{
    pae = as_pae;
    next_table = FREE;
    v = sf_guest(PAGES, pae, false, root_at(ROOT));
    v->guest->mmu->rest_after = 2;
    for (uint32_t i = 0; pae && i < 4; i++)
        sf_poke(v, root_at(ROOT) + i * 8, (DIR + i) << 12 | 1);
    for (uint32_t i = 0; i < PAGES; i++)
        sf_poke(v, pte_at(ROOT, DIRECT_MAP + i * 4096), i << 12 | 0x63);
}

void stop(void)
{
    sf_check(v);
    sf_free(v);
}

/* The killed guest goes on, for the next of many cases. */
void revive(void)
{
    v->guest->end = END_NONE;
    v->todo &= ~VCPU_TODO_DEAD;
}

void for_both(void (*test)(void))
{
    for (uint32_t i = 0; i < 2; i++) {
        start(i == 1);
        test();
        stop();
    }
}

/* Written by the guest through its direct map, or by the monitor. */
void guest_writes(uint32_t gpa, uint32_t value)
{
    struct sf_result r = sf_store(v, DIRECT_MAP + gpa, value);

    EXPECT_EQ(r.outcome, SF_OK);
    EXPECT_EQ(r.gfn, gpa >> 12);
}

void monitor_writes(uint32_t gpa, uint32_t value)
{
    EXPECT(gmem_write32(v->guest, GPA(gpa), value));
}

bool reaches(uint32_t va, uint32_t access, uint32_t gfn)
{
    struct sf_result r = sf_access(v, va, access);

    return r.outcome == SF_OK && r.gfn == gfn;
}

bool faults(uint32_t va, uint32_t access, uint32_t err)
{
    struct sf_result r = sf_access(v, va, access);

    return r.outcome == SF_FAULT && r.err == err;
}

bool killed(uint32_t va, uint32_t access, const char *why)
{
    struct sf_result r = sf_access(v, va, access);
    bool ok = r.outcome == SF_DEAD && strstr(v->guest->reason, why);

    if (!ok)
        printf("outcome %d page %#x error %u: %s\n", r.outcome, r.gfn, r.err,
               v->guest->reason);
    revive();
    return ok;
}

/* A second root that shares nothing but the kernel's part. */
void make_root2(void)
{
    if (pae) {
        sf_poke(v, root_at(ROOT2), 7u << 12 | 1);
        sf_poke(v, root_at(ROOT2) + 24, (DIR + 3) << 12 | 1);
    } else {
        sf_poke(v, root_at(ROOT2) + 768 * 4, sf_peek(v, root_at(ROOT) + 768 * 4));
    }
}
