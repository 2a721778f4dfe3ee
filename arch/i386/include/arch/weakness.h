/* SPDX-License-Identifier: MIT */
/* Which of the published weaknesses a CPU has.  Pure: a function of what CPUID
 * and IA32_ARCH_CAPABILITIES say, so that it has a host test. */
#pragma once

#include "hv/types.h"

enum cpu_vendor { VENDOR_OTHER, VENDOR_INTEL, VENDOR_AMD, VENDOR_IN_ORDER };

/* IA32_ARCH_CAPABILITIES (SDM 4, table 2-2) */
#define CAPS_RDCL_NO HV_BIT64(0)
#define CAPS_SSB_NO HV_BIT64(4)
#define CAPS_MDS_NO HV_BIT64(5)

struct cpu_identity {
    enum cpu_vendor vendor; /* VENDOR_IN_ORDER: known not to speculate */
    uint8_t family, model;
    uint64_t arch_caps; /* 0 if there is no such MSR */
    bool amd_ssb_no;    /* CPUID 0x80000008 EBX bit 26 */
};

enum cpu_weakness {
    WEAK_MELTDOWN = 1 << 0,   /* CVE-2017-5754 */
    WEAK_SPECTRE_V1 = 1 << 1, /* CVE-2017-5753 */
    WEAK_SPECTRE_V2 = 1 << 2, /* CVE-2017-5715 */
    WEAK_SSB = 1 << 3,        /* CVE-2018-3639 */
    WEAK_L1TF = 1 << 4,       /* CVE-2018-3646 */
    WEAK_MDS = 1 << 5,        /* CVE-2018-12126 and its relatives */
};

/* Bits of enum cpu_weakness. What is not known to be free of a weakness counts
 * as having it. */
uint32_t cpu_weaknesses(const struct cpu_identity *id);
