/* SPDX-License-Identifier: MIT */
/* Line editing, history, and finding the command.  A state machine: each byte
 * is worked off at once, and a command runs to its end. */
#include "shell.h"

#include "hv/console.h"
#include "hv/percpu.h"
#include "hv/string.h"
#include "hv/vcpu.h"

#define LINE_BYTES 128u
#define HISTORY_LINES 8u
#define PROMPT "(RS) > "

#define KEY_CTRL_C 0x03u
#define KEY_CTRL_H 0x08u
#define KEY_CTRL_U 0x15u
#define KEY_CTRL_W 0x17u
#define KEY_DEL 0x7fu
#define KEY_ESC 0x1bu

enum key_state { KEY_PLAIN, KEY_ESCAPE, KEY_SEQUENCE };

static char line[LINE_BYTES]; /* always terminated */
static uint32_t line_bytes;
static bool drawn; /* the prompt has been written and no newline since */
static bool after_cr;
static enum key_state key_state;

/* Entered, but not run yet. */
static char pending[LINE_BYTES];
static bool is_pending;

static char history[HISTORY_LINES][LINE_BYTES];
static uint32_t history_count; /* lines ever entered */
static uint32_t history_at;    /* 0: the new line; n: the n-th last one */

static const struct shell_command *const tables[] = {
    shell_guest_commands,
    shell_system_commands,
};

/* ---- drawing ---- */

static void echo(const char *bytes, uint32_t n)
{
    console_monitor_write(bytes, n, false);
}

static void draw(void)
{
    console_monitor_write(PROMPT, sizeof(PROMPT) - 1, true);
    echo(line, line_bytes);
    drawn = true;
}

static bool is_intact(void)
{
    return drawn && console_line_is_open(LINE_OF_MONITOR);
}

void shell_prompt_again(bool even_empty)
{
    if (!is_pending && !is_intact() && (even_empty || line_bytes > 0))
        draw();
}

void shell_start(void)
{
    static bool greeted;

    line_bytes = 0;
    line[0] = '\0';
    if (!greeted)
        console_say("the shell of ringside; help lists the commands");
    greeted = true;
    shell_prompt_again(true);
}

/* ---- commands ---- */

static void help(char *const *args)
{
    char words[48];

    (void)args;
    for (uint32_t t = 0; t < HV_ARRAY_SIZE(tables); t++) {
        for (const struct shell_command *c = tables[t]; c->name != NULL; c++) {
            (void)hv_snprintf(words, sizeof(words), "%s %s", c->name, c->args);
            shell_say("  %-18s %s", words, c->help);
        }
    }
}

static const struct shell_command help_command = {
    "help", "", "this list", 0, 0, .run = help,
};

static const struct shell_command *find_command(const char *name)
{
    if (strcmp(name, "help") == 0)
        return &help_command;
    for (uint32_t t = 0; t < HV_ARRAY_SIZE(tables); t++) {
        for (const struct shell_command *c = tables[t]; c->name != NULL; c++) {
            if (strcmp(name, c->name) == 0)
                return c;
        }
    }
    return NULL;
}

/* Cuts text at blanks, in place. Returns the number of words, at most one more
 * than there is room for. */
static uint32_t split(char *text, char *words[SHELL_MAX_WORDS])
{
    uint32_t n = 0;

    for (char *p = text; *p != '\0';) {
        if (*p == ' ') {
            *p++ = '\0';
            continue;
        }
        if (n == SHELL_MAX_WORDS)
            return n + 1;
        words[n++] = p;
        while (*p != '\0' && *p != ' ')
            p++;
    }
    return n;
}

static void run_command(const struct shell_command *c, char *const *args)
{
    struct guest *g;

    if (c->run != NULL)
        c->run(args);
    else if (c->wish != NULL)
        shell_answer(args[0], c->wish(args[0]));
    else if ((g = shell_guest(args[0])) != NULL)
        c->about(g);
}

static void run_line(char *text)
{
    char *words[SHELL_MAX_WORDS + 1] = {NULL};
    uint32_t n = split(text, words);
    const struct shell_command *c;

    if (n == 0)
        return;
    c = find_command(words[0]);
    if (c == NULL)
        console_say("unknown command \"%s\", help lists them", words[0]);
    else if (n - 1 < c->min_args || n - 1 > c->max_args)
        console_say("usage: %s%s%s", c->name, c->args[0] != '\0' ? " " : "",
                    c->args);
    else
        run_command(c, words + 1);
}

/* ---- editing ---- */

static void set_line(const char *text)
{
    while (line_bytes > 0) {
        echo("\b \b", 3);
        line_bytes--;
    }
    (void)str_copy(line, text, sizeof(line));
    line_bytes = (uint32_t)strlen(line);
    echo(line, line_bytes);
}

static void history_add(void)
{
    history_at = 0;
    if (line_bytes == 0)
        return;
    if (history_count > 0 &&
        strcmp(history[(history_count - 1) % HISTORY_LINES], line) == 0)
        return;
    (void)str_copy(history[history_count++ % HISTORY_LINES], line, LINE_BYTES);
}

static void history_move(bool back)
{
    uint32_t kept = hv_min_u32(history_count, HISTORY_LINES);

    if (back ? history_at == kept : history_at == 0)
        return;
    history_at += back ? 1u : UINT32_MAX;
    if (history_at == 0)
        set_line("");
    else
        set_line(history[(history_count - history_at) % HISTORY_LINES]);
}

static void erase(bool word)
{
    do {
        if (line_bytes == 0)
            break;
        line[--line_bytes] = '\0';
        echo("\b \b", 3);
    } while (word && line_bytes > 0 && line[line_bytes - 1] != ' ');
}

/* The command waits for the run loop. A guest that never gives the CPU back is
 * asked to. */
static void enter(void)
{
    echo("\n", 1);
    drawn = false;
    history_add();
    (void)str_copy(pending, line, sizeof(pending));
    is_pending = true;
    line_bytes = 0;
    line[0] = '\0';
    if (this_cpu()->loaded != NULL)
        vcpu_post(this_cpu()->loaded, VCPU_TODO_RESCHED);
}

bool shell_is_busy(void)
{
    return is_pending;
}

void shell_run_pending(void)
{
    if (!is_pending)
        return;
    run_line(pending);
    is_pending = false;
    if (console_view() != VIEW_GUEST)
        draw();
}

static void plain_key(uint8_t byte)
{
    switch (byte) {
    case '\r':
    case '\n':
        if (byte == '\r' || !after_cr)
            enter();
        break;
    case KEY_DEL:
    case KEY_CTRL_H:
        erase(false);
        break;
    case KEY_CTRL_W:
        erase(true);
        break;
    case KEY_CTRL_U:
        set_line("");
        break;
    case KEY_CTRL_C:
        line_bytes = 0;
        line[0] = '\0';
        history_at = 0;
        echo("^C\n", 3);
        draw();
        break;
    case KEY_ESC:
        key_state = KEY_ESCAPE;
        break;
    default:
        if (byte < ' ' || byte > '~' || line_bytes + 1 >= LINE_BYTES)
            break;
        line[line_bytes++] = (char)byte;
        line[line_bytes] = '\0';
        echo(&line[line_bytes - 1], 1);
        break;
    }
}

void shell_input(uint8_t byte)
{
    if (is_pending)
        return;
    if (!is_intact() && !(byte == '\n' && after_cr))
        draw();
    switch (key_state) {
    case KEY_PLAIN:
        plain_key(byte);
        break;
    case KEY_ESCAPE:
        key_state = byte == '[' || byte == 'O' ? KEY_SEQUENCE : KEY_PLAIN;
        break;
    case KEY_SEQUENCE:
        if (byte == 'A' || byte == 'B')
            history_move(byte == 'A');
        if (byte >= 0x40)
            key_state = KEY_PLAIN;
        break;
    }
    after_cr = byte == '\r';
}
