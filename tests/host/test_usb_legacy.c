/* SPDX-License-Identifier: MIT */
/* What the firmware may leave running: USB controllers in its hands, a timer in the
 * place of another. */
#include "fake.h"
#include "test.h"

#include "hv/devmap.h"
#include "hv/driver.h"
#include "hv/firmware.h"
#include "hv/pci.h"

/* ---- PCI functions on bus 0, one a device ---- */

#define MAX_FUNCTIONS 16u

static struct {
    struct pci_function f;
    uint32_t config[64];
} functions[MAX_FUNCTIONS];
static uint32_t nr_functions;
static uint32_t registers[HV_KIB(64) / 4 + 1]; /* and what lies behind them */

static uint32_t *add(uint8_t class_code, uint8_t subclass, uint8_t prog_if,
                     uint32_t command)
{
    uint32_t i = nr_functions++;

    REQUIRE(i < MAX_FUNCTIONS);
    functions[i].f = (struct pci_function){.at = {0, (uint8_t)i, 0},
                                           .class_code = class_code,
                                           .subclass = subclass, .prog_if = prog_if};
    functions[i].config[1] = command;
    functions[i].config[4] = 0xfe000000;
    return functions[i].config;
}

uint32_t pci_read32(struct pci_address a, uint32_t offset)
{
    REQUIRE(a.device < nr_functions && offset < 256 && (offset & 3) == 0);
    return functions[a.device].config[offset / 4];
}

static uint32_t to_be_left; /* of the functions */

static void report(void)
{
    to_be_left = 0;
    for (uint32_t i = 0; i < nr_functions; i++)
        to_be_left += usb_legacy_look_at(&functions[i].f);
    usb_legacy_report();
}

void *arch_map_device(hpa_t pa, uint32_t bytes)
{
    EXPECT_EQ(pa.v, 0xfe000000);
    REQUIRE(bytes <= sizeof(registers));
    return registers;
}

static void expect_firmware(const uint32_t *config, bool works)
{
    EXPECT_EQ(config[1], 7); /* it keeps its bus */
    EXPECT_EQ(fake_log_has("the firmware works 1"), works);
    EXPECT_EQ(fake_log_has("no USB keyboard"), !works);
    EXPECT_EQ(to_be_left, works);
    nr_functions = 0;
    fake_log_clear();
}

TEST(usb_legacy_uhci)
{
    uint32_t *c = add(0x0c, 3, 0x00, 7);

    c[0xc0 / 4] = 0x2010; /* SMI */
    report();
    expect_firmware(c, true);
}

TEST(usb_legacy_uhci_idle)
{
    uint32_t *c = add(0x0c, 3, 0x00, 7);

    c[0xc0 / 4] = 0x2000;
    report();
    expect_firmware(c, false);
}

TEST(usb_legacy_ohci)
{
    uint32_t *c = add(0x0c, 3, 0x10, 7);

    registers[1] = 0x100;
    report();
    expect_firmware(c, true);
}

TEST(usb_legacy_ohci_without_memory)
{
    uint32_t *c = add(0x0c, 3, 0x10, 7);

    registers[1] = 0x100;
    c[4] = 0xfe000001; /* ports */
    report();
    expect_firmware(c, false);
}

TEST(usb_legacy_ehci)
{
    uint32_t *c = add(0x0c, 3, 0x20, 7);

    registers[2] = 0x6800;
    c[0x68 / 4] = 0x00007002; /* another capability first */
    c[0x70 / 4] = 0x00010001;
    report();
    expect_firmware(c, true);
}

/* A list that leads back to itself ends. */
TEST(usb_legacy_ehci_loop)
{
    uint32_t *c = add(0x0c, 3, 0x20, 7);

    registers[2] = 0x6800;
    c[0x68 / 4] = 0x00016802;
    report();
    expect_firmware(c, false);
}

TEST(usb_legacy_xhci)
{
    uint32_t *c = add(0x0c, 3, 0x30, 7);

    registers[4] = 0x20000000; /* at word 0x2000 */
    registers[0x2000] = 0x00010402;
    registers[0x2004] = 0x00010001;
    report();
    expect_firmware(c, true);
}

TEST(usb_legacy_xhci_owned_by_nobody_or_out_of_reach)
{
    uint32_t *c = add(0x0c, 3, 0x30, 7);

    registers[4] = 0x40000000;
    registers[0x4000] = 0x00010001; /* would be one of the firmware's */
    report();
    expect_firmware(c, false);
}

TEST(usb_legacy_xhci_list_that_runs_away)
{
    uint32_t *c = add(0x0c, 3, 0x30, 7);

    registers[4] = 0x00010000;
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(registers); i++)
        registers[i] |= i < 16 ? 0 : 0x0001ff02;
    registers[1] = 0x0001ff02;
    report();
    expect_firmware(c, false);
}

/* ---- pins and timers ---- */

TEST(hpet_gives_the_pit_back)
{
    static volatile uint32_t hpet[64];

    hpet[4] = 3;
    EXPECT(hpet_give_pit_back(hpet));
    EXPECT_EQ(hpet[4], 1);
    EXPECT(!hpet_give_pit_back(hpet));
    hpet[4] = UINT32_MAX; /* nothing there */
    EXPECT(!hpet_give_pit_back(hpet));
    EXPECT_EQ(hpet[4], UINT32_MAX);
}

/* Period in femtoseconds; three timers, of which the firmware has left one armed. */
TEST(hpet_as_a_counter)
{
    static const uint32_t bad[] = {0, 1000000, 100000001, UINT32_MAX};
    static volatile uint32_t hpet[0x400 / 4];
    const struct ref_clock *c;

    EXPECT(hpet_clock_start(NULL) == NULL);
    hpet[0] = 2 << 8;
    hpet[4] = 2;
    hpet[0x120 / 4] = 0x4004;
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        hpet[1] = bad[i];
        EXPECT(hpet_clock_start(hpet) == NULL);
    }
    EXPECT_EQ(hpet[4], 2); /* not touched */
    hpet[1] = 69841279;
    c = hpet_clock_start(hpet);
    REQUIRE(c != NULL);
    EXPECT_EQ(c->hz, 14318179);
    EXPECT_EQ(hpet[4], 1); /* counts, and is not in the PIT's place */
    EXPECT_EQ(hpet[0x120 / 4], 0x4000);
    hpet[0xf0 / 4] = 77;
    EXPECT_EQ(c->read(), 77);
}

/* Once in 1000 ticks, on line 0; then no more. The counter of this one stands. */
TEST(hpet_as_a_timer)
{
    static volatile uint32_t hpet[0x400 / 4];

    hpet[1] = 10000000;
    REQUIRE(hpet_clock_start(hpet) != NULL);
    hpet[0xf0 / 4] = 0xffffff00;
    hpet[0x100 / 4] = 0x38; /* periodic, as the firmware left it */
    hpet_oneshot(1000);
    EXPECT_EQ(hpet[0x108 / 4], 0xffffff00 + 1000);
    EXPECT_EQ(hpet[0x100 / 4], 0x134);
    EXPECT_EQ(hpet[4], 3);
    hpet_stop();
    EXPECT_EQ(hpet[0x100 / 4], 0x130);
}
