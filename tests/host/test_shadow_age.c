/* SPDX-License-Identifier: MIT */
/* What a flush of everything takes away: leaves that nobody has used while the table was
 * written and compared again and again, and nothing that the guest could miss. */
#include "shadow_guest.h"

#define IDLE 0x00401000u   /* an address that is not used any more */
#define OTHER 0x00405000u  /* one in the same table */

/* The guest writes to the table, and everything is flushed. */
static void write_and_flush(uint32_t n)
{
    guest_writes(pte_at(ROOT, OTHER), (DATA + 1 + n) << 12 | RWUSAD);
    shadow_flush_all(v);
    sf_check(v);
}

static bool is_there(uint32_t va)
{
    return sf_hardware(v, va, SF_READ).outcome == SF_OK;
}

static void idle_leaf(void)
{
    guest_writes(pte_at(ROOT, IDLE), DATA << 12 | RWUSAD);
    EXPECT(reaches(IDLE, SF_WRITE, DATA));
    for (uint32_t i = 0; i < 3; i++) {
        write_and_flush(i);
        EXPECT(is_there(IDLE));
    }
    write_and_flush(3);
    EXPECT(!is_there(IDLE));
    EXPECT(reaches(IDLE, SF_WRITE, DATA)); /* and begins anew */
    for (uint32_t i = 0; i < 3; i++)
        write_and_flush(i);
    EXPECT(is_there(IDLE));
    sf_set_pte(v, root_at(ROOT), IDLE, DATA << 12 | RWUSAD, 0); /* so it does here */
    write_and_flush(3);
    EXPECT(is_there(IDLE));
    for (uint32_t i = 0; i < 8; i++) {
        shadow_flush_all(v); /* the table was not written */
        guest_writes(pte_at(ROOT, OTHER), (DATA + 1 + i) << 12 | RWUSAD);
        shadow_flush_user(v);
    }
    EXPECT(is_there(IDLE));
}

TEST(a_leaf_that_is_not_used_goes_at_the_fourth_flush_of_everything)
{
    for_both(idle_leaf);
}

/* It was the one mapping through which a table was written. */
static void idle_mapping_of_a_table(void)
{
    uint32_t va = 0x00800000, pte = pte_at(ROOT, va);

    guest_writes(pte, DATA << 12 | RWUSAD);
    EXPECT(reaches(va, SF_WRITE, DATA));
    guest_writes(pte_at(ROOT, IDLE), (pte & ~0xfffu) | RWUSAD);
    guest_writes(pte_at(ROOT, DIRECT_MAP + (pte & ~0xfffu)), 0);
    shadow_flush_all(v);
    EXPECT(faults(DIRECT_MAP + pte, SF_READ, 0));
    EXPECT(reaches(IDLE, SF_WRITE, pte >> 12));
    for (uint32_t i = 0; i < 5; i++) {
        EXPECT_EQ(sf_store(v, IDLE + (pte & 0xfff), (DATA + 1 + i) << 12 | RWUSAD).outcome,
                  SF_OK);
        write_and_flush(i);
        EXPECT(reaches(va, SF_READ, DATA + 1 + i));
    }
}

TEST(the_mapping_of_a_table_goes_with_what_the_cpu_noted)
{
    for_both(idle_mapping_of_a_table);
}

/* Leaves of the kernel stack that go are put in again before the guest runs. */
static void idle_stack(void)
{
    guest_writes(pte_at(ROOT, IDLE), DATA << 12 | 0x63);
    v->esp1 = IDLE + HV_PAGE_SIZE;
    v->stack_pages = 1;
    v->todo |= VCPU_TODO_PIN;
    for (uint32_t i = 0; i < 9; i++) {
        EXPECT(sf_enter(v));
        EXPECT(sf_hardware(v, IDLE, SF_WRITE).outcome == SF_OK);
        write_and_flush(i);
    }
}

TEST(a_stack_that_is_not_used_stays_pinned)
{
    for_both(idle_stack);
}
