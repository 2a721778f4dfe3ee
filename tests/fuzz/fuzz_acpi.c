/* SPDX-License-Identifier: MIT */
/* ACPI tables of any bytes.  The input is memory: where it begins is the root
 * pointer, and every address leads into it (modulo its size), so that what one
 * byte says can be reached.  What comes out must be usable without a further look. */
#include "fake.h"
#include "fuzz.h"

#include "hv/boot_info.h"
#include "hv/devmap.h"
#include "hv/firmware.h"

#define MAX_BYTES 0x8000u
#define MAX_PIECES 4096u

static const uint8_t *memory;
static size_t memory_bytes;
static uint8_t *pieces[MAX_PIECES];
static uint32_t nr_pieces;

/* An exact copy, so that the sanitizer sees the byte behind it. */
const void *arch_map_firmware(hpa_t pa, uint32_t bytes)
{
    size_t off = pa.v < 0x100000 ? MAX_BYTES : (size_t)(pa.v % MAX_BYTES);

    if (off > memory_bytes || bytes > memory_bytes - off || nr_pieces == MAX_PIECES)
        return NULL;
    pieces[nr_pieces] = malloc(bytes);
    return memcpy(pieces[nr_pieces++], memory + off, bytes);
}

static void check_register(const struct acpi_reg *r)
{
    FUZZ_ASSERT(r->space <= ACPI_PCI);
    FUZZ_ASSERT(r->address == 0 || r->space != ACPI_IO || r->address <= 0xfffc);
    FUZZ_ASSERT(r->address == 0 || r->space != ACPI_MEMORY || r->mapped != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct acpi_info *a = &acpi_info;

    if (size < 36 || size > MAX_BYTES)
        return 0;
    memory = data;
    memory_bytes = size;
    nr_pieces = 0;
    memset(&acpi_info, 0, sizeof(acpi_info));
    memset(&boot_info, 0, sizeof(boot_info));
    boot_info.has_acpi_copy = true;
    memcpy(boot_info.acpi_rsdp, data, 36);
    boot_info.efi_system_table = 0x100000 + data[35];
    boot_info.efi_is_64 = data[34] & 1;
    acpi_init();
    for (uint32_t i = 0; i < 2; i++) {
        check_register(&a->pm1_event[i]);
        check_register(&a->pm1_control[i]);
        FUZZ_ASSERT(a->s5_type[i] <= 7);
    }
    check_register(&a->reset);
    check_register(&a->pm_timer);
    check_register(&a->sleep_control);
    FUZZ_ASSERT(a->nr_ioapics <= ACPI_MAX_IOAPICS && a->nr_mcfg <= ACPI_MAX_MCFG);
    FUZZ_ASSERT(a->present || !(a->has_fadt || a->has_madt || a->has_s5));
    while (nr_pieces > 0)
        free(pieces[--nr_pieces]);
    return 0;
}
