/* SPDX-License-Identifier: MIT */
/* The console core: all real consoles at once, a ring buffer and a bounded
 * wait for slow ones, the one-line menu behind the escape key, attachment of
 * guests (docs/usage.md, "Console"). Works from the first line of C. */
#pragma once

#include "hv/types.h"

struct guest;
struct console_ops;

/* Probes and adds the consoles that hv_options.consoles names (0: all that are
 * there) and takes the log level from hv_options. Before it, output goes into
 * the ring only. Until console_start() each write is pushed out at once. */
void console_init_early(void);

/* Interrupts and timers work: finds out which consoles can interrupt, polls
 * the others, and pushes output in the background from now on. */
void console_start(void);

/* "Ctrl-A opens the menu ..." in words, for the banner. */
const char *console_way_out_hint(void);

/* Adds a real console; output so far is replayed from the ring. */
void console_add(const struct console_ops *ops);

/* Bytes of a guest's console. Shown if it is attached or all are shown (then
 * each line starts with "[NAME] "; while test= runs as "# [NAME] text"). */
void console_guest_write(struct guest *g, const uint8_t *bytes, uint32_t n);

/* Bytes that console_guest_write() would take now without losing any: no less
 * than what a slow line has still to send allows. What is written beyond it is
 * dropped and counted, so that no guest can crowd out the monitor's lines. */
uint32_t console_guest_room(void);

/* The guest is about to vanish: an unfinished line is ended, attachment ends. */
void console_guest_gone(struct guest *g);

/* Monitor output, raw bytes; starts on a fresh line if at_line_start. False: this is an
 * NMI that interrupted an update of the core; the caller keeps its text for later. */
bool console_monitor_write(const char *bytes, uint32_t n, bool at_line_start);

/* Takes input, pushes output on and runs what the shell was told to do. Called
 * by the run loop, where guests may be created and destroyed; input and output
 * go on in interrupts meanwhile. */
void console_poll(void);

/* At boot: one guest = attached to it; several = all shown. NULL: the shell. */
void console_attach(struct guest *g);
void console_show_all(void);

/* Writes everything out, waiting boundedly (before power off, in a panic). */
void console_flush(void);

/* Panic: no locks, straight to the hardware. */
void console_panic_mode(void);

/* Straight to the hardware around everything (log_emergency). */
void console_emergency_write(const char *bytes, uint32_t n);

/* While test= runs. */
void console_set_test_mode(bool on);

/* Bytes dropped because no console kept up. */
uint32_t console_dropped(void);
