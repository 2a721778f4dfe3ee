/* SPDX-License-Identifier: MIT */
/* The makers' statements about their CPUs, as far as a monitor is concerned whose
 * guests run at ring 1 under shadow page tables.  A CPU is taken to be affected
 * unless it is in the list of those that are not, or says so itself. */
#include "arch/weakness.h"

#define ALL \
    (WEAK_MELTDOWN | WEAK_SPECTRE_V1 | WEAK_SPECTRE_V2 | WEAK_SSB | WEAK_L1TF \
     | WEAK_MDS)
#define MELTDOWN_KIND (WEAK_MELTDOWN | WEAK_L1TF | WEAK_MDS)

/* Intel's family 6 models that differ from the rest of the family. */
static const struct {
    uint8_t model;
    uint8_t free_of;
} intel_models[] = {
    /* Atoms of the first kind execute in order. */
    {0x1c, ALL}, {0x26, ALL}, {0x27, ALL}, {0x35, ALL}, {0x36, ALL},
    /* Silvermont and Airmont, Knights Landing and Mill */
    {0x37, WEAK_SSB | WEAK_L1TF}, {0x4a, WEAK_SSB | WEAK_L1TF},
    {0x4d, WEAK_SSB | WEAK_L1TF}, {0x5a, WEAK_SSB | WEAK_L1TF},
    {0x5d, WEAK_SSB | WEAK_L1TF}, {0x4c, WEAK_SSB | WEAK_L1TF},
    {0x57, WEAK_SSB | WEAK_L1TF}, {0x85, WEAK_SSB | WEAK_L1TF},
    /* Goldmont, Goldmont Plus, Tremont */
    {0x5c, WEAK_L1TF | WEAK_MDS}, {0x5f, WEAK_L1TF | WEAK_MDS},
    {0x7a, WEAK_L1TF | WEAK_MDS}, {0x86, WEAK_L1TF | WEAK_MDS},
    {0x96, WEAK_L1TF | WEAK_MDS}, {0x9c, WEAK_L1TF | WEAK_MDS},
    /* Yonah */
    {0x0e, WEAK_SSB},
};

static HV_INIT uint32_t intel_free_of(const struct cpu_identity *id)
{
    if (id->family < 6)
        return ALL;
    for (uint32_t i = 0; id->family == 6 && i < HV_ARRAY_SIZE(intel_models); i++) {
        if (intel_models[i].model == id->model)
            return intel_models[i].free_of;
    }
    return 0;
}

HV_INIT uint32_t cpu_weaknesses(const struct cpu_identity *id)
{
    uint32_t free_of = 0;

    if (id->vendor == VENDOR_IN_ORDER)
        free_of = ALL;
    else if (id->vendor == VENDOR_INTEL)
        free_of = intel_free_of(id);
    else if (id->vendor == VENDOR_AMD) /* loads pass stores from family 0x15 on */
        free_of = MELTDOWN_KIND | (id->family < 0x14 ? WEAK_SSB : 0);
    if (id->arch_caps & CAPS_RDCL_NO)
        free_of |= WEAK_MELTDOWN | WEAK_L1TF;
    if (id->arch_caps & CAPS_MDS_NO)
        free_of |= WEAK_MDS;
    if ((id->arch_caps & CAPS_SSB_NO) || id->amd_ssb_no)
        free_of |= WEAK_SSB;
    return ALL & ~free_of;
}
