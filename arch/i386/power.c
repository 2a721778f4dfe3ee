/* SPDX-License-Identifier: MIT */
/* Ways to end: power off, reset, the debug exit of QEMU, a halt.  Each tries
 * what the known machines have, one after the other, waits boundedly, and ends
 * in a halt when nothing worked. */
#include "hv/arch_if.h"

#include "arch/cpu.h"
#include "arch/io.h"
#include "arch/watchdog.h"
#include "hv/log.h"

/* ACPI PM1a control: SLP_EN with SLP_TYP 0 is S5 on QEMU's machines. */
#define ACPI_S5 0x2000u
#define PORT_ACPI_QEMU 0x604u     /* pc, q35 */
#define PORT_ACPI_QEMU_OLD 0xb004u /* pc up to 1.7, Bochs's ACPI */
#define PORT_BOCHS 0x8900u        /* takes the word "Shutdown" */
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

void arch_poweroff(void)
{
    static const char word[] = "Shutdown";

    cpu_cli();
    io_out16(PORT_ACPI_QEMU, ACPI_S5);
    io_out16(PORT_ACPI_QEMU_OLD, ACPI_S5);
    for (uint32_t i = 0; word[i] != '\0'; i++)
        io_out8(PORT_BOCHS, (uint8_t)word[i]);
    wait_ports(100000); /* QEMU powers off in its own time */
    log_always("this machine cannot be switched off by software: halted");
    arch_halt();
}

void arch_reboot(void)
{
    struct cpu_table_ptr none = {0, 0};

    cpu_cli();
    io_out8(PORT_RESET, RESET_HARD);
    io_out8(PORT_RESET, RESET_HARD | RESET_NOW);
    wait_ports(10000);
    for (uint32_t i = 0; i < 10000; i++) {
        if (!(io_in8(PORT_KBC_STATUS) & KBC_INPUT_FULL))
            break;
    }
    io_out8(PORT_KBC_STATUS, KBC_PULSE_RESET);
    wait_ports(10000);
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
