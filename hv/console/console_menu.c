/* SPDX-License-Identifier: MIT */
/* What the consoles show and where keys go: a guest, all of them, or the shell;
 * and the one-line menu behind the escape key that changes it.  Every other
 * byte goes through as it came. */
#include "hv/console.h"

#include "console_int.h"
#include "hv/arch_if.h"
#include "hv/cmdline.h"
#include "hv/guest.h"
#include "hv/string.h"
#include "hv/vdev.h"
#include "shell/shell.h"

#define SAY_BYTES 200u
#define BATCH_BYTES 64u
#define MENU_GUESTS 9u

/* A guest that is restarted is back within this time; until then no prompt. */
#define RETURN_NS 300000000ull

static enum console_view view = VIEW_ALL;
static struct guest *attached;

/* The attached guest's name. It outlives the guest: one of that name that comes
 * back after a restart is attached again. */
static char attached_name[GUEST_NAME_BYTES];
static bool await_return;
static uint64_t gone_since_ns;

static bool shell_chosen; /* in a test run: keys go to the shell after all */
static bool menu_open;
static uint8_t batch[BATCH_BYTES];
static uint32_t batch_bytes;

enum console_view console_view(void)
{
    return view;
}

void console_say(const char *fmt, ...)
{
    char line[SAY_BYTES] = "(RS) ";
    uint32_t n;
    va_list ap;

    va_start(ap, fmt);
    (void)hv_vsnprintf(line + 5, sizeof(line) - 6, fmt, ap);
    va_end(ap);
    n = (uint32_t)strlen(line);
    line[n] = '\n';
    console_monitor_write(line, n + 1, true);
}

static uint8_t escape_key(void)
{
    return (uint8_t)(hv_options.escape & 0x1f);
}

/* "Ctrl-A". */
static const char *key_name(void)
{
    static char name[8];

    (void)hv_snprintf(name, sizeof(name), "Ctrl-%c", escape_key() + '@');
    return name;
}

const char *console_way_out_hint(void)
{
    static char hint[96];
    (void)hv_snprintf(hint, sizeof(hint), "%s opens the menu: 0 is the shell, "
                      "and poweroff there ends it", key_name());
    return hint;
}

/* ---- views ---- */

void console_attach(struct guest *g)
{
    console_input_end();
    await_return = false;
    menu_open = false;
    attached = g;
    if (g == NULL) {
        view = VIEW_SHELL;
        shell_chosen = true;
        shell_start();
        return;
    }
    view = VIEW_GUEST;
    (void)str_copy(attached_name, g->config.name, sizeof(attached_name));
    console_say("console: guest %s (%s opens the menu, 0 there is the shell)",
        attached_name, key_name());
    console_guest_replay(g);
}

void console_show_all(void)
{
    console_input_end();
    await_return = false;
    attached = NULL;
    view = VIEW_ALL;
    console_say("console: all guests; keys go to the shell (%s opens the menu)",
        key_name());
}

bool console_is_attached(const struct guest *g)
{
    struct guest *back = await_return ? guest_find(attached_name) : NULL;

    if (back != NULL && back == g)
        console_attach(back);
    return view == VIEW_GUEST && attached == g;
}

void console_view_guest_gone(const struct guest *g)
{
    if (view != VIEW_GUEST || attached != g)
        return;
    console_input_end();
    attached = NULL;
    await_return = true;
    gone_since_ns = arch_time_ns();
    view = VIEW_SHELL;
}

/* ---- the menu ---- */

static struct guest *guest_with_number(uint32_t number)
{
    list_for_each(p, &guest_list) {
        struct guest *g = HV_CONTAINER_OF(p, struct guest, link);

        if (g->id + 1 == number)
            return g;
    }
    return NULL;
}

static void menu_help(void)
{
    console_say("%s then: 1-9 attach to that guest, 0 shell, a all guests, l list,",
        key_name());
    console_say("  %s a literal %s, ? this help; any other key goes back", key_name(),
        key_name());
}

static void menu_list(void)
{
    uint32_t n = 0;

    list_for_each(p, &guest_list) {
        struct guest *g = HV_CONTAINER_OF(p, struct guest, link);

        console_say("%u: %s%s", g->id + 1, g->config.name,
            g == attached ? " (attached)" : "");
        n++;
    }
    if (n == 0)
        console_say("no guests");
}

static void menu_attach(uint32_t number)
{
    struct guest *g = guest_with_number(number);

    if (g == NULL)
        console_say("no guest %u (l lists them)", number);
    else
        console_attach(g);
}

static void deliver(uint8_t byte);

static void menu_key(uint8_t byte)
{
    menu_open = false;
    if (byte == escape_key()) {
        deliver(byte);
    } else if (byte >= '1' && byte < '1' + MENU_GUESTS) {
        menu_attach((uint32_t)(byte - '0'));
    } else if (byte == '0') {
        console_attach(NULL);
    } else if (byte == 'a') {
        console_show_all();
    } else if (byte == 'l') {
        menu_list();
    } else if (byte == '?') {
        menu_help();
    } else {
        console_say("menu left");
    }
    if (view == VIEW_GUEST)
        console_guest_replay(attached);
}

static void menu_show(void)
{
    menu_open = true;
    console_say("menu: 1-9 guest, 0 shell, a all, l list, %s itself, ? help",
        key_name());
}

/* ---- input ---- */

void console_input_end(void)
{
    uint32_t n = batch_bytes;

    batch_bytes = 0;
    if (n > 0 && attached != NULL)
        vconsole_input(attached, batch, n);
}

static void deliver(uint8_t byte)
{
    if (view != VIEW_GUEST) {
        await_return = false; /* somebody is using the shell */
        /* Noise on a serial line must not write into a test report. */
        if (!console_in_test_mode() || shell_chosen)
            shell_input(byte);
        return;
    }
    if (batch_bytes == BATCH_BYTES)
        console_input_end();
    batch[batch_bytes++] = byte;
}

void console_input(uint8_t byte)
{
    if (menu_open)
        menu_key(byte);
    else if (byte == escape_key())
        menu_show();
    else
        deliver(byte);
}

/* With Shift it is always about the screen; without, a guest may want it. */
void console_page_key(enum console_key key)
{
    bool up = key == CONSOLE_KEY_PAGE_UP || key == CONSOLE_KEY_SHIFT_PAGE_UP;
    bool shift = key == CONSOLE_KEY_SHIFT_PAGE_UP || key == CONSOLE_KEY_SHIFT_PAGE_DOWN;
    const char *sequence = up ? "\033[5~" : "\033[6~";

    if (shift || menu_open || view != VIEW_GUEST) {
        console_scroll(up ? 1 : -1);
        return;
    }
    while (*sequence != '\0')
        console_input((uint8_t)*sequence++);
}

bool console_prompt_poll(void)
{
    if (view == VIEW_GUEST || menu_open ||
        (console_in_test_mode() && !shell_chosen))
        return false;
    if (await_return && arch_time_ns() - gone_since_ns < RETURN_NS)
        return true;
    /* No empty prompts between the lines of a test report. */
    shell_prompt_again(view == VIEW_SHELL && !console_in_test_mode());
    return false;
}
