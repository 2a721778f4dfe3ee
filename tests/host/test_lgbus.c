/* SPDX-License-Identifier: MIT */
/* The lguest bus as a guest sees it (ABI 10a): the descriptor page to the byte,
 * NOTIFY, both status protocols, and a guest that rewrites the page. */
#include "test.h"

#include "fake_vdev.h"

#include "guest-abi/device_page.h"
#include "../../hv/vdev/vdev_priv.h"

#include <string.h>

#define RAM (FAKE_RAM_PAGES * HV_PAGE_SIZE)
#define STATUS 4u

/* Order with two disks. */
enum { NET, VDA, VDB, RNG, CONSOLE };

static uint8_t disk_bytes[2][4096];

static struct fake_guest *two_disks_for(bool tagged)
{
    const struct guest_disk disks[2] = {
        {"vda", false, disk_bytes[0], 4096},
        {"vdb", true, disk_bytes[1], 4096 - 100},
    };

    fake_reset();
    fake_tagged_devices = tagged;
    return fake_guest_new(0, disks, 2);
}

static struct fake_guest *two_disks(void)
{
    return two_disks_for(false);
}

static struct vdev *dev(struct fake_guest *f, uint32_t n)
{
    return &f->g.vdevs->dev[n];
}

static bool notify_status(struct fake_guest *f, uint32_t n, uint8_t status)
{
    uint32_t desc = fake_bus_desc(f, n);

    f->mem[desc + STATUS] = status;
    return vdev_notify(&f->g, desc);
}

TEST(lgbus_page_is_as_the_abi_says)
{
    struct fake_guest *f = two_disks();
    static const uint8_t types[] = {1, 2, 2, 4, 3};
    static const uint8_t queues[] = {2, 1, 1, 1, 2};
    static const uint8_t features[] = {4, 4, 4, 0, 0};
    static const uint8_t config[] = {8, 16, 16, 0, 0};
    uint32_t at = RAM, irq = 1, pfn = FAKE_RAM_PAGES + 1;

    EXPECT(f != NULL);
    for (uint32_t n = 0; n < 5; n++) {
        EXPECT_EQ(fake_bus_desc(f, n), at);
        EXPECT_EQ(f->mem[at], types[n]);
        EXPECT_EQ(f->mem[at + 1], queues[n]);
        EXPECT_EQ(f->mem[at + 2], features[n]);
        EXPECT_EQ(f->mem[at + 3], config[n]);
        EXPECT_EQ(f->mem[at + 4], 0);
        for (uint32_t q = 0; q < queues[n]; q++) {
            EXPECT_EQ(fake_get(f, at + 5 + 8 * q, 2), 256u);
            EXPECT_EQ(fake_get(f, at + 7 + 8 * q, 2), irq++);
            EXPECT_EQ(fake_get(f, at + 9 + 8 * q, 4), pfn);
            pfn += 3;
        }
        at += 5u + 8u * queues[n] + 2u * features[n] + config[n];
    }
    EXPECT_EQ(f->mem[at], 0); /* the end */
    EXPECT_EQ(pfn, f->g.limit_pages);
    fake_reset();
}

TEST(lgbus_offers_the_features_and_configuration_of_the_abi)
{
    struct fake_guest *f = two_disks();
    uint32_t net = fake_bus_desc(f, NET), vda = fake_bus_desc(f, VDA);
    uint32_t vdb = fake_bus_desc(f, VDB);
    static const uint8_t mac[6] = {2, 'R', 'S', 0, 0, 1};

    EXPECT_EQ(fake_get(f, net + 21, 4), 1u << 5 | 1u << 28);
    EXPECT_EQ(fake_get(f, net + 25, 4), 0u);
    EXPECT_EQ(memcmp(f->mem + net + 29, mac, 6), 0);
    EXPECT_EQ(fake_get(f, vda + 13, 4), 1u | 1u << 2 | 1u << 9 | 1u << 28);
    EXPECT_EQ(fake_get(f, vdb + 13, 4), 1u | 1u << 2 | 1u << 5 | 1u << 9 | 1u << 28);
    EXPECT_EQ(fake_get(f, vda + 21, 4), 8u); /* sectors */
    EXPECT_EQ(fake_get(f, vdb + 21, 4), 7u); /* whole ones only */
    EXPECT_EQ(fake_get(f, vda + 25, 4), 0u);
    EXPECT_EQ(fake_get(f, vda + 33, 4), 254u);
    fake_reset();
}

/* Linux 2.6.24: three bytes, then fields that have a tag and a length. */
TEST(lgbus_page_of_2_6_24)
{
    static const uint8_t types[] = {1, 2, 2, 4, 3}, queues[] = {2, 1, 1, 1, 2};
    static const uint8_t more[] = {2 + 6, 2 + 8 + 2 + 4, 2 + 8 + 2 + 4, 0, 0};
    static const uint8_t mac[] = {0x41, 6, 2, 'R', 'S', 0, 0, 1};
    static const uint8_t capacity[] = {0x41, 8, 8, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t seg_max[] = {0x43, 4, 254, 0, 0, 0};
    uint32_t at = RAM, irq = 1, pfn = FAKE_RAM_PAGES + 1;
    struct fake_guest *f = two_disks_for(true);

    for (uint32_t n = 0; n < 5; n++) {
        uint32_t p = at + 3;

        EXPECT_EQ(f->mem[at], types[n]);
        EXPECT_EQ(f->mem[at + 1], 10 * queues[n] + more[n]);
        EXPECT_EQ(f->mem[at + 2], 0);
        for (uint32_t q = 0; q < queues[n]; q++, p += 10) {
            EXPECT_EQ(fake_get(f, p, 2), 0x0802u);
            EXPECT_EQ(fake_get(f, p + 2, 2), 256u);
            EXPECT_EQ(fake_get(f, p + 4, 2), irq++);
            EXPECT_EQ(fake_get(f, p + 6, 4), pfn);
            pfn += 3;
        }
        if (n == NET)
            EXPECT_EQ(memcmp(f->mem + p, mac, sizeof(mac)), 0);
        if (n == VDA) {
            EXPECT_EQ(memcmp(f->mem + p, capacity, sizeof(capacity)), 0);
            EXPECT_EQ(memcmp(f->mem + p + sizeof(capacity), seg_max, sizeof(seg_max)), 0);
        }
        at = p + more[n];
    }
    EXPECT_EQ(f->mem[at], 0); /* the end */
    /* A kick starts it, and there is nothing to accept, whatever the page says. */
    memset(f->mem + RAM + 3, 0xff, 64);
    EXPECT(vdev_notify(&f->g, dev(f, NET)->bus_ring));
    EXPECT_EQ(dev(f, NET)->state, VDEV_STARTED);
    EXPECT_EQ(dev(f, NET)->accepted, 0u);
    /* The status is the third byte. */
    f->mem[RAM + 2] = GABI_DEV_FAILED;
    EXPECT(vdev_notify(&f->g, RAM));
    EXPECT_EQ(dev(f, NET)->state, VDEV_FAILED);
    fake_reset();
}

TEST(lgbus_with_the_most_disks_fits_its_page)
{
    struct guest_disk disks[GUEST_MAX_DISKS];
    struct fake_guest *f;

    fake_reset();
    for (uint32_t i = 0; i < GUEST_MAX_DISKS; i++)
        disks[i] = (struct guest_disk){"vda", false, disk_bytes[0], 4096};
    f = fake_guest_new(0, disks, GUEST_MAX_DISKS);
    EXPECT(f != NULL);
    EXPECT_EQ(f->mem[fake_bus_desc(f, 10)], GABI_DEV_CONSOLE);
    EXPECT_EQ(fake_bus_desc(f, 11), 0u);
    EXPECT_EQ(fake_bus_irq(f, 10, 1), 13u);
    EXPECT_EQ(fake_bus_ring(f, 10, 1) + 3 * HV_PAGE_SIZE, f->mem_bytes);
    fake_reset();
}

TEST(lgbus_destroy_gives_all_pages_back)
{
    struct fake_guest *f = two_disks();

    EXPECT(fake.pages_allocated > 0);
    vdev_destroy(&f->g);
    EXPECT_EQ(fake.pages_allocated, 0u);
    vdev_destroy(&f->g); /* harmless */
    EXPECT_EQ(fake.pages_allocated, 0u);
    fake_reset();
}

TEST(lgbus_notify_knows_its_addresses_and_no_others)
{
    struct fake_guest *f = two_disks();

    EXPECT(vdev_notify(&f->g, 0));
    for (uint32_t n = 0; n < 5; n++) {
        EXPECT(vdev_notify(&f->g, fake_bus_desc(f, n)));
        EXPECT(vdev_notify(&f->g, fake_bus_ring(f, n, 0)));
        EXPECT(!vdev_notify(&f->g, fake_bus_desc(f, n) + 1));
        EXPECT(!vdev_notify(&f->g, fake_bus_ring(f, n, 0) + 0x1000));
    }
    EXPECT(vdev_notify(&f->g, RAM - 1));
    EXPECT(!vdev_notify(&f->g, f->mem_bytes));
    EXPECT(!vdev_notify(&f->g, 0xffc00000u));
    EXPECT(!vdev_notify(&f->g, 0xffffffffu));
    EXPECT(!vdev_notify(&f->g, 0x80000000u));
    fake_reset();
}

TEST(lgbus_early_string_reaches_the_console)
{
    struct fake_guest *f = two_disks();

    memcpy(f->mem + 0x1234, "hello\n", 7);
    EXPECT(vdev_notify(&f->g, 0x1234));
    EXPECT_EQ(fake.console_bytes, 6u);
    EXPECT_EQ(memcmp(fake.console, "hello\n", 6), 0);
    EXPECT(fake.console_guest == &f->g);
    fake_reset();
}

/* Neither the end of RAM nor a missing NUL lets it read on: the descriptor
 * page behind RAM begins with a byte that is not 0. */
TEST(lgbus_early_string_stops_at_the_end_of_ram)
{
    struct fake_guest *f = two_disks();

    memset(f->mem + RAM - 100, 'x', 100);
    EXPECT(vdev_notify(&f->g, RAM - 100));
    EXPECT_EQ(fake.console_bytes, 100u);
    fake.console_bytes = 0;
    EXPECT(vdev_notify(&f->g, RAM - 1));
    EXPECT_EQ(fake.console_bytes, 1u);
    fake_reset();
}

TEST(lgbus_early_string_is_bounded)
{
    struct fake_guest *f = two_disks();

    memset(f->mem + 0x1000, 'x', 0x8000);
    EXPECT(vdev_notify(&f->g, 0x1000));
    EXPECT_EQ(fake.console_bytes, 4096u);
    fake.console_bytes = 0;
    f->mem[0x1000 + 2047] = 0; /* the last byte of a piece */
    EXPECT(vdev_notify(&f->g, 0x1000));
    EXPECT_EQ(fake.console_bytes, 2047u);
    fake_reset();
}

static struct fake_guest *typing_to;

static void type_a_key(void)
{
    vconsole_input(&typing_to->g, (const uint8_t *)"k", 1);
}

static void end_the_guest(void)
{
    typing_to->g.end = END_KILLED;
}

/* Keys that come in the middle are there afterwards; a guest that ends in the
 * middle is not read from any more. */
TEST(lgbus_early_string_with_interrupts_in_between)
{
    struct fake_guest *f = typing_to = two_disks();
    struct fake_ring in;

    fake_bus_start(f, CONSOLE);
    in = fake_ring_legacy(f, fake_bus_ring(f, CONSOLE, 0), 256);
    fake_desc(&in, 0, 0x8000, 64, 2, 0);
    fake_avail(&in, 0);
    memset(f->mem + 0x1000, 'x', 0x2000);
    fake_on_preempt = type_a_key;
    EXPECT(vdev_notify(&f->g, 0x1000));
    EXPECT_EQ(fake.console_bytes, 4096u);
    EXPECT_EQ(fake_used_idx(&in), 1u);
    EXPECT_EQ(f->mem[0x8000], 'k');

    fake.console_bytes = 0;
    fake_on_preempt = end_the_guest;
    EXPECT(vdev_notify(&f->g, 0x1000));
    EXPECT(fake.console_bytes <= 256);
    fake_reset();
}

/* Up to 3.0 each status is announced and DRIVER_OK means go. */
TEST(lgbus_starts_by_the_older_protocol)
{
    struct fake_guest *f = two_disks();
    uint32_t accepted = fake_bus_desc(f, VDA) + 17;

    EXPECT(notify_status(f, VDA, 0));
    EXPECT(notify_status(f, VDA, 1));
    EXPECT_EQ(dev(f, VDA)->state, VDEV_RESET);
    EXPECT(notify_status(f, VDA, 3));
    fake_put(f, accepted, 4, 0xffffffffu);
    EXPECT(notify_status(f, VDA, 7));
    EXPECT_EQ(dev(f, VDA)->state, VDEV_STARTED);
    /* what was accepted after the first signal counts, if it was offered */
    EXPECT_EQ(dev(f, VDA)->accepted, 1ull | 1ull << 2 | 1ull << 9 | 1ull << 28);
    fake_reset();
}

/* From 3.1 on: status 3 once the features are final, DRIVER_OK in silence. */
TEST(lgbus_starts_by_the_newer_protocol)
{
    struct fake_guest *f = two_disks();

    EXPECT(notify_status(f, RNG, 0));
    EXPECT(notify_status(f, RNG, 3));
    EXPECT_EQ(dev(f, RNG)->state, VDEV_STARTED);
    EXPECT(notify_status(f, RNG, 3)); /* again: no effect, no death */
    EXPECT_EQ(dev(f, RNG)->state, VDEV_STARTED);
    fake_reset();
}

/* A driver of few words. */
TEST(lgbus_starts_on_driver_ok_alone)
{
    struct fake_guest *f = two_disks();

    EXPECT(notify_status(f, RNG, 4));
    EXPECT_EQ(dev(f, RNG)->state, VDEV_STARTED);
    EXPECT(notify_status(f, VDA, 2));
    EXPECT_EQ(dev(f, VDA)->state, VDEV_RESET);
    fake_reset();
}

TEST(lgbus_a_kick_before_driver_ok_starts_too)
{
    struct fake_guest *f = two_disks();

    EXPECT(vdev_notify(&f->g, fake_bus_ring(f, CONSOLE, 0)));
    EXPECT_EQ(dev(f, CONSOLE)->state, VDEV_STARTED);
    fake_reset();
}

static struct fake_ring rng_request(struct fake_guest *f)
{
    struct fake_ring r;

    fake_bus_start(f, RNG);
    r = fake_ring_legacy(f, fake_bus_ring(f, RNG, 0), 256);
    fake_desc(&r, 0, 0x8000, 32, 2, 0);
    fake_avail(&r, 0);
    return r;
}

TEST(lgbus_raises_the_line_of_the_queue)
{
    struct fake_guest *f = two_disks();
    struct fake_ring r = rng_request(f);

    EXPECT(vdev_notify(&f->g, r.desc));
    EXPECT_EQ(fake_used_idx(&r), 1u);
    EXPECT_EQ(fake_used_len(&r, 0), 32u);
    EXPECT_EQ(f->raised[fake_bus_irq(f, RNG, 0)], 1u);
    EXPECT_EQ(f->raised[0], 0u);
    fake_reset();
}

TEST(lgbus_a_second_start_signal_moves_no_cursor)
{
    struct fake_guest *f = two_disks();
    struct fake_ring r = rng_request(f);

    EXPECT(vdev_notify(&f->g, r.desc));
    EXPECT(notify_status(f, RNG, 3));
    EXPECT(notify_status(f, RNG, 7));
    EXPECT(vdev_notify(&f->g, r.desc));
    EXPECT_EQ(fake_used_idx(&r), 1u);
    EXPECT_EQ(dev(f, RNG)->requests, 1u); /* not done again */
    fake_avail(&r, 0);
    EXPECT(vdev_notify(&f->g, r.desc));
    EXPECT_EQ(fake_used_idx(&r), 2u);
    EXPECT_EQ(dev(f, RNG)->requests, 2u);
    fake_reset();
}

TEST(lgbus_reset_clears_features_rings_and_cursors)
{
    struct fake_guest *f = two_disks();
    struct fake_ring r = rng_request(f);
    uint32_t vda = fake_bus_desc(f, VDA);

    EXPECT(vdev_notify(&f->g, r.desc));
    EXPECT(notify_status(f, RNG, 0));
    for (uint32_t i = 0; i < 3 * HV_PAGE_SIZE; i++)
        EXPECT_EQ(f->mem[r.desc + i], 0);
    EXPECT_EQ(dev(f, RNG)->vq[0].last_avail, 0);
    r = rng_request(f); /* from index 0 again */
    EXPECT(vdev_notify(&f->g, r.desc));
    EXPECT_EQ(fake_used_idx(&r), 1u);

    fake_put(f, vda + 17, 4, 0xffffffffu);
    EXPECT(notify_status(f, VDA, 3));
    EXPECT(notify_status(f, VDA, 0));
    EXPECT_EQ(fake_get(f, vda + 17, 4), 0u);
    EXPECT_EQ(fake_get(f, vda + 21, 4), 8u); /* and nothing beside them */
    EXPECT_EQ(dev(f, VDA)->accepted, 0u);
    fake_reset();
}

TEST(lgbus_failed_stops_the_device_until_reset)
{
    struct fake_guest *f = two_disks();
    struct fake_ring r = rng_request(f);

    EXPECT(notify_status(f, RNG, 0x83));
    EXPECT_EQ(fake.log_lines, 1u);
    EXPECT(vdev_notify(&f->g, r.desc));
    EXPECT_EQ(fake_used_idx(&r), 0u);
    EXPECT(notify_status(f, RNG, 0));
    r = rng_request(f);
    EXPECT(vdev_notify(&f->g, r.desc));
    EXPECT_EQ(fake_used_idx(&r), 1u);
    fake_reset();
}

TEST(lgbus_a_broken_ring_stops_that_device_only)
{
    struct fake_guest *f = two_disks();
    struct fake_ring r = rng_request(f), c;

    fake_desc(&r, 0, 0x8000, 32, 1, 0); /* its own successor */
    EXPECT(vdev_notify(&f->g, r.desc));
    EXPECT_EQ(fake.log_lines, 1u);
    EXPECT(strstr(fake.log_last, "guest g0: rng") != NULL);
    EXPECT_EQ(f->mem[fake_bus_desc(f, RNG) + STATUS] & 0x40, 0x40);
    EXPECT(vdev_notify(&f->g, r.desc));
    EXPECT(vdev_notify(&f->g, r.desc));
    EXPECT_EQ(fake.log_lines, 1u); /* said once */
    EXPECT_EQ(fake_used_idx(&r), 0u);

    fake_bus_start(f, CONSOLE); /* others go on */
    c = fake_ring_legacy(f, fake_bus_ring(f, CONSOLE, 1), 256);
    memcpy(f->mem + 0x9000, "alive", 5);
    fake_desc(&c, 0, 0x9000, 5, 0, 0);
    fake_avail(&c, 0);
    EXPECT(vdev_notify(&f->g, c.desc));
    EXPECT_EQ(memcmp(fake.console, "alive", 5), 0);

    EXPECT(notify_status(f, RNG, 0)); /* reset heals */
    r = rng_request(f);
    EXPECT(vdev_notify(&f->g, r.desc));
    EXPECT_EQ(fake_used_idx(&r), 1u);
    fake_reset();
}

TEST(lgbus_breaking_and_resetting_cannot_flood_the_log)
{
    struct fake_guest *f = two_disks();

    for (uint32_t i = 0; i < 1000; i++) {
        struct fake_ring r = rng_request(f);

        fake_desc(&r, 0, 0x8000, 32, 1, 0);
        EXPECT(vdev_notify(&f->g, r.desc));
    }
    EXPECT(fake.log_lines <= 10);
    fake_reset();
}

/* S19: what the guest writes into the page while the device runs moves
 * nothing: no other ring, no other length, no other line. */
TEST(lgbus_keeps_its_own_copy_of_the_descriptor)
{
    struct fake_guest *f = two_disks();
    struct fake_ring r = rng_request(f);
    uint32_t irq = fake_bus_irq(f, RNG, 0);
    uint32_t desc = fake_bus_desc(f, RNG);

    memset(f->mem + RAM, 0xff, HV_PAGE_SIZE);
    EXPECT(vdev_notify(&f->g, r.desc));
    EXPECT_EQ(fake_used_idx(&r), 1u);
    EXPECT_EQ(f->raised[irq], 1u);
    EXPECT(!vdev_notify(&f->g, 0xfffff000u)); /* the pfn that is there now */
    memset(f->mem + RAM, 0, HV_PAGE_SIZE);
    EXPECT(vdev_notify(&f->g, desc)); /* status 0: reset still finds all */
    EXPECT_EQ(fake_used_idx(&r), 0u);
    fake_reset();
}
