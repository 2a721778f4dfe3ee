/* SPDX-License-Identifier: MIT */
/* Private to boot/modules.c and boot/config_module.c: what is known about each
 * guest while modules are sorted out, as spans into strings that stay, and the
 * keys of docs/usage.md that fill a struct guest_config. */
#pragma once

#include "span.h"

#include "hv/boot_info.h"
#include "hv/guest_config.h"
#include "hv/log.h"

/* One line: why there will be no such guest. */
#define log_not_started(name, why, ...) \
    log_config_error("guest %s: not started: " why, name, ##__VA_ARGS__)

struct mod_disk {
    const struct boot_module *module;
    bool read_only;
};

struct mod_guest {
    char name[GUEST_NAME_BYTES];
    const struct boot_module *image;
    struct span file;  /* the loader's file name of the image, or empty */
    struct span words; /* own module string without file name and tag */
    struct span skip;  /* the tag inside words: not a key */
    struct span line;  /* the same of its config line; p is NULL without */
    struct span line_skip; /* image= inside it */
    const struct boot_module *initrd;
    struct mod_disk disks[GUEST_MAX_DISKS]; /* by letter */
    bool from_config; /* added by image= */
    bool refused;     /* has had its line; is not started */
};

struct mod_table {
    uint32_t n;
    uint32_t nameless;
    struct mod_guest guests[GUEST_MAX];
};

/* Contents of a module. */
struct blob module_blob(const struct boot_module *m);

struct mod_guest *mod_find(struct mod_table *t, struct span name);

/* A new entry, or NULL and one line (bad name, taken, table full). */
struct mod_guest *mod_add(struct mod_table *t, struct span name);

/* Reads one config module: attaches lines to guests, adds those of image=. */
void config_module_read(struct mod_table *t, const struct boot_module *m);

/* Applies the keys before "--" in words to c, and the command line behind it.
 * False and one line if a word is wrong. */
bool guest_keys_apply(struct guest_config *c, struct span words,
                      struct span skip);
