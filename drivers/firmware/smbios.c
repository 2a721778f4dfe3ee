/* SPDX-License-Identifier: MIT */
/* The machine's name.  The firmware describes it in a list of structures, each
 * with its own length and strings behind it (SMBIOS 3.5 section 6.1); the list is
 * walked inside the bytes that are there, and the strings are copied as printable
 * ASCII, so that nobody can steer a terminal with a name. */
#include "smbios.h"

#include "acpi_tables.h"
#include "efi_tables.h"
#include "hv/bytes.h"
#include "hv/devmap.h"
#include "hv/firmware.h"
#include "hv/log.h"
#include "hv/string.h"

#define BIOS_SEGMENT 0xf0000u
#define BIOS_SEGMENT_BYTES 0x10000u
#define TABLE_MAX_BYTES HV_KIB(256)

enum { SM_LENGTH = 5, SM_TABLE_BYTES = 22, SM_TABLE = 24, SM_BYTES = 31 };
enum { SM3_LENGTH = 6, SM3_TABLE_BYTES = 12, SM3_TABLE = 16, SM3_BYTES = 24 };
enum { TYPE_BIOS = 0, TYPE_SYSTEM = 1, TYPE_BOARD = 2, TYPE_END = 127 };
enum { HEADER_BYTES = 4 };

HV_RO_AFTER_INIT struct machine_info machine_info = {.vendor = ""};

HV_INIT bool smbios_parse_entry(const uint8_t *p, uint32_t n, struct smbios_entry *out)
{
    if (n >= SM3_BYTES && memcmp(p, "_SM3_", 5) == 0 && p[SM3_LENGTH] >= SM3_BYTES
        && p[SM3_LENGTH] <= n && acpi_sum_ok(p, p[SM3_LENGTH])) {
        *out = (struct smbios_entry){get64(p + SM3_TABLE), get32(p + SM3_TABLE_BYTES)};
        return true;
    }
    /* Version 2.1 was published with a length one too short. */
    if (n >= SM_BYTES && memcmp(p, "_SM_", 4) == 0 && p[SM_LENGTH] >= SM_BYTES - 1
        && p[SM_LENGTH] <= n && acpi_sum_ok(p, p[SM_LENGTH])) {
        *out = (struct smbios_entry){get32(p + SM_TABLE), get16(p + SM_TABLE_BYTES)};
        return true;
    }
    return false;
}

/* One structure: its formatted part and the strings behind it. */
struct structure {
    const uint8_t *p;
    uint32_t bytes;
    const uint8_t *strings;
    uint32_t strings_bytes; /* without the NUL that ends the list */
};

/* Takes the next structure off the front of the n bytes at p; false if no whole
 * one is left. */
HV_INIT static bool next_structure(const uint8_t **p, uint32_t *n, struct structure *s)
{
    uint32_t at;

    if (*n < HEADER_BYTES || (*p)[1] < HEADER_BYTES || (*p)[1] > *n)
        return false;
    at = (*p)[1];
    *s = (struct structure){*p, at, *p + at, 0};
    for (; at + 1 < *n; at++) {
        if ((*p)[at] != 0 || (*p)[at + 1] != 0)
            continue;
        s->strings_bytes = at + 1 - s->bytes;
        *p += at + 2;
        *n -= at + 2;
        return true;
    }
    return false;
}

/* String number (1 and up) of s into dst; left as it is if there is none. */
HV_INIT static void copy_string(const struct structure *s, uint32_t field, char *dst,
                                uint32_t size)
{
    uint32_t number = field < s->bytes ? s->p[field] : 0, at = 0, n = 0;

    if (number == 0)
        return;
    for (; number > 1; number--) {
        while (at < s->strings_bytes && s->strings[at] != 0)
            at++;
        at++;
    }
    for (; at < s->strings_bytes && s->strings[at] != 0 && n + 1 < size; at++) {
        uint8_t c = s->strings[at];

        dst[n++] = c >= ' ' && c <= '~' ? (char)c : '?';
    }
    while (n > 0 && dst[n - 1] == ' ')
        n--;
    dst[n] = '\0';
}

#define NAME(name) offsetof(struct machine_info, name), sizeof(((struct machine_info *)0)->name)

static const struct {
    uint8_t type, field;
    uint32_t offset, bytes; /* in machine_info */
} names[] = {
    {TYPE_BIOS, 4, NAME(bios_vendor)}, {TYPE_BIOS, 5, NAME(bios_version)},
    {TYPE_BIOS, 8, NAME(bios_date)}, {TYPE_SYSTEM, 4, NAME(vendor)},
    {TYPE_SYSTEM, 5, NAME(product)}, {TYPE_SYSTEM, 6, NAME(version)},
    {TYPE_BOARD, 4, NAME(board_vendor)}, {TYPE_BOARD, 5, NAME(board)},
};

/* Of several boards the first that has a name counts. */
HV_INIT static void read_structure(struct machine_info *m, const struct structure *s)
{
    bool is_second = s->p[0] == TYPE_BOARD && m->board[0] != '\0';

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(names) && !is_second; i++) {
        if (names[i].type == s->p[0])
            copy_string(s, names[i].field, (char *)m + names[i].offset, names[i].bytes);
    }
}

HV_INIT void smbios_parse(struct machine_info *m, const uint8_t *p, uint32_t n)
{
    struct structure s;

    n = hv_min_u32(n, TABLE_MAX_BYTES);
    while (next_structure(&p, &n, &s) && s.p[0] != TYPE_END)
        read_structure(m, &s);
}

/* ---- where it is ---- */

HV_INIT static bool find_entry(struct smbios_entry *e)
{
    const uint64_t efi[2] = {efi_find_table(EFI_TABLE_SMBIOS3),
                             efi_find_table(EFI_TABLE_SMBIOS)};
    const uint8_t *p;

    for (uint32_t i = 0; i < 2; i++) {
        p = efi[i] != 0 ? arch_map_firmware(HPA(efi[i]), SMBIOS_ENTRY_BYTES) : NULL;
        if (p != NULL && smbios_parse_entry(p, SMBIOS_ENTRY_BYTES, e))
            return true;
    }
    p = arch_map_firmware(HPA(BIOS_SEGMENT), BIOS_SEGMENT_BYTES);
    for (uint32_t at = 0; p != NULL && at < BIOS_SEGMENT_BYTES; at += 16) {
        if (p[at] == '_' && smbios_parse_entry(p + at, BIOS_SEGMENT_BYTES - at, e))
            return true;
    }
    return false;
}

HV_INIT void smbios_init(void)
{
    struct smbios_entry e;
    const uint8_t *p;

    if (machine_info.product[0] != '\0' || !find_entry(&e))
        return; /* the loader's copy was good */
    e.bytes = hv_min_u32(e.bytes, TABLE_MAX_BYTES);
    p = arch_map_firmware(HPA(e.table), e.bytes);
    if (p == NULL)
        log_warn("SMBIOS: table at %#llx cannot be read", (unsigned long long)e.table);
    else
        smbios_parse(&machine_info, p, e.bytes);
}

HV_INIT void smbios_report(void)
{
    const struct machine_info *m = &machine_info;

    if (m->product[0] == '\0' && m->vendor[0] == '\0' && m->board[0] == '\0') {
        log_info("machine: it does not say its name (no SMBIOS)");
        return;
    }
    log_info("machine: %s %s%s%s", m->vendor, m->product,
             m->version[0] != '\0' ? " " : "", m->version);
    if (m->board[0] != '\0')
        log_info("machine: board %s %s", m->board_vendor, m->board);
    log_info("machine: firmware %s %s %s", m->bios_vendor, m->bios_version,
             m->bios_date);
}
