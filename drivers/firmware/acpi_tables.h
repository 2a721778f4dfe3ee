/* SPDX-License-Identifier: MIT */
/* ACPI tables as bytes.  Pure: no function here looks further than the length it
 * was given, so that the tables can be hostile; private to drivers/firmware/. */
#pragma once

#include "hv/firmware.h"

#define ACPI_RSDP_BYTES 36u   /* revision 2 and later */
#define ACPI_RSDP_V1_BYTES 20u
#define ACPI_HEADER_BYTES 36u

/* Where the two root tables are; 0: there is none. */
struct acpi_rsdp {
    uint64_t xsdt;
    uint32_t rsdt;
};

/* The bytes add up to 0. */
bool acpi_sum_ok(const uint8_t *p, uint32_t n);

/* Signature, sums and revision of a root pointer with n bytes to read
 * (5.2.5.3). Revision 0 needs 20 bytes, later ones 36; one whose XSDT part is
 * broken has only its RSDT. */
bool acpi_parse_rsdp(const uint8_t *p, uint32_t n, struct acpi_rsdp *out) HV_MUST_CHECK;

/* The length that a table's header claims (5.2.6), 0 if it is no header. */
uint32_t acpi_table_bytes(const uint8_t header[ACPI_HEADER_BYTES]);

bool acpi_table_is(const uint8_t *table, const char *signature);

/* Entry i of the RSDT or XSDT of n bytes; false behind the last one. */
bool acpi_root_entry(const uint8_t *table, uint32_t n, bool is_xsdt, uint32_t i,
                     uint64_t *pa) HV_MUST_CHECK;

/* Each fills its part of info from a table of n bytes. False
 * (and nothing changed) if it is too short to mean anything. */
bool acpi_parse_fadt(struct acpi_info *info, const uint8_t *t, uint32_t n) HV_MUST_CHECK;
bool acpi_parse_madt(struct acpi_info *info, const uint8_t *t, uint32_t n) HV_MUST_CHECK;
bool acpi_parse_hpet(struct acpi_info *info, const uint8_t *t, uint32_t n) HV_MUST_CHECK;
bool acpi_parse_mcfg(struct acpi_info *info, const uint8_t *t, uint32_t n) HV_MUST_CHECK;

/* Looks for Name (\_S5, Package () {a, b, ...}) in AML without interpreting it
 * (20.2.5.1, 20.2.3): the first place that reads like one counts. */
bool acpi_find_s5(const uint8_t *aml, uint32_t n, uint8_t type[2]) HV_MUST_CHECK;
