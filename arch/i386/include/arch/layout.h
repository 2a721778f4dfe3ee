/* SPDX-License-Identifier: MIT */
/* The address map of the monitor.  Plain numbers, shared with NASM.
 *
 *   0x00000000            page 0: never mapped
 *   0x00001000-0xbfffffff direct map, host-virtual == host-physical, RAM only
 *   0xc0000000-0xffbfffff device memory (arch_map_device)
 *   0xffc00000-0xffdfffff this CPU: struct percpu, stacks, windows; every CPU
 *                         has its own page table here
 *   0xffe00000-0xffffffff the switcher area, host view; a guest sees the guest
 *                         view of the same addresses
 */
#pragma once

#define LAYOUT_DEVICE_BASE 0xc0000000
#define LAYOUT_DEVICE_END 0xffc00000

#define LAYOUT_PERCPU 0xffc00000      /* struct percpu, up to 16 pages */
#define LAYOUT_PERCPU_PAGES 16
#define LAYOUT_STACK 0xffc21000       /* 4 pages, guard below: the CPU's monitor stack */
#define LAYOUT_STACK_PAGES 4
#define LAYOUT_NMI_STACK 0xffc31000   /* 2 pages, guard below */
#define LAYOUT_NMI_STACK_PAGES 2
#define LAYOUT_DF_STACK 0xffc41000    /* 2 pages, guard below */
#define LAYOUT_DF_STACK_PAGES 2
#define LAYOUT_VCPU_STACK 0xffc51000  /* 4 pages, guard below: of the vCPU that runs */
#define LAYOUT_VCPU_STACK_PAGES 4
#define LAYOUT_WINDOWS 0xffd00000     /* windows onto HIGH frames */
#define LAYOUT_WINDOW_COUNT 64

/* Guest-virtual addresses from here up are the switcher's (ABI 7.8). */
#define LAYOUT_GUEST_TOP 0xffc00000

#define SW_BASE 0xffe00000
#define SW_TEXT 0xffe00000    /* host r-x, guest r-x */
#define SW_REGS 0xffe01000    /* rw-, rw-: per vCPU; the ring-0 entry stack */
#define SW_REGS_TOP 0xffe02000
#define SW_LATE_DB 0xffe01000 /* a word of that page: #DB came too late for the guest */
#define SW_STATE 0xffe02000   /* rw-, r--: GDT, TSS, guest IDT, host CR3 */
#define SW_THUNK 0xffe03000   /* rw-, r-x: per guest */
#define SW_LGDATA 0xffe04000  /* rw-, rw-: two pages, alias of lguest_data */
#define SW_PRIVATE 0xffe06000 /* rw-, absent */

#define SW_DR7_NOTHING 0x400 /* bit 10 is fixed: no breakpoint is enabled */

/* The state page. */
#define STATE_IDT 0x000      /* guest IDT, 256 * 8 */
#define STATE_GDT 0x800      /* 32 * 8 */
#define STATE_TSS 0x900      /* 104 bytes */
#define STATE_HOST_CR3 0x970
#define STATE_GDT_VA 0xffe02800
#define STATE_TSS_VA 0xffe02900
