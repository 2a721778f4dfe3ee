/* SPDX-License-Identifier: MIT */
/* Decoder of the instructions that are emulated at ring 1 (ABI 5.5), a pure
 * function from bytes to struct insn: never reads past n, never guesses. */
#pragma once

#include "hv/types.h"

#define INSN_MAX_BYTES 15

enum insn_op {
    INSN_UNKNOWN,   /* reflect as #GP */
    INSN_TRUNCATED, /* the bytes end before it does */
    INSN_CLI,
    INSN_STI,
    INSN_HLT,
    INSN_IN,  /* al/ax/eax <- port */
    INSN_OUT,
    INSN_INS, /* string forms, with or without REP */
    INSN_OUTS,
    INSN_RDMSR,
    INSN_WRMSR,
    INSN_READ_CR0, /* MOV to a register */
    INSN_READ_CR4,
    INSN_READ_DR,
    INSN_WRITE_DR,
    INSN_VMCALL, /* 0f 01 c1 */
    INSN_HCALL,  /* int 0x1f */
};

struct insn {
    enum insn_op op;
    uint8_t len;   /* whole length, prefixes included */
    uint8_t width; /* 1, 2, 4 for port accesses */
    bool imm_port; /* port is in .port, else in DX */
    uint8_t port;
    uint8_t reg; /* of moves of CRn and DRn: 0 EAX, 1 ECX and so on */
    uint8_t dr;  /* of moves of DRn: its number */
    bool rep;
    bool addr16; /* 67 prefix: CX, SI, DI */
};

/* An IN or OUT, which is opcodes e4 to e7 and ec to ef (SDM 2A/2B), and the byte behind it;
 * false: it is none. insn_decode() has them from here, too. */
HV_INLINE bool insn_port(uint8_t opcode, uint8_t next, bool opsize, struct insn *x)
{
    if ((opcode & 0xf4) != 0xe4)
        return false;
    x->op = opcode & 2 ? INSN_OUT : INSN_IN;
    x->width = !(opcode & 1) ? 1 : opsize ? 2 : 4;
    x->imm_port = !(opcode & 8);
    x->port = x->imm_port ? next : 0;
    x->len = x->imm_port ? 2 : 1;
    return true;
}

/* Decodes at most n bytes (n <= INSN_MAX_BYTES). Prefixes that are legal and
 * without effect on these instructions are skipped; LOCK makes it unknown. */
struct insn insn_decode(const uint8_t *bytes, uint32_t n);
