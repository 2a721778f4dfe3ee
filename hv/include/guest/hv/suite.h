/* SPDX-License-Identifier: MIT */
/* The guest regression suite behind test=: starts the embedded test guests one
 * after the other beside a canary, judges how each ended and what they left
 * behind, prints flat KTAP. It sees them by the hooks of hv/observer.h. */
#pragma once

#include "hv/types.h"

/* The first word of a test= value that names no case and no group, into word;
 * false: there is none. */
bool suite_unknown_name(const char *test, char *word, uint32_t size);

/* Starts it, with a value as of test=; again if it is done. False: it is running. */
bool suite_start(const char *test);
