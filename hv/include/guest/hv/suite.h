/* SPDX-License-Identifier: MIT */
/* The guest regression suite behind test=: starts the embedded test guests one
 * after the other beside a canary, judges how each ended and what they left
 * behind, prints flat KTAP. */
#pragma once

#include "hv/types.h"

struct guest;

/* True if test= was given: the suite owns the starting of guests. */
bool suite_wanted(void);

/* The first word of a test= value that names no case and no group, into word;
 * false: there is none. */
bool suite_unknown_name(const char *test, char *word, uint32_t size);

/* Starts it, with a value as of test=; again if it is done. False: it is running. */
bool suite_start(const char *test);

/* Called by the run loop of the boot CPU between time slices: starts the next
 * case when the last one is done. Returns false when the suite is finished. */
bool suite_step(void);

/* A guest of the suite has ended (before it is destroyed). */
void suite_guest_ended(struct guest *g);

/* When all is done and the machine waits: starts the reporter guest, which shows
 * totals, failures and the machine, also as a QR code, and attaches the console to
 * it. False: there is none. */
bool suite_show_report(void);

/* 0: every case passed or was skipped. */
int suite_result(void);
