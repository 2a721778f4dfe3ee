/* SPDX-License-Identifier: MIT */
/* RS-16: a guest's own device work is its own time.  What a frame costs its sender does
 * not depend on how a receiver has cut up its buffers. */

#include "gtest.h"
#include "guest/virtio.h"

#define FRAME_BYTES 1514u
#define HEADER_BYTES 10u
#define PIECES 255u
#define PIECE_BYTES 6u
#define FRAMES 16u /* of one kick */
#define TRIES 20u
#define QUIET_NS 100000000u /* before the receiver comes up */

_Static_assert(PIECES * PIECE_BYTES >= FRAME_BYTES + HEADER_BYTES, "a frame fits");

/* All buffers in pieces of 6 bytes, and as many of them as the queue holds. */
GT_CASE(picky_receiver, GT_2LEVEL | GT_HIDDEN, .expect = "runs")
{
    static struct gabi_vring_desc pieces[PIECES];
    static uint8_t data[PIECES * PIECE_BYTES];
    struct vdevice net;
    struct vq *q = &net.vq[0];

    gt_sleep_ns(QUIET_NS);
    EXPECT(bus_find(GABI_DEV_NET, 0, &net));
    bus_start(&net);
    for (uint32_t i = 0; i < PIECES; i++) {
        uint16_t next = i + 1 < PIECES ? GABI_VRING_NEXT : 0;

        pieces[i] = (struct gabi_vring_desc){addr_of(data) + i * PIECE_BYTES, PIECE_BYTES,
                                             (uint16_t)(GABI_VRING_WRITE | next),
                                             (uint16_t)(i + 1)};
    }
    for (uint32_t i = 0; i < q->num; i++) {
        q->desc[i] = (struct gabi_vring_desc){addr_of(pieces), sizeof(pieces),
                                              GABI_VRING_INDIRECT, 0};
        q->avail->ring[i] = (uint16_t)i;
    }
    for (;;) {
        q->avail->idx = (uint16_t)(q->used->idx + q->num);
        gt_sleep_ns(200000);
    }
}

/* The least that one kick took of several, in ticks: others may run in between. */
static uint32_t least_for_a_kick(struct vdevice *net)
{
    static uint8_t frame[HEADER_BYTES + FRAME_BYTES];
    struct vq_buffer b = {addr_of(frame), sizeof(frame), false};
    uint32_t least = 0xffffffff;

    for (uint32_t n = 0; n < TRIES; n++) {
        uint64_t start, ticks;

        for (uint32_t i = 0; i < FRAMES; i++)
            vq_add(&net->vq[1], &b, 1);
        start = rdtsc();
        vq_kick(&net->vq[1]);
        ticks = rdtsc() - start;
        if (ticks < least)
            least = (uint32_t)ticks;
        for (uint32_t i = 0; i < FRAMES; i++)
            EXPECT(vq_wait(&net->vq[1], NULL));
        gt_sleep_ns(300000);
    }
    return least;
}

GT_CASE(sender_pays_for_itself, GT_2LEVEL, .with = "picky_receiver")
{
    struct vdevice net;
    uint32_t alone, beside;

    EXPECT(bus_find(GABI_DEV_NET, 0, &net));
    bus_start(&net);
    alone = least_for_a_kick(&net);
    gt_sleep_ns(2 * QUIET_NS);
    beside = least_for_a_kick(&net);
    print("%u ticks alone, %u beside a receiver\n", alone, beside);
    EXPECT(beside < alone * 3);
}
