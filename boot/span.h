/* SPDX-License-Identifier: MIT */
/* Words of a text that is not ours: pointer and length, never a NUL to rely
 * on, nothing copied, nothing written.  Everything the loader says in words
 * (command line, module strings, config module) is taken apart with this. */
#pragma once

#include "hv/string.h"

struct span {
    const char *p;
    uint32_t n;
};

static inline bool span_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\0';
}

static inline struct span span_of(const char *text)
{
    return (struct span){text, (uint32_t)strlen(text)};
}

static inline struct span span_skip(struct span s, uint32_t n)
{
    return (struct span){n > 0 ? s.p + n : s.p, s.n - n};
}

/* Without blanks at either end. */
static inline struct span span_trim(struct span s)
{
    while (s.n > 0 && span_is_blank(s.p[0]))
        s = span_skip(s, 1);
    while (s.n > 0 && span_is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

/* Cuts [0, position of c) off the front of rest, and c itself with it.  The
 * whole of rest when there is no c. False when rest is empty. */
static inline bool span_cut(struct span *rest, char c, struct span *piece)
{
    uint32_t n = 0;

    if (rest->n == 0)
        return false;
    while (n < rest->n && rest->p[n] != c)
        n++;
    *piece = (struct span){rest->p, n};
    *rest = span_skip(*rest, n < rest->n ? n + 1 : n);
    return true;
}

/* True if it ends in c: a list whose last piece is missing. */
static inline bool span_ends(struct span s, char c)
{
    return s.n > 0 && s.p[s.n - 1] == c;
}

/* Takes the next word off the front of rest; false when there is none. */
static inline bool span_word(struct span *rest, struct span *word)
{
    uint32_t n = 0;

    while (rest->n > 0 && span_is_blank(rest->p[0]))
        *rest = span_skip(*rest, 1);
    while (n < rest->n && !span_is_blank(rest->p[n]))
        n++;
    *word = (struct span){rest->p, n};
    *rest = span_skip(*rest, n);
    return n > 0;
}

static inline bool span_same(struct span a, struct span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool span_is(struct span s, const char *text)
{
    return span_same(s, span_of(text));
}

static inline bool span_starts(struct span s, const char *prefix)
{
    struct span p = span_of(prefix);

    return s.n >= p.n && span_same((struct span){s.p, p.n}, p);
}

static inline bool span_has(struct span s, char c)
{
    for (uint32_t i = 0; i < s.n; i++) {
        if (s.p[i] == c)
            return true;
    }
    return false;
}

/* What follows the last '/'. */
static inline struct span span_basename(struct span s)
{
    uint32_t at = s.n;

    while (at > 0 && s.p[at - 1] != '/')
        at--;
    return span_skip(s, at);
}

static inline bool span_to_u32(struct span s, uint32_t min, uint32_t max,
                               uint32_t *out)
{
    uint64_t v;

    if (!str_to_u64(s.p, s.n, max, &v) || v < min)
        return false;
    *out = (uint32_t)v;
    return true;
}

/* Takes what editors put in front of UTF-8 off a text. False if it is UTF-16, by its own
 * mark or because one of its first two bytes is a NUL. */
static inline bool span_begin_text(struct span *text)
{
    const char *p = text->p;

    if (span_starts(*text, "\xef\xbb\xbf"))
        *text = span_skip(*text, 3);
    return text->n < 2 || ((p[0] == '\0') == (p[1] == '\0') &&
                           !span_starts(*text, "\xff\xfe") && !span_starts(*text, "\xfe\xff"));
}

/* A printable copy for a message: control characters and bytes above ASCII
 * become '?', what is too long ends in "...". */
#define SPAN_SHOW_BYTES 48

struct span_text {
    char s[SPAN_SHOW_BYTES];
};

static inline const char *span_show(struct span s, struct span_text *t)
{
    uint32_t n = hv_min_u32(s.n, SPAN_SHOW_BYTES - 4);

    for (uint32_t i = 0; i < n; i++)
        t->s[i] = s.p[i] >= ' ' && s.p[i] <= '~' ? s.p[i] : '?';
    for (uint32_t i = 0; i < 3 && n < s.n; i++)
        t->s[n + i] = '.';
    t->s[n < s.n ? n + 3 : n] = '\0';
    return t->s;
}
