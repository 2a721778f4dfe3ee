/* SPDX-License-Identifier: MIT */
/* For the tests of the console core: a UART that is also a screen, a keyboard, a
 * shell and guests that note what they get. */
#pragma once

#include "fake.h"
#include "test.h"

#include "hv/arch_if.h"
#include "hv/cmdline.h"
#include "hv/console.h"
#include "hv/driver.h"
#include "hv/log.h"
#include "hv/percpu.h"
#include "hv/timerq.h"
#include "hv/vdev.h"

#include "../../hv/console/shell/shell.h"

#define CTRL_A "\001"

struct hv_options hv_options = {.escape = 1, .loglvl = LOG_INFO};
struct list guest_list = {&guest_list, &guest_list};

/* ---- a UART ---- */

static char wire[300000];
static uint32_t wire_bytes;
static uint32_t room = UINT32_MAX; /* bytes it still takes */
static uint64_t looks;             /* calls of tx_ready */
static const char *typed = "";

static bool uart_tx_ready(void)
{
    looks++;
    return room > 0;
}

static void uart_tx(uint8_t byte)
{
    REQUIRE(room > 0 && wire_bytes < sizeof(wire) - 1);
    room--;
    wire[wire_bytes++] = (char)byte;
}

static int uart_rx(void)
{
    return *typed != '\0' ? (uint8_t)*typed++ : -1;
}

static uint32_t flushes, portions_left;
static int scrolled = 99; /* the last number of pages */

static bool screen_flush(void)
{
    flushes++;
    return portions_left > 0 && --portions_left > 0;
}

static void screen_scroll(int pages)
{
    scrolled = pages;
}

static const struct console_ops uart = {
    .name = "uart", .tx_ready = uart_tx_ready, .tx = uart_tx, .rx = uart_rx,
    .flush = screen_flush, .scroll = screen_scroll,
};

/* A keyboard: codes that end in -1. */
static const int *pressed = (const int[]){-1};

static int keyboard_rx(void)
{
    return *pressed < 0 ? -1 : *pressed++;
}

HV_USED static const struct console_ops keyboard = {.name = "keyboard", .rx = keyboard_rx};

HV_NOINLINE HV_USED static const char *sent(void)
{
    static char copy[sizeof(wire)];

    memcpy(copy, wire, wire_bytes);
    copy[wire_bytes] = '\0';
    wire_bytes = 0;
    return copy;
}

/* ---- what the core calls ---- */

const struct console_ops *ns16550_init(uint32_t index, uint16_t port, uint32_t baud)
{
    (void)port;
    (void)baud;
    return index == 0 ? &uart : NULL;
}

#define ABSENT(driver) \
    const struct console_ops *driver { return NULL; }
ABSENT(vga_text_init(void))
ABSENT(framebuffer_init(void))
ABSENT(debugcon_init(void))
ABSENT(ps2_keyboard_init(__attribute__((unused)) enum hv_keymap layout))

static void (*irq_handler)(void);

void arch_irq_set_handler(uint32_t line, void (*handler)(void))
{
    (void)line;
    irq_handler = handler;
}

static char shell_got[200];
static uint32_t shell_starts, shell_prompts, commands_run;
static bool shell_busy;

void shell_input(uint8_t byte)
{
    char s[2] = {(char)byte, '\0'};

    (void)strncat(shell_got, s, sizeof(shell_got) - strlen(shell_got) - 1);
    shell_busy = shell_busy || byte == '\r';
}

bool shell_is_busy(void)
{
    return shell_busy;
}

void shell_run_pending(void)
{
    commands_run += shell_busy;
    shell_busy = false;
}

void shell_start(void)
{
    shell_starts++;
}

void shell_prompt_again(bool even_empty)
{
    shell_prompts += even_empty;
}

static char guest_got[2][200];

void vconsole_input(struct guest *g, const uint8_t *bytes, uint32_t n)
{
    char *to = guest_got[g->id & 1];

    REQUIRE(strlen(to) + n < sizeof(guest_got[0]));
    (void)strncat(to, (const char *)bytes, n);
}

struct guest *guest_find(const char *name)
{
    list_for_each(p, &guest_list) {
        struct guest *g = HV_CONTAINER_OF(p, struct guest, link);

        if (strcmp(g->config.name, name) == 0)
            return g;
    }
    return NULL;
}

/* ---- helpers ---- */

static struct guest *a, *b;

static inline struct guest *new_guest(uint32_t id, const char *name)
{
    struct guest *g = calloc(1, sizeof(*g));

    REQUIRE(g != NULL);
    g->id = id;
    (void)snprintf(g->config.name, sizeof(g->config.name), "%s", name);
    list_add_tail(&guest_list, &g->link);
    return g;
}

static inline void set_up(void)
{
    a = new_guest(0, "web");
    b = new_guest(1, "db");
    console_add(&uart);
    (void)sent();
}

static inline void out(struct guest *g, const char *s)
{
    console_guest_write(g, (const uint8_t *)s, (uint32_t)strlen(s));
}

static inline void type(const char *keys)
{
    typed = keys;
    console_poll();
}
