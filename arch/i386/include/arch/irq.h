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

/* An interrupt, wherever it came: acknowledges it and calls its handler. Does
 * not run timers; the callers of sti do, afterwards. */
void irq_dispatch(uint32_t vector);

/* Takes pending interrupts without running timers (boot only). */
void irq_open_window(void);
