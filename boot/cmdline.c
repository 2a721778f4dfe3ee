/* SPDX-License-Identifier: MIT */
/* The hypervisor command line (docs/usage.md): words key=value, no quoting, the
 * last of a repeated key wins.  A word that is not understood is reported,
 * counted and ignored; boot goes on.  One table row per key.  What virtual machine
 * monitors add for Linux is named and not counted. */
#include "keys.h"

#include "hv/cmdline.h"
#include "hv/log.h"

struct hv_options hv_options;

HV_INIT static bool set_console(void *field, struct span v, const struct key *k)
{
    struct span name;
    uint32_t all = 0;
    int bit;

    if (span_ends(v, ','))
        return false;
    while (span_cut(&v, ',', &name)) {
        if (!choose(name, k->choices, &bit))
            return false;
        all |= (uint32_t)bit;
    }
    if (all != 0)
        *(uint32_t *)field = all;
    return all != 0;
}

/* baud,8n1,port,irq; what is left out at the end keeps its default. */
HV_INIT static bool set_com(void *field, struct span v, const struct key *k)
{
    struct uart_cfg new = *(struct uart_cfg *)field;
    struct span part;
    uint32_t n;

    (void)k;
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
    *(struct uart_cfg *)field = new;
    return true;
}

HV_INIT static bool set_test(void *field, struct span v, const struct key *k)
{
    struct span rest = v, name;
    char *test = field;

    if (v.n == 0 || v.n > k->max || span_ends(v, ','))
        return false;
    while (span_cut(&rest, ',', &name)) {
        if (name.n == 0)
            return false;
    }
    memcpy(test, v.p, v.n);
    test[v.n] = '\0';
    return true;
}

HV_INIT static bool set_smp(void *field, struct span v, const struct key *k)
{
    return set_number(field, span_is(v, "off") ? span_of("1") : v, k);
}

/* ^A to ^Z and the other control characters, without ^@. */
HV_INIT static bool set_escape(void *field, struct span v, const struct key *k)
{
    char c;

    (void)k;
    if (v.n != 2 || v.p[0] != '^')
        return false;
    c = v.p[1];
    if (c >= 'a' && c <= 'z')
        c = (char)(c - 'a' + 'A');
    if (c < 'A' || c > '_')
        return false;
    *(char *)field = (char)(c - '@');
    return true;
}

HV_INIT static bool set_seed(void *options, struct span v, const struct key *k)
{
    struct hv_options *o = options;

    (void)k;
    if (!str_to_u64(v.p, v.n, UINT64_MAX, &o->seed))
        return false;
    o->seed_given = true;
    return true;
}

static const struct choice consoles[] = {
    {"com1", CONSOLE_COM1}, {"com2", CONSOLE_COM2}, {"vga", CONSOLE_VGA}, {"fb", CONSOLE_FB},
    {NULL, 0},
};
static const struct choice keymaps[] = {
    {"us", KEYMAP_US}, {"de", KEYMAP_DE}, {"fr", KEYMAP_FR}, {NULL, 0},
};
static const struct choice levels[] = {
    {"error", LOG_ERROR}, {"warn", LOG_WARN}, {"info", LOG_INFO}, {"debug", LOG_DEBUG},
    {NULL, 0},
};
static const struct choice exits[] = {
    {"wait", EXIT_WAIT}, {"poweroff", EXIT_POWEROFF}, {"reboot", EXIT_REBOOT},
    {"debug-exit", EXIT_DEBUG}, {"halt", EXIT_HALT}, {NULL, 0},
};
static const struct choice auto_off[] = {{"auto", false}, {"off", true}, {NULL, 0}};
static const struct choice auto_high[] = {{"auto", false}, {"high", true}, {NULL, 0}};

#define FIELD(f) .offset = offsetof(struct hv_options, f)

static const struct key keys[] = {
    {"console", "a comma list of com1 com2 vga fb", set_console, FIELD(consoles),
     .choices = consoles},
    {"com1", "baud,8n1,port,irq", set_com, FIELD(com[0])},
    {"com2", "baud,8n1,port,irq", set_com, FIELD(com[1])},
    {"keymap", "us, de or fr", set_choice, FIELD(keymap), .choices = keymaps},
    {"demo", "auto or off", set_flag, FIELD(demo_off), .choices = auto_off},
    {"loglvl", "error, warn, info or debug", set_choice, FIELD(loglvl), .choices = levels},
    {"test", "all or a comma list of at most 255 characters", set_test, FIELD(test),
     .max = sizeof(hv_options.test) - 1},
    {"exit", "wait, poweroff, reboot, debug-exit or halt", set_choice, FIELD(exit_mode),
     .choices = exits},
    {"timeout", "seconds from 1", set_number, FIELD(timeout_s), 1, 1000000},
    {"smp", "a number of CPUs or off", set_smp, FIELD(smp), 1, 4096},
    {"mitigations", "auto or off", set_flag, FIELD(mitigations_off), .choices = auto_off},
    {"escape", "a control character like ^A", set_escape, FIELD(escape)},
    {"guestmem", "auto or high", set_flag, FIELD(guestmem_high), .choices = auto_high},
    {"audit", "a number of exits or 0", set_number, FIELD(audit), 0, UINT32_MAX},
    {"watchdog", "seconds or 0", set_number, FIELD(watchdog_s), 0, 86400},
    {"seed", "a number", set_seed, .offset = 0}, /* and seed_given */
};

HV_INIT static void set_defaults(struct hv_options *o)
{
    *o = (struct hv_options){
        .com = {{115200, 0x3f8, 4}, {115200, 0x2f8, 3}},
        .loglvl = LOG_INFO,
        .timeout_s = 60,
        .escape = 'A' - '@',
        .watchdog_s = 10,
    };
}

HV_INIT static void parse_word(struct hv_options *o, struct span word)
{
    char fault[KEY_FAULT_BYTES];
    struct span_text shown;

    if (key_apply(keys, HV_ARRAY_SIZE(keys), o, word, fault))
        return;
    o->test_refused |= span_is(word, "test") || span_starts(word, "test=");
    log_config_error("command line: \"%s\" ignored: %s", span_show(word, &shown), fault);
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
