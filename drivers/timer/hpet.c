/* SPDX-License-Identifier: MIT */
/* The HPET (IA-PC HPET 1.0a).  Its counter is one more that others are measured
 * against, and where nothing else interrupts, its timer 0 stands in for the PIT.
 * Where the firmware has let it do that already it is stopped: neither of the two
 * interrupts then as it should (2.3.5). */
#include "hv/driver.h"

#include "hv/string.h"

enum {
    REG_CAPABILITIES = 0x00 / 4,
    REG_PERIOD = 0x04 / 4, /* of the counter, in femtoseconds */
    REG_CONFIG = 0x10 / 4,
    REG_COUNTER = 0xf0 / 4,
    REG_TIMER0_CONFIG = 0x100 / 4,
    REG_TIMER0_COMPARATOR = 0x108 / 4,
    TIMER_WORDS = 0x20 / 4,
};

#define CONFIG_ENABLE HV_BIT(0)
#define CONFIG_LEGACY HV_BIT(1)
#define TIMER_INTERRUPT HV_BIT(2)
#define TIMER_PERIODIC HV_BIT(3)
#define TIMER_32_BITS HV_BIT(8)
#define FS_PER_S 1000000000000000ull
#define PERIOD_MAX 100000000u /* 2.3.4 */
#define PERIOD_MIN 1000001u   /* below 1 GHz, and no real one is faster */
#define MISSED_MAX 8u

static volatile uint32_t *hpet;

HV_INIT bool hpet_give_pit_back(volatile uint32_t *regs)
{
    uint32_t config = regs[REG_CONFIG];

    if (config == UINT32_MAX || !(config & CONFIG_LEGACY))
        return false;
    regs[REG_CONFIG] = config & ~CONFIG_LEGACY;
    return true;
}

static uint32_t hpet_read(void)
{
    return hpet[REG_COUNTER];
}

HV_INIT const struct ref_clock *hpet_clock_start(volatile uint32_t *regs)
{
    static struct ref_clock clock = {"HPET", 0, UINT32_MAX, hpet_read};
    uint32_t period = regs != NULL ? regs[REG_PERIOD] : 0;

    if (period < PERIOD_MIN || period > PERIOD_MAX)
        return NULL;
    hpet = regs;
    for (uint32_t i = 0; i <= (regs[REG_CAPABILITIES] >> 8 & 31); i++)
        regs[REG_TIMER0_CONFIG + i * TIMER_WORDS] &= ~TIMER_INTERRUPT;
    regs[REG_CONFIG] = (regs[REG_CONFIG] & ~CONFIG_LEGACY) | CONFIG_ENABLE;
    clock.hz = (uint32_t)div64(FS_PER_S, period, NULL);
    return &clock;
}

/* A comparator that is written too late would wait for the counter to wrap. */
void hpet_oneshot(uint32_t ticks)
{
    uint32_t config = hpet[REG_TIMER0_CONFIG] & ~TIMER_PERIODIC;

    hpet[REG_TIMER0_CONFIG] = config | TIMER_INTERRUPT | TIMER_32_BITS;
    hpet[REG_CONFIG] |= CONFIG_LEGACY;
    for (uint32_t i = 0; i < MISSED_MAX; i++) {
        uint32_t at = hpet_read() + ticks;

        hpet[REG_TIMER0_COMPARATOR] = at;
        if ((int32_t)(hpet_read() - at) < 0 || ticks > INT32_MAX)
            return;
        ticks = ticks * 2 + 1;
    }
}

void hpet_stop(void)
{
    hpet[REG_TIMER0_CONFIG] &= ~TIMER_INTERRUPT;
}
