/* SPDX-License-Identifier: MIT */
/* The low bits of a page-table entry, which a guest's and its shadow have in common (SDM
 * 3A 4.3, 4.4). */
#pragma once

#define PT_P 0x001u
#define PT_RW 0x002u
#define PT_US 0x004u
#define PT_A 0x020u
#define PT_D 0x040u
#define PT_PS 0x080u
#define PT_LOW 0xfffu
