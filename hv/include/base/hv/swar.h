/* SPDX-License-Identifier: MIT */
/* Four bytes of text looked at in one word.  Exact: no byte is taken for its
 * neighbour. Each has a host test over all pairs of bytes. */
#pragma once

#include "hv/types.h"

#define SWAR_EACH(byte) ((byte) * 0x01010101u)

/* A word of text, at any address. */
typedef uint32_t __attribute__((may_alias, aligned(1))) swar_text_t;

/* True if one of the four is NUL. */
HV_INLINE bool swar_has_nul(uint32_t w)
{
    return ((w - SWAR_EACH(0x01u)) & ~w & SWAR_EACH(0x80u)) != 0;
}

/* True if all four are ASCII that takes up one place: 0x20 to 0x7e. */
HV_INLINE bool swar_is_plain(uint32_t w)
{
    uint32_t below = w - SWAR_EACH(0x20u), above = w + SWAR_EACH(0x01u);

    return ((below | above | w) & SWAR_EACH(0x80u)) == 0;
}
