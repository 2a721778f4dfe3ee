/* SPDX-License-Identifier: MIT */
/* Hardware interrupts.  They are open only in arch_idle(), at preemption
 * points and while a guest runs; so a handler never meets the monitor half-way
 * through something.  ISA lines come from the 8259, the timer from the LAPIC
 * where there is one. */
#include "arch/irq.h"

#include "arch/cpu.h"
#include "arch/time.h"
#include "hv/arch_if.h"
#include "hv/driver.h"
#include "hv/firmware.h"
#include "hv/log.h"
#include "hv/percpu.h"
#include "hv/timerq.h"

static void (*handlers[IRQ_ISA_LINES])(void);
static HV_INIT_BSS volatile uint32_t *hpet;

/* Nothing may come in on a vector that the firmware chose; and the PIT has to
 * interrupt, wherever its line was led. */
static HV_INIT void quiet_firmware_interrupts(void)
{
    const struct acpi_info *a = &acpi_info;
    uint32_t pins = 0;

    if (a->hpet_base != 0)
        hpet = arch_map_device(HPA(a->hpet_base), HV_PAGE_SIZE);
    for (uint32_t i = 0; i < a->nr_ioapics; i++) {
        if (ioapic_init(arch_map_device(HPA(a->ioapic[i].base), 32)) != 0)
            pins += ioapic_mask_all();
    }
    if (pins > 0)
        log_info("I/O APIC: %u pins left open by the firmware, masked", pins);
    if (hpet != NULL && hpet_give_pit_back(hpet))
        log_info("HPET: stood in for the PIT, does no longer");
}

HV_INIT volatile uint32_t *irq_hpet_registers(void)
{
    return hpet;
}

HV_INIT void arch_irq_init(void)
{
    uint64_t base = lapic_physical_base();
    volatile uint32_t *regs = base != 0 ? arch_map_device(HPA(base), HV_PAGE_SIZE) : NULL;

    quiet_firmware_interrupts();
    pic8259_init(IRQ_VEC_ISA);
    if (!lapic_init(regs, IRQ_VEC_LAPIC_SPURIOUS, IRQ_VEC_LAPIC_ERROR))
        log_debug("no local APIC, the PIT is the timer");
}

void arch_irq_set_handler(uint32_t line, void (*handler)(void))
{
    if (line >= IRQ_ISA_LINES)
        return;
    handlers[line] = handler;
    pic8259_unmask((uint8_t)line);
}

void irq_timer_interrupt(void)
{
    this_cpu()->irq_count[IRQ_LINE_TIMER]++;
    time_note_interrupt();
    timerq_hardware_fired();
}

/* The EOI comes first: lines are edge-triggered, and a handler may open
 * interrupts at a preemption point. */
static void isa_interrupt(uint32_t line)
{
    if (pic8259_is_spurious((uint8_t)line)) {
        this_cpu()->spurious_count++;
        return;
    }
    pic8259_eoi((uint8_t)line);
    if (line == IRQ_LINE_TIMER) {
        irq_timer_interrupt();
        return;
    }
    this_cpu()->irq_count[line]++;
    if (handlers[line] != NULL)
        handlers[line]();
}

static void lapic_error(void)
{
    uint32_t error = lapic_read_error();

    lapic_eoi();
    if (log_limit_ok(&this_cpu()->irq_limit, 4))
        log_warn("local APIC error %#x", error);
}

void irq_dispatch(uint32_t vector)
{
    if (hv_likely(vector == IRQ_VEC_LAPIC_TIMER)) {
        lapic_eoi();
        irq_timer_interrupt();
    } else if (vector - IRQ_VEC_ISA < IRQ_ISA_LINES) {
        isa_interrupt(vector - IRQ_VEC_ISA);
    } else if (vector == IRQ_VEC_LAPIC_ERROR) {
        lapic_error();
    } else {
        /* A spurious LAPIC interrupt gets no EOI (SDM 3A 10.9). */
        this_cpu()->spurious_count++;
        if (vector != IRQ_VEC_LAPIC_SPURIOUS && log_limit_ok(&this_cpu()->irq_limit, 4))
            log_warn("interrupt on vector %#x that nobody raises", vector);
    }
}

static void run_timers(void)
{
    if (timerq_run_wanted())
        timerq_run();
}

void arch_handle_irq(uint32_t vector)
{
    irq_dispatch(vector);
    run_timers();
}

void irq_open_window(void)
{
    cpu_sti_nop_cli();
}

void arch_preempt_point(void)
{
    cpu_sti_nop_cli();
    run_timers();
}

/* STI holds interrupts off for one instruction, so one that comes after the
 * caller's last look at its work ends the HLT. Timers that no hardware will
 * announce are run instead of slept over. */
void arch_idle(void)
{
    if (!timerq_run_wanted()) {
        cpu_sti_hlt();
        cpu_cli();
    }
    run_timers();
}
