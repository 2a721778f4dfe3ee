/* SPDX-License-Identifier: MIT */
/* The last words of the monitor.  Written for the case that nothing works any
 * more: it takes no lock, follows no pointer that it has not bounded, and a
 * second panic inside the first says one line, a third one nothing. */
#include "hv/panic.h"

#include "hv/arch_if.h"
#include "hv/assert.h"
#include "hv/cmdline.h"
#include "hv/console.h"
#include "hv/guest.h"
#include "hv/log.h"
#include "hv/percpu.h"
#include "hv/string.h"

#define PANIC_TEXT_BYTES 200u
#define BACKTRACE_MAX 32u

static uint32_t panic_depth;
static uint32_t panic_cpu;

void hv_finish(bool ok)
{
    console_flush();
    switch (hv_options.exit_mode) {
    case EXIT_POWEROFF:
        arch_poweroff();
    case EXIT_REBOOT:
        arch_reboot();
    case EXIT_DEBUG:
        arch_debug_exit(ok ? 0 : 1); /* may not exist */
        break;
    case EXIT_WAIT:
    case EXIT_HALT:
        break;
    }
    arch_halt();
}

/* Prints the line that names the trouble. Does not return if a panic is under
 * way already: the rest could only fail again. */
static void begin(const char *text)
{
    uint32_t depth = __atomic_fetch_add(&panic_depth, 1, __ATOMIC_SEQ_CST);

    arch_panic_stop();
    if (depth > 0 && (depth > 1 || panic_cpu != arch_cpu_index()))
        arch_halt();
    if (depth > 0) {
        log_emergency("PANIC in a panic: %s", text);
        hv_finish(false);
    }
    panic_cpu = arch_cpu_index();
    console_panic_mode();
    log_always("PANIC: %s", text);
}

static void print_guest(void)
{
    struct vcpu *v = arch_percpu_ready() ? this_cpu()->loaded : NULL;

    if (v == NULL || v->guest == NULL)
        log_always("no guest was loaded on CPU %u", arch_cpu_index());
    else
        log_always("guest %.31s was loaded on CPU %u", v->guest->config.name,
                   arch_cpu_index());
}

/* A return address may lie behind the end of a function that does not return: then the
 * call itself is what is looked up, so many bytes before. */
static void print_frame(uintptr_t eip, uint32_t before)
{
    uint32_t off = 0;
    const char *name = symtab_lookup(eip - before, &off);

    if (name)
        log_emergency("  [<%08x>] %s+%#x", (uint32_t)eip, name, off + before);
    else
        log_emergency("  [<%08x>]", (uint32_t)eip);
}

void hv_backtrace(uintptr_t ebp, uintptr_t eip)
{
    uintptr_t bottom, top;

    if (eip != 0)
        print_frame(eip, 0);
    for (uint32_t i = 0; i < BACKTRACE_MAX; i++) {
        const uintptr_t *frame = (const uintptr_t *)ebp;

        if ((ebp & 3) != 0 || !arch_stack_bounds(ebp, &bottom, &top)
            || top - ebp < 2 * sizeof(uintptr_t))
            return;
        if (!arch_is_monitor_text(frame[1]))
            return;
        print_frame(frame[1], 1);
        if (frame[0] <= ebp) /* frames only ever lie further up */
            return;
        ebp = frame[0];
    }
}

void hv_panic(const char *fmt, ...)
{
    char text[PANIC_TEXT_BYTES];
    va_list ap;

    va_start(ap, fmt);
    (void)hv_vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    begin(text);
    arch_log_state();
    print_guest();
    log_always("backtrace:");
    hv_backtrace((uintptr_t)__builtin_frame_address(0), 0);
    hv_finish(false);
}

void hv_panic_trap(const struct trap_frame *tf, const char *what)
{
    char text[PANIC_TEXT_BYTES];
    /* ESP and SS are in the frame: pushed, or saved by the #DF task switch. */
    bool other_ring = (tf->cs & 3) != 0 || tf->trapnum == VEC_DF;
    uintptr_t bottom, top;

    (void)hv_snprintf(text, sizeof(text), "%s (vector %u, error %#x) at %#x",
                      what, tf->trapnum, tf->errcode, tf->eip);
    begin(text);
    log_always("eax %08x ebx %08x ecx %08x edx %08x", tf->eax, tf->ebx, tf->ecx,
               tf->edx);
    log_always("esi %08x edi %08x ebp %08x esp %08x", tf->esi, tf->edi, tf->ebp,
               other_ring ? tf->esp : (uint32_t)(uintptr_t)&tf->esp);
    log_always("eip %08x cs %04x ss %04x ds %04x es %04x fs %04x gs %04x "
               "eflags %08x",
               tf->eip, tf->cs & 0xffff, other_ring ? tf->ss & 0xffff : 0,
               tf->ds & 0xffff, tf->es & 0xffff, tf->fs & 0xffff,
               tf->gs & 0xffff, tf->eflags);
    arch_log_state();
    print_guest();
    log_always("backtrace:");
    if (!other_ring && !arch_is_monitor_text(tf->eip)
        && arch_stack_bounds((uintptr_t)&tf->esp, &bottom, &top))
        print_frame(tf->esp, 1); /* a call into nowhere: who called is on top */
    hv_backtrace(tf->ebp, tf->eip);
    hv_finish(false);
}

void hv_assert_failed(const char *expr, const char *file, int line)
{
    hv_panic("assertion failed: %s (%s:%d)", expr, file, line);
}
