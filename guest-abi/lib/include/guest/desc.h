/* SPDX-License-Identifier: MIT */
/* Segment descriptors of the guest: made from numbers, loaded entry by entry. */
#pragma once

#include "guest/base.h"

#define USER_CS 0x73u
#define USER_DS 0x7bu

#define DESC_CODE 0x9au   /* present, DPL 0, code, readable */
#define DESC_DATA 0x92u   /* present, DPL 0, data, writable */
#define DESC_DPL(n) ((uint32_t)(n) << 5)
#define DESC_FLAT_BITS 0xcu /* G, D */

/* access: byte 5 of the descriptor; flags: G D L AVL in bits 3..0. */
uint64_t desc_make(uint32_t base, uint32_t limit, uint32_t access, uint32_t flags);

/* LOAD_GDT_ENTRY, or LOAD_GDT in the rows that have no such call. */
void desc_load(uint32_t index, uint64_t desc);

/* LOAD_TLS: entries 6, 7, 8. */
void desc_load_tls(const uint64_t tls[GABI_TLS_ENTRIES]);

/* Flat user segments at USER_CS and USER_DS. */
void desc_init(void);
