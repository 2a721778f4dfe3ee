/* SPDX-License-Identifier: MIT */
/* Guest descriptors (ABI 6.3, S3, SG-01, SG-02, SG-16): every attribute pattern
 * there is, against the manual's meaning of the bits (SDM 3A 3.4.5, 5.2). */
#include "fake.h"
#include "hv/vgdt.h"
#include "test.h"

/* Attributes as the 16 bits from the type on: type, S, DPL, P, limit 16 to 19,
 * AVL, L, D/B, G. */
struct attributes {
    uint32_t type, s, dpl, p, l;
};

static struct attributes attributes_of(uint64_t d)
{
    uint32_t hi = (uint32_t)(d >> 32);

    return (struct attributes){
        .type = hi >> 8 & 15,
        .s = hi >> 12 & 1,
        .dpl = hi >> 13 & 3,
        .p = hi >> 15 & 1,
        .l = hi >> 21 & 1,
    };
}

static bool is_code(const struct attributes *a)
{
    return a->type & 8;
}

static bool is_conforming(const struct attributes *a)
{
    return is_code(a) && (a->type & 4);
}

/* What may stand in the real GDT whatever the guest asked for. */
static bool is_safe(uint64_t d)
{
    struct attributes a = attributes_of(d);

    if (d == 0)
        return true;
    if (!a.s || a.l || !(a.type & 1))
        return false; /* a gate or TSS; 64-bit; the CPU would write A */
    return a.dpl == 3 || (a.dpl == 1 && !is_conforming(&a));
}

/* What a guest has a right to get as it is, DPL and A aside. */
static bool is_wanted(uint64_t d)
{
    struct attributes a = attributes_of(d);

    if (!a.p || !a.s || a.l || a.dpl == 2)
        return false;
    return !is_conforming(&a) || a.dpl == 3;
}

static uint64_t make(uint32_t attr, uint32_t base, uint32_t limit)
{
    uint64_t d = (uint64_t)attr << 40;

    d |= (uint64_t)(base & 0xffffff) << 16 | (uint64_t)(base >> 24) << 56;
    return d | (limit & 0xffff);
}

TEST(all_attribute_patterns)
{
    static const uint32_t bases[] = {0, 1, 0xffc00000, 0xffe01000, 0xffffffff};
    static const uint32_t limits[] = {0, 0x17, 0xffff};

    for (uint32_t attr = 0; attr < 0x10000; attr++) {
        for (uint32_t b = 0; b < HV_ARRAY_SIZE(bases); b++) {
            uint64_t d = make(attr, bases[b], limits[attr % 3]);
            uint64_t got = vgdt_sanitise(d);
            struct attributes a = attributes_of(d);
            uint64_t want = d | 1ull << 40;

            if (!is_safe(got))
                test_fail(__FILE__, __LINE__, "%#llx gives %#llx",
                          (unsigned long long)d, (unsigned long long)got);
            if (a.dpl == 0)
                want |= 1ull << 45;
            if (is_wanted(d))
                EXPECT_EQ(got, want);
            else if (a.p)
                EXPECT_EQ(got, 0);
            else if (got)
                EXPECT(!attributes_of(got).p);
        }
    }
}

TEST(random_descriptors_are_safe)
{
    struct test_rng rng = {1};

    for (uint32_t i = 0; i < 1000000; i++) {
        uint64_t d = (uint64_t)test_random(&rng) << 32 | test_random(&rng);

        EXPECT(is_safe(vgdt_sanitise(d)));
        EXPECT_EQ(vgdt_sanitise(vgdt_sanitise(d)), vgdt_sanitise(d));
    }
}

static bool is_host(uint32_t i)
{
    return i == 0 || i == 10 || i == 11 || i == 16 || i == 31;
}

/* SG-02: the host's entries are never taken from the guest. */
TEST(host_entries_stay)
{
    struct vcpu v;

    memset(&v, 0, sizeof(v));
    for (uint32_t i = 0; i < 32; i++)
        v.arch.gdt[i] = 0x1111u * i;
    for (uint32_t i = 0; i < 40; i++)
        vgdt_load_entry(&v, i, 0x00cffb000000ffffull);
    vgdt_load_entry(&v, 0x20000000u, 0x00cffb000000ffffull);
    vgdt_load_entry(&v, 0xffffffffu, 0x00cffb000000ffffull);
    for (uint32_t i = 0; i < 32; i++)
        EXPECT_EQ(v.arch.gdt[i], is_host(i) ? 0x1111u * i : 0x00cffb000000ffffull);
}

TEST(tls_is_entries_6_to_8)
{
    static const uint64_t tls[3] = {0x00cff2000000ffffull, 0x0000890000000067ull,
                                    0x12cf93345678abcdull};
    struct vcpu v;

    memset(&v, 0, sizeof(v));
    for (uint32_t i = 0; i < 32; i++)
        v.arch.gdt[i] = 7;
    vgdt_load_tls(&v, (const volatile uint32_t *)(const void *)tls);
    for (uint32_t i = 0; i < 32; i++) {
        if (i < 6 || i > 8)
            EXPECT_EQ(v.arch.gdt[i], 7);
    }
    EXPECT_EQ(v.arch.gdt[6], 0x00cff3000000ffffull);
    EXPECT_EQ(v.arch.gdt[7], 0);                     /* a TSS */
    EXPECT_EQ(v.arch.gdt[8], 0x12cfb3345678abcdull); /* DPL 0 becomes 1 */
}

/* ABI 1.3. */
TEST(gdt_at_start)
{
    struct vcpu v;

    memset(&v, 0, sizeof(v));
    vgdt_init(&v);
    for (uint32_t i = 0; i < 32; i++) {
        if (i != 12 && i != 13)
            EXPECT_EQ(v.arch.gdt[i], 0);
    }
    EXPECT_EQ(v.arch.gdt[12], 0x00cfbb000000ffffull);
    EXPECT_EQ(v.arch.gdt[13], 0x00cfb3000000ffffull);
}

/* ---- where an access by a segment goes ---- */

static uint64_t data(uint32_t base, uint32_t limit, uint32_t access, uint32_t flags)
{
    return (uint64_t)(limit & 0xffff) | (uint64_t)(base & 0xffffff) << 16 |
           (uint64_t)access << 40 | (uint64_t)(limit >> 16) << 48 | (uint64_t)flags << 52 |
           (uint64_t)(base >> 24) << 56;
}

#define WRITABLE 0xb3u
#define EXPAND_DOWN 0xb7u
#define IN_PAGES 0x8u
#define BIG 0x4u

static struct vcpu segmented;

static uint32_t at(uint64_t descriptor, uint32_t offset, uint32_t bytes)
{
    uint32_t linear = 0xbad;

    segmented.arch.gdt[20] = descriptor;
    return vgdt_linear(&segmented, 20 << 3 | 1, offset, bytes, &linear) ? linear : 0xbad;
}

TEST(a_store_goes_to_base_plus_offset_within_the_limit)
{
    EXPECT_EQ(at(data(0, 0xfffff, WRITABLE, IN_PAGES | BIG), 0x12345678, 4), 0x12345678);
    EXPECT_EQ(at(data(0, 0xfffff, WRITABLE, IN_PAGES | BIG), 0xfffffffc, 4), 0xfffffffc);
    EXPECT_EQ(at(data(0, 0xfffff, WRITABLE, IN_PAGES | BIG), 0xfffffffd, 4), 0xbad);
    EXPECT_EQ(at(data(0x12345678, 0xff, WRITABLE, BIG), 0xfc, 4), 0x12345774);
    EXPECT_EQ(at(data(0x12345678, 0xff, WRITABLE, BIG), 0xfd, 4), 0xbad);
    EXPECT_EQ(at(data(0x12345678, 0xff, WRITABLE, BIG), 0xff, 1), 0x12345777);
    EXPECT_EQ(at(data(0x12345678, 0, WRITABLE, IN_PAGES), 0xffc, 4), 0x12346674);
    EXPECT_EQ(at(data(0xff000000, 0xfffff, WRITABLE, IN_PAGES), 0x2000000, 4), 0x1000000);
}

TEST(below_the_limit_nothing_is_there_if_it_expands_down)
{
    EXPECT_EQ(at(data(0, 0xfff, EXPAND_DOWN, BIG), 0x1000, 4), 0x1000);
    EXPECT_EQ(at(data(0, 0xfff, EXPAND_DOWN, BIG), 0xfff, 4), 0xbad);
    EXPECT_EQ(at(data(0, 0xfff, EXPAND_DOWN, BIG), 0xfffffffc, 4), 0xfffffffc);
    EXPECT_EQ(at(data(0, 0xfff, EXPAND_DOWN, 0), 0xfffc, 4), 0xfffc);
    EXPECT_EQ(at(data(0, 0xfff, EXPAND_DOWN, 0), 0xfffd, 4), 0xbad);
}

TEST(what_cannot_be_written_is_nowhere)
{
    uint32_t linear;

    EXPECT_EQ(at(data(0, 0xff, 0xb1, BIG), 0, 4), 0xbad); /* read-only */
    EXPECT_EQ(at(data(0, 0xff, 0xbb, BIG), 0, 4), 0xbad); /* code */
    EXPECT_EQ(at(data(0, 0xff, 0x33, BIG), 0, 4), 0xbad); /* not present */
    EXPECT_EQ(at(0, 0, 4), 0xbad);
    segmented.arch.gdt[0] = segmented.arch.gdt[20] = data(0, 0xff, WRITABLE, BIG);
    EXPECT(!vgdt_linear(&segmented, 3, 0, 4, &linear)); /* null */
    EXPECT(!vgdt_linear(&segmented, 20 << 3 | 4, 0, 4, &linear)); /* an LDT */
    EXPECT(!vgdt_linear(&segmented, 32 << 3, 0, 4, &linear));
    EXPECT(!vgdt_linear(&segmented, 0xffff8, 0, 4, &linear));
}
