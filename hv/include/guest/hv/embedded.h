/* SPDX-License-Identifier: MIT */
/* The guest images inside ringside.elf: the demo, the canary, the suite. */
#pragma once

#include "hv/guest_config.h"

/* The image called name (the file's, without its ending); data is NULL if this build has none. */
struct blob embedded_find(const char *name);
