/* SPDX-License-Identifier: MIT */
/* Hostile virtqueues (RS-09, RS-11, RS-13): whatever stands in a ring, the device
 * is marked broken or the guest ends; nobody else notices. */

#include "gtest.h"
#include "guest/virtio.h"

static struct vdevice dev;
static uint8_t buffer[GUEST_PAGE_BYTES] __attribute__((aligned(4096)));

static void start(uint8_t type)
{
    if (!bus_find(type, 0, &dev))
        SKIP("no such device");
    bus_start(&dev);
}

static void set_desc(struct vq *q, uint16_t i, uint64_t addr, uint32_t len, uint16_t flags,
                     uint16_t next)
{
    q->desc[i].addr = addr;
    q->desc[i].len = len;
    q->desc[i].flags = flags;
    q->desc[i].next = next;
}

/* Puts descriptor head into the avail ring n times and kicks. */
static void offer(struct vq *q, uint16_t head, uint16_t n)
{
    uint16_t idx = q->avail->idx;

    for (uint16_t i = 0; i < n; i++)
        q->avail->ring[(idx + i) & (q->num - 1)] = head;
    barrier();
    q->avail->idx = (uint16_t)(idx + n);
    barrier();
    hcall1(GABI_HCALL_NOTIFY, q->pa);
}

enum {
    LOOP, LOOP_OF_TWO, NEXT_HIGH, NEXT_MAX, HEAD_HIGH, HEAD_MAX, IDX_JUMP, IDX_MAX,
    ADDR_WRAPS, ADDR_HIGH, ADDR_64, ADDR_LIMIT, LEN_MAX, LEN_ZERO, LONG_CHAIN, WRONG_WAY,
    INDIRECT, INDIRECT_IN_INDIRECT, INDIRECT_ODD, WINDOW, RING_ITSELF, KINDS,
};

static void make_chain(struct vq *q, uint32_t kind, uint16_t dir)
{
    uint32_t ok = addr_of(buffer);
    uint16_t next = GABI_VRING_NEXT;

    switch (kind) {
    case LOOP:
        set_desc(q, 0, ok, 1, (uint16_t)(dir | next), 0);
        break;
    case LOOP_OF_TWO:
        set_desc(q, 0, ok, 1, (uint16_t)(dir | next), 1);
        set_desc(q, 1, ok, 1, (uint16_t)(dir | next), 0);
        break;
    case NEXT_HIGH:
        set_desc(q, 0, ok, 1, (uint16_t)(dir | next), (uint16_t)q->num);
        break;
    case NEXT_MAX:
        set_desc(q, 0, ok, 1, (uint16_t)(dir | next), 0xffff);
        break;
    case ADDR_WRAPS:
        set_desc(q, 0, 0xfffffff0, 0x20, dir, 0);
        break;
    case ADDR_HIGH:
        set_desc(q, 0, 0x80000000, 16, dir, 0);
        break;
    case ADDR_64:
        set_desc(q, 0, 0x100000000ull + ok, 16, dir, 0);
        break;
    case ADDR_LIMIT:
        set_desc(q, 0, bus_end() - 8, 16, dir, 0);
        break;
    case LEN_MAX:
        set_desc(q, 0, ok, 0xffffffff, dir, 0);
        break;
    case LEN_ZERO:
        set_desc(q, 0, ok, 0, dir, 0);
        break;
    case LONG_CHAIN:
        for (uint16_t i = 0; i < q->num; i++)
            set_desc(q, i, ok, 4096, (uint16_t)(dir | next),
                     (uint16_t)((i + 1) & (q->num - 1)));
        break;
    case WRONG_WAY:
        set_desc(q, 0, ok, 16, dir ^ GABI_VRING_WRITE, 0);
        break;
    case INDIRECT:
    case INDIRECT_IN_INDIRECT: {
        struct gabi_vring_desc *d = (void *)buffer;

        d[0] = (struct gabi_vring_desc){ok + 64, 16, dir, 0};
        if (kind == INDIRECT_IN_INDIRECT)
            d[0] = (struct gabi_vring_desc){ok, 16, GABI_VRING_INDIRECT, 0};
        set_desc(q, 0, ok, 16, GABI_VRING_INDIRECT, 0);
        break;
    }
    case INDIRECT_ODD:
        set_desc(q, 0, ok + 1, 17, GABI_VRING_INDIRECT, 0);
        break;
    case WINDOW:
        set_desc(q, 0, 0xffe01000, 4096, dir, 0);
        break;
    default:
        set_desc(q, 0, q->pa, 4096, dir, 0); /* RING_ITSELF and the index cases */
        break;
    }
}

static void attack(struct vq *q, uint32_t kind, uint16_t dir)
{
    make_chain(q, kind, dir);
    switch (kind) {
    case HEAD_HIGH:
        offer(q, (uint16_t)q->num, 1);
        break;
    case HEAD_MAX:
        offer(q, 0xffff, 1);
        break;
    case IDX_JUMP:
        offer(q, 0, (uint16_t)(q->num + 1));
        break;
    case IDX_MAX:
        offer(q, 0, 0xffff);
        break;
    default:
        offer(q, 0, 1);
        break;
    }
    hcall1(GABI_HCALL_NOTIFY, q->pa); /* a broken device is left alone */
    for (uint32_t i = 0; i < 100; i++)
        hcall0(GABI_HCALL_FLUSH_ASYNC);
}

static void console_out(uint32_t kind)
{
    start(GABI_DEV_CONSOLE);
    attack(&dev.vq[1], kind, 0);
}

static void console_in(uint32_t kind)
{
    start(GABI_DEV_CONSOLE);
    attack(&dev.vq[0], kind, GABI_VRING_WRITE);
}

static void rng_in(uint32_t kind)
{
    start(GABI_DEV_RNG);
    attack(&dev.vq[0], kind, GABI_VRING_WRITE);
}

static void net_out(uint32_t kind)
{
    start(GABI_DEV_NET);
    attack(&dev.vq[1], kind, 0);
}

static void block(uint32_t kind)
{
    start(GABI_DEV_BLOCK);
    attack(&dev.vq[0], kind, 0);
    attack(&dev.vq[0], kind, GABI_VRING_WRITE);
}

#define KIND(name, k) \
    GT_ROW(con_out_##name, console_out, GT_2LEVEL, .arg = k, .expect = "any") \
    GT_ROW(con_in_##name, console_in, GT_2LEVEL, .arg = k, .expect = "any") \
    GT_ROW(rng_##name, rng_in, GT_2LEVEL, .arg = k, .expect = "any") \
    GT_ROW(net_out_##name, net_out, GT_2LEVEL, .arg = k, .expect = "any") \
    GT_ROW(block_##name, block, GT_2LEVEL | GT_DISK, .arg = k, .expect = "any")
KIND(loop, LOOP)
KIND(loop_of_two, LOOP_OF_TWO)
KIND(next_high, NEXT_HIGH)
KIND(next_max, NEXT_MAX)
KIND(head_high, HEAD_HIGH)
KIND(head_max, HEAD_MAX)
KIND(idx_jump, IDX_JUMP)
KIND(idx_max, IDX_MAX)
KIND(addr_wraps, ADDR_WRAPS)
KIND(addr_high, ADDR_HIGH)
KIND(addr_64, ADDR_64)
KIND(addr_limit, ADDR_LIMIT)
KIND(len_max, LEN_MAX)
KIND(len_zero, LEN_ZERO)
KIND(long_chain, LONG_CHAIN)
KIND(wrong_way, WRONG_WAY)
KIND(indirect, INDIRECT)
KIND(indirect_twice, INDIRECT_IN_INDIRECT)
KIND(indirect_odd, INDIRECT_ODD)
KIND(window, WINDOW)
KIND(ring_itself, RING_ITSELF)

/* RS-11: the descriptor page is the guest's to scribble in; the monitor has its
 * own copy of num, pfn and lengths. */
GT_CASE(descriptors_rewritten, GT_2LEVEL | GT_DISK, .expect = "any")
{
    static const char text[] = "after the scribbling\n";
    volatile uint8_t *page = phys_ptr(guest.mem_bytes);

    if (!console_init())
        SKIP("no console");
    for (uint32_t i = 0; i < GUEST_PAGE_BYTES; i++)
        page[i] = (uint8_t)gt_random();
    console_write(text, sizeof(text) - 1);
    for (uint32_t i = 0; i < 64; i++)
        hcall1(GABI_HCALL_NOTIFY, 0);
}

/* Random everything in a ring, kicked again and again. */
static void random_ring(uint32_t seed)
{
    static const uint8_t types[] = {GABI_DEV_CONSOLE, GABI_DEV_BLOCK, GABI_DEV_NET,
                                    GABI_DEV_RNG};

    gt_random_seed(seed);
    start(types[seed % 4]);
    for (uint32_t round = 0; round < 300; round++) {
        struct vq *q = &dev.vq[dev.desc->num_vq > 1 ? gt_random() & 1 : 0];

        for (uint16_t i = 0; i < 16; i++)
            set_desc(q, i, gt_random() % 8 ? addr_of(buffer) + gt_random() % 4096
                                           : gt_random(),
                     gt_random() % 8 ? gt_random() % 4096 : gt_random(),
                     (uint16_t)(gt_random() & 7), (uint16_t)(gt_random() % 18));
        offer(q, (uint16_t)(gt_random() % 18), (uint16_t)(gt_random() % 4));
        if (round % 50 == 49)
            bus_start(&dev);
    }
}

#define RANDOM(n) \
    GT_ROW(random_ring_##n, random_ring, GT_2LEVEL | GT_DISK, .arg = n, .expect = "any")
RANDOM(0)
RANDOM(1)
RANDOM(2)
RANDOM(3)
RANDOM(4)
RANDOM(5)
RANDOM(6)
RANDOM(7)

/* One byte for each of many pages that nobody has touched: what it costs is their
 * filling. Interrupts are due at random moments of it, and not late. */
GT_CASE(rng_into_untouched, GT_BOTH, .memory_kib = 8192)
{
    uint32_t pa = (guest.mem_bytes - 0x20000) & ~GUEST_PAGE_MASK;
    static struct vq_buffer b[64];

    start(GABI_DEV_RNG);
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t n = dev.vq[0].num < ARRAY_COUNT(b) ? dev.vq[0].num : ARRAY_COUNT(b);

        for (uint32_t k = 0; k < n; k++)
            b[k] = (struct vq_buffer){pa -= GUEST_PAGE_BYTES, 1, true};
        lguest_call(GABI_HCALL_SET_CLOCKEVENT, 10000 + gt_random() % 60000, 0, 0, 0);
        vq_add(&dev.vq[0], b, n);
        vq_kick(&dev.vq[0]);
        EXPECT(vq_wait(&dev.vq[0], NULL));
        for (uint32_t k = 4; k < GUEST_PAGE_BYTES; k += 4)
            EXPECT_EQ_AT(i, peek32(pa + k), 0);
    }
}

/* One request for memory that nobody has touched: each of its pages is filled with
 * zeros and then with the sectors, and interrupts are not off for all of it. */
GT_CASE(disk_into_untouched, GT_BOTH | GT_DISK)
{
    static struct gabi_blk_req req = {GABI_BLK_READ, 0, 0};
    static uint8_t status = 0x77;
    uint32_t bytes = 0x10000, to = ((guest.mem_bytes - 0x20000) & ~GUEST_PAGE_MASK) - bytes;
    struct vq_buffer b[3] = {{addr_of(&req), sizeof(req), false},
                             {to, bytes, true},
                             {addr_of(&status), 1, true}};

    start(GABI_DEV_BLOCK);
    vq_add(&dev.vq[0], b, 3);
    vq_kick(&dev.vq[0]);
    EXPECT(vq_wait(&dev.vq[0], NULL));
    EXPECT_EQ(READ_ONCE(status), GABI_BLK_OK);
    for (uint32_t i = 0; i < bytes; i += 4) {
        uint8_t k = (uint8_t)(i / 512 + i);

        EXPECT_EQ_AT(i, peek32(to + i) & 0xff, k);
    }
}

/* A disk keeps what is written, sector by sector, and refuses what is outside. */
static uint8_t request(uint32_t type, uint64_t sector, uint32_t bytes)
{
    static struct gabi_blk_req req;
    static uint8_t status;
    struct vq_buffer b[3] = {{addr_of(&req), sizeof(req), false},
                             {addr_of(buffer), bytes, (type & ~GABI_BLK_BARRIER) == GABI_BLK_READ},
                             {addr_of(&status), 1, true}};

    req.type = type;
    req.sector = sector;
    status = 0x77;
    vq_add(&dev.vq[0], b, 3);
    vq_kick(&dev.vq[0]);
    EXPECT(vq_wait(&dev.vq[0], NULL));
    return READ_ONCE(status);
}

GT_CASE(disk_works, GT_BOTH | GT_DISK)
{
    start(GABI_DEV_BLOCK);
    for (uint32_t s = 0; s < 128; s += 8) {
        EXPECT_EQ_AT(s, request(GABI_BLK_READ, s, 4096), GABI_BLK_OK);
        for (uint32_t i = 0; i < 4096; i += 512)
            EXPECT_EQ_AT(s, buffer[i], (uint8_t)(s + i / 512 + (s * 512 + i)));
        memset(buffer, (int)(s + 1), 4096);
        EXPECT_EQ_AT(s, request(GABI_BLK_WRITE, s, 4096), GABI_BLK_OK);
        memset(buffer, 0, 4096);
        EXPECT_EQ_AT(s, request(GABI_BLK_READ, s, 4096), GABI_BLK_OK);
        EXPECT_EQ_AT(s, buffer[4095], (uint8_t)(s + 1));
    }
    EXPECT_EQ(request(GABI_BLK_FLUSH, 0, 0), GABI_BLK_OK);
    EXPECT_EQ(request(GABI_BLK_READ, 128, 512), GABI_BLK_IOERR);
    EXPECT_EQ(request(GABI_BLK_READ, 127, 1024), GABI_BLK_IOERR);
    EXPECT_EQ(request(GABI_BLK_WRITE, 0xffffffffffffffffull, 512), GABI_BLK_IOERR);
    EXPECT_EQ(request(GABI_BLK_READ, 0x80000000000000ull, 512), GABI_BLK_IOERR);
    EXPECT_EQ(request(77, 0, 512), GABI_BLK_UNSUPPORTED);
    EXPECT_EQ(request(GABI_BLK_READ, 0, 512), GABI_BLK_OK);
}

/* What Linux up to 2.6.36 asks for by bit 31 of the type, and FLUSH_OUT: as the request
 * without it, and with no data a flush. SCSI commands are refused in their last byte,
 * behind 96 bytes of sense data and 16 of results. */
GT_CASE(disk_barriers, GT_BOTH | GT_DISK)
{
    const uint32_t barrier = GABI_BLK_BARRIER;
    static struct gabi_blk_req scsi = {.type = 2};
    static uint8_t command[6], rest[112 + 1];
    struct vq_buffer b[] = {{addr_of(&scsi), sizeof(scsi), false},
                            {addr_of(command), sizeof(command), false},
                            {addr_of(buffer), 512, true},
                            {addr_of(rest), 112, true},
                            {addr_of(rest + 112), 1, true}};

    start(GABI_DEV_BLOCK);
    EXPECT_EQ(request(GABI_BLK_FLUSH | barrier, 0, 0), GABI_BLK_OK);
    EXPECT_EQ(request(GABI_BLK_FLUSH_OUT, 0, 0), GABI_BLK_OK);
    EXPECT_EQ(request(GABI_BLK_FLUSH_OUT | barrier, 0, 0), GABI_BLK_OK);
    EXPECT_EQ(request(GABI_BLK_READ | barrier, 0xffffffffffffffffull, 0), GABI_BLK_OK);
    for (uint32_t s = 0; s < 128; s += 8) {
        memset(buffer, (int)(s + 1), 4096);
        EXPECT_EQ_AT(s, request(GABI_BLK_WRITE | barrier, s, 4096), GABI_BLK_OK);
        memset(buffer, 0, 4096);
        EXPECT_EQ_AT(s, request(GABI_BLK_READ, s, 4096), GABI_BLK_OK);
        EXPECT_EQ_AT(s, buffer[4095], (uint8_t)(s + 1));
    }
    EXPECT_EQ(request(GABI_BLK_WRITE | barrier, 128, 512), GABI_BLK_IOERR);
    EXPECT_EQ(request(77 | barrier, 0, 0), GABI_BLK_UNSUPPORTED);
    memset(rest, 0x77, sizeof(rest));
    vq_add(&dev.vq[0], b, 5);
    vq_kick(&dev.vq[0]);
    EXPECT(vq_wait(&dev.vq[0], NULL));
    EXPECT_EQ(READ_ONCE(rest[112]), GABI_BLK_UNSUPPORTED);
    EXPECT_EQ(READ_ONCE(rest[111]), 0x77);
}
