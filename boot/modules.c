/* SPDX-License-Identifier: MIT */
/* From modules to guests (docs/usage.md, "Modules").  Modules come in any order,
 * so there are passes: images make guests, config lines join them, initrds and
 * disks are attached by name, then each guest is checked as a whole and handed
 * to hv_add_guest().  Only strings and lengths are believed, never contents. */
#include "boot.h"
#include "modules.h"

#include "hv/loader.h"
#include "hv/main.h"

#define DISK_SECTOR_BYTES 512u

static struct mod_table table HV_INIT_BSS;
static struct guest_config scratch HV_INIT_BSS;

HV_INIT struct blob module_blob(const struct boot_module *m)
{
    const uint8_t *p = boot_phys(m->base, m->bytes);

    return p ? (struct blob){p, m->bytes} : (struct blob){NULL, 0};
}

/* ---- the table of guests ---- */

HV_INIT static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9');
}

HV_INIT static bool is_name_char(char c)
{
    return is_alnum(c) || c == '.' || c == '_' || c == '-';
}

/* [a-z A-Z 0-9 . _ -]{1,31}, first a letter or digit. */
HV_INIT static bool guest_name_ok(struct span name)
{
    if (name.n == 0 || name.n >= GUEST_NAME_BYTES || !is_alnum(name.p[0]))
        return false;
    for (uint32_t i = 0; i < name.n; i++) {
        if (!is_name_char(name.p[i]))
            return false;
    }
    return true;
}

HV_INIT struct mod_guest *mod_find(struct mod_table *t, struct span name)
{
    for (uint32_t i = 0; i < t->n; i++) {
        if (span_is(name, t->guests[i].name))
            return &t->guests[i];
    }
    return NULL;
}

HV_INIT struct mod_guest *mod_add(struct mod_table *t, struct span name)
{
    struct mod_guest *g = NULL;
    struct span_text shown;

    span_show(name, &shown);
    if (!guest_name_ok(name)) {
        log_not_started(shown.s, "a name has 1 to %u of a-z A-Z 0-9 . _ - and begins with a "
                        "letter or digit", GUEST_NAME_BYTES - 1);
    } else if (mod_find(t, name)) {
        log_not_started(shown.s, "there is one of this name");
    } else if (t->n == GUEST_MAX) {
        log_not_started(shown.s, "more than %u guests", GUEST_MAX);
    } else {
        g = &t->guests[t->n++];
        memset(g, 0, sizeof(*g));
        memcpy(g->name, name.p, name.n);
    }
    return g;
}

/* ---- what a module's string says ---- */

enum module_kind { MOD_UNTAGGED, MOD_KERNEL, MOD_INITRD, MOD_DISK, MOD_CONFIG };

struct module_words {
    enum module_kind kind;
    struct span file; /* first word, if it is no tag and no key */
    struct span arg;  /* NAME, or NAME:vdX */
    struct span tag;  /* the word itself */
    struct span rest; /* all words without the file name */
};

HV_INIT static bool read_tag(struct span word, struct module_words *w)
{
    static const struct {
        const char *prefix;
        enum module_kind kind;
    } tags[] = {
        {"kernel:", MOD_KERNEL}, {"initrd:", MOD_INITRD}, {"disk:", MOD_DISK},
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(tags); i++) {
        if (!span_starts(word, tags[i].prefix))
            continue;
        w->kind = tags[i].kind;
        w->arg = span_skip(word, (uint32_t)strlen(tags[i].prefix));
        w->tag = word;
        return true;
    }
    if (!span_is(word, "config"))
        return false;
    w->kind = MOD_CONFIG;
    w->tag = word;
    return true;
}

/* The tag is the first word that has one; behind "--" all is the guest's. */
HV_INIT static struct module_words read_words(const struct boot_module *m)
{
    struct module_words w = {.rest = span_of(m->string)};
    struct span rest = w.rest, word;
    bool first = true;

    while (span_word(&rest, &word) && !span_is(word, "--")) {
        if (read_tag(word, &w))
            break;
        if (first && (span_has(word, '/') || !span_has(word, '='))) {
            w.file = word;
            w.rest = rest;
        }
        first = false;
    }
    return w;
}

/* ---- what belongs to a guest ---- */

/* From the first wrong thing on nothing more is said about that guest. */
#define refuse(g, ...) \
    do { \
        (g)->refused = true; \
        log_not_started((g)->name, __VA_ARGS__); \
    } while (0)

/* The next word that is not the module's tag. */
HV_INIT static bool next_word(struct span *rest, const struct module_words *w,
                              struct span *word)
{
    while (span_word(rest, word)) {
        if (!span_same(*word, w->tag))
            return true;
    }
    return false;
}

HV_INIT static void attach_initrd(struct mod_guest *g, const struct boot_module *m,
                                  const struct module_words *w)
{
    struct span rest = w->rest, word;
    struct span_text shown;

    if (g->refused)
        return;
    if (g->initrd)
        refuse(g, "two initrds");
    else if (next_word(&rest, w, &word))
        refuse(g, "its initrd has the word \"%s\"", span_show(word, &shown));
    g->initrd = m;
}

/* Beside the tag stands nothing or "ro". Disks have whole sectors (virtio 1.0, 5.2.4). */
HV_INIT static void attach_disk(struct mod_guest *g, const struct boot_module *m,
                                struct span name, const struct module_words *w)
{
    uint32_t unit = name.n == 3 && span_starts(name, "vd")
                        ? (uint32_t)(uint8_t)name.p[2] - 'a'
                        : GUEST_MAX_DISKS;
    struct mod_disk disk = {m, false};
    struct span rest = w->rest, word;
    struct span_text shown;

    if (g->refused)
        return;
    if (unit >= GUEST_MAX_DISKS) {
        refuse(g, "disk \"%s\" is none of vda to vd%c", span_show(name, &shown),
               'a' + GUEST_MAX_DISKS - 1);
        return;
    }
    if (g->disks[unit].module)
        refuse(g, "two disks vd%c", 'a' + unit);
    while (!g->refused && next_word(&rest, w, &word)) {
        disk.read_only = true;
        if (!span_is(word, "ro"))
            refuse(g, "disk vd%c has the word \"%s\"", 'a' + unit, span_show(word, &shown));
    }
    if (g->refused)
        return;
    if (m->bytes < DISK_SECTOR_BYTES)
        refuse(g, "disk vd%c has %u bytes, a sector has %u", 'a' + unit, m->bytes,
               DISK_SECTOR_BYTES);
    else if (m->bytes % DISK_SECTOR_BYTES != 0)
        log_warn("guest %s: disk vd%c: its last %u bytes are no whole sector and "
                 "are left out", g->name, 'a' + unit, m->bytes % DISK_SECTOR_BYTES);
    g->disks[unit] = disk;
}

/* ---- pass 1: images ---- */

/* The file's name with what no guest name may hold replaced; "guestN" when
 * the loader gave none. */
HV_INIT static struct span name_of_file(struct mod_table *t, struct span file,
                                        char *buf)
{
    struct span base = span_basename(file);
    uint32_t n;

    while (base.n > 0 && !is_alnum(base.p[0]))
        base = span_skip(base, 1);
    n = hv_min_u32(base.n, GUEST_NAME_BYTES - 1);
    for (uint32_t i = 0; i < n; i++)
        buf[i] = is_name_char(base.p[i]) ? base.p[i] : '-';
    if (n == 0)
        n = (uint32_t)hv_snprintf(buf, GUEST_NAME_BYTES, "guest%u",
                                  ++t->nameless);
    return (struct span){buf, n};
}

HV_INIT static struct mod_guest *add_image(struct mod_table *t,
                                           const struct boot_module *m,
                                           const struct module_words *w)
{
    char buf[GUEST_NAME_BYTES];
    struct span name = w->kind == MOD_KERNEL ? w->arg
                                             : name_of_file(t, w->file, buf);
    struct mod_guest *g = mod_add(t, name);

    if (!g)
        return NULL;
    g->image = m;
    g->file = w->file;
    g->words = w->rest;
    g->skip = w->tag;
    return g;
}

/* An untagged module that is no image belongs to the guest before it, and goes with
 * one that was refused. */
HV_INIT static void pass_images(const struct boot_info *bi, struct mod_table *t)
{
    struct span_text shown;
    struct mod_guest *last = NULL;
    bool any = false;

    for (uint32_t i = 0; i < bi->nr_modules; i++) {
        const struct boot_module *m = &bi->modules[i];
        struct module_words w = read_words(m);
        struct blob b = module_blob(m);

        if (w.kind == MOD_KERNEL ||
            (w.kind == MOD_UNTAGGED &&
             loader_probe(b.data, b.bytes) != IMAGE_NONE)) {
            last = add_image(t, m, &w);
            any = true;
        } else if (w.kind == MOD_UNTAGGED && !any) {
            log_config_error("module \"%s\": no image, no tag and no guest before "
                             "it, not used", span_show(span_of(m->string), &shown));
        } else if (w.kind == MOD_UNTAGGED && last) {
            attach_initrd(last, m, &w);
        }
    }
}

/* ---- passes 2 and 3: config, attachments ---- */

HV_INIT static void attach(struct mod_table *t, const struct boot_module *m)
{
    struct module_words w = read_words(m);
    struct span rest = w.arg, name = w.arg;
    struct mod_guest *g;
    struct span_text shown;

    if (w.kind != MOD_INITRD && w.kind != MOD_DISK)
        return;
    if (w.kind == MOD_DISK)
        span_cut(&rest, ':', &name);
    g = mod_find(t, name);
    if (!g) {
        log_config_error("module \"%s\": there is no such guest, not used",
                         span_show(w.tag, &shown));
        return;
    }
    if (w.kind == MOD_DISK)
        attach_disk(g, m, rest, &w);
    else
        attach_initrd(g, m, &w);
}

/* ---- pass 4: each guest as a whole ---- */

HV_INIT static bool fill_disks(struct guest_config *c,
                               const struct mod_guest *g)
{
    for (uint32_t unit = 0; unit < GUEST_MAX_DISKS; unit++) {
        const struct mod_disk *d = &g->disks[unit];
        struct guest_disk *out = &c->disks[c->nr_disks];

        if (!d->module)
            continue;
        /* The guest counts its disks itself: a gap would rename them. */
        if (unit != c->nr_disks) {
            log_not_started(g->name, "disk vd%c without vd%c", 'a' + unit,
                            'a' + c->nr_disks);
            return false;
        }
        hv_snprintf(out->name, sizeof(out->name), "vd%c", 'a' + unit);
        out->read_only = d->read_only;
        out->data = (uint8_t *)(uintptr_t)module_blob(d->module).data;
        out->bytes = d->module->bytes;
        c->nr_disks++;
    }
    return true;
}

HV_INIT static uint32_t ram_mib(const struct boot_info *bi)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < bi->nr_regions; i++) {
        if (bi->regions[i].type == BOOT_REGION_RAM)
            bytes += bi->regions[i].bytes;
    }
    return (uint32_t)(bytes >> 20);
}

HV_INIT static bool fill_config(const struct boot_info *bi,
                                struct guest_config *c,
                                const struct mod_guest *g)
{
    struct span file = span_basename(g->file);
    struct span_text shown;

    guest_config_init(c);
    str_copy(c->name, g->name, sizeof(c->name));
    /* The module's own keys win, so they come last. */
    if (!guest_keys_apply(c, g->line, g->line_skip) ||
        !guest_keys_apply(c, g->words, g->skip))
        return false;
    str_copy(c->kernel_name, file.n > 0 ? span_show(file, &shown) : c->name,
             sizeof(c->kernel_name));
    c->kernel = module_blob(g->image);
    if (loader_probe(c->kernel.data, c->kernel.bytes) == IMAGE_NONE) {
        log_not_started(c->name, "its module is neither ELF nor bzImage");
        return false;
    }
    if (g->initrd)
        c->initrd = module_blob(g->initrd);
    if (c->memory_mib > ram_mib(bi)) {
        log_not_started(c->name, "memory=%u, but there are %u MiB", c->memory_mib,
                        ram_mib(bi));
        return false;
    }
    return fill_disks(c, g);
}

HV_INIT void modules_parse(const struct boot_info *bi)
{
    struct mod_table *t = &table;

    memset(t, 0, sizeof(*t));
    pass_images(bi, t);
    for (uint32_t i = 0; i < bi->nr_modules; i++) {
        if (read_words(&bi->modules[i]).kind == MOD_CONFIG)
            config_module_read(t, &bi->modules[i]);
    }
    for (uint32_t i = 0; i < bi->nr_modules; i++)
        attach(t, &bi->modules[i]);
    for (uint32_t i = 0; i < t->n; i++) {
        const struct mod_guest *g = &t->guests[i];

        if (g->refused || !fill_config(bi, &scratch, g))
            continue;
        if (hv_add_guest(&scratch) < 0)
            log_not_started(g->name, "too many guests");
    }
}

void guest_config_init(struct guest_config *c)
{
    *c = (struct guest_config){
        .memory_mib = 64, .cpu_weight = 256, .abi = ABI_AUTO, .pae = -1,
        .on_poweroff = ON_DESTROY, .on_reboot = ON_RESTART, .on_crash = ON_PRESERVE,
    };
}
