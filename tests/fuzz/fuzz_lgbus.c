/* SPDX-License-Identifier: MIT */
/* All devices of two guests behind NOTIFY and ports, driven by a script of
 * small operations.  The sanitizers watch; at the end a read-only disk must be
 * as it was and all memory must have come back. */
#include "fake_vdev.h"

#include <stdlib.h>
#include <string.h>

#define DISK_BYTES 5000u
#define DEVICES 5u
#define OPS_MAX 400u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *script;
static size_t left;
static struct fake_guest *guests[2];
static struct fake_ring rings[2][DEVICES][2];

static uint32_t take(uint32_t bytes)
{
    uint32_t v = 0;

    for (uint32_t i = 0; i < bytes && left != 0; i++, left--)
        v |= (uint32_t)*script++ << (8 * i);
    return v;
}

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* Most addresses should lie in memory. */
static uint32_t take_address(const struct fake_guest *f)
{
    uint32_t v = take(4);

    return v >> 28 == 0xf ? v : v % f->mem_bytes;
}

static void notify(struct fake_guest *f, uint32_t addr)
{
    bool known = vdev_notify(&f->g, addr);

    must(known || addr >= FAKE_RAM_PAGES * HV_PAGE_SIZE);
}

static void ring_op(struct fake_guest *f, struct fake_ring *r, uint32_t op)
{
    uint32_t i = take(1);

    switch (op) {
    case 0: {
        uint32_t addr = take_address(f), len = take(2), flags = take(1);

        fake_desc(r, i, addr, len, flags & 7, flags >> 3);
        break;
    }
    case 1:
        fake_desc(r, i, take_address(f), take(4), take(2), take(2));
        break;
    case 2:
        fake_avail(r, i);
        break;
    case 3:
        r->avail_idx = (uint16_t)take(2);
        fake_avail(r, take(2));
        break;
    default:
        fake_put(f, r->avail, 2, i & 1);
        break;
    }
}

static void memory_op(struct fake_guest *f)
{
    uint32_t addr = take_address(f), n = take(1) % 24;

    for (; n != 0 && addr < f->mem_bytes; n--, addr++)
        f->mem[addr] = (uint8_t)take(1);
}

/* A disk request or a frame in good order, but for what the script says of
 * sizes and sectors; random bytes seldom make one. */
static void whole_request(struct fake_guest *f, uint32_t dev)
{
    uint32_t side = f == guests[1], kind = dev % 4, len = take(2);
    struct fake_ring *r = &rings[side][kind < 2 ? 0 : kind - 1][kind < 2];

    if (kind == 0) { /* a receive buffer */
        r = &rings[side][0][0];
        fake_desc(r, dev, 0x4000, len, 2, 0);
        fake_avail(r, dev);
        return;
    }
    fake_put(f, 0x4000, 4, take(1));
    fake_put(f, 0x4008, 8, (uint64_t)take(4) << take(1) % 33);
    fake_desc(r, 0, 0x4000, kind == 1 ? 10 : side ? 24 : 16, 1, 1);
    fake_desc(r, 1, 0x5000, len, kind == 1 ? 0 : 1 | (dev >> 6 & 2), 2);
    fake_desc(r, 2, 0x4010, 1, 2, 0);
    fake_avail(r, 0);
    notify(f, r->desc);
}

static void one_op(void)
{
    uint32_t op = take(1);
    struct fake_guest *f = guests[op >> 7];
    uint32_t dev = take(1);
    struct fake_ring *r = &rings[op >> 7][dev % DEVICES][dev / DEVICES % 2];
    uint32_t desc = fake_guests[0].g.ram_pages * HV_PAGE_SIZE + dev;

    switch (op & 15) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
        ring_op(f, r, op & 15);
        break;
    case 5:
    case 6:
        notify(f, r->desc);
        break;
    case 7:
        f->mem[desc + (f == guests[1] ? 2 : 4)] = (uint8_t)take(1);
        notify(f, desc);
        break;
    case 8:
        notify(f, take_address(f));
        break;
    case 9:
        memory_op(f);
        break;
    case 10: {
        static const uint8_t key[] = "keys that somebody types";

        vconsole_input(&f->g, key, dev % sizeof(key));
        break;
    }
    case 11:
        fake.console_full = (dev & 1) != 0;
        if (dev & 2)
            fake_timers_fire();
        vdev_poll(&f->g);
        break;
    case 12:
        vdev_port_out(&f->g, (uint16_t)(0xcf8 + dev % 9), 1u << take(1) % 3,
                      take(4));
        break;
    case 13:
        (void)vdev_port_in(&f->g, (uint16_t)(0xcf8 + dev % 9), 1u << take(1) % 3);
        break;
    case 14: /* a register through the window */
        vdev_port_out(&f->g, 0xcf8, 4, 0x80000890u);
        vdev_port_out(&f->g, 0xcfc, 4, 1u << take(1) % 3);
        vdev_port_out(&f->g, 0xcf8, 4, 0x8000088cu);
        vdev_port_out(&f->g, 0xcfc, 4, dev % 80);
        vdev_port_out(&f->g, 0xcf8, 4, 0x80000894u);
        vdev_port_out(&f->g, 0xcfc, 4, take(4));
        break;
    default:
        whole_request(f, dev);
        break;
    }
}

static void build(uint8_t *disks[2])
{
    for (uint32_t i = 0; i < 2; i++) {
        const struct guest_disk d[2] = {
            {"vda", false, disks[0], DISK_BYTES},
            {"vdb", true, disks[1], DISK_BYTES},
        };

        /* Linux 2.6.24 beside a newer one: the rings are where they were. */
        fake_tagged_devices = i == 1;
        guests[i] = fake_guest_new(i, d, 2);
        must(guests[i] != NULL);
        for (uint32_t n = 0; n < DEVICES; n++) {
            uint32_t q1 = n == 0 || n == DEVICES - 1; /* two queues */

            rings[i][n][0] = fake_ring_legacy(
                guests[i], fake_bus_ring(guests[0], n, 0), 256);
            rings[i][n][1] = fake_ring_legacy(
                guests[i], fake_bus_ring(guests[0], n, q1), 256);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *disks[2] = {malloc(DISK_BYTES), malloc(DISK_BYTES)};

    script = data;
    left = size;
    fake_reset();
    memset(disks[0], 0x11, DISK_BYTES);
    memset(disks[1], 0x22, DISK_BYTES);
    build(disks);
    for (uint32_t n = 0; left != 0 && n < OPS_MAX; n++)
        one_op();
    for (uint32_t i = 0; i < DISK_BYTES; i++)
        must(disks[1][i] == 0x22);
    for (uint32_t i = DISK_BYTES / 512 * 512; i < DISK_BYTES; i++)
        must(disks[0][i] == 0x11);
    for (uint32_t i = 0; i < 2; i++)
        vdev_destroy(&guests[i]->g);
    must(fake.pages_allocated == 0 && fake_timers_armed() == 0);
    fake_reset();
    free(disks[0]);
    free(disks[1]);
    return 0;
}
