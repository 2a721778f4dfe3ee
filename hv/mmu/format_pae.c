/* SPDX-License-Identifier: MIT */
/* The format of guest tables with PAE. */
#include "geometry_pae.h"

#include "format_text.h"
