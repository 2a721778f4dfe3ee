/* SPDX-License-Identifier: MIT */
/* Registers of a guest as the switcher leaves them on the entry stack: the
 * order is the order of the pushes, lowest address first. */
#pragma once

#include "hv/types.h"

struct guest_regs {
    uint32_t gs, fs, es, ds;
    uint32_t edi, esi, ebp, esp_ignored, ebx, edx, ecx, eax; /* PUSHA */
    uint32_t trapnum, errcode;
    uint32_t eip, cs, eflags, esp, ss; /* pushed by the CPU */
};

_Static_assert(sizeof(struct guest_regs) == 76, "switcher.asm counts on it");
_Static_assert(offsetof(struct guest_regs, edi) == 16, "pushed by PUSHA");
_Static_assert(offsetof(struct guest_regs, trapnum) == 48, "behind PUSHA");
_Static_assert(offsetof(struct guest_regs, eip) == 56, "pushed by the CPU");

/* A trap taken in the monitor itself (host IDT). */
struct trap_frame {
    uint32_t gs, fs, es, ds;
    uint32_t edi, esi, ebp, esp_ignored, ebx, edx, ecx, eax;
    uint32_t trapnum, errcode;
    uint32_t eip, cs, eflags;
    uint32_t esp, ss; /* only there when the trap changed rings */
};

#define EFLAGS_CF HV_BIT(0)
#define EFLAGS_FIXED HV_BIT(1)
#define EFLAGS_PF HV_BIT(2)
#define EFLAGS_AF HV_BIT(4)
#define EFLAGS_ZF HV_BIT(6)
#define EFLAGS_SF HV_BIT(7)
#define EFLAGS_TF HV_BIT(8)
#define EFLAGS_IF HV_BIT(9)
#define EFLAGS_DF HV_BIT(10)
#define EFLAGS_OF HV_BIT(11)
#define EFLAGS_IOPL (3u << 12)
#define EFLAGS_NT HV_BIT(14)
#define EFLAGS_RF HV_BIT(16)
#define EFLAGS_VM HV_BIT(17)
#define EFLAGS_AC HV_BIT(18)
#define EFLAGS_ID HV_BIT(21)

/* What code at rings 1 and 3 can change; IF stands for the monitor's, always set. */
#define EFLAGS_GUEST                                                       \
    (EFLAGS_CF | EFLAGS_PF | EFLAGS_AF | EFLAGS_ZF | EFLAGS_SF | EFLAGS_TF | \
     EFLAGS_DF | EFLAGS_OF | EFLAGS_NT | EFLAGS_RF | EFLAGS_AC | EFLAGS_ID)

/* Vectors, SDM 3A 6.3.1. */
enum {
    VEC_DE = 0, VEC_DB = 1, VEC_NMI = 2, VEC_BP = 3, VEC_OF = 4, VEC_BR = 5,
    VEC_UD = 6, VEC_NM = 7, VEC_DF = 8, VEC_TS = 10, VEC_NP = 11, VEC_SS = 12,
    VEC_GP = 13, VEC_PF = 14, VEC_MF = 16, VEC_AC = 17, VEC_MC = 18, VEC_XM = 19,
    VEC_IRQ0 = 0x20, /* the first of the hardware's interrupts */
};

/* Behind the vectors: the CPU refused the frame of an entry (hv/arch_if.h). */
#define ARCH_EXIT_BAD_IRET 256u

#define PF_ERR_P HV_BIT(0)
#define PF_ERR_W HV_BIT(1)
