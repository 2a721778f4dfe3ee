/* SPDX-License-Identifier: MIT */
/* Decoder of the few privileged instructions that are emulated at ring 1 (ABI
 * 5.5).  Pure: it sees a copy of at most 15 bytes and returns a struct.  What
 * it does not know in full it calls unknown, so that it can never skip a wrong
 * number of bytes; the caller then reflects the fault. */
#include "hv/insn.h"

#include "guest-abi/hcall.h"

/* What an opcode byte is, and how the bytes behind it go on. */
enum insn_form {
    FORM_UNKNOWN,
    FORM_PREFIX,   /* SDM 2A 2.1.1; LOCK is none here: #UD with all of these */
    FORM_PLAIN,    /* nothing follows, no operand size */
    FORM_PORT,     /* insn_port() */
    FORM_STRING,
    FORM_INT, /* the vector in the next byte */
    FORM_0F,  /* a second opcode byte */
};

struct insn_row {
    uint8_t form, op;
};

/* SDM 2A/2B, one-byte opcodes. Bit 0 of a port opcode: word or dword. */
static const struct insn_row one_byte[256] = {
    [0x0f] = {FORM_0F, 0},
    [0x26] = {FORM_PREFIX, 0}, /* ES CS SS DS FS GS: without effect on what is decoded */
    [0x2e] = {FORM_PREFIX, 0}, /* here, string forms aside, which are not carried out  */
    [0x36] = {FORM_PREFIX, 0}, /* on memory                                            */
    [0x3e] = {FORM_PREFIX, 0},
    [0x64 ... 0x67] = {FORM_PREFIX, 0},
    [0x6c ... 0x6d] = {FORM_STRING, INSN_INS},
    [0x6e ... 0x6f] = {FORM_STRING, INSN_OUTS},
    [0xcd] = {FORM_INT, 0},
    [0xe4 ... 0xe7] = {FORM_PORT, 0},
    [0xec ... 0xef] = {FORM_PORT, 0},
    [0xf2 ... 0xf3] = {FORM_PREFIX, 0},
    [0xf4] = {FORM_PLAIN, INSN_HLT},
    [0xfa] = {FORM_PLAIN, INSN_CLI},
    [0xfb] = {FORM_PLAIN, INSN_STI},
};

#define PREFIX_OPSIZE 0x66
#define PREFIX_ADDR16 0x67

static struct insn unknown(void)
{
    return (struct insn){.op = INSN_UNKNOWN};
}

/* All n bytes belong to the instruction, and it goes on. */
static struct insn ended(uint32_t n)
{
    return (struct insn){.op = n < INSN_MAX_BYTES ? INSN_TRUNCATED : INSN_UNKNOWN};
}

/* SDM 2B, MOV of control and debug registers: the mod bits do not matter. */
static struct insn decode_mov_special(uint8_t opcode, uint8_t modrm, uint32_t len)
{
    struct insn x = {.op = INSN_UNKNOWN, .len = (uint8_t)len, .reg = modrm & 7};
    uint8_t special = modrm >> 3 & 7;

    if (opcode == 0x20 && special == 0)
        x.op = INSN_READ_CR0;
    else if (opcode == 0x20 && special == 4)
        x.op = INSN_READ_CR4;
    else if (opcode == 0x20)
        return unknown();
    else
        x = (struct insn){.op = opcode == 0x21 ? INSN_READ_DR : INSN_WRITE_DR,
                          .len = x.len, .reg = x.reg, .dr = special};
    return x;
}

/* The opcodes behind 0F, which is at bytes[at]. */
static struct insn decode_0f(const uint8_t *bytes, uint32_t at, uint32_t n)
{
    if (n - at < 2)
        return ended(n);
    switch (bytes[at + 1]) {
    case 0x01: /* vmcall is patched in place (ABI 2.1), so only its plain form counts */
        if (at != 0)
            return unknown();
        if (n < 3)
            return ended(n);
        return bytes[2] == 0xc1 ? (struct insn){.op = INSN_VMCALL, .len = 3} : unknown();
    case 0x20:
    case 0x21:
    case 0x23:
        if (n - at < 3)
            return ended(n);
        return decode_mov_special(bytes[at + 1], bytes[at + 2], at + 3);
    case 0x30:
        return (struct insn){.op = INSN_WRMSR, .len = (uint8_t)(at + 2)};
    case 0x32:
        return (struct insn){.op = INSN_RDMSR, .len = (uint8_t)(at + 2)};
    default:
        return unknown();
    }
}

struct insn insn_decode(const uint8_t *bytes, uint32_t n)
{
    bool opsize = false, addr16 = false, rep = false;
    struct insn x = {.op = INSN_UNKNOWN};
    const struct insn_row *row;
    uint8_t opcode;
    uint32_t at;

    n = hv_min_u32(n, INSN_MAX_BYTES);
    for (at = 0; at < n && one_byte[bytes[at]].form == FORM_PREFIX; at++) {
        opsize = opsize || bytes[at] == PREFIX_OPSIZE;
        addr16 = addr16 || bytes[at] == PREFIX_ADDR16;
        rep = rep || bytes[at] >= 0xf2; /* REPNE repeats ins and outs like REP */
    }
    if (at == n)
        return ended(n);
    opcode = bytes[at];
    row = &one_byte[opcode];
    switch (row->form) {
    case FORM_0F:
        return decode_0f(bytes, at, n);
    case FORM_INT:
        if (at != 0)
            return unknown();
        if (n < 2)
            return ended(n);
        return bytes[1] == GABI_HCALL_VECTOR ? (struct insn){.op = INSN_HCALL, .len = 2}
                                             : unknown();
    case FORM_STRING:
        return (struct insn){
            .op = (enum insn_op)row->op, .len = (uint8_t)(at + 1), .rep = rep,
            .addr16 = addr16, .width = !(opcode & 1) ? 1 : opsize ? 2 : 4};
    case FORM_PLAIN:
        return (struct insn){.op = (enum insn_op)row->op, .len = (uint8_t)(at + 1)};
    case FORM_PORT:
        (void)insn_port(opcode, at + 1 < n ? bytes[at + 1] : 0, opsize, &x);
        x.len = (uint8_t)(x.len + at);
        return x.len <= n ? x : ended(n);
    default:
        return unknown();
    }
}
