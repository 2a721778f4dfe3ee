/* SPDX-License-Identifier: MIT */
/* The monitor's shell: a line editor fed byte by byte, and a table of commands.
 * Nothing here waits. Every bad input is answered with one line and changes
 * nothing.  Private to hv/console/. */
#pragma once

#include "../console_int.h"
#include "hv/arch_if.h"
#include "hv/control.h"

/* One line of an answer. Commands run in the run loop, so interrupts may come
 * in between: a long answer must not keep them out (P5). */
#define shell_say(...) \
    do { \
        console_say(__VA_ARGS__); \
        arch_preempt_point(); \
    } while (0)

/* One byte typed by the user. */
void shell_input(uint8_t byte);

/* Runs the command that has been entered, if any: from the run loop only, since
 * commands create and destroy guests. */
void shell_run_pending(void);

/* A command waits: input is left where it is until it has run. */
bool shell_is_busy(void);

/* The user has come to the shell: shows a prompt. */
void shell_start(void);

/* Draws prompt and line again if other output has torn them away; an empty line
 * only if even_empty. */
void shell_prompt_again(bool even_empty);

#define SHELL_MAX_WORDS 4u /* the command and its arguments */

struct shell_command {
    const char *name;
    const char *args; /* for help and usage */
    const char *help;
    uint32_t min_args, max_args;
    /* One of these: */
    void (*run)(char *const *args); /* NULL is behind the last */
    enum control_result (*wish)(const char *name);
    void (*about)(struct guest *g);
};

/* The guest, or a line that there is no such guest; why a wish is not granted. */
struct guest *shell_guest(const char *name);
void shell_answer(const char *name, enum control_result r);

/* Counters of the monitor (stats without a name). */
void shell_print_stats(void);

/* Terminated by a NULL name. */
extern const struct shell_command shell_guest_commands[];
extern const struct shell_command shell_system_commands[];
