/* SPDX-License-Identifier: MIT */
/* Keyboard layouts.  The US layout is a table; the others are lists of the
 * keys that differ.  Dead keys give their plain character: nothing that is
 * typed at a shell needs a composed one that has no key of its own. */
#include "keymap.h"

#include "hv/assert.h"

#define CODE_CTRL 0x1du
#define CODE_SHIFT_LEFT 0x2au
#define CODE_SHIFT_RIGHT 0x36u
#define CODE_ALT 0x38u
#define CODE_CAPS 0x3au
#define CODE_NUM 0x45u
#define CODE_KEYPAD 0x47u
#define CODE_KEYPAD_END 0x53u
#define CODE_PAGE_UP 0x49u
#define CODE_PAGE_DOWN 0x51u
#define CODE_RELEASED 0x80u

struct key {
    uint8_t code;
    uint16_t plain, shift, altgr; /* Unicode; 0: nothing */
};

/* Indexed by scan code; the two strings run in step. */
static const char us_plain[] =
    "\0\0"
    "1234567890-=\0\0qwertyuiop[]\0\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char us_shift[] =
    "\0\0"
    "!@#$%^&*()_+\0\0QWERTYUIOP{}\0\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";

static const struct key key_us_102nd = {0x56, '\\', '|', 0};

static const struct key keys_de[] = {
    {0x03, '2', '"', 0xb2}, {0x04, '3', 0xa7, 0xb3}, {0x07, '6', '&', 0},
    {0x08, '7', '/', '{'}, {0x09, '8', '(', '['}, {0x0a, '9', ')', ']'},
    {0x0b, '0', '=', '}'}, {0x0c, 0xdf, '?', '\\'}, {0x0d, 0xb4, '`', 0},
    {0x10, 'q', 'Q', '@'}, {0x12, 'e', 'E', 0x20ac}, {0x15, 'z', 'Z', 0},
    {0x1a, 0xfc, 0xdc, 0}, {0x1b, '+', '*', '~'}, {0x27, 0xf6, 0xd6, 0},
    {0x28, 0xe4, 0xc4, 0}, {0x29, '^', 0xb0, 0}, {0x2b, '#', '\'', 0},
    {0x2c, 'y', 'Y', 0}, {0x32, 'm', 'M', 0xb5}, {0x33, ',', ';', 0},
    {0x34, '.', ':', 0}, {0x35, '-', '_', 0}, {0x56, '<', '>', '|'},
};

static const struct key keys_fr[] = {
    {0x02, '&', '1', 0}, {0x03, 0xe9, '2', '~'}, {0x04, '"', '3', '#'},
    {0x05, '\'', '4', '{'}, {0x06, '(', '5', '['}, {0x07, '-', '6', '|'},
    {0x08, 0xe8, '7', '`'}, {0x09, '_', '8', '\\'}, {0x0a, 0xe7, '9', '^'},
    {0x0b, 0xe0, '0', '@'}, {0x0c, ')', 0xb0, ']'}, {0x0d, '=', '+', '}'},
    {0x10, 'a', 'A', 0}, {0x11, 'z', 'Z', 0}, {0x12, 'e', 'E', 0x20ac},
    {0x1a, '^', 0xa8, 0}, {0x1b, '$', 0xa3, 0xa4}, {0x1e, 'q', 'Q', 0},
    {0x27, 'm', 'M', 0}, {0x28, 0xf9, '%', 0}, {0x29, 0xb2, 0, 0},
    {0x2b, '*', 0xb5, 0}, {0x2c, 'w', 'W', 0}, {0x32, ',', '?', 0},
    {0x33, ';', '.', 0}, {0x34, ':', '/', 0}, {0x35, '!', 0xa7, 0},
    {0x56, '<', '>', 0},
};

static const struct {
    const struct key *keys;
    uint32_t n;
} layouts[] = {
    [KEYMAP_US] = {&key_us_102nd, 1},
    [KEYMAP_DE] = {keys_de, (uint32_t)HV_ARRAY_SIZE(keys_de)},
    [KEYMAP_FR] = {keys_fr, (uint32_t)HV_ARRAY_SIZE(keys_fr)},
};

/* Keypad codes 0x47 to 0x53: the digit, and what the key is without Num Lock
 * (also the keys with prefix 0xe0). */
static const char keypad_digits[] = "789-456+1230.";
static const char *const keypad_moves[] = {
    "\033[H", "\033[A", "\033[5~", NULL, "\033[D", NULL, "\033[C", NULL,
    "\033[F", "\033[B", "\033[6~", "\033[2~", "\033[3~",
};

/* Keys that are the same in every layout. */
static const struct {
    uint8_t code;
    const char *text;
} fixed_keys[] = {
    {0x01, "\033"}, {0x0e, "\177"}, {0x0f, "\t"}, {0x1c, "\r"}, /* Esc Backspace Tab Enter */
    {0x3b, "\033OP"}, {0x3c, "\033OQ"}, {0x3d, "\033OR"}, {0x3e, "\033OS"},
    {0x3f, "\033[15~"}, {0x40, "\033[17~"}, {0x41, "\033[18~"}, {0x42, "\033[19~"},
    {0x43, "\033[20~"}, {0x44, "\033[21~"}, {0x57, "\033[23~"}, {0x58, "\033[24~"},
};

HV_INIT void keymap_init(struct keymap_state *k, enum hv_keymap layout)
{
    hv_assert(layout < HV_ARRAY_SIZE(layouts));
    *k = (struct keymap_state){.layout = layout, .num_lock = true};
}

static struct key find_key(enum hv_keymap layout, uint8_t code)
{
    for (uint32_t i = 0; i < layouts[layout].n; i++) {
        if (layouts[layout].keys[i].code == code)
            return layouts[layout].keys[i];
    }
    if (code < sizeof(us_plain) - 1)
        return (struct key){code, (uint8_t)us_plain[code],
                            (uint8_t)us_shift[code], 0};
    return (struct key){0};
}

static bool is_letter(uint32_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 0xe0 && c <= 0xfe);
}

static uint32_t put_string(uint8_t *out, const char *s)
{
    uint32_t n = 0;

    while (s != NULL && s[n] != '\0' && n < KEYMAP_MAX_BYTES) {
        out[n] = (uint8_t)s[n];
        n++;
    }
    return n;
}

static uint32_t put_utf8(uint8_t *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | (c >> 6));
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    out[0] = (uint8_t)(0xe0 | (c >> 12));
    out[1] = (uint8_t)(0x80 | ((c >> 6) & 0x3f));
    out[2] = (uint8_t)(0x80 | (c & 0x3f));
    return 3;
}

/* Ctrl with a key as ASCII has it: the column of '@' to '_' gives the control
 * codes, '?' gives DEL. */
static uint32_t with_ctrl(uint32_t c)
{
    if (c == ' ')
        return 0;
    if (c == '?')
        return 0x7f;
    if (c >= '@' && c <= '~')
        return c & 0x1f;
    return c;
}

static uint32_t put_character(const struct keymap_state *k, uint8_t code,
                              uint8_t *out)
{
    struct key key = find_key(k->layout, code);
    bool ctrl = k->ctrl_left || k->ctrl_right;
    bool shift = k->shift_left || k->shift_right;
    uint32_t n = 0;
    uint32_t c;

    if (k->caps_lock && is_letter(key.plain))
        shift = !shift;
    c = k->altgr ? key.altgr : shift ? key.shift : key.plain;
    if (c == 0)
        return 0;
    if (k->alt)
        out[n++] = 0x1b;
    return n + put_utf8(out + n, ctrl ? with_ctrl(c) : c);
}

/* Shift, Ctrl, Alt: held as long as the key is down. */
static bool feed_modifier(struct keymap_state *k, uint8_t code, bool down,
                          bool extended)
{
    if (code == CODE_SHIFT_LEFT || code == CODE_SHIFT_RIGHT) {
        if (extended)
            return true; /* fake shifts round the cursor keys */
        *(code == CODE_SHIFT_LEFT ? &k->shift_left : &k->shift_right) = down;
        return true;
    }
    if (code == CODE_CTRL) {
        *(extended ? &k->ctrl_right : &k->ctrl_left) = down;
        return true;
    }
    if (code == CODE_ALT) {
        *(extended ? &k->altgr : &k->alt) = down;
        return true;
    }
    return false;
}

static uint32_t feed_keypad(struct keymap_state *k, uint8_t code,
                            bool extended, uint8_t *out)
{
    uint32_t i = code - CODE_KEYPAD;

    if (extended || !k->num_lock)
        k->page = code == CODE_PAGE_UP ? 1 : code == CODE_PAGE_DOWN ? -1 : 0;
    if (!extended && (k->num_lock || keypad_moves[i] == NULL))
        return put_utf8(out, (uint8_t)keypad_digits[i]);
    return put_string(out, keypad_moves[i]);
}

static uint32_t feed_press(struct keymap_state *k, uint8_t code, bool extended,
                           uint8_t *out)
{
    if (code == CODE_CAPS || code == CODE_NUM) {
        bool *lock = code == CODE_CAPS ? &k->caps_lock : &k->num_lock;

        *lock = !*lock;
        return 0;
    }
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(fixed_keys); i++) {
        if (fixed_keys[i].code == code)
            return put_string(out, fixed_keys[i].text);
    }
    if (code >= CODE_KEYPAD && code <= CODE_KEYPAD_END)
        return feed_keypad(k, code, extended, out);
    if (extended)
        return code == 0x35 ? put_utf8(out, '/') : 0;
    return put_character(k, code, out);
}

uint32_t keymap_feed(struct keymap_state *k, uint8_t code,
                     uint8_t out[KEYMAP_MAX_BYTES])
{
    bool extended = k->extended;
    bool down = (code & CODE_RELEASED) == 0;

    k->page = 0;
    if (k->skip > 0) {
        k->skip--;
        return 0;
    }
    k->extended = code == 0xe0;
    if (code == 0xe1)
        k->skip = 2; /* Pause: two codes follow, pressed and released */
    if (code == 0xe0 || code == 0xe1)
        return 0;
    code &= (uint8_t)~CODE_RELEASED;
    if (feed_modifier(k, code, down, extended) || !down)
        return 0;
    return feed_press(k, code, extended, out);
}
