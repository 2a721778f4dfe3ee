/* SPDX-License-Identifier: MIT */
/* Decoder of the few privileged instructions that are emulated at ring 1 (ABI
 * 5.5).  Pure: it sees a copy of at most 15 bytes and returns a struct.  What
 * it does not know in full it calls unknown, so that it can never skip a wrong
 * number of bytes; the caller then reflects the fault. */
#include "hv/insn.h"

#include "hv/vcpu.h"

/* How the bytes behind an opcode go on. */
enum insn_form {
    FORM_NONE,     /* nothing follows, no operand size */
    FORM_PORT_IMM, /* port in the next byte */
    FORM_PORT_DX,
    FORM_STRING,
};

struct insn_row {
    uint8_t opcode;
    uint8_t op;
    uint8_t form;
};

/* SDM 2A/2B, one-byte opcodes. Bit 0 of a port opcode: word or dword. */
static const struct insn_row one_byte[] = {
    {0x6c, INSN_INS, FORM_STRING},   {0x6d, INSN_INS, FORM_STRING},
    {0x6e, INSN_OUTS, FORM_STRING},  {0x6f, INSN_OUTS, FORM_STRING},
    {0xe4, INSN_IN, FORM_PORT_IMM},  {0xe5, INSN_IN, FORM_PORT_IMM},
    {0xe6, INSN_OUT, FORM_PORT_IMM}, {0xe7, INSN_OUT, FORM_PORT_IMM},
    {0xec, INSN_IN, FORM_PORT_DX},   {0xed, INSN_IN, FORM_PORT_DX},
    {0xee, INSN_OUT, FORM_PORT_DX},  {0xef, INSN_OUT, FORM_PORT_DX},
    {0xf4, INSN_HLT, FORM_NONE},     {0xfa, INSN_CLI, FORM_NONE},
    {0xfb, INSN_STI, FORM_NONE},
};

/* The same behind 0F. */
static const struct insn_row two_byte[] = {
    {0x30, INSN_WRMSR, FORM_NONE},
    {0x32, INSN_RDMSR, FORM_NONE},
};

/* Prefixes, SDM 2A 2.1.1; LOCK is not among them: #UD with all of these. */
struct prefixes {
    uint32_t n;
    bool opsize, addr16, rep;
};

/* True if b is a prefix, which is then noted. */
static bool take_prefix(uint8_t b, struct prefixes *p)
{
    switch (b) {
    case 0x26: /* ES CS SS DS FS GS: without effect on what is decoded here, */
    case 0x2e: /* string forms aside, which are not carried out on memory    */
    case 0x36:
    case 0x3e:
    case 0x64:
    case 0x65:
        break;
    case 0x66:
        p->opsize = true;
        break;
    case 0x67:
        p->addr16 = true;
        break;
    case 0xf2: /* REPNE repeats ins and outs like REP */
    case 0xf3:
        p->rep = true;
        break;
    default:
        return false;
    }
    p->n++;
    return true;
}

/* SDM 2B, MOV of control and debug registers: the mod bits do not matter. */
static struct insn decode_mov_special(uint8_t opcode, uint8_t modrm, uint32_t len)
{
    struct insn x = {.len = (uint8_t)len, .reg = modrm & 7};
    uint8_t special = modrm >> 3 & 7;

    if (opcode == 0x20 && special == 0)
        x.op = INSN_READ_CR0;
    else if (opcode == 0x20 && special == 4)
        x.op = INSN_READ_CR4;
    else if (opcode == 0x21 || opcode == 0x23)
        x.op = opcode == 0x21 ? INSN_READ_DR : INSN_WRITE_DR;
    if (x.op == INSN_UNKNOWN)
        return (struct insn){.op = INSN_UNKNOWN};
    if (x.op == INSN_READ_DR || x.op == INSN_WRITE_DR)
        x.dr = special;
    return x;
}

static const struct insn_row *find_row(const struct insn_row *rows,
                                       uint32_t nr, uint8_t opcode)
{
    for (uint32_t i = 0; i < nr; i++) {
        if (rows[i].opcode == opcode)
            return &rows[i];
    }
    return NULL;
}

static struct insn make_insn(const struct insn_row *row,
                             const struct prefixes *p, uint32_t len)
{
    struct insn x = {.op = (enum insn_op)row->op, .len = (uint8_t)len};

    if (row->form == FORM_NONE)
        return x;
    x.width = (row->opcode & 1) == 0 ? 1 : p->opsize ? 2 : 4;
    if (row->form == FORM_STRING) {
        x.rep = p->rep;
        x.addr16 = p->addr16;
    }
    return x;
}

/* All n bytes belong to the instruction, and it goes on. */
static struct insn ended(uint32_t n)
{
    return (struct insn){.op = n < INSN_MAX_BYTES ? INSN_TRUNCATED : INSN_UNKNOWN};
}

/* The opcodes behind 0F, which is at bytes[at]. */
static struct insn decode_0f(const uint8_t *bytes, uint32_t at, uint32_t n,
                             const struct prefixes *p)
{
    const struct insn_row *row;

    if (n - at < 2)
        return ended(n);
    switch (bytes[at + 1]) {
    case 0x01: /* vmcall is patched in place (ABI 2.1), so only its plain form counts */
        if (at != 0)
            break;
        if (n < 3)
            return ended(n);
        if (bytes[2] == 0xc1)
            return (struct insn){.op = INSN_VMCALL, .len = 3};
        break;
    case 0x20:
    case 0x21:
    case 0x23:
        if (n - at < 3)
            return ended(n);
        return decode_mov_special(bytes[at + 1], bytes[at + 2], at + 3);
    default:
        row = find_row(two_byte, HV_ARRAY_SIZE(two_byte), bytes[at + 1]);
        if (row)
            return make_insn(row, p, at + 2);
    }
    return (struct insn){.op = INSN_UNKNOWN};
}

struct insn insn_decode(const uint8_t *bytes, uint32_t n)
{
    const struct insn unknown = {.op = INSN_UNKNOWN};
    const struct insn_row *row;
    struct prefixes p = {0};
    struct insn x;
    uint32_t at;

    if (n > INSN_MAX_BYTES)
        n = INSN_MAX_BYTES;
    while (p.n < n && take_prefix(bytes[p.n], &p))
        ;
    at = p.n;
    if (at == n)
        return ended(n);
    if (bytes[at] == 0x0f)
        return decode_0f(bytes, at, n, &p);
    if (bytes[at] == 0xcd && at == 0) {
        if (n < 2)
            return ended(n);
        return bytes[1] == GABI_HCALL_VECTOR ? (struct insn){.op = INSN_HCALL, .len = 2} : unknown;
    }
    row = find_row(one_byte, HV_ARRAY_SIZE(one_byte), bytes[at]);
    if (!row)
        return unknown;
    if (row->form != FORM_PORT_IMM)
        return make_insn(row, &p, at + 1);
    if (n - at < 2)
        return ended(n);
    x = make_insn(row, &p, at + 2);
    x.imm_port = true;
    x.port = bytes[at + 1];
    return x;
}
