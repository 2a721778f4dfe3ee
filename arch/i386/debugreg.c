/* SPDX-License-Identifier: MIT */
/* T:215 The debug registers of guests (SDM 3B 17.2).  DR0 to DR3 and DR6 of the CPU are
 * those of the vCPU that is loaded; DR7 is its own only while it runs, because its
 * addresses are the monitor's in the host view: the switcher turns it on and off.
 *
 * Not armed is a breakpoint on an address of the switcher area, which both views share,
 * and one on I/O, whose instructions the monitor carries out.  GD is not kept: every
 * access comes here anyway. */
#include "arch/cpu.h"
#include "hv/arch_if.h"
#include "hv/percpu.h"
#include "hv/vcpu.h"
#include "switcher/switcher.h"

#define NR_ADDRESSES 4u

/* DR6: what reads as ones, and what a guest can write: B0 to B3, BD, BS, BT. */
#define DR6_FIXED 0xffff0ff0u
#define DR6_WRITABLE 0x0000e00fu

/* DR7: all but the reserved bits and GD; LE and GE mean nothing since the P6. */
#define DR7_WRITABLE 0xffff03ffu
#define DR7_EXACT 0x00000300u

/* The fields of breakpoint i. */
#define DR7_ENABLE(i) (3u << (2 * (i)))
#define DR7_RW_SHIFT(i) (16 + 4 * (i))
#define DR7_LEN_SHIFT(i) (18 + 4 * (i))

enum { ON_EXECUTION = 0, ON_WRITE = 1, ON_IO = 2, ON_ACCESS = 3 };

static uint32_t kind_of(uint32_t dr7, uint32_t i)
{
    return dr7 >> DR7_RW_SHIFT(i) & 3;
}

static bool is_armed(const struct arch_vcpu *a, uint32_t i)
{
    return (a->dr7 & DR7_ENABLE(i)) && kind_of(a->dr7, i) != ON_IO &&
           a->dr[i] < LAYOUT_GUEST_TOP;
}

/* What goes into DR7 while the guest runs, 0 for nothing. A length is aligned and 8
 * bytes at most, so that none reaches into the switcher area from below. */
static uint32_t armed_dr7(const struct arch_vcpu *a)
{
    uint32_t armed = 0;

    for (uint32_t i = 0; i < NR_ADDRESSES; i++) {
        if (!is_armed(a, i))
            continue;
        armed |= a->dr7 & (DR7_ENABLE(i) | 3u << DR7_RW_SHIFT(i));
        if (kind_of(a->dr7, i) != ON_EXECUTION) /* there a length is undefined */
            armed |= a->dr7 & 3u << DR7_LEN_SHIFT(i);
    }
    return armed ? armed | (a->dr7 & DR7_EXACT) | SW_DR7_NOTHING : 0;
}

static void load_breakpoints(const struct arch_vcpu *a)
{
    struct switcher_private *p = (struct switcher_private *)SW_PRIVATE;

    __asm__ volatile("movl %0, %%dr0; movl %1, %%dr1; movl %2, %%dr2; movl %3, %%dr3"
                     : : "r"(a->dr[0]), "r"(a->dr[1]), "r"(a->dr[2]), "r"(a->dr[3]));
    p->armed_dr7 = armed_dr7(a);
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
uint32_t arch_vcpu_read_dr(const struct vcpu *v, uint32_t n)
{
    if (n < NR_ADDRESSES)
        return v->arch.dr[n];
    return n & 1 ? v->arch.dr7 : cpu_read_dr6();
}

void arch_vcpu_write_dr(struct vcpu *v, uint32_t n, uint32_t value)
{
    struct arch_vcpu *a = &v->arch;

    if (n >= NR_ADDRESSES && !(n & 1)) {
        cpu_write_dr6((value & DR6_WRITABLE) | DR6_FIXED);
        return;
    }
    if (n < NR_ADDRESSES)
        a->dr[n] = value;
    else
        a->dr7 = (value & DR7_WRITABLE) | SW_DR7_NOTHING;
    load_breakpoints(a);
    if (armed_dr7(a))
        v->attention |= VCPU_ATTN_DEBUG;
    else
        v->attention &= ~(uint32_t)VCPU_ATTN_DEBUG;
}

void arch_vcpu_add_dr6(uint32_t bits)
{
    cpu_write_dr6(cpu_read_dr6() | bits);
}

bool arch_vcpu_take_late_debug(void)
{
    volatile uint32_t *late = (volatile uint32_t *)SW_LATE_DB;

    if (!*late)
        return false;
    *late = 0;
    return true;
}

uint32_t arch_vcpu_watched(const struct vcpu *v, uint32_t va, uint32_t bytes)
{
    static const uint8_t length[] = {1, 2, 8, 4};
    const struct arch_vcpu *a = &v->arch;
    uint32_t hits = 0;

    for (uint32_t i = 0; i < NR_ADDRESSES; i++) {
        uint32_t len = length[a->dr7 >> DR7_LEN_SHIFT(i) & 3];
        uint32_t at = a->dr[i] & ~(len - 1);

        if (is_armed(a, i) && kind_of(a->dr7, i) != ON_EXECUTION &&
            va < at + len && at < va + bytes)
            hits |= HV_BIT(i);
    }
    return hits;
}
