/* SPDX-License-Identifier: MIT */
/* Hypercall numbers and the fixed numbers around them.  Plain #defines, so
 * that assembly can share them.  A number keeps its meaning for ever; what
 * changed between the rows is which registers carry the arguments:
 *
 *   row             call  arg1  arg2  arg3  arg4
 *   2.6.24          EAX   EDX   EBX   ECX   -
 *   2.6.30          EAX   EBX   ECX   EDX   -
 *   2.6.31 and up   EAX   EBX   ECX   EDX   ESI
 */
#pragma once

/* The vector of "int 0x1f"; rows 2.6.30 and 2.6.31 use vmcall instead. */
#define GABI_HCALL_VECTOR 0x1f

#define GABI_HCALL_FLUSH_ASYNC 0     /* - ; runs the ring, as all calls do */
#define GABI_HCALL_INIT 1            /* PA of lguest_data */
#define GABI_HCALL_SHUTDOWN 2        /* PA of text, GABI_SHUTDOWN_* */
#define GABI_HCALL_LOAD_GDT 3        /* PA of table, entries; up to 2.6.30 */
#define GABI_HCALL_NEW_PGTABLE 4     /* PA of the top-level table */
#define GABI_HCALL_FLUSH_TLB 5       /* 0: user part, else everything */
#define GABI_HCALL_LOAD_IDT_ENTRY 6  /* vector, low, high */
#define GABI_HCALL_SET_STACK 7       /* SS, ESP, pages */
#define GABI_HCALL_TS 8              /* not 0: set CR0.TS */
#define GABI_HCALL_SET_CLOCKEVENT 9  /* ns from now, 0: stop */
#define GABI_HCALL_HALT 10           /* - */
#define GABI_HCALL_SET_PMD 13        /* PA of PMD page, index; PAE only */
#define GABI_HCALL_SET_PTE 14        /* PA of top table, VA, low, high */
#define GABI_HCALL_SET_PGD 15        /* PA of top table, index */
#define GABI_HCALL_LOAD_TLS 16       /* PA of 3 descriptors */
#define GABI_HCALL_NOTIFY 17         /* address, see device_page.h */
#define GABI_HCALL_LOAD_GDT_ENTRY 18 /* index, low, high */
#define GABI_HCALL_SEND_INTERRUPTS 19 /* - */
#define GABI_HCALL_MAX 19

/* arg2 of SHUTDOWN. The text is at most this long, NUL included. */
#define GABI_SHUTDOWN_POWEROFF 1
#define GABI_SHUTDOWN_RESTART 2
#define GABI_SHUTDOWN_TEXT_BYTES 128

/* The asynchronous ring. */
#define GABI_RING_SLOTS 64
#define GABI_SLOT_FREE 0xff /* hcall_status: done, or never used */
#define GABI_SLOT_PENDING 0

/* The virtual interrupt flag is this bit of lguest_data.irq_enabled. */
#define GABI_IF 0x200

/* Virtual interrupt line n is delivered through this vector plus n. */
#define GABI_IRQ_VECTOR 0x20
#define GABI_IRQ_LINES 32
#define GABI_IRQ_TIMER 0

/* Selectors. A guest starts with CS and SS, the rest of its GDT is empty. */
#define GABI_GDT_ENTRIES 32
#define GABI_KERNEL_CS 0x61
#define GABI_KERNEL_DS 0x69
#define GABI_TLS_FIRST 6
#define GABI_TLS_ENTRIES 3

/* boot_params: what a guest that is not Linux needs to find its memory. */
#define GABI_BP_E820_ENTRIES 0x1e8
#define GABI_BP_RAMDISK_IMAGE 0x218
#define GABI_BP_RAMDISK_SIZE 0x21c
#define GABI_BP_CMDLINE_PTR 0x228
#define GABI_BP_E820_MAP 0x2d0 /* { u64 base, u64 bytes, u32 type } */

/* Guest-virtual addresses from here up belong to the monitor. */
#define GABI_SWITCHER_AREA 0xffc00000
#define GABI_RESERVE_MEM 0x00400000

/* Guests of the regression suite only: a 32-bit read of this port gives the
 * vCPU's exit counter (the read is counted too), a 32-bit write stores a word
 * where the suite sees it. As a byte it tells the canary whether it is to want all
 * of the CPU (1) or not (0). All other guests read all ones. */
#define GABI_TEST_PORT 0xe8

/* The same, where the monitor is built for fault injection: reads 1, and the n-th
 * copy of the guest's memory from a write of n on fails. */
#define GABI_INJECT_PORT 0xe9
