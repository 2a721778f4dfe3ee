/* SPDX-License-Identifier: MIT */
/* The one GDT of a CPU and its two TSSes.  GDT and main TSS lie in the state
 * page and the #DF task's TSS in the private page, so that their bases are
 * switcher addresses, the same on every CPU, and tell a guest nothing. */
#include "arch/desc.h"

#include "arch/asm_entry.h"
#include "arch/cpu.h"
#include "arch/descriptor.h"
#include "hv/percpu.h"
#include "hv/string.h"
#include "switcher/switcher.h"

#define DF_STACK_TOP (LAYOUT_DF_STACK + LAYOUT_DF_STACK_PAGES * HV_PAGE_SIZE)

_Static_assert(STATE_GDT + GABI_GDT_ENTRIES * 8 <= STATE_TSS, "state page");
_Static_assert(STATE_TSS + sizeof(struct tss32) <= STATE_HOST_CR3, "state page");
_Static_assert(STATE_GDT_VA == SW_STATE + STATE_GDT, "layout.h");
_Static_assert(STATE_TSS_VA == SW_STATE + STATE_TSS, "layout.h");
_Static_assert(sizeof(struct switcher_private) <= SW_PRIVATE_DF_TSS,
               "private page");

static void fill_tss(struct tss32 *t)
{
    memset(t, 0, sizeof(*t));
    t->ss0 = SEL_HOST_DS;
    t->esp0 = SW_REGS_TOP; /* traps from a guest push onto its regs page */
    t->iomap_base = sizeof(*t); /* past the limit: no port is allowed */
}

/* A double fault may have any cause, a broken stack or CR3 for one: the task
 * brings its own of both. */
static void fill_df_tss(struct tss32 *t)
{
    memset(t, 0, sizeof(*t));
    t->cr3 = (uint32_t)this_cpu()->arch.host_cr3.v;
    t->eip = (uint32_t)(uintptr_t)trap_df_entry;
    t->eflags = 2;
    t->esp = DF_STACK_TOP;
    t->cs = SEL_HOST_CS;
    t->ss = SEL_HOST_DS;
    t->ds = SEL_HOST_DS;
    t->es = SEL_HOST_DS;
    t->iomap_base = sizeof(*t);
}

void desc_init(void)
{
    uint64_t *gdt = (uint64_t *)STATE_GDT_VA;
    struct tss32 *df_tss = (struct tss32 *)(SW_PRIVATE + SW_PRIVATE_DF_TSS);
    struct cpu_table_ptr p = {GABI_GDT_ENTRIES * 8 - 1, STATE_GDT_VA};

    fill_tss((struct tss32 *)STATE_TSS_VA);
    fill_df_tss(df_tss);
    gdt[GDT_HOST_CS] = seg_desc_make(0, 0xffffffff, SEG_CODE_RX, 0);
    gdt[GDT_HOST_DS] = seg_desc_make(0, 0xffffffff, SEG_DATA_RW, 0);
    gdt[GDT_TSS] = tss_desc_make(STATE_TSS_VA, sizeof(struct tss32) - 1);
    gdt[GDT_DF_TSS] = tss_desc_make((uint32_t)(uintptr_t)df_tss,
                                    sizeof(struct tss32) - 1);
    cpu_lgdt(&p);
    cpu_lldt(0);
    cpu_ltr(SEL_TSS); /* marks it busy: not possible once it is read-only */
}
