/* SPDX-License-Identifier: MIT */
/* Build options: default, range, what each is for.  Override with -D.  Run-time
 * options are on the command line (hv/cmdline.h). Bad combinations are refused
 * by hv/core/config.c. */
#pragma once

/* CPUs the tables are dimensioned for, 1 to 32. Each costs about 60 KiB, and
 * only if it is there. */
#ifndef HV_CFG_MAX_CPUS
#define HV_CFG_MAX_CPUS 32
#endif

/* Fault injection inside the monitor, 0 or 1: build/ringside-inject.elf. Never
 * in an image that is to hold guests apart. */
#ifndef HV_CFG_INJECT
#define HV_CFG_INJECT 0
#endif

/* What guests may not take of directly mapped memory: 1/2^n of it, n 2 to 8,
 * kept for page tables and DMA buffers. */
#ifndef HV_CFG_RESERVE_SHIFT
#define HV_CFG_RESERVE_SHIFT 5
#endif
