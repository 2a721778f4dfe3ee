/* SPDX-License-Identifier: MIT */
/* Trap frames on the guest's own stack.  The frame is what the CPU would push
 * if it delivered to ring 1 itself, with IF standing for the virtual interrupt
 * flag: bit 9 of lguest_data.irq_enabled and nothing else. */
#include "hv/reflect.h"

#include "arch/descriptor.h"
#include "hv/guest.h"
#include "hv/shadow.h"
#include "hv/vgdt.h"

/* Flags that delivery clears (SDM 3A 6.12.1); IF is not the guest's. */
#define CLEARED (EFLAGS_TF | EFLAGS_VM | EFLAGS_RF | EFLAGS_NT)

static void unhandled(struct vcpu *v, uint32_t vector, uint32_t err)
{
    guest_kill(v->guest, "unhandled trap %u at %#x (%#x)", vector, v->regs->eip,
               vector == VEC_PF ? v->lgdata->cr2 : err);
}

/* Writes the frame at to as hardware would. The real IF is always set: the virtual
 * one stands in its place. QEMU 7.2 may have bits among the flags that no guest can
 * set, VM and IOPL too (fl.rotate_before_fault), and its iret would take them. */
HV_INLINE void put_frame(uint32_t *to, const struct vcpu *v, const struct guest_regs *r,
                         bool has_err, uint32_t err, bool from_user)
{
    if (has_err)
        *to++ = err;
    to[0] = r->eip;
    to[1] = r->cs;
    to[2] = (r->eflags & (EFLAGS_GUEST | EFLAGS_FIXED)) | (v->lgdata->irq_enabled & GABI_IF);
    if (from_user) {
        to[3] = r->esp;
        to[4] = r->ss;
    }
}

/* Where the frame crosses into another page, or one is not there to be written. */
static HV_NOINLINE bool push_by_page(struct vcpu *v, uint32_t esp, uint32_t vector,
                                     bool has_err, uint32_t err, bool from_user)
{
    uint32_t frame[6], bytes = (has_err ? 16u : 12u) + (from_user ? 8u : 0u);

    put_frame(frame, v, v->regs, has_err, err, from_user);
    if (gva_write(v, GVA(esp), frame, bytes))
        return true;
    guest_kill(v->guest, "bad address %#x for the frame of trap %u at %#x", esp, vector,
               v->regs->eip);
    return false;
}

/* From ring 1 on a stack segment that is not flat: word by word as the CPU pushes, within
 * 64 KiB if the segment is of 16 bits (SDM 3A 5.8, 6.12.1); ESP's upper half stays. */
static HV_NOINLINE bool push_segmented(struct vcpu *v, uint32_t vector, bool has_err,
                                       uint32_t err)
{
    struct guest_regs *r = v->regs;
    uint32_t frame[4], words = has_err ? 4 : 3, mask, sp = r->esp, va;

    put_frame(frame, v, r, has_err, err, false);
    mask = vgdt_stack_mask(v, r->ss);
    for (uint32_t i = words; i > 0; i--) {
        sp = (sp & ~mask) | ((sp - 4) & mask);
        if (!vgdt_linear(v, r->ss, sp & mask, 4, &va) ||
            !gva_write(v, GVA(va), &frame[i - 1], 4)) {
            guest_kill(v->guest, "bad address %#x:%#x for the frame of trap %u at %#x",
                       r->ss, sp & mask, vector, r->eip);
            return false;
        }
    }
    r->esp = sp;
    return true;
}

HV_INLINE void enter_handler(struct vcpu *v, struct guest_regs *r, uint32_t vector,
                             uint32_t hi)
{
    r->cs = GABI_KERNEL_CS;
    r->eip = v->guest->vidt_eip[vector];
    r->eflags &= ~CLEARED;
    if (!(hi & DESC_TRAP))
        v->lgdata->irq_enabled = 0;
}

/* T:250 To the handler of a gate that is there, on a flat stack. Inline, for each kind of
 * frame. */
HV_INLINE void deliver(struct vcpu *v, uint32_t vector, uint32_t hi, bool has_err,
                       uint32_t err, bool from_user)
{
    struct guest_regs *r = v->regs;
    uint32_t esp = (from_user ? v->esp1 - 8 : r->esp) - (has_err ? 16 : 12);
    uint32_t *frame = hv_likely((esp & HV_PAGE_MASK) <= HV_PAGE_SIZE - 24)
                          ? gva_write_ptr(v, GVA(esp)) : NULL;

    if (hv_likely(frame != NULL))
        put_frame(frame, v, r, has_err, err, from_user);
    else if (!push_by_page(v, esp, vector, has_err, err, from_user))
        return;
    r->esp = esp;
    if (from_user)
        r->ss = v->ss1;
    enter_handler(v, r, vector, hi);
}

HV_INLINE void reflect(struct vcpu *v, uint32_t vector, bool has_err, uint32_t err)
{
    uint32_t hi = v->guest->vidt_hi[vector];

    /* Before INIT no gate can be loaded, so lguest_data is there when one is. */
    if (hv_unlikely(!(hi & DESC_P)))
        unhandled(v, vector, err);
    else if (v->regs->ss & 2) /* RPL is 1 or 3 */
        deliver(v, vector, hi, has_err, err, true);
    else if (hv_likely(v->regs->ss == v->flat_ss))
        deliver(v, vector, hi, has_err, err, false);
    else if (push_segmented(v, vector, has_err, err))
        enter_handler(v, v->regs, vector, hi);
}

void reflect_plain(struct vcpu *v, uint32_t vector)
{
    reflect(v, vector, false, 0);
}

void reflect_fault(struct vcpu *v, uint32_t vector, uint32_t err)
{
    reflect(v, vector, true, err);
}

void reflect_user_fault(struct vcpu *v, uint32_t vector, uint32_t err)
{
    uint32_t hi = v->guest->vidt_hi[vector];

    if (hi & DESC_P)
        deliver(v, vector, hi, true, err, true);
    else
        unhandled(v, vector, err);
}
