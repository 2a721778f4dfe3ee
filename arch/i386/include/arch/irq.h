/* SPDX-License-Identifier: MIT */
/* Hardware interrupts (the rest of the interface is in hv/arch_if.h). */
#pragma once

#include "hv/types.h"

/* Vectors of hardware: ISA line n is IRQ_VEC_ISA + n. All others from 0x20 up
 * are raised by nobody. */
enum {
    IRQ_VEC_ISA = 0x20,
    IRQ_VEC_LAPIC_TIMER = 0xfd,
    IRQ_VEC_LAPIC_ERROR = 0xfe,
    IRQ_VEC_LAPIC_SPURIOUS = 0xff,
};

#define IRQ_ISA_LINES 16u
#define IRQ_LINE_TIMER 0u /* counts the LAPIC timer too */

/* 8259 remapped and masked; LAPIC on if there is one. After paging and the
 * host IDT; interrupts stay off. */
void arch_irq_init(void);

/* After that, while booting: the HPET's registers, NULL if the tables name none. */
volatile uint32_t *irq_hpet_registers(void);

/* An interrupt, wherever it came: acknowledges it and calls its handler. Does
 * not run timers; the callers of sti do, afterwards. */
void irq_dispatch(uint32_t vector);

/* For the handler of a line that stands in for the timer's: it has interrupted. */
void irq_timer_interrupt(void);

/* Takes pending interrupts without running timers (boot only). */
void irq_open_window(void);
