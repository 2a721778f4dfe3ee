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

HV_INIT bool guest_name_ok(struct span name)
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
    struct mod_guest *g;
    struct span_text shown;

    if (!guest_name_ok(name)) {
        log_config_error("guest \"%s\": not started: a name has 1 to %u of a-z "
                         "A-Z 0-9 . _ - and begins with a letter or digit",
                         span_show(name, &shown), GUEST_NAME_BYTES - 1);
        return NULL;
    }
    if (mod_find(t, name)) {
        log_config_error("guest %s: not started: there is one of this name",
                         span_show(name, &shown));
        return NULL;
    }
    if (t->n == GUEST_MAX) {
        log_config_error("guest %s: not started: more than %u guests",
                         span_show(name, &shown), GUEST_MAX);
        return NULL;
    }
    g = &t->guests[t->n++];
    memset(g, 0, sizeof(*g));
    memcpy(g->name, name.p, name.n);
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

/* An untagged module that is no image belongs to the guest before it. */
HV_INIT static void add_loose_initrd(struct mod_guest *before, bool any_before,
                                     const struct boot_module *m,
                                     const struct module_words *w)
{
    struct span rest = w->rest, word;
    struct span_text shown;

    if (!any_before) {
        log_config_error("module \"%s\": no image, no tag and no guest before "
                         "it, not used", span_show(span_of(m->string), &shown));
        return;
    }
    if (!before)
        return; /* that guest was refused and has had its line */
    if (before->initrd) {
        log_config_error("guest %s: not started: two initrds", before->name);
        before->refused = true;
    } else if (span_word(&rest, &word)) {
        log_config_error("guest %s: not started: its initrd has the word \"%s\"",
                         before->name, span_show(word, &shown));
        before->refused = true;
    }
    before->initrd = m;
}

HV_INIT static void pass_images(const struct boot_info *bi, struct mod_table *t)
{
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
        } else if (w.kind == MOD_UNTAGGED) {
            add_loose_initrd(last, any, m, &w);
        }
    }
}

/* ---- passes 2 and 3: config, attachments ---- */

HV_INIT static void attach_initrd(struct mod_guest *g,
                                  const struct boot_module *m)
{
    if (g->initrd && !g->refused) {
        log_config_error("guest %s: not started: two initrds", g->name);
        g->refused = true;
    }
    g->initrd = m;
}

/* rest holds what stands beside the tag: nothing or "ro". */
HV_INIT static void attach_disk(struct mod_guest *g,
                                const struct boot_module *m, struct span disk,
                                const struct module_words *w)
{
    uint32_t unit = disk.n == 3 && span_starts(disk, "vd")
                        ? (uint32_t)(uint8_t)disk.p[2] - 'a'
                        : GUEST_MAX_DISKS;
    struct span rest = w->rest, word;
    struct span_text shown;

    if (g->refused)
        return;
    g->refused = true;
    if (unit >= GUEST_MAX_DISKS) {
        log_config_error("guest %s: not started: disk \"%s\" is none of vda to "
                         "vd%c", g->name, span_show(disk, &shown),
                         'a' + GUEST_MAX_DISKS - 1);
        return;
    }
    if (g->disks[unit].module) {
        log_config_error("guest %s: not started: two disks vd%c", g->name,
                         (char)('a' + unit));
        return;
    }
    while (span_word(&rest, &word)) {
        if (span_same(word, w->tag))
            continue;
        if (!span_is(word, "ro")) {
            log_config_error("guest %s: not started: disk vd%c has the word "
                             "\"%s\"", g->name, (char)('a' + unit),
                             span_show(word, &shown));
            return;
        }
        g->disks[unit].read_only = true;
    }
    g->disks[unit].module = m;
    g->refused = false;
}

HV_INIT static void attach(struct mod_table *t, const struct boot_module *m)
{
    struct module_words w = read_words(m);
    struct span rest = w.arg, name = w.arg, word;
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
    if (w.kind == MOD_DISK) {
        attach_disk(g, m, rest, &w);
        return;
    }
    rest = w.rest;
    while (span_word(&rest, &word)) {
        if (span_same(word, w.tag))
            continue;
        log_config_error("guest %s: not started: its initrd has the word \"%s\"",
                         g->name, span_show(word, &shown));
        g->refused = true;
        return;
    }
    attach_initrd(g, m);
}

/* ---- pass 4: each guest as a whole ---- */

/* Disks have whole sectors (virtio 1.0, 5.2.4). */
HV_INIT static bool disk_size_ok(const char *guest, char unit, uint32_t bytes)
{
    if (bytes < DISK_SECTOR_BYTES) {
        log_config_error("guest %s: not started: disk vd%c has %u bytes, a sector "
                         "has %u", guest, unit, bytes, DISK_SECTOR_BYTES);
        return false;
    }
    if (bytes % DISK_SECTOR_BYTES != 0)
        log_warn("guest %s: disk vd%c: its last %u bytes are no whole sector and "
                 "are left out", guest, unit, bytes % DISK_SECTOR_BYTES);
    return true;
}

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
            log_config_error("guest %s: not started: disk vd%c without vd%c",
                             g->name, (char)('a' + unit),
                             (char)('a' + c->nr_disks));
            return false;
        }
        if (!disk_size_ok(g->name, (char)('a' + unit), d->module->bytes))
            return false;
        hv_snprintf(out->name, sizeof(out->name), "vd%c", (char)('a' + unit));
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
    bool line_has = false, own_has = false;

    guest_config_init(c);
    str_copy(c->name, g->name, sizeof(c->name));
    /* The module's own keys win, so they come last. */
    if (!guest_keys_apply(c, g->line, g->line_skip, &line_has) ||
        !guest_keys_apply(c, g->words, g->skip, &own_has))
        return false;
    str_copy(c->kernel_name, file.n > 0 ? span_show(file, &shown) : c->name,
             sizeof(c->kernel_name));
    c->kernel = module_blob(g->image);
    if (loader_probe(c->kernel.data, c->kernel.bytes) == IMAGE_NONE) {
        log_config_error("guest %s: not started: its module is neither ELF nor "
                         "bzImage", c->name);
        return false;
    }
    if (g->initrd)
        c->initrd = module_blob(g->initrd);
    if (c->memory_mib > ram_mib(bi)) {
        log_config_error("guest %s: not started: memory=%u, but there are %u "
                         "MiB", c->name, c->memory_mib, ram_mib(bi));
        return false;
    }
    return fill_disks(c, g);
}

HV_INIT void modules_build(const struct boot_info *bi)
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
            log_config_error("guest %s: not started: too many guests", g->name);
    }
}

HV_INIT void modules_parse(void)
{
    modules_build(&boot_info);
}

void guest_config_init(struct guest_config *c)
{
    memset(c, 0, sizeof(*c));
    c->memory_mib = 64;
    c->cpu_weight = 256;
    c->on_poweroff = ON_DESTROY;
    c->on_reboot = ON_RESTART;
    c->on_crash = ON_PRESERVE;
    c->abi = ABI_AUTO;
    c->pae = -1;
}
