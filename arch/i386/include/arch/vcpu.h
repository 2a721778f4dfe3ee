/* SPDX-License-Identifier: MIT */
/* The architectural half of struct vcpu: what arch_vcpu_load() puts into this
 * CPU's switcher pages. */
#pragma once

#include "arch/layout.h"
#include "arch/seldefs.h"
#include "guest-abi/hcall.h"
#include "hv/addr.h"

struct arch_vcpu {
    hfn_t regs_frame;
    hfn_t thunk_frame;
    hfn_t lgdata_frame[2];
    hfn_t stack_frame; /* the first of LAYOUT_VCPU_STACK_PAGES */
    uint32_t esp;      /* on that stack, while the CPU is on another */
    uint32_t cr3; /* shadow root to enter with */
    bool loaded;
    uint64_t gdt[GABI_GDT_ENTRIES];
    uint64_t *idt;   /* 256 gates, a page of its own */
    uint8_t *fxsave; /* 512 bytes, 16-aligned */
    uint32_t dr[4], dr7; /* as the guest wrote them */
    uint32_t dr6;        /* while it is not loaded; else in the CPU */
};

/* The debug registers of a guest that is new, is loaded, or is put away. */
void debugreg_init(struct arch_vcpu *a);
void debugreg_load(const struct arch_vcpu *a);
void debugreg_put(struct arch_vcpu *a);

/* That it takes besides itself: regs, thunk, idt, and the stack. */
#define ARCH_VCPU_FRAMES (3u + LAYOUT_VCPU_STACK_PAGES)

/* Debug register n (0 to 7) of the vCPU that is loaded, as its guest sees it, and a
 * write to it (SDM 3B 17.2). */
uint32_t arch_vcpu_read_dr(const struct arch_vcpu *a, uint32_t n);
void arch_vcpu_write_dr(struct arch_vcpu *a, uint32_t n, uint32_t value);

/* DR7 for the CPU while the guest runs; 0: no breakpoint is armed. */
uint32_t arch_vcpu_armed(const struct arch_vcpu *a);

/* Sets bits of the loaded vCPU's DR6: BS, or what arch_vcpu_watched() has returned. */
#define DR6_BS HV_BIT(14)
void arch_vcpu_add_dr6(uint32_t bits);

/* True, once, if a #DB of the loaded vCPU came when it had left for the monitor. */
bool arch_vcpu_take_late_debug(void);

/* B0 to B3 of the watchpoints that a write of bytes (1 to 8) at va hits. */
uint32_t arch_vcpu_watched(const struct arch_vcpu *a, uint32_t va, uint32_t bytes);

/* Enters the guest, see hv/arch_if.h: the vCPU that is loaded, whose regs page is at
 * its fixed address.  Whatever the guest did to its regs page,
 * ring 0 loads only flags and selectors that keep it in its rings. */
#ifndef HV_HOST_TEST
#include "arch/golden.h"
#include "arch/regs.h"
#include "switcher/switcher.h"

HV_INLINE uint32_t arch_vcpu_run(uint32_t cr3)
{
    struct guest_regs *r = (struct guest_regs *)(SW_REGS_TOP - sizeof(*r));

    r->eflags = (r->eflags & EFLAGS_GUEST) | EFLAGS_IF | EFLAGS_FIXED;
    if (hv_unlikely(!(r->cs & r->ss & 1))) /* RPL 1 or 3 in both */
        return ARCH_EXIT_BAD_IRET;
    switcher_enter(cr3);
    if (r->trapnum <= ARCH_EXIT_BAD_IRET || r->trapnum >= 0xffffff80u)
        golden_assert(); /* a frame of virtual-8086 mode is for the caller */
    return r->trapnum;
}

/* Clean flags for the monitor behind a trap from virtual-8086 mode, which leaves
 * that mode's IOPL 3. No CPU lets a guest get there; QEMU does (ABI 5.7). */
HV_INLINE void arch_vcpu_left_vm86(void)
{
    __asm__ volatile("pushl $2; popfl" ::: "memory", "cc");
}

HV_INLINE uint32_t arch_read_cr2(void)
{
    uint32_t v;

    __asm__ volatile("movl %%cr2, %0" : "=r"(v));
    return v;
}
#else
uint32_t arch_vcpu_run(uint32_t cr3);
void arch_vcpu_left_vm86(void);
uint32_t arch_read_cr2(void);
#endif
