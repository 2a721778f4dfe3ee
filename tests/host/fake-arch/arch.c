/* SPDX-License-Identifier: MIT */
/* hv/arch_if.h with variables: time stands still unless a test moves it,
 * interrupts never come, gates are recognisable numbers. */
#include "fake.h"

#include "hv/arch_if.h"
#include "hv/percpu.h"

#include <stdlib.h>
#include <string.h>

struct fake_arch fake_arch = {
    .timer_deadline_ns = UINT64_MAX,
    .image_base = 0x100000,
    .image_bytes = 0x80000,
};

struct percpu *this_cpu(void)
{
    static struct percpu cpu;
    static bool ready;

    if (!ready) {
        ready = true;
        list_init(&cpu.run_queue);
        list_init(&cpu.timers);
        cpu.timer_programmed_ns = UINT64_MAX;
    }
    return &cpu;
}

uint64_t arch_time_ns(void)
{
    return fake_arch.now_ns;
}

uint32_t arch_tsc_khz(void)
{
    return fake_arch.tsc_khz;
}

uint64_t arch_wallclock_base_ns(void)
{
    return fake_arch.wallclock_base_ns;
}

void arch_timer_arm(uint64_t deadline_ns)
{
    fake_arch.timer_deadline_ns = deadline_ns;
}

void arch_preempt_point(void)
{
    fake_arch.preempt_points++;
}

void arch_idle(void)
{
}

gva_t arch_fault_address(void)
{
    return GVA(fake_arch.fault_address);
}

bool arch_eip_in_thunk(uint32_t eip)
{
    (void)eip;
    return fake_arch.eip_in_thunk;
}

uint64_t arch_stub_gate(uint32_t vector, uint32_t dpl)
{
    return 0x57ab000000000000ull | vector << 8 | dpl;
}

uint64_t arch_thunk_gate(uint32_t dpl)
{
    return 0x7419000000000000ull | dpl;
}

void arch_vcpu_set_gdt(struct vcpu *v, uint32_t index, uint64_t desc)
{
    v->arch.gdt[index] = desc;
}

void arch_vcpu_set_idt(struct vcpu *v, uint32_t vector, uint64_t gate)
{
    if (v->arch.idt)
        v->arch.idt[vector] = gate;
}

void arch_vcpu_set_stack(struct vcpu *v, uint16_t ss1, uint32_t esp1)
{
    v->arch.ss1 = ss1;
    v->arch.esp1 = esp1;
}

void arch_vcpu_set_ts(struct vcpu *v, bool ts)
{
    v->arch.ts = ts;
}

void arch_vcpu_set_thunk(struct vcpu *v, uint32_t handler)
{
    (void)v;
    (void)handler;
}

void arch_image_range(uint64_t *base, uint64_t *bytes)
{
    *base = fake_arch.image_base;
    *bytes = fake_arch.image_bytes;
}

void arch_entropy(void *buf, uint32_t bytes)
{
    static uint8_t next;
    uint8_t *p = buf;

    for (uint32_t i = 0; i < bytes; i++)
        p[i] = next += 37;
}

uint32_t arch_cpu_index(void)
{
    return 0;
}
