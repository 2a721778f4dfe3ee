/* SPDX-License-Identifier: MIT */
/* ST-11: a copy of this guest's memory meets a page that the monitor has not mapped.
 * That would be the monitor's own defect, so it has to be put in: only where the
 * monitor is built for it (build/ringside-inject.elf, tests/boot/test_inject.py).
 * One of them is in test=all, and skipped there in the normal build: the others
 * would only say the same once more. */

#include "gtest.h"
#include "guest/virtio.h"

/* The n-th copy from now on. */
static void copy_fails(uint32_t n)
{
    if (port_in8(GABI_INJECT_PORT) != 1)
        SKIP("fault injection is not built in");
    port_out8(GABI_INJECT_PORT, (uint8_t)n);
}

#define KILLED .expect = "killed: a page of its memory cannot be reached"

/* By guest-physical address: LOAD_TLS over the end of a page; the second of the two
 * copies is that of the second page. */
static void copy_of_tls(uint32_t n)
{
    static uint8_t pages[2 * GUEST_PAGE_BYTES] __attribute__((aligned(4096)));

    copy_fails(n);
    hcall1(GABI_HCALL_LOAD_TLS, addr_of(pages) + GUEST_PAGE_BYTES - 8);
    FAIL("a copy that cannot be");
}

GT_ROW(copy_fault_read, copy_of_tls, GT_BOTH | GT_NOT_ALL, .arg = 1, KILLED)
GT_ROW(copy_fault_second_page, copy_of_tls, GT_2LEVEL | GT_NOT_ALL, .arg = 2, KILLED)

/* By linear address: the bytes of an instruction that is looked at. */
GT_CASE(copy_fault_code, GT_BOTH | GT_NOT_ALL, KILLED)
{
    copy_fails(1);
    __asm__ volatile("movl %%cr0, %%eax" : : : "eax");
    FAIL("a copy that cannot be");
}

/* Written: the data of a device's queue. */
GT_CASE(copy_fault_write, GT_2LEVEL, KILLED)
{
    static struct vdevice rng;
    static uint8_t bytes[64];
    struct vq_buffer b = {addr_of(bytes), sizeof(bytes), true};

    if (!bus_find(GABI_DEV_RNG, 0, &rng))
        SKIP("no such device");
    bus_start(&rng);
    vq_add(&rng.vq[0], &b, 1);
    copy_fails(2); /* not the descriptor */
    vq_kick(&rng.vq[0]);
    (void)vq_wait(&rng.vq[0], NULL);
    FAIL("a copy that cannot be");
}
