/* SPDX-License-Identifier: MIT */
/* Windows onto frames above the direct map: a small two-way cache of mappings
 * in this CPU's own table.  The frame number picks a pair; the older of the two
 * makes room.  So a pointer stays good until two other frames were mapped. */
#include "hv/frame.h"

#include "arch/cpu.h"
#include "arch/layout.h"
#include "arch/pte.h"
#include "hv/percpu.h"

#define WINDOW_PAIRS (LAYOUT_WINDOW_COUNT / 2)
_Static_assert((WINDOW_PAIRS & (WINDOW_PAIRS - 1)) == 0, "used as a mask");

static void *window_va(uint32_t slot)
{
    return (void *)(LAYOUT_WINDOWS + slot * HV_PAGE_SIZE);
}

/* A tag of 0 is an empty slot: frame 0 is in the direct map. */
void *arch_window_map(hfn_t f)
{
    struct arch_percpu *a = &this_cpu()->arch;
    uint32_t pair = f.v & (WINDOW_PAIRS - 1), slot = pair * 2;

    if (a->window_tag[slot] == f.v) {
        a->window_victim[pair] = 1;
        return window_va(slot);
    }
    slot++;
    if (a->window_tag[slot] == f.v) {
        a->window_victim[pair] = 0;
        return window_va(slot);
    }
    slot = pair * 2 + a->window_victim[pair];
    a->window_victim[pair] ^= 1;
    a->window_tag[slot] = f.v;
    pte_write(&a->window_pt[slot], pte_make(hfn_to_hpa(f), PTE_KERNEL_RW));
    cpu_invlpg((uint32_t)(uintptr_t)window_va(slot));
    return window_va(slot);
}
