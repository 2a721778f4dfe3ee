/* SPDX-License-Identifier: MIT */
/* The hypervisor command line of docs/usage.md, parsed once into numbers. */
#pragma once

#include "hv/types.h"

enum hv_exit_mode { EXIT_WAIT, EXIT_POWEROFF, EXIT_REBOOT, EXIT_DEBUG, EXIT_HALT };

#define CONSOLE_COM1 HV_BIT(0)
#define CONSOLE_COM2 HV_BIT(1)
#define CONSOLE_VGA HV_BIT(2)
#define CONSOLE_FB HV_BIT(3)

struct uart_cfg {
    uint32_t baud;
    uint16_t port;
    uint8_t irq;
};

enum hv_keymap { KEYMAP_US, KEYMAP_DE, KEYMAP_FR };

struct hv_options {
    uint32_t consoles; /* CONSOLE_* bits; 0: all that are found */
    struct uart_cfg com[2];
    enum hv_keymap keymap;
    bool demo_off;
    int loglvl; /* enum log_level */
    char test[256]; /* "" : none */
    bool test_refused; /* a test= was there that could not be understood */
    enum hv_exit_mode exit_mode;
    uint32_t timeout_s;
    uint32_t smp; /* 0: all */
    bool mitigations_off;
    char escape; /* control character, 1 = ^A */
    bool guestmem_high;
    uint32_t audit;
    uint32_t watchdog_s;
    bool seed_given;
    uint64_t seed;
};

extern struct hv_options hv_options;

/* Parses key=value words. Bad words are reported by log_config_error and
 * ignored. The defaults are set first. Pure apart from the log. */
void cmdline_parse(struct hv_options *o, const char *line);
