/* SPDX-License-Identifier: MIT */
/* The debug registers of guests (SDM 3B 17.2).  DR0 to DR3 and DR6 of the CPU are
 * those of the vCPU that is loaded; DR7 is its own only while it runs, because its
 * addresses are the monitor's in the host view: the switcher turns it on and off.
 * GD is not kept: every access comes here anyway. */
#include "arch/cpu.h"
#include "arch/vcpu.h"
#include "hv/arch_if.h"
#include "switcher/switcher.h"

#define NR_ADDRESSES 4u

/* DR6: what reads as ones, and what a guest can write: B0 to B3, BD, BS, BT. */
#define DR6_FIXED 0xffff0ff0u
#define DR6_WRITABLE 0x0000e00fu

/* DR7: all but the reserved bits and GD. */
#define DR7_WRITABLE 0xffff03ffu

static void load_breakpoints(const struct arch_vcpu *a)
{
    struct switcher_private *p = (struct switcher_private *)SW_PRIVATE;

    __asm__ volatile("movl %0, %%dr0; movl %1, %%dr1; movl %2, %%dr2; movl %3, %%dr3"
                     : : "r"(a->dr[0]), "r"(a->dr[1]), "r"(a->dr[2]), "r"(a->dr[3]));
    p->armed_dr7 = arch_vcpu_armed(a);
    p->enter = (uint32_t)(uintptr_t)(p->armed_dr7 ? switcher_entry_armed : switcher_entry);
}

void debugreg_init(struct arch_vcpu *a)
{
    a->dr6 = DR6_FIXED;
    a->dr7 = SW_DR7_NOTHING;
}

void debugreg_load(const struct arch_vcpu *a)
{
    load_breakpoints(a);
    cpu_write_dr6(a->dr6);
}

void debugreg_put(struct arch_vcpu *a)
{
    a->dr6 = cpu_read_dr6();
}

/* DR4 and DR5 are other names of DR6 and DR7 (SDM 3B 17.2.2: CR4.DE is 0). */
uint32_t arch_vcpu_read_dr(const struct arch_vcpu *a, uint32_t n)
{
    if (n < NR_ADDRESSES)
        return a->dr[n];
    return n & 1 ? a->dr7 : cpu_read_dr6();
}

void arch_vcpu_write_dr(struct arch_vcpu *a, uint32_t n, uint32_t value)
{
    if (n >= NR_ADDRESSES && !(n & 1)) {
        cpu_write_dr6((value & DR6_WRITABLE) | DR6_FIXED);
        return;
    }
    if (n < NR_ADDRESSES)
        a->dr[n] = value;
    else
        a->dr7 = (value & DR7_WRITABLE) | SW_DR7_NOTHING;
    load_breakpoints(a);
}

void arch_vcpu_add_dr6(uint32_t bits)
{
    cpu_write_dr6(cpu_read_dr6() | bits);
}

bool arch_vcpu_take_late_debug(void)
{
    volatile uint32_t *late = (volatile uint32_t *)SW_LATE_DB;
    bool came = *late != 0;

    if (came)
        *late = 0;
    return came;
}
