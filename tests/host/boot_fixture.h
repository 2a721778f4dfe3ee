/* SPDX-License-Identifier: MIT */
/* For the tests of the three formats of boot information: a piece of "physical
 * memory" that is filled by hand, and what all three must come out as. */
#pragma once

#include "boot.h"
#include "fake.h"
#include "test.h"

#define MEM_PA 0x10000u
#define MEM_BYTES 0x8000u

static uint8_t *mem; /* [MEM_PA, MEM_PA + MEM_BYTES) */
static uint32_t end; /* of what is filled */

static inline void start(void)
{
    if (!mem)
        mem = malloc(MEM_BYTES);
    memset(mem, 0, MEM_BYTES);
    end = 0;
    fake_phys_clear();
    fake_phys_add(MEM_PA, mem, MEM_BYTES);
    fake_log_clear();
}

static inline void put32(uint32_t at, uint32_t v)
{
    memcpy(mem + at, &v, 4);
}

static inline void put64(uint32_t at, uint64_t v)
{
    memcpy(mem + at, &v, 8);
}

static inline uint32_t push32(uint32_t v)
{
    put32(end, v);
    return (end += 4) - 4;
}

static inline void push64(uint64_t v)
{
    push32((uint32_t)v);
    push32((uint32_t)(v >> 32));
}

static inline uint32_t push_text(const char *s)
{
    uint32_t at = end;

    memcpy(mem + at, s, strlen(s) + 1);
    end += (uint32_t)strlen(s) + 1;
    return at;
}

static inline void expect_good(enum boot_loader loader)
{
    EXPECT_EQ(boot_info.loader, loader);
    EXPECT_STR(boot_info.cmdline, "ringside.elf console=com1");
    EXPECT_EQ(boot_info.nr_regions, 3);
    EXPECT_EQ(boot_info.regions[1].base, 0x100000);
    EXPECT_EQ(boot_info.regions[1].bytes, 0x7ee0000);
    EXPECT_EQ(boot_info.regions[2].type, 2);
    REQUIRE(boot_info.nr_modules == 2);
    EXPECT_STR(boot_info.modules[0].string, "vmlinux kernel:web");
    EXPECT_STR(boot_info.modules[1].string, "initrd:web");
    EXPECT_EQ(boot_info.modules[0].base, 0x400000);
    EXPECT_EQ(boot_info.modules[0].bytes, 0x123456);
    EXPECT_EQ(boot_info.modules[1].base, 0x600000);
    EXPECT_EQ(boot_info.modules[1].bytes, 1);
    EXPECT_EQ(boot_info.complaints, 0);
    EXPECT_EQ(fake_log_lines, 0);
}

/* What GRUB makes of its arguments, and what was meant.  Behind a "--" the quotes around
 * an argument stay: Linux takes them off as it does those of GRUB's `linux`. */
static const struct {
    const char *given, *meant;
} grub_texts[] = {
    {"kernel:web memory=96 -- quiet", "kernel:web memory=96 -- quiet"},
    {"\"kernel:web memory=96 -- quiet\"", "kernel:web memory=96 -- quiet"},
    {"\"kernel:web memory=96\" -- quiet", "kernel:web memory=96 -- quiet"},
    {"kernel:web \"memory=96 cap=4\" \"-- a b\"", "kernel:web memory=96 cap=4 -- a b"},
    {"kernel:web -- \"x=a b\" c", "kernel:web -- \"x=a b\" c"},
    {"\"kernel:web -- a\" \"x=a b\"", "kernel:web -- a \"x=a b\""},
    {"kernel:web -- \"x=\\\"a b\\\"\" c", "kernel:web -- x=\"a b\" c"},
    {"\"kernel:web -- x=\\\"a b\\\"\"", "kernel:web -- x=\"a b\""},
    {"kernel:web -- it\\'s \\\"q\\\" a\\\\b", "kernel:web -- it's \"q\" a\\b"},
    {"kernel:web -- \\x41 \\\\x4g", "kernel:web -- \\x41 \\x4g"},
    {"--x \"a b\" x-- \"c d\"", "--x a b x-- c d"},
    {"a  b ", "a  b "},
    {"\"\"", ""},
    {"\"", ""},
    {"\\", "\\"},
    {"a\"b", "a\"b"},
    {"-- \"", "-- "},
    {"-- \"a b", "-- a b"},
    {"-- \"\" \"", "-- \"\" "},
    {"\"a b\"c d", "a bc d"},
    {"\"a\\", "a\\"},
    {"'a b'", "'a b'"},
};

static inline void push_entry(uint64_t base, uint64_t bytes, uint32_t type)
{
    push64(base);
    push64(bytes);
    push64(type);
}

/* Random bytes, n of them at most, in [0, below) of memory. */
static inline void damage(struct test_rng *r, uint32_t n, uint32_t below)
{
    for (uint32_t k = test_random_below(r, n + 1); k > 0; k--)
        mem[test_random_below(r, below)] = (uint8_t)test_random(r);
}

/* What comes out keeps the promises of hv/boot_info.h, whatever went in. */
static inline void check_promises(void)
{
    REQUIRE(boot_info.nr_modules <= BOOT_MAX_MODULES);
    REQUIRE(boot_info.nr_regions <= BOOT_MAX_REGIONS);
    REQUIRE(memchr(boot_info.cmdline, 0, BOOT_CMDLINE_BYTES));
    for (uint32_t i = 0; i < boot_info.nr_modules; i++) {
        const struct boot_module *m = &boot_info.modules[i];
        uint64_t last = (uint64_t)m->base + m->bytes;

        REQUIRE(m->bytes > 0 && m->base >= 0x1000 && last <= 0x100000000ull);
        REQUIRE(last <= 0x100000 || m->base >= 0x180000);
        REQUIRE(strlen(m->string) < BOOT_MODSTR_BYTES);
    }
}
