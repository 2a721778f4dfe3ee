/* SPDX-License-Identifier: MIT */
/* The lguest bus (ABI 10a): a page of device descriptors above guest RAM,
 * rings above that, NOTIFY.  The guest may rewrite that page whenever it likes:
 * of what lies there only the status byte and the accepted features are ever
 * read; all else is kept in struct vdev. */
#include "vdev_priv.h"

#include "guest-abi/device_page.h"
#include "hv/assert.h"
#include "hv/console.h"
#include "hv/gmem.h"
#include "hv/log.h"
#include "hv/string.h"

_Static_assert(GABI_VRING_BYTES(VDEV_QUEUE_NUM) <=
                   VDEV_QUEUE_PAGES * HV_PAGE_SIZE, "ring fits its pages");

#define FEATURE_BYTES 4u
#define CONFIG_MAX_BYTES 16u
#define STRING_MAX_BYTES 4096u
#define STRING_PIECE_BYTES 256u /* then interrupts get a chance */
#define RING_BYTES (VDEV_QUEUE_PAGES * HV_PAGE_SIZE)
#define FIRST_IRQ 1u /* line 0 is the timer */

static uint32_t page_gpa(const struct vdev_set *s)
{
    return s->g->ram_pages << HV_PAGE_SHIFT;
}

static uint32_t desc_gpa(const struct vdev *d)
{
    return page_gpa(d->set) + d->bus_offset;
}

static uint32_t ring_gpa(const struct vdev *d, uint32_t n)
{
    return d->bus_ring + n * RING_BYTES;
}

static bool is_tagged(const struct vdev *d)
{
    return d->set->g->tagged_devices;
}

static uint32_t status_gpa(const struct vdev *d)
{
    return desc_gpa(d) + (is_tagged(d) ? offsetof(struct gabi_tagged_desc, status)
                                       : offsetof(struct gabi_device_desc, status));
}

/* Length of one feature bitmap: none where nothing is offered. */
static uint8_t feature_bytes(const struct vdev *d)
{
    return d->offered && !is_tagged(d) ? FEATURE_BYTES : 0;
}

static uint32_t accepted_gpa(const struct vdev *d)
{
    return desc_gpa(d) + (uint32_t)sizeof(struct gabi_device_desc) +
           d->ops->nr_queues * (uint32_t)sizeof(struct gabi_vqconfig) +
           feature_bytes(d);
}

static struct gabi_vqconfig queue_config(const struct vdev *d, uint32_t n)
{
    return (struct gabi_vqconfig){
        .num = VDEV_QUEUE_NUM,
        .irq = (uint16_t)(d->bus_irq + n),
        .pfn = ring_gpa(d, n) >> HV_PAGE_SHIFT,
    };
}

static uint8_t *put_tagged(uint8_t *p, uint32_t tag, const void *data, uint32_t bytes)
{
    p[0] = (uint8_t)tag;
    p[1] = (uint8_t)bytes;
    memcpy(p + 2, data, bytes);
    return p + 2 + bytes;
}

/* The same for Linux 2.6.24. */
static uint32_t build_tagged(const struct vdev *d, uint8_t *out)
{
    static const struct {
        uint8_t type, tag, offset, bytes;
    } fields[] = { /* of the configuration as it is in the other form */
        {GABI_DEV_NET, GABI_TAG_NET_MAC, 0, 6},
        {GABI_DEV_BLOCK, GABI_TAG_BLK_CAPACITY, 0, 8},
        {GABI_DEV_BLOCK, GABI_TAG_BLK_SEG_MAX, 12, 4},
    };
    struct gabi_tagged_desc h = {.type = d->ops->virtio_id};
    uint8_t config[CONFIG_MAX_BYTES], *p = out + sizeof(h);

    hv_assert(d->ops->config_bytes <= sizeof(config));
    for (uint32_t n = 0; n < d->ops->nr_queues; n++) {
        struct gabi_vqconfig c = queue_config(d, n);

        p = put_tagged(p, GABI_TAG_QUEUE, &c, sizeof(c));
    }
    if (d->ops->config)
        d->ops->config(d, config);
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(fields); i++) {
        if (fields[i].type == h.type)
            p = put_tagged(p, fields[i].tag, config + fields[i].offset, fields[i].bytes);
    }
    h.config_len = (uint8_t)(p - out - (ptrdiff_t)sizeof(h));
    memcpy(out, &h, sizeof(h));
    return (uint32_t)(p - out);
}

/* Writes d's descriptor to out, which is zero, and returns its length. */
static uint32_t build_desc(const struct vdev *d, uint8_t *out)
{
    struct gabi_device_desc h = {
        .type = d->ops->virtio_id,
        .num_vq = d->ops->nr_queues,
        .feature_len = feature_bytes(d),
        .config_len = d->ops->config_bytes,
    };
    uint8_t *p = out;

    memcpy(p, &h, sizeof(h));
    p += sizeof(h);
    for (uint32_t n = 0; n < d->ops->nr_queues; n++, p += 8) {
        struct gabi_vqconfig c = queue_config(d, n);

        memcpy(p, &c, sizeof(c));
    }
    memcpy(p, &d->offered, h.feature_len);
    p += 2u * h.feature_len; /* the accepted ones are 0 */
    if (d->ops->config)
        d->ops->config(d, p);
    return GABI_DEV_BYTES(&h);
}

bool lgbus_create(struct vdev_set *s)
{
    uint32_t ring = page_gpa(s) + HV_PAGE_SIZE;
    uint32_t irq = FIRST_IRQ;
    uint32_t bytes = 0;

    memset(s->buf, 0, sizeof(s->buf));
    for (uint32_t i = 0; i < s->nr; i++) {
        struct vdev *d = &s->dev[i];

        d->bus_irq = (uint8_t)irq;
        d->bus_ring = ring;
        d->bus_offset = (uint16_t)bytes;
        irq += d->ops->nr_queues;
        ring += d->ops->nr_queues * RING_BYTES;
        bytes += is_tagged(d) ? build_tagged(d, s->buf + bytes)
                              : build_desc(d, s->buf + bytes);
        hv_assert(bytes <= sizeof(s->buf));
    }
    return gmem_write(s->g, GPA(page_gpa(s)), s->buf, bytes);
}

/* ---- status ---- */

static void write_status(const struct vdev *d, uint8_t status)
{
    if (!gmem_write(d->set->g, GPA(status_gpa(d)), &status, 1))
        log_debug("guest %s: %s: no status byte", d->set->g->config.name,
                  d->name);
}

static uint8_t read_status(const struct vdev *d)
{
    uint8_t status;

    if (!gmem_read(d->set->g, &status, GPA(status_gpa(d)), 1))
        return GABI_DEV_FAILED;
    return status;
}

void lgbus_show_broken(struct vdev *d)
{
    write_status(d, read_status(d) | VIRTIO_STATUS_NEEDS_RESET);
}

/* What is not offered cannot be accepted. */
static void read_accepted(struct vdev *d)
{
    uint32_t bits = 0;

    if (feature_bytes(d) != 0 &&
        !gmem_read(d->set->g, &bits, GPA(accepted_gpa(d)), sizeof(bits)))
        bits = 0;
    d->accepted = bits & d->offered;
}

static void start(struct vdev *d)
{
    read_accepted(d);
    if (d->state != VDEV_RESET)
        return; /* said twice: no effect */
    for (uint32_t n = 0; n < d->ops->nr_queues; n++) {
        uint32_t ring = ring_gpa(d, n);

        if (!vq_init(&d->vq[n], d->set->g, VDEV_QUEUE_NUM, ring,
                     ring + GABI_VRING_AVAIL_OFFSET(VDEV_QUEUE_NUM),
                     ring + GABI_VRING_USED_OFFSET(VDEV_QUEUE_NUM)))
            return;
        if (!(d->ops->request_queues & HV_BIT(n)) && !d->ops->refill)
            vq_set_notify(&d->vq[n], false);
    }
    d->state = VDEV_STARTED;
}

static void reset(struct vdev *d)
{
    static const uint8_t none[FEATURE_BYTES];
    struct guest *g = d->set->g;
    bool ok = true;

    vdev_reset(d);
    if (feature_bytes(d) != 0)
        ok = gmem_write(g, GPA(accepted_gpa(d)), none, feature_bytes(d));
    for (uint32_t n = 0; n < d->ops->nr_queues; n++)
        ok = gmem_zero(g, GPA(ring_gpa(d, n)), RING_BYTES) && ok;
    if (!ok)
        log_debug("guest %s: %s: ring memory is gone", g->config.name, d->name);
}

/* Guests up to 3.0 tell about every change and mean DRIVER_OK; later ones tell
 * when the features are final, with ACKNOWLEDGE and DRIVER only.  Starting on
 * either is safe, because starting twice does nothing and the features are read
 * again each time. */
static void status_changed(struct vdev *d)
{
    const uint8_t both = GABI_DEV_ACKNOWLEDGE | GABI_DEV_DRIVER;
    uint8_t status = read_status(d);
    struct guest *g = d->set->g;

    if (status == 0) {
        reset(d);
    } else if (status & GABI_DEV_FAILED) {
        if (d->state != VDEV_FAILED && log_limit_ok(&g->log_limit, 10))
            log_info("guest %s: %s: the driver has given up", g->config.name,
                     d->name);
        vdev_reset(d);
        d->state = VDEV_FAILED;
    } else if ((status & GABI_DEV_DRIVER_OK) || (status & both) == both) {
        start(d);
    }
}

/* ---- NOTIFY ---- */

/* A string of the early console, in pieces. RAM ends it as a NUL does. */
static void early_string(struct vdev_set *s, uint32_t addr)
{
    uint32_t left = hv_min_u32(STRING_MAX_BYTES, page_gpa(s) - addr);

    s->busy = true;
    while (left != 0) {
        uint32_t want = hv_min_u32(left, STRING_PIECE_BYTES);
        uint32_t n = gmem_read_string(s->g, (char *)s->buf, GPA(addr), want + 1);

        console_guest_write(s->g, s->buf, n);
        if (!vdev_account(s, n) || n < want)
            break;
        addr += n;
        left -= n;
    }
    s->busy = false;
    if (hv_unlikely(s->kicked))
        vdev_run(s); /* for input that came meanwhile */
}

/* Nothing lies at two of these addresses, so the order of the ABI (status,
 * queue, string) is kept by any order. */
static bool device_notify(struct vdev *d, uint32_t addr)
{
    if (addr == desc_gpa(d)) {
        status_changed(d);
        return true;
    }
    for (uint32_t n = 0; n < d->ops->nr_queues; n++) {
        if (addr == ring_gpa(d, n)) {
            if (d->state == VDEV_RESET)
                start(d); /* drivers up to 3.0 kick before DRIVER_OK, 2.6.24 says none */
            vdev_kick(d, n);
            return true;
        }
    }
    return false;
}

bool vdev_notify(struct guest *g, uint32_t addr)
{
    struct vdev_set *s = g->vdevs;

    if (addr == 0)
        return true;
    if (addr < page_gpa(s)) {
        early_string(s, addr);
        return true;
    }
    for (uint32_t i = 0; i < s->nr; i++) {
        if (device_notify(&s->dev[i], addr))
            return true;
    }
    return false;
}
