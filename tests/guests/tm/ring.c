/* SPDX-License-Identifier: MIT */
/* Property P5 and the ring: 64 entries of one kind, each as dear as it can be made,
 * and then a call.  The guest's own clock is due at a random moment of that;
 * run-suite judges how late it came. */

#include "gtest.h"

/* Roots of a PAE guest are small: as many as the ring has entries. */
static uint32_t roots[GABI_RING_SLOTS];

static void make_roots(void)
{
    uint32_t page = 0;

    roots[0] = pt_root;
    for (uint32_t i = 1; i < ARRAY_COUNT(roots); i++) {
        if (!gt_pae) {
            roots[i] = pt_new_root();
            continue;
        }
        if (i % 128 == 1)
            page = page_alloc();
        roots[i] = page + i * 32;
        memcpy(phys_ptr(roots[i]), phys_ptr(pt_root), 32);
    }
}

/* One entry of the ring; n counts them. */
static void lazy(uint32_t nr, uint32_t n)
{
    uint32_t va = 0xd0000000 + n % 256 * 0x200000, root = roots[n % ARRAY_COUNT(roots)];
    uint32_t stack = addr_of(gt_kernel_stack) + sizeof(gt_kernel_stack);

    switch (nr) {
    case GABI_HCALL_NEW_PGTABLE:
        lguest_call_lazy(nr, n % 64 == 63 ? pt_root : root, 0, 0, 0);
        break;
    case GABI_HCALL_SET_PTE: /* by turns the kernel's, and of a root nobody uses */
        lguest_call_lazy(nr, root, n & 1 ? va : va - 0x90000000, 0, 0);
        break;
    case GABI_HCALL_SET_PGD:
        lguest_call_lazy(nr, root, gt_pae ? 1 : n * 3 % 512, 0, 0);
        break;
    case GABI_HCALL_FLUSH_TLB:
        lguest_call_lazy(nr, n & 1, 0, 0, 0);
        break;
    case GABI_HCALL_LOAD_IDT_ENTRY:
        lguest_call_lazy(nr, GUEST_SYSCALL_VECTOR, 0x00610000, 0x0000ee00, 0);
        break;
    case GABI_HCALL_SET_STACK:
        lguest_call_lazy(nr, GABI_KERNEL_DS, stack - n % 2 * 4096, 2, 0);
        break;
    case GABI_HCALL_LOAD_GDT:
        lguest_call_lazy(nr, addr_of(gt_kernel_code), 32, 0, 0);
        break;
    case GABI_HCALL_LOAD_TLS: /* over the end of a page */
        lguest_call_lazy(nr, 0x100ff8 + (n & 1), 0, 0, 0);
        break;
    }
}

static void full_ring(uint32_t nr)
{
    uint32_t n = 0;

    make_roots();
    for (uint32_t i = 0; i < 60; i++) {
        uint32_t spin = gt_random() % 20 * 1000;

        lguest_call(GABI_HCALL_SET_CLOCKEVENT, 40000, 0, 0, 0);
        for (uint32_t k = 0; k < GABI_RING_SLOTS; k++)
            lazy(nr, n++);
        gt_spin_ns(spin);
        lguest_call(GABI_HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
    }
}

#define RING_ROW(id, nr) GT_ROW(ring_##id, full_ring, GT_BOTH, .arg = nr, .memory_kib = 8192)
RING_ROW(new_pgtable, GABI_HCALL_NEW_PGTABLE)
RING_ROW(set_pte, GABI_HCALL_SET_PTE)
RING_ROW(set_pgd, GABI_HCALL_SET_PGD)
RING_ROW(flush, GABI_HCALL_FLUSH_TLB)
RING_ROW(load_idt, GABI_HCALL_LOAD_IDT_ENTRY)
RING_ROW(set_stack, GABI_HCALL_SET_STACK)
RING_ROW(load_tls, GABI_HCALL_LOAD_TLS)

/* 64 entries that are each the first to touch a page or two. */
static void untouched_ring(uint32_t nr)
{
    uint32_t pa = ((guest.mem_bytes - 0x20000) & ~GUEST_PAGE_MASK);

    for (uint32_t i = 0; i < 10; i++) {
        uint32_t spin = gt_random() % 20 * 1000;

        lguest_call(GABI_HCALL_SET_CLOCKEVENT, 40000, 0, 0, 0);
        for (uint32_t k = 0; k < GABI_RING_SLOTS; k++) {
            pa -= 2 * GUEST_PAGE_BYTES;
            if (nr == GABI_HCALL_NEW_PGTABLE)
                lguest_call_lazy(nr, k % 64 == 63 ? pt_root : pa, 0, 0, 0);
            else /* the descriptors lie in both; a string ends at once */
                lguest_call_lazy(nr, pa + GUEST_PAGE_BYTES - 8, 0, 0, 0);
        }
        gt_spin_ns(spin);
        lguest_call(GABI_HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
    }
}

#define UNTOUCHED_ROW(id, nr) \
    GT_ROW(ring_first_##id, untouched_ring, GT_BOTH, .arg = nr, .memory_kib = 8192)
UNTOUCHED_ROW(tls, GABI_HCALL_LOAD_TLS)
UNTOUCHED_ROW(root, GABI_HCALL_NEW_PGTABLE)
UNTOUCHED_ROW(text, GABI_HCALL_NOTIFY)

/* The interface of 2.6.24 has a call for a whole table of descriptors. */
GT_CASE(ring_load_gdt, GT_RAW | GT_2LEVEL, .row = GABI_ROW_2_6_24)
{
    guest_init(&lguest_rows[GABI_ROW_2_6_24]);
    gt_setup_rest();
    memcpy(gt_kernel_code, (void *)(uintptr_t)GT_STATE_GDT, 256);
    full_ring(GABI_HCALL_LOAD_GDT);
}

#define SMALL 12u /* tables of one word of leaves each, in use */
#define USER 0x40000000u

/* Flushes of the user's half only, where each has some work to do in every table: a
 * page that is mapped twice always counts as written. */
GT_CASE(ring_flush_small, GT_BOTH, .memory_kib = 8192)
{
    uint32_t page = page_alloc();

    for (uint32_t i = 0; i < SMALL * 32; i++) {
        uint32_t va = USER + i / 32 * pt_dir_span() + i % 32 * GUEST_PAGE_BYTES;

        pt_write(pt_root, va, page | PTE_USER);
    }
    for (uint32_t i = 0; i < SMALL * 32; i++)
        (void)peek32(USER + i / 32 * pt_dir_span() + i % 32 * GUEST_PAGE_BYTES);
    for (uint32_t i = 0; i < SMALL; i++) {
        uint32_t alias = USER + SMALL * pt_dir_span() + i * GUEST_PAGE_BYTES;

        pt_write(pt_root, alias, pt_table(pt_root, USER + i * pt_dir_span()) | PTE_USER);
        (void)peek32(alias);
        (void)peek32(pt_table(pt_root, USER + i * pt_dir_span()));
    }
    for (uint32_t i = 0; i < 60; i++) {
        uint32_t spin = gt_random() % 20 * 1000;

        lguest_call(GABI_HCALL_SET_CLOCKEVENT, 40000, 0, 0, 0);
        for (uint32_t k = 0; k < GABI_RING_SLOTS; k++)
            lguest_call_lazy(GABI_HCALL_FLUSH_TLB, FLUSH_USER, 0, 0, 0);
        gt_spin_ns(spin);
        lguest_call(GABI_HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
    }
}
