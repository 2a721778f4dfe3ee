/* SPDX-License-Identifier: MIT */
/* Ways to end: power off, reset, the debug exit of QEMU, a halt.  What the ACPI
 * tables say comes first, then what PCs have had since before them; each way is
 * waited for boundedly, and a halt is the end when nothing worked. */
#include "hv/arch_if.h"

#include "arch/cpu.h"
#include "arch/io.h"
#include "arch/watchdog.h"
#include "hv/console.h"
#include "hv/firmware.h"
#include "hv/log.h"

#define PORT_BOCHS 0x8900u        /* takes the word "Shutdown" */
#define PORT_E9 0xe9u             /* reads as its number where PORT_BOCHS may be */
#define PORT_DEBUG_EXIT 0xf4u
#define PORT_RESET 0xcf9u
#define RESET_HARD 0x02u
#define RESET_NOW 0x04u
#define PORT_KBC_STATUS 0x64u
#define KBC_INPUT_FULL 0x02u
#define KBC_PULSE_RESET 0xfeu

/* Roughly: a port access takes a microsecond on an ISA bus, less in QEMU. */
static void wait_ports(uint32_t accesses)
{
    while (accesses-- > 0)
        io_delay();
}

void arch_halt(void)
{
    watchdog_stop();
    for (;;) {
        cpu_cli();
        cpu_hlt();
    }
}

/* Bochs has no other way that works without its BIOS's tables. No real machine
 * has its debug port, so none is written to. */
static void poweroff_bochs(void)
{
    static const char word[] = "Shutdown";

    if (io_in8(PORT_E9) != PORT_E9)
        return;
    for (uint32_t i = 0; word[i] != '\0'; i++)
        io_out8(PORT_BOCHS, (uint8_t)word[i]);
}

void arch_poweroff(void)
{
    cpu_cli();
    acpi_poweroff();
    poweroff_bochs();
    log_always("this machine cannot be switched off by software: "
               "it is safe to turn it off now");
    console_flush();
    arch_halt();
}

static void reset_by_keyboard_controller(void)
{
    if (!acpi_has_8042())
        return;
    for (uint32_t i = 0; i < 10000; i++) {
        if (!(io_in8(PORT_KBC_STATUS) & KBC_INPUT_FULL))
            break;
    }
    io_out8(PORT_KBC_STATUS, KBC_PULSE_RESET);
    wait_ports(10000);
}

void arch_reboot(void)
{
    struct cpu_table_ptr none = {0, 0};

    cpu_cli();
    acpi_reset();
    io_out8(PORT_RESET, RESET_HARD);
    io_out8(PORT_RESET, RESET_HARD | RESET_NOW);
    wait_ports(10000);
    reset_by_keyboard_controller();
    /* No IDT: the first trap is the third fault. */
    cpu_lidt(&none);
    __asm__ volatile("int3");
    arch_halt();
}

void arch_debug_exit(uint8_t value)
{
    io_out8(PORT_DEBUG_EXIT, value);
    wait_ports(1000);
}

void arch_panic_stop(void)
{
    cpu_cli();
}

void arch_log_state(void)
{
    log_always("cr0 %08x cr2 %08x cr3 %08x cr4 %08x dr6 %08x", cpu_read_cr0(),
               cpu_read_cr2(), cpu_read_cr3(), cpu_read_cr4(), cpu_read_dr6());
}
