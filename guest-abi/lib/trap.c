/* SPDX-License-Identifier: MIT */
/* Gates, the dispatcher behind the stubs, and code run as data. */

#include "guest/boot.h"
#include "guest/desc.h"
#include "guest/lguest.h"
#include "guest/page.h"
#include "guest/print.h"
#include "guest/trap.h"

extern const char trap_stubs[];
#define STUB_BYTES 16u

extern uint32_t trap_run_irq_word, trap_run_iret; /* stubs.asm reads them */
uint32_t trap_run_enter(const struct trap_frame *f, uint32_t *saved_esp);
uint32_t trap_catch_call(void (*fn)(uint32_t), uint32_t arg, uint32_t *saved_esp);
__attribute__((noreturn)) void trap_run_leave(uint32_t saved_esp, uint32_t result);
void trap_dispatch(struct trap_frame *f, uint32_t irq_enabled, uint32_t cr2,
                   uint32_t flags);

static trap_handler *handlers[256];
volatile uint32_t irq_count[GABI_IRQ_LINES];
struct trap_seen trap_seen;

/* The run in progress, if any. */
static struct trap_frame *run_frame;
static uint32_t run_esp;
uint32_t trap_run_irq_word, trap_run_iret;
bool trap_run_ends_at_irq;

void trap_set_handler(uint32_t vector, trap_handler *h)
{
    handlers[vector & 0xff] = h;
}

uint32_t trap_stub(uint32_t vector)
{
    uint32_t low = addr_of(trap_stubs) + vector * STUB_BYTES;

    return pt_root ? low + GUEST_PAGE_OFFSET : low;
}

void trap_load_gate(uint32_t vector, uint32_t handler, uint32_t type, uint32_t dpl)
{
    lguest_call(GABI_HCALL_LOAD_IDT_ENTRY, vector,
                GABI_KERNEL_CS << 16 | (handler & 0xffff),
                (handler & 0xffff0000) | 0x8000 | dpl << 13 | type << 8, 0);
}

void trap_load_stub(uint32_t vector, uint32_t type, uint32_t dpl)
{
    trap_load_gate(vector, trap_stub(vector), type, dpl);
}

void trap_init(void)
{
    for (uint32_t v = 0; v < GABI_IRQ_VECTOR + GABI_IRQ_LINES; v++) {
        if (v == GABI_HCALL_VECTOR)
            continue;
        trap_load_stub(v, GATE_INTERRUPT, v == VEC_BP || v == VEC_OF ? 3 : 0);
    }
    trap_load_stub(GUEST_SYSCALL_VECTOR, GATE_TRAP, 3);
}

void trap_frame_init(struct trap_frame *f, uint32_t ring, uint32_t eip, uint32_t esp)
{
    memset(f, 0, sizeof(*f));
    f->cs = ring == 3 ? USER_CS : GABI_KERNEL_CS;
    f->ss = f->ds = f->es = ring == 3 ? USER_DS : GABI_KERNEL_DS;
    f->eip = eip;
    f->esp = esp;
    f->eflags = FLAG_FIXED | FLAG_IF;
}

uint32_t trap_run(struct trap_frame *f, uint32_t irq_enabled)
{
    lg_irq_enabled = 0;
    barrier();
    run_frame = f;
    trap_run_irq_word = irq_enabled;
    trap_run_iret = addr_of(lguest_noirq_start) + (pt_root ? GUEST_PAGE_OFFSET : 0);
    barrier();
    return trap_run_enter(f, &run_esp);
}

uint32_t trap_catch(void (*fn)(uint32_t), uint32_t arg, struct trap_frame *f)
{
    uint32_t vector;

    run_frame = f;
    barrier();
    vector = trap_catch_call(fn, arg, &run_esp);
    barrier();
    run_frame = NULL;
    return vector;
}

static uint32_t current_ss(void)
{
    uint32_t ss;

    __asm__("mov %%ss, %0" : "=r"(ss));
    return ss & 0xffff;
}

static uint32_t current_cs(void)
{
    uint32_t cs;

    __asm__("mov %%cs, %0" : "=r"(cs));
    return cs & 0xffff;
}

/* Ends the run: the frame goes out, the stack goes back. */
__attribute__((noreturn)) static void finish_run(struct trap_frame *f)
{
    struct trap_frame *out = run_frame;

    run_frame = NULL;
    memcpy(out, f, offsetof(struct trap_frame, esp));
    if ((f->cs & 3) == 3) {
        out->esp = f->esp;
        out->ss = f->ss & 0xffff;
    } else {
        out->esp = addr_of(&f->esp);
        out->ss = current_ss();
    }
    trap_seen.frame_esp = addr_of(&f->esp);
    trap_seen.handler_cs = current_cs();
    out->cs &= 0xffff;
    out->ds &= 0xffff;
    out->es &= 0xffff;
    out->fs &= 0xffff;
    out->gs &= 0xffff;
    trap_run_leave(run_esp, out->vector);
}

__attribute__((noreturn)) static void unexpected(const struct trap_frame *f,
                                                 uint32_t cr2)
{
    char text[GABI_SHUTDOWN_TEXT_BYTES];

    guest_snprintf(text, sizeof(text),
                   "unexpected trap %u (%s) error %x at %x:%08x cr2 %08x",
                   f->vector, trap_name(f->vector), f->errcode, f->cs & 0xffff,
                   f->eip, cr2);
    guest_exit(text);
}

/* Called by the stubs. */
void trap_dispatch(struct trap_frame *f, uint32_t irq_enabled, uint32_t cr2,
                   uint32_t flags)
{
    uint32_t line = f->vector - GABI_IRQ_VECTOR;

    if (line < GABI_IRQ_LINES) {
        irq_count[line]++;
        if (trap_run_ends_at_irq && run_frame)
            line = GABI_IRQ_LINES;
    }
    if (line < GABI_IRQ_LINES) {
        if (handlers[f->vector])
            handlers[f->vector](f);
        return;
    }
    if (run_frame) {
        trap_seen.irq_enabled = irq_enabled;
        trap_seen.cr2 = cr2;
        trap_seen.handler_flags = flags;
        finish_run(f);
    }
    if (!handlers[f->vector & 0xff])
        unexpected(f, cr2);
    handlers[f->vector & 0xff](f);
}

const char *trap_name(uint32_t vector)
{
    static const char names[][4] = {
        "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "9",
        "#TS", "#NP", "#SS", "#GP", "#PF", "15", "#MF", "#AC", "#MC", "#XM",
    };

    return vector < ARRAY_COUNT(names) ? names[vector] : "int";
}
