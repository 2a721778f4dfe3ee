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
    bool left, zero, alt;
    uint32_t width;
    int precision; /* -1: none */
    uint32_t longs; /* number of l; z counts as one */
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

static void put_field(struct out *o, const struct spec *sp, const char *text,
                      uint32_t n)
{
    uint32_t fill = n < sp->width ? sp->width - n : 0;

    if (!sp->left)
        pad(o, ' ', fill);
    for (uint32_t i = 0; i < n; i++)
        put(o, text[i]);
    if (sp->left)
        pad(o, ' ', fill);
}

/* prefix, then zeroes up to precision (or width with the 0 flag), digits */
static void put_number(struct out *o, const struct spec *sp, uint64_t v,
                       uint32_t base, bool upper, const char *prefix)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[20];
    uint32_t n = 0, zeros = 0, total, plen = (uint32_t)strlen(prefix), rem;

    while (v != 0) {
        v = div64(v, base, &rem);
        text[n++] = digits[rem];
    }
    if (n == 0 && sp->precision != 0)
        text[n++] = '0';
    if (sp->precision >= 0) {
        if ((uint32_t)sp->precision > n)
            zeros = (uint32_t)sp->precision - n;
    } else if (sp->zero && !sp->left && sp->width > n + plen) {
        zeros = sp->width - n - plen;
    }
    total = plen + zeros + n;
    if (!sp->left && total < sp->width)
        pad(o, ' ', sp->width - total);
    while (*prefix != '\0')
        put(o, *prefix++);
    pad(o, '0', zeros);
    while (n > 0)
        put(o, text[--n]);
    if (sp->left && total < sp->width)
        pad(o, ' ', sp->width - total);
}

static void put_signed(struct out *o, const struct spec *sp, int64_t v)
{
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

    put_number(o, sp, u, 10, false, v < 0 ? "-" : "");
}

static void put_string(struct out *o, const struct spec *sp, const char *s)
{
    if (s == NULL)
        s = "(null)";
    put_field(o, sp, s,
              (uint32_t)(sp->precision >= 0
                             ? strnlen(s, (size_t)sp->precision)
                             : strlen(s)));
}

static uint32_t parse_number(const char **f, va_list *ap)
{
    uint32_t n = 0;

    if (**f == '*') {
        int v = va_arg(*ap, int);

        (*f)++;
        return v < 0 ? 0 : hv_min_u32((uint32_t)v, FIELD_MAX);
    }
    for (; **f >= '0' && **f <= '9'; (*f)++)
        n = hv_min_u32(n * 10 + (uint32_t)(**f - '0'), FIELD_MAX);
    return n;
}

static void parse_spec(const char **f, struct spec *sp, va_list *ap)
{
    *sp = (struct spec){.precision = -1};
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
    sp->width = parse_number(f, ap);
    if (**f == '.') {
        (*f)++;
        sp->precision = (int)parse_number(f, ap);
    }
    for (; **f == 'l' || **f == 'z'; (*f)++)
        sp->longs += **f == 'l' ? 1u : (sizeof(size_t) > 4 ? 2u : 1u);
}

static uint64_t fetch_unsigned(const struct spec *sp, va_list *ap)
{
    if (sp->longs >= 2)
        return va_arg(*ap, unsigned long long);
    if (sp->longs == 1)
        return va_arg(*ap, unsigned long);
    return va_arg(*ap, unsigned int);
}

static int64_t fetch_signed(const struct spec *sp, va_list *ap)
{
    if (sp->longs >= 2)
        return va_arg(*ap, long long);
    if (sp->longs == 1)
        return va_arg(*ap, long);
    return va_arg(*ap, int);
}

/* Returns false at the end of the format. */
static bool put_conversion(struct out *o, const char **f, va_list *ap)
{
    struct spec sp;
    char c;
    uint64_t v;

    parse_spec(f, &sp, ap);
    c = **f;
    if (c == '\0')
        return false;
    (*f)++;
    switch (c) {
    case 'd':
    case 'i':
        put_signed(o, &sp, fetch_signed(&sp, ap));
        break;
    case 'u':
        put_number(o, &sp, fetch_unsigned(&sp, ap), 10, false, "");
        break;
    case 'x':
    case 'X':
        v = fetch_unsigned(&sp, ap);
        put_number(o, &sp, v, 16, c == 'X',
                   sp.alt && v ? (c == 'x' ? "0x" : "0X") : "");
        break;
    case 'p':
        put_number(o, &sp, (uintptr_t)va_arg(*ap, void *), 16, false, "0x");
        break;
    case 'c': {
        char one = (char)va_arg(*ap, int);

        put_field(o, &sp, &one, 1);
        break;
    }
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
