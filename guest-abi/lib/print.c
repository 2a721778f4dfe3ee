/* SPDX-License-Identifier: MIT */
/* Formatted output: a small printf, and the way out, by NOTIFY strings at first
 * and through the console driver once that runs. */

#include "guest/boot.h"
#include "guest/lguest.h"
#include "guest/print.h"
#include "guest/virtio.h"

#define LINE_BYTES 256
/* A string of the early console; short, as Linux guests send them. */
#define NOTIFY_BYTES 64

struct sink {
    char *buf;
    uint32_t size, used;
};

static void put(struct sink *s, char c)
{
    if (s->used + 1 < s->size)
        s->buf[s->used++] = c;
}

struct spec {
    bool left, zero;
    uint32_t width, longs;
};

static void put_padded(struct sink *s, const char *text, uint32_t n,
                       const struct spec *p)
{
    uint32_t fill = p->width > n ? p->width - n : 0;

    if (!p->left) {
        for (uint32_t i = 0; i < fill; i++)
            put(s, p->zero ? '0' : ' ');
    }
    for (uint32_t i = 0; i < n; i++)
        put(s, text[i]);
    if (p->left) {
        for (uint32_t i = 0; i < fill; i++)
            put(s, ' ');
    }
}

static void put_number(struct sink *s, uint64_t v, uint32_t base, bool negative,
                       char ten, const struct spec *p)
{
    char text[24];
    uint32_t n = sizeof(text);

    if (base == 16) {
        do {
            uint32_t d = (uint32_t)v & 15;
            text[--n] = (char)(d < 10 ? '0' + d : (uint32_t)ten + d - 10);
            v >>= 4;
        } while (v);
    } else {
        uint32_t low = v >> 32 ? 0xffffffff : (uint32_t)v; /* saturates */

        do {
            text[--n] = (char)('0' + low % 10);
            low /= 10;
        } while (low);
    }
    if (negative)
        text[--n] = '-';
    put_padded(s, text + n, (uint32_t)sizeof(text) - n, p);
}

static const char *parse_spec(const char *f, struct spec *p)
{
    memset(p, 0, sizeof(*p));
    for (;; f++) {
        if (*f == '-')
            p->left = true;
        else if (*f == '0')
            p->zero = true;
        else
            break;
    }
    for (; *f >= '0' && *f <= '9'; f++)
        p->width = p->width * 10 + (uint32_t)(*f - '0');
    for (; *f == 'l'; f++)
        p->longs++;
    return f;
}

static void put_integer(struct sink *s, char c, uint64_t v, const struct spec *p)
{
    if (c == 'd') {
        int32_t d = (int32_t)v;

        put_number(s, d < 0 ? 0u - (uint32_t)d : (uint32_t)d, 10, d < 0, 0, p);
    } else {
        put_number(s, v, c == 'u' ? 10 : 16, false, c == 'X' ? 'A' : 'a', p);
    }
}

uint32_t guest_vsnprintf(char *buf, uint32_t bytes, const char *fmt, va_list ap)
{
    struct sink s = {buf, bytes, 0};
    struct spec p;

    for (; *fmt; fmt++) {
        if (*fmt != '%') {
            put(&s, *fmt);
            continue;
        }
        fmt = parse_spec(fmt + 1, &p);
        if (*fmt == 's') {
            const char *text = va_arg(ap, const char *);

            put_padded(&s, text, (uint32_t)strlen(text), &p);
        } else if (*fmt == 'c') {
            put(&s, (char)va_arg(ap, int));
        } else if (*fmt == '%') {
            put(&s, '%');
        } else if (!*fmt) {
            break;
        } else {
            put_integer(&s, *fmt, p.longs > 1 ? va_arg(ap, uint64_t)
                                              : va_arg(ap, uint32_t), &p);
        }
    }
    if (bytes)
        buf[s.used] = '\0';
    return s.used;
}

uint32_t guest_snprintf(char *buf, uint32_t bytes, const char *fmt, ...)
{
    va_list ap;
    uint32_t n;

    va_start(ap, fmt);
    n = guest_vsnprintf(buf, bytes, fmt, ap);
    va_end(ap);
    return n;
}

/* By NOTIFY: the string has to lie in RAM with its NUL. */
static void notify_bytes(const char *s, uint32_t n)
{
    static char chunk[NOTIFY_BYTES + 1];

    while (n) {
        uint32_t part = n < NOTIFY_BYTES ? n : NOTIFY_BYTES;

        memcpy(chunk, s, part);
        chunk[part] = '\0';
        lguest_call(GABI_HCALL_NOTIFY, addr_of(chunk), 0, 0, 0);
        s += part;
        n -= part;
    }
}

static void send(const char *s, uint32_t n)
{
    if (console_is_up())
        console_write(s, n);
    else if (guest.started)
        notify_bytes(s, n);
}

/* A console is a terminal: each newline needs its carriage return. */
void print_bytes(const char *s, uint32_t n)
{
    uint32_t start = 0;

    for (uint32_t i = 0; i < n; i++) {
        if (s[i] != '\n')
            continue;
        send(s + start, i - start);
        send("\r\n", 2);
        start = i + 1;
    }
    send(s + start, n - start);
}

void print(const char *fmt, ...)
{
    char line[LINE_BYTES];
    va_list ap;
    uint32_t n;

    va_start(ap, fmt);
    n = guest_vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    print_bytes(line, n);
}
