/* SPDX-License-Identifier: MIT */
/* For the tests of the loader: a guest with 4 MiB, an image that is made by hand,
 * and what a refusal must look like. */
#pragma once

#include "fake.h"
#include "test.h"

#include "hv/abi.h"
#include "hv/loader.h"

#define RAM_PAGES 1024u /* 4 MiB */
#define RAM_BYTES (RAM_PAGES * 4096u)

static struct guest *g;
static uint8_t *ram;
static struct guest_config c;
static struct load_result res;
static char err[192];

static inline void start(uint32_t pages)
{
    if (g)
        fake_gmem_free(g);
    g = fake_gmem_guest(pages, 0);
    ram = fake_gmem_bytes(g);
    memset(&c, 0, sizeof(c));
    c.pae = -1;
    memset(&res, 0, sizeof(res));
}

static inline int load(void)
{
    return loader_load(g, &c, &res, err, sizeof(err));
}

static inline uint32_t get32(uint32_t at)
{
    uint32_t v;

    memcpy(&v, ram + at, 4);
    return v;
}

static inline uint64_t get64(uint32_t at)
{
    return get32(at) | (uint64_t)get32(at + 4) << 32;
}

static inline bool ram_is_clean(void)
{
    for (uint32_t i = 0; i < g->ram_pages * 4096; i++) {
        if (ram[i])
            return false;
    }
    return true;
}

/* A refusal: a sentence, nothing written. */
static inline void refused(const char *text)
{
    int rc = load();

    EXPECT(rc == -HV_EINVAL || rc == -HV_E2BIG);
    if (!strstr(err, text))
        test_fail(__FILE__, __LINE__, "\"%s\" is not in \"%s\"", text, err);
    EXPECT(ram_is_clean());
}

/* ---- ELF ---- */

struct seg {
    uint32_t type, offset, vaddr, paddr, filesz, memsz;
};

static uint8_t *image;
static uint32_t image_bytes;

static inline void put16(uint32_t at, uint32_t v)
{
    image[at] = (uint8_t)v;
    image[at + 1] = (uint8_t)(v >> 8);
}

static inline void put32(uint32_t at, uint32_t v)
{
    memcpy(image + at, &v, 4);
}

/* Contents of the file from 0x200 on: byte n is n * 7. */
static inline void make_elf(uint32_t bytes, uint32_t entry, const struct seg *s,
                     uint32_t n)
{
    free(image);
    image = malloc(bytes);
    image_bytes = bytes;
    for (uint32_t i = 0; i < bytes; i++)
        image[i] = (uint8_t)(i * 7);
    memset(image, 0, 0x200);
    memcpy(image, "\177ELF\1\1\1", 7);
    put16(16, 2);
    put16(18, 3);
    put32(20, 1);
    put32(24, entry);
    put32(28, 52);
    put16(40, 52);
    put16(42, 32);
    put16(44, n);
    for (uint32_t i = 0; i < n && 52 + 32 * (i + 1) <= 0x200; i++) {
        put32(52 + 32 * i, s[i].type);
        put32(52 + 32 * i + 4, s[i].offset);
        put32(52 + 32 * i + 8, s[i].vaddr);
        put32(52 + 32 * i + 12, s[i].paddr);
        put32(52 + 32 * i + 16, s[i].filesz);
        put32(52 + 32 * i + 20, s[i].memsz);
    }
    c.kernel = (struct blob){image, bytes};
}

static inline void good_elf(void)
{
    static const struct seg s[] = {
        {1, 0x200, 0xc0100000, 0x100000, 0x1003, 0x1003},
        {4, 0, 0, 0, 0xffffffff, 0}, /* PT_NOTE: not looked at */
        {1, 0x1203, 0xc0200000, 0x200000, 0x10, 0x100000},
    };

    start(RAM_PAGES);
    make_elf(0x2000, 0x100004, s, 3);
}
