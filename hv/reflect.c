/* SPDX-License-Identifier: MIT */
/* T:270 Trap frames on the guest's own stack.  The frame is what the CPU would push
 * if it delivered to ring 1 itself, with IF standing for the virtual interrupt
 * flag: bit 9 of lguest_data.irq_enabled and nothing else. */
#include "hv/reflect.h"

#include "hv/guest.h"
#include "hv/shadow.h"
#include "hv/vidt.h"

/* Flags that delivery clears (SDM 3A 6.12.1); IF is not the guest's. */
#define CLEARED (EFLAGS_TF | EFLAGS_VM | EFLAGS_RF | EFLAGS_NT)

static void unhandled(struct vcpu *v, uint32_t vector, uint32_t err)
{
    guest_kill(v->guest, "unhandled trap %u at %#x (%#x)", vector, v->regs->eip,
               vector == VEC_PF ? arch_read_cr2() : err);
}

/* A frame that crosses a page: word by word through the tables of each. */
static HV_NOINLINE bool push_across(struct vcpu *v, uint32_t esp, const uint32_t *frame,
                                    uint32_t words)
{
    return gva_write(v, GVA(esp), frame, words * 4);
}

/* n words at esp, or NULL: then `frame` takes them for push_across(). */
static uint32_t *frame_space(struct vcpu *v, uint32_t esp, uint32_t bytes)
{
    if (hv_unlikely((esp & HV_PAGE_MASK) > HV_PAGE_SIZE - bytes))
        return NULL;
    return gva_write_ptr(v, GVA(esp));
}

static uint32_t *put_frame(uint32_t *to, const struct vcpu *v, bool has_err, uint32_t err,
                           bool from_user)
{
    const struct guest_regs *r = v->regs;
    uint32_t flags = r->eflags;

    if (has_err)
        *to++ = err;
    to[0] = r->eip;
    to[1] = r->cs;
    if (!(*v->irq_enabled & EFLAGS_IF))
        flags &= ~EFLAGS_IF;
    to[2] = flags;
    if (from_user) {
        to[3] = r->esp;
        to[4] = r->ss;
    }
    return to;
}

/* The slow way in: crossing, unmapped, or no stack at all. */
static HV_NOINLINE bool push_slow(struct vcpu *v, uint32_t esp, uint32_t bytes,
                                  uint32_t vector, bool has_err, uint32_t err,
                                  bool from_user)
{
    uint32_t frame[6];

    put_frame(frame, v, has_err, err, from_user);
    if (push_across(v, esp, frame, bytes / 4))
        return true;
    guest_kill(v->guest, "bad address %#x for the frame of trap %u at %#x", esp, vector,
               v->regs->eip);
    return false;
}

void reflect_trap(struct vcpu *v, uint32_t vector, bool has_err, uint32_t err)
{
    struct guest *g = v->guest;
    struct guest_regs *r = v->regs;
    uint32_t hi = g->vidt_hi[vector], esp = r->esp;
    uint32_t bytes = has_err ? 16 : 12;
    bool from_user = (r->ss & 3) != 1;
    uint32_t *to;

    if (hv_unlikely(!(hi & HV_BIT(15)) || !v->irq_enabled)) {
        unhandled(v, vector, err);
        return;
    }
    if (from_user) {
        bytes += 8;
        esp = v->esp1;
    }
    esp -= bytes;
    to = frame_space(v, esp, bytes);
    if (hv_likely(to != NULL))
        put_frame(to, v, has_err, err, from_user);
    else if (!push_slow(v, esp, bytes, vector, has_err, err, from_user))
        return;
    r->esp = esp;
    if (from_user)
        r->ss = v->ss1;
    r->cs = SEL_GUEST_CS;
    r->eip = (hi & 0xffff0000u) | (g->vidt_lo[vector] & 0xffffu);
    r->eflags &= ~CLEARED;
    if (!(hi & HV_BIT(8))) /* interrupt gate */
        *v->irq_enabled = 0;
}

void reflect_gp(struct vcpu *v, uint32_t err)
{
    reflect_trap(v, VEC_GP, true, err);
}
