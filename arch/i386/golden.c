/* SPDX-License-Identifier: MIT */
/* Reads the CPU's set-up back.  cpu_setup(), paging and desc_init() write these
 * registers once per CPU; nothing does afterwards, and a guest that can has
 * found a hole. */
#include "arch/golden.h"

#include "arch/cpu.h"
#include "arch/desc.h"
#include "arch/descriptor.h"
#include "arch/layout.h"
#include "arch/regs.h"
#include "hv/assert.h"

#define EFLAGS_NEVER_SET (EFLAGS_IOPL | EFLAGS_NT | EFLAGS_DF | EFLAGS_VM)

static struct cpu_table_ptr read_gdtr(void)
{
    struct cpu_table_ptr p;

    __asm__ volatile("sgdt %0" : "=m"(p));
    return p;
}

static struct cpu_table_ptr read_idtr(void)
{
    struct cpu_table_ptr p;

    __asm__ volatile("sidt %0" : "=m"(p));
    return p;
}

static uint32_t read_task_register(void)
{
    uint32_t sel;

    __asm__ volatile("str %0" : "=r"(sel));
    return sel & 0xffff;
}

static uint32_t read_ldt_register(void)
{
    uint32_t sel;

    __asm__ volatile("sldt %0" : "=r"(sel));
    return sel & 0xffff;
}

static uint32_t read_dr7(void)
{
    uint32_t v;

    __asm__ volatile("movl %%dr7, %0" : "=r"(v));
    return v;
}

static bool table_is(struct cpu_table_ptr p, uint32_t base, uint32_t limit)
{
    return p.base == base && p.limit == limit;
}

static bool efer_is_good(void)
{
    if (!cpu_features.nx && !cpu_features.syscall)
        return true; /* not there */
    return (cpu_rdmsr(MSR_EFER) & (EFER_NXE | EFER_SCE)) ==
           (cpu_features.nx ? EFER_NXE : 0);
}

const char *golden_difference(void)
{
    if ((cpu_read_cr0() & ~CR0_TS) != cpu_golden_cr0())
        return "CR0";
    if (cpu_read_cr4() != cpu_golden_cr4())
        return "CR4";
    if (!efer_is_good())
        return "EFER";
    if (read_dr7() != SW_DR7_NOTHING)
        return "DR7";
    if (cpu_features.sep && cpu_rdmsr(MSR_SYSENTER_CS) != 0)
        return "SYSENTER_CS";
    if (!table_is(read_gdtr(), SW_STATE + STATE_GDT, GABI_GDT_ENTRIES * 8 - 1))
        return "GDTR";
    if (!table_is(read_idtr(), idt_base(), idt_limit()))
        return "IDTR";
    if (read_task_register() != SEL_TSS)
        return "TR";
    if (read_ldt_register() != 0)
        return "LDTR";
    if (cpu_eflags() & EFLAGS_NEVER_SET)
        return "EFLAGS";
    return NULL;
}

#ifdef HV_DEBUG
void golden_assert(void)
{
    hv_assert(golden_difference() == NULL);
}
#endif
