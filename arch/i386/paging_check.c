/* SPDX-License-Identifier: MIT */
/* Reads the live page tables back and proves what paging.c promises: it starts
 * at CR3 and believes nothing but the entries themselves, so a test that sees
 * its line has seen the hardware's view.  Changes nothing. */
#include "arch/paging.h"

#include "arch/asm_entry.h"
#include "arch/cpu.h"
#include "arch/layout.h"
#include "arch/pte.h"
#include "hv/arch_if.h"
#include "hv/frame.h"
#include "hv/log.h"
#include "hv/percpu.h"

#define BAD_LINES_MAX 8u
#define PDPTE_BYTES HV_BIT(30)

struct check {
    uint32_t bad, pages_4k, pages_2m;
};

static const uint64_t *table_of(uint64_t entry)
{
    return frame_ptr(hpa_to_hfn(pte_frame(entry)));
}

uint64_t paging_lookup(hpa_t root, uint32_t va, uint32_t *bytes)
{
    const uint64_t *pdpt = frame_ptr(hpa_to_hfn(root));
    uint64_t e = pdpt[((uint32_t)root.v & HV_PAGE_MASK) / 8 + pdpt_index(va)];

    *bytes = PDPTE_BYTES;
    if (!pte_present(e))
        return 0;
    *bytes = PDE_LARGE_BYTES;
    e = table_of(e)[pd_index(va)];
    if (!pte_present(e))
        return 0;
    if (e & PTE_PS)
        return e;
    *bytes = HV_PAGE_SIZE;
    /* Directory entries of ours narrow nothing: the table has the say. */
    e = table_of(e)[pt_index(va)];
    return pte_present(e) ? e : 0;
}

static uint64_t live(uint32_t va)
{
    uint32_t bytes;

    return paging_lookup(HPA(cpu_read_cr3()), va, &bytes);
}

static void complain(struct check *c, uint32_t va, uint64_t e, const char *what)
{
    if (c->bad++ < BAD_LINES_MAX)
        log_error("paging: %#x: %s (entry %#llx)", va, what,
                  (unsigned long long)e);
}

static void check_entry(struct check *c, uint32_t va, uint64_t e)
{
    if ((e & PTE_W) && pte_nx && !(e & PTE_NX))
        complain(c, va, e, "writable and executable");
    if (e & PTE_G)
        complain(c, va, e, "global");
    if (e & PTE_U)
        complain(c, va, e, "open to ring 3");
}

/* Every present entry of the address space, page by page or 2 MiB at once. */
static void check_all(struct check *c)
{
    hpa_t root = HPA(cpu_read_cr3());
    uint32_t va = 0, bytes;

    do {
        uint64_t e = paging_lookup(root, va, &bytes);

        if (e != 0) {
            check_entry(c, va, e);
            if (bytes == HV_PAGE_SIZE)
                c->pages_4k++;
            else
                c->pages_2m++;
        }
        va += bytes;
    } while (va != 0);
}

/* want: PTE_W and PTE_NX as they have to be in all of [start, end). */
static void check_section(struct check *c, const void *start, const void *end,
                          uint64_t want, const char *what)
{
    uint32_t at = (uint32_t)(uintptr_t)start;

    for (; at < (uint32_t)(uintptr_t)end; at += HV_PAGE_SIZE) {
        uint64_t e = live(at);

        if (e == 0 || (e & (PTE_W | PTE_NX)) != want)
            complain(c, at, e, what);
        if (pte_frame(e).v != at)
            complain(c, at, e, "not mapped to itself");
    }
}

static void check_unmapped(struct check *c, uint32_t va, const char *what)
{
    uint64_t e = live(va);

    if (e != 0)
        complain(c, va, e, what);
}

/* The last directory entry of every guest root leads to this table. */
static void check_guest_view(struct check *c)
{
    const uint64_t *pt = this_cpu()->arch.switcher_guest_ptes;

    for (uint32_t i = 0; i < PT_ENTRIES; i++) {
        if (pte_present(pt[i]))
            check_entry(c, SW_BASE + i * HV_PAGE_SIZE, pt[i]);
    }
    if (pt[pt_index(SW_STATE)] & PTE_W)
        complain(c, SW_STATE, pt[pt_index(SW_STATE)], "writable by guests");
    if (pt[pt_index(SW_TEXT)] & PTE_W)
        complain(c, SW_TEXT, pt[pt_index(SW_TEXT)], "writable by guests");
    if (pte_present(pt[pt_index(SW_PRIVATE)]))
        complain(c, SW_PRIVATE, pt[pt_index(SW_PRIVATE)], "seen by guests");
}

bool paging_check_wx(void)
{
    struct check c = {0, 0, 0};

    check_all(&c);
    check_section(&c, hv_text_start, hv_text_end, 0, "text is not r-x");
    check_section(&c, hv_rodata_start, hv_rodata_end, pte_nx, "rodata is not r--");
    check_section(&c, hv_ro_after_init_end, hv_bss_end, PTE_W | pte_nx,
                  "data is not rw-");
    check_section(&c, hv_tail_start, hv_tail_end, pte_nx, "guests are not r--");
    check_unmapped(&c, 0, "page 0 is mapped");
    check_unmapped(&c, LAYOUT_STACK - HV_PAGE_SIZE, "no guard below the stack");
    check_unmapped(&c, LAYOUT_NMI_STACK - HV_PAGE_SIZE,
                   "no guard below the NMI stack");
    check_unmapped(&c, LAYOUT_DF_STACK - HV_PAGE_SIZE,
                   "no guard below the double-fault stack");
    check_unmapped(&c, LAYOUT_VCPU_STACK - HV_PAGE_SIZE,
                   "no guard below the stack of vCPUs");
    check_guest_view(&c);
    if (!(cpu_read_cr0() & CR0_WP))
        complain(&c, 0, cpu_read_cr0(), "CR0.WP is off");
    log_debug("paging: %s, nx=%u, wp=%u, page 0 and 4 guards unmapped, "
              "%u pages of 4 KiB, %u of 2 MiB",
              c.bad == 0 ? "W^X holds" : "W^X is BROKEN", pte_nx != 0,
              (cpu_read_cr0() & CR0_WP) != 0, c.pages_4k, c.pages_2m);
    return c.bad == 0;
}
