/* SPDX-License-Identifier: MIT */
/* What guests write to their consoles.  The attached guest has the stream to
 * itself, byte for byte.  When all are shown, each line is collected first and
 * gets the guest's name in front, so that two guests never share a line; there,
 * and while test= runs, nothing that a terminal would obey gets through. */
#include "hv/console.h"

#include "console_int.h"
#include "hv/guest.h"
#include "hv/string.h"
#include "hv/swar.h"

#define LINE_BYTES 200u
#define UNSEEN_BYTES 1024u /* a power of two */

enum escape { ESC_NONE, ESC_SEEN, ESC_SEQUENCE };

struct guest_line {
    enum escape escape;
    uint32_t n;
    bool quiet; /* nothing was added since the last console_guest_poll() */
    uint8_t utf8_left;  /* bytes that the character begun still needs */
    uint8_t utf8_least; /* what the next of them is at least */
    char text[LINE_BYTES];
    /* Output while another view was shown: the last bytes of it. */
    uint32_t unseen_head;
    uint8_t unseen[UNSEEN_BYTES];
};

static struct guest_line lines[GUEST_MAX];
static bool test_mode;

void console_set_test_mode(bool on)
{
    test_mode = on;
}

bool console_in_test_mode(void)
{
    return test_mode;
}

static struct guest_line *line_of(const struct guest *g)
{
    return &lines[g->id % GUEST_MAX];
}

/* ---- lines with a name ---- */

static void put_prefix(const struct guest *g)
{
    if (test_mode)
        console_put("# ", 2);
    console_put("[", 1);
    console_put(g->config.name, (uint32_t)strlen(g->config.name));
    console_put("] ", 2);
}

/* Shows what has been collected, as the rest of the guest's own line if that is
 * still the last thing on the screen. */
static void show_line(const struct guest *g, struct guest_line *l, bool end)
{
    if (!console_line_is_open(g->id)) {
        console_begin_line();
        put_prefix(g);
    }
    console_put(l->text, l->n);
    l->n = 0;
    if (end)
        console_put("\r\n", 2);
    console_set_line(g->id, !end);
}

/* The same for a byte from 0x80 on. 0x80 to 0x9f are control characters too, alone and
 * as U+0080 to U+009F; within any other character of UTF-8 they are text. */
static bool filter_high(struct guest_line *l, uint8_t byte)
{
    bool after_c2 = l->utf8_left == 1 && l->utf8_least == 0xa0;

    if (l->utf8_left > 0 && byte >= l->utf8_least && byte < 0xc0) {
        l->utf8_left--;
        l->utf8_least = 0x80;
        return true;
    }
    l->utf8_left = byte < 0xc2 || byte > 0xf4 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    l->utf8_least = byte == 0xc2 || byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
    if (byte >= 0xa0)
        return true; /* another character, or Latin-1 */
    if (byte == 0x9b)
        l->escape = ESC_SEQUENCE;
    if (after_c2 && l->n > 0)
        l->n--;
    return false;
}

/* True if the byte may be shown. Swallows ANSI sequences and what else moves a
 * cursor: with those a guest could draw lines that look like the monitor's. */
static bool filter(struct guest_line *l, uint8_t byte)
{
    switch (l->escape) {
    case ESC_NONE:
        if (byte >= 0x80)
            return filter_high(l, byte);
        l->utf8_left = 0;
        if (byte == 0x1b)
            l->escape = ESC_SEEN;
        return (byte >= 0x20 && byte != 0x7f) || byte == '\t';
    case ESC_SEEN:
        l->escape = byte == '[' ? ESC_SEQUENCE : ESC_NONE;
        return false;
    case ESC_SEQUENCE:
        if (byte < 0x20 || (byte >= 0x40 && byte <= 0x7e))
            l->escape = ESC_NONE;
        return false;
    }
    return false;
}

static void write_lines(const struct guest *g, const uint8_t *bytes, uint32_t n)
{
    struct guest_line *l = line_of(g);

    for (uint32_t i = 0; i < n; i++) {
        if (bytes[i] == '\n') {
            l->escape = ESC_NONE;
            l->utf8_left = 0;
            show_line(g, l, true);
            continue;
        }
        if (!filter(l, bytes[i]))
            continue;
        if (l->n == LINE_BYTES)
            show_line(g, l, false);
        l->text[l->n++] = (char)bytes[i];
    }
    l->quiet = false;
}

bool console_guest_poll(void)
{
    bool held_back = false;

    if (console_view() != VIEW_ALL && !test_mode)
        return false;
    list_for_each(p, &guest_list) {
        struct guest *g = HV_CONTAINER_OF(p, struct guest, link);
        struct guest_line *l = line_of(g);

        if (l->n == 0)
            continue;
        if (l->quiet && console_enter()) {
            show_line(g, l, false);
            console_leave();
        }
        l->quiet = true;
        held_back = held_back || l->n != 0;
    }
    return held_back;
}

/* ---- the attached guest ---- */

/* Takes plain text, which most of it is; returns how much of it that was. */
static uint32_t track_plain(struct guest_line *l, const uint8_t *bytes, uint32_t n)
{
    uint32_t i = 0, max = hv_min_u32(n, LINE_BYTES - l->n);
    char *text = l->text + l->n;

    if (l->escape != ESC_NONE)
        return 0;
    for (; max - i >= 4; i += 4) {
        uint32_t w = *(const swar_text_t *)(const void *)(bytes + i);

        if (!swar_is_plain(w))
            break;
        *(swar_text_t *)(void *)(text + i) = w;
    }
    while (i < max && bytes[i] >= 0x20 && bytes[i] < 0x7f) {
        text[i] = (char)bytes[i];
        i++;
    }
    l->n += i;
    l->utf8_left = i > 0 ? 0 : l->utf8_left;
    return i;
}

/* Keeps the guest's unfinished line, as text, to show it again. */
static void track_line(struct guest_line *l, const uint8_t *bytes, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        i += track_plain(l, bytes + i, n - i);
        if (i == n)
            return;
        if (bytes[i] == '\n' || bytes[i] == '\r' || l->n == LINE_BYTES)
            l->n = 0;
        if (bytes[i] == '\b' && l->n > 0)
            l->n--;
        if (filter(l, bytes[i]))
            l->text[l->n++] = (char)bytes[i];
    }
}

static void write_raw(const struct guest *g, const uint8_t *bytes, uint32_t n)
{
    if (n == 0)
        return;
    if (!console_line_is_open(g->id))
        console_begin_line();
    console_put((const char *)bytes, n);
    console_set_line(g->id, bytes[n - 1] != '\n');
}

static void keep_unseen(struct guest_line *l, const uint8_t *bytes, uint32_t n)
{
    uint32_t skip = n > UNSEEN_BYTES ? n - UNSEEN_BYTES : 0;

    for (uint32_t i = skip; i < n; i++)
        l->unseen[l->unseen_head++ & (UNSEEN_BYTES - 1)] = bytes[i];
    if (l->unseen_head >= 2 * UNSEEN_BYTES) /* stays "full" */
        l->unseen_head -= UNSEEN_BYTES;
}

static void replay_unseen(const struct guest *g, struct guest_line *l)
{
    uint32_t end = l->unseen_head;
    uint32_t at = end > UNSEEN_BYTES ? end - UNSEEN_BYTES : 0;

    /* The first line has lost its beginning. */
    while (end > UNSEEN_BYTES && at < end - 1 &&
           l->unseen[at & (UNSEEN_BYTES - 1)] != '\n')
        at++;
    l->unseen_head = 0;
    for (; at < end; at++)
        write_raw(g, &l->unseen[at & (UNSEEN_BYTES - 1)], 1);
}

void console_guest_replay(struct guest *g)
{
    struct guest_line *l = line_of(g);

    if (test_mode || !console_enter())
        return;
    if (l->unseen_head != 0)
        replay_unseen(g, l);
    else if (!console_line_is_open(g->id))
        write_raw(g, (const uint8_t *)l->text, l->n);
    console_leave();
}

/* ---- the door for device models ---- */

/* T:290 What a guest prints: into its history, and onto the consoles if they show it. */
void console_guest_write(struct guest *g, const uint8_t *bytes, uint32_t n)
{
    bool attached = console_is_attached(g); /* may print a line itself */
    uint32_t room;

    if (!console_enter())
        return;
    room = console_guest_room();
    if (n > room) {
        console_count_dropped(n - room);
        n = room;
    }
    if (test_mode || g->config.observer || console_view() == VIEW_ALL) {
        write_lines(g, bytes, n);
    } else {
        track_line(line_of(g), bytes, n);
        if (attached)
            write_raw(g, bytes, n);
        else
            keep_unseen(line_of(g), bytes, n);
    }
    console_leave();
}

void console_guest_gone(struct guest *g)
{
    struct guest_line *l = line_of(g);

    if (console_enter()) {
        if (l->n > 0 && (console_view() == VIEW_ALL || test_mode))
            show_line(g, l, true);
        if (console_line_is_open(g->id))
            console_begin_line();
        console_leave();
    }
    memset(l, 0, sizeof(*l));
    console_view_guest_gone(g);
}
