/* SPDX-License-Identifier: MIT */
/* PCI configuration mechanism #1 for guests from 4.0 on (ABI 10b): a host
 * bridge and the virtio console 00:01.0 with its PCI_CFG window, through which
 * the early console writes.  Ports that nobody claims read all ones and swallow
 * writes. */
#include "vdev_priv.h"

#include "hv/bytes.h"
#include "hv/range.h"
#include "hv/string.h"

#define PORT_I8042_STATUS 0x64u
#define PORT_ADDRESS 0xcf8u
#define PORT_DATA 0xcfcu

#define ADDRESS_ENABLE HV_BIT(31)

/* Offsets in the configuration space. */
enum {
    CONF_CLASS = 0x0b,
    CONF_CACHE_LINE = 0x0c,
    CONF_LATENCY = 0x0d,
    CAP_COMMON = 0x40,
    CAP_NOTIFY = 0x50,
    CAP_ISR = 0x64,
    CAP_DEVICE = 0x74,
    CAP_WINDOW = 0x84,
    WINDOW_BAR = CAP_WINDOW + 4,
    WINDOW_OFFSET = CAP_WINDOW + 8,
    WINDOW_LENGTH = CAP_WINDOW + 12,
    WINDOW_DATA = CAP_WINDOW + 16,
};

_Static_assert(WINDOW_DATA + 4 == PCICONF_BYTES, "ABI 10b");

static uint32_t all_ones(uint32_t width)
{
    return width >= 4 ? UINT32_MAX : HV_BIT(8 * width) - 1;
}

static void put32(uint8_t *p, uint32_t x)
{
    memcpy(p, &x, 4);
}

/* A vendor capability (virtio 1.0, 4.1.4) of a part of BAR0, below 256 bytes. */
#define CAP(at, next, bytes, type, offset, length) \
    [at] = 0x09, next, bytes, type, [(at) + 8] = offset, [(at) + 12] = length

static const uint8_t at_reset[PCICONF_BYTES] = {
    [0x00] = 0xf4, 0x1a, 0x43, 0x10, /* a virtio console, 1af4:1043 */
    [0x06] = 0x10, /* status: has a capability list */
    [0x08] = 0x01, 0x00, 0x00, 0x07, /* revision 1, communication device */
    [0x2e] = 0x40,
    [0x34] = CAP_COMMON,
    [0x3c] = VPCI_IRQ,
    CAP(CAP_COMMON, CAP_NOTIFY, 16, 1, 0, VPCI_NOTIFY),
    CAP(CAP_NOTIFY, CAP_ISR, 20, 2, VPCI_NOTIFY, 2),
    CAP(CAP_ISR, CAP_WINDOW, 16, 3, VPCI_ISR, 1),
    CAP(CAP_DEVICE, 0, 16, 4, VPCI_CONFIG, VPCI_CONFIG_BYTES),
    CAP(CAP_WINDOW, CAP_DEVICE, 20, 5, 0, 0),
};

void pciconf_create(struct vdev_set *s)
{
    memcpy(s->pciconf.space, at_reset, sizeof(at_reset));
}

/* ---- the PCI_CFG window ---- */

struct window {
    uint32_t offset, length;
};

/* Where the window points. False if it is not set up for a legal access. */
static bool window_get(const struct vdev_set *s, struct window *w)
{
    const uint8_t *space = s->pciconf.space;

    w->offset = get32(space + WINDOW_OFFSET);
    w->length = get32(space + WINDOW_LENGTH);
    if (w->length != 1 && w->length != 2 && w->length != 4)
        return false;
    return space[WINDOW_BAR] == 0 && w->offset % w->length == 0 &&
           range_fits(w->offset, w->length, VPCI_BAR_BYTES);
}

static void window_read(struct vdev_set *s)
{
    struct window w;
    uint32_t value = UINT32_MAX;

    if (window_get(s, &w))
        value = vpci_read(&s->vpci, w.offset, w.length);
    put32(s->pciconf.space + WINDOW_DATA, value);
}

/* The access is as wide as the window's length says, whatever the port access
 * was; bytes that the port access did not bring are 0. */
static void window_write(struct vdev_set *s, uint32_t value)
{
    struct window w;

    if (window_get(s, &w))
        vpci_write(&s->vpci, w.offset, w.length, value & all_ones(w.length));
}

/* ---- configuration space of 00:01.0 ---- */

/* Not BAR0: as long as no page fault is decoded as MMIO, a driver that maps it dies. */
static bool writable(uint32_t reg)
{
    return reg == CONF_CACHE_LINE || reg == CONF_LATENCY ||
           reg == WINDOW_BAR || reg >= WINDOW_OFFSET;
}

static uint32_t function_read(struct vdev_set *s, uint32_t reg, uint32_t width)
{
    uint32_t value = 0;

    if (reg == WINDOW_DATA)
        window_read(s);
    memcpy(&value, s->pciconf.space + reg, width);
    return value;
}

static void function_write(struct vdev_set *s, uint32_t reg, uint32_t width,
                           uint32_t value)
{
    uint8_t *space = s->pciconf.space;

    for (uint32_t i = 0; i < width; i++) {
        if (writable(reg + i))
            space[reg + i] = (uint8_t)(value >> (8 * i));
    }
    if (reg == WINDOW_DATA)
        window_write(s, value & all_ones(width));
}

/* ---- mechanism #1 ---- */

enum target { TARGET_NONE, TARGET_BRIDGE, TARGET_CONSOLE };

/* What the address register names; bits 30 to 24 would be registers beyond
 * the first 256. */
static enum target decode(uint32_t address)
{
    if (!(address & ADDRESS_ENABLE) || (address & 0x7fff0700u) != 0 ||
        (address & 0xfc) >= PCICONF_BYTES)
        return TARGET_NONE;
    switch (address >> 11 & 31) {
    case 0:
        return TARGET_BRIDGE;
    case 1:
        return TARGET_CONSOLE;
    default:
        return TARGET_NONE;
    }
}

/* True if all of the access lies in the four ports from base on. */
static bool in_quad(uint32_t port, uint32_t width, uint32_t base)
{
    return port >= base && range_fits(port - base, width, 4);
}

uint32_t vdev_port_in(struct guest *g, uint16_t port, uint32_t width)
{
    struct vdev_set *s = g->vdevs;
    uint32_t reg;

    if (port == PORT_I8042_STATUS && g->abi && g->abi->rev == ABI_4_1)
        return 1;
    if (!s || (width != 1 && width != 2 && width != 4))
        return all_ones(width);
    if (in_quad(port, width, PORT_ADDRESS))
        return s->pciconf.address >> 8 * (port & 3) & all_ones(width);
    if (!in_quad(port, width, PORT_DATA))
        return all_ones(width);

    reg = (s->pciconf.address & 0xfc) + (port & 3u);
    switch (decode(s->pciconf.address)) {
    case TARGET_BRIDGE: /* vendor 0, and a class that Linux looks for */
        return range_fits(CONF_CLASS - reg, 1, width)
                   ? 0x06u << 8 * (CONF_CLASS - reg) : 0;
    case TARGET_CONSOLE:
        return function_read(s, reg, width);
    default:
        return all_ones(width);
    }
}

void vdev_port_out(struct guest *g, uint16_t port, uint32_t width, uint32_t v)
{
    struct vdev_set *s = g->vdevs;

    if (!s || (width != 1 && width != 2 && width != 4))
        return;
    if (in_quad(port, width, PORT_ADDRESS)) {
        uint32_t shift = 8 * (port & 3u);
        uint32_t mask = all_ones(width) << shift;

        s->pciconf.address &= ~mask;
        s->pciconf.address |= v << shift & mask;
    } else if (in_quad(port, width, PORT_DATA) &&
               decode(s->pciconf.address) == TARGET_CONSOLE) {
        function_write(s, (s->pciconf.address & 0xfc) + (port & 3u), width, v);
    }
}
