/* SPDX-License-Identifier: MIT */
/* From the first instruction to a guest with page tables, segments, gates and
 * a kernel stack; and the end. guest_main() is the program's. */
#pragma once

#include "guest/base.h"
#include "guest/lguest.h"

struct guest_boot {
    uint32_t mem_bytes;  /* RAM from 0 */
    const char *cmdline; /* never NULL */
    bool started;        /* LGUEST_INIT is done */
};

extern struct guest_boot guest;
extern char guest_image_end[];

/* Value of "key=..." in the command line, copied; false if absent. */
bool guest_option(const char *key, char *buf, uint32_t bytes);

/* The program. Called with ESP on boot_stack, before any hypercall. */
void guest_main(void);

/* LGUEST_INIT in this row with the library's structure. */
void guest_init(const struct lguest_row *row);

/* guest_init in row 3.1, paging, segments, gates, kernel stack. */
void guest_setup(bool pae);

/* Segments, gates, kernel stack: the part of guest_setup after paging. */
void guest_setup_traps(void);

/* Top of the stack that traps from ring 3 use (alias in the kernel half). */
uint32_t guest_trap_stack(void);

/* SHUTDOWN with a text. */
__attribute__((noreturn)) void guest_exit(const char *text);
__attribute__((noreturn)) void guest_reboot(const char *text);
