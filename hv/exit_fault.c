/* SPDX-License-Identifier: MIT */
/* T:126 #PF: filled in the shadow, or the guest's own business. */
#include "hv/arch_if.h"
#include "hv/exit.h"
#include "hv/guest.h"
#include "hv/reflect.h"
#include "hv/shadow.h"

void exit_page_fault(struct vcpu *v)
{
    uint32_t cr2 = arch_read_cr2();
    uint32_t err = shadow_fault(v, GVA(cr2), v->regs->errcode);

    if (hv_likely(err == SHADOW_FILLED))
        return;
    *v->cr2 = cr2;
    reflect_fault(v, VEC_PF, err);
}
