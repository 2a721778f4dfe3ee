/* SPDX-License-Identifier: MIT */
/* Private to hv/mmu/: what depends on the format of a guest's tables. It is chosen once,
 * when the guest loads its first table: until then it is linear.c's, and then that of
 * format_2level.c or format_pae.c, which compile the same text (walk.h, fault.h,
 * announce.h, compare.h) for two geometries. */
#pragma once

#include "mmu.h"

struct table_format {
    uint32_t top_entries;  /* of the page that CR3 names, for SET_PGD */

    /* The key of the directory for the top GiB that a new root begins with. */
    uint32_t (*first_key)(uint32_t gcr3);

    /* shadow_fault() and the others of hv/shadow.h; the arguments were checked but for the
     * entry of SET_PTE. */
    struct shadow_calls calls;
    void (*set_pgd)(struct shadow_mmu *m, uint32_t pgd, uint32_t index);
    void (*set_pmd)(struct shadow_mmu *m, uint32_t pmd, uint32_t index);
    void (*flush_user)(struct vcpu *v);
    void (*flush_all)(struct vcpu *v);

    /* Where a new table's guest entries are, as long as it lives; NULL: at no one place. */
    uint32_t *(*first_entry)(const struct guest *g, const struct shadow_table *t);

    /* The low dword of the guest's entry for va, whatever it is; false: no table. */
    bool (*look)(const struct guest *g, uint32_t gcr3, uint32_t va, uint32_t *gpte);
};

extern const struct table_format format_linear, format_2level, format_pae;

/* Bytes of the page of guest memory with this number, for a look: it is not touched
 * by this. NULL if it is untouched, and so holds zeros, or beyond the guest's limit. */
HV_INLINE uint8_t *page_bytes(const struct guest *g, uint32_t gfn)
{
    if (hv_unlikely(gfn >= g->limit_pages || gpage_is_untouched(&g->pages[gfn])))
        return NULL;
    return frame_ptr(gpage_frame(&g->pages[gfn]));
}

/* SET_PTE with an entry that kills (ABI 7.2): true, and it did. */
bool pte_kills(struct guest *g, uint32_t va, uint32_t lo, uint32_t hi);
