/* SPDX-License-Identifier: MIT */
/* Reflecting a trap into the guest as hardware would deliver it (ABI 5.4): to
 * the guest's own gate, or the guest is killed: no gate ("unhandled trap"), no
 * stack. */
#pragma once

#include "hv/types.h"

struct vcpu;

/* A vector without an error code, and a virtual interrupt. */
void reflect_plain(struct vcpu *v, uint32_t vector);

/* A vector with one: 8, 10 to 14, 17 (SDM 3A table 6-1). */
void reflect_fault(struct vcpu *v, uint32_t vector, uint32_t err);

/* The same, from ring 3 whatever SS says. */
void reflect_user_fault(struct vcpu *v, uint32_t vector, uint32_t err);
