/* SPDX-License-Identifier: MIT */
/* Guest descriptors into the real GDT (ABI 6.3, S3). */
#pragma once

#include "guest-abi/hcall.h"
#include "hv/types.h"

struct vcpu;

/* What is installed for a descriptor that the guest wants: code or data of DPL
 * 1 or 3 with the accessed bit set, never conforming below 3, never L; or 0
 * (not present) for everything else. Pure. SDM 3A 3.4.5. */
uint64_t vgdt_sanitise(uint64_t desc);

/* LOAD_GDT_ENTRY, and entry by entry LOAD_GDT; the host's are ignored. */
void vgdt_load_entry(struct vcpu *v, uint32_t index, uint64_t desc);

/* LOAD_TLS: each entry low dword first. */
void vgdt_load_tls(struct vcpu *v, const volatile uint32_t words[2 * GABI_TLS_ENTRIES]);

/* Where an access of bytes (1 or more) for writing at this offset lies in a segment of the
 * guest's GDT (SDM 3A 5.3 to 5.5). False: null, not writable or beyond the limit: #GP(0),
 * or #SS(0) for the stack segment. */
bool vgdt_linear(const struct vcpu *v, uint32_t selector, uint32_t offset, uint32_t bytes,
                 uint32_t *linear);

/* The bits of ESP that a stack in this segment uses: 16 or 32. */
uint32_t vgdt_stack_mask(const struct vcpu *v, uint32_t selector);

/* The GDT a guest starts with: flat ring-1 code and data (ABI 1.3). */
void vgdt_init(struct vcpu *v);
