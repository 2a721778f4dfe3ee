/* SPDX-License-Identifier: MIT */
/* The shell's commands about guests. */
#include "shell.h"

#include "hv/console.h"
#include "hv/control.h"
#include "hv/exit.h"
#include "hv/guest.h"
#include "hv/main.h"
#include "hv/string.h"

#define NS_PER_SECOND 1000000000u

/* Why a wish was not granted. */
void shell_answer(const char *name, enum control_result r)
{
    if (r != CONTROL_OK)
        shell_say("guest %s %s", name, control_text(r));
}

struct guest *shell_guest(const char *name)
{
    struct guest *g = guest_find(name);

    if (g == NULL)
        shell_answer(name, CONTROL_NO_SUCH_GUEST);
    return g;
}

static void cmd_list(char *const *args)
{
    const struct guest_config *c;

    (void)args;
    shell_say("  # %-16s %-8s %7s %8s %9s %s", "name", "state", "memory",
              "up", "exits", "abi");
    list_for_each(p, &guest_list) {
        struct guest *g = HV_CONTAINER_OF(p, struct guest, link);

        shell_say("%3u %-16s %-8s %4uMiB %7us %9u %s", g->id + 1, g->config.name,
                  guest_state_word(g), g->ram_pages >> 8,
                  (uint32_t)div64(arch_time_ns() - g->started_ns, NS_PER_SECOND, NULL),
                  vcpu_exits(g->vcpu), g->abi != NULL ? g->abi->name : "?");
    }
    for (uint32_t i = 0; (c = hv_configured(i)) != NULL; i++) {
        if (guest_find(c->name) == NULL)
            shell_say("  - %-16s %-8s %4uMiB", c->name, "off", c->memory_mib);
    }
}

static void cmd_console(char *const *args)
{
    if (strcmp(args[0], "all") == 0)
        console_show_all();
    else
        shell_answer(args[0], control_attach(args[0]));
}

static void cmd_stats(char *const *args)
{
    const struct guest *g;

    if (args[0] == NULL) {
        shell_print_stats();
        return;
    }
    g = shell_guest(args[0]);
    if (g == NULL)
        return;
    shell_say("%s: %u exits", g->config.name, vcpu_exits(g->vcpu));
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(g->vcpu->exit_count); i++) {
        if (g->vcpu->exit_count[i] != 0)
            shell_say("  vector %3u: %u", i, g->vcpu->exit_count[i]);
    }
}

/* part of whole in tenths of a percent, for any times. */
static uint32_t permille(uint64_t part, uint64_t whole)
{
    while ((whole >> 32) != 0) {
        whole >>= 1;
        part >>= 1;
    }
    if (whole == 0)
        return 0;
    return (uint32_t)div64(part * 1000, (uint32_t)whole, NULL);
}

/* What the last `top` saw, by guest id; another guest may have the id now. */
struct top_sample {
    uint64_t at_ns, run_ns, started_ns;
    uint32_t exits;
};

static void cmd_top(char *const *args)
{
    static struct top_sample last[GUEST_MAX];

    (void)args;
    shell_say("  # %-16s %6s %10s", "name", "cpu", "exits");
    list_for_each(p, &guest_list) {
        const struct guest *g = HV_CONTAINER_OF(p, struct guest, link);
        struct top_sample *s = &last[g->id % GUEST_MAX];
        struct top_sample now = {arch_time_ns(), g->vcpu->run_ns, g->started_ns,
                                 vcpu_exits(g->vcpu)};
        uint32_t pm;

        if (s->started_ns != now.started_ns || s->run_ns > now.run_ns)
            *s = (struct top_sample){.at_ns = now.started_ns};
        pm = permille(now.run_ns - s->run_ns, now.at_ns - s->at_ns);
        shell_say("%3u %-16s %3u.%u%% %10u", g->id + 1, g->config.name,
                  pm / 10, pm % 10, now.exits - s->exits);
        *s = now;
    }
}

const struct shell_command shell_guest_commands[] = {
    {"list", "", "guests and their state", 0, 0, .run = cmd_list},
    {"info", "NAME", "memory, devices, exits of a guest", 1, 1, .about = guest_print_info},
    {"pause", "NAME", "stop it for a while", 1, 1, .wish = control_pause},
    {"resume", "NAME", "let it run on", 1, 1, .wish = control_resume},
    {"destroy", "NAME", "end it and free its memory", 1, 1, .wish = control_destroy},
    {"start", "NAME", "start a configured guest", 1, 1, .wish = control_start},
    {"restart", "NAME", "boot it afresh", 1, 1, .wish = control_restart},
    {"console", "NAME|all", "attach the keyboard and screen", 1, 1, .run = cmd_console},
    {"stats", "[NAME]", "interrupts, or a guest's exits by vector", 0, 1, .run = cmd_stats},
    {"bt", "NAME", "registers and backtrace of a guest", 1, 1, .about = guest_dump},
    {"top", "", "CPU time since the last top", 0, 0, .run = cmd_top},
    {.name = NULL},
};
