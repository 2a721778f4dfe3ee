/* SPDX-License-Identifier: MIT */
/* Guests' FPU and SSE state, switched eagerly with FXSAVE/FXRSTOR (SDM 1
 * 10.5).  The only three functions of ring 0 that touch the FPU. */
#pragma once

#include "hv/types.h"

#define FPU_IMAGE_BYTES 512

/* A clean state: FCW 0x37f, MXCSR 0x1f80, all registers empty and zero. */
void fpu_init_image(uint8_t *image);

/* CR0.TS must be clear. image is 16-byte aligned. */
void fpu_save(uint8_t *image);
void fpu_restore(const uint8_t *image);
