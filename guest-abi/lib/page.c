/* SPDX-License-Identifier: MIT */
/* Frames and page tables.  A PAE root is a page whose first 32 bytes are the
 * four pointers; the directory of the kernel half is shared by all roots. */

#include "guest/boot.h"
#include "guest/lguest.h"
#include "guest/page.h"
#include "guest/virtio.h"

/* Left alone at the end of RAM: boot tables of guests up to 3.0 lie there. */
#define TOP_RESERVE_BYTES 0x10000u
#define MAX_KERNEL_TABLES 64

uint32_t pt_root;
bool pt_pae;

static uint32_t next_frame, free_list, free_frames;
static uint32_t kernel_tables[MAX_KERNEL_TABLES], nr_kernel_tables;
static uint32_t kernel_pd; /* PAE: directory of the last GiB */

uint32_t page_alloc(void)
{
    uint32_t pa = free_list;

    if (pa) {
        free_list = peek32(pa);
        free_frames--;
    } else {
        if (!next_frame)
            next_frame = (addr_of(guest_image_end) + GUEST_PAGE_MASK) & ~GUEST_PAGE_MASK;
        if (next_frame + TOP_RESERVE_BYTES >= guest.mem_bytes)
            guest_exit("guest library: out of memory");
        pa = next_frame;
        next_frame += GUEST_PAGE_BYTES;
    }
    memset(phys_ptr(pa), 0, GUEST_PAGE_BYTES);
    return pa;
}

void page_free(uint32_t pa)
{
    poke32(pa, free_list);
    free_list = pa;
    free_frames++;
}

uint32_t page_free_count(void)
{
    uint32_t first = next_frame ? next_frame
                                : (addr_of(guest_image_end) + GUEST_PAGE_MASK);

    return free_frames + (guest.mem_bytes - TOP_RESERVE_BYTES - first) / GUEST_PAGE_BYTES;
}

static uint64_t entry_read(uint32_t pa)
{
    return pt_pae ? *(volatile uint64_t *)phys_ptr(pa) : peek32(pa);
}

static void entry_write(uint32_t pa, uint64_t v)
{
    if (pt_pae) {
        /* Not present while the halves do not belong together. */
        poke32(pa, 0);
        poke32(pa + 4, (uint32_t)(v >> 32));
    }
    poke32(pa, (uint32_t)v);
}

uint32_t pt_dir_span(void)
{
    return pt_pae ? 0x200000 : 0x400000;
}

/* PAE: the directory page for va, made if missing. */
static uint32_t pae_directory(uint32_t root, uint32_t va, bool make)
{
    uint32_t slot = root + (va >> 30) * 8, pd = peek32(slot);

    if (!(pd & PTE_P)) {
        if (!make)
            return 0;
        pd = page_alloc() | PTE_P;
        entry_write(slot, pd);
        if (root == pt_root) /* the CPU caches pointers: say it */
            lguest_call(GABI_HCALL_SET_PGD, root, va >> 30, 0, 0);
    }
    return pd & ~GUEST_PAGE_MASK;
}

static uint32_t dir_entry(uint32_t root, uint32_t va, bool make)
{
    uint32_t pd;

    if (!pt_pae)
        return root + (va >> 22) * 4;
    pd = pae_directory(root, va, make);
    return pd ? pd + ((va >> 21) & 511) * 8 : 0;
}

uint32_t pt_dir_addr(uint32_t root, uint32_t va)
{
    return dir_entry(root, va, false);
}

uint64_t pt_read_dir(uint32_t root, uint32_t va)
{
    uint32_t e = dir_entry(root, va, false);

    return e ? entry_read(e) : 0;
}

void pt_write_dir(uint32_t root, uint32_t va, uint64_t pde)
{
    entry_write(dir_entry(root, va, true), pde);
}

uint32_t pt_table(uint32_t root, uint32_t va)
{
    uint64_t pde = pt_read_dir(root, va);

    return pde & PTE_P ? (uint32_t)(pde & PTE_ADDR) : 0;
}

static uint32_t entry_in(uint32_t table, uint32_t va)
{
    return pt_pae ? table + ((va >> 12) & 511) * 8 : table + ((va >> 12) & 1023) * 4;
}

uint32_t pt_entry_addr(uint32_t root, uint32_t va)
{
    uint32_t table = pt_table(root, va);

    return table ? entry_in(table, va) : 0;
}

uint64_t pt_read(uint32_t root, uint32_t va)
{
    uint32_t e = pt_entry_addr(root, va);

    return e ? entry_read(e) : 0;
}

void pt_write(uint32_t root, uint32_t va, uint64_t pte)
{
    uint32_t table = pt_table(root, va);

    if (!table) {
        table = page_alloc();
        pt_write_dir(root, va, table | PTE_TABLE);
    }
    entry_write(entry_in(table, va), pte);
}

void pt_announce(uint32_t root, uint32_t va, uint64_t pte)
{
    lguest_call(GABI_HCALL_SET_PTE, root, va, (uint32_t)pte, (uint32_t)(pte >> 32));
}

void pt_announce_dir(uint32_t root, uint32_t va)
{
    uint32_t e = dir_entry(root, va, false);

    if (!pt_pae)
        lguest_call(GABI_HCALL_SET_PGD, root, va >> 22, 0, 0);
    else if (e)
        lguest_call(GABI_HCALL_SET_PMD, e & ~GUEST_PAGE_MASK, (va >> 21) & 511, 0, 0);
    else
        lguest_call(GABI_HCALL_SET_PGD, root, va >> 30, 0, 0);
}

void pt_set(uint32_t root, uint32_t va, uint64_t pte)
{
    pt_write(root, va, pte);
    pt_announce(root, va, pte);
}

/* Identity tables for RAM and what the bus uses above it; page 0 stays out,
 * so that a null pointer faults. */
static void make_kernel_tables(void)
{
    uint32_t end = bus_end(), span = pt_dir_span();

    for (uint32_t va = 0; va < end; va += GUEST_PAGE_BYTES) {
        uint32_t i = va / span;

        if (i >= MAX_KERNEL_TABLES)
            guest_exit("guest library: too much memory");
        if (i >= nr_kernel_tables)
            kernel_tables[nr_kernel_tables++] = page_alloc();
        if (va)
            entry_write(entry_in(kernel_tables[i], va), va | PTE_KERNEL);
    }
    if (pt_pae) {
        kernel_pd = page_alloc();
        for (uint32_t i = 0; i < nr_kernel_tables; i++)
            entry_write(kernel_pd + i * 8, kernel_tables[i] | PTE_TABLE);
    }
}

uint32_t pt_new_root(void)
{
    uint32_t root = page_alloc();

    if (!nr_kernel_tables)
        make_kernel_tables();
    if (pt_pae) {
        entry_write(root, page_alloc() | PTE_P);
        entry_write(root + 8, page_alloc() | PTE_P);
        entry_write(root + 24, kernel_pd | PTE_P);
    }
    for (uint32_t i = 0; i < nr_kernel_tables; i++) {
        uint32_t va = i * pt_dir_span();

        pt_write_dir(root, va, kernel_tables[i] | PTE_TABLE);
        if (!pt_pae)
            pt_write_dir(root, va + GUEST_PAGE_OFFSET, kernel_tables[i] | PTE_TABLE);
    }
    return root;
}

void pt_switch(uint32_t root)
{
    lguest_call(GABI_HCALL_NEW_PGTABLE, root, 0, 0, 0);
    pt_root = root;
}

void pt_init(bool pae)
{
    pt_pae = pae;
    pt_switch(pt_new_root());
}

void pt_flush(uint32_t which)
{
    lguest_call(GABI_HCALL_FLUSH_TLB, which, 0, 0, 0);
}
