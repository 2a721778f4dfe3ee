/* SPDX-License-Identifier: MIT */
/* Private to hv/mmu/: the geometry that a unit is compiled for. A header that is looked
 * at alone is looked at without PAE. */
#pragma once

#ifndef FORMAT
#include "geometry_2level.h"
#endif
