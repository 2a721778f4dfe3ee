/* SPDX-License-Identifier: MIT */
/* Puts the switcher's pages under their fixed addresses, once for the host's
 * view and once for the guest's: the same page is writable in one and
 * read-only in the other.  Nothing here is ever global. */
#include "switcher/switcher.h"

#include "arch/cpu.h"
#include "arch/pte.h"
#include "arch/vcpu.h"
#include "hv/assert.h"
#include "hv/percpu.h"
#include "hv/pmm.h"
#include "hv/string.h"

enum { PAGE_TEXT, PAGE_REGS, PAGE_STATE, PAGE_THUNK, PAGE_LGDATA, PAGE_LGDATA2,
       PAGE_PRIVATE };

_Static_assert(SW_PRIVATE == SW_BASE + PAGE_PRIVATE * 4096u, "page order");
_Static_assert(SW_LGDATA == SW_BASE + PAGE_LGDATA * 4096u, "page order");
_Static_assert(STATE_HOST_CR3 + 4 <= 4096 && STATE_TSS + 104 <= STATE_HOST_CR3,
               "state page");

static uint64_t nx(void)
{
    return cpu_has_nx() ? PTE_NX : 0;
}

/* Frame none: absent in both views. */
static void map_both(uint32_t page, hfn_t f, uint64_t host_flags,
                     uint64_t guest_flags)
{
    struct arch_percpu *a = &this_cpu()->arch;
    hpa_t pa = hfn_to_hpa(f);
    bool there = !hfn_is_none(f);

    a->switcher_host_ptes[page] =
        there ? pte_make(pa, host_flags | PTE_P | PTE_A | PTE_D) : 0;
    a->switcher_guest_ptes[page] =
        there && guest_flags ? pte_make(pa, guest_flags | PTE_A | PTE_D) : 0;
    cpu_invlpg(SW_BASE + page * HV_PAGE_SIZE);
}

void switcher_map_init(void)
{
    hfn_t text = HFN((uintptr_t)switcher_text_start >> HV_PAGE_SHIFT);
    hfn_t state = pmm_alloc(PMM_DIRECT);
    hfn_t priv = pmm_alloc(PMM_DIRECT);

    hv_assert(!hfn_is_none(state) && !hfn_is_none(priv));
    hv_assert(switcher_text_end - switcher_text_start <= (int)HV_PAGE_SIZE);
    map_both(PAGE_TEXT, text, 0, PTE_P);
    map_both(PAGE_STATE, state, PTE_RW | nx(), PTE_P | nx());
    map_both(PAGE_PRIVATE, priv, PTE_RW | nx(), 0);
    switcher_map_vcpu(HFN_NONE, HFN_NONE, HFN_NONE, HFN_NONE);

    *(volatile uint32_t *)(SW_STATE + STATE_HOST_CR3) =
        (uint32_t)this_cpu()->arch.host_cr3.v;
}

void switcher_map_lgdata(hfn_t first, hfn_t second)
{
    map_both(PAGE_LGDATA, first, PTE_RW | nx(), PTE_P | PTE_RW | nx());
    map_both(PAGE_LGDATA2, second, PTE_RW | nx(), PTE_P | PTE_RW | nx());
}

void switcher_map_vcpu(hfn_t regs, hfn_t thunk, hfn_t lgdata0, hfn_t lgdata1)
{
    map_both(PAGE_REGS, regs, PTE_RW | nx(), PTE_P | PTE_RW | nx());
    map_both(PAGE_THUNK, thunk, PTE_RW | nx(), PTE_P);
    switcher_map_lgdata(lgdata0, lgdata1);
}
