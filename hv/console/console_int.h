/* SPDX-License-Identifier: MIT */
/* What the files of the console core share.  console.c owns the ring,
 * console_poll.c looks after the real consoles, console_guest.c has what guests
 * write, console_menu.c what is shown and where keys go.  Private to hv/console/. */
#pragma once

#include "hv/driver.h"

struct guest;

/* ---- console.c ---- */

#define CONSOLE_MAX_SINKS 6u
#define NO_LINE 0xffu

/* A real console. */
struct sink {
    const struct console_ops *ops;
    uint32_t tail;       /* next byte of the stream to write */
    uint32_t line;       /* ISA interrupt, or NO_LINE */
    uint32_t idle_polls; /* since it last took a byte, with some to take */
    bool stuck;          /* was waited for in vain */
    bool irq_works;
    bool polled; /* input was found that no interrupt had announced */
};

extern struct sink console_sinks[CONSOLE_MAX_SINKS];
extern uint32_t console_nr_sinks;

/* Bytes of the stream that it has still to take. */
uint32_t console_backlog(const struct sink *s);

/* Moves at most max bytes to each; wait: boundedly for each byte, and screens are drawn.
 * Only between console_enter and console_drop_lock. */
void console_push(uint32_t max, bool wait);

/* As console_leave(), without pushing anything. */
void console_drop_lock(void);

bool console_is_panicking(void);

/* Whose unfinished line is at the end of the stream: a guest's id or this. */
#define LINE_OF_MONITOR 0xffu

/* Appends to the stream as it is. Only between console_enter and _leave. */
void console_put(const char *bytes, uint32_t n);

void console_count_dropped(uint32_t bytes);

/* Ends an unfinished line, whoever it belongs to. */
void console_begin_line(void);

/* True if the stream ends in an unfinished line of this owner. */
bool console_line_is_open(uint32_t owner);
void console_set_line(uint32_t owner, bool open);

/* The only lock of the console core: innermost, held with interrupts off and
 * for bounded work. enter waits for other CPUs; an NMI does not wait, and gets false
 * if anybody has it. leave pushes output on. */
bool console_enter(void) HV_MUST_CHECK;
void console_leave(void);

/* Scrolls what the screens show (console_ops.scroll). */
void console_scroll(int pages);

/* ---- console_poll.c ---- */

/* Whether output may wait for the next poll; and lets it. */
bool console_in_background(void);
void console_push_soon(void);

/* ---- console_guest.c ---- */

/* Shows partial lines (prompts) of guests that have been quiet since the last
 * call. Returns true if any text is still held back. */
bool console_guest_poll(void);

/* Writes what the attached guest wrote while it was not shown, raw, or at least
 * its unfinished line (a prompt) again. */
void console_guest_replay(struct guest *g);

bool console_in_test_mode(void);

/* ---- console_menu.c ---- */

enum console_view { VIEW_ALL, VIEW_SHELL, VIEW_GUEST };

enum console_view console_view(void);
/* True if this guest's bytes go to the screen untouched. Reattaches a guest
 * that comes back after a restart. */
bool console_is_attached(const struct guest *g);
void console_view_guest_gone(const struct guest *g);

/* One byte of input; console_input_end() after the last of a batch. */
void console_input(uint8_t byte);
void console_input_end(void);

/* A key of the keyboard that is about the screen, unless a guest gets it. */
void console_page_key(enum console_key key);

/* A monitor line for whoever sits there, with "(RS) ": not for the log. */
void console_say(const char *fmt, ...) HV_PRINTF(1, 2);

/* Redraws the shell's prompt when other output has torn it away. Returns true
 * if it wants to be called again soon. */
bool console_prompt_poll(void);
