/* SPDX-License-Identifier: MIT */
/* Hypercalls with arguments that are no good: one case per input, each must end
 * this guest with a sentence and nothing else (HC-01 to HC-17). */

#include "gtest.h"
#include "guest/virtio.h"

#define KILLED(text) .expect = "killed: " text

static void came_through(void)
{
    FAIL("%s came through", gt_current->name);
}

/* HC-01: anything before INIT. */
static void before_init(uint32_t nr)
{
    hcall4(nr, 0, 0, 0, 0);
    came_through();
}

#define BEFORE(n) \
    GT_ROW(before_init_##n, before_init, GT_RAW | GT_2LEVEL, .arg = n, KILLED("before INIT"))
BEFORE(0)
BEFORE(2)
BEFORE(4)
BEFORE(6)
BEFORE(10)
BEFORE(14)
BEFORE(17)
BEFORE(255)

/* HC-02. */
GT_CASE(init_twice, GT_BOTH, KILLED("already have lguest_data"))
{
    static union lguest_shared other __attribute__((aligned(64)));

    lguest_prepare(&other, lguest_row);
    hcall1(GABI_HCALL_INIT, addr_of(&other));
    came_through();
}

/* HC-03: where the structure cannot be. */
static void init_at(uint32_t where)
{
    hcall1(GABI_HCALL_INIT, where < 0x1000 ? guest.mem_bytes + where - 0x1000 : where);
    came_through();
}

#define INIT_AT(id, w) \
    GT_ROW(init_##id, init_at, GT_RAW | GT_2LEVEL, .arg = w, KILLED("bad guest page"))
INIT_AT(unaligned, 0x200001)
INIT_AT(highest, 0xfffffffc)
INIT_AT(wraps, 0xfffffe00)
INIT_AT(monitor, 0xffe00000)
INIT_AT(monitor_image, 0x40100000)
INIT_AT(3_gib, 0xc0000000)

/* Straddling the guest's limit; the device pages are inside it. */
GT_CASE(init_over_limit, GT_RAW | GT_2LEVEL, KILLED("bad guest page"))
{
    hcall1(GABI_HCALL_INIT, bus_end() - 4);
    came_through();
}

/* HC-04: numbers that are none. */
static void bad_number(uint32_t nr)
{
    hcall4(nr, 1, 2, 3, 4);
    came_through();
}

#define BAD_NUMBER(n) \
    GT_ROW(number_##n, bad_number, GT_2LEVEL, .arg = n, KILLED("bad hypercall"))
BAD_NUMBER(3)
BAD_NUMBER(11)
BAD_NUMBER(12)
BAD_NUMBER(20)
BAD_NUMBER(31)
BAD_NUMBER(32)
BAD_NUMBER(255)
BAD_NUMBER(0x80000000)
BAD_NUMBER(0xffffffff)

/* The same by way of the ring. */
GT_CASE(ring_bad_number, GT_BOTH, KILLED("bad hypercall"))
{
    lguest_call_lazy(0x4000001f, 0, 0, 0, 0);
    hcall0(GABI_HCALL_FLUSH_ASYNC);
    came_through();
}

/* HC-07. */
static void idt_vector(uint32_t vector)
{
    hcall3(GABI_HCALL_LOAD_IDT_ENTRY, vector, 0x610000, 0xee00);
    came_through();
}

#define IDT_VECTOR(n) \
    GT_ROW(idt_vector_##n, idt_vector, GT_2LEVEL, .arg = n, KILLED("idt entry"))
IDT_VECTOR(256)
IDT_VECTOR(0x7fffffff)
IDT_VECTOR(0xffffffff)

/* HC-08. */
static void gdt_index(uint32_t index)
{
    hcall3(GABI_HCALL_LOAD_GDT_ENTRY, index, 0xffff, 0xcf9200);
    came_through();
}

#define GDT_INDEX(n) \
    GT_ROW(gdt_index_##n, gdt_index, GT_2LEVEL, .arg = n, KILLED("too many gdt entries"))
GDT_INDEX(32)
GDT_INDEX(0x20000000)
GDT_INDEX(0xffffffff)

/* HC-10: index and page of SET_PMD. */
GT_CASE(set_pmd_index_512, GT_PAE, KILLED("pmd"))
{
    hcall2(GABI_HCALL_SET_PMD, pt_dir_addr(pt_root, 0) & ~GUEST_PAGE_MASK, 512);
    came_through();
}

GT_CASE(set_pmd_index_huge, GT_PAE, KILLED("pmd"))
{
    hcall2(GABI_HCALL_SET_PMD, pt_dir_addr(pt_root, 0) & ~GUEST_PAGE_MASK, 0xffffffff);
    came_through();
}

GT_CASE(set_pmd_outside, GT_PAE, KILLED("pmd"))
{
    hcall2(GABI_HCALL_SET_PMD, 0xfffff000, 0);
    came_through();
}

/* An address in the middle of the page is the page's: nothing beside it is touched,
 * and the entry of that number, changed in memory, is seen to be. */
GT_CASE(set_pmd_unaligned, GT_PAE)
{
    uint32_t va = 0x40000000, pages[2] = {page_alloc(), page_alloc()}, table[2], dir;

    for (uint32_t i = 0; i < 2; i++) {
        poke32(pages[i], 0x9a9e + i);
        pt_write(pt_root, va + i * pt_dir_span(), pages[i] | PTE_KERNEL);
        table[i] = (uint32_t)pt_read_dir(pt_root, va + i * pt_dir_span());
    }
    dir = pt_dir_addr(pt_root, va);
    for (uint32_t i = 0; i < 64; i++) {
        EXPECT_EQ_AT(i, peek32(va), 0x9a9e + (i & 1));
        EXPECT_EQ_AT(i, peek32(va + pt_dir_span()), 0x9a9f);
        poke32(dir, table[~i & 1]);
        hcall2(GABI_HCALL_SET_PMD, (dir & ~GUEST_PAGE_MASK) + 1 + i * 61,
               (dir & GUEST_PAGE_MASK) / 8);
    }
}

/* SET_PMD of a guest that has no such level. */
GT_CASE(set_pmd_2level, GT_2LEVEL, KILLED("pmd"))
{
    hcall2(GABI_HCALL_SET_PMD, pt_root, 0);
    came_through();
}

GT_CASE(set_pgd_index_1024, GT_2LEVEL, KILLED("pgd"))
{
    hcall2(GABI_HCALL_SET_PGD, pt_root, 1024);
    came_through();
}

GT_CASE(set_pgd_index_4, GT_PAE, KILLED("pgd"))
{
    hcall2(GABI_HCALL_SET_PGD, pt_root, 4);
    came_through();
}

GT_CASE(set_pgd_index_huge, GT_BOTH, KILLED("pgd"))
{
    hcall2(GABI_HCALL_SET_PGD, pt_root, 0xffffffff);
    came_through();
}

/* HC-11: roots that cannot be. Killed at the call or at the first use. */
static void new_root(uint32_t pa)
{
    hcall1(GABI_HCALL_NEW_PGTABLE, pa);
    came_through();
}

GT_ROW(root_beyond_ram, new_root, GT_BOTH, .arg = 0x80000000, KILLED("bad"))
GT_ROW(root_highest, new_root, GT_BOTH, .arg = 0xfffff000, KILLED("bad"))
GT_ROW(root_unaligned, new_root, GT_2LEVEL, .arg = 0x200004, KILLED("bad"))
GT_ROW(root_unaligned_16, new_root, GT_PAE, .arg = 0x200010, KILLED("bad"))

/* lguest_data as a root: its words are no page tables. */
GT_CASE(root_is_lguest_data, GT_BOTH, KILLED(""))
{
    hcall1(GABI_HCALL_NEW_PGTABLE, addr_of(&lguest_data));
    __asm__ volatile("ud2");
    came_through();
}

/* HC-12: SET_PTE into the monitor's area. */
static void pte_in_window(uint32_t va)
{
    hcall4(GABI_HCALL_SET_PTE, pt_root, va, 0x200063, 0);
    came_through();
}

#define PTE_AT(id, a) \
    GT_ROW(set_pte_##id, pte_in_window, GT_BOTH, .arg = a, KILLED("Switcher pages"))
PTE_AT(window_start, 0xffc00000)
PTE_AT(window_regs, 0xffe01000)
PTE_AT(window_last, 0xffffffff)

/* Entries that no table may hold. */
GT_CASE(set_pte_bit7, GT_BOTH, KILLED("bad page table entry"))
{
    pt_set(pt_root, 0x40000000, page_alloc() | PTE_USER | PTE_PS);
    (void)peek32(0x40000000);
    came_through();
}

GT_CASE(set_pte_pfn, GT_BOTH, KILLED("bad page table entry"))
{
    pt_set(pt_root, 0x40000000, 0x80000000 | PTE_USER);
    (void)peek32(0x40000000);
    came_through();
}

/* HC-14: stack segments. */
static void stack_segment(uint32_t sel)
{
    hcall3(GABI_HCALL_SET_STACK, sel, guest_trap_stack(), 2);
    came_through();
}

#define STACK_SEL(n) \
    GT_ROW(stack_sel_##n, stack_segment, GT_2LEVEL, .arg = n, KILLED("bad stack segment"))
STACK_SEL(0x68)
STACK_SEL(0x6a)
STACK_SEL(0x6b)
STACK_SEL(0x6d)
STACK_SEL(0)
STACK_SEL(1)
STACK_SEL(0x61)
STACK_SEL(0x51)
STACK_SEL(0x59)
STACK_SEL(0x81)
STACK_SEL(0x7b)
STACK_SEL(0x79)
STACK_SEL(0x10069)
STACK_SEL(0xfff9)

/* HC-15: how many pages, and where. */
static void stack_pages(uint32_t pages)
{
    hcall3(GABI_HCALL_SET_STACK, GABI_KERNEL_DS, guest_trap_stack(), pages);
    came_through();
}

#define STACK_PAGES(n) \
    GT_ROW(stack_pages_##n, stack_pages, GT_2LEVEL, .arg = n, KILLED("bad stack pages"))
STACK_PAGES(3)
STACK_PAGES(0x80000000)
STACK_PAGES(0xffffffff)

static void stack_at(uint32_t esp)
{
    hcall3(GABI_HCALL_SET_STACK, GABI_KERNEL_DS, esp, 2);
    hcall0(GABI_HCALL_FLUSH_ASYNC);
    came_through();
}

#define STACK_AT(n) \
    GT_ROW(stack_at_##n, stack_at, GT_2LEVEL, .arg = n, KILLED("bad stack page"))
STACK_AT(0)
STACK_AT(1)
STACK_AT(0xffffffff)
STACK_AT(0xffe01800)
STACK_AT(0xffc00004)
STACK_AT(0x60000000)

GT_CASE(stack_read_only, GT_BOTH, KILLED("bad stack page"))
{
    pt_write(pt_root, 0xd0000000, page_alloc() | PTE_P | PTE_A);
    hcall3(GABI_HCALL_SET_STACK, GABI_KERNEL_DS, 0xd0001000, 1);
    hcall0(GABI_HCALL_FLUSH_ASYNC);
    came_through();
}

/* HC-17. */
static void tls_at(uint32_t pa)
{
    hcall1(GABI_HCALL_LOAD_TLS, pa);
    came_through();
}

GT_ROW(tls_beyond, tls_at, GT_2LEVEL, .arg = 0x40000000, KILLED("bad read address"))
GT_ROW(tls_wraps, tls_at, GT_2LEVEL, .arg = 0xfffffff0, KILLED("bad read address"))

GT_CASE(tls_crosses_limit, GT_2LEVEL, KILLED("bad read address"))
{
    tls_at(bus_end() - 16);
}

/* Notify (RS-13). */
static void notify(uint32_t where)
{
    hcall1(GABI_HCALL_NOTIFY, where);
    came_through();
}

GT_ROW(notify_highest, notify, GT_2LEVEL, .arg = 0xffffffff, KILLED("notify"))
GT_ROW(notify_window, notify, GT_2LEVEL, .arg = 0xffe00000, KILLED("notify"))

GT_CASE(notify_zero, GT_2LEVEL)
{
    hcall1(GABI_HCALL_NOTIFY, 0);
}
