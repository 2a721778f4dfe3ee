/* SPDX-License-Identifier: MIT */
/* The keys of a guest, and the `config` module: a text with one
 * `kernel:NAME key=value ... -- command line` line per guest (docs/usage.md,
 * "Modules").  One wrong word costs the guest its start and one line; the other
 * guests are not touched. */
#include "boot.h"
#include "modules.h"

/* ---- keys ---- */

struct choice {
    const char *word;
    int value;
};

HV_INIT static bool choose(struct span v, const struct choice *table, int *out)
{
    for (; table->word; table++) {
        if (span_is(v, table->word)) {
            *out = table->value;
            return true;
        }
    }
    return false;
}

/* The most that leaves room below the switcher's addresses (ABI 12.3). */
#define MEMORY_MAX_MIB 3840

HV_INIT static bool set_memory(struct guest_config *c, struct span v)
{
    return span_to_u32(v, 1, MEMORY_MAX_MIB, &c->memory_mib);
}

/* 0,2-3: CPUs that the guest may run on. */
HV_INIT static bool set_cpus(struct guest_config *c, struct span v)
{
    struct span part, low;
    uint32_t mask = 0, from, to;

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
    c->cpu_mask = mask;
    return mask != 0;
}

HV_INIT static bool set_cpu_weight(struct guest_config *c, struct span v)
{
    return span_to_u32(v, 1, 65535, &c->cpu_weight);
}

HV_INIT static bool set_cap(struct guest_config *c, struct span v)
{
    return span_to_u32(v, 0, 100, &c->cap_percent);
}

HV_INIT static bool set_on_end(enum guest_on_end *out, struct span v)
{
    static const struct choice names[] = {
        {"destroy", ON_DESTROY}, {"restart", ON_RESTART},
        {"preserve", ON_PRESERVE}, {NULL, 0},
    };
    int n;

    if (!choose(v, names, &n))
        return false;
    *out = (enum guest_on_end)n;
    return true;
}

HV_INIT static bool set_on_poweroff(struct guest_config *c, struct span v)
{
    return set_on_end(&c->on_poweroff, v);
}

HV_INIT static bool set_on_reboot(struct guest_config *c, struct span v)
{
    return set_on_end(&c->on_reboot, v);
}

HV_INIT static bool set_on_crash(struct guest_config *c, struct span v)
{
    return set_on_end(&c->on_crash, v);
}

HV_INIT static bool set_paused(struct guest_config *c, struct span v)
{
    c->paused = span_is(v, "1");
    return c->paused || span_is(v, "0");
}

HV_INIT static bool set_abi(struct guest_config *c, struct span v)
{
    static const struct choice names[] = {
        {"auto", ABI_AUTO}, {"2.6.24", ABI_2_6_24}, {"2.6.30", ABI_2_6_30},
        {"2.6.31", ABI_2_6_31}, {"3.1", ABI_3_1}, {"4.1", ABI_4_1}, {NULL, 0},
    };
    int n;

    if (!choose(v, names, &n))
        return false;
    c->abi = (enum abi_revision)n;
    return true;
}

HV_INIT static bool set_pae(struct guest_config *c, struct span v)
{
    static const struct choice names[] = {
        {"auto", -1}, {"0", 0}, {"1", 1}, {NULL, 0},
    };

    return choose(v, names, &c->pae);
}

struct guest_key {
    const char *key;
    bool (*set)(struct guest_config *c, struct span value);
    const char *wants;
};

static const struct guest_key keys[] = {
    {"memory", set_memory, "MiB from 1 to 3840"},
    {"cpus", set_cpus, "a list like 0,2-3"},
    {"cpu_weight", set_cpu_weight, "1 to 65535"},
    {"cap", set_cap, "percent from 0 to 100"},
    {"on_poweroff", set_on_poweroff, "destroy, restart or preserve"},
    {"on_reboot", set_on_reboot, "destroy, restart or preserve"},
    {"on_crash", set_on_crash, "destroy, restart or preserve"},
    {"paused", set_paused, "0 or 1"},
    {"abi", set_abi, "auto, 2.6.24, 2.6.30, 2.6.31, 3.1 or 4.1"},
    {"pae", set_pae, "auto, 0 or 1"},
};

HV_INIT static bool apply_word(struct guest_config *c, struct span word)
{
    struct span value = word, name;
    struct span_text shown;

    span_cut(&value, '=', &name);
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(keys); i++) {
        if (!span_is(name, keys[i].key))
            continue;
        if (name.n < word.n && keys[i].set(c, value))
            return true;
        log_config_error("guest %s: not started: \"%s\": %s wants %s", c->name,
                         span_show(word, &shown), keys[i].key, keys[i].wants);
        return false;
    }
    log_config_error("guest %s: not started: \"%s\": no such key", c->name,
                     span_show(word, &shown));
    return false;
}

HV_INIT bool guest_keys_apply(struct guest_config *c, struct span words,
                              struct span skip, bool *has_cmdline)
{
    struct span rest = words, word;

    *has_cmdline = false;
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
            log_config_error("guest %s: not started: command line longer than "
                             "%u bytes", c->name, GUEST_CMDLINE_BYTES - 1);
            return false;
        }
        memcpy(c->cmdline, rest.p, rest.n);
        memset(c->cmdline + rest.n, 0, GUEST_CMDLINE_BYTES - rest.n);
        *has_cmdline = true;
        break;
    }
    return true;
}

/* ---- the config module ---- */

HV_INIT bool config_next_line(struct config_text *t, struct span *line)
{
    struct span rest = {t->p, t->n};

    while (span_cut(&rest, '\n', line)) {
        t->line++;
        t->p = rest.p;
        t->n = rest.n;
        *line = span_trim(*line);
        if (line->n > 0 && line->p[0] != '#')
            return true;
    }
    return false;
}

/* Ends the keys at a word that begins with '#', and takes image= out. What
 * stays of the line is [keys) and, after "--", the guest's command line. */
struct config_words {
    struct span image; /* value of image=, p is NULL without */
    struct span image_word;
    struct span words;
};

HV_INIT static struct config_words split_words(struct span line)
{
    struct config_words w = {{NULL, 0}, {NULL, 0}, line};
    struct span rest = line, word;

    while (span_word(&rest, &word) && !span_is(word, "--")) {
        if (word.p[0] == '#') {
            w.words.n = (uint32_t)(word.p - line.p);
            break;
        }
        if (span_starts(word, "image=")) {
            w.image_word = word;
            w.image = span_skip(word, 6);
        }
    }
    return w;
}

/* A module's image by guest name, else by the loader's file name. */
HV_INIT static const struct mod_guest *find_image(struct mod_table *t,
                                                  struct span image)
{
    for (uint32_t i = 0; i < t->n; i++) {
        const struct mod_guest *g = &t->guests[i];

        if (!g->from_config && span_is(image, g->name))
            return g;
    }
    for (uint32_t i = 0; i < t->n; i++) {
        const struct mod_guest *g = &t->guests[i];

        if (!g->from_config && image.n > 0 &&
            (span_same(g->file, image) ||
             span_same(span_basename(g->file), image)))
            return g;
    }
    return NULL;
}

HV_INIT static void read_line(struct mod_table *t, struct span line,
                              uint32_t number)
{
    struct span rest = line, tag, name;
    struct config_words w;
    struct mod_guest *g;
    const struct mod_guest *from;
    struct span_text shown;

    span_word(&rest, &tag);
    if (!span_starts(tag, "kernel:")) {
        log_config_error("config line %u: \"%s\" where kernel:NAME is wanted",
                         number, span_show(tag, &shown));
        return;
    }
    name = span_skip(tag, 7);
    w = split_words(rest);
    g = mod_find(t, name);
    if (g && (w.image.p || g->line.p)) {
        log_config_error("config line %u: there is a guest %s already",
                         number, g->name);
        return;
    }
    if (!g) {
        from = w.image.p ? find_image(t, w.image) : NULL;
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
    g->line = w.words;
    g->line_skip = w.image_word;
}

HV_INIT void config_module_read(struct mod_table *t,
                                const struct boot_module *m)
{
    struct blob b = module_blob(m);
    struct span all = {(const char *)b.data, b.bytes}, line;
    struct config_text text;

    if (!span_begin_text(&all)) {
        log_config_error("config: UTF-16 text, not used: save it as ASCII or UTF-8");
        return;
    }
    text = (struct config_text){all.p, all.n, 0};
    while (config_next_line(&text, &line))
        read_line(t, line, text.line);
}
