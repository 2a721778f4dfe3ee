/* SPDX-License-Identifier: MIT */
/* Finding the ACPI tables: the root pointer from the loader, from EFI or from
 * the BIOS area, then the tables it leads to.  Each is mapped, its length and
 * its sum are checked, and what is needed of it is copied into acpi_info.  What is
 * damaged costs as little as it can: a second table, a second place, a warning. */
#include "acpi_tables.h"

#include "efi_tables.h"
#include "hv/boot_info.h"
#include "hv/bytes.h"
#include "hv/devmap.h"
#include "hv/log.h"

/* Longer than any real table, and short enough to add up. */
#define TABLE_MAX_BYTES HV_MIB(1)
#define ROOT_MAX_ENTRIES 128u
#define MAX_SSDTS 32u

#define BDA_EBDA_SEGMENT 0x40eu
#define BIOS_AREA 0xe0000u
#define BIOS_AREA_BYTES 0x20000u
#define EBDA_BYTES 1024u
#define EBDA_LOWEST 0x80000u

HV_RO_AFTER_INIT struct acpi_info acpi_info = {0};

/* ---- the root pointer ---- */

HV_INIT static bool good_rsdp(const uint8_t *p, uint32_t n, const char *from,
                              struct acpi_rsdp *out)
{
    if (p == NULL)
        return false;
    if (acpi_parse_rsdp(p, n, out))
        return true;
    log_warn("ACPI: the root pointer from %s is damaged", from);
    return false;
}

HV_INIT static bool good_rsdp_at(uint64_t pa, const char *from, struct acpi_rsdp *out)
{
    const uint8_t *p = pa != 0 ? arch_map_firmware(HPA(pa), ACPI_RSDP_BYTES) : NULL;

    return good_rsdp(p, ACPI_RSDP_BYTES, from, out);
}

/* On 16-byte borders of the first KiB of the EBDA and of the BIOS area
 * (5.2.5.1). */
HV_INIT static bool scan_rsdp(uint64_t pa, uint32_t bytes, struct acpi_rsdp *out)
{
    const uint8_t *p = arch_map_firmware(HPA(pa), bytes);

    if (p == NULL)
        return false;
    for (uint32_t at = 0; at + ACPI_RSDP_V1_BYTES <= bytes; at += 16) {
        if (p[at] == 'R' && acpi_parse_rsdp(p + at, bytes - at, out))
            return true;
    }
    return false;
}

HV_INIT static bool scan_bios_area(struct acpi_rsdp *out)
{
    const uint8_t *word = arch_map_firmware(HPA(BDA_EBDA_SEGMENT), 2);
    uint32_t ebda = word != NULL ? (uint32_t)get16(word) << 4 : 0;

    if (ebda >= EBDA_LOWEST && ebda <= 0xa0000 - EBDA_BYTES
        && scan_rsdp(ebda, EBDA_BYTES, out))
        return true;
    return scan_rsdp(BIOS_AREA, BIOS_AREA_BYTES, out);
}

HV_INIT static bool find_rsdp(struct acpi_rsdp *out)
{
    return (boot_info.has_acpi_copy
            && good_rsdp(boot_info.acpi_rsdp, sizeof(boot_info.acpi_rsdp),
                         "the loader", out))
        || good_rsdp_at(boot_info.rsdp, "the loader", out)
        || good_rsdp_at(efi_find_table(EFI_TABLE_ACPI_20), "EFI", out)
        || good_rsdp_at(efi_find_table(EFI_TABLE_ACPI_10), "EFI", out)
        || scan_bios_area(out);
}

/* ---- tables ---- */

/* What kind of table lies at pa; NULL if nothing can be read there. */
HV_INIT static const uint8_t *map_header(uint64_t pa)
{
    return pa != 0 ? arch_map_firmware(HPA(pa), ACPI_HEADER_BYTES) : NULL;
}

/* The whole table at pa, else NULL; one line says what is wrong with it. A wrong
 * sum alone is no reason where more would be lost than it protects: instead says what
 * is done with such a table, NULL: it is used. */
HV_INIT static const uint8_t *map_table(uint64_t pa, const char *signature,
                                        const char *instead, uint32_t *n)
{
    const uint8_t *t = map_header(pa);
    const char *fault = NULL, *result = "not used";

    *n = t != NULL ? acpi_table_bytes(t) : 0;
    if (t == NULL)
        fault = "cannot be read";
    else if (!acpi_table_is(t, signature))
        fault = "is another table";
    else if (*n == 0 || *n > TABLE_MAX_BYTES)
        fault = "has an impossible length";
    else if ((t = arch_map_firmware(HPA(pa), *n)) == NULL)
        fault = "cannot be read";
    if (fault != NULL) {
        t = NULL;
    } else if (!acpi_sum_ok(t, *n)) {
        fault = "has a wrong sum";
        result = instead != NULL ? instead : "used all the same";
        t = instead != NULL ? NULL : t;
    }
    if (fault != NULL)
        log_warn("ACPI: table %s at %#llx %s, %s", signature, (unsigned long long)pa,
                 fault, result);
    return t;
}

/* The tables that are read, and which have been: the first of a kind counts. Without
 * the FADT nothing can switch the machine off, and Linux uses a damaged one too; what
 * the others tell has a usual place or does without. */
static const struct wanted {
    const char *signature;
    bool (*parse)(struct acpi_info *info, const uint8_t *t, uint32_t n);
    const char *if_sum_wrong;
} wanted[] = {
    {"FACP", acpi_parse_fadt, NULL},
    {"APIC", acpi_parse_madt, "not used"},
    {"HPET", acpi_parse_hpet, "not used"},
    {"MCFG", acpi_parse_mcfg, "not used"},
};

HV_INIT static void read_table(uint64_t pa, uint32_t *seen)
{
    const uint8_t *header = map_header(pa);
    uint32_t n;

    for (uint32_t i = 0; header != NULL && i < HV_ARRAY_SIZE(wanted); i++) {
        const struct wanted *w = &wanted[i];
        const uint8_t *t;

        if (!acpi_table_is(header, w->signature) || (*seen & HV_BIT(i)))
            continue;
        t = map_table(pa, w->signature, w->if_sum_wrong, &n);
        if (t == NULL)
            return;
        *seen |= HV_BIT(i);
        if (!w->parse(&acpi_info, t, n))
            log_warn("ACPI: table %s makes no sense, not used", w->signature);
    }
}

/* ---- the root table ---- */

struct root {
    const uint8_t *t;
    uint32_t n;
    bool is_xsdt;
};

HV_INIT static bool map_root(const struct acpi_rsdp *r, bool is_xsdt,
                             const char *if_sum_wrong, struct root *out)
{
    uint64_t pa = is_xsdt ? r->xsdt : r->rsdt;

    if (pa == 0)
        return false;
    out->is_xsdt = is_xsdt;
    out->t = map_table(pa, is_xsdt ? "XSDT" : "RSDT", if_sum_wrong, &out->n);
    return out->t != NULL;
}

/* The XSDT, else the RSDT. One with a wrong sum comes last, but is used: what it
 * leads to is checked table by table. */
HV_INIT static bool find_root(const struct acpi_rsdp *r, struct root *out)
{
    return map_root(r, true, "put off", out) || map_root(r, false, "put off", out)
        || map_root(r, true, NULL, out) || map_root(r, false, NULL, out);
}

HV_INIT static void read_tables(const struct root *root, uint32_t *seen)
{
    uint64_t pa;

    for (uint32_t i = 0; i < ROOT_MAX_ENTRIES
         && acpi_root_entry(root->t, root->n, root->is_xsdt, i, &pa); i++)
        read_table(pa, seen);
}

/* ---- \_S5 ---- */

HV_INIT static void look_for_s5(uint64_t pa, const char *signature)
{
    uint32_t n;
    const uint8_t *t = map_table(pa, signature, NULL, &n);

    if (t != NULL)
        acpi_info.has_s5 = acpi_find_s5(t + ACPI_HEADER_BYTES, n - ACPI_HEADER_BYTES,
                                        acpi_info.s5_type);
}

/* The DSDT has it on every machine but those that moved it to an SSDT. */
HV_INIT static void find_s5(const struct root *root)
{
    uint32_t ssdts = 0;
    uint64_t pa;

    for (uint32_t i = 0; i < 2 && !acpi_info.has_s5; i++) {
        if (acpi_info.dsdt[i] != 0)
            look_for_s5(acpi_info.dsdt[i], "DSDT");
    }
    for (uint32_t i = 0; i < ROOT_MAX_ENTRIES && !acpi_info.has_s5
         && acpi_root_entry(root->t, root->n, root->is_xsdt, i, &pa); i++) {
        const uint8_t *header = map_header(pa);

        if (header != NULL && acpi_table_is(header, "SSDT") && ssdts++ < MAX_SSDTS)
            look_for_s5(pa, "SSDT");
    }
}

/* ---- registers ---- */

HV_INIT static void map_register(struct acpi_reg *r)
{
    if (r->address == 0 || r->space != ACPI_MEMORY)
        return;
    r->mapped = arch_map_device(HPA(r->address), 4);
    if (r->mapped == NULL)
        r->address = 0;
}

/* Ahead of time: whoever powers off may be in a panic. */
HV_INIT static void map_registers(struct acpi_info *a)
{
    for (uint32_t i = 0; i < 2; i++) {
        map_register(&a->pm1_event[i]);
        map_register(&a->pm1_control[i]);
    }
    map_register(&a->sleep_control);
    map_register(&a->reset);
    map_register(&a->pm_timer);
}

HV_INIT void acpi_init(void)
{
    struct acpi_rsdp rsdp;
    struct root root;
    uint32_t seen = 0;

    if (!find_rsdp(&rsdp) || !find_root(&rsdp, &root))
        return;
    log_debug("ACPI: %s", root.is_xsdt ? "XSDT" : "RSDT");
    acpi_info.present = true;
    read_tables(&root, &seen);
    /* Some firmware has an XSDT that leads nowhere beside an RSDT that is good. */
    if (!acpi_info.has_fadt && root.is_xsdt && map_root(&rsdp, false, "not used", &root))
        read_tables(&root, &seen);
    if (acpi_info.has_fadt)
        find_s5(&root);
    map_registers(&acpi_info);
}

HV_INIT void acpi_report(void)
{
    const struct acpi_info *a = &acpi_info;

    if (!a->present) {
        log_info("ACPI: none");
        return;
    }
    log_info("ACPI: %u CPUs, %u I/O APICs%s%s, power off %s", a->nr_cpus,
             a->nr_ioapics, a->hpet_base != 0 ? ", HPET" : "",
             a->nr_mcfg != 0 ? ", MCFG" : "", a->has_s5 ? "by S5" : "unknown");
}
