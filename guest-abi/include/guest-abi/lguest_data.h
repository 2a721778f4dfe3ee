/* SPDX-License-Identifier: MIT */
/* struct lguest_data: the memory that a guest kernel and the monitor share.
 * The guest gives its physical address with LGUEST_INIT.  Four layouts; the
 * first five words are the same in all.  abi_check.c asserts every offset.
 *
 * Who writes what: irq_enabled both; blocked_interrupts, hcalls and the words
 * behind tsc_khz (pgdir aside) the guest; cr2, time, irq_pending, reserve_mem
 * and tsc_khz the monitor; hcall_status both (guest 0, monitor 0xff). */
#pragma once

#include <stdint.h>

#include "guest-abi/hcall.h"

/* One ring slot. Row 2.6.24 stores EAX EBX ECX EDX, which with its register
 * order means call, arg2, arg3, arg1; the others call, arg1, arg2, ... */
struct gabi_slot16 {
    uint32_t word[4];
};

struct gabi_slot20 {
    uint32_t word[5];
};

/* The words that no row moved, and that all code may touch. */
struct gabi_data_head {
    uint32_t irq_enabled;        /* bit 9 is the virtual IF */
    uint32_t blocked_interrupts; /* bit n: line n is masked; starts as 1 */
    uint32_t cr2;                /* fault address, before vector 14 */
    uint32_t tv_sec, tv_nsec;    /* wall clock, UTC since 1970 */
};

struct gabi_data_2_6_24 { /* 2.6.24 to 2.6.30 */
    struct gabi_data_head head;
    uint8_t hcall_status[GABI_RING_SLOTS];
    struct gabi_slot16 hcalls[GABI_RING_SLOTS];
    uint32_t reserve_mem;
    uint32_t tsc_khz;
    uint32_t pgdir;
    uint32_t noirq_start, noirq_end;
    uint32_t kernel_address;
    uint32_t syscall_vec;
};

struct gabi_data_2_6_31 { /* 2.6.31 to 3.0 */
    struct gabi_data_head head;
    uint32_t irq_pending; /* GABI_IF when something waits for irq_enabled */
    uint8_t hcall_status[GABI_RING_SLOTS];
    struct gabi_slot20 hcalls[GABI_RING_SLOTS];
    uint32_t reserve_mem;
    uint32_t tsc_khz;
    uint32_t pgdir;
    uint32_t noirq_start, noirq_end;
    uint32_t kernel_address;
    uint32_t syscall_vec;
};

struct gabi_data_3_1 { /* 3.1 to 4.0 */
    struct gabi_data_head head;
    uint32_t irq_pending;
    uint8_t hcall_status[GABI_RING_SLOTS];
    struct gabi_slot20 hcalls[GABI_RING_SLOTS];
    uint32_t reserve_mem;
    uint32_t tsc_khz;
    uint32_t noirq_start, noirq_end;
    uint32_t kernel_address;
    uint32_t syscall_vec;
};

struct gabi_data_4_1 { /* 4.1 to 4.13 */
    struct gabi_data_head head;
    uint32_t irq_pending;
    uint8_t hcall_status[GABI_RING_SLOTS];
    struct gabi_slot20 hcalls[GABI_RING_SLOTS];
    uint32_t reserve_mem;
    uint32_t tsc_khz;
    uint32_t noirq_iret;
    uint32_t kernel_address;
    uint32_t syscall_vec;
};

#define GABI_DATA_BYTES_2_6_24 0x470
#define GABI_DATA_BYTES_2_6_31 0x574
#define GABI_DATA_BYTES_3_1 0x570
#define GABI_DATA_BYTES_4_1 0x56c
#define GABI_DATA_BYTES_MAX GABI_DATA_BYTES_2_6_31
