/* SPDX-License-Identifier: MIT */
/* The CPU as the boot log shows it, and the barriers between guests.  What is
 * printed about a weakness is what this file or the design does about it, no
 * more: docs/threat-model.md says what stays open. */
#include "arch/mitigate.h"

#include "arch/cpu.h"
#include "arch/seldefs.h"
#include "arch/weakness.h"
#include "hv/cmdline.h"
#include "hv/log.h"
#include "hv/percpu.h"
#include "hv/string.h"

#define MSR_MICROCODE ((msr_id_t){0x8b})
#define MSR_ARCH_CAPS ((msr_id_t){0x10a})
#define MSR_PRED_CMD ((msr_id_t){0x49})
#define PRED_CMD_IBPB 1u

/* CPUID 1 EDX */
#define ID1_EDX_PAE HV_BIT(6)
/* CPUID 7 EDX */
#define ID7_MD_CLEAR HV_BIT(10)
#define ID7_IBRS_IBPB HV_BIT(26)
#define ID7_ARCH_CAPS HV_BIT(29)
/* CPUID 0x80000008 EBX */
#define ID_AMD_IBPB HV_BIT(12)
#define ID_AMD_SSB_NO HV_BIT(26)

static HV_RO_AFTER_INIT bool use_ibpb = false;
static HV_RO_AFTER_INIT bool use_verw = false;

/* VERW overwrites the buffers if the microcode knows that it should, but only
 * with its operand in memory (SDM 2C, VERW; Intel's MDS guidance). */
static void clear_buffers(void)
{
    static const uint16_t selector = SEL_HOST_DS;

    __asm__ volatile("verw %0" : : "m"(selector) : "cc");
}

void mitigate_switch(void)
{
    if (hv_likely(!use_ibpb && !use_verw))
        return;
    this_cpu()->switch_barriers++;
    if (use_ibpb)
        cpu_wrmsr(MSR_PRED_CMD, PRED_CMD_IBPB);
    if (use_verw)
        clear_buffers();
}

/* ---- what it is ---- */

static HV_INIT bool vendor_is(const char *name)
{
    return strcmp(cpu_features.vendor, name) == 0;
}

/* Intel shows the level after a CPUID that follows a write of 0 (SDM 3A 9.11.7);
 * AMD has it in the low half. Unknown: 0. */
static HV_INIT uint32_t microcode_level(void)
{
    uint64_t v = 0;

    if (vendor_is("AuthenticAMD"))
        return cpu_rdmsr_safe(MSR_MICROCODE, &v) ? (uint32_t)v : 0;
    if (!vendor_is("GenuineIntel") || !cpu_wrmsr_safe(MSR_MICROCODE, 0))
        return 0;
    (void)cpu_cpuid(1, 0);
    return cpu_rdmsr_safe(MSR_MICROCODE, &v) ? (uint32_t)(v >> 32) : 0;
}

static HV_INIT void report_name(void)
{
    const struct cpu_features *f = &cpu_features;
    const char *brand = f->brand;

    while (*brand == ' ') /* some are flush right */
        brand++;
    log_info("CPU: %s, %s family %u model %u stepping %u, microcode %#x%s",
             *brand != '\0' ? brand : "no brand name", f->vendor, f->family, f->model,
             f->stepping, microcode_level(), f->hypervisor ? ", in a virtual machine" : "");
}

static HV_INIT void report_features(void)
{
    const struct cpu_features *f = &cpu_features;

    log_info("CPU: %u-bit physical addresses%s%s%s%s%s%s%s%s%s%s%s", f->phys_bits,
             f->nx ? ", nx" : "", f->sse ? ", sse" : "", f->sse2 ? ", sse2" : "",
             f->sep ? ", sep" : "", f->syscall ? ", syscall" : "",
             f->apic ? ", apic" : "", f->x2apic ? ", x2apic" : "",
             f->mca ? ", mca" : "", f->pat ? ", pat" : "", f->rdrand ? ", rdrand" : "",
             f->tsc_invariant ? ", invariant tsc" : "");
}

/* ---- weaknesses ---- */

static HV_INIT void identify(struct cpu_identity *id)
{
    const struct cpu_features *f = &cpu_features;

    *id = (struct cpu_identity){.family = f->family, .model = f->model};
    if (vendor_is("GenuineIntel"))
        id->vendor = VENDOR_INTEL;
    else if (vendor_is("AuthenticAMD") || vendor_is("HygonGenuine"))
        id->vendor = VENDOR_AMD;
    else if (vendor_is("CentaurHauls") && f->family == 6 && f->model < 15)
        id->vendor = VENDOR_IN_ORDER; /* C3 and C7; the Nano is not */
    if (f->max_leaf >= 7 && (cpu_cpuid(7, 0).edx & ID7_ARCH_CAPS)
        && !cpu_rdmsr_safe(MSR_ARCH_CAPS, &id->arch_caps))
        id->arch_caps = 0;
    if (f->max_ext_leaf >= 0x80000008)
        id->amd_ssb_no = (cpu_cpuid(0x80000008, 0).ebx & ID_AMD_SSB_NO) != 0;
}

static HV_INIT void choose(uint32_t weak, bool *md_clear)
{
    const struct cpu_features *f = &cpu_features;
    uint32_t id7 = f->max_leaf >= 7 ? cpu_cpuid(7, 0).edx : 0;
    uint32_t amd = f->max_ext_leaf >= 0x80000008 ? cpu_cpuid(0x80000008, 0).ebx : 0;

    *md_clear = (id7 & ID7_MD_CLEAR) != 0;
    if (hv_options.mitigations_off)
        return;
    use_ibpb = (weak & WEAK_SPECTRE_V2)
        && ((id7 & ID7_IBRS_IBPB) || (amd & ID_AMD_IBPB));
    use_verw = (weak & WEAK_MDS) != 0;
}

static HV_INIT const char *spectre_v2_answer(void)
{
    return use_ibpb ? "predictions are forgotten between guests"
        : hv_options.mitigations_off ? "nothing (mitigations=off)"
        : "nothing, this CPU offers no barrier";
}

static HV_INIT const char *mds_answer(bool md_clear)
{
    return hv_options.mitigations_off ? "nothing (mitigations=off)"
        : md_clear ? "buffers are overwritten between guests"
        : "tried between guests, but the microcode is too old";
}

static HV_INIT void report_weaknesses(uint32_t weak, bool md_clear)
{
    const struct {
        uint32_t bit;
        const char *name, *answer;
    } lines[] = {
        {WEAK_MELTDOWN, "Meltdown",
         "nothing of others is mapped beside a guest; its programs can read its kernel"},
        {WEAK_L1TF, "L1TF", "shadow entries that are not present are zero"},
        {WEAK_SPECTRE_V1, "Spectre v1",
         "nothing of others is mapped beside a guest; no barriers in the monitor"},
        {WEAK_SPECTRE_V2, "Spectre v2", spectre_v2_answer()},
        {WEAK_SSB, "speculative store bypass",
         "nothing of others is mapped beside a guest; no barriers in the monitor"},
        {WEAK_MDS, "MDS", mds_answer(md_clear)},
    };

    if (weak == 0)
        log_info("CPU: none of the weaknesses that are looked for");
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(lines); i++) {
        if (weak & lines[i].bit)
            log_info("CPU: has %s: %s", lines[i].name, lines[i].answer);
    }
}

HV_INIT void cpu_report(void)
{
    struct cpu_identity id;
    uint32_t weak;
    bool md_clear;

    identify(&id);
    weak = cpu_weaknesses(&id);
    choose(weak, &md_clear);
    report_name();
    if ((cpu_cpuid(1, 0).edx & ID1_EDX_PAE) == 0)
        log_warn("CPU: this Pentium M says that it has no PAE, but it has");
    report_features();
    report_weaknesses(weak, md_clear);
}
