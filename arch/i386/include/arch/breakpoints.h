/* SPDX-License-Identifier: MIT */
/* What of a guest's DR0 to DR3 and DR7 is armed. */
#pragma once

#include "arch/vcpu.h"

/* DR7 for the CPU while the guest runs; 0: nothing is armed. */
uint32_t breakpoints_armed(const struct arch_vcpu *a);

/* B0 to B3 of those that a write of bytes (1 to 8) at va hits. */
uint32_t breakpoints_written(const struct arch_vcpu *a, uint32_t va, uint32_t bytes);
