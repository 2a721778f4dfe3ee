/* SPDX-License-Identifier: MIT */
/* Everything hv/ wants from the architecture, each with its contract.  The
 * machine gives arch/i386/ behind it, the host tests tests/host/fake-arch. */
#pragma once

#include "hv/addr.h"
#include "hv/devmap.h"
#include "hv/short_clock.h"

struct arch_vcpu;
struct guest_regs;

/* ---- time ---- */

/* Monotonic nanoseconds since boot, never backwards on one CPU. */
uint64_t arch_time_ns(void);

/* TSC frequency if it is constant and does not stop, else 0. */
uint32_t arch_tsc_khz(void);

/* Wall clock: nanoseconds since 1970 UTC at arch_time_ns() == 0. */
uint64_t arch_wallclock_base_ns(void);

/* Programs the CPU's timer interrupt for deadline_ns (at once if it is past;
 * UINT64_MAX: none). */
void arch_timer_arm(uint64_t deadline_ns);

/* ---- interrupts and idling (interrupts are off in the monitor) ---- */

/* Halts until an interrupt has been taken and handled. Interrupts are open
 * inside and off again on return. */
void arch_idle(void);

/* A preemption point: takes pending interrupts, if any, then returns with
 * interrupts off. Only where all guest state is consistent. */
void arch_preempt_point(void);

/* Handles a hardware vector (0x20 and up) that arrived while a guest ran. */
void arch_handle_irq(uint32_t vector);

/* Opens an ISA interrupt line; its interrupts call handler (bounded, with
 * interrupts off, only from arch_idle, arch_preempt_point or after an exit). */
void arch_irq_set_handler(uint32_t line, void (*handler)(void));

/* The same for NMI (2) and #MC (18), which re-opens NMIs. */
void arch_handle_nmi(void);
void arch_handle_mce(void);

/* ---- virtual CPU: the half of it that is the architecture's ---- */

/* Builds and frees it (regs page, thunk page, FPU image). Returns the registers,
 * directly mapped; NULL: no memory. */
struct guest_regs *arch_vcpu_init(struct arch_vcpu *a) HV_MUST_CHECK;
void arch_vcpu_fini(struct arch_vcpu *a);

/* What the monitor does for a guest it does on a stack of the guest's vCPU, on which
 * guest_main() begins. enter: from the CPU's own stack, goes on there; returns when the
 * vCPU leaves it. */
void arch_vcpu_stack_enter(struct arch_vcpu *a);
void arch_vcpu_stack_leave(struct arch_vcpu *a);

/* Makes it the vCPU of this CPU, which has none: its pages in the switcher window, its
 * GDT and IDT in the state page, its FPU state in the CPU. The stack for direct gates
 * and CR0.TS are the caller's to set. */
void arch_vcpu_load(struct arch_vcpu *a);

/* Saves FPU state and unmaps; afterwards no vCPU is loaded here. */
void arch_vcpu_put(struct arch_vcpu *a);

/* arch_vcpu_run(cr3), inline in arch/vcpu.h: enters the guest whose vCPU is loaded,
 * with this shadow root, and returns the vector of the trap that ended it (0..255, or
 * ARCH_EXIT_BAD_IRET when the CPU refused the guest's own CS, SS or EIP: then errcode
 * has the vector of that fault in bits 16 to 23 above its error code). Its registers
 * are in its regs page. */

/* Writes one entry of its real IDT (and of this CPU's, if loaded). The caller has
 * sanitised it. */
void arch_vcpu_set_idt(struct arch_vcpu *a, uint32_t vector, uint64_t gate);

/* The same of its GDT; and of the vCPU that is loaded the ring-1 stack for direct gates,
 * ss1:esp1 of the TSS, and CR0.TS. */
#ifdef HV_HOST_TEST
void arch_vcpu_set_gdt(struct arch_vcpu *a, uint32_t index, uint32_t lo, uint32_t hi);
void arch_vcpu_set_stack(uint32_t ss1, uint32_t esp1);
void arch_vcpu_set_ts(bool ts);
#else
#include "arch/vcpu_inline.h"
#endif

/* Maps the frame(s) that hold lguest_data at the fixed alias (second may be
 * HFN_NONE), and sets up the thunk for the system-call vector's handler; irq_enabled is
 * the address of that field in the alias. */
void arch_vcpu_map_lguest_data(struct arch_vcpu *a, hfn_t first, hfn_t second);
void arch_vcpu_set_thunk(struct arch_vcpu *a, uint32_t irq_enabled, uint32_t handler);

/* Debug registers: arch/vcpu.h. */

/* Address of the stub gate for a vector with this DPL (0, 1 or 3). */
uint64_t arch_stub_gate(uint32_t vector, uint32_t dpl);

/* ---- host paging ---- */

/* The page table (guest view) that the last directory entry of every shadow
 * root points to on this CPU. */
hpa_t arch_switcher_pt(void);

/* Where the monitor's image lies, embedded guests included, for pmm_init(). */
void arch_image_range(uint64_t *base, uint64_t *bytes);

/* Gives boot-only memory back and makes what boot alone may write read-only.
 * Called once, from hv_run(), before the first guest. */
void hv_init_free(void);

/* ---- for a panic ---- */

/* Interrupts off for good; other CPUs are to stop. */
void arch_panic_stop(void);

/* False until this_cpu() may be used. */
bool arch_percpu_ready(void);

/* Logs the control registers. */
void arch_log_state(void);

/* If sp lies in one of the monitor's stacks: its bounds. */
bool arch_stack_bounds(uintptr_t sp, uintptr_t *bottom, uintptr_t *top);

/* True if this range of bytes is the monitor's code or data and mapped. */
bool arch_is_monitor_text(uintptr_t addr);

/* ---- the rest ---- */

/* memcpy() that may meet a page which is not there: false, and dst is in part
 * written. */
bool arch_copy(void *dst, const void *src, uint32_t n) HV_MUST_CHECK;

/* Random bytes from RDRAND or a jitter pool; seeds the guests' DRBG. */
void arch_entropy(void *buf, uint32_t bytes);

HV_NORETURN void arch_poweroff(void);
HV_NORETURN void arch_reboot(void);
HV_NORETURN void arch_halt(void);

/* isa-debug-exit at port 0xf4 with this value; returns if there is none. */
void arch_debug_exit(uint8_t value);

uint32_t arch_cpu_index(void);

/* ---- what the architecture wants from hv/ ---- */

/* Changes whenever the monitor gets on: with the rounds of the scheduler, and with
 * every exit of the vCPU that is loaded. */
uint32_t hv_progress(void);

/* Where a vCPU's stack begins: the whole life of its guest. */
HV_NORETURN void guest_main(void);
