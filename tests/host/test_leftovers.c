/* SPDX-License-Identifier: MIT */
/* Bus masters on a PCI of arrays: who is stopped, who is left alone, and that no
 * more is written than the one bit; the local APIC's mode with MSRs that may fault. */
#include "boot.h"
#include "fake.h"
#include "leftovers.h"
#include "test.h"

#include "arch/cpu.h"
#include "hv/firmware.h"
#include "hv/pci.h"

/* ---- PCI ---- */

#define MAX_DEVICES 16

static struct device {
    uint32_t bdf, id, command, class, header;
    uint32_t writes;
} devices[MAX_DEVICES];
static uint32_t nr_devices, reads;

static struct device *find(uint32_t bdf)
{
    for (uint32_t i = 0; i < nr_devices; i++) {
        if (devices[i].bdf == bdf)
            return &devices[i];
    }
    return NULL;
}

static uint32_t bdf_of(struct pci_address a)
{
    EXPECT(a.device < 32 && a.function < 8);
    return (uint32_t)a.bus << 8 | (uint32_t)a.device << 3 | a.function;
}

bool pci_present(void)
{
    return true;
}

uint32_t pci_read32(struct pci_address a, uint32_t reg)
{
    const struct device *d = find(bdf_of(a));

    reads++;
    if (!d)
        return 0xffffffff;
    switch (reg) {
    case 0x00:
        return d->id;
    case 0x04:
        return 0xf9000000 | d->command; /* the status bits clear when written */
    case 0x08:
        return d->class << 16 | 0x1234;
    case 0x0c:
        return d->header << 16;
    default:
        EXPECT(!"a register that nobody needs");
        return 0;
    }
}

void pci_write16(struct pci_address a, uint32_t reg, uint16_t v)
{
    struct device *d = find(bdf_of(a));

    REQUIRE(d && reg == 4);
    d->command = v;
    d->writes++;
}

static struct device *add(uint32_t bus, uint32_t dev, uint32_t fn, uint32_t class,
                          uint32_t command, uint32_t header)
{
    struct device *d = &devices[nr_devices++];

    *d = (struct device){bus << 8 | dev << 3 | fn, 0x100e8086, command, class,
                         header, 0};
    return d;
}

static uint32_t usb_seen;

/* The firmware works those at 00:04. */
bool usb_legacy_look_at(const struct pci_function *f)
{
    usb_seen += f->class_code == 0x0c && f->subclass == 0x03;
    return f->at.bus == 0 && f->at.device == 4;
}

void usb_legacy_report(void)
{
}

struct masters {
    uint32_t stopped, usb;
};

static struct masters stop(void)
{
    struct masters m;

    usb_seen = 0;
    m.stopped = boot_stop_masters();
    m.usb = usb_seen;
    return m;
}

TEST(masters_nothing_there)
{
    struct masters m = stop();

    EXPECT_EQ(m.stopped, 0);
    EXPECT_EQ(m.usb, 0);
    EXPECT_EQ(reads, 0x10000 / 8); /* function 0 of each device, once */
}

TEST(masters_one_bit_is_cleared)
{
    struct device *d = add(0, 3, 0, 0x0200, 0x0507, 0);

    EXPECT_EQ(stop().stopped, 1);
    EXPECT_EQ(d->command, 0x0503);
    EXPECT_EQ(d->writes, 1);
    EXPECT_STR(fake_log_last(), "firmware: 00:03.0 (8086:100e, class 0200) could "
                                "write to memory, stopped");
    EXPECT_EQ(stop().stopped, 0);
    EXPECT_EQ(d->writes, 1);
}

TEST(masters_that_stay)
{
    struct device *left[] = {
        add(0, 0, 0, 0x0600, 7, 0),    /* host bridge */
        add(0, 1, 0, 0x0604, 7, 1),    /* PCI bridge */
        add(0, 2, 0, 0x0300, 7, 0),    /* screen */
        add(0, 4, 0, 0x0c03, 7, 0x80), /* USB */
        add(0, 4, 7, 0x0c03, 7, 0),
        add(0, 5, 0, 0x0805, 7, 2),    /* another layout: a bridge for cards */
        add(0, 6, 0, 0x0200, 3, 0),    /* is none */
    };
    struct masters m = stop();

    EXPECT_EQ(m.stopped, 0);
    EXPECT_EQ(m.usb, 2);
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(left); i++)
        EXPECT_EQ(left[i]->writes, 0);
}

/* Nobody's keyboard: its frame counter would go on being written somewhere. */
TEST(masters_usb_of_nobody)
{
    const struct device *d = add(0, 29, 0, 0x0c03, 7, 0);

    EXPECT_EQ(stop().stopped, 1);
    EXPECT_EQ(d->command, 3);
}

TEST(masters_at_the_edges_of_the_bus)
{
    const struct device *last = add(255, 31, 7, 0x0108, 4, 0);
    const struct device *first = add(255, 31, 0, 0x0580, 0, 0x80);
    const struct device *hidden = add(3, 2, 1, 0x0200, 4, 0);
    const struct device *single = add(3, 2, 0, 0x0200, 4, 0); /* not multi */

    EXPECT_EQ(stop().stopped, 2);
    EXPECT_EQ(last->command, 0);
    EXPECT_EQ(single->command, 0);
    EXPECT_EQ(first->writes, 0);
    EXPECT_EQ(hidden->writes, 0);
}

TEST(masters_function_without_a_first_is_not_looked_for)
{
    const struct device *orphan = add(0, 3, 1, 0x0200, 4, 0);

    add(0, 2, 0, 0x0200, 0, 0x80); /* multi: the device before */
    EXPECT_EQ(stop().stopped, 0);
    EXPECT_EQ(orphan->writes, 0);
}

TEST(masters_lines_are_limited)
{
    for (uint32_t i = 0; i < 12; i++)
        add(1, i, 0, 0x0200, 4, 0);
    EXPECT_EQ(stop().stopped, 12);
    EXPECT_EQ(fake_log_lines, 8 + 1);
    EXPECT_STR(fake_log_last(), "firmware: and 4 devices more");
}

/* ---- local APIC: only what boot_stop_leftovers() needs of the machine ---- */

struct cpu_features cpu_features;
static uint64_t apic_base;
static bool locked, off_is_final;
static uint32_t writes, wires;

bool cpu_rdmsr_safe(msr_id_t m, uint64_t *v)
{
    *v = apic_base;
    return m.n == 0x1b;
}

/* SDM 3A figure 10-27: which changes of mode are a #GP. */
bool cpu_wrmsr_safe(msr_id_t m, uint64_t v)
{
    uint64_t old = apic_base >> 10 & 3, new = v >> 10 & 3;

    if (m.n != 0x1b) {
        EXPECT_EQ(old, 3);
        wires++;
        return m.n >= 0x800 && m.n < 0x840;
    }
    writes++;
    if (locked || new == 1 || (old == 3 && new == 2) || (old == 0 && new == 3))
        return false;
    if (!off_is_final || old != 0)
        apic_base = v;
    return true;
}

TEST(apic_leaves_x2apic_by_way_of_off)
{
    cpu_features.apic = cpu_features.x2apic = true;
    apic_base = 0xfee00d00;
    boot_leave_x2apic();
    EXPECT_EQ(apic_base, 0xfee00900);
    EXPECT_EQ(writes, 2);
    EXPECT(fake_log_has("was in x2APIC mode, now xAPIC"));
}

TEST(apic_that_stays_off_is_told_so)
{
    cpu_features.apic = cpu_features.x2apic = true;
    apic_base = 0xfee00d00;
    off_is_final = true;
    boot_leave_x2apic();
    EXPECT_EQ(apic_base, 0xfee00100);
    EXPECT(fake_log_has("was in x2APIC mode and is off now"));
}

TEST(apic_in_other_modes_is_left_alone)
{
    static const uint64_t modes[] = {0xfee00100, 0xfee00900};

    cpu_features.apic = cpu_features.x2apic = true;
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(modes); i++) {
        apic_base = modes[i];
        boot_leave_x2apic();
    }
    apic_base = 0xfee00d00;
    cpu_features.x2apic = false;
    boot_leave_x2apic();
    EXPECT_EQ(writes, 0);
}

TEST(apic_locked_in_x2apic_lets_the_8259_through)
{
    cpu_features.apic = cpu_features.x2apic = true;
    apic_base = 0xfee00d00;
    locked = true;
    boot_leave_x2apic();
    EXPECT_EQ(apic_base, 0xfee00d00);
    EXPECT_EQ(wires, 5);
    EXPECT(fake_log_has("is locked in x2APIC mode, the PIT is the timer"));
}
