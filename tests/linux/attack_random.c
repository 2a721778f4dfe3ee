/* SPDX-License-Identifier: MIT */
/* Random values and instruction strings for the attack.  Most are chosen from
 * what matters: the edges of the address space, selectors that exist, flags
 * that change how the CPU traps, instructions that trap. */
#include "attack.h"

#define EFLAGS_TF 0x100u
#define EFLAGS_IF_AND_ONE 0x202u

static uint32_t state;

void attack_seed(uint32_t seed)
{
    state = seed * 2654435761u ^ 0x5bd1e995u;
    for (int i = 0; i < 4; i++)
        (void)attack_random();
}

uint32_t attack_random(void)
{
    if (state == 0)
        state = 1; /* where xorshift would stay */
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state * 0x9e3779b1u;
}

/* Out of the upper bits: they are the better ones of a product. */
uint32_t attack_below(uint32_t n)
{
    return (uint32_t)((uint64_t)attack_random() * n >> 32);
}

bool attack_once_in(uint32_t n)
{
    return attack_below(n) == 0;
}

uint32_t attack_address(void)
{
    static const uint32_t edges[] = {
        0, 0x1000, ATTACK_CODE, ATTACK_CODE + ATTACK_BYTES, ATTACK_DATA,
        ATTACK_DATA + ATTACK_BYTES, ATTACK_STACK + ATTACK_BYTES, 0x40000000,
        0xbffff000, 0xc0000000, 0xc0100000, 0xf8000000, 0xffbff000, 0xffc00000,
        0xffe00000, 0xffffd000, 0xffffe000, 0xfffff000, 0xffffffff,
    };
    uint32_t edge = edges[attack_below(sizeof(edges) / sizeof(edges[0]))];

    switch (attack_below(8)) {
    case 0:
        return attack_random();
    case 1:
        return edge;
    case 2:
        return edge + attack_below(33) - 16;
    case 3:
        return ATTACK_CODE + attack_below(128);
    case 4:
        return ATTACK_STACK + attack_below(ATTACK_BYTES);
    default:
        return ATTACK_DATA + attack_below(ATTACK_BYTES);
    }
}

static uint32_t own_selector(void)
{
    uint32_t s;

    if (attack_once_in(2))
        __asm__ volatile("movl %%cs, %0" : "=r"(s));
    else
        __asm__ volatile("movl %%ss, %0" : "=r"(s));
    return s & 0xffff;
}

uint32_t attack_selector(void)
{
    switch (attack_below(8)) {
    case 0:
        return attack_below(4); /* null */
    case 1:
        return (attack_below(32) << 3) | attack_below(4); /* the kernel's */
    case 2:
        return (attack_below(16) << 3) | 7; /* LDT */
    case 3:
        return attack_random() & 0xffff;
    case 4:
    case 5:
        return ((6 + attack_below(3)) << 3) | 3; /* set_thread_area's */
    default:
        return own_selector();
    }
}

uint32_t attack_flags(void)
{
    static const uint32_t bits[] = {
        EFLAGS_TF, EFLAGS_TF, EFLAGS_TF, 0x400 /* DF */, 0x4000 /* NT */,
        0x40000 /* AC */, 0x10000 /* RF */, 0x200 /* IF */, 0x3000 /* IOPL */,
        0x200000 /* ID */, 0x800 /* OF */, 0x20000 /* VM */,
    };
    uint32_t flags = EFLAGS_IF_AND_ONE;

    for (uint32_t i = attack_below(3); i > 0; i--)
        flags ^= bits[attack_below(sizeof(bits) / sizeof(bits[0]))];
    return attack_once_in(8) ? attack_random() : flags;
}

uint32_t attack_value(void)
{
    switch (attack_below(6)) {
    case 0:
        return attack_selector();
    case 1:
        return attack_flags();
    case 2:
        return attack_below(16);
    case 3:
        return attack_random();
    default:
        return attack_address();
    }
}

struct attack_desc attack_descriptor(void)
{
    static const uint32_t limits[] = {
        0, 1, 4, 15, 64, 0xfff, 0x1000, 0xffff, 0xfffff, ATTACK_CODE >> 12,
    };
    struct attack_desc d = {
        .entry = attack_once_in(8) ? attack_below(16) : 6 + attack_below(3),
        .base = attack_once_in(3) ? 0 : attack_address(),
        .limit = limits[attack_below(sizeof(limits) / sizeof(limits[0]))],
        .flags = attack_random() & 0x7f,
    };

    if (!attack_once_in(4)) /* a segment that can be loaded, for code or data */
        d.flags = (d.flags & 0x17) | 0x40;
    if (attack_once_in(8))
        d.limit = attack_random() & 0xfffff;
    return d;
}

void attack_fill(uint32_t at, uint32_t bytes)
{
    for (uint32_t i = 0; i + 4 <= bytes; i += 4)
        *(volatile uint32_t *)(at + i) =
            attack_once_in(2) ? attack_random() : attack_value();
}

/* Code bytes, and how many random ones follow. */
static const struct piece {
    uint8_t bytes, random, code[8];
} pieces[] = {
    /* a flag set for what comes next, TF first of all */
    {8, 0, {0x9c, 0x81, 0x0c, 0x24, 0x00, 0x01, 0x00, 0x00}}, {1, 0, {0x9d}},
    {8, 0, {0x9c, 0x81, 0x0c, 0x24, 0x00, 0x41, 0x04, 0x00}}, {1, 0, {0x9d}},
    {1, 0, {0x9c}}, {1, 0, {0x9d}}, {2, 0, {0x66, 0x9c}}, {2, 0, {0x66, 0x9d}},
    {1, 0, {0x90}}, {2, 0, {0xf3, 0x90}}, {1, 0, {0xfd}}, {1, 0, {0xf5}},
    /* traps: system calls, int n, int3, into, icebp, ud2, bound */
    {2, 0, {0xcd, 0x80}}, {2, 0, {0xcd, 0x80}}, {1, 1, {0xcd}}, {1, 0, {0xcc}},
    {2, 0, {0xcd, 0x01}}, {2, 0, {0xcd, 0x03}}, {2, 0, {0xcd, 0x1f}},
    {1, 0, {0xce}}, {1, 0, {0xf1}}, {2, 0, {0x0f, 0x0b}}, {1, 1, {0x62}},
    {2, 0, {0x0f, 0x34}}, {2, 0, {0x0f, 0x05}}, {2, 0, {0x0f, 0x35}},
    {2, 0, {0xf7, 0xf0}}, {2, 0, {0xf7, 0xf9}}, {2, 0, {0xd4, 0x00}},
    /* ports and privileged instructions */
    {1, 1, {0xe4}}, {1, 1, {0xe5}}, {1, 1, {0xe6}}, {1, 1, {0xe7}},
    {1, 0, {0xec}}, {1, 0, {0xed}}, {1, 0, {0xee}}, {1, 0, {0xef}},
    {1, 0, {0x6c}}, {1, 0, {0x6d}}, {1, 0, {0x6e}}, {1, 0, {0x6f}},
    {2, 0, {0xf3, 0x6c}}, {2, 0, {0xf3, 0x6e}}, {1, 0, {0xf4}}, {1, 0, {0xfa}},
    {1, 0, {0xfb}}, {2, 0, {0x0f, 0x06}}, {2, 1, {0x0f, 0x00}}, {2, 1, {0x0f, 0x01}},
    {2, 1, {0x0f, 0x20}}, {2, 1, {0x0f, 0x21}}, {2, 1, {0x0f, 0x22}}, {2, 1, {0x0f, 0x23}},
    {2, 0, {0x0f, 0x30}}, {2, 0, {0x0f, 0x32}}, {2, 0, {0x0f, 0x33}}, {2, 0, {0x0f, 0x31}},
    {2, 0, {0x0f, 0x08}}, {2, 0, {0x0f, 0x09}}, {2, 0, {0x0f, 0xaa}}, {2, 0, {0x0f, 0xa2}},
    {3, 0, {0x0f, 0x01, 0xc1}}, {3, 0, {0x0f, 0x01, 0xd0}}, {3, 0, {0x0f, 0x01, 0xd9}},
    /* segments: loads, LAR and its like, what follows a load of SS */
    {2, 0, {0x8e, 0xd0}}, {2, 0, {0x8e, 0xd8}}, {2, 0, {0x8e, 0xc0}}, {2, 0, {0x8e, 0xe0}},
    {2, 0, {0x8e, 0xe8}}, {1, 0, {0x17}}, {1, 0, {0x1f}}, {1, 0, {0x07}},
    {2, 0, {0x0f, 0xa1}}, {2, 0, {0x0f, 0xa9}}, {1, 1, {0xc4}}, {1, 1, {0xc5}},
    {2, 1, {0x0f, 0xb2}}, {2, 1, {0x0f, 0x02}}, {2, 1, {0x0f, 0x03}}, {1, 1, {0x63}},
    {4, 0, {0x16, 0x17, 0xcd, 0x80}}, {3, 0, {0x16, 0x17, 0xcc}}, {3, 0, {0x16, 0x17, 0x9d}},
    {4, 0, {0x16, 0x17, 0x0f, 0x34}}, {3, 0, {0x16, 0x17, 0xf4}},
    {4, 0, {0x8e, 0xd0, 0xcd, 0x80}},
    /* far transfers and frames */
    {1, 0, {0xcb}}, {1, 0, {0xcf}}, {2, 0, {0x66, 0xcb}}, {2, 0, {0x66, 0xcf}},
    {1, 2, {0xca}}, {1, 6, {0x9a}}, {1, 6, {0xea}}, {2, 4, {0xff, 0x1d}}, {2, 4, {0xff, 0x2d}},
    {2, 0, {0xff, 0xd0}}, {2, 0, {0xff, 0xe3}}, {1, 3, {0xc8}}, {1, 0, {0xc9}},
    {1, 0, {0x60}}, {1, 0, {0x61}}, {1, 0, {0xc3}}, {1, 1, {0xeb}}, {1, 1, {0xe2}},
    {1, 4, {0x68}}, {1, 0, {0x54}}, {1, 0, {0x5c}}, {1, 0, {0x94}},
    /* strings and memory, floating point */
    {2, 0, {0xf3, 0xa4}}, {2, 0, {0xf3, 0xab}}, {2, 0, {0xf2, 0xae}}, {1, 0, {0xad}},
    {1, 1, {0x8b}}, {1, 1, {0x89}}, {2, 0, {0x8b, 0x00}}, {2, 0, {0x89, 0x03}},
    {1, 1, {0xd8}}, {1, 1, {0xd9}}, {1, 1, {0xdb}}, {1, 1, {0xdd}}, {1, 1, {0xdf}},
    {1, 0, {0x9b}}, {2, 1, {0x0f, 0xae}}, {2, 1, {0x0f, 0x6f}}, {2, 1, {0x0f, 0x28}},
    {2, 0, {0x0f, 0x77}}, {2, 0, {0xdb, 0xe3}}, {2, 2, {0x0f, 0xc7}}, {2, 0, {0xf0, 0x0f}},
    {0, 4, {0}}, {0, 2, {0}},
};

#define NR_PIECES (sizeof(pieces) / sizeof(pieces[0]))
#define STRING_MAX 160u

static uint8_t string[STRING_MAX];
static uint32_t string_bytes;

static void emit(uint32_t byte)
{
    if (string_bytes < STRING_MAX)
        string[string_bytes++] = (uint8_t)byte;
}

/* mov $imm32, register: any but ESP. */
static void emit_value(void)
{
    uint32_t reg = attack_below(7), value = attack_value();

    emit(0xb8 | (reg < 4 ? reg : reg + 1));
    for (int i = 0; i < 4; i++)
        emit(value >> (8 * i) & 0xff);
}

static void emit_piece(void)
{
    static const uint8_t prefixes[] = {
        0x66, 0x67, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0xf0, 0xf2, 0xf3,
    };
    const struct piece *p = &pieces[attack_below(NR_PIECES)];

    if (attack_once_in(8))
        emit(prefixes[attack_below(sizeof(prefixes))]);
    for (uint32_t i = 0; i < p->bytes; i++)
        emit(p->code[i]);
    for (uint32_t i = 0; i < p->random; i++)
        emit(attack_random() >> 24);
}

/* TF on: pushf, or, popf in one. */
static void emit_single_step(void)
{
    for (uint32_t i = 0; i < pieces[0].bytes; i++)
        emit(pieces[0].code[i]);
    emit(0x9d);
}

uint32_t attack_string(void)
{
    uint32_t at = ATTACK_CODE + attack_below(64);

    string_bytes = 0;
    if (attack_once_in(3))
        emit_single_step();
    for (uint32_t i = 1 + attack_below(8); i > 0; i--) {
        if (attack_once_in(3))
            emit_value();
        emit_piece();
    }
    if (attack_once_in(4)) { /* its last byte is the last of the memory */
        at = ATTACK_CODE + ATTACK_BYTES - string_bytes;
    } else {
        emit(0x0f);
        emit(0x0b);
    }
    for (uint32_t i = 0; i < string_bytes; i++)
        *(volatile uint8_t *)(at + i) = string[i];
    return at;
}
