/* SPDX-License-Identifier: MIT */
/* hv/arch_if.h with variables: time stands still unless a test moves it,
 * interrupts never come, gates are recognisable numbers. */
#include "fake.h"

#include "hv/arch_if.h"
#include "hv/percpu.h"

#include "test.h"

struct fake_arch fake_arch = {
    .timer_deadline_ns = UINT64_MAX,
    .image_base = 0x100000,
    .image_bytes = 0x80000,
    .debug_exit = -1,
};

/* The machine goes off: like a panic, an end that a test may want. */
HV_NORETURN static void test_end(const char *how)
{
    if (test_panic_wanted)
        longjmp(test_panic_jump, 1);
    printf("the machine is gone: %s\n", how);
    test_abort();
}

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

/* One that faults has copied half. */
bool arch_copy(void *dst, const void *src, uint32_t n)
{
    bool ok = fake_arch.copies_to_fault == 0 || --fake_arch.copies_to_fault != 0;

    memcpy(dst, src, ok ? n : n / 2);
    return ok;
}

uint64_t arch_time_ns(void)
{
    return fake_arch.now_ns;
}

void short_clock_start(struct short_clock *c)
{
    c->ns = fake_arch.now_ns;
}

bool short_clock_ns(const struct short_clock *c, uint32_t *ns)
{
    uint64_t since = fake_arch.now_ns - c->ns;

    *ns = (uint32_t)since;
    return since < 1u << 30;
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
    if (fake_arch.on_preempt)
        fake_arch.on_preempt();
}

void arch_idle(void)
{
    fake_arch.idles++;
}

void arch_irq_set_handler(uint32_t line, void (*handler)(void))
{
    (void)line;
    (void)handler;
}

void arch_handle_irq(uint32_t vector)
{
    fake_arch.handled_vector = vector;
}

void arch_handle_nmi(void)
{
    fake_arch.handled_vector = 2;
}

void arch_handle_mce(void)
{
    fake_arch.handled_vector = 18;
}

/* ---- virtual CPU ---- */

struct guest_regs *arch_vcpu_init(struct arch_vcpu *a)
{
    static struct guest_regs regs;

    a->idt = calloc(256, sizeof(*a->idt));
    return a->idt ? &regs : NULL;
}

void arch_vcpu_fini(struct arch_vcpu *a)
{
    free(a->idt);
    a->idt = NULL;
}

void arch_vcpu_load(struct arch_vcpu *a)
{
    a->loaded = true;
}

void arch_vcpu_put(struct arch_vcpu *a)
{
    a->loaded = false;
}

void arch_vcpu_map_lguest_data(struct arch_vcpu *a, hfn_t first, hfn_t second)
{
    a->lgdata_frame[0] = first;
    a->lgdata_frame[1] = second;
}

gva_t arch_fault_address(void)
{
    return GVA(fake_arch.fault_address);
}

uint64_t arch_stub_gate(uint32_t vector, uint32_t dpl)
{
    return 0x57ab000000000000ull | vector << 8 | dpl;
}

void arch_vcpu_set_gdt(struct arch_vcpu *a, uint32_t index, uint32_t lo, uint32_t hi)
{
    a->gdt[index] = (uint64_t)hi << 32 | lo;
}

void arch_vcpu_set_idt(struct arch_vcpu *a, uint32_t vector, uint64_t gate)
{
    if (a->idt)
        a->idt[vector] = gate;
}

void arch_vcpu_set_stack(uint32_t ss1, uint32_t esp1)
{
    fake_arch.ss1 = ss1;
    fake_arch.esp1 = esp1;
}

void arch_vcpu_set_ts(bool ts)
{
    fake_arch.ts = ts;
}

void arch_vcpu_set_thunk(struct arch_vcpu *a, uint32_t irq_enabled, uint32_t handler)
{
    (void)a;
    (void)irq_enabled;
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

hpa_t arch_switcher_pt(void)
{
    return HPA(0xff000);
}

/* ---- devices, boot, panic, the end ---- */

void *arch_map_device(hpa_t pa, uint32_t bytes)
{
    (void)pa;
    (void)bytes;
    return NULL;
}

const void *arch_map_firmware(hpa_t pa, uint32_t bytes)
{
    return boot_phys(pa.v, bytes);
}

void hv_init_free(void)
{
}

bool arch_percpu_ready(void)
{
    return true;
}

void arch_panic_stop(void)
{
}

void arch_log_state(void)
{
}

bool arch_stack_bounds(uintptr_t sp, uintptr_t *bottom, uintptr_t *top)
{
    (void)sp;
    (void)bottom;
    (void)top;
    return false;
}

bool arch_is_monitor_text(uintptr_t addr)
{
    (void)addr;
    return false;
}

void arch_debug_exit(uint8_t value)
{
    fake_arch.debug_exit = value;
}

void arch_poweroff(void)
{
    test_end("power off");
}

void arch_reboot(void)
{
    test_end("reboot");
}

void arch_halt(void)
{
    test_end("halt");
}
