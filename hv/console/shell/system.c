/* SPDX-License-Identifier: MIT */
/* The shell's commands about the machine and the monitor. */
#include "shell.h"

#include "hv/cmdline.h"
#include "hv/console.h"
#include "hv/log.h"
#include "hv/percpu.h"
#include "hv/pmm.h"
#include "hv/string.h"
#include "hv/suite.h"
#include "hv/timerq.h"

#define LOG_LINES_DEFAULT 20u
#define LOG_LINES_MAX 1000u

void shell_print_stats(void)
{
    const struct percpu *cpu = this_cpu();
    uint32_t up_ms = (uint32_t)div64(arch_time_ns(), 1000000, NULL);

    shell_say("cpu %u, up %u.%03u s, tsc %u kHz, longest interrupts-off %llu ns",
              cpu->index, up_ms / 1000, up_ms % 1000, arch_tsc_khz(),
              (unsigned long long)cpu->longest_irqs_off);
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(cpu->irq_count); i++) {
        if (cpu->irq_count[i] != 0)
            shell_say("  irq %2u: %u", i, cpu->irq_count[i]);
    }
    shell_say("  nmi %u, machine checks %u, spurious %u, timers armed %u",
              cpu->nmi_count, cpu->mce_count, cpu->spurious_count,
              timerq_count());
    shell_say("  switches between guests with barriers %u", cpu->switch_barriers);
    shell_say("  console bytes dropped %u, configuration errors %u",
              console_dropped(), log_config_errors());
}

static void cmd_mem(char *const *args)
{
    (void)args;
    shell_say("%u KiB of RAM, %u KiB free (%u KiB of it above the direct map), "
              "%u KiB set aside for guests",
              pmm_total_frames() * 4, pmm_free_frames() * 4,
              pmm_free_high_frames() * 4, pmm_reserved_frames() * 4);
}

static void cmd_log(char *const *args)
{
    uint64_t n = LOG_LINES_DEFAULT;

    if (args[0] != NULL &&
        (!str_to_u64(args[0], strlen(args[0]), LOG_LINES_MAX, &n) || n == 0)) {
        shell_say("\"%s\" is no number of lines from 1 to %u", args[0],
                  LOG_LINES_MAX);
        return;
    }
    log_dump((uint32_t)n);
}

static void cmd_test(char *const *args)
{
    char word[64];

    if (args[0] != NULL && suite_unknown_name(args[0], word, sizeof(word))) {
        shell_say("test: no such test or group: \"%s\"", word);
        return;
    }
    if (!suite_start(args[0] != NULL ? args[0] : "all"))
        shell_say("the suite is running already");
}

static void cmd_reboot(char *const *args)
{
    (void)args;
    shell_say("rebooting");
    console_flush();
    arch_reboot();
}

static void cmd_poweroff(char *const *args)
{
    (void)args;
    shell_say("powering off");
    console_flush();
    arch_poweroff();
}

const struct shell_command shell_system_commands[] = {
    {"mem", "", "memory of the machine", 0, 0, .run = cmd_mem},
    {"log", "[LINES]", "the newest lines of the log", 0, 1, .run = cmd_log},
    {"test", "[NAMES]", "run the regression suite", 0, 1, .run = cmd_test},
    {"reboot", "", "restart the machine", 0, 0, .run = cmd_reboot},
    {"poweroff", "", "switch it off", 0, 0, .run = cmd_poweroff},
    {.name = NULL},
};
