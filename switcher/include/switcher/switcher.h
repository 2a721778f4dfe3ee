/* SPDX-License-Identifier: MIT */
/* The switcher area: the one thing that is mapped in both worlds (docs/architecture.md).
 * Addresses are in arch/layout.h; here is the private page, what C may call,
 * and how the pages get where they are. */
#pragma once

#include "arch/layout.h"
#include "hv/addr.h"

/* The private page: host view only. Shared with NASM by asm_offsets. */
struct switcher_private {
    uint32_t host_esp;
    uint16_t pad0;
    uint16_t host_idt_limit;
    uint32_t host_idt_base;
    uint16_t pad1;
    uint16_t guest_idt_limit;
    uint32_t guest_idt_base;
    uint32_t nmi_cr3, nmi_esp, nmi_dr7; /* what an NMI in the switcher goes back to */
    uint32_t mce_cr3, mce_esp, mce_dr7;
    uint32_t nmi_handler, mce_handler; /* void f(void), HV_ASMCALL */
    uint32_t fatal_handler;            /* void f(uint32_t *frame) */
    uint32_t nmi_in_switcher;          /* how many came at ring 0 here */
    uint32_t enter;                    /* switcher_entry or switcher_entry_armed */
    uint32_t armed_dr7;                /* for the latter; 0: no breakpoint is armed */
};

#define SW_PRIVATE_DF_TSS 0x800 /* the #DF task's TSS lies in the same page */

_Static_assert(sizeof(struct switcher_private) == 68, "switcher.asm counts on it");

/* The switcher's text as linked; it runs at SW_TEXT. */
extern const uint8_t switcher_text_start[], switcher_text_end[];
extern const uint8_t switcher_stubs[], switcher_enter_code[];
/* switcher_enter_code and switcher_enter_armed where they run (link.ld): the second for
 * a guest with breakpoints. */
extern const uint8_t switcher_entry[], switcher_entry_armed[];
#define SWITCHER_STUB_BYTES 9

/* Maps text, state, private of this CPU in both views. After paging_init. */
void switcher_map_init(void);

/* Puts a vCPU's pages under the fixed addresses (HFN_NONE: absent). */
void switcher_map_vcpu(hfn_t regs, hfn_t thunk, hfn_t lgdata0, hfn_t lgdata1);
void switcher_map_lgdata(hfn_t first, hfn_t second);

/* Enters the guest whose registers are in the regs page, with this CR3, and
 * comes back when it traps.  Interrupts off.  The guest's trap loads every register
 * anew, so what the caller has in them is its own to save. */
HV_INLINE void switcher_enter(uint32_t guest_cr3)
{
    const struct switcher_private *p = (const struct switcher_private *)SW_PRIVATE;

    __asm__ volatile("call *%1"
                     : "+a"(guest_cr3)
                     : "m"(p->enter)
                     : "ebx", "ecx", "edx", "esi", "edi", "memory", "cc");
}
