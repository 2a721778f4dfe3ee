/* SPDX-License-Identifier: MIT */
/* The architectural half of a virtual CPU: its pages in the switcher area,
 * its GDT and IDT in the state page, its ring-1 thunk, its FPU state.  At any
 * time at most one vCPU is loaded on a CPU; everything of it that a guest could
 * read is wiped or replaced when another one comes. */
#include "arch/vcpu.h"

#include "arch/asm_entry.h"
#include "arch/cpu.h"
#include "arch/descriptor.h"
#include "arch/fpu.h"
#include "arch/golden.h"
#include "arch/mitigate.h"
#include "arch/paging.h"
#include "hv/arch_if.h"
#include "hv/assert.h"
#include "hv/frame.h"
#include "hv/percpu.h"
#include "hv/pmm.h"
#include "hv/string.h"
#include "switcher/switcher.h"

static volatile uint64_t *state_idt(void)
{
    return (volatile uint64_t *)(SW_STATE + STATE_IDT);
}

static volatile uint64_t *state_gdt(void)
{
    return (volatile uint64_t *)(SW_STATE + STATE_GDT);
}

/* ---- the stack ---- */

/* As cpu_switch_stack() leaves one, about to return to where the guest's life begins. */
static void stack_prepare(struct arch_vcpu *a)
{
    const uint32_t first[] = {0, 0, 0, 0, (uint32_t)(uintptr_t)guest_main, 0};
    uint32_t at = LAYOUT_VCPU_STACK_PAGES * HV_PAGE_SIZE - sizeof(first);

    memcpy((uint8_t *)frame_ptr(a->stack_frame) + at, first, sizeof(first));
    a->esp = LAYOUT_VCPU_STACK + at;
}

void arch_vcpu_stack_enter(struct arch_vcpu *a)
{
    struct arch_percpu *cpu = &this_cpu()->arch;

    if (cpu->stack_of != a)
        percpu_map_stack(a);
    cpu_switch_stack(&cpu->own_esp, a->esp);
}

void arch_vcpu_stack_leave(struct arch_vcpu *a)
{
    cpu_switch_stack(&a->esp, this_cpu()->arch.own_esp);
}

/* ---- its life ---- */

struct guest_regs *arch_vcpu_init(struct arch_vcpu *a)
{
    a->regs_frame = pmm_alloc(PMM_DIRECT);
    a->thunk_frame = pmm_alloc(PMM_DIRECT);
    a->stack_frame = pmm_alloc_contig(LAYOUT_VCPU_STACK_PAGES, 1, 0);
    a->idt = pmm_alloc_page();
    if (hfn_is_none(a->regs_frame) || hfn_is_none(a->thunk_frame) ||
        hfn_is_none(a->stack_frame) || !a->idt) {
        arch_vcpu_fini(a);
        return NULL;
    }
    stack_prepare(a);
    /* The IDT takes 2 KiB; the FPU image lies behind it. */
    a->fxsave = (uint8_t *)a->idt + 2048;
    fpu_init_image(a->fxsave);
    debugreg_init(a);
    return (struct guest_regs *)((uint8_t *)frame_ptr(a->regs_frame) + HV_PAGE_SIZE) - 1;
}

void arch_vcpu_fini(struct arch_vcpu *a)
{
    hv_assert(!a->loaded);
    if (!hfn_is_none(a->regs_frame))
        pmm_unref(a->regs_frame);
    if (!hfn_is_none(a->thunk_frame))
        pmm_unref(a->thunk_frame);
    if (!hfn_is_none(a->stack_frame)) {
        if (this_cpu()->arch.stack_of == a)
            percpu_map_stack(NULL);
        pmm_free_contig(a->stack_frame, LAYOUT_VCPU_STACK_PAGES);
    }
    if (a->idt)
        pmm_free_page(a->idt);
    memset(a, 0, sizeof(*a));
}

static void load_tables(struct arch_vcpu *a)
{
    for (uint32_t i = 0; i < GABI_GDT_ENTRIES; i++) {
        if (gdt_index_is_guests(i))
            state_gdt()[i] = a->gdt[i];
    }
    for (uint32_t i = 0; i < 256; i++)
        state_idt()[i] = a->idt[i];
}

void arch_vcpu_load(struct arch_vcpu *a)
{
    switcher_map_vcpu(a->regs_frame, a->thunk_frame, a->lgdata_frame[0],
                      a->lgdata_frame[1]);
    load_tables(a);
    debugreg_load(a);
    cpu_clts();
    fpu_restore(a->fxsave);
    this_cpu()->arch.cr0 &= ~CR0_TS;
    a->loaded = true;
    mitigate_switch();
}

void arch_vcpu_put(struct arch_vcpu *a)
{
    struct percpu *cpu = this_cpu();

    hv_assert(a->loaded);
    cpu_clts();
    cpu->arch.cr0 &= ~CR0_TS;
    fpu_save(a->fxsave);
    debugreg_put(a);
    switcher_map_vcpu(HFN_NONE, HFN_NONE, HFN_NONE, HFN_NONE);
    a->loaded = false;
    if (!cpu->not_golden)
        cpu->not_golden = golden_difference();
}

void arch_vcpu_set_idt(struct arch_vcpu *a, uint32_t vector, uint64_t gate)
{
    hv_assert(vector < 256);
    a->idt[vector] = gate;
    if (a->loaded)
        state_idt()[vector] = gate;
}

/* The monitor itself never touches the FPU, so CR0.TS can stay the guest's
 * while ring 0 runs: it is written only when it changes. */
void arch_vcpu_flip_ts(void)
{
    struct percpu *cpu = this_cpu();

    cpu->arch.cr0 ^= CR0_TS;
    cpu_write_cr0(cpu->arch.cr0);
}

void arch_vcpu_map_lguest_data(struct arch_vcpu *a, hfn_t first, hfn_t second)
{
    a->lgdata_frame[0] = first;
    a->lgdata_frame[1] = second;
    if (a->loaded)
        switcher_map_lgdata(first, second);
}

static void put_byte(uint8_t **p, uint8_t b)
{
    *(*p)++ = b;
}

static void put_word(uint8_t **p, uint32_t w)
{
    for (uint32_t i = 0; i < 4; i++)
        put_byte(p, (uint8_t)(w >> (8 * i)));
}

/* op [ss:disp32], imm32 with the ModRM byte given: 0x36 op modrm disp32 imm32. */
static void put_mem_imm(uint8_t **p, uint8_t op, uint8_t modrm, uint32_t at,
                        uint32_t imm)
{
    put_byte(p, 0x36);
    put_byte(p, op);
    put_byte(p, modrm);
    put_word(p, at);
    put_word(p, imm);
}

/* The ring-1 thunk for a system-call *interrupt* gate (ABI 5.3).  The CPU has
 * come through a real trap gate and pushed IF 1; what hardware would have
 * pushed is the virtual IF, and it would have cleared it on the way in:
 *
 *         test  dword [ss:irq_enabled], 0x200
 *         jz    slow
 *         mov   dword [ss:irq_enabled], 0
 *         jmp   handler
 *   slow: and   dword [esp+8], ~0x200     ; IF was virtually 0: push that
 *         mov   dword [ss:irq_enabled], 0
 *         jmp   handler
 *
 * SS is the guest kernel's stack segment, DS may still be the user's. */
void arch_vcpu_set_thunk(struct arch_vcpu *a, uint32_t irq_enabled, uint32_t handler)
{
    uint8_t *base = frame_ptr(a->thunk_frame);
    uint8_t *p = base;

    put_mem_imm(&p, 0xf7, 0x05, irq_enabled, EFLAGS_IF);
    put_byte(&p, 0x74); /* jz slow */
    put_byte(&p, 11 + 5);
    for (uint32_t slow = 0; slow < 2; slow++) {
        if (slow) {
            put_byte(&p, 0x81); /* and dword [esp+8], imm32 */
            put_byte(&p, 0x64);
            put_byte(&p, 0x24);
            put_byte(&p, 0x08);
            put_word(&p, ~EFLAGS_IF);
        }
        put_mem_imm(&p, 0xc7, 0x05, irq_enabled, 0);
        put_byte(&p, 0xe9); /* jmp rel32 */
        put_word(&p, handler - (SW_THUNK + (uint32_t)(p - base) + 4));
    }
}

uint64_t arch_stub_gate(uint32_t vector, uint32_t dpl)
{
    uint32_t off = (uint32_t)(switcher_stubs - switcher_text_start) +
                   vector * SWITCHER_STUB_BYTES;

    return gate_make(SEL_HOST_CS, SW_TEXT + off, dpl, false);
}

hpa_t arch_switcher_pt(void)
{
    return this_cpu()->arch.switcher_guest_pt;
}
