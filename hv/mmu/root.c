/* SPDX-License-Identifier: MIT */
/* Roots: the four directories that a CR3 of the guest stands for, of which the last
 * are kept.  Also how the shadow of a guest is made and taken apart, and the calls of
 * hv/shadow.h that are of one format of tables. */
#include "root.h"

#include "format.h"
#include "leaf.h"
#include "remember.h"

#include "hv/gmem.h"
#include "hv/log.h"

struct shadow_root *root_search(struct shadow_mmu *m, uint32_t gcr3)
{
    for (uint32_t i = 0; i < MAX_ROOTS; i++) {
        if (m->roots[i].gcr3 == gcr3) {
            m->root_guess[(gcr3 >> HV_PAGE_SHIFT) % MAX_ROOTS] = &m->roots[i];
            return &m->roots[i];
        }
    }
    return NULL;
}

void root_set_pd(struct shadow_mmu *m, struct shadow_root *r, uint32_t i,
                 struct shadow_table *pd)
{
    hv_assert((pd->key & KEY_L2) && !(pd->key & KEY_SWITCHER) == (i != 3));
    forget(m, LINK_GONE);
    pd->links++;
    if (r->pd[i])
        root_drop_pd(m, r, i);
    r->pd[i] = pd;
    r->pdpt[i] = (uintptr_t)pd->ents | PT_P;
}

void root_drop_pd(struct shadow_mmu *m, struct shadow_root *r, uint32_t i)
{
    struct shadow_table *pd = r->pd[i];

    r->pd[i] = NULL;
    r->pdpt[i] = 0;
    r->raw[i] = 0;
    forget(m, LINK_GONE);
    if (pd)
        table_unlink(m, pd);
}

static void root_release(struct shadow_mmu *m, struct shadow_root *r)
{
    for (uint32_t i = 0; i < 4; i++)
        root_drop_pd(m, r, i);
    r->in_use = false;
    r->gcr3 = NO_CR3;
}

static void release_all(struct shadow_mmu *m)
{
    for (uint32_t i = 0; i < MAX_ROOTS; i++) {
        if (m->roots[i].in_use)
            root_release(m, &m->roots[i]);
    }
}

void root_drop_users(struct shadow_mmu *m, const struct shadow_root *but, uint32_t gfn)
{
    for (uint32_t n = 0; n < MAX_ROOTS; n++) {
        struct shadow_root *r = &m->roots[n];

        for (uint32_t i = 0; i < 4 && r != but; i++) {
            if (r->pd[i] && !(r->pd[i]->key & KEY_LINEAR) &&
                (r->pd[i]->key & KEY_GFN) == gfn)
                root_release(m, r);
        }
    }
}

static struct shadow_root *root_oldest(struct shadow_mmu *m,
                                       const struct shadow_root *but)
{
    struct shadow_root *old = NULL;

    for (uint32_t i = 0; i < MAX_ROOTS; i++) {
        struct shadow_root *r = &m->roots[i];

        if (r->in_use && r != but &&
            (!old || (int32_t)(r->used_stamp - old->used_stamp) < 0))
            old = r;
    }
    return old;
}

void pool_make_room(struct vcpu *v)
{
    struct shadow_mmu *m = v->guest->mmu;
    struct shadow_root *old = root_oldest(m, v->root);

    if (old) {
        m->evictions++;
        root_release(m, old);
        return;
    }
    /* Only the current root is left and still there is no room: start again
     * with it empty. A guest that does this all the time pays for it with its
     * own time slices; the counter shows it. */
    m->drops++;
    for (uint32_t i = 0; v->root && i < 3; i++) {
        if (v->root->pd[i])
            root_drop_pd(m, v->root, i);
    }
    if (v->root && v->root->pd[3]) {
        struct shadow_table *pd = v->root->pd[3];

        for (uint32_t i = next_present(pd, 0); i < ENTRIES; i = next_present(pd, i + 1)) {
            link_clear(m, pd, i);
            (void)mmu_work(m, WORK_LINK);
        }
    }
}

static struct shadow_root *root_unused(struct shadow_mmu *m)
{
    for (uint32_t i = 0; i < MAX_ROOTS; i++) {
        if (!m->roots[i].in_use)
            return &m->roots[i];
    }
    return NULL;
}

/* A root with a directory for the top GiB, for the switcher's sake. */
struct shadow_root *root_make(struct vcpu *v, uint32_t gcr3)
{
    struct shadow_mmu *m = v->guest->mmu;

    (void)mmu_work(m, WORK_TABLE); /* the page may be touched, 64 times in a ring */
    if (!v->guest->linear)
        (void)gmem_frame(v->guest, gpa_to_gfn(GPA(gcr3)));
    for (;;) {
        struct shadow_root *r = root_unused(m);
        struct shadow_table *pd = r ? table_get(m, m->format->first_key(gcr3)) : NULL;

        if (pd) {
            hv_assert(!r->pd[0] && !r->pd[1] && !r->pd[2] && !r->pd[3]);
            forget(m, ROOT_ADDED);
            r->gcr3 = v->guest->linear ? NO_CR3 : gcr3;
            r->in_use = true;
            r->pin_gen = m->remembered.pin_gen - 1;
            root_set_pd(m, r, 3, pd);
            return r;
        }
        pool_make_room(v);
    }
}

void shadow_check_pin(struct vcpu *v)
{
    check_pin(v, v->guest->mmu, v->root);
}

static void choose_format(struct guest *g)
{
    g->mmu->format = g->linear ? &format_linear : g->pae ? &format_pae : &format_2level;
    g->vcpu->shadow.calls = &g->mmu->format->calls;
}

void shadow_drop_all(struct vcpu *v)
{
    uint32_t gcr3 = v->guest->linear ? 0 : v->root->gcr3;

    v->root = NULL;
    release_all(v->guest->mmu);
    use_root(v, root_make(v, gcr3));
}

bool cr3_kills(struct guest *g, uint32_t gcr3, uint32_t reserved)
{
    if (gcr3 >> HV_PAGE_SHIFT < g->limit_pages && !(gcr3 & reserved))
        return false;
    guest_kill(g, "bad page directory address %#x", gcr3);
    return true;
}

void leave_linear_mode(struct vcpu *v)
{
    v->root = NULL;
    release_all(v->guest->mmu);
    v->guest->linear = false;
    choose_format(v->guest);
}

/* ---- creation ---- */

int shadow_create(struct guest *g)
{
    struct shadow_mmu *m = pmm_alloc_page();

    if (!m)
        return -HV_ENOMEM;
    g->mmu = m;
    m->guest = g;
    m->vcpu = g->vcpu;
    m->pages = g->pages;
    m->gpte_last = (g->limit_pages << HV_PAGE_SHIFT) - 1;
    m->rest_after = 16;
    m->work_left = WORK_A_STEP;
    forget(m, ROOT_ADDED);
    forget(m, ROOT_CHANGED);
    choose_format(g);
    m->pdpt_page = pmm_alloc_page();
    if (!m->pdpt_page || !pool_create(m))
        return -HV_ENOMEM;
    m->filler = table_get(m, KEY_FILLER);
    m->filler->links = 1;
    for (uint32_t i = 0; i < MAX_ROOTS; i++) {
        m->roots[i].pdpt = m->pdpt_page + i * 4;
        m->roots[i].gcr3 = NO_CR3;
        m->root_guess[i] = &m->roots[i];
        m->roots[i].hcr3 = (uint32_t)(uintptr_t)m->roots[i].pdpt;
    }
    use_root(g->vcpu, root_make(g->vcpu, g->boot_pgdir));
    return 0;
}

void shadow_destroy(struct guest *g)
{
    struct shadow_mmu *m = g->mmu;

    if (!m)
        return;
    release_all(m);
    if (m->filler)
        table_unlink(m, m->filler);
    pool_destroy(m);
    if (m->pdpt_page)
        pmm_free_page(m->pdpt_page);
    pmm_free_page(m);
    g->mmu = NULL;
}

uint32_t shadow_overhead_frames(const struct guest *g)
{
    return g->mmu ? g->mmu->nr_pages + g->mmu->nr_chunks + 2 : 0;
}

void shadow_print(struct guest *g)
{
    const struct shadow_mmu *m = g->mmu;

    log_raw("  shadow: %u tables of at most %u, %u pages, %u evictions, "
            "%u restarts, %u pages and %u directories compared\n",
            m->nr_tables, m->nr_tables_max, m->nr_pages, m->evictions, m->drops,
            m->compared_pages, m->compared_dirs);
}

/* ---- by the format of the tables ---- */

bool pte_kills(struct guest *g, uint32_t va, uint32_t lo, uint32_t hi)
{
    bool bad = (lo & PT_PS) || lo > g->mmu->gpte_last || hi;

    if (bad && (lo & PT_P) && (lo & (PT_A | PT_D)))
        guest_kill(g, "bad page table entry %#x%08x", hi, lo);
    else if (va >= LAYOUT_GUEST_TOP)
        guest_kill(g, "attempt to set pte into Switcher pages (%#x)", va);
    else
        return false;
    return true;
}

void shadow_set_pgd(struct vcpu *v, uint32_t pgd, uint32_t index)
{
    struct guest *g = v->guest;

    if (index >= g->mmu->format->top_entries || pgd >> HV_PAGE_SHIFT >= g->limit_pages)
        guest_kill(g, "attempt to set pgd %u of %#x", index, pgd);
    else
        g->mmu->format->set_pgd(g->mmu, pgd, index);
}

void shadow_set_pmd(struct vcpu *v, uint32_t pmd, uint32_t index)
{
    struct guest *g = v->guest;

    if ((g->pae_known && !g->pae) || index >= ENTRIES ||
        pmd >> HV_PAGE_SHIFT >= g->limit_pages)
        guest_kill(g, "attempt to set pmd %u of %#x", index, pmd);
    else
        g->mmu->format->set_pmd(g->mmu, pmd, index);
}

void shadow_flush_user(struct vcpu *v)
{
    v->guest->mmu->format->flush_user(v);
}

void shadow_flush_all(struct vcpu *v)
{
    v->guest->mmu->format->flush_all(v);
}
