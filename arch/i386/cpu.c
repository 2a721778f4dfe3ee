/* SPDX-License-Identifier: MIT */
/* What this CPU can do, and the settings under which guests run on it (ABI
 * 11.1).  They are made once per CPU and never per switch. */
#include "arch/cpu.h"

#include "arch/asm_entry.h"
#include "arch/layout.h"
#include "arch/pte.h"
#include "hv/log.h"
#include "hv/string.h"

HV_RO_AFTER_INIT struct cpu_features cpu_features = {0};
HV_RO_AFTER_INIT uint64_t pte_nx = 0;

/* CPUID leaf 1 */
#define ID1_EDX_MCE HV_BIT(7)
#define ID1_EDX_APIC HV_BIT(9)
#define ID1_EDX_SEP HV_BIT(11)
#define ID1_EDX_MCA HV_BIT(14)
#define ID1_EDX_PAT HV_BIT(16)
#define ID1_EDX_PSE36 HV_BIT(17)
#define ID1_EDX_SSE HV_BIT(25)
#define ID1_EDX_SSE2 HV_BIT(26)
#define ID1_ECX_X2APIC HV_BIT(21)
#define ID1_ECX_DEADLINE HV_BIT(24)
#define ID1_ECX_RDRAND HV_BIT(30)
#define ID1_ECX_HYPERVISOR HV_BIT(31)

static void put_text(char *dst, uint32_t word)
{
    memcpy(dst, &word, 4);
}

static HV_INIT void detect_basic(struct cpu_features *f)
{
    struct cpuid_regs r = cpu_cpuid(0, 0);

    f->max_leaf = r.eax;
    put_text(f->vendor, r.ebx);
    put_text(f->vendor + 4, r.edx);
    put_text(f->vendor + 8, r.ecx);

    r = cpu_cpuid(1, 0);
    f->stepping = (uint8_t)(r.eax & 15);
    f->model = (uint8_t)(r.eax >> 4 & 15);
    f->family = (uint8_t)(r.eax >> 8 & 15);
    if (f->family == 6 || f->family == 15)
        f->model = (uint8_t)(f->model | (r.eax >> 16 & 15) << 4);
    if (f->family == 15)
        f->family = (uint8_t)(f->family + (r.eax >> 20 & 255));
    f->mce = (r.edx & ID1_EDX_MCE) != 0;
    f->mca = (r.edx & ID1_EDX_MCA) != 0;
    f->apic = (r.edx & ID1_EDX_APIC) != 0;
    /* Early Pentium Pros report SEP without having it (SDM 2B, SYSENTER). */
    f->sep = (r.edx & ID1_EDX_SEP) != 0
        && !(f->family == 6 && f->model < 3 && f->stepping < 3);
    f->pat = (r.edx & ID1_EDX_PAT) != 0;
    f->sse = (r.edx & ID1_EDX_SSE) != 0;
    f->sse2 = (r.edx & ID1_EDX_SSE2) != 0;
    f->x2apic = (r.ecx & ID1_ECX_X2APIC) != 0;
    f->tsc_deadline = (r.ecx & ID1_ECX_DEADLINE) != 0;
    f->rdrand = (r.ecx & ID1_ECX_RDRAND) != 0;
    f->hypervisor = (r.ecx & ID1_ECX_HYPERVISOR) != 0;
}

static HV_INIT void detect_extended(struct cpu_features *f)
{
    struct cpuid_regs r;

    if (f->max_leaf >= 6)
        f->arat = (cpu_cpuid(6, 0).eax & HV_BIT(2)) != 0;
    if (f->max_leaf >= 10) {
        r = cpu_cpuid(10, 0);
        f->perfmon_version = (uint8_t)r.eax;
        f->perfmon_counters = (uint8_t)(r.eax >> 8);
        f->perfmon_width = (uint8_t)(r.eax >> 16);
        /* A short EBX or a set bit 0: unhalted core cycles do not exist. */
        if ((r.eax >> 24) < 1 || (r.ebx & 1))
            f->perfmon_version = 0;
    }
    /* Without leaf 0x80000008 the SDM says 36, but an emulated CPU without
     * PSE-36 may have 32, and a real one hardly has the memory. */
    f->phys_bits = (cpu_cpuid(1, 0).edx & ID1_EDX_PSE36) ? 36 : 32;
    r = cpu_cpuid(0x80000000, 0);
    if (r.eax < 0x80000001 || r.eax > 0x8000ffff)
        return;
    f->max_ext_leaf = r.eax;
    r = cpu_cpuid(0x80000001, 0);
    f->nx = (r.edx & HV_BIT(20)) != 0;
    f->syscall = (r.edx & HV_BIT(11)) != 0;
    for (uint32_t i = 0; i < 3 && f->max_ext_leaf >= 0x80000004; i++) {
        r = cpu_cpuid(0x80000002 + i, 0);
        put_text(f->brand + 16 * i, r.eax);
        put_text(f->brand + 16 * i + 4, r.ebx);
        put_text(f->brand + 16 * i + 8, r.ecx);
        put_text(f->brand + 16 * i + 12, r.edx);
    }
    if (f->max_ext_leaf >= 0x80000007)
        f->tsc_invariant = (cpu_cpuid(0x80000007, 0).edx & HV_BIT(8)) != 0;
    if (f->max_ext_leaf >= 0x80000008)
        f->phys_bits = (uint8_t)hv_min_u32(cpu_cpuid(0x80000008, 0).eax & 0xff, 52);
    if (f->phys_bits < 32)
        f->phys_bits = 36;
}

HV_INIT void cpu_detect(void)
{
    detect_basic(&cpu_features);
    detect_extended(&cpu_features);
    pte_nx = cpu_features.nx ? PTE_NX : 0;
}

/* Machine checks are reported from now on. Bank 0 of early family 6 belongs to
 * the firmware (SDM 3B 16.3.2.1). */
static void setup_mca(void)
{
    uint64_t cap;
    uint32_t first =
        cpu_features.family == 6 && cpu_features.model < 0x1a ? 1 : 0;

    if (!cpu_features.mca || !cpu_rdmsr_safe(MSR_MCG_CAP, &cap))
        return;
    if ((cap & HV_BIT(8)) && !cpu_wrmsr_safe(MSR_MCG_CTL, ~0ull))
        return;
    for (uint32_t i = 0; i < (cap & 0xff); i++) {
        if (i >= first && !cpu_wrmsr_safe(MSR_MC_CTL(i), ~0ull))
            return;
        if (!cpu_wrmsr_safe(MSR_MC_STATUS(i), 0))
            return;
    }
}

uint32_t cpu_golden_cr0(void)
{
    return CR0_PG | CR0_AM | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE;
}

/* All bits that are not named here are 0 on purpose: ABI 11.1 says why. */
uint32_t cpu_golden_cr4(void)
{
    /* PSE means nothing beside PAE (SDM 3A 4.4), but v86 takes a large page for a
     * small one without it. OSFXSR is about SSE registers, and QEMU does not keep it
     * on a CPU that has none. */
    return CR4_PSE | CR4_PAE | (cpu_features.sse ? CR4_OSFXSR | CR4_OSXMMEXCPT : 0) |
           (cpu_features.mce ? CR4_MCE : 0);
}

/* The entries as after a reset (SDM 3A 11.12.4), but entry 1 (PWT alone), which
 * nothing else uses, is write-combining instead of write-through. Guests cannot
 * reach it: PWT and PCD do not get into shadow entries. */
#define PAT_VALUE 0x0007040600070106ull

static void setup_pat(void)
{
    if (cpu_features.pat && !cpu_wrmsr_safe(MSR_PAT, PAT_VALUE))
        log_warn("CPU: the PAT cannot be set");
}

void cpu_setup(void)
{
    setup_mca();
    setup_pat();
    cpu_write_cr4(cpu_golden_cr4());
    if (cpu_features.nx || cpu_features.syscall)
        cpu_wrmsr(MSR_EFER, cpu_features.nx ? EFER_NXE : 0);
    if (cpu_features.sep)
        cpu_wrmsr(MSR_SYSENTER_CS, 0);
    cpu_write_dr7(SW_DR7_NOTHING);
}

/* ok stays 0 when the instruction faults: trap_host() goes on at 2. */
#define SAFE_MSR(insn) \
    "xorl %0, %0\n" \
    "1: " insn "\n" \
    "incl %0\n" \
    "2:\n" \
    ".pushsection .extable, \"a\"\n" \
    ".long 1b, 2b\n" \
    ".popsection"

bool cpu_rdmsr_safe(msr_id_t m, uint64_t *v)
{
    uint32_t ok;
    uint64_t value = 0;

    __asm__ volatile(SAFE_MSR("rdmsr")
                     : "=&r"(ok), "+A"(value)
                     : "c"(m.n));
    *v = value;
    return ok != 0;
}

bool cpu_wrmsr_safe(msr_id_t m, uint64_t v)
{
    uint32_t ok;

    __asm__ volatile(SAFE_MSR("wrmsr")
                     : "=&r"(ok)
                     : "A"(v), "c"(m.n)
                     : "memory");
    return ok != 0;
}
