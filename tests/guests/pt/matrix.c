/* SPDX-License-Identifier: MIT */
/* PT-07, PT-08: permissions and A/D bits of all combinations of directory and
 * page entries against the rules of SDM 3A 4.6 to 4.8 with CR0.WP set. */

#include "gtest.h"

#define VA 0x40800000u
#define FLAGS(i) (((i)&1 ? PTE_P : 0) | ((i)&2 ? PTE_W : 0) | ((i)&4 ? PTE_U : 0))

GT_CODE(code_read, "movl (%ebx), %eax; ud2");
GT_CODE(code_write, "movl $0x0b0f0b0f, (%ebx); ud2");
GT_CODE(code_fetch, "jmp *%ebx; ud2");

enum { READ, WRITE, FETCH };

static uint32_t access(uint32_t ring, uint32_t kind, struct trap_frame *f)
{
    gt_frame(ring, f);
    f->ebx = VA;
    if (kind == READ)
        return gt_run(ring, code_read, f);
    if (kind == WRITE)
        return gt_run(ring, code_write, f);
    return gt_run(ring, code_fetch, f);
}

/* 0xffffffff: allowed; else the error code. */
static uint32_t model(uint32_t pde, uint32_t pte, uint32_t ring, uint32_t kind)
{
    uint32_t err = (kind == WRITE ? 2u : 0) | (ring == 3 ? 4u : 0);
    uint32_t both = pde & pte;

    if (!(both & PTE_P))
        return err;
    if ((ring == 3 && !(both & PTE_U)) || (kind == WRITE && !(both & PTE_W)))
        return err | 1;
    return 0xffffffff;
}

static void check_bits(uint32_t tag, uint32_t pde, uint32_t pte, uint32_t kind, bool ok)
{
    uint32_t want = pte, pde_now = (uint32_t)pt_read_dir(pt_root, VA) & 0xfff;
    uint32_t now = (uint32_t)pt_read(pt_root, VA) & 0xfff;

    if (ok)
        want |= PTE_A | (kind == WRITE ? PTE_D : 0);
    if (pde & PTE_P)
        EXPECT_EQ_AT(tag, now, want & 0xfff);
    EXPECT_EQ_AT(tag, pde_now & ~PTE_A, pde & ~PTE_A);
    if (ok)
        EXPECT(pde_now & PTE_A);
}

static void one(uint32_t page, uint32_t table, uint32_t pde, uint32_t pte)
{
    struct trap_frame f;

    for (uint32_t k = 0; k < 6; k++) {
        uint32_t ring = k < 3 ? 1 : 3, kind = k % 3, v, want;
        uint32_t tag = pde << 20 | pte << 8 | ring << 4 | kind;

        pt_write_dir(pt_root, VA, table | PTE_TABLE);
        pt_write(pt_root, VA, page | pte);
        pt_write_dir(pt_root, VA, table | pde);
        pt_flush(FLUSH_ALL);
        want = model(pde, pte, ring, kind);
        v = access(ring, kind, &f);
        if (want == 0xffffffff) {
            EXPECT_EQ_AT(tag, v, VEC_UD);
        } else {
            EXPECT_EQ_AT(tag, v, VEC_PF);
            EXPECT_EQ_AT(tag, f.errcode, want);
            EXPECT_EQ_AT(tag, trap_seen.cr2, VA);
        }
        check_bits(tag, pde, pte, kind, want == 0xffffffff);
    }
}

static void matrix(uint32_t part)
{
    static const uint32_t ad[] = {0, PTE_A, PTE_A | PTE_D, PTE_D};
    uint32_t page = page_alloc(), table = page_alloc();

    poke32(page, 0x0b0f0b0f); /* ud2; ud2 */
    gt_user_setup();
    for (uint32_t p = 0; p < 8; p++) {
        for (uint32_t t = 0; t < 8; t++) {
            for (uint32_t d = 0; d < 4; d++)
                one(page, table, FLAGS(p) | ad[d], FLAGS(t) | ad[part]);
        }
    }
    print("%u accesses compared with the model\n", 8 * 8 * 4 * 6);
}

GT_ROW(matrix_a0_d0, matrix, GT_BOTH, .arg = 0)
GT_ROW(matrix_a1_d0, matrix, GT_BOTH, .arg = 1)
GT_ROW(matrix_a1_d1, matrix, GT_BOTH, .arg = 2)
GT_ROW(matrix_a0_d1, matrix, GT_BOTH, .arg = 3)

/* PT-07: a read first, then the first write: D comes with the write, and a PTE
 * with A but not D that SET_PTE installs is write-protected until then. */
static void first_write(uint32_t announce)
{
    for (uint32_t i = 0; i < 64; i++) {
        uint32_t va = VA + i * GUEST_PAGE_BYTES, pa = page_alloc();
        uint32_t flags = PTE_P | PTE_W | PTE_U | PTE_A;

        if (announce)
            pt_set(pt_root, va, pa | flags);
        else
            pt_write(pt_root, va, pa | (flags & ~PTE_A));
        (void)peek32(va);
        EXPECT_EQ_AT(i, pt_read(pt_root, va), pa | flags);
        poke32(va, i);
        EXPECT_EQ_AT(i, pt_read(pt_root, va), pa | flags | PTE_D);
        EXPECT_EQ_AT(i, peek32(pa), i);
        /* Cleaned and announced: the next write shows again. */
        pt_set(pt_root, va, pa | flags);
        poke32(va, i + 1);
        EXPECT_EQ_AT(i, pt_read(pt_root, va), pa | flags | PTE_D);
        /* A cleared too. */
        pt_set(pt_root, va, pa | (flags & ~PTE_A));
        (void)peek32(va);
        EXPECT_EQ_AT(i, pt_read(pt_root, va), pa | flags);
    }
}

GT_ROW(first_write_silent, first_write, GT_BOTH, .arg = 0)
GT_ROW(first_write_announced, first_write, GT_BOTH, .arg = 1)

/* PT-24: copy on write, again and again. */
static uint32_t cow_va, cow_copies;

static void cow_fault(struct trap_frame *f)
{
    uint32_t va = lg_cr2 & ~GUEST_PAGE_MASK;
    uint64_t pte = pt_read(pt_root, va);
    uint32_t copy = page_alloc();

    EXPECT_EQ(f->errcode & 3, 3);
    EXPECT_EQ(va, cow_va);
    memcpy(phys_ptr(copy), phys_ptr((uint32_t)(pte & PTE_ADDR)), GUEST_PAGE_BYTES);
    pt_set(pt_root, va, copy | PTE_USER);
    cow_copies++;
}

GT_CASE(copy_on_write, GT_BOTH)
{
    uint32_t parent = page_alloc();

    trap_set_handler(VEC_PF, cow_fault);
    poke32(parent + 8, 0x9a6e17);
    for (uint32_t i = 0; i < 3000; i++) {
        cow_va = VA + (i % 16) * GUEST_PAGE_BYTES;
        pt_set(pt_root, cow_va, parent | PTE_P | PTE_U | PTE_A | PTE_D);
        EXPECT_EQ(peek32(cow_va + 8), 0x9a6e17);
        poke32(cow_va + 8, i);
        EXPECT_EQ(peek32(cow_va + 8), i);
        EXPECT_EQ(peek32(parent + 8), 0x9a6e17);
        EXPECT_EQ(cow_copies, i + 1);
        page_free((uint32_t)(pt_read(pt_root, cow_va) & PTE_ADDR));
    }
}

/* PT-25: CR0 is out of reach, and WP is on afterwards. */
GT_CASE(cr0_out_of_reach, GT_BOTH)
{
    static const uint8_t codes[][4] = {
        {0x0f, 0x20, 0xc0, 0x90}, /* mov eax, cr0 */
        {0x0f, 0x22, 0xc0, 0x90}, /* mov cr0, eax */
        {0x0f, 0x22, 0xd8, 0x90}, /* mov cr3, eax */
        {0x0f, 0x20, 0xe0, 0x90}, /* mov eax, cr4 */
        {0x0f, 0x22, 0xe0, 0x90}, /* mov cr4, eax */
        {0x0f, 0x01, 0xf0, 0x90}, /* lmsw ax */
        {0x0f, 0x06, 0x90, 0x90}, /* clts */
    };
    uint32_t page = page_alloc();
    struct trap_frame f;

    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        for (uint32_t i = 0; i < ARRAY_COUNT(codes); i++) {
            gt_frame(ring, &f);
            f.eax = 0;
            EXPECT_EQ_AT(i, gt_run_bytes(ring, codes[i], 4, &f), VEC_GP);
            EXPECT_EQ_AT(i, f.errcode, 0);
        }
    }
    pt_set(pt_root, VA, page | PTE_P | PTE_A);
    EXPECT_EQ(access(1, WRITE, &f), VEC_PF);
    EXPECT_EQ(f.errcode, 3);
}
