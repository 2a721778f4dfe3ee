/* SPDX-License-Identifier: MIT */
/* The format of segment, gate and TSS descriptors (SDM 3A 3.4.5, 6.11, 7.2). They are
 * built only by the functions here: no bit-fields, no tables of magic numbers. */
#pragma once

#include "arch/seldefs.h"
#include "guest-abi/hcall.h"
#include "hv/types.h"

/* Bits of the high dword. */
#define DESC_ACCESSED HV_BIT(8)
#define DESC_TRAP HV_BIT(8)         /* of gates: IF stays as it is */
#define DESC_WRITABLE HV_BIT(9)     /* of data */
#define DESC_EXPAND_DOWN HV_BIT(10) /* of data */
#define DESC_CONFORMING HV_BIT(10)  /* of code */
#define DESC_CODE HV_BIT(11)
#define DESC_S HV_BIT(12) /* a segment; clear: a gate, a TSS, an LDT */
#define DESC_DPL(n) ((uint32_t)(n) << 13)
#define DESC_P HV_BIT(15)
#define DESC_L HV_BIT(21)
#define DESC_B HV_BIT(22) /* 32 bits */
#define DESC_G HV_BIT(23)

/* Type field of code and data segments with the accessed bit preset. */
#define SEG_DATA_RW 0x3u
#define SEG_CODE_RX 0xbu

/* Type field of system descriptors. */
#define SYS_TSS32 0x9u
#define SYS_TASK_GATE 0x5u
#define SYS_INT_GATE32 0xeu
#define SYS_TRAP_GATE32 0xfu

static inline uint32_t desc_dpl(uint32_t hi)
{
    return hi >> 13 & 3;
}

static inline uint32_t desc_type(uint32_t hi)
{
    return hi >> 8 & 0xf;
}

/* The entries of the GDT that a guest may load: not null, not the host's (ABI 6.2). */
static inline bool gdt_index_is_guests(uint32_t i)
{
    const uint32_t others = HV_BIT(0) | HV_BIT(GDT_HOST_CS) | HV_BIT(GDT_HOST_DS) |
                            HV_BIT(GDT_TSS) | HV_BIT(GDT_DF_TSS);

    return i < GABI_GDT_ENTRIES && !(others >> i & 1);
}

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
