/* SPDX-License-Identifier: MIT */
/* \ringside\ringside.conf, taken apart (docs/boot.md has its grammar).  The text
 * is not ours: of any length, with or without an end, with any bytes in it. */
#pragma once

#include "../span.h"

#include "hv/boot_info.h" /* what the monitor takes at most */

#define CONF_MAX_BYTES 65536u
#define CONF_PATH_BYTES 256u /* "/ringside/" and the NUL included */
#define CONF_DIR "/ringside/"
#define CONF_MONITOR "ringside.elf" /* where no line names one */
#define CONF_ERROR_BYTES 160u

struct conf_module {
    char path[CONF_PATH_BYTES];
    struct span words; /* the module's string, in the text */
};

struct conf {
    char monitor[CONF_PATH_BYTES];    /* absolute, with '/' */
    char options[BOOT_CMDLINE_BYTES]; /* all `options` lines, one blank between */
    uint32_t nr_modules;
    struct conf_module modules[BOOT_MAX_MODULES];
    char error[CONF_ERROR_BYTES]; /* "line 3: ..." when conf_parse() refuses */
};

/* Fills c from n bytes of text; the spans point into it. False and .error on the
 * first line that is not understood. */
HV_MUST_CHECK bool conf_parse(struct conf *c, const char *text, uint32_t n);
