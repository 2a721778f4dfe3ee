/* SPDX-License-Identifier: MIT */
/* Guest descriptors into the real GDT (ABI 6.3, S3). */
#pragma once

#include "hv/types.h"

struct vcpu;

/* What is installed for a descriptor that the guest wants: code or data of DPL
 * 1 or 3 with the accessed bit set, never conforming below 3, never L; or 0
 * (not present) for everything else. Pure. SDM 3A 3.4.5. */
uint64_t vgdt_sanitise(uint64_t desc);

/* LOAD_GDT_ENTRY; index < 32 was checked. Host entries are ignored. */
void vgdt_load_entry(struct vcpu *v, uint32_t index, uint64_t desc);

/* LOAD_TLS: three descriptors, each low dword first. */
void vgdt_load_tls(struct vcpu *v, const volatile uint32_t words[6]);

/* The GDT a guest starts with: flat ring-1 code and data (ABI 1.3). */
void vgdt_init(struct vcpu *v);
