/* SPDX-License-Identifier: MIT */
/* The registers of a virtio-1.0 function: what lies behind BAR0 (ABI 10b).  It
 * knows neither ports nor page faults: the PCI_CFG window reaches it now, MMIO
 * decoding can later.  An access that is not of a register's natural width does
 * nothing and reads 0. */
#include "vdev_priv.h"

#include "guest-abi/device_page.h"
#include "hv/console.h"
#include "hv/log.h"
#include "hv/string.h"
#include "hv/virq.h"

/* offset and width in one number, for switch */
#define REG(offset, width) ((offset) * 8u + (width))

enum {
    DEVICE_FEATURE_SELECT = REG(0x00, 4),
    DEVICE_FEATURE = REG(0x04, 4),
    DRIVER_FEATURE_SELECT = REG(0x08, 4),
    DRIVER_FEATURE = REG(0x0c, 4),
    MSIX_CONFIG = REG(0x10, 2),
    NUM_QUEUES = REG(0x12, 2),
    DEVICE_STATUS = REG(0x14, 1),
    QUEUE_SELECT = REG(0x16, 2),
    QUEUE_SIZE = REG(0x18, 2),
    QUEUE_MSIX_VECTOR = REG(0x1a, 2),
    QUEUE_ENABLE = REG(0x1c, 2),
    QUEUE_DESC_LO = REG(0x20, 4),
    QUEUE_USED_HI = REG(0x34, 4), /* the last of 6 halves */
    NOTIFY = REG(VPCI_NOTIFY, 2),
    ISR = REG(VPCI_ISR, 1),
};

#define NO_VECTOR 0xffffu

_Static_assert(VPCI_CONFIG + VPCI_CONFIG_BYTES <= VPCI_BAR_BYTES, "ABI 10b");

/* struct virtio_console_config: u16 cols, rows; u32 max_nr_ports, emerg_wr */
#define CONSOLE_EMERG_WR 8u

static void clear_registers(struct vpci *p)
{
    p->driver_features = 0;
    p->device_feature_select = p->driver_feature_select = 0;
    p->queue_select = 0;
    p->status = p->isr = 0;
    memset(p->queue, 0, sizeof(p->queue));
    for (uint32_t n = 0; n < VDEV_MAX_QUEUES; n++)
        p->queue[n].size = VDEV_QUEUE_NUM;
}

void vpci_create(struct vpci *p, struct vdev *d)
{
    p->dev = d;
    p->device_features = d->offered | HV_BIT64(VIRTIO_F_VERSION_1) |
                         HV_BIT64(VCONSOLE_F_EMERG_WRITE);
    clear_registers(p);
}

void vpci_interrupt(struct vpci *p, uint8_t isr_bit)
{
    p->isr |= isr_bit;
    virq_raise(p->dev->set->g, VPCI_IRQ);
}

static struct vpci_queue *selected(struct vpci *p)
{
    if (p->queue_select >= p->dev->ops->nr_queues)
        return NULL;
    return &p->queue[p->queue_select];
}

/* The half of a ring address that a register is, or NULL. */
static uint32_t *address_half(struct vpci_queue *q, uint32_t reg)
{
    if (reg < QUEUE_DESC_LO || reg > QUEUE_USED_HI || reg % REG(4, 0) != REG(0, 4))
        return NULL;
    return &q->addr[(reg - QUEUE_DESC_LO) / REG(4, 0)];
}

/* ---- status ---- */

static bool set_up_queues(struct vpci *p)
{
    struct vdev *d = p->dev;

    for (uint32_t n = 0; n < d->ops->nr_queues; n++) {
        const struct vpci_queue *r = &p->queue[n];

        if (!r->enable)
            continue;
        if (r->addr[1] != 0 || r->addr[3] != 0 || r->addr[5] != 0 ||
            !vq_init(&d->vq[n], d->set->g, r->size, r->addr[0], r->addr[2],
                     r->addr[4]))
            return false;
    }
    return true;
}

static void start(struct vpci *p)
{
    struct vdev *d = p->dev;
    struct guest *g = d->set->g;

    vdev_reset(d);
    d->modern = true;
    d->accepted = p->driver_features;
    if (set_up_queues(p)) {
        d->state = VDEV_STARTED;
        return;
    }
    vdev_reset(d);
    d->modern = true;
    d->state = VDEV_BROKEN;
    p->status |= VIRTIO_STATUS_NEEDS_RESET;
    if (log_limit_ok(&g->log_limit, 10))
        log_warn("guest %s: %s stopped until reset: bad ring address",
                 g->config.name, d->name);
}

static bool features_acceptable(const struct vpci *p)
{
    return (p->driver_features & ~p->device_features) == 0 &&
           (p->driver_features & HV_BIT64(VIRTIO_F_VERSION_1)) != 0;
}

/* Bits are added one after the other; only 0 takes them away (virtio 1.0,
 * 2.1 and 3.1). */
static void write_status(struct vpci *p, uint8_t value)
{
    const uint8_t live = VIRTIO_STATUS_FEATURES_OK | GABI_DEV_DRIVER_OK;
    uint8_t added = value & (uint8_t)~p->status;

    if (value == 0) {
        if (p->dev->modern)
            vdev_reset(p->dev);
        clear_registers(p);
        return;
    }
    if ((added & VIRTIO_STATUS_FEATURES_OK) && !features_acceptable(p))
        added &= (uint8_t)~VIRTIO_STATUS_FEATURES_OK;
    added &= (uint8_t)~VIRTIO_STATUS_NEEDS_RESET;
    p->status |= added;
    if ((added & GABI_DEV_FAILED) && p->dev->modern) {
        vdev_reset(p->dev);
        p->dev->state = VDEV_FAILED;
    } else if ((added & GABI_DEV_DRIVER_OK) && (p->status & live) == live &&
               !(p->status & GABI_DEV_FAILED)) {
        start(p);
    }
}

/* ---- registers ---- */

static uint32_t read_queue(struct vpci *p, uint32_t reg)
{
    struct vpci_queue *q = selected(p);
    const uint32_t *half;

    if (!q)
        return 0;
    if (reg == QUEUE_SIZE)
        return q->size;
    if (reg == QUEUE_ENABLE)
        return q->enable;
    half = address_half(q, reg);
    return half ? *half : 0;
}

static void write_queue(struct vpci *p, uint32_t reg, uint32_t value)
{
    struct vpci_queue *q = selected(p);
    uint32_t *half;

    if (!q || q->enable)
        return; /* fixed once it is enabled */
    if (reg == QUEUE_SIZE) {
        uint16_t size = (uint16_t)value;

        if (size != 0 && size <= VDEV_QUEUE_NUM && (size & (size - 1)) == 0)
            q->size = size;
    } else if (reg == QUEUE_ENABLE) {
        q->enable = value == 1;
    } else {
        half = address_half(q, reg);
        if (half)
            *half = value;
    }
}

static uint32_t feature_half(uint64_t features, uint32_t select)
{
    return select > 1 ? 0 : (uint32_t)(features >> 32 * select);
}

uint32_t vpci_read(struct vpci *p, uint32_t offset, uint32_t width)
{
    if (offset >= VPCI_CONFIG)
        return 0; /* the console's size is unknown, emerg_wr reads 0 */
    switch (REG(offset, width)) {
    case DEVICE_FEATURE_SELECT:
        return p->device_feature_select;
    case DEVICE_FEATURE:
        return feature_half(p->device_features, p->device_feature_select);
    case DRIVER_FEATURE_SELECT:
        return p->driver_feature_select;
    case DRIVER_FEATURE:
        return feature_half(p->driver_features, p->driver_feature_select);
    case MSIX_CONFIG:
    case QUEUE_MSIX_VECTOR:
        return NO_VECTOR;
    case NUM_QUEUES:
        return p->dev->ops->nr_queues;
    case DEVICE_STATUS:
        return p->status;
    case QUEUE_SELECT:
        return p->queue_select;
    case ISR: {
        uint32_t isr = p->isr;

        p->isr = 0;
        return isr;
    }
    default:
        return read_queue(p, REG(offset, width));
    }
}

static void write_driver_feature(struct vpci *p, uint32_t value)
{
    uint32_t shift = 32 * p->driver_feature_select;

    if (p->driver_feature_select > 1 ||
        (p->status & VIRTIO_STATUS_FEATURES_OK))
        return;
    p->driver_features &= ~((uint64_t)UINT32_MAX << shift);
    p->driver_features |= (uint64_t)value << shift;
}

void vpci_write(struct vpci *p, uint32_t offset, uint32_t width, uint32_t value)
{
    struct vdev *d = p->dev;
    const uint8_t byte = (uint8_t)value;

    /* emerg_wr works before any driver; its low byte is a character. */
    if (offset == VPCI_CONFIG + CONSOLE_EMERG_WR)
        console_guest_write(d->set->g, &byte, 1);
    if (offset >= VPCI_CONFIG)
        return;
    switch (REG(offset, width)) {
    case DEVICE_FEATURE_SELECT:
        p->device_feature_select = value;
        break;
    case DRIVER_FEATURE_SELECT:
        p->driver_feature_select = value;
        break;
    case DRIVER_FEATURE:
        write_driver_feature(p, value);
        break;
    case DEVICE_STATUS:
        write_status(p, (uint8_t)value);
        break;
    case QUEUE_SELECT:
        p->queue_select = (uint16_t)value;
        break;
    case NOTIFY:
        if ((uint16_t)value < d->ops->nr_queues && d->modern &&
            d->state == VDEV_STARTED)
            vdev_kick(d, (uint16_t)value);
        break;
    default:
        write_queue(p, REG(offset, width), value);
        break;
    }
}
