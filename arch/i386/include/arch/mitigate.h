/* SPDX-License-Identifier: MIT */
/* What is done on a CPU with known weaknesses when it goes from one guest to
 * another (mitigations=auto), and what the boot log says about the CPU. */
#pragma once

#include "hv/types.h"

/* After cpu_detect() and the command line, with paging: the exceptions of absent
 * MSRs are caught. Logs name, microcode, features, and each weakness with what is
 * done about it. */
void cpu_report(void);

/* Another vCPU is about to run on this CPU: forgets the branch predictions and
 * overwrites the buffers of the last one, as far as the CPU can. Cheap where there
 * is nothing to be done, else counted in percpu.switch_barriers. */
void mitigate_switch(void);
