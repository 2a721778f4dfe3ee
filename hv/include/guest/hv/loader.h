/* SPDX-License-Identifier: MIT */
/* Guest images into guest memory: ELF32 and bzImage, boot_params, initrd,
 * boot page tables for 2.6.24 to 3.0 (ABI section 1). The image is hostile. */
#pragma once

#include "hv/guest_config.h"

struct guest;

/* Where boot page tables have RAM a second time, for a kernel of the usual layout. */
#define LOADER_HIGH_MAP 0xc0000000u

struct load_result {
    uint32_t entry;            /* initial EIP */
    uint32_t pgdir;            /* guest-physical boot page directory, 0: linear mode */
    enum abi_revision version; /* what the image's version string says, or ABI_AUTO */
    bool tagged_devices;       /* Linux 2.6.24: devices are described to it in its way */
    const char *advice;        /* a sentence for who wonders what is missing, or NULL */
};

/* Loads c->kernel and c->initrd into g, whose RAM (g->ram_pages) is zero.
 * On failure writes one sentence into err and changes nothing outside guest
 * memory.  0, -HV_EINVAL, -HV_E2BIG. */
int loader_load(struct guest *g, const struct guest_config *c,
                struct load_result *out, char *err, uint32_t err_bytes) HV_MUST_CHECK;

/* Image checks without a guest: what it is. */
enum image_kind { IMAGE_NONE, IMAGE_ELF32, IMAGE_BZIMAGE };
enum image_kind loader_probe(const uint8_t *data, uint32_t bytes);

/* "2.6.35.4-x" -> row; ABI_AUTO if it is no version of the range. */
enum abi_revision abi_revision_of_version(const char *text, uint32_t len);
