/* SPDX-License-Identifier: MIT */
/* #PF: filled in the shadow, or the guest's own business. */
#include "hv/arch_if.h"
#include "hv/exit.h"
#include "hv/reflect.h"
#include "hv/shadow.h"
#include "hv/vcpu.h"

/* T:100 A #PF: the shadow lacked an entry that the guest has, or the fault is the guest's own. */
void exit_fault_at(struct vcpu *v, uint32_t va, uint32_t hw_err)
{
    uint32_t err = shadow_fault(v, GVA(va), hw_err);

    if (hv_likely(err == SHADOW_FILLED))
        return;
    v->lgdata->cr2 = va;
    reflect_fault(v, VEC_PF, err);
}

void exit_page_fault(struct vcpu *v)
{
    exit_fault_at(v, arch_read_cr2(), v->regs->errcode);
}
