/* SPDX-License-Identifier: MIT */
/* The host IDT: one for all CPUs, identity-mapped, so that it serves before
 * paging too, and read-only once boot is over.  Nothing in it may be raised by
 * software of a guest: a guest has the IDT of its state page. */
#include "arch/desc.h"

#include "arch/asm_entry.h"
#include "arch/cpu.h"
#include "arch/descriptor.h"
#include "arch/regs.h"

static HV_RO_AFTER_INIT HV_ALIGNED(16) uint64_t idt[256] = {0};

void idt_load(void)
{
    struct cpu_table_ptr p = {(uint16_t)idt_limit(), idt_base()};

    cpu_lidt(&p);
}

HV_INIT void idt_init(void)
{
    for (uint32_t i = 0; i < 256; i++)
        idt[i] = gate_make(SEL_HOST_CS,
                           (uint32_t)(uintptr_t)trap_stubs + i * trap_stub_bytes,
                           0, false);
    idt_load();
}

HV_INIT void idt_use_df_task(void)
{
    idt[VEC_DF] = task_gate_make(SEL_DF_TSS);
}

uint32_t idt_base(void)
{
    return (uint32_t)(uintptr_t)idt;
}

uint32_t idt_limit(void)
{
    return sizeof(idt) - 1;
}
