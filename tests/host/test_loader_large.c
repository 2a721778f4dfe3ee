/* SPDX-License-Identifier: MIT */
/* Boot page tables of guests up to the largest (ABI 1.5): the map at 0 and the
 * one at PAGE_OFFSET must not run into each other nor into the last directory
 * entry, which is the switcher's.  Guest memory is host frames that appear when
 * they are written. */
#include "fake.h"
#include "test.h"

#include "hv/frame.h"
#include "hv/gmem.h"
#include "hv/loader.h"
#include "hv/range.h"

static uint32_t ram_bytes;

/* Takes the place of the fake's. */
bool gmem_write(struct guest *g, gpa_t dst, const void *src, uint32_t len)
{
    const uint8_t *from = src;

    (void)g;
    if (!range_fits(dst.v, len, ram_bytes))
        return false;
    while (len > 0) {
        uint32_t off = dst.v & 0xfff, n = hv_min_u32(len, 4096 - off);

        memcpy((uint8_t *)frame_ptr(HFN(dst.v >> 12)) + off, from, n);
        dst.v += n;
        from += n;
        len -= n;
    }
    return true;
}

static uint64_t entry_at(uint32_t pa, uint32_t index, bool wide)
{
    const uint8_t *p = frame_ptr(HFN(pa >> 12));
    uint64_t e = 0;

    memcpy(&e, p + index * (wide ? 8 : 4), wide ? 8 : 4);
    return e;
}

static uint64_t walk(uint32_t pgdir, uint32_t va, bool pae)
{
    uint64_t e = entry_at(pgdir, pae ? va >> 30 : va >> 22, pae);

    if (!(e & 1))
        return ~0ull;
    if (pae) {
        e = entry_at((uint32_t)e & ~0xfffu, va >> 21 & 511, true);
        if (!(e & 1))
            return ~0ull;
    }
    e = entry_at((uint32_t)e & ~0xfffu, pae ? va >> 12 & 511 : va >> 12 & 1023,
                 pae);
    return e & 1 ? (e & ~0xfffull) : ~0ull;
}

static struct load_result load_large(uint32_t mib, enum abi_revision abi, bool pae,
                                     const char *text)
{
    static uint8_t image[0x300] = "\177ELF\1\1\1";
    static const uint8_t header[36] = {
        2, 0, 3, 0, 1, 0, 0, 0, 0, 0, 0x10, 0, 52, 0, 0, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 52, 0, 32, 0, 1, 0,
    };
    static const uint32_t segment[8] = {1, 0x200, 0, 0x100000, 0x40, 0x40, 7, 0};
    static struct guest g;
    static struct guest_config c;
    struct load_result res = {0};
    char err[100];

    memcpy(image + 16, header, sizeof(header));
    memcpy(image + 52, segment, sizeof(segment));
    g.ram_pages = mib * 256;
    ram_bytes = mib << 20;
    c.kernel = (struct blob){image, sizeof(image)};
    c.abi = abi;
    c.pae = pae;
    memset(image + 0x200, 0, 0x40);
    memcpy(image + 0x200, text, strlen(text));
    EXPECT_EQ(loader_load(&g, &c, &res, err, sizeof(err)), 0);
    return res;
}

static void check(uint32_t mib, enum abi_revision abi, bool pae)
{
    struct load_result res = load_large(mib, abi, pae, "");
    uint64_t low = pae ? 1024 : 3072;
    uint64_t high = pae ? 1024 : 1020;

    /* In what every kernel maps of its memory, whose own view of it this is. */
    EXPECT_EQ(res.pgdir, (mib < 768 ? mib : 768) * 0x100000 - 4096);
    low = low < mib ? low : mib;
    high = high < mib ? high : mib;
    for (uint64_t m = 0; m < 4096; m++) {
        uint32_t va = (uint32_t)(m << 20) + 0x7f000;
        uint64_t want = m < low ? va
                        : m >= 3072 && m - 3072 < high ? va - 0xc0000000u : ~0ull;

        if (walk(res.pgdir, va, pae) != want) {
            test_fail(__FILE__, __LINE__, "%u MiB, abi %d, pae %d: 0x%x is 0x%llx",
                      mib, abi, pae, va,
                      (unsigned long long)walk(res.pgdir, va, pae));
            return;
        }
    }
}

TEST(two_level)
{
    check(64, ABI_2_6_31, false);
    check(1020, ABI_2_6_31, false);
    check(1024, ABI_2_6_31, false);
    check(2048, ABI_2_6_31, false);
    check(3072, ABI_2_6_31, false);
    check(3840, ABI_2_6_31, false);
}

/* 2.6.29 and 2.6.30 go on at PAGE_OFFSET like those after them. */
TEST(two_level_of_the_older_rows)
{
    check(1024, ABI_2_6_24, false);
    check(3840, ABI_2_6_30, false);
}

TEST(pae)
{
    check(64, ABI_2_6_31, true);
    check(1024, ABI_2_6_31, true);
    check(1500, ABI_2_6_31, true);
    check(3840, ABI_2_6_31, true);
}

/* What a guest lacks that says nothing of it, by version and memory. */
TEST(advice)
{
    static const struct {
        const char *version, *word;
        uint32_t mib;
    } rows[] = {
        {"Linux version 2.6.24 (x)", NULL, 96},
        {"Linux version 2.6.24.7 (x)", "HIGHMEM", 1024},
        {"Linux version 2.6.25 (x)", NULL, 880},
        {"Linux version 2.6.32.70 (x)", "HIGHMEM", 881},
        {"Linux version 3.19.8 (x)", "HIGHMEM", 1024},
        {"Linux version 4.0.5 (x)", NULL, 1024},
        {"no version at all", NULL, 1024},
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(rows); i++) {
        struct load_result res = load_large(rows[i].mib, ABI_AUTO, false, rows[i].version);

        EXPECT_EQ(res.advice != NULL, rows[i].word != NULL);
        if (res.advice && rows[i].word)
            EXPECT(strstr(res.advice, rows[i].word) != NULL);
        EXPECT_EQ(res.tagged_devices, strstr(rows[i].version, " 2.6.24") != NULL);
    }
}
