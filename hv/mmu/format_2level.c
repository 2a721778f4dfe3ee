/* SPDX-License-Identifier: MIT */
/* The format of guest tables without PAE. */
#include "geometry_2level.h"

#include "format_text.h"
