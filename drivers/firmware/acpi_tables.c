/* SPDX-License-Identifier: MIT */
/* Taking ACPI tables apart.  Every offset is compared with the table's length
 * before it is read, every list is stepped by the entry's own size, which must
 * be large enough to step by.  Section numbers are those of ACPI 6.4. */
#include "acpi_tables.h"

#include "hv/bytes.h"
#include "hv/range.h"
#include "hv/string.h"

HV_INIT bool acpi_sum_ok(const uint8_t *p, uint32_t n)
{
    uint8_t sum = 0;

    for (uint32_t i = 0; i < n; i++)
        sum = (uint8_t)(sum + p[i]);
    return sum == 0;
}

/* ---- the way to the tables ---- */

enum { RSDP_REVISION = 15, RSDP_RSDT = 16, RSDP_XSDT = 24 };

HV_INIT bool acpi_parse_rsdp(const uint8_t *p, uint32_t n, struct acpi_rsdp *out)
{
    if (n < ACPI_RSDP_V1_BYTES || memcmp(p, "RSD PTR ", 8) != 0
        || !acpi_sum_ok(p, ACPI_RSDP_V1_BYTES))
        return false;
    *out = (struct acpi_rsdp){0, get32(p + RSDP_RSDT)};
    if (p[RSDP_REVISION] >= 2 && n >= ACPI_RSDP_BYTES && acpi_sum_ok(p, ACPI_RSDP_BYTES))
        out->xsdt = get64(p + RSDP_XSDT);
    return out->xsdt != 0 || out->rsdt != 0;
}

HV_INIT uint32_t acpi_table_bytes(const uint8_t header[ACPI_HEADER_BYTES])
{
    uint32_t n = get32(header + 4);

    return n >= ACPI_HEADER_BYTES ? n : 0;
}

HV_INIT bool acpi_table_is(const uint8_t *table, const char *signature)
{
    return memcmp(table, signature, 4) == 0;
}

HV_INIT bool acpi_root_entry(const uint8_t *table, uint32_t n, bool is_xsdt,
                             uint32_t i, uint64_t *pa)
{
    uint32_t size = is_xsdt ? 8 : 4;

    if (n < ACPI_HEADER_BYTES || i >= (n - ACPI_HEADER_BYTES) / size)
        return false;
    table += ACPI_HEADER_BYTES + i * size;
    *pa = is_xsdt ? get64(table) : get32(table);
    return true;
}

/* ---- FADT (5.2.9) ---- */

/* A generic address (5.2.3.2). */
struct gas {
    uint8_t space, bits, offset, access;
    uint64_t address;
} HV_PACKED;

/* 64-bit forms of the registers that have a port too. */
struct fadt {
    uint8_t header[ACPI_HEADER_BYTES];
    uint32_t facs, dsdt;
    uint16_t profile, sci;
    uint32_t smi_command;
    uint8_t acpi_enable, acpi_disable, s4, pstate;
    uint32_t pm1_event[2], pm1_control[2], pm2_control, pm_timer, gpe[2];
    uint8_t lengths_and_latencies[21];
    uint16_t boot_arch;
    uint8_t reserved;
    uint32_t flags;
    struct gas reset; /* from here on not in every revision */
    uint8_t reset_value, arm[3];
    uint64_t x_facs, x_dsdt;
    struct gas x_pm1_event[2], x_pm1_control[2], x_pm2_control, x_pm_timer, x_gpe[2];
    struct gas sleep_control;
} HV_PACKED;

_Static_assert(offsetof(struct fadt, boot_arch) == 109, "table 5.9");
_Static_assert(offsetof(struct fadt, reset) == 116, "table 5.9");
_Static_assert(offsetof(struct fadt, sleep_control) == 244, "table 5.9");

#define MAX_PORT 0xffffu

/* The register at a place in a table, none if it lies behind the table's end or where no
 * register can be. */
HV_INIT static struct acpi_reg get_gas(const uint8_t *t, uint32_t n, uint32_t at)
{
    const struct gas *g = (const void *)(t + at);
    struct acpi_reg r = {0};

    if (!range_fits(at, sizeof(*g), n) || g->space > ACPI_PCI)
        return r;
    r.space = (enum acpi_space)g->space;
    r.address = r.space == ACPI_IO && g->address > MAX_PORT - 3 ? 0 : g->address;
    return r;
}

/* The 64-bit form of a PM register block if it is filled in, else the port. */
HV_INIT static struct acpi_reg get_block(const uint8_t *t, uint32_t n,
                                         uint32_t extended, uint32_t port)
{
    struct acpi_reg r = get_gas(t, n, extended);

    if (r.address != 0 && r.space != ACPI_PCI)
        return r;
    return (struct acpi_reg){.address = port > MAX_PORT - 3 ? 0 : port, .space = ACPI_IO};
}

HV_INIT bool acpi_parse_fadt(struct acpi_info *info, const uint8_t *t, uint32_t n)
{
    const struct fadt *f = (const void *)t;

    if (n < offsetof(struct fadt, reset))
        return false;
    info->has_fadt = true;
    info->fadt_revision = t[8];
    info->dsdt[0] = n >= offsetof(struct fadt, x_pm1_event) ? f->x_dsdt : 0;
    info->dsdt[1] = f->dsdt != info->dsdt[0] ? f->dsdt : 0;
    info->smi_command = f->smi_command <= MAX_PORT ? (uint16_t)f->smi_command : 0;
    info->acpi_enable = f->acpi_enable;
    info->boot_arch = f->boot_arch;
    info->fadt_flags = f->flags;
    for (uint32_t i = 0; i < 2; i++) {
        info->pm1_event[i] = get_block(t, n, offsetof(struct fadt, x_pm1_event[i]),
                                       f->pm1_event[i]);
        info->pm1_control[i] = get_block(t, n, offsetof(struct fadt, x_pm1_control[i]),
                                         f->pm1_control[i]);
    }
    if (!(info->fadt_flags & FADT_HW_REDUCED))
        info->pm_timer = get_block(t, n, offsetof(struct fadt, x_pm_timer), f->pm_timer);
    info->sleep_control = get_gas(t, n, offsetof(struct fadt, sleep_control));
    if ((info->fadt_flags & FADT_RESET_REG) && n > offsetof(struct fadt, reset_value)) {
        info->reset = get_gas(t, n, offsetof(struct fadt, reset));
        info->reset_value = f->reset_value;
    }
    return true;
}

/* ---- MADT (5.2.12) ---- */

enum {
    MADT_ENTRIES = 44,

    MADT_TYPE_LAPIC = 0,
    MADT_TYPE_IOAPIC = 1,
    MADT_TYPE_OVERRIDE = 2,
    MADT_TYPE_X2APIC = 9,
};

#define MADT_CPU_ENABLED 1u

HV_INIT static void add_cpu(struct acpi_info *info, uint32_t apic_id, uint32_t flags)
{
    if (!(flags & MADT_CPU_ENABLED))
        return;
    if (info->nr_cpus < HV_ARRAY_SIZE(info->cpu_apic_id))
        info->cpu_apic_id[info->nr_cpus] = apic_id;
    info->nr_cpus++;
}

HV_INIT static void add_ioapic(struct acpi_info *info, const uint8_t *e)
{
    if (info->nr_ioapics < ACPI_MAX_IOAPICS && get32(e + 4) != 0)
        info->ioapic[info->nr_ioapics++] =
            (struct acpi_ioapic){get32(e + 4), get32(e + 8), e[2]};
}

/* e has n bytes, which is what it says itself. */
HV_INIT static void parse_madt_entry(struct acpi_info *info, const uint8_t *e, uint32_t n)
{
    switch (e[0]) {
    case MADT_TYPE_LAPIC:
        if (n >= 8)
            add_cpu(info, e[3], get32(e + 4));
        break;
    case MADT_TYPE_X2APIC:
        if (n >= 16)
            add_cpu(info, get32(e + 4), get32(e + 8));
        break;
    case MADT_TYPE_IOAPIC:
        if (n >= 12)
            add_ioapic(info, e);
        break;
    case MADT_TYPE_OVERRIDE:
        if (n >= 10 && e[3] < ACPI_ISA_LINES)
            info->isa[e[3]] = (struct acpi_isa_line){get32(e + 4), get16(e + 8)};
        break;
    default:
        break; /* of no use here */
    }
}

HV_INIT bool acpi_parse_madt(struct acpi_info *info, const uint8_t *t, uint32_t n)
{
    if (n < MADT_ENTRIES)
        return false;
    info->has_madt = true;
    for (uint32_t i = 0; i < ACPI_ISA_LINES; i++)
        info->isa[i] = (struct acpi_isa_line){i, 0};
    t += MADT_ENTRIES;
    n -= MADT_ENTRIES;
    while (n >= 2) {
        uint32_t size = t[1];

        if (size < 2 || size > n)
            break;
        parse_madt_entry(info, t, size);
        t += size;
        n -= size;
    }
    return true;
}

/* ---- HPET (IA-PC HPET 1.0a 3.2.4), MCFG (PCI firmware 3.0 4.1.2) ---- */

enum { HPET_ADDRESS = 40, HPET_BYTES = 56, MCFG_ENTRIES = 44, MCFG_ENTRY_BYTES = 16 };

HV_INIT bool acpi_parse_hpet(struct acpi_info *info, const uint8_t *t, uint32_t n)
{
    struct acpi_reg r = get_gas(t, n, HPET_ADDRESS);

    if (n < HPET_BYTES || r.space != ACPI_MEMORY || r.address == 0)
        return false;
    info->hpet_base = r.address;
    return true;
}

HV_INIT bool acpi_parse_mcfg(struct acpi_info *info, const uint8_t *t, uint32_t n)
{
    if (n < MCFG_ENTRIES)
        return false;
    t += MCFG_ENTRIES;
    n -= MCFG_ENTRIES;
    for (; n >= MCFG_ENTRY_BYTES && info->nr_mcfg < ACPI_MAX_MCFG;
         t += MCFG_ENTRY_BYTES, n -= MCFG_ENTRY_BYTES) {
        struct acpi_mcfg m = {get64(t), get16(t + 8), t[10], t[11]};

        if (m.base != 0 && m.first_bus <= m.last_bus)
            info->mcfg[info->nr_mcfg++] = m;
    }
    return true;
}

/* ---- AML (20.2) ---- */

enum {
    AML_ZERO = 0x00,
    AML_ONE = 0x01,
    AML_NAME = 0x08,
    AML_BYTE = 0x0a, /* then constants of 2 and 4 bytes */
    AML_DWORD = 0x0c,
    AML_PACKAGE = 0x12,
    AML_ONES = 0xff,
};

/* A place in AML: what is left of it. */
struct aml {
    const uint8_t *p;
    uint32_t n;
};

HV_INIT static bool aml_byte(struct aml *a, uint8_t *out)
{
    if (a->n == 0)
        return false;
    *out = *a->p++;
    a->n--;
    return true;
}

/* PkgLength (20.2.4) counts from its own first byte. What lies in it becomes the
 * new end of a. */
HV_INIT static bool aml_enter_package(struct aml *a)
{
    uint32_t before = a->n, bytes;
    uint8_t lead, more;

    if (!aml_byte(a, &lead))
        return false;
    bytes = lead & 0x3f;
    if (lead >> 6)
        bytes &= 0x0f;
    for (uint32_t i = 0; i < lead >> 6; i++) {
        if (!aml_byte(a, &more))
            return false;
        bytes |= (uint32_t)more << (4 + 8 * i);
    }
    if (bytes > before || bytes < before - a->n)
        return false;
    a->n -= before - bytes;
    return true;
}

/* A constant; only its low byte is of interest. */
HV_INIT static bool aml_constant(struct aml *a, uint8_t *out)
{
    uint32_t bytes;
    uint8_t op;

    if (!aml_byte(a, &op))
        return false;
    if (op == AML_ZERO || op == AML_ONE || op == AML_ONES) {
        *out = op;
        return true;
    }
    if (op < AML_BYTE || op > AML_DWORD)
        return false; /* a name or an expression: that would need more */
    bytes = 1u << (op - AML_BYTE);
    if (a->n < bytes)
        return false;
    *out = a->p[0];
    a->p += bytes;
    a->n -= bytes;
    return true;
}

/* What stands behind the name _S5_. */
HV_INIT static bool parse_s5(struct aml a, uint8_t type[2])
{
    uint8_t op, elements, value[2] = {0, 0};

    if (!aml_byte(&a, &op) || op != AML_PACKAGE || !aml_enter_package(&a)
        || !aml_byte(&a, &elements) || elements == 0)
        return false;
    for (uint32_t i = 0; i < 2 && i < elements; i++) {
        if (!aml_constant(&a, &value[i]))
            return false;
    }
    type[0] = value[0] & 7;
    type[1] = value[1] & 7;
    return true;
}

HV_INIT bool acpi_find_s5(const uint8_t *aml, uint32_t n, uint8_t type[2])
{
    for (uint32_t i = 1; n >= 4 && i <= n - 4; i++) {
        bool root = i >= 2 && aml[i - 1] == '\\';

        if (aml[i] == '_' && memcmp(aml + i, "_S5_", 4) == 0
            && aml[i - (root ? 2 : 1)] == AML_NAME
            && parse_s5((struct aml){aml + i + 4, n - i - 4}, type))
            return true;
    }
    return false;
}
