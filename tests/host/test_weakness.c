/* SPDX-License-Identifier: MIT */
/* Weaknesses of CPUs whose makers have said which they have. */
#include "test.h"

#include "arch/weakness.h"

#define MELTDOWN_L1TF_MDS (WEAK_MELTDOWN | WEAK_L1TF | WEAK_MDS)
#define SPECTRE (WEAK_SPECTRE_V1 | WEAK_SPECTRE_V2)

static uint32_t intel(uint32_t family, uint32_t model, uint64_t caps)
{
    return cpu_weaknesses(&(struct cpu_identity){
        .vendor = VENDOR_INTEL, .family = (uint8_t)family, .model = (uint8_t)model,
        .arch_caps = caps});
}

static uint32_t amd(uint32_t family, bool ssb_no)
{
    return cpu_weaknesses(&(struct cpu_identity){
        .vendor = VENDOR_AMD, .family = (uint8_t)family, .amd_ssb_no = ssb_no});
}

TEST(weakness_intel)
{
    EXPECT_EQ(intel(6, 0x3c, 0), MELTDOWN_L1TF_MDS | SPECTRE | WEAK_SSB); /* Haswell */
    EXPECT_EQ(intel(6, 0x1c, 0), 0);                       /* Bonnell: in order */
    EXPECT_EQ(intel(6, 0x37, 0), WEAK_MELTDOWN | WEAK_MDS | SPECTRE); /* Silvermont */
    EXPECT_EQ(intel(6, 0x5c, 0), WEAK_MELTDOWN | SPECTRE | WEAK_SSB); /* Goldmont */
    EXPECT_EQ(intel(5, 4, 0), 0);                          /* Pentium MMX */
    EXPECT_EQ(intel(15, 0x1c, 0) & WEAK_MELTDOWN, WEAK_MELTDOWN); /* not model 1c of 6 */
}

/* Newer ones say it themselves. */
TEST(weakness_arch_capabilities)
{
    EXPECT_EQ(intel(6, 0x55, CAPS_RDCL_NO), WEAK_MDS | SPECTRE | WEAK_SSB);
    EXPECT_EQ(intel(6, 0x55, CAPS_RDCL_NO | CAPS_MDS_NO), SPECTRE | WEAK_SSB);
    EXPECT_EQ(intel(6, 0x6a, CAPS_RDCL_NO | CAPS_MDS_NO | CAPS_SSB_NO), SPECTRE);
}

TEST(weakness_others)
{
    EXPECT_EQ(amd(6, false), SPECTRE);
    EXPECT_EQ(amd(0x15, false), SPECTRE | WEAK_SSB);
    EXPECT_EQ(amd(0x17, true), SPECTRE);
    EXPECT_EQ(cpu_weaknesses(&(struct cpu_identity){.vendor = VENDOR_IN_ORDER}), 0);
    EXPECT_EQ(cpu_weaknesses(&(struct cpu_identity){.vendor = VENDOR_OTHER}),
              MELTDOWN_L1TF_MDS | SPECTRE | WEAK_SSB);
}
