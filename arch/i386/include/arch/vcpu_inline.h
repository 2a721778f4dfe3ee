/* SPDX-License-Identifier: MIT */
/* What a guest's context switch changes in the real tables, inline: hv/arch_if.h
 * has the contracts. */
#pragma once

#include "arch/cpu_insn.h"
#include "arch/descriptor.h"
#include "arch/layout.h"
#include "arch/vcpu.h"
#include "hv/assert.h"
#include "hv/percpu.h"

HV_INLINE void arch_vcpu_set_gdt(struct arch_vcpu *a, uint32_t index, uint32_t lo, uint32_t hi)
{
    uint32_t *save = (uint32_t *)&a->gdt[index];
    volatile uint32_t *live = (volatile uint32_t *)(STATE_GDT_VA + index * 8);

    hv_assert(gdt_index_is_guests(index));
    save[0] = lo;
    save[1] = hi;
    if (a->loaded) {
        live[0] = lo;
        live[1] = hi;
    }
}

HV_INLINE void arch_vcpu_set_stack(uint32_t ss1, uint32_t esp1)
{
    volatile struct tss32 *tss = (volatile struct tss32 *)(SW_STATE + STATE_TSS);

    tss->esp1 = esp1;
    tss->ss1 = ss1;
}

/* Rarely anything but the other way round than it is. */
void arch_vcpu_flip_ts(void);

HV_INLINE void arch_vcpu_set_ts(bool ts)
{
    if (((this_cpu()->arch.cr0 & CR0_TS) != 0) != ts)
        arch_vcpu_flip_ts();
}
