/* SPDX-License-Identifier: MIT */
/* The HPET is not used, but where the firmware has let it take the place of the
 * PIT and the clock (IA-PC HPET 1.0a 2.3.5), neither of these interrupts. */
#include "hv/driver.h"

#define REG_CONFIG (0x10u / 4)
#define CONFIG_LEGACY HV_BIT(1)

HV_INIT bool hpet_give_pit_back(volatile uint32_t *regs)
{
    uint32_t config = regs[REG_CONFIG];

    if (config == UINT32_MAX || !(config & CONFIG_LEGACY))
        return false;
    regs[REG_CONFIG] = config & ~CONFIG_LEGACY;
    return true;
}
