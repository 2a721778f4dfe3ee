/* SPDX-License-Identifier: MIT */
/* The monitor's own address space: who builds it, who checks it.  The map is
 * in arch/layout.h. */
#pragma once

#include "hv/addr.h"

/* Builds the tables that all CPUs share: the direct map (RAM below
 * HV_DIRECT_END, identity) with the image's own permissions. Paging is off. */
void paging_init(void);

/* A top page directory for one CPU: the device mappings and what it puts in
 * itself. Returns a PDPT that also holds the shared directories. */
hpa_t paging_new_root(uint64_t **top_pd);

/* Pixels that are only written: write-combining where the CPU has a PAT, for
 * good. NULL as arch_map_device(). */
void *paging_map_framebuffer(hpa_t pa, uint32_t bytes);

/* Turns paging on, on the CPU that calls it, for good. */
void paging_enable(hpa_t root);

/* Reads the live tables of this CPU back. True if nothing is writable and
 * executable, page 0 and the guards are not mapped, the image has the
 * permissions of link.ld, and nothing is global or open to ring 3. Logs one
 * line at debug level; each violation is an error line. */
bool paging_check_wx(void);

/* The entry that maps va in the tables under CR3 root, 0 if none; *bytes is
 * the size of the page, or of the aligned piece round va in which nothing is
 * mapped: 4 KiB, 2 MiB or 1 GiB. */
uint64_t paging_lookup(hpa_t root, uint32_t va, uint32_t *bytes);

/* ---- percpu.c ---- */

/* Block, stacks, windows, switcher tables and root of CPU index. NULL: no
 * memory. The pointer is a directly mapped alias. */
struct percpu *percpu_create(uint32_t index) HV_MUST_CHECK;

/* After paging_enable(): what has to be set through the final address. */
void percpu_init_this(void);

/* Maps the stack of this vCPU at its place on this CPU; NULL: nobody's. */
struct arch_vcpu;
void percpu_map_stack(const struct arch_vcpu *v);
