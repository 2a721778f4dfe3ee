/* SPDX-License-Identifier: MIT */
/* The guest images inside ringside.elf: the demo, the canary, the suite. */
#pragma once

#include "hv/guest_config.h"

/* The i-th embedded image and its name (the file's, without its ending), or
 * NULL behind the last one. */
const char *embedded_at(uint32_t i, struct blob *out);

/* The image called name; data is NULL if this build has none. */
struct blob embedded_find(const char *name);
