/* SPDX-License-Identifier: MIT */
/* Decoder of the few privileged instructions that are emulated at ring 1 (ABI
 * 5.5).  Pure: it sees a copy of at most 15 bytes and returns a struct.  What
 * it does not know in full it calls unknown, so that it can never skip a wrong
 * number of bytes; the caller then reflects the fault. */
#include "hv/insn.h"

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

/* SDM 2B, MOV from control registers: the mod bits do not matter. The one register
 * with a meaning of its own to those who load frames stays out. */
static enum insn_op read_cr_op(uint8_t opcode, uint8_t modrm)
{
    if (opcode != 0x20 || (modrm & 7) == 4)
        return INSN_UNKNOWN;
    switch (modrm >> 3 & 7) {
    case 0:
        return INSN_READ_CR0;
    case 4:
        return INSN_READ_CR4;
    default:
        return INSN_UNKNOWN;
    }
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

struct insn insn_decode(const uint8_t *bytes, uint32_t n)
{
    const struct insn unknown = {.op = INSN_UNKNOWN};
    const struct insn_row *row;
    struct prefixes p = {0};
    enum insn_op op;
    struct insn x;
    uint32_t at;

    if (n > INSN_MAX_BYTES)
        n = INSN_MAX_BYTES;
    while (p.n < n && take_prefix(bytes[p.n], &p))
        ;
    at = p.n;
    if (at == n)
        return unknown;
    if (bytes[at] == 0x0f) {
        if (n - at < 2)
            return unknown;
        /* vmcall is patched in place (ABI 2.1), so only its plain form counts. */
        if (at == 0 && n >= 3 && bytes[1] == 0x01 && bytes[2] == 0xc1)
            return (struct insn){.op = INSN_VMCALL, .len = 3};
        op = n - at >= 3 ? read_cr_op(bytes[at + 1], bytes[at + 2]) : INSN_UNKNOWN;
        if (op != INSN_UNKNOWN)
            return (struct insn){.op = op,
                                 .len = (uint8_t)(at + 3),
                                 .reg = bytes[at + 2] & 7};
        row = find_row(two_byte, HV_ARRAY_SIZE(two_byte), bytes[at + 1]);
        return row ? make_insn(row, &p, at + 2) : unknown;
    }
    row = find_row(one_byte, HV_ARRAY_SIZE(one_byte), bytes[at]);
    if (!row)
        return unknown;
    if (row->form != FORM_PORT_IMM)
        return make_insn(row, &p, at + 1);
    if (n - at < 2)
        return unknown;
    x = make_insn(row, &p, at + 2);
    x.imm_port = true;
    x.port = bytes[at + 1];
    return x;
}
