/* SPDX-License-Identifier: MIT */
/* What the firmware tells about the machine, checked and copied: ACPI's fixed
 * tables and the names in SMBIOS.  Read once at boot, read-only afterwards. */
#pragma once

#include "hv/addr.h"
#include "hv/config.h"

/* ---- SMBIOS ---- */

/* Printable ASCII; "" where the firmware says nothing. */
struct machine_info {
    char vendor[48], product[64], version[48];
    char board_vendor[48], board[64];
    char bios_vendor[48], bios_version[48], bios_date[16];
};

extern struct machine_info machine_info;

/* Reads the n bytes of structures at p into m. For the loader's copy (multiboot2
 * tag 13), before or after paging. */
void smbios_parse(struct machine_info *m, const uint8_t *p, uint32_t n);

/* Unless the loader's copy was enough: looks for the table by way of EFI and in
 * the BIOS segment. With paging, while boot_info is there. */
void smbios_init(void);

/* The machine, its board and its firmware at info level. */
void smbios_report(void);

/* ---- what runs on behind our back ---- */

/* Which USB controllers the firmware works as a keyboard: looks at one function of
 * pci_scan(), true for one of these, and says what all of them came to. With paging. */
struct pci_function;
bool usb_legacy_look_at(const struct pci_function *f);
void usb_legacy_report(void);

/* ---- ACPI (ACPI 6.4 chapter 5) ---- */

enum acpi_space { ACPI_MEMORY = 0, ACPI_IO = 1, ACPI_PCI = 2 };

/* A register that a table names; address 0: there is none. */
struct acpi_reg {
    uint64_t address;
    enum acpi_space space;
    volatile void *mapped; /* ACPI_MEMORY: where, once acpi_init() has run */
};

/* FADT flags and boot architecture flags (5.2.9, tables 5.10 and 5.11). */
#define FADT_RESET_REG HV_BIT(10)
#define FADT_HW_REDUCED HV_BIT(20)
#define FADT_ARCH_8042 HV_BIT(1)

#define ACPI_MAX_IOAPICS 8
#define ACPI_MAX_MCFG 4
#define ACPI_ISA_LINES 16

struct acpi_ioapic {
    uint32_t base, gsi_base;
    uint8_t id;
};

/* Where an ISA interrupt arrives; gsi is its own number unless overridden. */
struct acpi_isa_line {
    uint32_t gsi;
    uint16_t flags;
};

struct acpi_mcfg {
    uint64_t base;
    uint16_t segment;
    uint8_t first_bus, last_bus;
};

struct acpi_info {
    bool present; /* there is a root pointer and a root table */

    bool has_fadt;
    uint8_t fadt_revision;
    uint8_t acpi_enable;
    uint16_t smi_command; /* port; 0: no SMM mode switch */
    uint16_t boot_arch;
    uint32_t fadt_flags;
    uint64_t dsdt[2]; /* the 64-bit pointer, the 32-bit one if that differs; 0: none */
    struct acpi_reg pm1_event[2], pm1_control[2];
    struct acpi_reg sleep_control, reset, pm_timer;
    uint8_t reset_value;

    bool has_s5; /* \_S5 was found: what goes into SLP_TYPa and SLP_TYPb */
    uint8_t s5_type[2];

    /* CPUs beyond the first, ISA lines and MCFG have no reader yet. */
    bool has_madt;
    uint32_t nr_cpus; /* that are enabled, the ones beyond the list included */
    uint32_t cpu_apic_id[HV_CFG_MAX_CPUS];
    uint32_t nr_ioapics;
    struct acpi_ioapic ioapic[ACPI_MAX_IOAPICS];
    struct acpi_isa_line isa[ACPI_ISA_LINES];

    uint64_t hpet_base; /* 0: none */
    uint32_t nr_mcfg;
    struct acpi_mcfg mcfg[ACPI_MAX_MCFG];
};

extern struct acpi_info acpi_info;

/* Finds and reads the tables; what is broken costs a line, and as little as it can.
 * With paging, while boot_info is there. */
void acpi_init(void);

/* One line at info level about what was found. */
void acpi_report(void);

/* Both return if the tables know no way or it had no effect; bounded. Nothing
 * is allocated or mapped: a panic may call them. */
void acpi_poweroff(void);
void acpi_reset(void);

/* False only if the tables say so. */
bool acpi_has_8042(void);
