/* SPDX-License-Identifier: MIT */
/* Temporary mappings, as kernels with high memory make them all the time: an entry of
 * the kernel's half is written, FLUSH_TLB(1), used, cleared, SET_PTE. The monitor puts
 * the leaf in with the flush, and must not where the CPU could not. */
#include "shadow_guest.h"

#define FIRST 0xd0007000u  /* the second one goes below */
#define SECOND 0xd0006000u
#define KERNEL 0x63u /* D, A, RW, P */

static void map(uint32_t va, uint32_t entry)
{
    guest_writes(pte_at(ROOT, va), entry);
    shadow_flush_all(v);
}

static void unmap(uint32_t va)
{
    guest_writes(pte_at(ROOT, va), 0);
    sf_set_pte(v, root_at(ROOT), va, 0, 0);
    sf_set_pte(v, root_at(ROOT), va, 0, 0);
    EXPECT(faults(va, SF_READ, 0));
}

/* Without an exit. */
static bool hardware_reaches(uint32_t va, uint32_t access, uint32_t gfn)
{
    struct sf_result r = sf_hardware(v, va, access);

    return r.outcome == SF_OK && r.gfn == gfn;
}

/* The kernel has mapped there before, and so is known for it. */
static void start_mapping(void)
{
    for (uint32_t i = 0; i < 3; i++) {
        map(FIRST, DATA << 12 | KERNEL);
        EXPECT(reaches(FIRST, SF_WRITE, DATA));
        unmap(FIRST);
    }
}

static void mapped_in_turns(void)
{
    start_mapping();
    for (uint32_t i = 0; i < 4; i++) {
        map(FIRST, (DATA + i) << 12 | KERNEL);
        EXPECT(hardware_reaches(FIRST, SF_WRITE, DATA + i));
        map(SECOND, (DATA + 4 + i) << 12 | KERNEL);
        EXPECT(hardware_reaches(SECOND, SF_WRITE, DATA + 4 + i));
        EXPECT(hardware_reaches(FIRST, SF_READ, DATA + i));
        shadow_flush_all(v); /* both are there */
        unmap(SECOND);
        map(SECOND, (DATA + 9 + i) << 12 | KERNEL);
        EXPECT(hardware_reaches(SECOND, SF_READ, DATA + 9 + i));
        unmap(SECOND);
        unmap(FIRST);
    }
}

TEST(temporary_mappings_are_there_after_the_flush)
{
    for_both(mapped_in_turns);
}

/* What the CPU could not have in its TLB is not in the shadow either. */
static void nothing_to_map(void)
{
    static const uint32_t entries[] = {
        DATA << 12 | (KERNEL & ~1u),    /* P clear */
        DATA << 12 | (KERNEL & ~0x20u), /* A clear */
        DATA << 12 | KERNEL | 0x80,     /* PS, which a table entry must not have */
        PAGES << 12 | KERNEL,           /* beyond the guest's memory */
        0xfffff000 | KERNEL,
    };

    start_mapping();
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(entries); i++) {
        map(FIRST, entries[i]);
        EXPECT_EQ(sf_hardware(v, FIRST, SF_READ).outcome, SF_FAULT);
        guest_writes(pte_at(ROOT, FIRST), 0);
        start_mapping();
    }
    map(FIRST, DATA << 12 | (KERNEL & ~0x40u)); /* the first write is to set D */
    EXPECT(hardware_reaches(FIRST, SF_READ, DATA));
    EXPECT_EQ(sf_hardware(v, FIRST, SF_WRITE).outcome, SF_FAULT);
    EXPECT(reaches(FIRST, SF_WRITE, DATA));
    EXPECT_EQ(sf_peek(v, pte_at(ROOT, FIRST)), DATA << 12 | KERNEL);
}

TEST(what_is_no_mapping_is_not_there_after_the_flush)
{
    for_both(nothing_to_map);
}

TEST(a_mapping_above_4_gib_is_not_there_after_the_flush)
{
    start(true);
    start_mapping();
    guest_writes(pte_at(ROOT, FIRST) + 4, 1);
    map(FIRST, DATA << 12 | KERNEL);
    EXPECT_EQ(sf_hardware(v, FIRST, SF_READ).outcome, SF_FAULT);
    stop();
}

/* A table of the guest that it maps for a while, to change it there. */
static void table_mapped(void)
{
    uint32_t va = 0x00400000, pte = pte_at(ROOT, va);

    guest_writes(pte, DATA << 12 | RWUSAD);
    EXPECT(reaches(va, SF_WRITE, DATA));
    start_mapping();
    shadow_flush_user(v);
    map(FIRST, (pte & ~0xfffu) | KERNEL);
    EXPECT(hardware_reaches(FIRST, SF_READ, pte >> 12));
    EXPECT_EQ(sf_store(v, FIRST + (pte & 0xfff), (DATA + 1) << 12 | RWUSAD).outcome, SF_OK);
    unmap(FIRST);
    shadow_flush_user(v);
    EXPECT(reaches(va, SF_READ, DATA + 1));
}

TEST(a_table_changed_through_a_temporary_mapping_is_compared)
{
    for_both(table_mapped);
}

/* The stack is in the table where such mappings are: it stays pinned. */
static void beside_the_stack(void)
{
    uint32_t stack = FIRST + 0x10000;

    start_mapping();
    guest_writes(pte_at(ROOT, stack), (DATA + 2) << 12 | KERNEL);
    v->esp1 = stack + HV_PAGE_SIZE;
    v->stack_pages = 1;
    v->todo |= VCPU_TODO_PIN;
    EXPECT(sf_enter(v));
    sf_set_pte(v, root_at(ROOT), stack, 0, 0); /* it is still there */
    EXPECT(sf_enter(v));
    EXPECT(hardware_reaches(stack, SF_WRITE, DATA + 2));
}

TEST(a_stack_where_temporary_mappings_are_stays_pinned)
{
    for_both(beside_the_stack);
}
