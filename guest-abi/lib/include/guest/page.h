/* SPDX-License-Identifier: MIT */
/* Frames and page tables of the guest, 2-level and PAE behind one set of
 * functions.  A root is named by its physical address.  Writing an entry is
 * one thing, telling the monitor another: pt_write is silent, pt_set tells. */
#pragma once

#include "guest/base.h"

#define PTE_P 0x001u
#define PTE_W 0x002u
#define PTE_U 0x004u
#define PTE_PWT 0x008u
#define PTE_PCD 0x010u
#define PTE_A 0x020u
#define PTE_D 0x040u
#define PTE_PS 0x080u
#define PTE_G 0x100u
#define PTE_NX (1ull << 63)
#define PTE_TABLE 0x067u  /* directory entries, as Linux has them */
#define PTE_KERNEL 0x063u /* P W A D */
#define PTE_USER 0x067u   /* P W U A D */
#define PTE_ADDR 0x000ffffffffff000ull

/* A zeroed frame; the guest ends with a message when there is none. Frames
 * given back come first. */
uint32_t page_alloc(void);
void page_free(uint32_t pa);
uint32_t page_free_count(void);

/* The root in use; chosen format. */
extern uint32_t pt_root;
extern bool pt_pae;

/* Empty root with the kernel's part: identity map of RAM and device pages,
 * and the same tables again at GUEST_PAGE_OFFSET. */
uint32_t pt_new_root(void);

/* First root, NEW_PGTABLE. */
void pt_init(bool pae);

/* The PTE of va, and its directory entry; 0 where a table is missing. */
uint64_t pt_read(uint32_t root, uint32_t va);
uint64_t pt_read_dir(uint32_t root, uint32_t va);

/* Writes the PTE, silently; missing tables are made (silently too). */
void pt_write(uint32_t root, uint32_t va, uint64_t pte);
void pt_write_dir(uint32_t root, uint32_t va, uint64_t pde);

/* Physical address of the table page that holds va's PTE, 0 if none. */
uint32_t pt_table(uint32_t root, uint32_t va);

/* Physical address of the PTE itself or of the directory entry. */
uint32_t pt_entry_addr(uint32_t root, uint32_t va);
uint32_t pt_dir_addr(uint32_t root, uint32_t va);

/* SET_PTE with this value; writes nothing. */
void pt_announce(uint32_t root, uint32_t va, uint64_t pte);

/* SET_PGD, or SET_PMD on a PAE guest, for va's directory entry. */
void pt_announce_dir(uint32_t root, uint32_t va);

/* pt_write and pt_announce. */
void pt_set(uint32_t root, uint32_t va, uint64_t pte);

/* NEW_PGTABLE. */
void pt_switch(uint32_t root);

#define FLUSH_USER 0u
#define FLUSH_ALL 1u
void pt_flush(uint32_t which);

/* Bytes of address space that one directory entry covers. */
uint32_t pt_dir_span(void);
