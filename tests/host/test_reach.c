/* SPDX-License-Identifier: MIT */
/* Modules that reach above the direct map or lie in the first MiB are copied to where
 * they can stay: contents and offset do, what they alone filled above is given back,
 * and a page that another module has a part of is never handed out. The frame
 * allocator is the real one.
 * real: pmm
 */
#include "boot.h"
#include "fake.h"
#include "test.h"

#include "arch/cpu.h"
#include "hv/cmdline.h"
#include "hv/frame.h"
#include "hv/pmm.h"

#define BELOW 0xbff00000u /* RAM around the end of the direct map */

struct hv_options hv_options;
struct cpu_features cpu_features = {.phys_bits = 36};

static void region(uint64_t base, uint64_t bytes)
{
    boot_info.regions[boot_info.nr_regions++] =
        (struct boot_region){base, bytes, BOOT_REGION_RAM};
}

/* A module of random bytes, where the loader put it. */
static uint8_t *module(uint32_t base, uint32_t bytes)
{
    static struct test_rng rng;
    uint8_t *at = malloc(bytes);

    for (uint32_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)test_random(&rng);
    fake_phys_add(base, at, bytes);
    boot_info.modules[boot_info.nr_modules++] =
        (struct boot_module){base, bytes, "m"};
    return at;
}

static void machine(void)
{
    memset(&boot_info, 0, sizeof(boot_info));
    fake_phys_clear();
    fake_log_clear();
    fake_arch.image_base = 0x100000;
    fake_arch.image_bytes = 0x100000;
    region(0x100000, 0xf00000);
    region(BELOW, 0x40000000 - 0x100000);
}

static bool same_bytes(const struct boot_module *m, const uint8_t *was)
{
    const uint8_t *at = (const uint8_t *)frame_ptr(HFN(m->base >> HV_PAGE_SHIFT)) +
                        (m->base & HV_PAGE_MASK);

    return memcmp(at, was, m->bytes) == 0;
}

static bool is_below(const struct boot_module *m)
{
    return m->base <= HV_DIRECT_END - m->bytes;
}

/* pmm_is_ram() says what the allocator counts as its own. */
static bool free_again(uint32_t pa)
{
    return pmm_is_ram(HFN(pa >> HV_PAGE_SHIFT));
}

TEST(a_module_above_comes_down)
{
    const uint8_t *was;

    machine();
    was = module(0xd0000000, 0x3456);
    pmm_init();
    boot_move_modules();
    REQUIRE(boot_info.nr_modules == 1);
    EXPECT(is_below(&boot_info.modules[0]));
    EXPECT_EQ(boot_info.modules[0].base & HV_PAGE_MASK, 0);
    EXPECT_EQ(boot_info.modules[0].bytes, 0x3456);
    EXPECT(same_bytes(&boot_info.modules[0], was));
    EXPECT(free_again(0xd0000000) && free_again(0xd0002000));
    EXPECT_EQ(boot_info.complaints, 0);
}

/* A loader may put small ones there. None of it is handed out afterwards, not even what
 * the module has left. */
TEST(a_module_in_the_first_mib_comes_up)
{
    const uint8_t *first, *second;

    machine();
    region(0x1000, 0x9e000);
    first = module(0x4000, 0x2345);
    second = module(0x6345, 0x10);
    pmm_init();
    boot_move_modules();
    REQUIRE(boot_info.nr_modules == 2);
    for (uint32_t i = 0; i < 2; i++) {
        EXPECT(boot_info.modules[i].base >= HV_LOW_END);
        EXPECT(same_bytes(&boot_info.modules[i], i == 0 ? first : second));
    }
    for (uint32_t pa = 0; pa < HV_LOW_END; pa += HV_PAGE_SIZE)
        EXPECT(!free_again(pa));
    EXPECT_EQ(boot_info.complaints, 0);
}

TEST(a_module_below_stays)
{
    uint32_t before;

    machine();
    module(HV_DIRECT_END - 0x2000, 0x2000);
    pmm_init();
    before = pmm_free_frames();
    boot_move_modules();
    EXPECT_EQ(boot_info.modules[0].base, HV_DIRECT_END - 0x2000);
    EXPECT_EQ(pmm_free_frames(), before);
}

/* One module ends and the next begins within the same page, below the end of
 * the direct map: the first one stays where it is, with that page. */
TEST(a_shared_page_is_not_given_back)
{
    const uint8_t *was;

    machine();
    module(HV_DIRECT_END - 0x3000, 0x1800);
    was = module(HV_DIRECT_END - 0x1800, 0x5800);
    pmm_init();
    boot_move_modules();
    REQUIRE(boot_info.nr_modules == 2);
    EXPECT_EQ(boot_info.modules[0].base, HV_DIRECT_END - 0x3000);
    EXPECT_EQ(boot_info.modules[1].base & HV_PAGE_MASK, 0x800);
    EXPECT(is_below(&boot_info.modules[1]));
    EXPECT(same_bytes(&boot_info.modules[1], was));
    EXPECT(!free_again(HV_DIRECT_END - 0x3000));
    EXPECT(!free_again(HV_DIRECT_END - 0x2000));
    EXPECT(free_again(HV_DIRECT_END - 0x1000));
    EXPECT(free_again(HV_DIRECT_END + 0x3000));
}

/* The same above: the second has not been copied yet when the first is. */
TEST(neighbours_above_both_come_down)
{
    const uint8_t *first, *second;

    machine();
    first = module(0xd0000000, 0x1801);
    second = module(0xd0001801, 0x27ff);
    pmm_init();
    boot_move_modules();
    REQUIRE(boot_info.nr_modules == 2);
    EXPECT(same_bytes(&boot_info.modules[0], first));
    EXPECT(same_bytes(&boot_info.modules[1], second));
    EXPECT(free_again(0xd0000000) && free_again(0xd0002000));
}

TEST(no_room_below)
{
    machine();
    module(0xd0000000, 0x1000000);
    module(0xd1000000, 0x1000);
    pmm_init();
    boot_move_modules();
    REQUIRE(boot_info.nr_modules == 1);
    EXPECT_EQ(boot_info.modules[0].bytes, 0x1000);
    EXPECT_EQ(boot_info.complaints, 1);
    EXPECT(fake_log_has("no room between 1 MiB and 3 GiB"));
    EXPECT(!free_again(0xd0000000));
}

TEST(memory_beyond_the_cpu_is_clipped)
{
    machine();
    cpu_features.phys_bits = 32;
    region(0xfff00000, 0x200000);
    region(0x200000000ull, 0x40000000);
    boot_clip_memory();
    REQUIRE(boot_info.nr_regions == 3);
    EXPECT_EQ(boot_info.regions[2].base, 0xfff00000);
    EXPECT_EQ(boot_info.regions[2].bytes, 0x100000);
    EXPECT(fake_log_has("1025 MiB lie beyond the 32 address bits"));
}
