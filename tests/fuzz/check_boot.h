/* SPDX-License-Identifier: MIT */
/* What struct boot_info promises, whatever the loader wrote; used by the fuzz
 * targets of the three formats.  Their input is physical memory from BOOT_AT on,
 * with the information structure at its beginning. */
#pragma once

#include "boot.h"
#include "fake.h"
#include "fuzz.h"

#define BOOT_AT 0x10000u
#define BOOT_MAX_BYTES 0x10000u

static inline void check_boot_info(void)
{
    const struct boot_info *b = &boot_info;

    FUZZ_ASSERT(b->nr_modules <= BOOT_MAX_MODULES);
    FUZZ_ASSERT(b->nr_regions <= BOOT_MAX_REGIONS);
    FUZZ_ASSERT(memchr(b->cmdline, 0, BOOT_CMDLINE_BYTES) != NULL);
    FUZZ_ASSERT(b->strings_used <= sizeof(b->strings));
    for (uint32_t i = 0; i < b->nr_regions; i++) {
        const struct boot_region *r = &b->regions[i];

        FUZZ_ASSERT(r->bytes > 0 && ((r->base | r->bytes) & 0xfff) == 0);
        FUZZ_ASSERT(r->type >= BOOT_REGION_RAM && r->type <= BOOT_REGION_BAD);
        FUZZ_ASSERT(r->base + r->bytes <= 1ull << 44);
        FUZZ_ASSERT(i == 0 || r[-1].base + r[-1].bytes <= r->base);
    }
    for (uint32_t i = 0; i < b->nr_modules; i++) {
        const struct boot_module *m = &b->modules[i];
        uint64_t end = (uint64_t)m->base + m->bytes;

        FUZZ_ASSERT(m->bytes > 0 && m->base >= 0x1000 && end <= 0x100000000ull);
        FUZZ_ASSERT(end <= fake_arch.image_base ||
                    m->base >= fake_arch.image_base + fake_arch.image_bytes);
        FUZZ_ASSERT(m->string >= b->strings &&
                    m->string + strlen(m->string) < b->strings + sizeof(b->strings));
        for (uint32_t k = 0; k < i; k++)
            FUZZ_ASSERT(end <= b->modules[k].base ||
                        m->base >= (uint64_t)b->modules[k].base + b->modules[k].bytes);
    }
}

static inline int fuzz_boot(uint32_t magic, const uint8_t *data, size_t size)
{
    if (size > BOOT_MAX_BYTES)
        return 0;
    fake_phys_clear();
    fake_phys_add(BOOT_AT, (uint8_t *)(uintptr_t)data, (uint32_t)size);
    boot_info_init(magic, BOOT_AT);
    check_boot_info();
    return 0;
}
