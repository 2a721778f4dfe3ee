/* SPDX-License-Identifier: MIT */
/* The CPU's own instructions as inline functions, one each: what C cannot say.
 * Included by arch/cpu.h; nobody needs to name this file. */
#pragma once

#include "hv/addr.h"

/* ---- control registers (SDM 3A 2.5) ---- */

#define CR0_PE HV_BIT(0)
#define CR0_MP HV_BIT(1)
#define CR0_TS HV_BIT(3)
#define CR0_ET HV_BIT(4)
#define CR0_NE HV_BIT(5)
#define CR0_WP HV_BIT(16)
#define CR0_AM HV_BIT(18)
#define CR0_PG HV_BIT(31)

#define CR4_PSE HV_BIT(4)
#define CR4_PAE HV_BIT(5)
#define CR4_MCE HV_BIT(6)
#define CR4_OSFXSR HV_BIT(9)
#define CR4_OSXMMEXCPT HV_BIT(10)

HV_INLINE uint32_t cpu_read_cr0(void)
{
    uint32_t v;
    __asm__ volatile("movl %%cr0, %0" : "=r"(v) : : "memory");
    return v;
}

HV_INLINE void cpu_write_cr0(uint32_t v)
{
    __asm__ volatile("movl %0, %%cr0" : : "r"(v) : "memory");
}

HV_INLINE uint32_t cpu_read_cr2(void)
{
    uint32_t v;
    __asm__ volatile("movl %%cr2, %0" : "=r"(v) : : "memory");
    return v;
}

HV_INLINE uint32_t cpu_read_cr3(void)
{
    uint32_t v;
    __asm__ volatile("movl %%cr3, %0" : "=r"(v) : : "memory");
    return v;
}

HV_INLINE void cpu_write_cr3(uint32_t v)
{
    __asm__ volatile("movl %0, %%cr3" : : "r"(v) : "memory");
}

HV_INLINE uint32_t cpu_read_cr4(void)
{
    uint32_t v;
    __asm__ volatile("movl %%cr4, %0" : "=r"(v) : : "memory");
    return v;
}

HV_INLINE void cpu_write_cr4(uint32_t v)
{
    __asm__ volatile("movl %0, %%cr4" : : "r"(v) : "memory");
}

HV_INLINE void cpu_write_dr7(uint32_t v)
{
    __asm__ volatile("movl %0, %%dr7" : : "r"(v));
}

HV_INLINE uint32_t cpu_read_dr6(void)
{
    uint32_t v;
    __asm__ volatile("movl %%dr6, %0" : "=r"(v));
    return v;
}

HV_INLINE void cpu_write_dr6(uint32_t v)
{
    __asm__ volatile("movl %0, %%dr6" : : "r"(v));
}

HV_INLINE void cpu_invlpg(uint32_t va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

HV_INLINE void cpu_clts(void)
{
    __asm__ volatile("clts" : : : "memory");
}

/* ---- tables ---- */

/* What LGDT and LIDT load and SGDT and SIDT store. */
struct HV_PACKED cpu_table_ptr {
    uint16_t limit;
    uint32_t base;
};
_Static_assert(sizeof(struct cpu_table_ptr) == 6, "hardware format");

HV_INLINE void cpu_lgdt(const struct cpu_table_ptr *p)
{
    __asm__ volatile("lgdt %0" : : "m"(*p) : "memory");
}

HV_INLINE void cpu_lidt(const struct cpu_table_ptr *p)
{
    __asm__ volatile("lidt %0" : : "m"(*p) : "memory");
}

HV_INLINE void cpu_ltr(uint16_t sel)
{
    __asm__ volatile("ltr %w0" : : "r"(sel) : "memory");
}

HV_INLINE void cpu_lldt(uint16_t sel)
{
    __asm__ volatile("lldt %w0" : : "r"(sel) : "memory");
}

/* ---- interrupt flag ---- */

HV_INLINE void cpu_cli(void)
{
    __asm__ volatile("cli" : : : "memory");
}

/* Opens interrupts and halts with no gap in between (SDM 2B, STI). */
HV_INLINE void cpu_sti_hlt(void)
{
    __asm__ volatile("sti; hlt" : : : "memory");
}

/* Lets whatever is pending in: STI holds interrupts for one instruction. */
HV_INLINE void cpu_sti_nop_cli(void)
{
    __asm__ volatile("sti; nop; cli" : : : "memory");
}

HV_INLINE void cpu_hlt(void)
{
    __asm__ volatile("hlt" : : : "memory");
}

HV_INLINE void cpu_pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

HV_INLINE uint32_t cpu_eflags(void)
{
    uint32_t v;
    __asm__ volatile("pushfl; popl %0" : "=r"(v) : : "memory");
    return v;
}

/* ---- CPUID, TSC, MSRs ---- */

struct cpuid_regs {
    uint32_t eax, ebx, ecx, edx;
};

#ifdef HV_HOST_TEST
struct cpuid_regs cpu_cpuid(uint32_t leaf, uint32_t subleaf);
uint64_t cpu_rdtsc(void);
#else
HV_INLINE struct cpuid_regs cpu_cpuid(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_regs r;
    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf));
    return r;
}

HV_INLINE uint64_t cpu_rdtsc(void)
{
    uint64_t v;
    __asm__ volatile("rdtsc" : "=A"(v));
    return v;
}
#endif
