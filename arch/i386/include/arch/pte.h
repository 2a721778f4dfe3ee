/* SPDX-License-Identifier: MIT */
/* PAE page-table entries (SDM 3A 4.4): the only place that knows the bits.
 * Entries are made by pte_make and pde_make and taken apart by pte_frame. */
#pragma once

#include "hv/addr.h"

#define PTE_P HV_BIT64(0)
#define PTE_W HV_BIT64(1)
#define PTE_RW PTE_W
#define PTE_U HV_BIT64(2)
#define PTE_PWT HV_BIT64(3)
#define PTE_PCD HV_BIT64(4)
#define PTE_A HV_BIT64(5)
#define PTE_D HV_BIT64(6)
#define PTE_PS HV_BIT64(7)  /* in a directory: a 2 MiB page */
#define PTE_G HV_BIT64(8)   /* never set */
#define PTE_NX HV_BIT64(63)
#define PTE_ADDR 0x000ffffffffff000ull

#define PT_ENTRIES 512u
#define PDE_LARGE_BYTES HV_MIB(2)

/* PTE_NX where the CPU has it and EFER.NXE is on, else 0 (the bit is reserved
 * then). Set once by cpu_detect(), before the first table is built. */
extern uint64_t pte_nx;

#define PTE_KERNEL_RW (PTE_P | PTE_W | PTE_A | PTE_D | pte_nx)
#define PTE_KERNEL_RO (PTE_P | PTE_A | pte_nx)
#define PTE_KERNEL_RX (PTE_P | PTE_A)
#define PTE_DEVICE (PTE_KERNEL_RW | PTE_PCD | PTE_PWT)
#define PTE_COMBINING (PTE_KERNEL_RW | PTE_PWT) /* entry 1 of the PAT: cpu_setup() */

HV_INLINE uint64_t pte_make(hpa_t pa, uint64_t flags)
{
    return (pa.v & PTE_ADDR) | flags;
}

/* A directory entry that narrows nothing: the table decides. */
HV_INLINE uint64_t pde_make(hpa_t table)
{
    return (table.v & PTE_ADDR) | PTE_P | PTE_W | PTE_A;
}

/* PDPT entries have no W, U, A or NX bit in PAE mode (SDM 3A 4.4.1). */
HV_INLINE uint64_t pdpte_make(hpa_t dir)
{
    return (dir.v & PTE_ADDR) | PTE_P;
}

HV_INLINE hpa_t pte_frame(uint64_t e)
{
    return HPA(e & PTE_ADDR);
}

HV_INLINE bool pte_present(uint64_t e)
{
    return (e & PTE_P) != 0;
}

HV_INLINE uint32_t pt_index(uint32_t va)
{
    return (va >> 12) & 511u;
}

HV_INLINE uint32_t pd_index(uint32_t va)
{
    return (va >> 21) & 511u;
}

HV_INLINE uint32_t pdpt_index(uint32_t va)
{
    return va >> 30;
}

/* Writes an entry that the CPU may be walking: the half with P last when it
 * becomes present, first when it goes. */
HV_INLINE void pte_write(uint64_t *slot, uint64_t e)
{
    volatile uint32_t *half = (volatile uint32_t *)slot;

    half[0] = 0;
    half[1] = (uint32_t)(e >> 32);
    half[0] = (uint32_t)e;
}
