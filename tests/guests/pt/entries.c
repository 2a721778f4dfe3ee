/* SPDX-License-Identifier: MIT */
/* What an entry may say (PT-01, PT-02, PT-10, PT-15, PT-18, PT-20, PT-23): frames
 * beyond the guest's memory, large pages, reserved and cache bits. */

#include "gtest.h"
#include "guest/virtio.h"

#define VA 0x40000000u
#define KILLED(text) .expect = "killed: " text

static void use(uint64_t pte)
{
    pt_write(pt_root, VA, pte);
    (void)peek32(VA);
}

static void kills(uint64_t pte)
{
    use(pte);
    FAIL("%llx was taken", pte);
}

/* PT-01. */
static void frame(uint32_t pfn)
{
    kills((uint64_t)pfn << 12 | PTE_KERNEL);
}

#define FRAME(n) \
    GT_ROW(pfn_##n, frame, GT_BOTH, .arg = n, KILLED("bad page table entry"))
FRAME(0x800)
FRAME(0x1000)
FRAME(0x2000)
FRAME(0x4000)
FRAME(0x8000)
FRAME(0x10000)
FRAME(0x20000)
FRAME(0x40000)
FRAME(0x80000)
FRAME(0xfec00)
FRAME(0xfee00)
FRAME(0xffe00)
FRAME(0xfffff)

static void frame_limit(uint32_t beyond)
{
    kills((bus_end() + beyond * GUEST_PAGE_BYTES) | PTE_KERNEL);
}

GT_ROW(pfn_limit, frame_limit, GT_BOTH, .arg = 0, KILLED("bad page table entry"))
GT_ROW(pfn_limit_plus_1, frame_limit, GT_BOTH, .arg = 1, KILLED("bad page table entry"))

/* The neighbour of a good page, where filling ahead would meet it first. */
GT_CASE(pfn_limit_neighbour, GT_BOTH, KILLED("bad page table entry"))
{
    pt_write(pt_root, VA, page_alloc() | PTE_KERNEL);
    pt_write(pt_root, VA + GUEST_PAGE_BYTES, bus_end() | PTE_KERNEL);
    pt_write(pt_root, VA + 2 * GUEST_PAGE_BYTES, page_alloc() | PTE_KERNEL);
    poke32(VA, 1);
    poke32(VA + 2 * GUEST_PAGE_BYTES, 1);
    (void)peek32(VA + GUEST_PAGE_BYTES);
    FAIL("a frame beyond the limit");
}

/* All that is the guest's own, and it is what it should be. */
GT_CASE(own_frames, GT_BOTH)
{
    for (uint32_t pa = 0; pa < bus_end(); pa += GUEST_PAGE_BYTES) {
        pt_set(pt_root, VA, pa | PTE_KERNEL);
        if (pa) /* page 0 has no other mapping */
            EXPECT_EQ_AT(pa, peek32(VA), peek32(pa));
        else
            (void)peek32(VA);
    }
}

static void frame_high(uint32_t bit)
{
    kills((uint64_t)page_alloc() | PTE_KERNEL | 1ull << bit);
}

#define HIGH(bit) \
    GT_ROW(pae_bit_##bit, frame_high, GT_PAE, .arg = bit, KILLED("bad page table entry"))
HIGH(32)
HIGH(36)
HIGH(40)
HIGH(51)
HIGH(52) /* reserved, PT-10 */
HIGH(62)
HIGH(63) /* NX is hidden, PT-23 */

/* PT-02: large pages, at both levels, silently and announced. */
GT_CASE(pte_bit7, GT_BOTH, KILLED("bad page table entry"))
{
    kills(page_alloc() | PTE_KERNEL | PTE_PS);
}

GT_CASE(pde_large, GT_BOTH, KILLED("bad page"))
{
    pt_write_dir(pt_root, VA, 0 | PTE_TABLE | PTE_PS);
    (void)peek32(VA);
    FAIL("a large page");
}

GT_CASE(pde_large_announced, GT_BOTH, KILLED("bad page"))
{
    pt_write_dir(pt_root, VA, 0 | PTE_TABLE | PTE_PS);
    pt_announce_dir(pt_root, VA);
    (void)peek32(VA);
    FAIL("a large page");
}

/* In use, then made large: no way round the check. */
GT_CASE(pde_large_later, GT_BOTH, KILLED("bad page"))
{
    pt_set(pt_root, VA, page_alloc() | PTE_KERNEL);
    (void)peek32(VA);
    pt_write_dir(pt_root, VA, pt_read_dir(pt_root, VA) | PTE_PS);
    pt_announce_dir(pt_root, VA);
    (void)peek32(VA);
    FAIL("a large page");
}

/* PT-10: directory entries may only hold what ABI 7.2 lists. */
static void pde_bits(uint32_t bits)
{
    pt_set(pt_root, VA, page_alloc() | PTE_KERNEL);
    pt_write_dir(pt_root, VA, pt_read_dir(pt_root, VA) | bits);
    pt_announce_dir(pt_root, VA);
    (void)peek32(VA);
    FAIL("%x was taken", bits);
}

#define PDE_BITS(n) \
    GT_ROW(pde_bits_##n, pde_bits, GT_BOTH, .arg = n, KILLED("bad page"))
PDE_BITS(0x008)
PDE_BITS(0x010)
PDE_BITS(0x100)
PDE_BITS(0x200)

GT_CASE(pde_frame, GT_BOTH, KILLED("bad page"))
{
    pt_write_dir(pt_root, VA, 0x80000000 | PTE_TABLE);
    (void)peek32(VA);
    FAIL("taken");
}

static void pdpte_bits(uint32_t bits)
{
    poke32(pt_root + 16, page_alloc() | PTE_P | bits);
    lguest_call(GABI_HCALL_SET_PGD, pt_root, 2, 0, 0);
    pt_switch(pt_root);
    (void)peek32(0x80000000);
    FAIL("%x was taken", bits);
}

#define PDPTE_BITS(n) \
    GT_ROW(pdpte_bits_##n, pdpte_bits, GT_PAE, .arg = n, KILLED("bad page"))
PDPTE_BITS(0x002)
PDPTE_BITS(0x020)
PDPTE_BITS(0x100)
PDPTE_BITS(0x80000000)

/* Cache bits, global and available bits of a PTE are masked: it works, and it
 * is ordinary memory. */
GT_CASE(pte_masked_bits, GT_BOTH)
{
    static const uint32_t bits[] = {PTE_PWT, PTE_PCD, PTE_PWT | PTE_PCD, PTE_G,
                                    0x200, 0x400, 0x800, 0xf18};
    uint32_t pa = page_alloc();

    for (uint32_t i = 0; i < ARRAY_COUNT(bits); i++) {
        pt_set(pt_root, VA, pa | PTE_KERNEL | bits[i]);
        poke32(VA, i);
        EXPECT_EQ_AT(i, peek32(pa), i);
        EXPECT_EQ_AT(i, pt_read(pt_root, VA), pa | PTE_KERNEL | bits[i]);
    }
}

/* PT-18 from inside: what is not present faults whatever else it says. */
GT_CASE(not_present_any_bits, GT_BOTH)
{
    static const uint8_t load[] = {0x8b, 0x03};
    struct trap_frame f;

    for (uint32_t i = 0; i < 300; i++) {
        pt_set(pt_root, VA, (gt_random() & ~PTE_P));
        gt_frame(1, &f);
        f.ebx = VA;
        EXPECT_EQ(gt_run_bytes(1, load, 2, &f), VEC_PF);
        EXPECT_EQ(f.errcode, 0);
    }
}

/* PT-15: a page table at odd places. */
static void table_at(uint32_t pa)
{
    uint32_t page = page_alloc();

    poke32(page, 0x7ab1e);
    if (pa == 1)
        pa = guest.mem_bytes - GUEST_PAGE_BYTES;
    if (pa == 2)
        pa = addr_of(gt_kernel_stack);
    pt_write_dir(pt_root, VA, pa | PTE_TABLE);
    if (pa) {
        pt_set(pt_root, VA, page | PTE_KERNEL);
        EXPECT_EQ(peek32(VA), 0x7ab1e);
    } else {
        /* Page 0 holds boot_params: mostly zero, no entry. */
        static const uint8_t load[] = {0x8b, 0x03};
        struct trap_frame f;

        gt_frame(1, &f);
        f.ebx = VA;
        EXPECT_EQ(gt_run_bytes(1, load, 2, &f), VEC_PF);
    }
}

GT_ROW(table_in_page_0, table_at, GT_BOTH, .arg = 0)
GT_ROW(table_last_page, table_at, GT_BOTH, .arg = 1)
GT_ROW(table_is_stack, table_at, GT_2LEVEL, .arg = 2)

GT_CASE(table_in_device_page, GT_BOTH, .expect = "any")
{
    pt_write_dir(pt_root, VA, guest.mem_bytes | PTE_TABLE);
    for (uint32_t i = 0; i < 512; i++)
        (void)pt_read(pt_root, VA + i * GUEST_PAGE_BYTES);
    (void)peek32(VA);
}

/* PT-20: linear mode. */
GT_CASE(linear_ram, GT_LINEAR | GT_2LEVEL)
{
    static const uint32_t places[] = {0xa0000, 0xb8000, 0xc0000, 0xffffc, 0x3ffffc};

    EXPECT_EQ(peek32(0x2000), 0);
    for (uint32_t i = 0; i < ARRAY_COUNT(places); i++) {
        poke32(places[i], i + 0x11);
        EXPECT_EQ_AT(places[i], peek32(places[i]), i + 0x11);
    }
}

static void linear_beyond(uint32_t va)
{
    (void)peek32(va ? va : bus_end());
    FAIL("read beyond memory");
}

#define LINEAR(id, a) \
    GT_ROW(linear_##id, linear_beyond, GT_LINEAR | GT_2LEVEL, .arg = a, KILLED(""))
LINEAR(limit, 0)
LINEAR(2_gib, 0x80000000)
LINEAR(page_offset, 0xc0000000)
LINEAR(window, 0xffc00000)
LINEAR(switcher_private, 0xffe06000)
LINEAR(last_page, 0xfffff000)
