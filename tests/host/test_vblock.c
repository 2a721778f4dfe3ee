/* SPDX-License-Identifier: MIT */
/* The memory-backed disk: data, status byte, length given back, and every edge
 * of the 64-bit sector arithmetic. */
#include "test.h"

#include "fake_vdev.h"

#include "../../hv/vdev/vdev_priv.h"

#include <stdlib.h>
#include <string.h>

#define VDA 1u /* behind net */
#define NEXT 1u
#define WRITE 2u
#define HEADER 0x8000u
#define DATA 0x10000u
#define STATUS 0x9000u

#define SECTORS 200u
static uint8_t disk[SECTORS * 512 + 100];
static struct fake_guest *f;
static struct fake_ring r;

static void set_up(bool read_only)
{
    struct guest_disk d = {"vda", read_only, disk, sizeof(disk)};

    fake_reset();
    for (uint32_t i = 0; i < sizeof(disk); i++)
        disk[i] = (uint8_t)(i * 7 + (i >> 9));
    f = fake_guest_new(0, &d, 1);
    fake_bus_start(f, VDA);
    r = fake_ring_legacy(f, fake_bus_ring(f, VDA, 0), 256);
}

static void header(uint32_t type, uint64_t sector)
{
    fake_put(f, HEADER, 4, type);
    fake_put(f, HEADER + 4, 4, 0);
    fake_put(f, HEADER + 8, 8, sector);
}

/* One request with a buffer of data; returns the status byte, 0xff if none was
 * written. */
static uint32_t request(uint32_t type, uint64_t sector, uint32_t bytes,
                        bool in)
{
    header(type, sector);
    f->mem[STATUS] = 0xff;
    fake_desc(&r, 0, HEADER, 16, NEXT, bytes ? 1 : 2);
    fake_desc(&r, 1, DATA, bytes, NEXT | (in ? WRITE : 0), 2);
    fake_desc(&r, 2, STATUS, 1, WRITE, 0);
    fake_avail(&r, 0);
    EXPECT(vdev_notify(&f->g, r.desc));
    return f->mem[STATUS];
}

static uint32_t last_len(void)
{
    return fake_used_len(&r, fake_used_idx(&r) - 1);
}

TEST(vblock_reads_what_the_disk_holds)
{
    set_up(false);
    EXPECT_EQ(request(0, 3, 2048, true), 0u);
    EXPECT_EQ(memcmp(f->mem + DATA, disk + 3 * 512, 2048), 0);
    EXPECT_EQ(last_len(), 2049u);
    EXPECT_EQ(f->raised[fake_bus_irq(f, VDA, 0)], 1u);
    EXPECT_EQ(request(0, SECTORS - 1, 512, true), 0u);
    EXPECT_EQ(memcmp(f->mem + DATA, disk + (SECTORS - 1) * 512, 512), 0);
    EXPECT_EQ(request(0, 0, SECTORS * 512, true), 0u);
    EXPECT_EQ(memcmp(f->mem + DATA, disk, SECTORS * 512), 0);
    EXPECT_EQ(request(0, SECTORS, 0, true), 0u); /* nothing, at the end */
    fake_reset();
}

TEST(vblock_writes_in_place)
{
    set_up(false);
    memset(f->mem + DATA, 0xa5, 1024);
    EXPECT_EQ(request(1, 5, 1024, false), 0u);
    EXPECT_EQ(last_len(), 1u);
    EXPECT_EQ(disk[5 * 512 - 1], (uint8_t)((5 * 512 - 1) * 7 + 4));
    for (uint32_t i = 0; i < 1024; i++)
        EXPECT_EQ(disk[5 * 512 + i], 0xa5);
    EXPECT_EQ(disk[7 * 512], (uint8_t)(7 * 512 * 7 + 7));
    EXPECT_EQ(request(4, 0, 0, false), 0u); /* flush */
    fake_reset();
}

/* Linux 2.6.24 has 8 bytes more before the data, in one buffer with the header or not;
 * nobody says that the driver is there. */
TEST(vblock_header_of_2_6_24)
{
    struct guest_disk d = {"vda", false, disk, sizeof(disk)};

    fake_reset();
    fake_tagged_devices = true;
    f = fake_guest_new(0, &d, 1);
    r = fake_ring_legacy(f, f->g.vdevs->dev[VDA].bus_ring, 256);
    memset(f->mem + DATA, 0x24, 512);
    for (uint32_t split = 0; split < 2; split++) {
        header(1, 9 + split);
        fake_put(f, HEADER + 16, 8, UINT64_MAX);
        f->mem[STATUS] = 0xff;
        fake_desc(&r, 0, HEADER, split ? 16 : 24, NEXT, split ? 3 : 1);
        fake_desc(&r, 3, HEADER + 16, 8, NEXT, 1);
        fake_desc(&r, 1, DATA, 512, NEXT, 2);
        fake_desc(&r, 2, STATUS, 1, WRITE, 0);
        fake_avail(&r, 0);
        EXPECT(vdev_notify(&f->g, r.desc));
        EXPECT_EQ(f->mem[STATUS], 0);
        EXPECT_EQ(memcmp(disk + (9 + split) * 512, f->mem + DATA, 512), 0);
    }
    EXPECT(disk[11 * 512] != 0x24);
    /* A header of 16 bytes is too short. */
    EXPECT_EQ(request(1, 3, 0, false), 1u);
    fake_reset();
}

TEST(vblock_refuses_what_lies_outside)
{
    static const struct {
        uint64_t sector;
        uint32_t bytes;
    } bad[] = {
        {SECTORS, 512},
        {SECTORS - 1, 1024},
        {0, (SECTORS + 1) * 512},
        {UINT64_MAX, 512},
        {UINT64_MAX - 1, 1024},
        {1ull << 55, 512},      /* times 512 wraps to 0 */
        {(1ull << 55) + 1, 512},
        {1ull << 32, 512},
        {(1ull << 32) - 1, 1024},
        {0, 511},
        {0, 513},
        {0, 1},
    };

    for (uint32_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        set_up(false);
        f->mem[DATA] = 0x77;
        EXPECT_EQ(request(0, bad[i].sector, bad[i].bytes, true), 1u);
        EXPECT_EQ(f->mem[DATA], 0x77);
        EXPECT_EQ(last_len(), 0u);
        EXPECT_EQ(request(1, bad[i].sector, bad[i].bytes, false), 1u);
        EXPECT_EQ(disk[0], 0);
        EXPECT_EQ(disk[SECTORS * 512], (uint8_t)(SECTORS * 512 * 7 + SECTORS));
        EXPECT_EQ(request(0, 0, 512, true), 0u); /* and goes on */
    }
    fake_reset();
}

TEST(vblock_read_only_refuses_writes)
{
    set_up(true);
    EXPECT_EQ(request(1, 0, 512, false), 1u);
    EXPECT_EQ(disk[1], 7);
    EXPECT_EQ(request(0, 0, 512, true), 0u);
    EXPECT_EQ(request(4, 0, 0, false), 0u);
    fake_reset();
}

/* Bit 31 of the type asks for order, also where only FLUSH was agreed: Linux up to
 * 2.6.36 for fsync and for what commits a journal.  FLUSH_OUT is FLUSH. */
#define BARRIER 0x80000000u

TEST(vblock_barriers_are_flushes)
{
    set_up(false);
    EXPECT_EQ(request(4 | BARRIER, 0, 0, false), 0u);
    EXPECT_EQ(request(5, 0, 0, false), 0u);
    EXPECT_EQ(request(5 | BARRIER, 0, 0, false), 0u);
    EXPECT_EQ(request(4, UINT64_MAX, 0, false), 0u); /* the sector says nothing */
    memset(f->mem + DATA, 0xa5, 1024);
    EXPECT_EQ(request(1 | BARRIER, 5, 1024, false), 0u);
    EXPECT_EQ(memcmp(disk + 5 * 512, f->mem + DATA, 1024), 0);
    EXPECT_EQ(disk[7 * 512], (uint8_t)(7 * 512 * 7 + 7));
    memset(f->mem + DATA, 0, 1024);
    EXPECT_EQ(request(0 | BARRIER, 5, 1024, true), 0u);
    EXPECT_EQ(f->mem[DATA + 1023], 0xa5);
    EXPECT_EQ(last_len(), 1025u);
    fake_reset();
}

/* An empty request of the block layer: a read of nothing, and of anywhere. */
TEST(vblock_an_empty_barrier_is_a_flush)
{
    set_up(false);
    EXPECT_EQ(request(BARRIER, 0, 0, true), 0u);
    EXPECT_EQ(request(BARRIER, UINT64_MAX, 0, true), 0u);
    EXPECT_EQ(request(1 | BARRIER, UINT64_MAX, 0, false), 0u);
    EXPECT_EQ(request(0, UINT64_MAX, 0, true), 1u); /* this is none */
    fake_reset();
}

TEST(vblock_a_barrier_is_checked_as_any_request)
{
    set_up(true);
    EXPECT_EQ(request(1 | BARRIER, 0, 512, false), 1u);
    EXPECT_EQ(disk[1], 7);
    EXPECT_EQ(request(4 | BARRIER, 0, 0, false), 0u);
    set_up(false);
    EXPECT_EQ(request(1 | BARRIER, SECTORS, 512, false), 1u);
    EXPECT_EQ(request(0 | BARRIER, SECTORS, 512, true), 1u);
    EXPECT_EQ(request(1 | BARRIER, 0, 511, false), 1u);
    EXPECT_EQ(request(2 | BARRIER, 0, 512, true), 2u);
    EXPECT_EQ(request(2 | BARRIER, 0, 0, true), 2u);
    EXPECT_EQ(request(77 | BARRIER, 0, 512, true), 2u);
    EXPECT_EQ(request(77 | BARRIER, 0, 0, true), 2u);
    EXPECT_EQ(request(8 | BARRIER, 0, 20, true), 0u);
    fake_reset();
}

/* A SCSI command of the legacy interface: header, command block, data, 96 bytes of
 * sense data, 16 bytes of results, status.  Nobody reads the middle. */
TEST(vblock_a_scsi_command_is_unsupported)
{
    for (uint32_t type = 2; type < 4; type++) {
        bool in = type == 2;

        set_up(false);
        header(type, 0);
        memset(f->mem + DATA, 0x5a, 1024);
        f->mem[STATUS] = 0xff;
        fake_desc(&r, 0, HEADER, 16, NEXT, 1);
        fake_desc(&r, 1, HEADER + 16, 6, NEXT, 2);
        fake_desc(&r, 2, DATA, 512, NEXT | (in ? WRITE : 0), 3);
        fake_desc(&r, 3, DATA + 512, 96, NEXT | WRITE, 4);
        fake_desc(&r, 4, DATA + 608, 16, NEXT | WRITE, 5);
        fake_desc(&r, 5, STATUS, 1, WRITE, 0);
        fake_avail(&r, 0);
        EXPECT(vdev_notify(&f->g, r.desc));
        EXPECT_EQ(f->mem[STATUS], 2);
        for (uint32_t i = 0; i < 1024; i++)
            EXPECT_EQ(f->mem[DATA + i], 0x5a);
        EXPECT_EQ(last_len(), 0u);
        EXPECT_EQ(request(0, 3, 512, true), 0u); /* and goes on */
    }
    fake_reset();
}

TEST(vblock_unknown_types_are_unsupported)
{
    static const uint32_t types[] = {2, 3, 7, 9, 11, 13, 0x40000000u, 0x40000001u,
                                     0x7fffffffu, 0xffffffffu};

    set_up(false);
    for (uint32_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        EXPECT_EQ(request(types[i], 0, 512, true), 2u);
    fake_reset();
}

TEST(vblock_tells_its_name)
{
    set_up(false);
    memset(f->mem + DATA, 0xee, 32);
    EXPECT_EQ(request(8, 0, 20, true), 0u);
    EXPECT_EQ(memcmp(f->mem + DATA, "ringside-vda\0\0\0\0\0\0\0\0\xee", 21), 0);
    EXPECT_EQ(last_len(), 21u);
    EXPECT_EQ(request(8, 0, 4, true), 0u);
    fake_reset();
}

/* Header, data and status may be cut anywhere: here into single bytes. */
TEST(vblock_takes_any_layout_of_buffers)
{
    set_up(false);
    header(0, 1);
    for (uint32_t i = 0; i < 16; i++)
        fake_desc_at(f, 0xa000, i, HEADER + i, 1, NEXT, i + 1);
    fake_desc_at(f, 0xa000, 16, DATA, 100, NEXT | WRITE, 17);
    fake_desc_at(f, 0xa000, 17, DATA + 100, 413, WRITE, 0);
    fake_desc(&r, 0, 0xa000, 18 * 16, 4, 0);
    fake_avail(&r, 0);
    f->mem[DATA + 512] = 0xff;
    EXPECT(vdev_notify(&f->g, r.desc));
    EXPECT_EQ(memcmp(f->mem + DATA, disk + 512, 512), 0);
    EXPECT_EQ(f->mem[DATA + 512], 0);
    EXPECT_EQ(last_len(), 513u);
    fake_reset();
}

TEST(vblock_short_header_is_an_error)
{
    set_up(false);
    header(1, 0);
    fake_desc(&r, 0, HEADER, 15, NEXT, 1);
    fake_desc(&r, 1, STATUS, 1, WRITE, 0);
    fake_avail(&r, 0);
    EXPECT(vdev_notify(&f->g, r.desc));
    EXPECT_EQ(f->mem[STATUS], 1);
    fake_reset();
}

TEST(vblock_no_room_for_a_status_breaks_the_device)
{
    set_up(false);
    header(0, 0);
    fake_desc(&r, 0, HEADER, 16, 0, 0);
    fake_avail(&r, 0);
    EXPECT(vdev_notify(&f->g, r.desc));
    EXPECT_EQ(fake_used_idx(&r), 0u);
    EXPECT_EQ(f->g.vdevs->dev[VDA].state, VDEV_BROKEN);
    EXPECT_EQ(fake.log_lines, 1u);
    fake_reset();
}

/* The header is changed as soon as it has been read: no effect. */
static void change_header(struct fake_guest *g, uint32_t gpa, uint32_t len)
{
    if (gpa >= HEADER && gpa < HEADER + 16)
        memset(g->mem + gpa, 0xff, len);
}

TEST(vblock_reads_the_header_once)
{
    set_up(false);
    fake_after_read = change_header;
    EXPECT_EQ(request(0, 3, 512, true), 0u);
    EXPECT_EQ(memcmp(f->mem + DATA, disk + 3 * 512, 512), 0);
    fake_after_read = NULL;
    fake_reset();
}

/* A queue full of large reads: bounded portions, all of it done in the end,
 * interrupts let in between pieces. */
TEST(vblock_work_comes_in_bounded_portions)
{
    uint32_t polls = 0;

    set_up(false);
    header(0, 0);
    for (uint32_t i = 0; i < 80; i++) {
        fake_desc(&r, 3 * i, HEADER, 16, NEXT, 3 * i + 1);
        fake_desc(&r, 3 * i + 1, DATA, 190 * 512, NEXT | WRITE, 3 * i + 2);
        fake_desc(&r, 3 * i + 2, STATUS, 1, WRITE, 0);
        fake_avail(&r, 3 * i);
    }
    fake.max_bytes_between_preempts = 0;
    EXPECT(vdev_notify(&f->g, r.desc));
    EXPECT(fake_used_idx(&r) >= 1);
    EXPECT(fake_used_idx(&r) <= 4);
    EXPECT_EQ(fake_get(f, r.used, 2), 1u); /* no kicks wanted meanwhile */
    EXPECT(f->vcpu.todo & VCPU_TODO_VDEV);
    for (; (f->vcpu.todo & VCPU_TODO_VDEV) && polls < 100; polls++)
        vdev_poll(&f->g);
    EXPECT_EQ(fake_used_idx(&r), 80u);
    EXPECT(polls >= 20);
    EXPECT_EQ(fake_get(f, r.used, 2), 0u);
    EXPECT(fake.max_bytes_between_preempts <= 13 * 1024);
    EXPECT_EQ(f->vcpu.todo, 0u);
    fake_reset();
}

static void die(void)
{
    f->g.end = END_KILLED;
}

/* Ended by an interrupt in the middle of a request: nothing more is done. */
TEST(vblock_stops_working_for_a_dead_guest)
{
    set_up(false);
    fake_on_preempt = die;
    header(0, 0);
    for (uint32_t i = 0; i < 3; i++) {
        fake_desc(&r, 3 * i, HEADER, 16, NEXT, 3 * i + 1);
        fake_desc(&r, 3 * i + 1, DATA, 64 * 512, NEXT | WRITE, 3 * i + 2);
        fake_desc(&r, 3 * i + 2, STATUS, 1, WRITE, 0);
        fake_avail(&r, 3 * i);
    }
    EXPECT(vdev_notify(&f->g, r.desc));
    EXPECT(fake_used_idx(&r) <= 1);
    EXPECT(fake.preempt_points <= 4); /* to the end of a piece */
    EXPECT(!(f->vcpu.todo & VCPU_TODO_VDEV));
    fake_on_preempt = NULL;
    fake_reset();
}
