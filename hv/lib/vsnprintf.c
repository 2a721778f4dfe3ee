/* SPDX-License-Identifier: MIT */
/* Formatted text into a buffer: the conversions that hv/string.h names and no
 * others.  Never writes past size, always terminates, returns the length that
 * the whole text has. */
#include "hv/string.h"

struct out {
    char *buf;
    size_t size, len;
};

struct spec {
    bool left, zero, alt, is_long;
    uint32_t width;
    uint32_t precision; /* of a string */
};

#define FIELD_MAX 1024u /* widths and precisions beyond are cut */

static void put(struct out *o, char c)
{
    if (o->len + 1 < o->size)
        o->buf[o->len] = c;
    o->len++;
}

static void pad(struct out *o, char c, uint32_t n)
{
    while (n-- > 0)
        put(o, c);
}

/* Filled with blanks on one side, or with zeros behind the prefix. */
static void put_field(struct out *o, const struct spec *sp, const char *prefix,
                      const char *text, uint32_t n)
{
    uint32_t all = (uint32_t)strlen(prefix) + n;
    uint32_t fill = all < sp->width ? sp->width - all : 0;

    if (!sp->left && !sp->zero)
        pad(o, ' ', fill);
    while (*prefix != '\0')
        put(o, *prefix++);
    if (!sp->left && sp->zero)
        pad(o, '0', fill);
    for (uint32_t i = 0; i < n; i++)
        put(o, text[i]);
    if (sp->left)
        pad(o, ' ', fill);
}

static void put_number(struct out *o, const struct spec *sp, uint64_t v,
                       uint32_t base, const char *prefix)
{
    char text[20];
    uint32_t at = sizeof(text), rem;

    do {
        v = div64(v, base, &rem);
        text[--at] = "0123456789abcdef"[rem];
    } while (v != 0);
    put_field(o, sp, prefix, text + at, (uint32_t)sizeof(text) - at);
}

static void put_signed(struct out *o, const struct spec *sp, int64_t v)
{
    put_number(o, sp, v < 0 ? 0 - (uint64_t)v : (uint64_t)v, 10, v < 0 ? "-" : "");
}

static void put_string(struct out *o, const struct spec *sp, const char *s)
{
    if (s == NULL)
        s = "(null)";
    put_field(o, sp, "", s, (uint32_t)strnlen(s, sp->precision));
}

static uint32_t parse_number(const char **f)
{
    uint32_t n = 0;

    for (; **f >= '0' && **f <= '9'; (*f)++)
        n = hv_min_u32(n * 10 + (uint32_t)(**f - '0'), FIELD_MAX);
    return n;
}

static void parse_spec(const char **f, struct spec *sp)
{
    *sp = (struct spec){.precision = UINT32_MAX};
    for (;; (*f)++) {
        if (**f == '-')
            sp->left = true;
        else if (**f == '0')
            sp->zero = true;
        else if (**f == '#')
            sp->alt = true;
        else
            break;
    }
    sp->width = parse_number(f);
    if (**f == '.') {
        (*f)++;
        sp->precision = parse_number(f);
    }
    sp->is_long = (*f)[0] == 'l' && (*f)[1] == 'l';
    *f += sp->is_long ? 2 : 0;
}

static uint64_t fetch_unsigned(const struct spec *sp, va_list *ap)
{
    return sp->is_long ? va_arg(*ap, unsigned long long) : va_arg(*ap, unsigned int);
}

/* Returns false at the end of the format. */
static bool put_conversion(struct out *o, const char **f, va_list *ap)
{
    struct spec sp;
    char c;
    uint64_t v;

    parse_spec(f, &sp);
    c = **f;
    if (c == '\0')
        return false;
    (*f)++;
    switch (c) {
    case 'd':
        put_signed(o, &sp, sp.is_long ? va_arg(*ap, long long) : va_arg(*ap, int));
        break;
    case 'u':
        put_number(o, &sp, fetch_unsigned(&sp, ap), 10, "");
        break;
    case 'x':
        v = fetch_unsigned(&sp, ap);
        put_number(o, &sp, v, 16, sp.alt && v != 0 ? "0x" : "");
        break;
    case 'c':
        c = (char)va_arg(*ap, int);
        put_field(o, &sp, "", &c, 1);
        break;
    case 's':
        put_string(o, &sp, va_arg(*ap, const char *));
        break;
    default: /* %% and what we do not know */
        put(o, c);
    }
    return true;
}

int hv_vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
    struct out o = {buf, size, 0};
    va_list args;

    va_copy(args, ap);
    while (*fmt != '\0') {
        if (*fmt != '%') {
            put(&o, *fmt++);
            continue;
        }
        fmt++;
        if (!put_conversion(&o, &fmt, &args))
            break;
    }
    va_end(args);
    if (size > 0)
        buf[o.len < size ? o.len : size - 1] = '\0';
    return (int)o.len;
}

int hv_snprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = hv_vsnprintf(buf, size, fmt, ap);
    va_end(ap);
    return n;
}
