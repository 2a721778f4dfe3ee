/* SPDX-License-Identifier: MIT */
/* The network device and the hub: frames reach every other guest, never the
 * sender; what does not fit is dropped and counted; nobody waits. */
#include "test.h"

#include "fake_vdev.h"

#include "../../hv/vdev/vdev_priv.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

#define NET 0u
#define NEXT 1u
#define WRITE 2u
#define HEADER 10u

static struct fake_guest *f[FAKE_GUESTS];
static struct fake_ring rx[FAKE_GUESTS], tx[FAKE_GUESTS];

static void set_up(uint32_t guests)
{
    fake_reset();
    for (uint32_t i = 0; i < guests; i++) {
        f[i] = fake_guest_new(i, NULL, 0);
        fake_bus_start(f[i], NET);
        rx[i] = fake_ring_legacy(f[i], fake_bus_ring(f[i], NET, 0), 256);
        tx[i] = fake_ring_legacy(f[i], fake_bus_ring(f[i], NET, 1), 256);
    }
}

static struct vnet *counters(uint32_t i)
{
    return &f[i]->g.vdevs->vnet;
}

/* All guests get their turn. */
static void run_all(void)
{
    mail_read();
    for (uint32_t i = 0; i < FAKE_GUESTS; i++) {
        if (f[i])
            vdev_poll(&f[i]->g);
    }
}

/* Guest i asks to send a frame of n bytes, header in a buffer of its own. */
static void ask_to_send(uint32_t i, uint32_t n)
{
    fake_desc(&tx[i], 0, 0x8000, HEADER, NEXT, 1);
    fake_desc(&tx[i], 1, 0x9000, n, 0, 0);
    fake_avail(&tx[i], 0);
    EXPECT(vdev_notify(&f[i]->g, tx[i].desc));
}

static void send(uint32_t i, uint32_t n)
{
    ask_to_send(i, n);
    run_all();
}

/* Guest i posts receive buffer number n of this size. */
static void post(uint32_t i, uint32_t n, uint32_t bytes)
{
    fake_desc(&rx[i], n, 0x10000 + 0x800 * n, bytes, WRITE, 0);
    fake_avail(&rx[i], n);
    EXPECT(vdev_notify(&f[i]->g, rx[i].desc));
}

TEST(vnet_alone_a_guest_can_send_and_nothing_answers)
{
    set_up(1);
    post(0, 0, 1524);
    for (uint32_t i = 0; i < 10; i++)
        send(0, 60);
    EXPECT_EQ(fake_used_idx(&tx[0]), 10u);
    EXPECT_EQ(fake_used_idx(&rx[0]), 0u);
    EXPECT_EQ(counters(0)->tx_frames, 10u);
    EXPECT_EQ(f[0]->raised[fake_bus_irq(f[0], NET, 1)], 10u);
    EXPECT_EQ(f[0]->raised[fake_bus_irq(f[0], NET, 0)], 0u);
    fake_reset();
}

TEST(vnet_frames_reach_all_other_guests)
{
    set_up(3);
    memcpy(f[0]->mem + 0x9000, "frame from guest zero", 21);
    memset(f[1]->mem + 0x10000, 0xee, 0x100);
    post(0, 0, 1524);
    post(1, 0, 1524);
    post(2, 0, 1524);
    send(0, 60);
    EXPECT_EQ(fake_used_idx(&rx[0]), 0u);
    for (uint32_t i = 1; i < 3; i++) {
        EXPECT_EQ(fake_used_idx(&rx[i]), 1u);
        EXPECT_EQ(fake_used_len(&rx[i], 0), HEADER + 60);
        EXPECT_EQ(memcmp(f[i]->mem + 0x10000 + HEADER, "frame from guest zero",
                         21), 0);
        EXPECT_EQ(f[i]->raised[fake_bus_irq(f[i], NET, 0)], 1u);
    }
    for (uint32_t i = 0; i < HEADER; i++)
        EXPECT_EQ(f[1]->mem[0x10000 + i], 0); /* no offloads */
    EXPECT_EQ(f[1]->mem[0x10000 + HEADER + 60], 0xee);
    EXPECT_EQ(counters(0)->rx_dropped, 0u); /* not even offered to itself */
    fake_reset();
}

TEST(vnet_frame_sizes_have_both_bounds)
{
    set_up(2);
    post(1, 0, 2000);
    post(1, 1, 2000);
    send(0, 13);
    send(0, 14);
    send(0, 1514);
    send(0, 1515);
    send(0, 0x10000);
    EXPECT_EQ(fake_used_idx(&tx[0]), 5u); /* each is completed */
    EXPECT_EQ(counters(0)->tx_frames, 2u);
    EXPECT_EQ(counters(0)->tx_dropped, 3u);
    EXPECT_EQ(fake_used_len(&rx[1], 0), HEADER + 14);
    EXPECT_EQ(fake_used_len(&rx[1], 1), HEADER + 1514);
    fake_reset();
}

TEST(vnet_full_receivers_drop_and_count)
{
    set_up(2);
    send(0, 60);
    EXPECT_EQ(counters(1)->rx_dropped, 1u);
    post(1, 0, HEADER + 59); /* one byte short */
    send(0, 60);
    EXPECT_EQ(counters(1)->rx_dropped, 2u);
    EXPECT_EQ(fake_used_idx(&rx[1]), 0u); /* the buffer is kept */
    send(0, 59);
    EXPECT_EQ(fake_used_idx(&rx[1]), 1u);
    EXPECT_EQ(counters(1)->rx_frames, 1u);
    fake_reset();
}

/* Kicks of the receive queue have no use and are switched off. */
TEST(vnet_receive_queue_wants_no_kicks)
{
    set_up(1);
    EXPECT_EQ(fake_get(f[0], rx[0].used, 2), 1u);
    EXPECT_EQ(fake_get(f[0], tx[0].used, 2), 0u);
    fake_reset();
}

TEST(vnet_a_hostile_receiver_harms_itself_only)
{
    set_up(3);
    post(2, 0, 1524);
    fake_desc(&rx[1], 0, 0x8000, 64, WRITE | NEXT, 0);
    fake_avail(&rx[1], 0);
    send(0, 60);
    EXPECT_EQ(f[1]->g.vdevs->net->state, VDEV_BROKEN);
    EXPECT_EQ(fake.log_lines, 1u);
    EXPECT_EQ(fake_used_idx(&rx[2]), 1u);
    EXPECT_EQ(fake_used_idx(&tx[0]), 1u);
    send(0, 60);
    EXPECT_EQ(fake.log_lines, 1u);
    fake_reset();
}

TEST(vnet_dead_and_unready_guests_are_passed_over)
{
    set_up(3);
    post(1, 0, 1524);
    f[1]->g.end = END_KILLED;
    vdev_destroy(&f[2]->g);
    send(0, 60);
    EXPECT_EQ(fake_used_idx(&rx[1]), 0u);
    EXPECT_EQ(counters(0)->tx_frames, 1u);
    fake_reset();
}

TEST(vnet_mac_is_local_and_differs)
{
    set_up(3);
    for (uint32_t i = 0; i < 3; i++) {
        EXPECT_EQ(counters(i)->mac[0] & 3, 2); /* local, unicast */
        EXPECT_EQ(counters(i)->mac[5], i + 1);
    }
    fake_reset();
}

/* A storm to a receiver with all buffers posted: bounded, order kept. */
TEST(vnet_storm_is_bounded)
{
    set_up(2);
    for (uint32_t i = 0; i < 64; i++)
        post(1, i, 0x800);
    fake_desc(&tx[0], 0, 0x8000, HEADER + 1514, 0, 0);
    for (uint32_t i = 0; i < 256; i++)
        fake_avail(&tx[0], 0);
    EXPECT(vdev_notify(&f[0]->g, tx[0].desc));
    EXPECT(fake_used_idx(&tx[0]) < 256);
    for (uint32_t i = 0; i < 100 && (f[0]->vcpu.todo & VCPU_TODO_VDEV); i++)
        run_all();
    EXPECT_EQ(fake_used_idx(&tx[0]), 256u);
    EXPECT_EQ(fake_used_idx(&rx[1]), 64u);
    EXPECT_EQ(counters(1)->rx_dropped, 192u);
    fake_reset();
}

/* What a receiver makes of a frame is its own work: nothing of it is done before it
 * runs, and the sender's time is the same whatever the buffers look like. */
TEST(vnet_a_sender_does_not_touch_the_receivers_ring)
{
    uint32_t alone, beside;

    set_up(2);
    f[1]->g.end = END_KILLED;
    ask_to_send(0, 1514);
    fake.preempt_points = 0;
    ask_to_send(0, 1514);
    alone = fake.preempt_points;
    f[1]->g.end = END_NONE;
    for (uint32_t i = 0; i < 255; i++)
        fake_desc(&rx[1], i, 0x10000 + 8 * i, 6, i < 254 ? WRITE | NEXT : WRITE, i + 1);
    fake_avail(&rx[1], 0);
    fake.preempt_points = 0;
    ask_to_send(0, 1514);
    beside = fake.preempt_points;
    EXPECT(beside <= alone + 1);
    EXPECT_EQ(fake_used_idx(&rx[1]), 0u);
    mail_read();
    EXPECT(f[1]->vcpu.todo & VCPU_TODO_VDEV);
    vdev_poll(&f[1]->g);
    EXPECT_EQ(fake_used_idx(&rx[1]), 1u);
    EXPECT_EQ(fake_used_len(&rx[1], 0), HEADER + 1514);
    fake_reset();
}

/* Frames wait in their order, over the end of the inbox too, and only so many. */
TEST(vnet_the_inbox_is_bounded)
{
    uint32_t fits = VNET_GRAINS / 6; /* frames of 1514 bytes */

    set_up(2);
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < fits + 3; i++) {
            f[0]->mem[0x9000] = (uint8_t)i;
            ask_to_send(0, 1514);
        }
        EXPECT_EQ(counters(1)->rx_dropped, 3u * (round + 1));
        for (uint32_t i = 0; i < fits; i++) {
            fake_desc(&rx[1], i, 0x10000 + 0x800 * i, 0x800, WRITE, 0);
            fake_avail(&rx[1], i);
        }
        run_all();
        EXPECT_EQ(counters(1)->rx_frames, fits * (round + 1));
        for (uint32_t i = 0; i < fits; i++)
            EXPECT_EQ(f[1]->mem[0x10000 + 0x800 * i + HEADER], i);
    }
    fake_reset();
}

/* A driver that starts anew gets nothing that was for the one before. */
TEST(vnet_a_reset_empties_the_inbox)
{
    set_up(2);
    ask_to_send(0, 60);
    vdev_reset(f[1]->g.vdevs->net);
    fake_bus_start(f[1], NET);
    post(1, 0, 1524);
    run_all();
    EXPECT_EQ(fake_used_idx(&rx[1]), 0u);
    fake_reset();
}

/* ---- senders on other CPUs ---- */

#define SENDERS 2u
#define FRAMES 20000u
#define BUFFERS 64u
#define LIMIT_S 60

/* So that the receiver gets a turn now and then. */
static bool inbox_is_half_full(void)
{
    const struct vnet *v = counters(1);

    return __atomic_load_n(&v->tail, __ATOMIC_RELAXED) -
           __atomic_load_n(&v->head, __ATOMIC_RELAXED) > VNET_GRAINS / 2;
}

/* Sender, number, and the number again in every byte; of many lengths. */
static void *send_frames(void *arg)
{
    uint8_t sender = (uint8_t)(uintptr_t)arg, frame[1514];

    for (uint32_t i = 0; i < FRAMES; i++) {
        while (inbox_is_half_full())
            sched_yield();
        memset(frame, (int)i, sizeof(frame));
        frame[0] = sender;
        memcpy(frame + 1, &i, sizeof(i));
        vnet_hub_send(&f[0]->g, frame, 14 + i * 7 % 1501);
    }
    return NULL;
}

static uint32_t next_frame[SENDERS], received;

/* Whole, and behind those that the same sender sent before; then the buffer is free. */
static bool check_frame(uint32_t used)
{
    uint32_t id = fake_used_id(&rx[1], used), number;
    const uint8_t *frame = f[1]->mem + 0x10000 + 0x800 * id + HEADER;

    memcpy(&number, frame + 1, sizeof(number));
    if (frame[0] >= SENDERS || number < next_frame[frame[0]] || number >= FRAMES ||
        fake_used_len(&rx[1], used) != HEADER + 14 + number * 7 % 1501)
        return false;
    for (uint32_t i = 5; i < 14 + number * 7 % 1501; i++) {
        if (frame[i] != (uint8_t)number)
            return false;
    }
    next_frame[frame[0]] = number + 1;
    received++;
    fake_avail(&rx[1], id);
    return true;
}

TEST(vnet_senders_on_other_cpus_do_not_mix_their_frames)
{
    pthread_t threads[SENDERS];
    time_t end = time(NULL) + LIMIT_S;
    uint16_t used = 0;

    set_up(2);
    for (uint32_t i = 0; i < BUFFERS; i++)
        post(1, i, 0x800);
    for (uint32_t i = 0; i < SENDERS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, send_frames, (void *)(uintptr_t)i) == 0);
    while (received + counters(1)->rx_dropped < SENDERS * FRAMES && time(NULL) < end) {
        mail_read();
        vdev_poll(&f[1]->g);
        for (; used != (uint16_t)fake_used_idx(&rx[1]); used++)
            REQUIRE(check_frame(used));
    }
    for (uint32_t i = 0; i < SENDERS; i++)
        (void)pthread_join(threads[i], NULL);
    EXPECT_EQ(received + counters(1)->rx_dropped, SENDERS * FRAMES);
    EXPECT_EQ(received, counters(1)->rx_frames);
    EXPECT(received > BUFFERS);
    fake_reset();
}
