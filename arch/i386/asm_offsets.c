/* SPDX-License-Identifier: MIT */
/* Offsets and sizes that NASM needs.  Never linked: the Makefile compiles this
 * to assembly and tools/gen-asm-offsets picks the lines out. The numbers of
 * layout.h and seldefs.h come along by themselves. */
#include "arch/desc.h"
#include "arch/layout.h"
#include "arch/regs.h"
#include "switcher/switcher.h"

#define DEFINE(name, value) \
    __asm__ volatile(".ascii \"->" #name " %0\"" : : "i"((uint32_t)(value)))
#define OFFSET(name, type, field) DEFINE(name, offsetof(struct type, field))

void asm_offsets(void);

void asm_offsets(void)
{
    DEFINE(GUEST_REGS_SIZE, sizeof(struct guest_regs));
    OFFSET(GUEST_REGS_GS, guest_regs, gs);
    OFFSET(GUEST_REGS_FS, guest_regs, fs);
    OFFSET(GUEST_REGS_ES, guest_regs, es);
    OFFSET(GUEST_REGS_DS, guest_regs, ds);
    OFFSET(GUEST_REGS_EDI, guest_regs, edi);
    OFFSET(GUEST_REGS_EAX, guest_regs, eax);
    OFFSET(GUEST_REGS_TRAPNUM, guest_regs, trapnum);
    OFFSET(GUEST_REGS_ERRCODE, guest_regs, errcode);
    OFFSET(GUEST_REGS_EIP, guest_regs, eip);
    OFFSET(GUEST_REGS_CS, guest_regs, cs);
    OFFSET(GUEST_REGS_EFLAGS, guest_regs, eflags);
    OFFSET(GUEST_REGS_ESP, guest_regs, esp);
    OFFSET(GUEST_REGS_SS, guest_regs, ss);

    OFFSET(TSS_ESP0, tss32, esp0);
    OFFSET(TSS_SS0, tss32, ss0);
    OFFSET(TSS_ESP1, tss32, esp1);
    OFFSET(TSS_SS1, tss32, ss1);

    OFFSET(SWITCHER_PRIVATE_host_esp, switcher_private, host_esp);
    OFFSET(SWITCHER_PRIVATE_host_idt_limit, switcher_private, host_idt_limit);
    OFFSET(SWITCHER_PRIVATE_guest_idt_limit, switcher_private, guest_idt_limit);
    OFFSET(SWITCHER_PRIVATE_nmi_cr3, switcher_private, nmi_cr3);
    OFFSET(SWITCHER_PRIVATE_nmi_esp, switcher_private, nmi_esp);
    OFFSET(SWITCHER_PRIVATE_nmi_dr7, switcher_private, nmi_dr7);
    OFFSET(SWITCHER_PRIVATE_mce_cr3, switcher_private, mce_cr3);
    OFFSET(SWITCHER_PRIVATE_mce_esp, switcher_private, mce_esp);
    OFFSET(SWITCHER_PRIVATE_mce_dr7, switcher_private, mce_dr7);
    OFFSET(SWITCHER_PRIVATE_nmi_handler, switcher_private, nmi_handler);
    OFFSET(SWITCHER_PRIVATE_mce_handler, switcher_private, mce_handler);
    OFFSET(SWITCHER_PRIVATE_fatal_handler, switcher_private, fatal_handler);
    OFFSET(SWITCHER_PRIVATE_nmi_in_switcher, switcher_private,
           nmi_in_switcher);
    OFFSET(SWITCHER_PRIVATE_armed_dr7, switcher_private, armed_dr7);
}
