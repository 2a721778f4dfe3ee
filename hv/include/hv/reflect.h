/* SPDX-License-Identifier: MIT */
/* Reflecting a trap into the guest as hardware would deliver it (ABI 5.4). */
#pragma once

#include "hv/types.h"

struct vcpu;

/* Delivers vector with (has_err) error code err to the guest's own gate, or
 * kills: no gate ("unhandled trap"), no stack. */
void reflect_trap(struct vcpu *v, uint32_t vector, bool has_err, uint32_t err);

/* True for the vectors that push an error code (SDM 3A table 6-1). */
static inline bool vector_has_error(uint32_t vector)
{
    return vector < 32 && ((1u << vector) & 0x00227d00u); /* 8, 10-14, 17, 21 */
}

/* #GP(0), the fate of most privileged instructions at ring 1. */
void reflect_gp(struct vcpu *v, uint32_t err);
