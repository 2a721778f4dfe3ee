/* SPDX-License-Identifier: MIT */
/* Private to hv/mmu/: the entries of shadow tables that map pages, who maps a page, and
 * whether it was written. */
#pragma once

#include "remember.h"
#include "table.h"

HV_INLINE bool leaf_is_present(const uint64_t *leaf)
{
    return (*(const uint32_t *)leaf & PT_P) != 0;
}

/* The page that a present leaf maps. */
HV_INLINE struct gpage *leaf_page(const struct shadow_mmu *m, uint64_t ent)
{
    return &m->pages[frame_owner[(uint32_t)(ent >> HV_PAGE_SHIFT)]];
}

/* True if a guest entry names a page of the guest, and the CPU would load it without
 * writing to it. */
HV_INLINE bool gpte_is_used(const struct shadow_mmu *m, uint32_t gpte)
{
    return (gpte & (PT_P | PT_A | PT_PS)) == (PT_P | PT_A) && gpte <= m->gpte_last;
}

/* True if the leaf for this entry, which is used, is writable. */
HV_INLINE bool gpte_may_write(uint32_t gpte, const struct gpage *p)
{
    return hv_likely(gpte & PT_D) && hv_likely(gpage_may_write(p));
}

/* True if the leaf is surely what the guest's entry asks for: most are. */
HV_INLINE bool leaf_is_right(const uint64_t *leaf, uint32_t gpte)
{
    const uint32_t *words = (const uint32_t *)leaf;
    uint32_t frame = words[0] >> HV_PAGE_SHIFT | words[1] << (32 - HV_PAGE_SHIFT);

    return !((words[0] ^ gpte) & (PT_P | PT_RW | PT_US | PT_A | PT_PS)) &&
           (gpte & (PT_RW | PT_D)) != PT_RW && frame_owner[frame] == gpte >> HV_PAGE_SHIFT;
}

/* How many flushes of everything have compared a leaf since it was put in, in bits that the
 * CPU ignores. One that is old goes at the next: a kernel with high memory flushes at each
 * temporary mapping, and the table that it fills meanwhile is written each time. So what is
 * compared is what was used lately, however much the table maps. */
#define LEAF_AGE 0x600u
#define LEAF_AGE_ONE 0x200u

HV_INLINE bool leaf_is_old(uint32_t ent)
{
    return (ent & LEAF_AGE) == LEAF_AGE;
}

/* What leaf i adds to the reverse map of the page that it maps. */
HV_INLINE uint32_t leaf_mapping(const struct shadow_table *t, uint32_t i)
{
    return t->first_mapping + GPAGE_NEXT_MAPPING * i;
}

/* ---- the only writers of leaves ---- */

/* Puts what an entry asks for that is used and names p over a leaf that is empty, or whose
 * mapping is gone. Presence is the caller's. false: nothing, since nobody has touched the
 * page. In words: the guest is not running, and nobody walks the table now. */
HV_INLINE bool leaf_put(uint64_t *leaf, struct gpage *p, uint32_t gpte, uint32_t mapping)
{
    uint32_t *words = (uint32_t *)leaf;
    const struct gpage page = *p; /* read once */

    if (hv_likely(gpte_may_write(gpte, &page))) {
        gpte &= PT_P | PT_A | PT_US | PT_RW;
    } else {
        if (hv_unlikely(gpage_is_untouched(&page)))
            return false;
        gpte &= PT_P | PT_A | PT_US;
    }
    words[0] = gpage_entry_low(&page) | gpte;
    words[1] = gpage_entry_high(&page);
    gpage_map(p, mapping);
    return true;
}

/* The leaf of t goes that maps p, and p is a table or t has pinned pages: what the CPU
 * noted in the leaf stays with the page, and the stack is looked for. */
void leaf_gone(struct shadow_mmu *m, const struct shadow_table *t, const uint64_t *leaf,
               struct gpage *p);

/* Leaf i, which is empty, becomes what an entry asks for that is used and names p. */
HV_INLINE void leaf_add(struct shadow_table *t, uint32_t i, struct gpage *p, uint32_t gpte)
{
    if (hv_likely(leaf_put(&t->ents[i], p, gpte, leaf_mapping(t, i))))
        mark_present(t, i);
}

/* Leaf i becomes what a guest entry asks for that is used, or not: then nothing. */
HV_INLINE void leaf_replace(struct shadow_mmu *m, struct shadow_table *t, uint32_t i,
                            uint32_t gpte, bool used)
{
    struct gpage *p = &m->pages[gpte >> HV_PAGE_SHIFT], *was;
    uint32_t mapping = leaf_mapping(t, i);
    uint64_t *leaf = &t->ents[i];

    if (!leaf_is_present(leaf)) {
        if (used)
            leaf_add(t, i, p, gpte);
        return;
    }
    was = leaf_page(m, *leaf);
    if (hv_unlikely(gpage_is_table(was) || t->pinned))
        leaf_gone(m, t, leaf, was);
    gpage_unmap(was, mapping);
    if (used && hv_likely(leaf_put(leaf, p, gpte, mapping)))
        return;
    *leaf = 0;
    mark_absent(t, i);
}

/* Leaf i becomes what any guest entry asks for: nothing if it is not used, as 0, or if
 * nobody has touched the page. */
void leaf_set(struct shadow_mmu *m, struct shadow_table *t, uint32_t i, uint32_t gpte);

/* ---- */

/* The leaf that is the only mapping of a page. */
HV_INLINE uint64_t *only_leaf(const struct shadow_mmu *m, const struct gpage *p)
{
    uint32_t number = gpage_only_mapping(p);

    return &table_by_id(m, number / ENTRIES)->ents[number % ENTRIES];
}

/* True if the page may have been written since its tables were compared. */
HV_INLINE bool page_is_written(const struct shadow_mmu *m, const struct gpage *p)
{
    uint32_t mappings = gpage_mappings(p);

    if (gpage_was_written(p))
        return true;
    if (hv_likely(mappings == 1))
        return (*only_leaf(m, p) & PT_D) != 0;
    return mappings != 0; /* with more than one it is not worth telling which */
}

/* From now on a write will show: before the page is read as a table. With more than one
 * mapping it counts as written for good; when all but one are gone, the one that stays
 * may have D set from long ago: that only costs a comparison. */
void page_watch(struct shadow_mmu *m, struct gpage *p);

/* Which tables a flush of everything looks at (rest.c): t from now on, or not. */
void table_wake(struct shadow_mmu *m, struct shadow_table *t, bool awake);

/* A page that tables stand for may be written from now on, because the guest or the
 * monitor is about to. Nothing happens if it may be already. */
void rest_end(struct shadow_mmu *m, uint32_t gfn);

/* A table whose page was clean at one flush of everything after the other: from now
 * on such flushes pass it by, unless it cannot be told that nobody writes there. */
void rest_begin(struct shadow_mmu *m, uint32_t gfn);
