/* SPDX-License-Identifier: MIT */
/* The keys of a guest, and the `config` module: a text with one
 * `kernel:NAME key=value ... -- command line` line per guest (docs/usage.md,
 * "Modules").  One wrong word costs the guest its start and one line; the other
 * guests are not touched. */
#include "boot.h"
#include "keys.h"
#include "modules.h"

/* ---- keys ---- */

/* The most that leaves room below the switcher's addresses (ABI 12.3). */
#define MEMORY_MAX_MIB 3840

/* 0,2-3: CPUs that the guest may run on. */
HV_INIT static bool set_cpus(void *field, struct span v, const struct key *k)
{
    struct span part, low;
    uint32_t mask = 0, from, to;

    (void)k;
    if (span_ends(v, ','))
        return false;
    while (span_cut(&v, ',', &part)) {
        if (!span_cut(&part, '-', &low) || !span_to_u32(low, 0, 31, &from))
            return false;
        to = from;
        if (low.p + low.n != part.p && !span_to_u32(part, from, 31, &to))
            return false;
        for (; from <= to; from++)
            mask |= HV_BIT(from);
    }
    if (mask != 0)
        *(uint32_t *)field = mask;
    return mask != 0;
}

static const struct choice ends[] = {
    {"destroy", ON_DESTROY}, {"restart", ON_RESTART}, {"preserve", ON_PRESERVE}, {NULL, 0},
};
static const struct choice revisions[] = {
    {"auto", ABI_AUTO}, {"2.6.24", ABI_2_6_24}, {"2.6.30", ABI_2_6_30},
    {"2.6.31", ABI_2_6_31}, {"3.1", ABI_3_1}, {"4.1", ABI_4_1}, {NULL, 0},
};
static const struct choice auto_or_not[] = {{"auto", -1}, {"0", 0}, {"1", 1}, {NULL, 0}};
static const struct choice yes_or_no[] = {{"0", false}, {"1", true}, {NULL, 0}};

#define FIELD(f) .offset = offsetof(struct guest_config, f)

static const struct key keys[] = {
    {"memory", "MiB from 1 to 3840", set_number, FIELD(memory_mib), 1, MEMORY_MAX_MIB},
    {"cpus", "a list like 0,2-3", set_cpus, FIELD(cpu_mask)},
    {"cpu_weight", "1 to 65535", set_number, FIELD(cpu_weight), 1, 65535},
    {"cap", "percent from 0 to 100", set_number, FIELD(cap_percent), 0, 100},
    {"on_poweroff", "destroy, restart or preserve", set_choice, FIELD(on_poweroff),
     .choices = ends},
    {"on_reboot", "destroy, restart or preserve", set_choice, FIELD(on_reboot),
     .choices = ends},
    {"on_crash", "destroy, restart or preserve", set_choice, FIELD(on_crash), .choices = ends},
    {"paused", "0 or 1", set_flag, FIELD(paused), .choices = yes_or_no},
    {"abi", "auto, 2.6.24, 2.6.30, 2.6.31, 3.1 or 4.1", set_choice, FIELD(abi),
     .choices = revisions},
    {"pae", "auto, 0 or 1", set_choice, FIELD(pae), .choices = auto_or_not},
};

HV_INIT static bool apply_word(struct guest_config *c, struct span word)
{
    char fault[KEY_FAULT_BYTES];
    struct span_text shown;

    if (key_apply(keys, HV_ARRAY_SIZE(keys), c, word, fault))
        return true;
    log_not_started(c->name, "\"%s\": %s", span_show(word, &shown), fault);
    return false;
}

HV_INIT bool guest_keys_apply(struct guest_config *c, struct span words,
                              struct span skip)
{
    struct span rest = words, word;

    while (span_word(&rest, &word)) {
        if (word.p == skip.p && skip.n > 0)
            continue;
        if (!span_is(word, "--")) {
            if (!apply_word(c, word))
                return false;
            continue;
        }
        rest = span_trim(rest);
        if (rest.n >= GUEST_CMDLINE_BYTES) {
            log_not_started(c->name, "command line longer than %u bytes",
                            GUEST_CMDLINE_BYTES - 1);
            return false;
        }
        memcpy(c->cmdline, rest.p, rest.n);
        memset(c->cmdline + rest.n, 0, GUEST_CMDLINE_BYTES - rest.n);
        break;
    }
    return true;
}

/* ---- the config module ---- */

/* What is left of a line that ends at a word beginning with '#', in the keys. *image
 * becomes the word image=, NULL without. */
HV_INIT static struct span split_words(struct span line, struct span *image)
{
    struct span rest = line, word;

    *image = (struct span){NULL, 0};
    while (span_word(&rest, &word) && !span_is(word, "--")) {
        if (word.p[0] == '#') {
            line.n = (uint32_t)(word.p - line.p);
            break;
        }
        if (span_starts(word, "image="))
            *image = word;
    }
    return line;
}

/* A module's image by guest name, else by the loader's file name. */
HV_INIT static const struct mod_guest *find_image(struct mod_table *t,
                                                  struct span image)
{
    const struct mod_guest *g = mod_find(t, image);

    if (g && !g->from_config)
        return g;
    for (g = t->guests; g < t->guests + t->n; g++) {
        if (!g->from_config && image.n > 0 &&
            (span_same(g->file, image) || span_same(span_basename(g->file), image)))
            return g;
    }
    return NULL;
}

HV_INIT static void read_line(struct mod_table *t, struct span line,
                              uint32_t number)
{
    struct span words = line, tag, name, image;
    struct mod_guest *g;
    const struct mod_guest *from;
    struct span_text shown;

    span_word(&words, &tag);
    if (!span_starts(tag, "kernel:")) {
        log_config_error("config line %u: \"%s\" where kernel:NAME is wanted",
                         number, span_show(tag, &shown));
        return;
    }
    name = span_skip(tag, 7);
    words = split_words(words, &image);
    g = mod_find(t, name);
    if (g && (image.p || g->line.p)) {
        log_config_error("config line %u: there is a guest %s already",
                         number, g->name);
        return;
    }
    if (!g) {
        from = image.p ? find_image(t, span_skip(image, 6)) : NULL;
        if (!from) {
            log_config_error("config line %u: no image for guest \"%s\"",
                             number, span_show(name, &shown));
            return;
        }
        g = mod_add(t, name);
        if (!g)
            return;
        g->from_config = true;
        g->image = from->image;
        g->file = from->file;
    }
    g->line = words;
    g->line_skip = image;
}

HV_INIT void config_module_read(struct mod_table *t,
                                const struct boot_module *m)
{
    struct blob b = module_blob(m);
    struct span all = {(const char *)b.data, b.bytes}, line;

    if (!span_begin_text(&all)) {
        log_config_error("config: UTF-16 text, not used: save it as ASCII or UTF-8");
        return;
    }
    for (uint32_t number = 1; span_cut(&all, '\n', &line); number++) {
        line = span_trim(line);
        if (line.n > 0 && line.p[0] != '#')
            read_line(t, line, number);
    }
}
