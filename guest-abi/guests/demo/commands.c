/* SPDX-License-Identifier: MIT */
/* The prompt: a line editor over the virtual console, and the commands. */

#include "bench.h"
#include "demo.h"
#include "guest/boot.h"
#include "guest/lguest.h"
#include "guest/page.h"
#include "guest/print.h"
#include "guest/trap.h"
#include "guest/virtio.h"

#define LINE_MAX 80u
#define CTRL(c) ((c) & 0x1f)
#define DELETE 0x7f

static int wait_for_key(void)
{
    int c;

    for (;;) {
        irq_disable();
        c = console_getchar();
        if (c >= 0)
            break;
        irq_halt(); /* sti; hlt: an interrupt before it wakes it as well */
    }
    irq_enable();
    return c;
}

/* One line without its end. Takes CR, LF and CR LF, backspace, ^U and ^C. */
static void read_line(char *line)
{
    static bool after_cr;
    uint32_t n = 0;

    for (;;) {
        int c = wait_for_key();
        bool newline = c == '\r' || (c == '\n' && !after_cr);

        if (c == '\n' && after_cr) {
            after_cr = false;
            continue;
        }
        after_cr = c == '\r';
        if (newline || c == CTRL('c')) {
            print(newline ? "\n" : "^C\n");
            line[newline ? n : 0] = '\0';
            return;
        }
        if ((c == '\b' || c == DELETE) && n) {
            n--;
            print("\b \b");
        } else if (c == CTRL('u')) {
            for (; n; n--)
                print("\b \b");
        } else if (c >= ' ' && c < DELETE && n + 1 < LINE_MAX) {
            line[n++] = (char)c;
            print("%c", c);
        }
    }
}

static void cmd_mem(void)
{
    demo_show_memory();
}

static void show_row(const struct bench_result *r)
{
    print("  %-36s %7u%s\n", r->title, r->insns, r->ok ? "" : "  FAILED");
}

void demo_show_costs(void)
{
    print("  operation                           TSC ticks, median of %u\n",
          BENCH_SAMPLES);
    lguest_call(GABI_HCALL_SET_CLOCKEVENT, 0, 0, 0, 0); /* no ticks in between */
    bench_run(false, show_row);
    trap_init();
}

static void cmd_crash_pagefault(void)
{
    poke32(0x70000000, 1);
}

/* A fault whose handler cannot run, for which no double-fault handler can be
 * loaded: a real machine would reset. */
static void cmd_crash_triple(void)
{
    for (uint32_t v = 0; v < 32; v++)
        lguest_call(GABI_HCALL_LOAD_IDT_ENTRY, v, 0, 0, 0);
    __asm__ volatile("ud2");
}

static void cmd_spin(void)
{
    print("spinning with interrupts off; the monitor's shell can end this guest\n");
    irq_disable();
    for (;;)
        barrier();
}

static void cmd_reboot(void)
{
    guest_reboot("reboot from the demo's prompt");
}

static void cmd_poweroff(void)
{
    guest_exit("Power down");
}

static void cmd_help(void);

static const struct {
    const char *name, *what;
    void (*run)(void);
} commands[] = {
    {"help", "this list", cmd_help},
    {"mem", "what memory there is and what is used", cmd_mem},
    {"bench", "what each operation costs", demo_show_costs},
    {"crash pagefault", "touch what is not there: the guest gives up", cmd_crash_pagefault},
    {"crash triple", "fault without a handler: the monitor ends the guest", cmd_crash_triple},
    {"spin", "loop for ever with interrupts off", cmd_spin},
    {"reboot", "end and start afresh", cmd_reboot},
    {"poweroff", "end", cmd_poweroff},
};

static void cmd_help(void)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(commands); i++)
        print("  %-16s %s\n", commands[i].name, commands[i].what);
}

static void run_command(const char *line)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(commands); i++) {
        if (strcmp(line, commands[i].name) == 0) {
            commands[i].run();
            return;
        }
    }
    print("no such command: %s (try help)\n", line);
}

/* Blanks at both ends and doubled ones go. */
static void tidy(char *line)
{
    char *out = line;

    for (const char *s = line; *s; s++) {
        if (*s != ' ' || (out != line && out[-1] != ' '))
            *out++ = *s;
    }
    while (out != line && out[-1] == ' ')
        out--;
    *out = '\0';
}

void demo_prompt(void)
{
    char line[LINE_MAX];

    print("type help for what can be done here\n");
    for (;;) {
        print("demo> ");
        read_line(line);
        tidy(line);
        if (line[0])
            run_command(line);
    }
}
