/* SPDX-License-Identifier: MIT */
/* The one GDT of both worlds: 32 entries, the host's where lguest reserves
 * them (ABI 6.2).  Plain numbers, shared with NASM by asm_offsets. */
#pragma once

#define GDT_ENTRIES 32
#define GDT_TLS_FIRST 6
#define GDT_TLS_COUNT 3
#define GDT_HOST_CS 10
#define GDT_HOST_DS 11
#define GDT_GUEST_CS 12
#define GDT_GUEST_DS 13
#define GDT_TSS 16
#define GDT_DF_TSS 31

#define SEL_HOST_CS 0x50
#define SEL_HOST_DS 0x58
#define SEL_GUEST_CS 0x61
#define SEL_GUEST_DS 0x69
#define SEL_TSS 0x80
#define SEL_DF_TSS 0xf8
