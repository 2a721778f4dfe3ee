/* SPDX-License-Identifier: MIT */
/* The audit of the shadow finds what is wrong: each thing that it looks at is spoilt
 * alone, and it must say so.  A check that cannot fail would keep the random guests and
 * audit=N green whatever they do. */
#include "shadow_guest.h"

#define VA 0x00400000u
#define STACK (DIRECT_MAP + 50 * HV_PAGE_SIZE)
#define KERNEL_PTE (DIRECT_MAP + 45 * HV_PAGE_SIZE)

/* With this value in it the audit complains, and with what was there it does not. */
#define SPOILT(field, value) \
    do { \
        __typeof__(field) was = (field); \
        (field) = (value); \
        EXPECT(!shadow_audit(v->guest)); \
        (field) = was; \
        EXPECT(shadow_audit(v->guest)); \
    } while (0)

static struct shadow_mmu *m;

/* Everything that is remembered is remembered of this guest. */
static void busy_guest(void)
{
    m = v->guest->mmu;
    make_root2();
    sf_poke(v, pte_at(ROOT, VA), DATA << 12 | RWUSAD);
    v->esp1 = STACK;
    v->stack_pages = 1;
    shadow_check_pin(v);
    shadow_new_pgtable(v, root_at(ROOT2));
    shadow_new_pgtable(v, root_at(ROOT));
    EXPECT(reaches(VA, SF_WRITE, DATA));
    sf_set_pte(v, root_at(ROOT), KERNEL_PTE, sf_peek(v, pte_at(ROOT, KERNEL_PTE)), 0);
    shadow_flush_user(v);
    EXPECT(reaches(DIRECT_MAP + 44 * HV_PAGE_SIZE, SF_WRITE, 44));
    EXPECT(gva_write_ptr(v, GVA(DIRECT_MAP + 44 * HV_PAGE_SIZE)) != NULL);
    EXPECT(reaches(VA, SF_READ, DATA));
    EXPECT(faults(VA + HV_PAGE_SIZE, SF_READ, 0));
    shadow_flush_user(v);
    EXPECT(v->shadow.written_va != 1 && v->shadow.region != NO_REGION &&
           m->remembered.region != NO_REGION);
    EXPECT(shadow_audit(v->guest));
}

static void entries(void)
{
    struct shadow_table *t, *pd;
    uint32_t i = va_l1(VA), k = va_l2(VA), rights;

    busy_guest();
    t = root_table(v->root, VA, &rights);
    pd = v->root->pd[VA >> 30];
    SPOILT(t->ents[i], t->ents[i] | 0x100); /* global */
    SPOILT(t->ents[i], t->ents[i] | 1ull << 63);
    SPOILT(t->ents[i], t->ents[i] ^ PT_US);
    SPOILT(t->ents[i], 0);
    SPOILT(t->ents[i], t->ents[i + 1] | v->root->pdpt[3]); /* a table of the monitor's */
    SPOILT(pd->ents[k], pd->ents[k] ^ PT_US);
    SPOILT(pd->ents[k], pd->ents[k] | PT_PS);
    SPOILT(pd->ents[k], (uintptr_t)pd->ents | (pd->ents[k] & PT_LOW)); /* to itself */
    SPOILT(v->root->pdpt[0], v->root->pdpt[0] ^ 2);
    SPOILT(v->root->pd[3]->ents[SWITCHER_ENTRY], (uintptr_t)t->ents | 0x23);
    SPOILT(t->present[i / 32], 0);
    SPOILT(t->links, t->links + 1);
    SPOILT(v->guest->pages[DATA].maps, v->guest->pages[DATA].maps + 1);
    SPOILT(table_page(m, t)->word, table_page(m, t)->word + GPAGE_ONE_TABLE);
    SPOILT(t->groups, 0);
    SPOILT(t->groups, t->groups ^ 1u << 15);
    SPOILT(t->awake, false);
    SPOILT(t->listed, false);
    SPOILT(m->awake, NULL);
}

static void pages(void)
{
    struct gpage *p;
    struct guest *g;

    busy_guest();
    g = v->guest;
    p = &g->pages[DATA + 3];
    SPOILT(g->untouched_pages, g->untouched_pages + 1);
    SPOILT(p->word, 0);                      /* its frame is nobody's now */
    SPOILT(p->word, p->word & ~GPAGE_FRAME); /* flags and no frame */
    SPOILT(frame_owner[p->word & GPAGE_FRAME], DATA);
    SPOILT(g->touched_chunks[0], 0);
}

TEST(the_audit_finds_lost_pages)
{
    for_both(pages);
}

TEST(the_audit_finds_wrong_entries)
{
    for_both(entries);
}

static void pool(void)
{
    busy_guest();
    SPOILT(m->nr_tables, m->nr_tables + 1);
    SPOILT(m->free_ids, 0);
    for (uint32_t n = 0; n < HASH_BUCKETS; n++) {
        if (m->chains[n])
            SPOILT(m->chains[n], 0);
    }
    SPOILT(table_by_id(m, m->free_ids)->key, 5);
    SPOILT(table_by_id(m, m->free_ids)->pinned, 1);
    SPOILT(table_by_id(m, m->free_ids)->ents[7], (uint64_t)5 << 12 | PT_P);
}

TEST(the_audit_finds_a_torn_pool)
{
    for_both(pool);
}

static void roots(void)
{
    struct shadow_root *r;

    busy_guest();
    r = v->root;
    SPOILT(r->gcr3, NO_CR3);
    SPOILT(r->gcr3, root_at(ROOT2));
    SPOILT(m->remembered.no_root, r->gcr3);
    SPOILT(r->raw[pae ? 0 : 1], 5u << 12 | 1);
}

TEST(the_audit_finds_wrong_roots)
{
    for_both(roots);
}

static void caches(void)
{
    struct remembered *r;

    busy_guest();
    r = &m->remembered;
    SPOILT(v->shadow.table, m->filler);
    SPOILT(v->shadow.rights, v->shadow.rights ^ PT_RW);
    SPOILT(v->shadow.region, 0x3ff00000u >> 21);
    SPOILT(v->shadow.written_leaf, v->shadow.written_leaf + 1);
    SPOILT(v->shadow.written_va, VA + HV_PAGE_SIZE);
    EXPECT(r->nr_user_pages != 0);
    SPOILT(r->nr_user_pages, 1);
    SPOILT(r->table, m->filler);
    SPOILT(r->region, 0x3ff00000u >> 21);
}

TEST(the_audit_finds_wrong_caches)
{
    for_both(caches);
}

static void stack(void)
{
    struct shadow_table *t;
    uint32_t i = va_l1(STACK - 1), rights;

    busy_guest();
    t = root_table(v->root, STACK - 1, &rights);
    EXPECT(!(v->todo & VCPU_TODO_PIN));
    SPOILT(t->ents[i], t->ents[i] & ~(uint64_t)PT_RW);
    SPOILT(t->pinned, 0);
}

TEST(the_audit_finds_a_stack_that_is_not_pinned)
{
    for_both(stack);
}
