/* SPDX-License-Identifier: MIT */
/* What this CPU can do, its model-specific registers, and the settings that the
 * monitor gives it.  MSR numbers are a type of their own, so that none is passed
 * for a value. */
#pragma once

#include "arch/cpu_insn.h"

typedef struct {
    uint32_t n;
} msr_id_t;

#define MSR_APIC_BASE ((msr_id_t){0x1b})
#define APIC_BASE_X2APIC HV_BIT(10)
#define APIC_BASE_ENABLE HV_BIT(11)
#define MSR_PAT ((msr_id_t){0x277})
#define MSR_MCG_CAP ((msr_id_t){0x179})
#define MSR_MCG_STATUS ((msr_id_t){0x17a})
#define MSR_MCG_CTL ((msr_id_t){0x17b})
#define MSR_SYSENTER_CS ((msr_id_t){0x174})
#define MSR_PERFEVTSEL0 ((msr_id_t){0x186})
#define MSR_PERFCTR0 ((msr_id_t){0xc1})
#define MSR_PERF_GLOBAL_CTRL ((msr_id_t){0x38f})
#define MSR_PERF_GLOBAL_OVF ((msr_id_t){0x390})
#define MSR_EFER ((msr_id_t){0xc0000080})
#define MSR_MC_CTL(bank) ((msr_id_t){0x400 + 4 * (bank)})
#define MSR_MC_STATUS(bank) ((msr_id_t){0x401 + 4 * (bank)})
#define MSR_MC_ADDR(bank) ((msr_id_t){0x402 + 4 * (bank)})

#define EFER_SCE HV_BIT(0)
#define EFER_NXE HV_BIT(11)

HV_INLINE uint64_t cpu_rdmsr(msr_id_t m)
{
    uint64_t v;
    __asm__ volatile("rdmsr" : "=A"(v) : "c"(m.n));
    return v;
}

HV_INLINE void cpu_wrmsr(msr_id_t m, uint64_t v)
{
    __asm__ volatile("wrmsr" : : "A"(v), "c"(m.n) : "memory");
}

/* The same for MSRs that may not exist: false after a #GP. Not in an NMI
 * handler (the IRET of the fault would open NMIs). */
bool cpu_rdmsr_safe(msr_id_t m, uint64_t *v) HV_MUST_CHECK;
bool cpu_wrmsr_safe(msr_id_t m, uint64_t v) HV_MUST_CHECK;

/* ---- what this CPU can do ---- */

struct cpu_features {
    char vendor[13];
    char brand[49];
    uint32_t max_leaf, max_ext_leaf;
    uint8_t family, model, stepping;
    bool nx, sse, sse2, mce, mca, sep, apic, x2apic, tsc_deadline;
    bool rdrand, hypervisor, syscall, pat;
    bool tsc_invariant; /* CPUID 0x80000007 EDX bit 8 */
    bool arat;          /* LAPIC timer runs in deep idle, CPUID 6 EAX bit 2 */
    uint8_t perfmon_version, perfmon_counters, perfmon_width;
    uint8_t phys_bits;
};

/* Of the boot CPU; read-only after boot. Valid after cpu_detect(). */
extern struct cpu_features cpu_features;

static inline bool cpu_has_nx(void)
{
    return cpu_features.nx;
}

/* Reads CPUID. First of all, with paging off. */
void cpu_detect(void);

/* Loads the golden CR4, EFER, DR7, SYSENTER_CS and MCA set-up of ABI 11.1 on
 * this CPU; CR0 and CR4.PAE come with paging. */
void cpu_setup(void);

/* CR0 and CR4 while the monitor runs (TS aside). */
uint32_t cpu_golden_cr0(void);
uint32_t cpu_golden_cr4(void);
