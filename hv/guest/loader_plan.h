/* SPDX-License-Identifier: MIT */
/* Private to loader.c and loader_boot.c: where everything goes, computed and checked
 * in full before the first byte of guest memory is written. */
#pragma once

#include "hv/loader.h"

/* The parts of low memory that belong to boot_params and command line. */
#define BOOT_PARAMS_PA 0x0000u
#define BOOT_CMDLINE_PA 0x1000u
#define BOOT_LOW_END 0x2000u

struct load_plan {
    struct guest *g;
    const struct guest_config *c;
    char *err;
    uint32_t err_bytes;

    uint32_t ram_bytes;
    enum image_kind kind;
    uint32_t entry;
    uint32_t image_end; /* highest address the image takes */
    enum abi_revision version;
    const char *advice;
    bool tagged_devices; /* of Linux 2.6.24 */

    uint32_t setup_bytes; /* bzImage: real-mode part, file bytes [0, n) */
    uint32_t payload_bytes;

    uint32_t initrd_pa, initrd_bytes; /* bytes rounded up to pages */
    uint32_t pgdir; /* 0: linear mode */
    uint32_t pmd_pa, pte_pa;
    uint32_t pte_pages;
    bool pae;
};

/* The way out, where an image is refused. */
#define WHAT_TO_TAKE "take a 32-bit Linux of 2.6.24 to 4.13 built with CONFIG_LGUEST_GUEST"

/* Writes the sentence and returns -HV_EINVAL. */
int load_fail(struct load_plan *p, const char *fmt, ...) HV_PRINTF(2, 3);

/* What memory= has to be for something that ends there. */
HV_INLINE uint32_t load_mib(uint64_t end)
{
    return (uint32_t)((end + HV_MIB(1) - 1) >> 20);
}

/* Copies to guest memory in pieces, with a preemption point after each. */
int load_copy(struct load_plan *p, uint32_t pa, const void *src, uint32_t len)
    HV_MUST_CHECK;

/* Places initrd and boot page tables; writes all but the image. */
int loader_place_boot(struct load_plan *p) HV_MUST_CHECK;
int loader_write_boot(struct load_plan *p) HV_MUST_CHECK;

/* Takes a version text found in the image: what it means for the plan, or a refusal. */
int loader_note_version(struct load_plan *p, const uint8_t *text, uint32_t len) HV_MUST_CHECK;

/* Looks through bytes of the image for its version and for the mark of 2.6.23. */
int loader_scan_version(struct load_plan *p, const uint8_t *d, uint32_t bytes) HV_MUST_CHECK;
