/* SPDX-License-Identifier: MIT */
/* The fields of lguest_data that all revisions have at the same place, through
 * the fixed alias of the loaded vCPU (v->irq_enabled, not NULL after INIT). */
#pragma once

#include "hv/types.h"

enum { LGD_IRQ_ENABLED = 0, LGD_BLOCKED = 1, LGD_CR2 = 2, LGD_TV_SEC = 3,
       LGD_TV_NSEC = 4, LGD_IRQ_PENDING = 5 /* from 2.6.31 on */ };
