/* SPDX-License-Identifier: MIT */
/* The hypervisor command line (docs/usage.md): words key=value, no quoting, the
 * last of a repeated key wins.  A word that is not understood is reported,
 * counted and ignored; boot goes on.  One table row per key.  What virtual machine
 * monitors add for Linux is named and not counted. */
#include "span.h"

#include "hv/cmdline.h"
#include "hv/log.h"

struct hv_options hv_options;

struct choice {
    const char *word;
    int value;
};

/* Looks v up in a table that ends with a NULL word. */
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

HV_INIT static bool set_console(struct hv_options *o, struct span v)
{
    static const struct choice names[] = {
        {"com1", CONSOLE_COM1},
        {"com2", CONSOLE_COM2},
        {"vga", CONSOLE_VGA},
        {"fb", CONSOLE_FB},
        {NULL, 0},
    };
    struct span name;
    uint32_t all = 0;
    int bit;

    if (span_ends(v, ','))
        return false;
    while (span_cut(&v, ',', &name)) {
        if (!choose(name, names, &bit))
            return false;
        all |= (uint32_t)bit;
    }
    o->consoles = all;
    return all != 0;
}

/* baud,8n1,port,irq; what is left out at the end keeps its default. */
HV_INIT static bool set_com(struct uart_cfg *c, struct span v)
{
    struct uart_cfg new = *c;
    struct span part;
    uint32_t n;

    if (span_ends(v, ',') || !span_cut(&v, ',', &part) ||
        !span_to_u32(part, 50, 115200, &new.baud))
        return false;
    if (span_cut(&v, ',', &part) && !span_is(part, "8n1"))
        return false;
    if (span_cut(&v, ',', &part)) {
        if (!span_to_u32(part, 1, 0xfff8, &n))
            return false;
        new.port = (uint16_t)n;
    }
    if (span_cut(&v, ',', &part)) {
        if (!span_to_u32(part, 0, 15, &n))
            return false;
        new.irq = (uint8_t)n;
    }
    if (v.n > 0)
        return false;
    *c = new;
    return true;
}

HV_INIT static bool set_com1(struct hv_options *o, struct span v)
{
    return set_com(&o->com[0], v);
}

HV_INIT static bool set_com2(struct hv_options *o, struct span v)
{
    return set_com(&o->com[1], v);
}

HV_INIT static bool set_keymap(struct hv_options *o, struct span v)
{
    static const struct choice names[] = {
        {"us", KEYMAP_US}, {"de", KEYMAP_DE}, {"fr", KEYMAP_FR}, {NULL, 0},
    };
    int n;

    if (!choose(v, names, &n))
        return false;
    o->keymap = (enum hv_keymap)n;
    return true;
}

/* For keys with the values auto and one other word. */
HV_INIT static bool set_flag(bool *flag, struct span v, const char *word)
{
    *flag = span_is(v, word);
    return *flag || span_is(v, "auto");
}

HV_INIT static bool set_demo(struct hv_options *o, struct span v)
{
    return set_flag(&o->demo_off, v, "off");
}

HV_INIT static bool set_mitigations(struct hv_options *o, struct span v)
{
    return set_flag(&o->mitigations_off, v, "off");
}

HV_INIT static bool set_guestmem(struct hv_options *o, struct span v)
{
    return set_flag(&o->guestmem_high, v, "high");
}

HV_INIT static bool set_loglvl(struct hv_options *o, struct span v)
{
    static const struct choice names[] = {
        {"error", LOG_ERROR}, {"warn", LOG_WARN}, {"info", LOG_INFO},
        {"debug", LOG_DEBUG}, {NULL, 0},
    };

    return choose(v, names, &o->loglvl);
}

HV_INIT static bool set_test(struct hv_options *o, struct span v)
{
    struct span rest = v, name;

    if (v.n >= sizeof(o->test) || span_ends(v, ','))
        return false;
    while (span_cut(&rest, ',', &name)) {
        if (name.n == 0)
            return false;
    }
    memcpy(o->test, v.p, v.n);
    o->test[v.n] = '\0';
    return v.n > 0;
}

HV_INIT static bool set_exit(struct hv_options *o, struct span v)
{
    static const struct choice names[] = {
        {"wait", EXIT_WAIT}, {"poweroff", EXIT_POWEROFF},
        {"reboot", EXIT_REBOOT}, {"debug-exit", EXIT_DEBUG},
        {"halt", EXIT_HALT}, {NULL, 0},
    };
    int n;

    if (!choose(v, names, &n))
        return false;
    o->exit_mode = (enum hv_exit_mode)n;
    return true;
}

HV_INIT static bool set_timeout(struct hv_options *o, struct span v)
{
    return span_to_u32(v, 1, 1000000, &o->timeout_s);
}

HV_INIT static bool set_smp(struct hv_options *o, struct span v)
{
    if (span_is(v, "off")) {
        o->smp = 1;
        return true;
    }
    return span_to_u32(v, 1, 4096, &o->smp);
}

/* ^A to ^Z and the other control characters, without ^@. */
HV_INIT static bool set_escape(struct hv_options *o, struct span v)
{
    char c;

    if (v.n != 2 || v.p[0] != '^')
        return false;
    c = v.p[1];
    if (c >= 'a' && c <= 'z')
        c = (char)(c - 'a' + 'A');
    if (c < 'A' || c > '_')
        return false;
    o->escape = (char)(c - '@');
    return true;
}

HV_INIT static bool set_audit(struct hv_options *o, struct span v)
{
    return span_to_u32(v, 0, UINT32_MAX, &o->audit);
}

HV_INIT static bool set_watchdog(struct hv_options *o, struct span v)
{
    return span_to_u32(v, 0, 86400, &o->watchdog_s);
}

HV_INIT static bool set_seed(struct hv_options *o, struct span v)
{
    o->seed_given = span_to_u64(v, UINT64_MAX, &o->seed);
    return o->seed_given;
}

struct cmdline_key {
    const char *key;
    bool (*set)(struct hv_options *o, struct span value);
    const char *wants; /* for the message */
};

static const struct cmdline_key keys[] = {
    {"console", set_console, "a comma list of com1 com2 vga fb"},
    {"com1", set_com1, "baud,8n1,port,irq"},
    {"com2", set_com2, "baud,8n1,port,irq"},
    {"keymap", set_keymap, "us, de or fr"},
    {"demo", set_demo, "auto or off"},
    {"loglvl", set_loglvl, "error, warn, info or debug"},
    {"test", set_test, "all or a comma list of at most 255 characters"},
    {"exit", set_exit, "wait, poweroff, reboot, debug-exit or halt"},
    {"timeout", set_timeout, "seconds from 1"},
    {"smp", set_smp, "a number of CPUs or off"},
    {"mitigations", set_mitigations, "auto or off"},
    {"escape", set_escape, "a control character like ^A"},
    {"guestmem", set_guestmem, "auto or high"},
    {"audit", set_audit, "a number of exits or 0"},
    {"watchdog", set_watchdog, "seconds or 0"},
    {"seed", set_seed, "a number"},
};

HV_INIT static void set_defaults(struct hv_options *o)
{
    memset(o, 0, sizeof(*o));
    o->com[0] = (struct uart_cfg){115200, 0x3f8, 4};
    o->com[1] = (struct uart_cfg){115200, 0x2f8, 3};
    o->loglvl = LOG_INFO;
    o->timeout_s = 60;
    o->escape = 'A' - '@';
    o->watchdog_s = 10;
}

HV_INIT static void parse_word(struct hv_options *o, struct span word)
{
    struct span value = word, name;
    struct span_text shown;
    struct hv_options before = *o;

    span_cut(&value, '=', &name);
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(keys); i++) {
        if (!span_is(name, keys[i].key))
            continue;
        if (name.n < word.n && keys[i].set(o, value))
            return;
        *o = before; /* a refused word changes nothing */
        o->test_refused = o->test_refused || keys[i].set == set_test;
        log_config_error("command line: \"%s\" ignored: %s wants %s",
                         span_show(word, &shown), keys[i].key, keys[i].wants);
        return;
    }
    log_config_error("command line: \"%s\" ignored: no such key",
                     span_show(word, &shown));
}

/* QEMU's microvm, Firecracker and kvmtool take what they start for a Linux. */
HV_INIT static bool is_for_linux(struct span word)
{
    static const char *const words[] = {"ro", "rw", "nomodule", "nomodules", "noapic", "noacpi"};
    static const char *const beginnings[] = {
        "virtio_mmio.", "i8042.", "8250.", "reboot=", "panic=", "pci=", "root=", "swiotlb=",
        "earlyprintk=", "console=ttyS",
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(words); i++) {
        if (span_is(word, words[i]))
            return true;
    }
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(beginnings); i++) {
        if (span_starts(word, beginnings[i]))
            return true;
    }
    return false;
}

struct word_list {
    char text[180]; /* each with a blank in front */
    uint32_t n;
    bool full; /* the last is "..." */
};

HV_INIT static void add_word(struct word_list *l, struct span word)
{
    struct span_text shown;
    const char *text = span_show(word, &shown);
    uint32_t room = (uint32_t)sizeof(l->text) - l->n;

    if (l->full)
        return;
    l->full = strlen(text) + 1 + sizeof(" ...") > room;
    l->n += (uint32_t)hv_snprintf(l->text + l->n, room, " %s", l->full ? "..." : text);
}

HV_INIT void cmdline_parse(struct hv_options *o, const char *line)
{
    struct span rest = span_of(line), word;
    struct word_list for_linux = {"", 0, false};
    bool first = true;

    set_defaults(o);
    while (span_word(&rest, &word)) {
        /* Some loaders put the file name in front. */
        bool is_file = first && (span_has(word, '/') || !span_has(word, '='));

        if (!is_file && is_for_linux(word))
            add_word(&for_linux, word);
        else if (!is_file)
            parse_word(o, word);
        first = false;
    }
    if (for_linux.n > 0)
        log_info("command line: for Linux, not used:%s", for_linux.text);
}
