/* SPDX-License-Identifier: MIT */
/* The guest's console, a virtio console of one port: queue 0 takes input to
 * the guest, queue 1 its output, which goes straight to the console core.  A
 * slow line makes the guest wait; nothing is lost and the monitor does not wait.
 * Input waits in a ring of fixed size; a guest that does not fetch it loses the
 * newest bytes, and they are counted. */
#include "vdev_priv.h"

#include "hv/console.h"
#include "hv/log.h"

#define INPUT_QUEUE 0u
#define OUTPUT_QUEUE 1u

/* Of one request; what is longer than this is not text. */
#define OUTPUT_MAX_BYTES HV_KIB(64)
#define OUTPUT_PIECE_BYTES 512u
/* A byte of console output costs the machine more than a byte copied. */
#define OUTPUT_COST 4u

/* So much room in the console core is waited for: what Linux puts into one
 * request, and less than the room of an idle line. A line that does not move at
 * all counts as free, so the wait ends. */
#define ROOM_BYTES HV_KIB(32)

static bool vconsole_ready(const struct vdev *d, const struct vq_chain *c)
{
    (void)d;
    return hv_min_u32(c->read_bytes, ROOM_BYTES) <= console_guest_room();
}

static uint32_t vconsole_request(struct vdev *d, uint32_t n, struct vq_chain *c)
{
    struct vdev_set *s = d->set;
    uint32_t total = 0;

    while (total < OUTPUT_MAX_BYTES) {
        uint32_t bytes = vq_chain_read(&d->vq[n], c, s->buf, OUTPUT_PIECE_BYTES);

        if (bytes == 0)
            break;
        console_guest_write(s->g, s->buf, bytes);
        total += bytes;
        if (!vdev_account(s, bytes * OUTPUT_COST))
            break;
    }
    s->vconsole.out_bytes += total;
    s->vconsole.dropped += c->read_bytes - total;
    return 0;
}

static uint32_t input_waiting(const struct vconsole *v)
{
    return __atomic_load_n(&v->tail, __ATOMIC_ACQUIRE) -
           __atomic_load_n(&v->head, __ATOMIC_ACQUIRE);
}

/* Copies waiting input into one request of the guest. */
static uint32_t fill_request(struct vdev *d, struct vq_chain *c)
{
    struct vconsole *con = &d->set->vconsole;
    uint32_t done = 0;

    while (input_waiting(con) != 0) {
        uint32_t at = con->head % VCONSOLE_INPUT_BYTES;
        uint32_t n = hv_min_u32(input_waiting(con), VCONSOLE_INPUT_BYTES - at);

        n = vq_chain_write(&d->vq[INPUT_QUEUE], c, con->input + at, n);
        if (n == 0)
            break;
        __atomic_store_n(&con->head, con->head + n, __ATOMIC_RELEASE);
        con->in_bytes += n;
        done += n;
    }
    return done;
}

/* Kicks for the input queue are wanted only while input waits. */
static void vconsole_refill(struct vdev *d, uint32_t n)
{
    struct vdev_set *s = d->set;
    struct virtqueue *q = &d->vq[n];

    for (uint32_t i = 0; i <= VQ_MAX_NUM; i++) {
        bool waiting = input_waiting(&s->vconsole) != 0;

        if (!waiting || !vdev_pop(d, n)) {
            if (d->state != VDEV_STARTED || q->no_notify == !waiting)
                break;
            vq_set_notify(q, waiting); /* and look once more */
            continue;
        }
        vq_push(q, &s->chain, fill_request(d, &s->chain));
        d->requests++;
        if (!vdev_account(s, VDEV_REQUEST_COST))
            break;
    }
    vdev_signal(d, n);
}

void vconsole_input(struct guest *g, const uint8_t *bytes, uint32_t n)
{
    struct vdev_set *s = g->vdevs;

    if (!s)
        return;
    for (uint32_t i = 0; i < n; i++) {
        struct vconsole *con = &s->vconsole;

        if (input_waiting(con) == VCONSOLE_INPUT_BYTES) {
            con->dropped += n - i;
            break;
        }
        con->input[con->tail % VCONSOLE_INPUT_BYTES] = bytes[i];
        __atomic_store_n(&con->tail, con->tail + 1, __ATOMIC_RELEASE);
    }
    mail_post(&s->mail, g->owner);
}

void vconsole_mail(struct vdev_set *s)
{
    if (input_waiting(&s->vconsole) != 0)
        vdev_kick_later(s->console, INPUT_QUEUE);
}

static void vconsole_print(const struct vdev *d)
{
    const struct vconsole *con = &d->set->vconsole;

    log_raw("           in=%llu out=%llu dropped=%llu waiting=%u",
            (unsigned long long)con->in_bytes,
            (unsigned long long)con->out_bytes,
            (unsigned long long)con->dropped, input_waiting(con));
}

const struct vdev_ops vconsole_ops = {
    .virtio_id = 3,
    .nr_queues = 2,
    .request_queues = HV_BIT(OUTPUT_QUEUE),
    .lazy_queues = HV_BIT(OUTPUT_QUEUE),
    .request = vconsole_request,
    .ready = vconsole_ready,
    .refill = vconsole_refill,
    .print = vconsole_print,
};
