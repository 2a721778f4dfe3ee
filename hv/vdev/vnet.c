/* SPDX-License-Identifier: MIT */
/* The network device and the hub between the guests.  No offloads are offered,
 * so a frame is at most 1514 bytes and lies behind a header of zeros.  What a
 * receiver has no room for is dropped and counted; a sender never waits. */
#include "vdev_priv.h"

#include "hv/list.h"
#include "hv/log.h"
#include "hv/string.h"

#define RX_QUEUE 0u
#define TX_QUEUE 1u

#define FRAME_MIN_BYTES 14u
#define FRAME_MAX_BYTES 1514u

/* struct virtio_net_hdr: u8 flags, gso_type; u16 hdr_len, gso_size,
 * csum_start, csum_offset; with VERSION_1 also u16 num_buffers. */
#define HEADER_BYTES 10u
#define HEADER_MODERN_BYTES 12u
#define HEADER_NUM_BUFFERS 10u

_Static_assert(HEADER_MODERN_BYTES + FRAME_MAX_BYTES <=
                   sizeof(((struct vdev_set *)NULL)->buf), "frame fits");

static uint32_t header_bytes(const struct vdev *d)
{
    return d->modern ? HEADER_MODERN_BYTES : HEADER_BYTES;
}

/* Locally administered, from the guest's number: "RS" and the number. */
void vnet_create(struct vdev_set *s)
{
    const uint8_t mac[6] = {0x02, 'R', 'S', 0, 0, (uint8_t)(s->g->id + 1)};

    memcpy(s->vnet.mac, mac, sizeof(mac));
}

static void vnet_config(const struct vdev *d, uint8_t *out)
{
    const uint16_t link_up = 1;

    memcpy(out, d->set->vnet.mac, 6);
    memcpy(out + 6, &link_up, 2);
}

static uint32_t vnet_request(struct vdev *d, uint32_t n, struct vq_chain *c)
{
    struct vdev_set *s = d->set;
    uint32_t header = header_bytes(d);
    uint32_t bytes = c->read_bytes < header ? 0 : c->read_bytes - header;

    if (bytes < FRAME_MIN_BYTES || bytes > FRAME_MAX_BYTES ||
        vq_chain_read(&d->vq[n], c, s->buf, header) != header ||
        vq_chain_read(&d->vq[n], c, s->buf, bytes) != bytes) {
        s->vnet.tx_dropped++;
        return 0;
    }
    s->vnet.tx_frames++;
    vnet_hub_send(s->g, s->buf, bytes);
    return 0;
}

/* One frame into the next request of the receive queue; false: dropped. */
static bool receive(struct vdev *d, const uint8_t *frame, uint32_t bytes)
{
    struct vdev_set *s = d->set;
    struct virtqueue *q = &d->vq[RX_QUEUE];
    uint8_t header[HEADER_MODERN_BYTES] = {0};
    uint32_t total = header_bytes(d) + bytes;

    if (!vdev_pop(d, RX_QUEUE))
        return false;
    if (s->chain.write_bytes < total) {
        vq_unpop(q); /* too small; the guest keeps it */
        return false;
    }
    header[HEADER_NUM_BUFFERS] = 1;
    (void)vq_chain_write(q, &s->chain, header, header_bytes(d));
    (void)vq_chain_write(q, &s->chain, frame, bytes);
    vq_push(q, &s->chain, total);
    return true;
}

/* Delivers to one guest.  Its own requests may be under way when this guest's
 * work was interrupted; then the frame is lost, as on a wire. */
static void deliver(struct vdev_set *s, const uint8_t *frame, uint32_t bytes)
{
    if (s->busy || s->net->state != VDEV_STARTED) {
        s->vnet.rx_dropped++;
        return;
    }
    s->busy = true;
    if (receive(s->net, frame, bytes))
        s->vnet.rx_frames++;
    else
        s->vnet.rx_dropped++;
    vdev_signal(s->net, RX_QUEUE);
    s->busy = false;
    if (s->kicked) /* input came meanwhile; not on the sender's time */
        vdev_poll_later(s);
}

void vnet_hub_send(struct guest *from, const uint8_t *frame, uint32_t bytes)
{
    if (bytes < FRAME_MIN_BYTES || bytes > FRAME_MAX_BYTES)
        return;
    list_for_each(p, &guest_list) {
        struct guest *to = HV_CONTAINER_OF(p, struct guest, link);

        if (to == from || !to->vdevs || guest_is_dead(to))
            continue;
        deliver(to->vdevs, frame, bytes);
        if (from && from->vdevs)
            from->vdevs->spent += bytes;
    }
}

static void vnet_print(const struct vdev *d)
{
    const struct vnet *v = &d->set->vnet;

    log_raw("           tx=%llu rx=%llu tx_dropped=%llu rx_dropped=%llu",
            (unsigned long long)v->tx_frames, (unsigned long long)v->rx_frames,
            (unsigned long long)v->tx_dropped,
            (unsigned long long)v->rx_dropped);
}

const struct vdev_ops vnet_ops = {
    .virtio_id = 1,
    .nr_queues = 2,
    .config_bytes = 8,
    .request_queues = HV_BIT(TX_QUEUE),
    .config = vnet_config,
    .request = vnet_request,
    .print = vnet_print,
};
