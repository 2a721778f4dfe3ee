/* SPDX-License-Identifier: MIT */
/* ACPI tables put together by hand, each in memory of its own, so that the
 * sanitizer sees the byte behind it.  Offsets are those of ACPI 6.4 chapter 5. */
#pragma once

#include "fake.h"
#include "hv/boot_info.h"
#include "hv/firmware.h"
#include "test.h"

#define RSDP_AT 0xf5ad0u
#define TABLES_AT 0x7fe0000u
#define TABLE_STEP 0x2000u /* one place a table */
#define BIOS_AT 0xe0000u

static uint8_t bios_area[0x20000];
static uint8_t *tables[16];
static uint32_t table_bytes[16];

static void set16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

static void set32(uint8_t *p, uint32_t v)
{
    set16(p, v);
    set16(p + 2, v >> 16);
}

static void set64(uint8_t *p, uint64_t v)
{
    set32(p, (uint32_t)v);
    set32(p + 4, (uint32_t)(v >> 32));
}

static void fix_sum(uint8_t *p, uint32_t n, uint32_t at)
{
    uint8_t sum = 0;

    p[at] = 0;
    for (uint32_t i = 0; i < n; i++)
        sum = (uint8_t)(sum + p[i]);
    p[at] = (uint8_t)-sum;
}

static uint64_t table_pa(uint32_t i)
{
    return TABLES_AT + i * (uint64_t)TABLE_STEP;
}

/* Table i: header and n bytes of content, zero; the sum is made by done(). */
static uint8_t *table(uint32_t i, const char *signature, uint32_t bytes)
{
    free(tables[i]);
    tables[i] = calloc(1, bytes);
    table_bytes[i] = bytes;
    memcpy(tables[i], signature, 4);
    set32(tables[i] + 4, bytes);
    tables[i][8] = 4;
    return tables[i];
}

static void done(uint32_t i)
{
    fix_sum(tables[i], table_bytes[i], 9);
}

/* After all tables are made. */
static inline void show_tables(void)
{
    fake_phys_clear();
    fake_phys_add(BIOS_AT, bios_area, sizeof(bios_area));
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(tables); i++) {
        if (tables[i] != NULL)
            fake_phys_add(table_pa(i), tables[i], table_bytes[i]);
    }
}

static inline void put_rsdp(uint8_t *p, uint32_t revision)
{
    memset(p, 0, 36);
    memcpy(p, "RSD PTR ", 8);
    p[15] = (uint8_t)revision;
    set32(p + 16, TABLES_AT);
    if (revision >= 2) {
        set32(p + 20, 36);
        set64(p + 24, table_pa(1));
    }
    fix_sum(p, 20, 8);
    if (revision >= 2)
        fix_sum(p, 36, 32);
}

enum { T_RSDT, T_XSDT, T_FADT, T_DSDT, T_MADT, T_HPET, T_MCFG, T_SSDT };

/* RSDT and XSDT list FADT, MADT, HPET, MCFG and SSDT. */
static inline void put_roots(void)
{
    static const uint8_t listed[] = {T_FADT, T_MADT, T_HPET, T_MCFG, T_SSDT};
    uint8_t *r = table(T_RSDT, "RSDT", 36 + 4 * sizeof(listed));
    uint8_t *x = table(T_XSDT, "XSDT", 36 + 8 * sizeof(listed));

    for (uint32_t i = 0; i < sizeof(listed); i++) {
        set32(r + 36 + 4 * i, (uint32_t)table_pa(listed[i]));
        set64(x + 36 + 8 * i, table_pa(listed[i]));
    }
    done(T_RSDT);
    done(T_XSDT);
}

/* The FADT of revision 1 with ports as on a PIIX4. */
static inline uint8_t *put_fadt(uint32_t bytes)
{
    uint8_t *f = table(T_FADT, "FACP", bytes);

    f[8] = bytes > 116 ? 3 : 1;
    set32(f + 40, (uint32_t)table_pa(T_DSDT));
    set32(f + 48, 0xb2);
    f[52] = 0xf1;
    set32(f + 56, 0x600);
    set32(f + 64, 0x604);
    set32(f + 76, 0x608);
    set16(f + 109, 3);
    done(T_FADT);
    return f;
}

static inline void put_gas(uint8_t *p, uint32_t space, uint64_t address)
{
    p[0] = (uint8_t)space;
    p[1] = 8;
    set64(p + 4, address);
}

/* Name (\_S5, Package () {5, 6, 0, 0}) between two other names. */
static const uint8_t s5_aml[] = {
    0x08, '_', 'S', '3', '_', 0x12, 6, 4, 1, 1, 0, 0,
    0x08, '_', 'S', '5', '_', 0x12, 8, 4, 0x0a, 5, 0x0a, 6, 0, 0,
    0x08, '_', 'S', '6', '_', 0,
};

static inline void put_aml(uint32_t i, const char *signature, const void *aml, uint32_t n)
{
    memcpy(table(i, signature, 36 + n) + 36, aml, n);
    done(i);
}

static inline void put_madt(void)
{
    static const uint8_t entries[] = {
        0, 8, 0, 0, 1, 0, 0, 0,                         /* CPU 0 */
        0, 8, 1, 3, 1, 0, 0, 0,                         /* APIC 3 */
        0, 8, 2, 4, 0, 0, 0, 0,                         /* not enabled */
        9, 16, 0, 0, 0, 2, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, /* x2APIC 512 */
        1, 12, 7, 0, 0, 0, 0xc0, 0xfe, 24, 0, 0, 0,     /* I/O APIC 7 */
        2, 10, 0, 0, 2, 0, 0, 0, 0, 0,                  /* IRQ 0 at 2 */
        2, 10, 0, 9, 20, 0, 0, 0, 0x0d, 0,              /* IRQ 9 at 20 */
        2, 10, 0, 16, 1, 0, 0, 0, 0, 0,                 /* no ISA line */
        0x7f, 2,                                        /* unknown */
    };
    uint8_t *m = table(T_MADT, "APIC", 44 + sizeof(entries));

    set32(m + 36, 0xfee00000);
    set32(m + 40, 1);
    memcpy(m + 44, entries, sizeof(entries));
    done(T_MADT);
}

static inline void put_hpet_and_mcfg(void)
{
    uint8_t *h = table(T_HPET, "HPET", 56), *m = table(T_MCFG, "MCFG", 44 + 32);

    put_gas(h + 40, 0, 0xfed00000);
    done(T_HPET);
    set64(m + 44, 0xb0000000);
    m[55] = 255;
    m[70] = 9; /* the second one ends before it begins */
    done(T_MCFG);
}

/* A machine with everything, its root pointer in the BIOS area. */
static inline void put_all(uint32_t revision)
{
    memset(&boot_info, 0, sizeof(boot_info));
    memset(&acpi_info, 0, sizeof(acpi_info));
    memset(bios_area, 0, sizeof(bios_area));
    put_rsdp(bios_area + (RSDP_AT - BIOS_AT), revision);
    put_roots();
    put_fadt(revision >= 2 ? 276 : 116);
    put_aml(T_DSDT, "DSDT", s5_aml, sizeof(s5_aml));
    put_madt();
    put_hpet_and_mcfg();
    put_aml(T_SSDT, "SSDT", s5_aml, 12);
    show_tables();
}
