/* SPDX-License-Identifier: MIT */
/* Segment, gate and TSS descriptors (SDM 3A 3.4.5, 6.11, 7.2), built only by
 * these functions: no bit-fields, no tables of magic numbers. */
#pragma once

#include "arch/seldefs.h"
#include "guest-abi/hcall.h"
#include "hv/types.h"

/* Type field of code and data segments with the accessed bit preset. */
#define SEG_DATA_RW 0x3u
#define SEG_CODE_RX 0xbu

/* Type field of system descriptors. */
#define SYS_TSS32 0x9u
#define SYS_TASK_GATE 0x5u
#define SYS_INT_GATE32 0xeu
#define SYS_TRAP_GATE32 0xfu

/* A 32-bit code or data segment. limit is in bytes, inclusive; above 1 MiB it
 * is rounded up to whole pages, as the hardware counts it. */
static inline uint64_t seg_desc_make(uint32_t base, uint32_t limit,
                                     uint32_t type, uint32_t dpl)
{
    uint64_t g = 0;

    if (limit > 0xfffffu) {
        limit >>= 12;
        g = 1;
    }
    return (uint64_t)(limit & 0xffffu) | (uint64_t)(base & 0xffffffu) << 16
        | (uint64_t)(type & 0xfu) << 40 | 1ull << 44 /* S */
        | (uint64_t)(dpl & 3u) << 45 | 1ull << 47    /* P */
        | (uint64_t)(limit >> 16 & 0xfu) << 48 | 1ull << 54 /* D/B */
        | g << 55 | (uint64_t)(base >> 24) << 56;
}

/* An available 32-bit TSS, DPL 0. */
static inline uint64_t tss_desc_make(uint32_t base, uint32_t limit)
{
    return (uint64_t)(limit & 0xffffu) | (uint64_t)(base & 0xffffffu) << 16
        | (uint64_t)SYS_TSS32 << 40 | 1ull << 47
        | (uint64_t)(limit >> 16 & 0xfu) << 48 | (uint64_t)(base >> 24) << 56;
}

/* An interrupt gate, or a trap gate (which leaves IF alone). */
static inline uint64_t gate_make(uint16_t sel, uint32_t offset, uint32_t dpl,
                                 bool trap)
{
    uint64_t type = trap ? SYS_TRAP_GATE32 : SYS_INT_GATE32;

    return (uint64_t)(offset & 0xffffu) | (uint64_t)sel << 16 | type << 40
        | (uint64_t)(dpl & 3u) << 45 | 1ull << 47
        | (uint64_t)(offset >> 16) << 48;
}

/* A task gate, DPL 0. */
static inline uint64_t task_gate_make(uint16_t tss_sel)
{
    return (uint64_t)tss_sel << 16 | (uint64_t)SYS_TASK_GATE << 40 | 1ull << 47;
}

/* The 32-bit TSS. An I/O map base at or past the limit means no map. */
struct tss32 {
    uint32_t link;
    uint32_t esp0, ss0, esp1, ss1, esp2, ss2;
    uint32_t cr3, eip, eflags;
    uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi;
    uint32_t es, cs, ss, ds, fs, gs;
    uint32_t ldt;
    uint16_t trap, iomap_base;
};
_Static_assert(sizeof(struct tss32) == 104, "SDM 3A 7.2.1");
_Static_assert(offsetof(struct tss32, cr3) == 28, "SDM 3A 7.2.1");
_Static_assert(offsetof(struct tss32, esp) == 56, "SDM 3A 7.2.1");
_Static_assert(offsetof(struct tss32, ldt) == 96, "SDM 3A 7.2.1");
_Static_assert(offsetof(struct tss32, iomap_base) == 102, "SDM 3A 7.2.1");

/* Fills GDT, TSS and #DF TSS in the state and private pages of this CPU and
 * loads them. After switcher_map_init(). */
void desc_init(void);

/* Builds the host IDT and loads it. The boot GDT of entry.asm is good enough
 * for it: the selectors are the same. The second loads it on another CPU. */
void idt_init(void);
void idt_load(void);

/* From now on #DF is a task switch. Once, after the first desc_init(). */
void idt_use_df_task(void);

/* Where the host IDT lies (identity-mapped, read-only after boot). */
uint32_t idt_base(void);
uint32_t idt_limit(void);
