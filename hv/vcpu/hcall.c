/* SPDX-License-Identifier: MIT */
/* Hypercall dispatch.  The ring runs first, then the direct call; INIT comes
 * before everything.  No call returns a value and no register is changed. */
#include "hv/hcall.h"

#include "hv/arch_if.h"
#include "hv/exit.h"
#include "hv/gmem.h"
#include "hv/guest.h"
#include "hv/shadow.h"
#include "hv/vdev.h"
#include "hv/vidt.h"
#include "hv/vtime.h"

static void hcall_flush_async(HCALL_ARGS)
{
}

static void hcall_init_again(HCALL_ARGS)
{
    guest_kill(v->guest, "already have lguest_data");
}

static void hcall_flush_tlb(HCALL_ARGS)
{
    if (a)
        shadow_flush_all(v);
    else
        shadow_flush_user(v);
}

static void hcall_load_idt_entry(HCALL_ARGS)
{
    vidt_load(v, a, b, v->hcall_c);
}

static void hcall_ts(HCALL_ARGS)
{
    v->ts = a != 0;
    arch_vcpu_set_ts(v->ts);
}

static void hcall_set_clockevent(HCALL_ARGS)
{
    vtime_set_clockevent(v, a);
}

static void hcall_halt(HCALL_ARGS)
{
    v->lgdata->irq_enabled = GABI_IF; /* HALT implies sti */
    v->todo |= VCPU_TODO_HALTED;
}

static void hcall_set_pmd(HCALL_ARGS)
{
    shadow_set_pmd(v, a, b);
}

static void hcall_set_pte(HCALL_ARGS)
{
    shadow_set_pte(v, a, b);
}

static void hcall_set_pgd(HCALL_ARGS)
{
    shadow_set_pgd(v, a, b);
}

static void hcall_notify(HCALL_ARGS)
{
    if (!vdev_notify(v->guest, a))
        guest_kill(v->guest, "bad notify address %#x", a);
}

/* GET_WALLCLOCK and BIND_DMA of 2.6.23. */
static void hcall_11(HCALL_ARGS)
{
    hcall_bad(v, 11);
}

static void hcall_12(HCALL_ARGS)
{
    hcall_bad(v, 12);
}

const hcall_fn_t hcall_table[32] = {
    [11] = hcall_11,
    [12] = hcall_12,
    [GABI_HCALL_FLUSH_ASYNC] = hcall_flush_async,
    [GABI_HCALL_INIT] = hcall_init_again,
    [GABI_HCALL_SHUTDOWN] = hcall_shutdown,
    [GABI_HCALL_LOAD_GDT] = hcall_load_gdt,
    [GABI_HCALL_NEW_PGTABLE] = hcall_new_pgtable,
    [GABI_HCALL_FLUSH_TLB] = hcall_flush_tlb,
    [GABI_HCALL_LOAD_IDT_ENTRY] = hcall_load_idt_entry,
    [GABI_HCALL_SET_STACK] = hcall_set_stack,
    [GABI_HCALL_TS] = hcall_ts,
    [GABI_HCALL_SET_CLOCKEVENT] = hcall_set_clockevent,
    [GABI_HCALL_HALT] = hcall_halt,
    [GABI_HCALL_SET_PMD] = hcall_set_pmd,
    [GABI_HCALL_SET_PTE] = hcall_set_pte,
    [GABI_HCALL_SET_PGD] = hcall_set_pgd,
    [GABI_HCALL_LOAD_TLS] = hcall_load_tls,
    [GABI_HCALL_NOTIFY] = hcall_notify,
    [GABI_HCALL_LOAD_GDT_ENTRY] = hcall_load_gdt_entry,
    [GABI_HCALL_SEND_INTERRUPTS] = hcall_flush_async, /* the exit is the point */
};

void hcall_bad(struct vcpu *v, uint32_t nr)
{
    guest_kill(v->guest, "bad hypercall %u", nr);
}

/* T:190 A hypercall: the ring first, then the call itself. */
void exit_hcall(struct vcpu *v)
{
    if (hv_unlikely(v->regs->eflags & EFLAGS_TF))
        v->todo |= VCPU_TODO_STEP;
    if (hv_unlikely(!v->guest->abi))
        hcall_first(v);
    else if (ring_is_pending(v))
        hcall_after_ring(v);
    else
        hcall_direct(v);
}
