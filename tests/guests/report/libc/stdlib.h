/* SPDX-License-Identifier: MIT */
/* What the encoder takes from the C library, beside guest/base.h. */
#pragma once

static inline int abs(int v)
{
    return v < 0 ? -v : v;
}

static inline long labs(long v)
{
    return v < 0 ? -v : v;
}
