/* SPDX-License-Identifier: MIT */
/* What the tests of module strings and of config modules share: modules in a
 * fake physical memory, and the guests that came of them. */
#pragma once

#include "boot.h"
#include "fake.h"
#include "test.h"

#include "hv/log.h"

static __attribute__((unused)) struct boot_info bi;
static __attribute__((unused)) uint8_t elf[64] = "\177ELF";
static __attribute__((unused)) uint8_t data[512] = "initrd";

/* Modules lie 0x10000 apart from 0x200000 on. */
static __attribute__((unused)) void add(const char *string, void *bytes, uint32_t len)
{
    uint32_t base = 0x200000 + bi.nr_modules * 0x10000;

    bi.modules[bi.nr_modules++] = (struct boot_module){base, len, string};
    fake_phys_add(base, bytes, len);
}

static __attribute__((unused)) void add_kernel(const char *string)
{
    add(string, elf, sizeof(elf));
}

static __attribute__((unused)) void add_data(const char *string)
{
    add(string, data, sizeof(data));
}

static __attribute__((unused)) void add_config(const char *text)
{
    uint32_t n = (uint32_t)strlen(text);
    char *copy = malloc(n ? n : 1); /* no NUL: the sanitizer watches */

    memcpy(copy, text, n);
    add("config", copy, n);
}

static __attribute__((unused)) void start(void)
{
    memset(&bi, 0, sizeof(bi));
    fake_phys_clear();
    fake_log_clear();
    fake_guests_added = 0;
    bi.nr_regions = 1;
    bi.regions[0] = (struct boot_region){0x100000, 512ull << 20, 1};
}

/* Number of refusals. */
static __attribute__((unused)) uint32_t build(void)
{
    modules_parse(&bi);
    return log_config_errors();
}

static __attribute__((unused)) const struct guest_config *only(const char *name)
{
    const struct guest_config *c = fake_guest_added(name);

    EXPECT_EQ(fake_guests_added, 1);
    REQUIRE(c != NULL);
    return c;
}
