/* SPDX-License-Identifier: MIT */
/* What the files of hv/control share. Private to it. */
#pragma once

#include "hv/guest_config.h"

/* A configuration is too large for a stack. CPU 0 only. */
extern struct guest_config control_scratch;
