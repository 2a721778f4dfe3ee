/* SPDX-License-Identifier: MIT */
/* The run loop of a virtual CPU: do what is to be done for it, enter the
 * guest, hand the trap to its handler.  Nothing else happens on the fast path. */
#include "hv/arch_if.h"
#include "hv/assert.h"
#include "hv/exit.h"
#include "hv/guest.h"
#include "hv/mail.h"
#include "hv/panic.h"
#include "hv/percpu.h"
#include "hv/shadow.h"
#include "hv/vdev.h"
#include "hv/virq.h"

static HV_NOINLINE void audit(struct vcpu *v)
{
    if (++v->audit_count < v->audit_every)
        return;
    v->audit_count = 0;
    if (!shadow_audit(v->guest))
        hv_panic("audit: the shadow of %s differs", v->guest->config.name);
}

/* A #DB may have come late, for as long as a breakpoint is armed. */
static HV_NOINLINE void look_for_debug(struct vcpu *v)
{
    if (!arch_vcpu_armed(&v->arch))
        v->todo &= ~VCPU_TODO_DEBUG;
    if (arch_vcpu_take_late_debug())
        exit_debug_trap(v, 0);
}

/* What comes seldom. false: leave the run loop. */
static HV_NOINLINE bool attend_to_the_rest(struct vcpu *v)
{
    if (v->todo & VCPU_TODO_AUDIT)
        audit(v);
    if (v->todo & VCPU_TODO_MAIL) {
        v->todo &= ~VCPU_TODO_MAIL; /* first: what is posted from here on sets it anew */
        mail_read();
    }
    if (v->todo & VCPU_TODO_STEP) {
        v->todo &= ~VCPU_TODO_STEP;
        exit_debug_trap(v, DR6_BS);
    }
    if (v->todo & VCPU_TODO_DEBUG)
        look_for_debug(v);
    if (v->todo & (VCPU_TODO_DEAD | VCPU_TODO_RESCHED))
        return false;
    if (v->todo & VCPU_TODO_VDEV)
        vdev_poll(v->guest);
    return true;
}

/* T:070 True: enter the guest. false: leave the run loop. */
static bool attend(struct vcpu *v)
{
    const uint32_t often = VCPU_TODO_VIRQ | VCPU_TODO_PIN | VCPU_TODO_HALTED;

    if ((vcpu_todo(v) & ~often) && !attend_to_the_rest(v))
        return false;
    if (v->todo & VCPU_TODO_VIRQ)
        virq_deliver(v);
    if (v->todo & (VCPU_TODO_DEAD | VCPU_TODO_HALTED))
        return false;
    return !(v->todo & VCPU_TODO_PIN) || shadow_pin_stack(v);
}

/* The number on the entry stack is no vector as it stands: the stubs push those
 * from 128 up as negative.  Anything else is a frame of virtual-8086 mode, which
 * no CPU lets a guest enter, but QEMU does. A hardware interrupt in it must not get
 * lost. */
static HV_NOINLINE uint32_t odd_vector(struct vcpu *v, uint32_t vec)
{
    if (vec >= 0xffffff80u)
        return vec & 0xff;
    arch_vcpu_left_vm86();
    vec = exit_left_vm86(v) & 0xff;
    if (vec >= VEC_IRQ0)
        arch_handle_irq(vec);
    else if (vec == VEC_NMI)
        arch_handle_nmi();
    else if (vec == VEC_MC)
        arch_handle_mce();
    return EXIT_REASONS;
}

void vcpu_load(struct vcpu *v)
{
    struct percpu *cpu = this_cpu();

    if (cpu->loaded == v)
        return;
    if (cpu->loaded)
        vcpu_put(cpu->loaded);
    arch_vcpu_load(&v->arch);
    cpu->loaded = v;
    arch_vcpu_set_stack(v->ss1, v->esp1);
    arch_vcpu_set_ts(v->ts);
}

void vcpu_put(struct vcpu *v)
{
    if (this_cpu()->loaded != v)
        return;
    arch_vcpu_put(&v->arch);
    this_cpu()->loaded = NULL;
}

/* T:060 Between two exits: attend to what is to be done, enter, hand over to the handler. */
void vcpu_run(struct vcpu *v)
{
    hv_assert(this_cpu()->running == v && v->root && v->arch.cr3 != 0);
    vcpu_load(v);
    for (;;) {
        uint32_t vec;

        if (hv_unlikely(vcpu_has_todo(v)) && !attend(v))
            return;
        vec = arch_vcpu_run(v->arch.cr3);
        if (hv_unlikely(vec >= EXIT_REASONS)) {
            vec = odd_vector(v, vec);
            if (vec >= EXIT_REASONS)
                continue;
        }
        v->exit_count[vec]++;
        exit_table[vec](v);
    }
}

uint32_t vcpu_exits(const struct vcpu *v)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < EXIT_REASONS; i++)
        n += v->exit_count[i];
    return n;
}

uint32_t hv_progress(void)
{
    const struct vcpu *v = this_cpu()->loaded;

    return this_cpu()->progress + (v ? vcpu_exits(v) : 0);
}
