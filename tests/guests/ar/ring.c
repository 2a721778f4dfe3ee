/* SPDX-License-Identifier: MIT */
/* The asynchronous ring (AR-01, AR-02, AR-04).  LOAD_TLS is the probe: what it
 * did last can be read back from the real GDT. */

#include "gtest.h"

static uint64_t tls[4096 / 24][GABI_TLS_ENTRIES] __attribute__((aligned(4096)));

static uint32_t tls_with_base(uint32_t base)
{
    uint64_t *t = tls[base % ARRAY_COUNT(tls)];

    for (uint32_t i = 0; i < GABI_TLS_ENTRIES; i++)
        t[i] = desc_make(base * 16 + i, 0xfffff, DESC_DATA | DESC_DPL(3), DESC_FLAT_BITS);
    return addr_of(t);
}

static uint32_t loaded_base(void)
{
    return gt_desc_base(gt_real_gdt(GABI_TLS_FIRST)) / 16;
}

static void queue_tls(uint32_t base)
{
    lguest_call_lazy(GABI_HCALL_LOAD_TLS, tls_with_base(base), 0, 0, 0);
}

static void expect_all_free(void)
{
    for (uint32_t i = 0; i < GABI_RING_SLOTS; i++)
        EXPECT_EQ_AT(i, lg.hcall_status[i], GABI_SLOT_FREE);
}

/* AR-01: 64 entries, then a direct call that comes after all of them. */
GT_CASE(order_64, GT_BOTH)
{
    for (uint32_t round = 0; round < 10; round++) {
        for (uint32_t i = 1; i <= GABI_RING_SLOTS; i++)
            queue_tls(i);
        hcall0(GABI_HCALL_FLUSH_ASYNC);
        EXPECT_EQ(loaded_base(), GABI_RING_SLOTS);
        expect_all_free();
        for (uint32_t i = 1; i <= GABI_RING_SLOTS; i++)
            queue_tls(i);
        hcall1(GABI_HCALL_LOAD_TLS, tls_with_base(100));
        EXPECT_EQ(loaded_base(), 100);
        expect_all_free();
    }
}

/* A full ring: the library's 65th goes directly and empties it. */
GT_CASE(full_then_direct, GT_2LEVEL)
{
    for (uint32_t i = 1; i <= GABI_RING_SLOTS; i++)
        queue_tls(i);
    queue_tls(77);
    EXPECT_EQ(loaded_base(), 77);
    expect_all_free();
}

/* AR-02: everything but 0xff is pending. */
GT_CASE(status_values, GT_2LEVEL)
{
    for (uint32_t value = 0; value < GABI_SLOT_FREE; value++) {
        uint32_t n = lguest_ring_next;

        queue_tls(value % 160);
        lg.hcall_status[n] = (uint8_t)value;
        hcall0(GABI_HCALL_FLUSH_ASYNC);
        EXPECT_EQ_AT(value, loaded_base(), value % 160);
        EXPECT_EQ_AT(value, lg.hcall_status[n], GABI_SLOT_FREE);
    }
}

/* The scan stops at the first free slot; the cursor stays there. */
GT_CASE(stops_at_free, GT_2LEVEL)
{
    for (uint32_t round = 0; round < 100; round++) {
        uint32_t n = lguest_ring_next, hole = (n + 1) % GABI_RING_SLOTS;

        queue_tls(1);
        queue_tls(2);
        queue_tls(3);
        lg.hcall_status[hole] = GABI_SLOT_FREE;
        hcall0(GABI_HCALL_FLUSH_ASYNC);
        EXPECT_EQ(loaded_base(), 1);
        EXPECT_EQ(lg.hcall_status[(n + 2) % GABI_RING_SLOTS], GABI_SLOT_PENDING);
        lg.hcall_status[hole] = GABI_SLOT_PENDING;
        hcall0(GABI_HCALL_FLUSH_ASYNC);
        EXPECT_EQ(loaded_base(), 3);
        expect_all_free();
    }
}

/* Random lengths round and round: the monitor's cursor is our producer index. */
GT_CASE(cursor_random, GT_BOTH)
{
    uint32_t last = 0;

    for (uint32_t round = 0; round < 3000; round++) {
        for (uint32_t n = gt_random() % 20; n; n--)
            queue_tls(last = gt_random() % 160);
        hcall0(GABI_HCALL_FLUSH_ASYNC);
        if (last)
            EXPECT_EQ_AT(round, loaded_base(), last);
    }
    expect_all_free();
}

/* Only a hypercall runs the ring: no fault, no interrupt, no port access. */
GT_CASE(only_by_hypercall, GT_BOTH)
{
    static const uint8_t ud[] = {0x0f, 0x0b};
    struct trap_frame f;

    hcall1(GABI_HCALL_LOAD_TLS, tls_with_base(5));
    irq_unblock(GABI_IRQ_TIMER);
    hcall1(GABI_HCALL_SET_CLOCKEVENT, 2000000);
    queue_tls(6);
    gt_frame(3, &f);
    EXPECT_EQ(gt_run_bytes(3, ud, 2, &f), VEC_UD);
    (void)port_in8(0x80);
    pt_write(pt_root, 0xd0000000, page_alloc() | PTE_KERNEL);
    poke32(0xd0000000, 1); /* a fault that the monitor resolves */
    lg_irq_enabled = GABI_IF;
    while (irq_count[0] == 0)
        barrier();
    irq_disable();
    EXPECT_EQ(loaded_base(), 5);
    hcall0(GABI_HCALL_FLUSH_ASYNC);
    EXPECT_EQ(loaded_base(), 6);
}

/* AR-04: arguments that overlap what the monitor writes while it runs them. */
GT_CASE(tls_from_the_ring, GT_2LEVEL)
{
    /* The 24 bytes are the slot itself and the one behind it. */
    for (uint32_t i = 0; i < 200; i++)
        lguest_call_lazy(GABI_HCALL_LOAD_TLS, addr_of(&lg.hcalls[lguest_ring_next]), 0,
                         0x00cff200, 0xffff);
    hcall0(GABI_HCALL_FLUSH_ASYNC);
    for (uint32_t i = 0; i < GABI_TLS_ENTRIES; i++) {
        uint32_t hi = (uint32_t)(gt_real_gdt(GABI_TLS_FIRST + i) >> 32);

        if (hi & 0x8000) {
            EXPECT(hi & 0x1000);
            EXPECT((hi >> 13 & 3) == 1 || (hi >> 13 & 3) == 3);
        }
    }
    /* And the status bytes, which change from 0 to 0xff under it. */
    for (uint32_t i = 0; i < 200; i++)
        lguest_call_lazy(GABI_HCALL_LOAD_TLS, addr_of(&lg.hcall_status[i % 41]), 0, 0, 0);
    hcall0(GABI_HCALL_FLUSH_ASYNC);
    expect_all_free();
}

/* The page of lguest_data as a page table: every word the monitor writes there
 * is an entry. Entries that make no sense end the guest. */
static void touch(uint32_t va)
{
    (void)peek32(va);
}

GT_CASE(data_is_page_table, GT_BOTH, .expect = "any")
{
    struct trap_frame f;
    uint32_t table = addr_of(&lguest_data);

    pt_write_dir(pt_root, 0x50000000, table | PTE_TABLE);
    for (uint32_t i = 0; i < 1024; i++) {
        lguest_call_lazy(GABI_HCALL_SET_PTE, pt_root, 0x50000000 + i * 4096,
                         page_alloc() | PTE_USER, 0);
        if (i % 32 == 31)
            hcall0(GABI_HCALL_FLUSH_ASYNC);
        (void)trap_catch(touch, 0x50000000 + i * 4096, &f);
        if (page_free_count() < 16)
            break;
    }
}

/* Calls that are no lazy ones work in the ring as well. */
GT_CASE(halt_in_ring, GT_2LEVEL)
{
    irq_unblock(GABI_IRQ_TIMER);
    for (uint32_t i = 1; i <= 5; i++) {
        lguest_call_lazy(GABI_HCALL_SET_CLOCKEVENT, 100000, 0, 0, 0);
        lguest_call_lazy(GABI_HCALL_HALT, 0, 0, 0, 0);
        hcall0(GABI_HCALL_FLUSH_ASYNC);
        while (irq_count[0] != i)
            irq_halt();
        irq_disable();
    }
}

GT_CASE(shutdown_in_ring, GT_2LEVEL, .expect = "crash: by the ring")
{
    lguest_call_lazy(GABI_HCALL_SHUTDOWN, addr_of("by the ring"), 1, 0, 0);
    hcall1(GABI_HCALL_LOAD_TLS, 0xffffffff); /* never gets its turn */
    FAIL("still here");
}

GT_CASE(init_in_ring, GT_2LEVEL, .expect = "killed: already have lguest_data")
{
    lguest_call_lazy(GABI_HCALL_INIT, addr_of(&lguest_data), 0, 0, 0);
    hcall0(GABI_HCALL_FLUSH_ASYNC);
    FAIL("still here");
}
