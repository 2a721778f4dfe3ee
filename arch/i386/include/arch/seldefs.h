/* SPDX-License-Identifier: MIT */
/* The host's entries of the one GDT of both worlds, where lguest reserves them
 * (ABI 6.2); the guest's are in guest-abi/hcall.h.  Plain numbers, shared with NASM. */
#pragma once

#define GDT_HOST_CS 10
#define GDT_HOST_DS 11
#define GDT_TSS 16
#define GDT_DF_TSS 31

#define SEL_HOST_CS 0x50
#define SEL_HOST_DS 0x58
#define SEL_TSS 0x80
#define SEL_DF_TSS 0xf8
