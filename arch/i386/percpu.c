/* SPDX-License-Identifier: MIT */
/* What each CPU has for itself: its block at a fixed address, its stacks with
 * a hole below each, its windows, its two tables for the switcher area, and
 * the root that holds all of it. */
#include "hv/percpu.h"

#include "arch/asm_entry.h"
#include "arch/cpu.h"
#include "arch/paging.h"
#include "arch/pte.h"
#include "hv/arch_if.h"
#include "hv/frame.h"
#include "hv/pmm.h"

_Static_assert(sizeof(struct percpu) <= LAYOUT_PERCPU_PAGES * HV_PAGE_SIZE,
               "struct percpu is too large for its place");
_Static_assert(LAYOUT_PERCPU >> 21 == LAYOUT_WINDOWS >> 21,
               "one table holds all of a CPU's own pages");

#define PERCPU_FRAMES ((sizeof(struct percpu) + HV_PAGE_MASK) >> HV_PAGE_SHIFT)

static bool percpu_ready;

static void map_frames(uint64_t *pt, uint32_t va, hfn_t first, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        pt[pt_index(va) + i] =
            pte_make(hfn_to_hpa(HFN(first.v + i)), PTE_KERNEL_RW);
}

/* n pages of stack; the page below va is left out. */
static bool map_stack(uint64_t *pt, uint32_t va, uint32_t n)
{
    hfn_t f = pmm_alloc_contig(n, 1, 0);

    if (hfn_is_none(f))
        return false;
    map_frames(pt, va, f, n);
    return true;
}

/* Memory that is taken here is never given back: without it there is no CPU. */
struct percpu *percpu_create(uint32_t index)
{
    hfn_t block = pmm_alloc_contig(PERCPU_FRAMES, 1, 0);
    uint64_t *pt = pmm_alloc_page(), *host_pt = pmm_alloc_page();
    uint64_t *guest_pt = pmm_alloc_page(), *top_pd;
    struct percpu *cpu;

    if (hfn_is_none(block) || !pt || !host_pt || !guest_pt)
        return NULL;
    cpu = frame_ptr(block);
    cpu->index = index;
    cpu->arch.host_cr3 = paging_new_root(&top_pd);
    top_pd[pd_index(LAYOUT_PERCPU)] = pde_make(hfn_to_hpa(frame_of_ptr(pt)));
    top_pd[pd_index(SW_BASE)] = pde_make(hfn_to_hpa(frame_of_ptr(host_pt)));

    map_frames(pt, LAYOUT_PERCPU, block, PERCPU_FRAMES);
    if (!map_stack(pt, LAYOUT_STACK, LAYOUT_STACK_PAGES)
        || !map_stack(pt, LAYOUT_NMI_STACK, LAYOUT_NMI_STACK_PAGES)
        || !map_stack(pt, LAYOUT_DF_STACK, LAYOUT_DF_STACK_PAGES))
        return NULL;

    cpu->arch.window_pt = &pt[pt_index(LAYOUT_WINDOWS)];
    cpu->arch.stack_pt = &pt[pt_index(LAYOUT_VCPU_STACK)];
    cpu->arch.switcher_host_ptes = host_pt;
    cpu->arch.switcher_guest_ptes = guest_pt;
    cpu->arch.switcher_guest_pt = hfn_to_hpa(frame_of_ptr(guest_pt));
    cpu->arch.cr0 = cpu_golden_cr0();
    cpu->arch.cr4 = cpu_golden_cr4();
    return cpu;
}

void percpu_init_this(void)
{
    struct percpu *cpu = this_cpu();

    list_init(&cpu->run_queue);
    list_init(&cpu->timers);
    percpu_ready = true;
}

bool arch_percpu_ready(void)
{
    return percpu_ready;
}

uint32_t arch_cpu_index(void)
{
    return percpu_ready ? this_cpu()->index : 0;
}

void percpu_map_stack(const struct arch_vcpu *v)
{
    struct arch_percpu *cpu = &this_cpu()->arch;

    for (uint32_t i = 0; i < LAYOUT_VCPU_STACK_PAGES; i++) {
        pte_write(&cpu->stack_pt[i], v
                  ? pte_make(hfn_to_hpa(HFN(v->stack_frame.v + i)), PTE_KERNEL_RW) : 0);
        cpu_invlpg(LAYOUT_VCPU_STACK + i * HV_PAGE_SIZE);
    }
    cpu->stack_of = v;
}

/* ---- for backtraces ---- */

bool arch_stack_bounds(uintptr_t sp, uintptr_t *bottom, uintptr_t *top)
{
    static const struct {
        uint32_t base, pages;
    } stacks[] = {
        {LAYOUT_STACK, LAYOUT_STACK_PAGES},
        {LAYOUT_NMI_STACK, LAYOUT_NMI_STACK_PAGES},
        {LAYOUT_DF_STACK, LAYOUT_DF_STACK_PAGES},
        {LAYOUT_VCPU_STACK, LAYOUT_VCPU_STACK_PAGES},
    };

    for (uint32_t i = 0; percpu_ready && i < HV_ARRAY_SIZE(stacks); i++) {
        *bottom = stacks[i].base;
        *top = stacks[i].base + stacks[i].pages * HV_PAGE_SIZE;
        if (sp >= *bottom && sp < *top)
            return true;
    }
    *bottom = (uintptr_t)boot_stack_bottom;
    *top = (uintptr_t)boot_stack_top;
    return sp >= *bottom && sp < *top;
}

bool arch_is_monitor_text(uintptr_t at)
{
    return (at >= (uintptr_t)hv_text_start && at < (uintptr_t)hv_text_end)
        || (at >= (uintptr_t)hv_init_start && at < (uintptr_t)hv_init_text_end)
        || (at >= SW_TEXT && at < SW_TEXT + HV_PAGE_SIZE);
}
