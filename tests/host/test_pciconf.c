/* SPDX-License-Identifier: MIT */
/* The PCI ports as 4.x guests use them (ABI 10b): probing, the early console's
 * walk and writes, and a driver that runs the whole console through the PCI_CFG
 * window, which is the same register model that MMIO will reach. */
#include "test.h"

#include "fake_vdev.h"

#include "../../hv/vdev/vdev_priv.h"

#include <string.h>

static struct fake_guest *f;

static void set_up(void)
{
    fake_reset();
    f = fake_guest_new(0, NULL, 0);
}

static uint32_t in(uint32_t port, uint32_t width)
{
    return vdev_port_in(&f->g, (uint16_t)port, width);
}

static void out(uint32_t port, uint32_t width, uint32_t v)
{
    vdev_port_out(&f->g, (uint16_t)port, width, v);
}

static void select_reg(uint32_t bus, uint32_t dev, uint32_t func, uint32_t reg)
{
    out(0xcf8, 4, 0x80000000u | bus << 16 | dev << 11 | func << 8 | (reg & 0xfc));
}

static uint32_t conf_read(uint32_t dev, uint32_t reg, uint32_t width)
{
    select_reg(0, dev, 0, reg);
    return in(0xcfc + (reg & 3), width);
}

static void conf_write(uint32_t dev, uint32_t reg, uint32_t width, uint32_t v)
{
    select_reg(0, dev, 0, reg);
    out(0xcfc + (reg & 3), width, v);
}

TEST(pciconf_address_register_is_plain_storage)
{
    set_up();
    out(0xcfb, 1, 0x01); /* Linux's probe */
    EXPECT_EQ(in(0xcf8, 4) & 0xff000000u, 0x01000000u);
    out(0xcf8, 4, 0x80000000u);
    EXPECT_EQ(in(0xcf8, 4), 0x80000000u);
    out(0xcf8, 4, 0x12345678u);
    EXPECT_EQ(in(0xcf8, 1), 0x78u);
    EXPECT_EQ(in(0xcf9, 1), 0x56u);
    EXPECT_EQ(in(0xcfa, 2), 0x1234u);
    EXPECT_EQ(in(0xcf9, 2), 0x3456u);
    out(0xcf9, 2, 0xabcd);
    EXPECT_EQ(in(0xcf8, 4), 0x12abcd78u);
    fake_reset();
}

TEST(pciconf_unclaimed_ports_read_all_ones)
{
    static const uint16_t ports[] = {0, 0x20, 0x60, 0x64, 0x80, 0x3f8, 0xcf7,
                                     0xd00, 0xffff};

    set_up();
    for (uint32_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        EXPECT_EQ(in(ports[i], 1), 0xffu);
        EXPECT_EQ(in(ports[i], 2), 0xffffu);
        EXPECT_EQ(in(ports[i], 4), 0xffffffffu);
        out(ports[i], 4, 0xffffffffu);
    }
    EXPECT_EQ(in(0xcfa, 4), 0xffffffffu); /* across the two registers */
    EXPECT_EQ(in(0xcff, 2), 0xffffu);
    EXPECT_EQ(in(0xcf8, 4), 0u);
    fake_reset();
}

TEST(pciconf_port_64_answers_guests_of_4_1_only)
{
    static const struct abi_row old = {.rev = ABI_3_1}, new = {.rev = ABI_4_1};

    set_up();
    EXPECT_EQ(in(0x64, 1), 0xffu);
    f->g.abi = &old;
    EXPECT_EQ(in(0x64, 1), 0xffu);
    f->g.abi = &new;
    EXPECT_EQ(in(0x64, 1), 1u);
    EXPECT_EQ(in(0x60, 1), 0xffu);
    fake_reset();
}

TEST(pciconf_host_bridge_shows_its_class_and_nothing_else)
{
    set_up();
    for (uint32_t reg = 0; reg < 0x98; reg++)
        EXPECT_EQ(conf_read(0, reg, 1), reg == 0x0b ? 6u : 0u);
    EXPECT_EQ(conf_read(0, 0x08, 4), 0x06000000u);
    EXPECT_EQ(conf_read(0, 0x0a, 2), 0x0600u);
    EXPECT_EQ(conf_read(0, 0x98, 4), 0xffffffffu);
    conf_write(0, 0x08, 4, 0);
    EXPECT_EQ(conf_read(0, 0x08, 4), 0x06000000u);
    fake_reset();
}

TEST(pciconf_absent_functions_read_all_ones)
{
    set_up();
    for (uint32_t dev = 2; dev < 32; dev++)
        EXPECT_EQ(conf_read(dev, 0, 4), 0xffffffffu);
    select_reg(1, 1, 0, 0);
    EXPECT_EQ(in(0xcfc, 4), 0xffffffffu);
    select_reg(0, 1, 1, 0);
    EXPECT_EQ(in(0xcfc, 4), 0xffffffffu);
    EXPECT_EQ(conf_read(1, 0x98, 4), 0xffffffffu);
    EXPECT_EQ(conf_read(1, 0xfc, 4), 0xffffffffu);
    out(0xcf8, 4, 0x00000800u); /* not enabled */
    EXPECT_EQ(in(0xcfc, 4), 0xffffffffu);
    out(0xcf8, 4, 0x81000800u); /* extended register */
    EXPECT_EQ(in(0xcfc, 4), 0xffffffffu);
    fake_reset();
}

TEST(pciconf_console_header_is_as_the_abi_says)
{
    set_up();
    EXPECT_EQ(conf_read(1, 0x00, 4), 0x10431af4u);
    EXPECT_EQ(conf_read(1, 0x04, 4), 0x00100000u);
    EXPECT_EQ(conf_read(1, 0x08, 4), 0x07000001u);
    EXPECT_EQ(conf_read(1, 0x0e, 1), 0u);
    EXPECT_EQ(conf_read(1, 0x2c, 4), 0x00400000u);
    EXPECT_EQ(conf_read(1, 0x34, 1), 0x40u);
    EXPECT_EQ(conf_read(1, 0x3c, 1), 1u);
    EXPECT_EQ(conf_read(1, 0x3d, 1), 0u);
    conf_write(1, 0x04, 2, 7);
    EXPECT_EQ(conf_read(1, 0x04, 2), 0u);
    conf_write(1, 0x0c, 2, 0x4010);
    EXPECT_EQ(conf_read(1, 0x0c, 2), 0x4010u);
    conf_write(1, 0x00, 4, 0);
    EXPECT_EQ(conf_read(1, 0x00, 4), 0x10431af4u);
    for (uint32_t reg = 0x10; reg < 0x28; reg += 4) {
        conf_write(1, reg, 4, 0xffffffffu);
        EXPECT_EQ(conf_read(1, reg, 4), 0u); /* no memory to map yet */
    }
    fake_reset();
}

/* Every dword written with ones: what is not the window stays. */
TEST(pciconf_only_the_window_is_writable)
{
    set_up();
    for (uint32_t reg = 0; reg < 0x84; reg += 4) {
        uint32_t before = conf_read(1, reg, 4);

        if (reg == 0x0c)
            continue;
        conf_write(1, reg, 4, ~before);
        EXPECT_EQ(conf_read(1, reg, 4), before);
    }
    conf_write(1, 0x84, 4, 0xffffffffu);
    EXPECT_EQ(conf_read(1, 0x84, 4), 0x05147409u); /* the header of the cap */
    conf_write(1, 0x88, 4, 0xffffffffu);
    EXPECT_EQ(conf_read(1, 0x88, 4), 0xffu); /* bar is a byte */
    fake_reset();
}

static uint32_t find_cap(uint32_t type)
{
    uint32_t at = conf_read(1, 0x34, 1);

    for (uint32_t n = 0; at != 0 && n < 10; n++) {
        EXPECT_EQ(conf_read(1, at, 1), 0x09u);
        if (conf_read(1, at + 3, 1) == type)
            return at;
        at = conf_read(1, at + 1, 1);
    }
    return 0;
}

TEST(pciconf_capabilities_form_the_list_of_the_abi)
{
    static const struct {
        uint32_t type, at, len, offset, length;
    } caps[] = {
        {1, 0x40, 16, 0, 56},
        {2, 0x50, 20, 56, 2},
        {3, 0x64, 16, 58, 1},
        {4, 0x74, 16, 60, 12},
        {5, 0x84, 20, 0, 0},
    };

    set_up();
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t at = caps[i].at;

        EXPECT_EQ(find_cap(caps[i].type), at);
        EXPECT_EQ(conf_read(1, at + 2, 1), caps[i].len);
        EXPECT_EQ(conf_read(1, at + 4, 1), 0u);
        EXPECT_EQ(conf_read(1, at + 8, 4), caps[i].offset);
        EXPECT_EQ(conf_read(1, at + 12, 4), caps[i].length);
    }
    EXPECT_EQ(conf_read(1, 0x60, 4), 0u); /* notify multiplier */
    fake_reset();
}

static void window_set(uint32_t bar, uint32_t offset, uint32_t length)
{
    conf_write(1, 0x88, 1, bar);
    conf_write(1, 0x90, 4, length);
    conf_write(1, 0x8c, 4, offset);
}

static void bar_write(uint32_t offset, uint32_t length, uint32_t v)
{
    window_set(0, offset, length);
    conf_write(1, 0x94, 4, v);
}

static uint32_t bar_read(uint32_t offset, uint32_t length)
{
    window_set(0, offset, length);
    return conf_read(1, 0x94, 4);
}

TEST(pciconf_emergency_write_prints_before_any_driver)
{
    static const char text[] = "Linux version 4.9\n\x80\xff";

    set_up();
    for (uint32_t i = 0; text[i] != 0; i++)
        bar_write(60 + 8, 4, (uint8_t)text[i]);
    EXPECT_EQ(fake.console_bytes, strlen(text));
    EXPECT_EQ(memcmp(fake.console, text, strlen(text)), 0);
    EXPECT_EQ(bar_read(60 + 8, 4), 0u);
    fake_reset();
}

TEST(pciconf_window_refuses_bad_accesses)
{
    static const struct {
        uint32_t bar, offset, length;
    } bad[] = {
        {1, 68, 4}, {255, 68, 4}, {0, 68, 0}, {0, 68, 3}, {0, 68, 8},
        {0, 68, 0xffffffffu}, {0, 66, 4}, {0, 69, 2}, {0, 128, 4},
        {0, 127, 2}, {0, 0xfffffffcu, 4}, {0, 0x80000044u, 4},
    };

    set_up();
    for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        window_set(bad[i].bar, bad[i].offset, bad[i].length);
        conf_write(1, 0x94, 4, 'x');
        EXPECT_EQ(conf_read(1, 0x94, 4), 0xffffffffu);
    }
    EXPECT_EQ(fake.console_bytes, 0u);
    window_set(0, 68, 4);
    conf_write(1, 0x95, 1, 'x'); /* not where the access starts */
    EXPECT_EQ(fake.console_bytes, 0u);
    fake_reset();
}

TEST(pciconf_registers_have_their_first_values)
{
    set_up();
    EXPECT_EQ(bar_read(0x10, 2), 0xffffu);
    EXPECT_EQ(bar_read(0x12, 2), 2u);
    EXPECT_EQ(bar_read(0x14, 1), 0u);
    EXPECT_EQ(bar_read(0x15, 1), 0u);
    EXPECT_EQ(bar_read(0x18, 2), 256u);
    EXPECT_EQ(bar_read(0x1a, 2), 0xffffu);
    EXPECT_EQ(bar_read(0x1e, 2), 0u);
    bar_write(0x16, 2, 2);
    EXPECT_EQ(bar_read(0x18, 2), 0u); /* no such queue */
    bar_write(0x16, 2, 0xffff);
    EXPECT_EQ(bar_read(0x18, 2), 0u);
    EXPECT_EQ(bar_read(0x20, 4), 0u);
    EXPECT_EQ(bar_read(0x04, 4), 1u << 2);
    bar_write(0x00, 4, 1);
    EXPECT_EQ(bar_read(0x04, 4), 1u);
    bar_write(0x00, 4, 2);
    EXPECT_EQ(bar_read(0x04, 4), 0u);
    EXPECT_EQ(bar_read(0x18, 1), 0u); /* not its natural width */
    fake_reset();
}

static void accept_features(uint32_t low, uint32_t high)
{
    bar_write(0x14, 1, 0);
    bar_write(0x14, 1, 1);
    bar_write(0x14, 1, 3);
    bar_write(0x08, 4, 0);
    bar_write(0x0c, 4, low);
    bar_write(0x08, 4, 1);
    bar_write(0x0c, 4, high);
    bar_write(0x14, 1, 11);
}

TEST(pciconf_features_ok_only_for_what_is_offered)
{
    set_up();
    accept_features(0, 0); /* VERSION_1 is a must */
    EXPECT_EQ(bar_read(0x14, 1), 3u);
    accept_features(1, 1);
    EXPECT_EQ(bar_read(0x14, 1), 3u);
    accept_features(4, 1);
    EXPECT_EQ(bar_read(0x14, 1), 11u);
    bar_write(0x0c, 4, 0); /* too late */
    EXPECT_EQ(bar_read(0x0c, 4), 1u);
    fake_reset();
}

static struct fake_ring modern_queue(uint32_t n, uint32_t num, uint32_t desc,
                                     uint32_t avail, uint32_t used)
{
    struct fake_ring r = {f, num, desc, avail, used, 0};

    bar_write(0x16, 2, n);
    bar_write(0x18, 2, num);
    bar_write(0x20, 4, desc);
    bar_write(0x28, 4, avail);
    bar_write(0x30, 4, used);
    bar_write(0x1c, 2, 1);
    return r;
}

/* Rings in three pieces, of odd places and of two sizes. */
TEST(pciconf_a_whole_console_runs_through_the_window)
{
    struct fake_ring rx, tx;

    set_up();
    accept_features(0, 1);
    rx = modern_queue(0, 16, 0x4010, 0x5002, 0x6004);
    tx = modern_queue(1, 256, 0x7000, 0x9000, 0xa000);
    bar_write(0x14, 1, 15);
    EXPECT_EQ(bar_read(0x14, 1), 15u);

    memcpy(f->mem + 0x10000, "modern", 6);
    fake_desc(&tx, 200, 0x10000, 6, 0, 0);
    fake_avail(&tx, 200);
    bar_write(0x38, 2, 1);
    EXPECT_EQ(memcmp(fake.console, "modern", 6), 0);
    EXPECT_EQ(fake_used_id(&tx, 0), 200u);
    fake_timers_fire();
    EXPECT_EQ(f->raised[1], 1u);
    EXPECT_EQ(bar_read(0x3a, 1), 1u);
    EXPECT_EQ(bar_read(0x3a, 1), 0u); /* reading clears it */

    fake_desc(&rx, 3, 0x11000, 8, 2, 0);
    fake_avail(&rx, 3);
    bar_write(0x38, 2, 0);
    vconsole_input(&f->g, (const uint8_t *)"in", 2);
    mail_read();
    vdev_poll(&f->g);
    EXPECT_EQ(fake_used_len(&rx, 0), 2u);
    EXPECT_EQ(memcmp(f->mem + 0x11000, "in", 2), 0);
    bar_write(0x38, 2, 2); /* no such queue */
    bar_write(0x38, 2, 0xffff);

    bar_write(0x14, 1, 0);
    EXPECT_EQ(bar_read(0x14, 1), 0u);
    EXPECT_EQ(bar_read(0x20, 4), 0u);
    fake_avail(&tx, 200);
    bar_write(0x38, 2, 1);
    EXPECT_EQ(fake.console_bytes, 6u); /* nothing runs after a reset */
    fake_reset();
}

TEST(pciconf_bad_ring_addresses_need_a_reset)
{
    static const uint32_t bad[][4] = { /* the last: a register to set to 1 */
        {0x4008, 0x5000, 0x6000, 0}, /* alignment */
        {0x4000, 0x5001, 0x6000, 0},
        {0x4000, 0x5000, 0x6002, 0},
        {0x7fff0000u, 0x5000, 0x6000, 0}, /* outside */
        {0xfffffff0u, 0x5000, 0x6000, 0},
        {0x4000, 0x5000, 0x6000, 0x24}, /* above 4 GiB */
        {0x4000, 0x5000, 0x6000, 0x2c},
        {0x4000, 0x5000, 0x6000, 0x34},
    };

    for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        set_up();
        accept_features(0, 1);
        bar_write(0x16, 2, 0);
        bar_write(bad[i][3], 4, 1); /* 0 selects features */
        (void)modern_queue(0, 16, bad[i][0], bad[i][1], bad[i][2]);
        bar_write(0x14, 1, 15);
        EXPECT_EQ(bar_read(0x14, 1), 15u | 0x40);
        EXPECT_EQ(fake.log_lines, 1u);
        bar_write(0x38, 2, 0);
        accept_features(0, 1);
        (void)modern_queue(0, 16, 0x4000, 0x5000, 0x6000);
        bar_write(0x14, 1, 15);
        EXPECT_EQ(bar_read(0x14, 1), 15u);
    }
    fake_reset();
}

TEST(pciconf_queue_sizes_are_powers_of_two)
{
    static const uint32_t bad[] = {0, 3, 255, 257, 512, 65535};

    set_up();
    for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        bar_write(0x18, 2, bad[i]);
        EXPECT_EQ(bar_read(0x18, 2), 256u);
    }
    bar_write(0x18, 2, 1);
    EXPECT_EQ(bar_read(0x18, 2), 1u);
    fake_reset();
}

TEST(pciconf_a_broken_ring_shows_in_status_and_isr)
{
    struct fake_ring tx;

    set_up();
    accept_features(0, 1);
    tx = modern_queue(1, 16, 0x4000, 0x5000, 0x6000);
    bar_write(0x14, 1, 15);
    fake_avail(&tx, 99);
    bar_write(0x38, 2, 1);
    EXPECT_EQ(bar_read(0x14, 1), 15u | 0x40);
    EXPECT_EQ(bar_read(0x3a, 1), 2u);
    EXPECT_EQ(fake.log_lines, 1u);
    fake_reset();
}

/* Random port traffic: only the sanitizers judge. */
TEST(pciconf_survives_random_accesses)
{
    uint32_t state = 12345;

    set_up();
    for (uint32_t i = 0; i < 300000; i++) {
        uint32_t x = fake_random(&state), port = 0xcf8 + x % 10;
        uint32_t width = 1u << (x >> 8) % 3, v = fake_random(&state);

        if (x % 5 == 0)
            port = 0xcf8, width = 4, v = 0x80000800u | (0x80 + v % 32);
        if (x & 0x10000)
            v &= 0xff;
        if (x & 0x20000)
            (void)in(port, width);
        else
            out(port, width, v);
    }
    fake_reset();
}
