/* SPDX-License-Identifier: MIT */
/* What real hardware offers the monitor: const tables of functions. Drivers
 * know no guest; calls upward go through function pointers set at init. */
#pragma once

#include "hv/cmdline.h"

/* What a console's interrupt line is to report. */
enum console_irq {
    CONSOLE_IRQ_OFF,
    CONSOLE_IRQ_RX,   /* input */
    CONSOLE_IRQ_TEST, /* one interrupt now, to see whether the line works */
};

/* What rx() gives beside bytes: keys that are about the screen. */
enum console_key {
    CONSOLE_KEY_PAGE_UP = 0x100,
    CONSOLE_KEY_PAGE_DOWN,
    CONSOLE_KEY_SHIFT_PAGE_UP,
    CONSOLE_KEY_SHIFT_PAGE_DOWN,
};

/* A place where characters can go to and maybe come from. */
struct console_ops {
    const char *name;
    bool (*tx_ready)(void); /* one more byte can be taken; NULL: always */
    void (*tx)(uint8_t byte); /* NULL: input only */
    /* May be NULL. Once tx_ready: takes 1 to n bytes, as many as need no other look at
     * the hardware, and says how many. */
    uint32_t (*tx_some)(const uint8_t *bytes, uint32_t n);
    bool (*tx_idle)(void);    /* may be NULL: all has left the machine */
    int (*rx)(void); /* next input byte or CONSOLE_KEY_*, or -1; NULL: output only */
    /* Screens, else NULL. Draws a part that takes less than 20,000 instructions;
     * true if more is to be drawn. */
    bool (*flush)(void);
    /* Screens, else NULL: scrolls the view so many pages back, forward if
     * negative; 0: to the newest line. */
    void (*scroll)(int pages);
    /* May be NULL. Returns false if the device cannot do that. */
    bool (*set_irq)(enum console_irq mode);
};

/* For boot. Each returns the console or NULL when the hardware is not there. port and
 * baud come from the command line. */
const struct console_ops *ns16550_init(uint32_t index, uint16_t port,
                                       uint32_t baud);
const struct console_ops *vga_text_init(void);
/* Where the screen's cells are mapped from now on; NULL: nowhere, what is
 * written appears later. Before and after paging is switched on. */
void vga_text_set_memory(volatile uint16_t *cells);
#define VGA_TEXT_BASE 0xb8000u /* physical */
#define VGA_TEXT_BYTES 4000u

/* The linear framebuffer of boot_info, if there is one in a format that can be
 * drawn in. Paging is off. */
const struct console_ops *framebuffer_init(void);
/* Its bytes, 0 if framebuffer_init() found none; and where they are mapped. */
uint32_t framebuffer_bytes(void);
void framebuffer_set_memory(void *pixels);

/* Screens begin with 80 by 25 cells and no history. One that is there asks for RAM for
 * more (NULL: none), which stays in use for good. */
void vga_text_grow(void *(*alloc)(uint32_t bytes));
void framebuffer_grow(void *(*alloc)(uint32_t bytes));
const struct console_ops *debugcon_init(void); /* QEMU/Bochs port 0xe9 */

/* PS/2 keyboard: a console with input only. Bounded probing. */
const struct console_ops *ps2_keyboard_init(enum hv_keymap layout);

/* Interrupt controllers. Lines are ISA IRQ numbers; vectors 0x20 + line. */
void pic8259_init(uint8_t vector_base); /* remaps and masks all */
void pic8259_unmask(uint8_t line);
void pic8259_mask(uint8_t line);
void pic8259_eoi(uint8_t line);
bool pic8259_is_spurious(uint8_t line); /* lines 7 and 15 */

/* Physical address of the LAPIC's registers, 0 if the CPU has none or it is
 * switched off. The caller maps it uncached; NULL: no use is made of it. */
uint64_t lapic_physical_base(void);
bool lapic_init(volatile uint32_t *regs, uint8_t spurious_vector, uint8_t error_vector);
bool lapic_present(void);
uint32_t lapic_id(void);
void lapic_eoi(void);
/* One-shot timer in LAPIC ticks on vector; nmi: deliver as NMI instead. */
void lapic_timer_oneshot(uint8_t vector, uint32_t ticks, bool nmi);
uint32_t lapic_timer_current(void);
void lapic_timer_stop(void);
/* Clears and returns the error status register. */
uint32_t lapic_read_error(void);
/* A local vector table entry, raw (SDM 3A 10.5.1). */
enum lapic_lvt {
    LAPIC_LVT_PERF = 0x340,
    LAPIC_LVT_LINT0 = 0x350,
    LAPIC_LVT_LINT1 = 0x360,
};
#define LVT_MASKED HV_BIT(16)
#define LVT_NMI (4u << 8)
#define LVT_EXTINT (7u << 8)
void lapic_lvt_write(enum lapic_lvt which, uint32_t value);

/* The I/O APIC whose registers are mapped at regs: number of pins, 0 if there is
 * none. Redirection entries raw (82093AA 3.2.4). */
uint32_t ioapic_init(volatile uint32_t *regs);
uint64_t ioapic_pin_read(uint32_t pin);
void ioapic_pin_write(uint32_t pin, uint64_t entry);
#define IOAPIC_PHYSICAL_BASE 0xfec00000u /* where the first one always was */

/* Masks the pins that the firmware left open for ordinary interrupts; SMI, NMI
 * and the 8259's stay. How many there were. */
uint32_t ioapic_mask_all(void);

/* A free-running counter whose rate is known: what the CPU's own clocks are measured
 * against. It may stand still all the same; whoever reads it finds out. */
struct ref_clock {
    const char *name;
    uint32_t hz;
    uint32_t mask;          /* of the bits that it has */
    uint32_t (*read)(void); /* counts up, and wraps at mask */
};

/* True if the firmware had let the HPET at regs replace the PIT; now it does not. */
bool hpet_give_pit_back(volatile uint32_t *regs);
/* The HPET's counter, running; NULL if there is none at regs (which may be NULL). */
const struct ref_clock *hpet_clock_start(volatile uint32_t *regs);
/* After that: its timer 0 raises line 0 in place of the PIT, once, in so many ticks or
 * a little later; and no longer. */
void hpet_oneshot(uint32_t ticks);
void hpet_stop(void);

#define PIT_HZ 1193182u
void pit_oneshot(uint16_t ticks); /* channel 0; 0 means 65536 */
void pit_stop(void);              /* channel 0 raises nothing any more */
/* Channel 2, free-running; it raises nothing. */
const struct ref_clock *pit_clock_start(void);

/* The ACPI PM timer, NULL if the tables name none. */
const struct ref_clock *pm_timer_clock(void);

/* Seconds since 1970 UTC from the CMOS clock; 0 if it is absent or stuck. */
uint64_t rtc_read(void);
/* The clock's seconds alone, -1 while they change or if there is none. */
int rtc_second(void);
/* Line 8, 1024 times a second; each has to be acknowledged before the next comes. */
void rtc_start_ticking(void);
void rtc_acknowledge(void);
