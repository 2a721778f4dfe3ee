/* SPDX-License-Identifier: MIT */
/* Offsets and sizes that NASM needs.  Never linked: the Makefile compiles this
 * to assembly and tools/gen-asm-offsets picks the lines out. The numbers of
 * layout.h and seldefs.h come along by themselves. */
#include "arch/regs.h"
#include "switcher/switcher.h"

#define DEFINE(name, value) \
    __asm__ volatile(".ascii \"->" #name " %0\"" : : "i"((uint32_t)(value)))
#define OFFSET(name, type, field) DEFINE(name, offsetof(struct type, field))

void asm_offsets(void);

void asm_offsets(void)
{
    DEFINE(GUEST_REGS_SIZE, sizeof(struct guest_regs));
    DEFINE(ARCH_EXIT_BAD_IRET, ARCH_EXIT_BAD_IRET);
    DEFINE(SWITCHER_STUB_BYTES, SWITCHER_STUB_BYTES);
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
    OFFSET(SWITCHER_PRIVATE_nmi_in_switcher, switcher_private, nmi_in_switcher);
    OFFSET(SWITCHER_PRIVATE_armed_dr7, switcher_private, armed_dr7);
}
