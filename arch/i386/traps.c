/* SPDX-License-Identifier: MIT */
/* Traps taken while the monitor itself runs.  A hardware interrupt is passed
 * on; a fault at an instruction that is listed in the exception table goes on
 * at its fix-up; all else is the monitor's own mistake and ends in a panic.
 * Traps of guests never come here: the switcher's stubs make exits of them. */
#include "arch/asm_entry.h"
#include "arch/cpu.h"
#include "arch/desc.h"
#include "arch/descriptor.h"
#include "arch/irq.h"
#include "arch/nmi.h"
#include "arch/regs.h"
#include "hv/panic.h"
#include "hv/string.h"
#include "switcher/switcher.h"

static const char *const trap_names[] = {
    "divide error", "debug trap", "NMI", "breakpoint",
    "overflow", "bound", "invalid opcode", "FPU not available",
    "double fault", "vector 9", "invalid TSS", "segment not present",
    "stack fault", "general protection", "page fault", "vector 15",
    "FPU error", "alignment check", "machine check", "SIMD error",
};

static const char *trap_name(uint32_t vector)
{
    return vector < HV_ARRAY_SIZE(trap_names) ? trap_names[vector] : "trap";
}

static bool fix_up(struct trap_frame *tf)
{
    for (const struct extable_entry *e = extable_start; e < extable_end; e++) {
        if (e->fault_eip == tf->eip) {
            tf->eip = e->fixup_eip;
            return true;
        }
    }
    return false;
}

HV_ASMCALL void trap_host(struct trap_frame *tf)
{
    if (tf->trapnum >= VEC_IRQ0)
        irq_dispatch(tf->trapnum);
    else if (tf->trapnum == VEC_NMI)
        nmi_handle(tf);
    else if (tf->trapnum == VEC_MC)
        mce_handle(tf);
    else if (!fix_up(tf))
        hv_panic_trap(tf, trap_name(tf->trapnum));
}

/* Runs as the #DF task: what was interrupted is in the main TSS. */
HV_ASMCALL void trap_double_fault(void)
{
    const struct tss32 *t = (const struct tss32 *)STATE_TSS_VA;
    struct trap_frame tf;

    memset(&tf, 0, sizeof(tf));
    tf.gs = t->gs;
    tf.fs = t->fs;
    tf.es = t->es;
    tf.ds = t->ds;
    tf.edi = t->edi;
    tf.esi = t->esi;
    tf.ebp = t->ebp;
    tf.ebx = t->ebx;
    tf.edx = t->edx;
    tf.ecx = t->ecx;
    tf.eax = t->eax;
    tf.trapnum = VEC_DF;
    tf.eip = t->eip;
    tf.cs = t->cs;
    tf.eflags = t->eflags;
    tf.esp = t->esp;
    tf.ss = t->ss;
    hv_panic_trap(&tf, trap_name(VEC_DF));
}

/* A fault inside the switcher that its stubs cannot explain.  frame is what
 * the CPU pushed: error code, EIP, CS, EFLAGS. */
static HV_ASMCALL void trap_switcher_fatal(const uint32_t *frame)
{
    hv_panic("fault in the switcher: error %#x at %#x:%#x flags %#x cr2 %#x",
             frame[0], frame[2], frame[1], frame[3], cpu_read_cr2());
}

void traps_init_switcher(void)
{
    struct switcher_private *p = (struct switcher_private *)SW_PRIVATE;

    p->host_idt_base = idt_base();
    p->host_idt_limit = (uint16_t)idt_limit();
    p->guest_idt_base = SW_STATE + STATE_IDT;
    p->guest_idt_limit = 256 * 8 - 1;
    p->nmi_handler = (uint32_t)(uintptr_t)nmi_in_switcher;
    p->mce_handler = (uint32_t)(uintptr_t)mce_in_switcher;
    p->fatal_handler = (uint32_t)(uintptr_t)trap_switcher_fatal;
}
