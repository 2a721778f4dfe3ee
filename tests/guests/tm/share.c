/* SPDX-License-Identifier: MIT */
/* TM-11: no exit takes longer than a slice, and what it costs is charged to who caused
 * it.  Each case asks for as much as it can in single calls, beside a canary that
 * wants all of the CPU; the suite says how much the canary had and how long it was
 * kept waiting, from the building of the guest to the last page taken apart. */

#include "gtest.h"
#include "guest/virtio.h"

#define FIRST 0x40000000u
#define CASE_MS 60u

/* For so long that a slice more or less means little. */
static bool goes_on(uint64_t start)
{
    uint32_t khz = lg.tsc_khz ? lg.tsc_khz : 1000000;

    return rdtsc() - start < (uint64_t)khz * CASE_MS;
}

/* As many tables as a guest of this size may have, all entries in use, and each table
 * mapped twice: then every flush has to compare all of it. */
static void full_tables(void)
{
    uint32_t span = pt_dir_span(), n = span / GUEST_PAGE_BYTES;
    uint32_t tables = gt_pae ? 180 : 96, alias = FIRST + tables * span, page = page_alloc();

    for (uint32_t t = 0; t < tables; t++) {
        uint32_t va = FIRST + t * span;

        for (uint32_t i = 0; i < n; i++)
            pt_write(pt_root, va + i * GUEST_PAGE_BYTES, page | PTE_USER);
        for (uint32_t i = 0; i < n; i += 8)
            (void)peek32(va + i * GUEST_PAGE_BYTES);
        pt_write(pt_root, alias + t * GUEST_PAGE_BYTES, pt_table(pt_root, va) | PTE_USER);
        (void)peek32(alias + t * GUEST_PAGE_BYTES);
        (void)peek32(pt_table(pt_root, va));
    }
}

/* 64 flushes in the ring. */
static void ring_of_flushes(uint32_t how)
{
    full_tables();
    for (uint64_t start = rdtsc(); goes_on(start);) {
        for (uint32_t i = 0; i < GABI_RING_SLOTS; i++)
            lguest_call_lazy(GABI_HCALL_FLUSH_TLB, how, 0, 0, 0);
        lguest_call(GABI_HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
    }
}

GT_ROW(share_flush_all, ring_of_flushes, GT_BOTH | GT_SHARE, .arg = FLUSH_ALL,
       .memory_kib = 8192)
GT_ROW(share_flush_user, ring_of_flushes, GT_BOTH | GT_SHARE, .arg = FLUSH_USER,
       .memory_kib = 8192)

/* ---- beside guests of all sizes: tests/boot/test_share.py ---- */

/* Says what it had of the CPU in so many ms, and for how long it was away: the time
 * stamp jumps when it was not on. */
GT_CASE(neighbour, GT_2LEVEL | GT_HIDDEN)
{
    uint32_t khz = lg.tsc_khz ? lg.tsc_khz : 1000000, jump = khz / 20;
    uint64_t start = rdtsc(), last = start, had = 0, longest = 0;
    char text[16];
    uint32_t ms = guest_option("ms", text, sizeof(text)) ? str_to_u32(text) : 1000;

    while (last - start < (uint64_t)khz * ms) {
        uint64_t now = rdtsc(), gone = now - last;

        last = now;
        if (gone < jump)
            had += gone;
        else if (gone > longest)
            longest = gone;
    }
    print("had %u per mille, away for %u us\n",
          (uint32_t)(had >> 10) / ((uint32_t)((uint64_t)khz * ms >> 10) / 1000),
          (uint32_t)longest / (khz / 1000));
}

#define BIG_ROOTS 4u
#define BIG_TABLES 512u /* for two GiB */

/* As much as a large guest can have taken apart at a time: all of memory in linear
 * mode, then four roots with two GiB each of full tables of their own; flushes of all
 * that, and an end with everything in use. */
GT_CASE(large, GT_2LEVEL | GT_RAW | GT_HIDDEN)
{
    uint32_t roots[BIG_ROOTS], page, pattern;

    for (uint32_t pa = 0x100000; pa < guest.mem_bytes - 0x100000; pa += 32 * GUEST_PAGE_BYTES)
        (void)*(volatile uint32_t *)phys_ptr(pa);
    guest.mem_bytes = 64u << 20; /* what the library is to map */
    guest_init(&lguest_rows[GABI_ROW_3_1]);
    gt_setup_rest();
    page = page_alloc();
    pattern = page_alloc();
    for (uint32_t i = 0; i < 1024; i++)
        poke32(pattern + i * 4, page | PTE_USER);
    for (uint32_t r = 0; r < BIG_ROOTS; r++) {
        roots[r] = r ? pt_new_root() : pt_root;
        for (uint32_t i = 0; i < BIG_TABLES; i++) {
            uint32_t table = page_alloc();

            memcpy(phys_ptr(table), phys_ptr(pattern), GUEST_PAGE_BYTES);
            pt_write_dir(roots[r], FIRST + i * pt_dir_span(), table | PTE_TABLE);
        }
        pt_switch(roots[r]);
        for (uint32_t i = 0; i < BIG_TABLES * 32; i++)
            (void)peek32(FIRST + i * 32 * GUEST_PAGE_BYTES);
    }
    for (uint32_t n = 0; n < 4; n++)
        lguest_call_lazy(GABI_HCALL_FLUSH_TLB, n & 1, 0, 0, 0);
    lguest_call(GABI_HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
    lguest_call(GABI_HCALL_SHUTDOWN, 0xffffffff, 2, 0, 0);
}

#define SEGMENTS 254u
#define SEGMENT_BYTES 65536u
#define REQUESTS 8u

/* Requests of 16 MiB, which is the most that a disk does at a time, and a kick for each
 * in one ring. */
GT_CASE(large_disk, GT_2LEVEL | GT_HIDDEN)
{
    static struct gabi_blk_req req;
    static uint8_t data[SEGMENT_BYTES], status;
    static struct gabi_vring_desc chain[SEGMENTS + 2];
    struct vdevice d;
    struct vq *q = &d.vq[0];

    EXPECT(bus_find(GABI_DEV_BLOCK, 0, &d));
    bus_start(&d);
    req.type = GABI_BLK_READ;
    chain[0] = (struct gabi_vring_desc){addr_of(&req), sizeof(req), GABI_VRING_NEXT, 1};
    for (uint32_t i = 1; i <= SEGMENTS; i++)
        chain[i] = (struct gabi_vring_desc){addr_of(data), SEGMENT_BYTES,
                                            GABI_VRING_NEXT | GABI_VRING_WRITE,
                                            (uint16_t)(i + 1)};
    chain[SEGMENTS + 1] = (struct gabi_vring_desc){addr_of(&status), 1, GABI_VRING_WRITE, 0};
    q->desc[0] = (struct gabi_vring_desc){addr_of(chain), sizeof(chain), GABI_VRING_INDIRECT, 0};
    for (;;) {
        q->avail->idx = (uint16_t)(q->avail->idx + REQUESTS);
        for (uint32_t i = 0; i < REQUESTS; i++)
            lguest_call_lazy(GABI_HCALL_NOTIFY, q->pa, 0, 0, 0);
        lguest_call(GABI_HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
        while (q->used->idx != q->avail->idx)
            hcall0(GABI_HCALL_FLUSH_ASYNC);
        EXPECT_EQ(status, 0);
    }
}

/* Sleeps and computes for 30 ms in turns: longer than a slice each. */
GT_CASE(napper, GT_2LEVEL | GT_HIDDEN)
{
    uint32_t khz = lg.tsc_khz ? lg.tsc_khz : 1000000;

    for (;;) {
        uint64_t start;

        gt_sleep_ns(30000000);
        start = rdtsc();
        while (rdtsc() - start < (uint64_t)khz * 30)
            ;
    }
}

/* Two of these (first=1, first=0) send one frame to and fro and sleep between. */
GT_CASE(pong, GT_2LEVEL | GT_HIDDEN)
{
    static uint8_t frame[24], data[1600];
    struct vq_buffer out = {addr_of(frame), sizeof(frame), false};
    struct vq_buffer in = {addr_of(data), sizeof(data), true};
    struct vdevice net;
    char text[16];
    bool wait = !guest_option("first", text, sizeof(text)) || text[0] == '0';

    EXPECT(bus_find(GABI_DEV_NET, 0, &net));
    bus_start(&net);
    irq_unblock(net.vq[0].irq);
    for (uint32_t i = 0; i < 8; i++)
        vq_add(&net.vq[0], &in, 1);
    gt_sleep_ns(wait ? 1000000 : 40000000);
    irq_disable();
    for (;; wait = true) {
        while (wait && !vq_take(&net.vq[0], NULL)) {
            irq_halt();
            irq_disable();
        }
        if (wait)
            vq_add(&net.vq[0], &in, 1);
        vq_add(&net.vq[1], &out, 1);
        vq_kick(&net.vq[1]);
        (void)vq_wait(&net.vq[1], NULL);
    }
}

/* How often a loop goes round in ms= of time: what is left for one that only computes. */
GT_CASE(counter, GT_2LEVEL | GT_HIDDEN)
{
    uint32_t khz = lg.tsc_khz ? lg.tsc_khz : 1000000, loops = 0;
    char text[16];
    uint32_t ms = guest_option("ms", text, sizeof(text)) ? str_to_u32(text) : 1000;
    uint64_t start;

    gt_sleep_ns(50000000);
    start = rdtsc();
    while (rdtsc() - start < (uint64_t)khz * ms)
        loops++;
    print("%u loops\n", loops);
}

GT_CASE(spinner, GT_2LEVEL | GT_HIDDEN)
{
    for (;;)
        __asm__ volatile("nop");
}
