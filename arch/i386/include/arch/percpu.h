/* SPDX-License-Identifier: MIT */
/* The architectural half of struct percpu. */
#pragma once

#include "arch/layout.h"
#include "hv/addr.h"

#define ARCH_PERCPU_VA LAYOUT_PERCPU

struct arch_percpu {
    hpa_t host_cr3;          /* PDPT of the host view */
    hpa_t switcher_guest_pt; /* guest view of the switcher area */
    uint64_t *window_pt;     /* PTEs of LAYOUT_WINDOWS, directly mapped */
    uint32_t window_tag[LAYOUT_WINDOW_COUNT];
    uint8_t window_victim[LAYOUT_WINDOW_COUNT / 2];
    uint64_t *stack_pt; /* PTEs of LAYOUT_VCPU_STACK */
    const struct arch_vcpu *stack_of; /* whose is mapped there, or NULL */
    uint32_t own_esp;   /* on the CPU's stack, while it is on a vCPU's */
    uint64_t *switcher_host_ptes;  /* entry 0 is SW_BASE */
    uint64_t *switcher_guest_ptes;
    uint32_t cr0, cr4;       /* golden values; cr0 as last loaded */
    uint64_t timer_expected_ns; /* when the timer interrupt should come */
};
