/* SPDX-License-Identifier: MIT */
/* The table from trap vector to handler. */
#include "hv/exit.h"

#include "hv/arch_if.h"
#include "hv/guest.h"
#include "hv/reflect.h"

static void exit_reflect(struct vcpu *v)
{
    reflect_plain(v, v->regs->trapnum & 0xff);
}

static void exit_reflect_fault(struct vcpu *v)
{
    reflect_fault(v, v->regs->trapnum & 0xff, v->regs->errcode);
}

static void exit_segment_fault(struct vcpu *v)
{
    if (!exit_refused_return(v, v->regs->trapnum & 0xff, v->regs->errcode))
        exit_reflect_fault(v);
}

static void exit_invalid_opcode(struct vcpu *v)
{
    if ((v->regs->cs & 3) == 1 && exit_try_vmcall(v))
        return;
    reflect_plain(v, VEC_UD);
}

/* The state of the FPU is always the guest's own (eager switching), so this
 * comes only when the guest wants it (ABI 5.6). */
static void exit_no_math(struct vcpu *v)
{
    if (v->ts)
        reflect_plain(v, VEC_NM);
    else
        arch_vcpu_set_ts(v->ts);
}

static void exit_nmi(struct vcpu *v)
{
    (void)v;
    arch_handle_nmi();
}

static void exit_mce(struct vcpu *v)
{
    (void)v;
    arch_handle_mce();
}

static void exit_irq(struct vcpu *v)
{
    arch_handle_irq(v->regs->trapnum & 0xff);
}

static void exit_unhandled(struct vcpu *v)
{
    guest_kill(v->guest, "unhandled trap %u at %#x (%#x)", v->regs->trapnum,
               v->regs->eip, v->regs->errcode);
}

const exit_handler_t exit_table[EXIT_REASONS] = {
    [VEC_DE] = exit_reflect,
    [VEC_DB] = exit_reflect,
    [VEC_NMI] = exit_nmi,
    [VEC_BP ... VEC_BR] = exit_reflect,
    [VEC_UD] = exit_invalid_opcode,
    [VEC_NM] = exit_no_math,
    [VEC_DF] = exit_unhandled,
    [9] = exit_reflect,
    [VEC_TS] = exit_reflect_fault,
    [VEC_NP ... VEC_SS] = exit_segment_fault,
    [VEC_GP] = exit_general_protection,
    [VEC_PF] = exit_page_fault,
    [15] = exit_unhandled,
    [VEC_MF] = exit_reflect,
    [VEC_AC] = exit_reflect_fault,
    [VEC_MC] = exit_mce,
    [VEC_XM ... 20] = exit_reflect,
    [21] = exit_reflect_fault,
    [22 ... 30] = exit_reflect,
    [GABI_HCALL_VECTOR] = exit_hcall,
    [32 ... 255] = exit_irq,
    [ARCH_EXIT_BAD_IRET] = exit_bad_iret,
};

const char *const exit_names[32] = {
    "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "9", "#TS",
    "#NP", "#SS", "#GP", "#PF", "15", "#MF", "#AC", "#MC", "#XM", "20", "#CP",
    "22", "23", "24", "25", "26", "27", "28", "29", "30", "hypercall",
};
