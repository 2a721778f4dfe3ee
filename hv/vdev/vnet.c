/* SPDX-License-Identifier: MIT */
/* The network device and the hub between the guests.  No offloads are offered,
 * so a frame is at most 1514 bytes and lies behind a header of zeros.  What a
 * receiver has no room for is dropped and counted; a sender never waits, and pays
 * for one copy: however a receiver has cut its buffers up, that is its own time. */
#include "vdev_priv.h"

#include "hv/arch_if.h"
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

/* ---- the inbox ---- */

static uint32_t grains_of(uint32_t bytes)
{
    return (bytes + VNET_GRAIN_BYTES - 1) / VNET_GRAIN_BYTES;
}

/* A sender's side, on any CPU. False: it does not fit. */
static bool inbox_put(struct vnet *v, const uint8_t *frame, uint32_t bytes)
{
    uint32_t tail = __atomic_load_n(&v->tail, __ATOMIC_RELAXED), at, n;

    do {
        uint32_t head = __atomic_load_n(&v->head, __ATOMIC_ACQUIRE);

        if (VNET_GRAINS - (tail - head) < grains_of(bytes))
            return false;
    } while (!__atomic_compare_exchange_n(&v->tail, &tail, tail + grains_of(bytes), true,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED));
    at = tail % VNET_GRAINS;
    n = hv_min_u32(bytes, (VNET_GRAINS - at) * VNET_GRAIN_BYTES);
    memcpy(v->inbox[at], frame, n);
    memcpy(v->inbox, frame + n, bytes - n);
    __atomic_store_n(&v->length[at], (uint16_t)bytes, __ATOMIC_RELEASE);
    return true;
}

/* The owner's side: bytes of the oldest frame, 0 if there is none. */
static uint32_t inbox_first(const struct vnet *v)
{
    return __atomic_load_n(&v->length[v->head % VNET_GRAINS], __ATOMIC_ACQUIRE);
}

/* Takes the oldest away; into dst, which may be NULL. */
static void inbox_take(struct vnet *v, uint8_t *dst)
{
    uint32_t at = v->head % VNET_GRAINS, bytes = v->length[at];
    uint32_t n = hv_min_u32(bytes, (VNET_GRAINS - at) * VNET_GRAIN_BYTES);

    if (dst) {
        memcpy(dst, v->inbox[at], n);
        memcpy(dst + n, v->inbox, bytes - n);
    }
    v->length[at] = 0;
    __atomic_store_n(&v->head, v->head + grains_of(bytes), __ATOMIC_RELEASE);
}

static void count_dropped(struct vnet *v)
{
    __atomic_fetch_add(&v->rx_dropped, 1, __ATOMIC_RELAXED);
}

void vnet_forget(struct vnet *v)
{
    for (; inbox_first(v); count_dropped(v))
        inbox_take(v, NULL);
}

void vnet_mail(struct vdev_set *s)
{
    if (!inbox_first(&s->vnet))
        return;
    if (s->net->state == VDEV_STARTED)
        vdev_kick_later(s->net, RX_QUEUE);
    else
        vnet_forget(&s->vnet);
}

/* ---- receiving ---- */

/* s->buf, a header and a frame, into the request that was popped from the receive queue;
 * false: dropped. */
static bool receive(struct vdev *d, uint32_t total)
{
    struct vdev_set *s = d->set;
    struct virtqueue *q = &d->vq[RX_QUEUE];

    if (s->chain.write_bytes < total) {
        vq_unpop(q); /* too small; the guest keeps it */
        return false;
    }
    (void)vq_chain_write(q, &s->chain, s->buf, total);
    vq_push(q, &s->chain, total);
    return true;
}

static bool vnet_deliver(struct vdev *d, uint32_t n)
{
    struct vdev_set *s = d->set;
    struct vnet *v = &s->vnet;
    uint32_t header = header_bytes(d);

    for (uint32_t bytes; (bytes = inbox_first(v)) != 0 && s->spent < VDEV_BUDGET_BYTES;) {
        if (!vdev_pop(d, RX_QUEUE)) { /* nor will there be one for the others now */
            vnet_forget(v);
            break;
        }
        memset(s->buf, 0, header);
        if (d->modern)
            s->buf[HEADER_NUM_BUFFERS] = 1;
        inbox_take(v, s->buf + header);
        if (receive(d, header + bytes))
            v->rx_frames++;
        else
            count_dropped(v);
        if (!vdev_account(s, VDEV_REQUEST_COST + bytes))
            break;
    }
    vdev_signal(d, n);
    return inbox_first(v) != 0;
}

/* ---- the hub ---- */

void vnet_hub_send(struct guest *from, const uint8_t *frame, uint32_t bytes)
{
    if (bytes < FRAME_MIN_BYTES || bytes > FRAME_MAX_BYTES)
        return;
    list_for_each(p, &guest_list) {
        struct guest *to = HV_CONTAINER_OF(p, struct guest, link);

        if (to == from || !to->vdevs || guest_is_dead(to))
            continue;
        if (inbox_put(&to->vdevs->vnet, frame, bytes))
            mail_post(&to->vdevs->mail, to->owner);
        else
            count_dropped(&to->vdevs->vnet);
        if (from && from->vdevs)
            from->vdevs->spent += bytes;
        arch_preempt_point(); /* not sched_point(): the list stays as it is */
    }
}

static void vnet_print(const struct vdev *d)
{
    const struct vnet *v = &d->set->vnet;

    log_raw("           tx=%llu rx=%llu tx_dropped=%llu rx_dropped=%u",
            (unsigned long long)v->tx_frames, (unsigned long long)v->rx_frames,
            (unsigned long long)v->tx_dropped, v->rx_dropped);
}

const struct vdev_ops vnet_ops = {
    .virtio_id = 1,
    .nr_queues = 2,
    .config_bytes = 8,
    .features = HV_BIT64(VNET_F_MAC) | HV_BIT64(VIRTIO_F_INDIRECT_DESC),
    .request_queues = HV_BIT(TX_QUEUE),
    .config = vnet_config,
    .request = vnet_request,
    .deliver = vnet_deliver,
    .print = vnet_print,
};
