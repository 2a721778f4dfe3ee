/* SPDX-License-Identifier: MIT */
/* The last words of the monitor.  hv_panic prints one line that starts with
 * "(RS) PANIC: ", registers, a symbolised backtrace and the guest that was
 * running, then does what exit= says, with failure.  It takes no lock and lets
 * one CPU through.  For host bugs only: nothing a guest does may come here. */
#pragma once

#include "hv/types.h"

struct trap_frame;

HV_NORETURN HV_COLD void hv_panic(const char *fmt, ...) HV_PRINTF(1, 2);

/* The same for a trap taken at ring 0 in the monitor: prints the frame. */
HV_NORETURN HV_COLD void hv_panic_trap(const struct trap_frame *tf,
                                       const char *what);

/* Prints a backtrace of the caller, one "  [<addr>] name+off" line a frame. */
void hv_backtrace(uintptr_t ebp, uintptr_t eip);

/* Looks an address up in the embedded symbol table.  Returns the name and
 * writes the offset, or NULL when the address is in no function. */
const char *symtab_lookup(uintptr_t addr, uint32_t *off_bytes);

/* Does what exit= says. ok: all went well, as docs/usage.md defines it. */
HV_NORETURN void hv_finish(bool ok);
