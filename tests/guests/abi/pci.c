/* SPDX-License-Identifier: MIT */
/* What a 4.x kernel does before its drivers run (ABI 10b): probes configuration
 * mechanism 1, finds the host bridge and the console at 00:01.0, walks its
 * capabilities, and writes characters through the configuration window. */

#include "gtest.h"

#define ADDRESS 0xcf8
#define DATA 0xcfc

static uint32_t config_address(uint32_t dev, uint32_t reg)
{
    return 0x80000000 | dev << 11 | (reg & 0xfc);
}

static uint32_t config_read(uint32_t dev, uint32_t reg)
{
    port_out32(ADDRESS, config_address(dev, reg));
    return port_in32(DATA);
}

static uint8_t config_read8(uint32_t dev, uint32_t reg)
{
    port_out32(ADDRESS, config_address(dev, reg));
    return port_in8((uint16_t)(DATA + (reg & 3)));
}

static void config_write(uint32_t dev, uint32_t reg, uint32_t v)
{
    port_out32(ADDRESS, config_address(dev, reg));
    port_out32(DATA, v);
}

static void config_write8(uint32_t dev, uint32_t reg, uint8_t v)
{
    port_out32(ADDRESS, config_address(dev, reg));
    port_out8((uint16_t)(DATA + (reg & 3)), v);
}

/* Linux's own check that there is such a thing as mechanism 1. */
GT_CASE(pci_mechanism, GT_2LEVEL)
{
    uint32_t saved;

    port_out8(0xcfb, 0x01);
    saved = port_in32(ADDRESS);
    port_out32(ADDRESS, 0x80000000);
    EXPECT_EQ(port_in32(ADDRESS), 0x80000000);
    port_out32(ADDRESS, saved);
    EXPECT_EQ(config_read(0, 8) >> 16, 0x0600); /* host bridge */
    port_out32(ADDRESS, 0); /* disabled */
    EXPECT_EQ(port_in32(DATA), 0xffffffff);
    port_out32(ADDRESS, 0x80010800); /* another bus */
    EXPECT_EQ(port_in32(DATA), 0xffffffff);
    port_out32(ADDRESS, 0x80000900); /* function 1 */
    EXPECT_EQ(port_in32(DATA), 0xffffffff);
}

GT_CASE(pci_emergency_console, GT_2LEVEL)
{
    static const char text[] = "by the emergency window\n";
    uint32_t cap, window = 0, device = 0;

    EXPECT_EQ(config_read(1, 0), 0x10431af4);
    EXPECT_EQ(config_read(1, 8) >> 24, 0x07);
    EXPECT(config_read(1, 4) >> 16 & 0x10); /* has capabilities */
    cap = config_read8(1, 0x34);
    for (uint32_t n = 0; cap && n < 16; n++) {
        EXPECT_EQ(config_read8(1, cap), 0x09);
        if (config_read8(1, cap + 3) == 5)
            window = cap;
        if (config_read8(1, cap + 3) == 4)
            device = cap;
        cap = config_read8(1, cap + 1);
    }
    EXPECT(window && device);
    EXPECT_EQ(config_read8(1, device + 4), 0); /* BAR 0 */
    EXPECT(config_read(1, device + 12) >= 12);
    uint32_t offset = config_read(1, device + 8) + 8; /* emerg_wr */

    for (const char *s = text; *s; s++) {
        config_write8(1, window + 4, 0);
        config_write(1, window + 12, 4);
        config_write(1, window + 8, offset);
        config_write(1, window + 16, (uint8_t)*s);
    }
}

/* Everything at every register of every device: nothing happens to anybody. */
GT_CASE(pci_random, GT_2LEVEL, .expect = "any")
{
    for (uint32_t i = 0; i < 30000; i++) {
        uint32_t dev = gt_random() % 33, reg = gt_random() & 0xff;

        if (gt_random() & 1)
            port_out32(ADDRESS, gt_random() & 1 ? config_address(dev, reg) : gt_random());
        if (gt_random() & 1)
            (void)port_in32((uint16_t)(DATA + (gt_random() & 3)));
        else
            port_out32(DATA, gt_random() & 1 ? gt_random() : gt_random() & 0xff);
        if (gt_random() % 4 == 0)
            (void)port_in8((uint16_t)(ADDRESS + (gt_random() & 7)));
    }
}
