/* SPDX-License-Identifier: MIT */
/* Speaking to the monitor: the shared structure, hypercalls, the asynchronous
 * ring, and the virtual interrupt flag.  The inline functions speak the rows
 * from 3.1 on; lguest_call() and the ring speak the row chosen at the start. */
#pragma once

#include "guest/base.h"
#include "guest-abi/version.h"

#define LGUEST_NO_FIELD 0xffffu

struct lguest_row {
    uint8_t row; /* GABI_ROW_* */
    bool edx_order;
    bool vmcall;
    uint8_t slot_bytes;
    uint16_t bytes;
    /* Offsets in lguest_data, LGUEST_NO_FIELD where the row has none. */
    uint16_t irq_pending, status, hcalls, reserve_mem, tsc_khz, pgdir;
    uint16_t noirq_start, noirq_end, noirq_iret, kernel_address, syscall_vec;
};

extern const struct lguest_row lguest_rows[]; /* index GABI_ROW_*; 0 unused */
extern const struct lguest_row *lguest_row;   /* the one in use */

/* The shared structure. Fields that the rows have in common, and those of row
 * 3.1, by name; the others through lguest_field(). */
union lguest_shared {
    struct gabi_data_head head;
    struct gabi_data_3_1 v3_1;
    uint8_t bytes[4096];
};

extern union lguest_shared lguest_data;

#define lg (*(volatile struct gabi_data_3_1 *)&lguest_data)
#define lg_irq_enabled (((volatile struct gabi_data_head *)&lguest_data)->irq_enabled)
#define lg_cr2 (((volatile struct gabi_data_head *)&lguest_data)->cr2)
#define lg_blocked (((volatile struct gabi_data_head *)&lguest_data)->blocked_interrupts)

static inline volatile uint32_t *lguest_field(uint16_t offset)
{
    return (volatile uint32_t *)(void *)(lguest_data.bytes + offset);
}

/* Fills a structure with the initial values of the row (ABI 3.2). */
void lguest_prepare(void *data, const struct lguest_row *row);

/* The iret sequence that the no-interrupt window protects (entry code of the
 * library); the labels are what the structure gets. */
extern const char lguest_noirq_start[], lguest_noirq_iret[], lguest_noirq_end[];

/* ---- hypercalls ---- */

static inline void hcall4(uint32_t nr, uint32_t a1, uint32_t a2, uint32_t a3,
                          uint32_t a4)
{
    __asm__ volatile("int $0x1f"
                     : : "a"(nr), "b"(a1), "c"(a2), "d"(a3), "S"(a4)
                     : "memory");
}

static inline void hcall3(uint32_t nr, uint32_t a1, uint32_t a2, uint32_t a3)
{
    __asm__ volatile("int $0x1f"
                     : : "a"(nr), "b"(a1), "c"(a2), "d"(a3) : "memory");
}

static inline void hcall2(uint32_t nr, uint32_t a1, uint32_t a2)
{
    __asm__ volatile("int $0x1f" : : "a"(nr), "b"(a1), "c"(a2) : "memory");
}

static inline void hcall1(uint32_t nr, uint32_t a1)
{
    __asm__ volatile("int $0x1f" : : "a"(nr), "b"(a1) : "memory");
}

static inline void hcall0(uint32_t nr)
{
    __asm__ volatile("int $0x1f" : : "a"(nr) : "memory");
}

/* A hypercall in the instruction and register order of lguest_row. */
void lguest_call(uint32_t nr, uint32_t a1, uint32_t a2, uint32_t a3, uint32_t a4);

/* The same through the ring; a full ring makes the call directly, which empties
 * the ring first. Only for calls that the ABI marks lazy. */
void lguest_call_lazy(uint32_t nr, uint32_t a1, uint32_t a2, uint32_t a3,
                      uint32_t a4);

/* Next slot that lguest_call_lazy() will use. */
extern uint32_t lguest_ring_next;

/* ---- the virtual interrupt flag: templates for cli, sti, pushf, popf ---- */

static inline void irq_disable(void) /* cli */
{
    lg_irq_enabled = 0;
    barrier();
}

static inline void irq_enable(void) /* sti */
{
    barrier();
    lg_irq_enabled = GABI_IF;
    if (lg.irq_pending)
        hcall0(GABI_HCALL_SEND_INTERRUPTS);
}

static inline uint32_t irq_save_flags(void) /* pushf */
{
    return lg_irq_enabled;
}

static inline void irq_restore_flags(uint32_t flags) /* popf */
{
    barrier();
    lg_irq_enabled = flags;
    if (lg.irq_pending & flags)
        hcall0(GABI_HCALL_SEND_INTERRUPTS);
}

static inline void irq_halt(void) /* sti; hlt */
{
    hcall0(GABI_HCALL_HALT);
}

static inline void irq_unblock(uint32_t line)
{
    __asm__ volatile("lock btrl %1, %0"
                     : "+m"(lguest_data.head.blocked_interrupts)
                     : "Ir"(line) : "memory");
}

static inline void irq_block(uint32_t line)
{
    __asm__ volatile("lock btsl %1, %0"
                     : "+m"(lguest_data.head.blocked_interrupts)
                     : "Ir"(line) : "memory");
}
