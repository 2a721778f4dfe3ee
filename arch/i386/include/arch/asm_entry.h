/* SPDX-License-Identifier: MIT */
/* Every symbol that C and NASM share, with its calling convention.  C code is
 * compiled with -mregparm=3; what assembly calls takes its arguments on the
 * stack instead (HV_ASMCALL). */
#pragma once

#include "hv/types.h"

#ifdef HV_HOST_TEST
#define HV_ASMCALL
#else
#define HV_ASMCALL __attribute__((regparm(0)))
#endif

struct trap_frame;
struct tss32;

/* ---- C, called from assembly ---- */

/* boot/entry.asm -> boot/boot_main.c: paging off, interrupts off, boot stack,
 * .bss clear.  magic and info_pa are what the loader left in EAX and EBX. */
HV_NORETURN HV_ASMCALL void boot_main(uint32_t magic, uint32_t info_pa);

/* arch/i386/traps.asm -> traps.c: any trap taken with the host IDT. */
HV_ASMCALL void trap_host(struct trap_frame *tf);

/* The #DF task: its own stack, host CR3. Does not return. */
HV_NORETURN HV_ASMCALL void trap_double_fault(void);

/* Tells the switcher's private page of this CPU about the host IDT and the
 * handlers (C only; here because they are called from assembly). */
void traps_init_switcher(void);

/* ---- assembly, called from C ---- */

/* 256 stubs of trap_stub_bytes each, and the task of #DF. */
extern const uint8_t trap_stubs[];
extern const uint32_t trap_stub_bytes;
extern const uint8_t trap_df_entry[];

/* Leaves this stack for good: ESP = top, EBP = 0, calls fn. */
HV_NORETURN HV_ASMCALL void cpu_call_on_stack(uintptr_t top, void (*fn)(void));

/* Puts EBX, ESI, EDI, EBP on this stack, its ESP into *from, and takes them from the
 * stack whose ESP is to: that one goes on where it left. */
HV_ASMCALL void cpu_switch_stack(uint32_t *from, uint32_t to);

/* An IRET to the next instruction: NMIs are taken again after it. */
HV_ASMCALL void cpu_nmi_unblock(void);

/* Fix-ups of instructions that may fault in the monitor (section .extable). */
struct extable_entry {
    uint32_t fault_eip, fixup_eip;
};
extern const struct extable_entry extable_start[], extable_end[];

/* ---- the linker script ---- */

extern const uint8_t hv_image_start[], hv_image_end[];
extern const uint8_t hv_text_start[], hv_text_end[];
extern const uint8_t hv_rodata_start[], hv_rodata_end[];
extern uint8_t hv_data_start[], hv_data_end[], hv_bss_start[], hv_bss_end[];
extern uint8_t hv_ro_after_init_start[], hv_ro_after_init_end[];
extern uint8_t hv_init_start[], hv_init_text_end[], hv_init_end[];
extern const uint8_t hv_tail_start[], hv_tail_end[];
extern uint8_t boot_stack_bottom[], boot_stack_top[];
