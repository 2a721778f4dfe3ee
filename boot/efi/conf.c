/* SPDX-License-Identifier: MIT */
/* Lines of ringside.conf.  Nothing is guessed: a word that is not known, a name
 * that is too long or a second monitor ends the boot with a sentence, because the
 * monitor would otherwise start with something else than was asked for. */
#include "conf.h"

static bool refuse(struct conf *c, uint32_t line, const char *what,
                   struct span word)
{
    struct span_text shown;

    hv_snprintf(c->error, sizeof(c->error), "line %u: \"%s\" %s", line,
                span_show(word, &shown), what);
    return false;
}

/* A file's name as the user writes it, with '/' or '\', absolute or below
 * \ringside, to one absolute name with '/'. NULL, or why not. */
static const char *set_path(char *dst, struct span name)
{
    uint32_t n = 0;
    bool absolute = name.n > 0 && (name.p[0] == '/' || name.p[0] == '\\');

    if (name.n == 0)
        return "needs the name of a file";
    if (!absolute) {
        n = (uint32_t)strlen(CONF_DIR);
        memcpy(dst, CONF_DIR, n);
    }
    if (name.n > CONF_PATH_BYTES - 1 - n)
        return "is too long for the name of a file";
    for (uint32_t i = 0; i < name.n; i++) {
        char c = name.p[i] == '\\' ? '/' : name.p[i];

        if (c <= ' ' || c > '~')
            return "is no file name in ASCII";
        if (c != '/' || n == 0 || dst[n - 1] != '/')
            dst[n++] = c; /* a separator twice is one */
    }
    dst[n] = '\0';
    return dst[n - 1] == '/' ? "ends in the name of a directory" : NULL;
}

static const char *add_options(struct conf *c, struct span words)
{
    uint32_t n = (uint32_t)strlen(c->options);
    uint32_t blank = n > 0 && words.n > 0 ? 1 : 0;

    if (words.n + blank > BOOT_CMDLINE_BYTES - 1 - n)
        return "is more than the command line has room for";
    if (blank)
        c->options[n++] = ' ';
    if (words.n > 0)
        memcpy(c->options + n, words.p, words.n);
    c->options[n + words.n] = '\0';
    return NULL;
}

static const char *add_module(struct conf *c, struct span rest)
{
    struct conf_module *m = &c->modules[c->nr_modules];
    struct span file;
    const char *why;

    if (c->nr_modules == BOOT_MAX_MODULES)
        return "is one module too many";
    span_word(&rest, &file);
    why = set_path(m->path, file);
    m->words = span_trim(rest);
    if (!why)
        c->nr_modules++;
    return why;
}

static const char *set_monitor(struct conf *c, struct span rest)
{
    struct span file;

    if (c->monitor[0] != '\0')
        return "is a second monitor";
    span_word(&rest, &file);
    if (span_trim(rest).n > 0)
        return "has words behind the file: they go into an options line";
    return set_path(c->monitor, file);
}

static const char *parse_line(struct conf *c, struct span key, struct span rest)
{
    if (span_is(key, "monitor"))
        return set_monitor(c, rest);
    if (span_is(key, "options"))
        return add_options(c, rest);
    if (span_is(key, "module"))
        return add_module(c, rest);
    return "is none of monitor, options, module";
}

bool conf_parse(struct conf *c, const char *text, uint32_t n)
{
    struct span rest = {text, n}, line;

    memset(c, 0, sizeof(*c));
    if (!span_begin_text(&rest) || span_has(rest, '\0')) {
        hv_snprintf(c->error, sizeof(c->error),
                    "no plain text: save it as ASCII or UTF-8");
        return false;
    }
    for (uint32_t nr = 1; span_cut(&rest, '\n', &line); nr++) {
        struct span whole = span_trim(line), key;
        const char *why;

        line = whole;
        if (!span_word(&line, &key) || key.p[0] == '#')
            continue;
        why = parse_line(c, key, span_trim(line));
        if (why)
            return refuse(c, nr, why, whole);
    }
    if (c->monitor[0] == '\0')
        (void)set_path(c->monitor, span_of(CONF_MONITOR));
    return true;
}
