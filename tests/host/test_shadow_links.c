/* SPDX-License-Identifier: MIT */
/* More of what shadow paging remembers for speed: several tables at once, small tables
 * that a flush compares on the spot, the second page of a stack. */
#include "fake.h"
#include "shadow_guest.h"

#define VA 0x00400000u
#define VA2 0x00600000u /* 2-level: the other half of the same table */

/* ---- tables in turns ---- */

#define TABLES 5u

/* Each table answers for its own addresses, and none for those of a root that is no
 * longer loaded. */
static void tables_in_turns(void)
{
    uint32_t va[TABLES], pte[TABLES];

    make_root2();
    for (uint32_t i = 0; i < TABLES; i++) {
        va[i] = VA + i * 0x00800000u;
        pte[i] = pte_at(ROOT, va[i]);
        sf_poke(v, pte[i], (DATA + i) << 12 | RWUSAD);
        EXPECT(reaches(va[i], SF_READ, DATA + i));
    }
    for (uint32_t n = 0; n < 3; n++) {
        for (uint32_t i = 0; i < TABLES; i++) {
            uint32_t page = va[i] + (n + 1) * HV_PAGE_SIZE;
            uint32_t entry = pte[i] + (n + 1) * entry_bytes();

            EXPECT(faults(page, SF_WRITE, SF_WRITE));
            guest_writes(entry, (DATA + 8 + i) << 12 | RWUSAD);
            sf_set_pte(v, root_at(ROOT), page, (DATA + 8 + i) << 12 | RWUSAD, 0);
            EXPECT_EQ(sf_hardware(v, page, SF_WRITE).outcome, SF_OK);
            EXPECT(reaches(page, SF_WRITE, DATA + 8 + i));
        }
    }
    sf_poke(v, pte_at(ROOT2, va[1]), (DATA + 20) << 12 | RWUSAD);
    shadow_new_pgtable(v, root_at(ROOT2));
    EXPECT(faults(va[2], SF_READ, 0));
    EXPECT(reaches(va[1], SF_READ, DATA + 20));
}

TEST(several_tables_in_turns)
{
    for_both(tables_in_turns);
}

/* That the directory names one table still says nothing of another one. */
static void evidence_of_before(void)
{
    uint32_t first = VA + 0x08000000u, other, page;

    sf_poke(v, pte_at(ROOT, first), DATA << 12 | RWUSAD);
    EXPECT(reaches(first, SF_READ, DATA));
    EXPECT(faults(first + HV_PAGE_SIZE, SF_READ, 0)); /* it has been looked at */
    for (uint32_t i = 0; i < TABLES - 1; i++) {
        sf_poke(v, pte_at(ROOT, VA + i * 0x00800000u), (DATA + 1 + i) << 12 | RWUSAD);
        EXPECT(reaches(VA + i * 0x00800000u, SF_READ, DATA + 1 + i));
    }
    page = VA + (TABLES - 2) * 0x00800000u + HV_PAGE_SIZE;
    other = next_table++;
    sf_poke(v, (other << 12) + (pte_at(ROOT, page) & 0xfff), (DATA + 9) << 12 | RWUSAD);
    guest_writes(pde_at(ROOT, page), other << 12 | RWUSAD);
    EXPECT(reaches(page, SF_READ, DATA + 9));
}

TEST(a_changed_directory_shows_at_the_next_fault)
{
    for_both(evidence_of_before);
}

/* ---- a fault, and directories that were written since ---- */

/* The table of VA is linked and has nothing at the second entry. The directory names
 * another one now, whose entry is returned, without a flush. */
static uint32_t other_table(void)
{
    uint32_t entry = pte_at(ROOT, VA) + entry_bytes(), other = next_table++;

    sf_poke(v, pte_at(ROOT, VA), DATA << 12 | RWUSAD);
    EXPECT(reaches(VA, SF_READ, DATA));
    guest_writes(entry, 0);
    shadow_new_pgtable(v, root_at(ROOT));
    guest_writes(pde_at(ROOT, VA), other << 12 | RWUSAD);
    return (other << 12) + (entry & 0xfff);
}

/* The guest has been told that nothing is there: after that fault the CPU has nothing
 * of the old directory entry (SDM 3A 4.10.4.1), so what the guest adds is found. */
static void absent_then_added(void)
{
    uint32_t entry = other_table();

    EXPECT(faults(VA + HV_PAGE_SIZE, SF_READ, 0));
    guest_writes(entry, (DATA + 2) << 12 | RWUSAD);
    EXPECT(reaches(VA + HV_PAGE_SIZE, SF_READ, DATA + 2));
}

TEST(a_denied_access_remembers_only_what_the_directory_names)
{
    for_both(absent_then_added);
}

static void absent_then_announced(void)
{
    uint32_t entry = other_table();

    EXPECT(faults(VA + HV_PAGE_SIZE, SF_READ, 0));
    guest_writes(entry, (DATA + 2) << 12 | RWUSAD);
    sf_set_pte(v, root_at(ROOT), VA + HV_PAGE_SIZE, (DATA + 2) << 12 | RWUSAD, 0);
    EXPECT(reaches(VA + HV_PAGE_SIZE, SF_READ, DATA + 2));
}

TEST(an_announcement_after_a_fault_finds_the_new_table)
{
    for_both(absent_then_announced);
}

/* No table at all at the time of the fault. The old one is used for data by then. */
static void no_table_then_added(void)
{
    uint32_t old = pte_at(ROOT, VA) + entry_bytes(), entry = other_table();
    uint32_t pde = sf_peek(v, pde_at(ROOT, VA));

    EXPECT(faults(VA + HV_PAGE_SIZE, SF_READ, 0));
    guest_writes(pde_at(ROOT, VA), (old & ~0xfffu) | RWUSAD);
    EXPECT(reaches(VA, SF_READ, DATA)); /* linked and remembered */
    guest_writes(pde_at(ROOT, VA), 0);
    EXPECT(faults(VA + HV_PAGE_SIZE, SF_READ, 0));
    guest_writes(old, (DATA + 1) << 12 | RWUSAD);
    guest_writes(entry, (DATA + 2) << 12 | RWUSAD);
    guest_writes(pde_at(ROOT, VA), pde);
    EXPECT(reaches(VA + HV_PAGE_SIZE, SF_READ, DATA + 2));
}

TEST(a_fault_without_a_table_forgets_the_old_one)
{
    for_both(no_table_then_added);
}

/* What the TLB says of the page goes with the fault as well. Here the entry itself was
 * written since the leaf was made, and nobody has said so: the guest is told of the new
 * entry, and then it uses the page. */
static void leaf_of_before(uint32_t now, uint32_t access, uint32_t err)
{
    uint32_t pte = pte_at(ROOT, VA);

    guest_writes(pte, DATA << 12 | 0x65); /* may be read by all */
    shadow_flush_user(v);
    EXPECT(reaches(VA, SF_READ, DATA));
    guest_writes(pte, now);
    EXPECT(faults(VA, access, err));
    EXPECT(now & 1 ? reaches(VA, SF_READ, now >> 12) : faults(VA, SF_READ, 0));
}

static void leaves_of_before(void)
{
    leaf_of_before(0, SF_WRITE, SF_WRITE); /* the long way, and then the short one */
    leaf_of_before((DATA + 1) << 12 | 0x65, SF_WRITE, SF_WRITE | 1);
    leaf_of_before(0, SF_WRITE, SF_WRITE);
    leaf_of_before((DATA + 1) << 12 | 0x61, SF_WRITE | SF_USER, SF_WRITE | SF_USER | 1);
    EXPECT(faults(VA, SF_READ | SF_USER, SF_USER | 1));
}

TEST(after_a_fault_a_page_is_what_its_entry_says)
{
    for_both(leaves_of_before);
}

/* A page that is read-only and stays so, as before a copy on write: each fault for a
 * write leaves it as it is, readable without another one. */
static void leaf_as_before(void)
{
    guest_writes(pte_at(ROOT, VA), DATA << 12 | 0x65);
    EXPECT(reaches(VA, SF_READ, DATA));
    for (uint32_t i = 0; i < 3; i++) {
        EXPECT(faults(VA, SF_WRITE, SF_WRITE | 1));
        EXPECT_EQ(sf_hardware(v, VA, SF_READ).outcome, SF_OK);
    }
}

TEST(a_fault_leaves_a_page_that_is_right)
{
    for_both(leaf_as_before);
}

/* ---- a link that takes its own place ---- */

/* The directory gives the table a right that it did not have, and an entry was written
 * before that; nobody has said so. No page was ever both: what the old entry led to, and
 * writable. The link that is made anew is the table's only one. */
static void right_and_page(void)
{
    uint32_t pte = pte_at(ROOT, VA), next = pte + entry_bytes(), pde = pde_at(ROOT, VA);
    uint32_t table = sf_peek(v, pde) & ~0xfffu;

    sf_poke(v, pde, table | (RWUSAD & ~PT_RW));
    sf_poke(v, pte, DATA << 12 | RWUSAD);
    sf_poke(v, next, (DATA + 1) << 12 | RWUSAD);
    EXPECT(reaches(VA, SF_READ, DATA));
    EXPECT(reaches(VA + HV_PAGE_SIZE, SF_READ, DATA + 1));
    guest_writes(next, (DATA + 2) << 12 | RWUSAD);
    guest_writes(pde, table | RWUSAD);
    EXPECT(reaches(VA, SF_WRITE, DATA));
    EXPECT(reaches(VA + HV_PAGE_SIZE, SF_WRITE, DATA + 2));
}

TEST(a_new_right_is_not_for_an_old_page)
{
    for_both(right_and_page);
}

/* ---- a flush, and small tables ---- */

/* The second half of a 2-level table, while what its leaves say stands in the first
 * half as well, which nobody has used. */
TEST(a_flush_compares_the_right_half_of_a_table)
{
    uint32_t pte, pte2;

    start(false);
    pte = pte_at(ROOT, VA);
    pte2 = pte_at(ROOT, VA2);
    guest_writes(pte, DATA << 12 | RWUSAD);
    guest_writes(pte2, DATA << 12 | RWUSAD);
    EXPECT(reaches(VA2, SF_WRITE, DATA));
    shadow_flush_user(v);
    shadow_flush_user(v);
    guest_writes(pte2, (DATA + 1) << 12 | RWUSAD);
    shadow_flush_user(v);
    EXPECT(reaches(VA2, SF_READ, DATA + 1));
    stop();
}

/* A PAE guest that hangs another directory into its top level and flushes. */
TEST(a_flush_sees_a_changed_top_level)
{
    uint32_t va = 0x40400000u, other;

    start(true);
    sf_poke(v, pte_at(ROOT, va), DATA << 12 | RWUSAD);
    EXPECT(reaches(va, SF_READ, DATA));
    shadow_flush_user(v);
    shadow_flush_user(v);
    other = next_table++;
    sf_poke(v, (other << 12) + (pde_at(ROOT, va) & 0xfff), next_table << 12 | RWUSAD);
    sf_poke(v, (next_table << 12) + (pte_at(ROOT, va) & 0xfff), (DATA + 1) << 12 | RWUSAD);
    next_table++;
    guest_writes(root_at(ROOT) + 8, other << 12 | 1);
    shadow_flush_user(v);
    EXPECT(reaches(va, SF_READ, DATA + 1));
    stop();
}

/* A stack over the border of two tables, when the first one has a page at the place
 * where the stack's second page would be in it. */
static void stack_over_a_border(void)
{
    uint32_t first = 0x00800000u, second = first - HV_PAGE_SIZE;
    uint32_t decoy = first + 0x200000 - HV_PAGE_SIZE;

    sf_poke(v, pte_at(ROOT, first), DATA << 12 | 0x63);
    sf_poke(v, pte_at(ROOT, second), (DATA + 1) << 12 | 0x63);
    sf_poke(v, pte_at(ROOT, decoy), (DATA + 2) << 12 | 0x63);
    EXPECT(reaches(first, SF_WRITE, DATA));
    EXPECT(reaches(decoy, SF_WRITE, DATA + 2));
    v->esp1 = first + HV_PAGE_SIZE;
    v->stack_pages = 2;
    v->todo |= VCPU_TODO_PIN;
    EXPECT(sf_enter(v));
    EXPECT_EQ(sf_hardware(v, second, SF_WRITE).outcome, SF_OK);
}

TEST(a_stack_in_two_tables_is_pinned_in_both)
{
    for_both(stack_over_a_border);
}

/* ---- a link and what goes because of it ---- */

/* A table whose only other user is a root that goes because of this very link: that root
 * has the page as its directory, too. What was written since is not there unseen. */
static void dead_directory_as_table(void)
{
    uint32_t dir = pae ? DIR : ROOT, slot = 5, n = 7;
    uint32_t va = (pae ? slot << 21 : slot << 22) + n * HV_PAGE_SIZE;
    uint32_t entry = (dir << 12) + n * entry_bytes();
    uint32_t half = pae ? 0 : 512 * 4; /* a table of 2-level guests has two shadows */

    make_root2();
    sf_poke(v, (dir << 12) + slot * entry_bytes(), dir << 12 | RWUSAD);
    sf_poke(v, entry, DATA << 12 | RWUSAD);
    sf_poke(v, entry + half, DATA << 12 | RWUSAD);
    EXPECT(reaches(va + half / 4 * HV_PAGE_SIZE, SF_WRITE, DATA));
    EXPECT(reaches(va, SF_WRITE, DATA));
    sf_poke(v, pde_at(ROOT2, va), dir << 12 | RWUSAD);
    shadow_new_pgtable(v, root_at(ROOT2));
    guest_writes(entry, (DATA + 1) << 12 | RWUSAD);
    EXPECT(reaches(va, SF_READ, DATA + 1));
}

TEST(a_table_whose_other_user_goes_is_compared)
{
    for_both(dead_directory_as_table);
}

/* A device writes the entry of a fault after it was read, in a page that is no table yet:
 * between the tables of the directory that this fault replaces. */
static uint32_t device_pte;

static void device_writes_entry(void)
{
    fake_arch.on_preempt = NULL;
    monitor_writes(device_pte, (DATA + 2) << 12 | RWUSAD);
}

TEST(entry_written_before_its_table_is_linked)
{
    uint32_t va = 0x40200000, va2 = 0x40400000, other;

    start(true);
    sf_poke(v, pte_at(ROOT, va), DATA << 12 | RWUSAD);
    EXPECT(reaches(va, SF_READ, DATA));
    other = next_table++;
    device_pte = next_table++ << 12;
    sf_poke(v, (other << 12) + (va2 >> 21 & 511) * 8, device_pte | RWUSAD);
    sf_poke(v, device_pte, (DATA + 1) << 12 | RWUSAD);
    guest_writes(root_at(ROOT) + 8, other << 12 | 1);
    fake_arch.on_preempt = device_writes_entry;
    v->guest->mmu->work_left = 0;
    EXPECT_EQ(sf_access(v, va2, SF_READ).outcome, SF_OK);
    EXPECT(fake_arch.on_preempt == NULL);
    shadow_flush_all(v);
    EXPECT(reaches(va2, SF_READ, DATA + 2));
    stop();
}
