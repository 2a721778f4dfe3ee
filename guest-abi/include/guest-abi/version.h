/* SPDX-License-Identifier: MIT */
/* Version of these headers, and the rows of the interface that they describe.
 * The interface itself has no version number at run time: the monitor finds
 * the row by the layout of lguest_data (SPEC.md 3.4). */
#pragma once

/* Major: something a guest relies on changed. Minor: something was added. */
#define GABI_VERSION_MAJOR 1
#define GABI_VERSION_MINOR 1

/* Rows, named after the oldest Linux release that speaks them. */
#define GABI_ROW_2_6_24 1 /* arguments in EDX EBX ECX, 16-byte slots */
#define GABI_ROW_2_6_30 2 /* EBX ECX EDX, 16-byte slots, vmcall */
#define GABI_ROW_2_6_31 3 /* EBX ECX EDX ESI, 20-byte slots, vmcall, pgdir */
#define GABI_ROW_3_1 4    /* int 0x1f, linear mode at the start */
#define GABI_ROW_4_1 5    /* one protected instruction instead of a range */
