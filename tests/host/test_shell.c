/* SPDX-License-Identifier: MIT */
/* The shell: line editing, parsing, and that bad input costs one line and
 * changes nothing. */
#include "fake.h"
#include "test.h"

#include "hv/arch_if.h"
#include "hv/cmdline.h"
#include "hv/console.h"
#include "hv/control.h"
#include "hv/exit.h"
#include "hv/log.h"
#include "hv/main.h"
#include "hv/percpu.h"
#include "hv/string.h"
#include "hv/suite.h"
#include "hv/timerq.h"

#include "../../hv/console/console_int.h"
#include "../../hv/console/shell/shell.h"

struct hv_options hv_options;
struct list guest_list = {&guest_list, &guest_list};

/* ---- the console ---- */

static char screen[20000];
static bool line_open;

static void show(const char *s, size_t n)
{
    REQUIRE(strlen(screen) + n < sizeof(screen));
    (void)strncat(screen, s, n);
}

bool console_monitor_write(const char *bytes, uint32_t n, bool at_line_start)
{
    if (at_line_start && line_open)
        show("\n", 1);
    show(bytes, n);
    if (n > 0)
        line_open = bytes[n - 1] != '\n';
    return true;
}

void console_say(const char *fmt, ...)
{
    char line[300];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    console_monitor_write("(RS) ", 5, true);
    show(line, strlen(line));
    show("\n", 1);
    line_open = false;
}

bool console_line_is_open(uint32_t owner)
{
    return line_open && owner == LINE_OF_MONITOR;
}

enum console_view console_view(void)
{
    return VIEW_SHELL;
}

/* What has been shown since the last call. */
static const char *shown(void)
{
    static char copy[sizeof(screen)];

    strcpy(copy, screen);
    screen[0] = '\0';
    return copy;
}

/* ---- what commands call: each leaves a word ---- */

static char calls[300];

static void called(const char *what, const struct guest *g)
{
    (void)snprintf(calls + strlen(calls), sizeof(calls) - strlen(calls), "%s(%s) ",
                   what, g != NULL ? g->config.name : "");
}

static const char *done(void)
{
    static char copy[sizeof(calls)];

    strcpy(copy, calls);
    calls[0] = '\0';
    return copy;
}

void console_attach(struct guest *g)
{
    called("attach", g);
}

void console_show_all(void)
{
    called("all", NULL);
}

void console_flush(void)
{
    called("flush", NULL);
}

uint32_t console_dropped(void)
{
    return 0;
}

void guest_set_paused(struct guest *g, bool paused)
{
    if (g->state != (paused ? GUEST_RUNNING : GUEST_PAUSED))
        return;
    called(paused ? "pause" : "resume", g);
    g->state = paused ? GUEST_PAUSED : GUEST_RUNNING;
}

const char *guest_state_word(const struct guest *g)
{
    return g->state == GUEST_PAUSED ? "paused" : "running";
}

void guest_destroy(struct guest *g)
{
    called("destroy", g);
}

void guest_dump(struct guest *g)
{
    called("dump", g);
}

void guest_print_info(struct guest *g)
{
    called("info", g);
}

struct guest *guest_create(const struct guest_config *c)
{
    (void)snprintf(calls + strlen(calls), sizeof(calls) - strlen(calls),
                   "create(%s) ", c->name);
    return NULL;
}

struct guest *guest_find(const char *name)
{
    list_for_each(p, &guest_list) {
        struct guest *g = HV_CONTAINER_OF(p, struct guest, link);

        if (strcmp(g->config.name, name) == 0)
            return g;
    }
    return NULL;
}

const struct guest_config *hv_configured(uint32_t i)
{
    return i < fake_guests_added ? &fake_guest_configs[i] : NULL;
}

uint32_t vcpu_exits(const struct vcpu *v)
{
    return v->exit_count[14];
}

void log_dump(uint32_t max_lines)
{
    (void)snprintf(calls + strlen(calls), sizeof(calls) - strlen(calls), "log(%u) ",
                   max_lines);
}

uint32_t timerq_count(void)
{
    return 1;
}

bool suite_unknown_name(const char *test, char *word, uint32_t size)
{
    if (strcmp(test, "no.such") != 0)
        return false;
    snprintf(word, size, "%s", test);
    return true;
}

static bool suite_runs;

bool suite_start(const char *test)
{
    if (suite_runs)
        return false;
    called("suite", NULL);
    (void)str_copy(hv_options.test, test, sizeof(hv_options.test));
    return true;
}

void arch_reboot(void)
{
    called("reboot", NULL);
    test_abort();
}

void arch_poweroff(void)
{
    called("poweroff", NULL);
    test_abort();
}

/* ---- helpers ---- */

static struct guest *web;

static void set_up(void)
{
    web = calloc(1, sizeof(*web));
    REQUIRE(web != NULL);
    web->vcpu = calloc(1, sizeof(*web->vcpu));
    web->state = GUEST_RUNNING;
    web->ram_pages = 16384;
    (void)snprintf(web->config.name, sizeof(web->config.name), "web");
    mail_init(&web->wish.mail, control_grant);
    list_add_tail(&guest_list, &web->link);
    (void)snprintf(fake_guest_configs[0].name, sizeof(fake_guest_configs[0].name),
                   "web");
    (void)snprintf(fake_guest_configs[1].name, sizeof(fake_guest_configs[1].name),
                   "db");
    fake_guests_added = 2;
    shell_start();
    (void)shown();
}

static void keys(const char *s)
{
    for (; *s != '\0'; s++) {
        shell_input((uint8_t)*s);
        shell_run_pending();
        mail_read();
    }
}

/* Types a line; returns what was shown between it and the next prompt. */
static const char *answer(const char *line)
{
    static char text[4000];
    char *end;

    (void)shown();
    keys(line);
    (void)shown();
    keys("\r");
    (void)snprintf(text, sizeof(text), "%s", shown());
    end = strstr(text, "(RS) > ");
    REQUIRE(text[0] == '\n' && end != NULL);
    *end = '\0';
    return text + 1;
}

static uint32_t lines_in(const char *s)
{
    uint32_t n = 0;

    for (; *s != '\0'; s++)
        n += *s == '\n';
    return n;
}

/* ---- tests ---- */

TEST(shell_greets_once)
{
    shell_start();
    EXPECT_STR(shown(), "(RS) the shell of ringside; help lists the commands\n(RS) > ");
    shell_start();
    EXPECT_STR(shown(), "");
}

TEST(shell_echoes_and_edits)
{
    set_up();
    keys("lisx\177t");
    EXPECT_STR(shown(), "lisx\b \bt");
    keys("\025");
    EXPECT_STR(shown(), "\b \b\b \b\b \b\b \b");
    keys("\177\010\025"); /* nothing there any more */
    EXPECT_STR(shown(), "");
    keys("pause web\027\027\027");
    (void)shown();
    keys("mem\r");
    EXPECT(strstr(shown(), "KiB of RAM") != NULL);
    keys("destroy web\003");
    EXPECT_STR(shown(), "destroy web^C\n(RS) > ");
    keys("\r");
    EXPECT_STR(done(), "");
}

TEST(shell_line_length_is_bounded)
{
    char text[500];

    set_up();
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    EXPECT_EQ(lines_in(answer(text)), 1);
}

TEST(shell_newlines_of_every_kind)
{
    set_up();
    keys("mem\r\nmem\nmem\r");
    EXPECT_EQ(lines_in(shown()), 6);
    keys("\r\n\r\n");
    EXPECT_EQ(lines_in(shown()), 2);
}

TEST(shell_history)
{
    set_up();
    keys("pause web\rresume web\r");
    EXPECT_STR(done(), "pause(web) resume(web) ");
    keys("\033[A\033[A\r");
    EXPECT_STR(done(), "pause(web) ");
    keys("\033OA\033OA\033OA\033OA\033OA\033OB\r");
    EXPECT_STR(done(), "resume(web) ");
    for (int i = 0; i < 30; i++)
        keys("\033[A\033[B\033[B\033[A");
    keys("\025\r");
    EXPECT_STR(done(), "");
}

/* Other output tore the line away: it is drawn again with what was typed. */
TEST(shell_redraws_a_torn_line)
{
    set_up();
    keys("sta");
    (void)shown();
    console_say("guest db: ended");
    shell_prompt_again(false);
    EXPECT_STR(shown(), "\n(RS) guest db: ended\n(RS) > sta");
    shell_prompt_again(true);
    EXPECT_STR(shown(), "");
    keys("\025");
    console_say("again");
    (void)shown();
    shell_prompt_again(false);
    EXPECT_STR(shown(), "");
    keys("m");
    EXPECT_STR(shown(), "(RS) > m");
}

TEST(shell_ignores_odd_bytes)
{
    set_up();
    keys("m\001\002e\200\377\033[3~\033[1;5Cm\t\r");
    EXPECT(strstr(shown(), "KiB of RAM") != NULL);
}

TEST(shell_guest_commands)
{
    set_up();
    keys("pause web\rresume web\rinfo web\rbt web\rconsole web\r"
         "console all\r  log   7  \rlog\rstart db\rdestroy web\r");
    EXPECT_STR(done(), "pause(web) resume(web) info(web) dump(web) attach(web) all() "
                       "log(7) log(20) create(db) ");
    EXPECT_EQ(web->end, END_KILLED);
    EXPECT_EQ(web->after, AFTER_NOTHING);
    web->end = END_NONE;
    keys("restart web\r");
    EXPECT_EQ(web->end, END_REBOOT);
    EXPECT_EQ(web->after, AFTER_RESTART);
    keys("test tr,fl\r");
    EXPECT_STR(hv_options.test, "tr,fl");
    EXPECT_STR(done(), "suite() ");
    keys("test\r"); /* it may be done by now: the suite's to say */
    EXPECT_STR(hv_options.test, "all");
    EXPECT_STR(done(), "suite() ");
    suite_runs = true;
    EXPECT_EQ(lines_in(answer("test tr")), 1);
    EXPECT_STR(hv_options.test, "all");
    suite_runs = false;
}

TEST(shell_kept_guest_can_be_destroyed_and_restarted)
{
    set_up();
    web->state = GUEST_ENDED;
    web->end = END_CRASH;
    keys("restart web\r");
    EXPECT_EQ(web->end, END_REBOOT);
    EXPECT(web->state != GUEST_ENDED);
    web->state = GUEST_ENDED;
    keys("destroy web\r");
    EXPECT_STR(done(), "destroy(web) ");
}

TEST(shell_bad_input_is_one_line_and_changes_nothing)
{
    static const char *const bad[] = {
        "foo", "info", "info nobody", "info a b", "pause", "pause nobody",
        "pause web now", "resume web", "resume nobody", "destroy", "destroy nobody",
        "start", "start web", "start nobody", "restart", "restart nobody",
        "console", "console nobody", "console web all", "stats nobody",
        "stats a b", "top all", "log x", "log 0", "log -1", "log 1001",
        "log 1 2", "log 99999999999999999999", "mem all", "bt", "bt nobody",
        "reboot now", "poweroff now", "list all", "help me", "LIST", "a b c d e f g",
        "\"info\" web", "info 'web'", "test a b",
    };

    set_up();
    for (size_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        const char *got = answer(bad[i]);

        if (lines_in(got) != 1 || strncmp(got, "(RS) ", 5) != 0)
            test_fail(__FILE__, __LINE__, "%s: %s", bad[i], got);
        EXPECT_STR(done(), "");
    }
    EXPECT_EQ(web->state, GUEST_RUNNING);
    EXPECT_EQ(web->end, END_NONE);
    EXPECT_STR(hv_options.test, "");
    keys("pause web\r");
    EXPECT_STR(done(), "pause(web) ");
    EXPECT_STR(answer("pause web"), "(RS) guest web is paused already\n");
    web->state = GUEST_RUNNING;
    web->end = END_CRASH;
    EXPECT_EQ(lines_in(answer("pause web")), 1);
    EXPECT_STR(done(), "");
}

TEST(shell_lists)
{
    const char *got;

    set_up();
    fake_arch.now_ns = 125000000000;
    web->vcpu->exit_count[14] = 42;
    got = answer("list");
    EXPECT(strstr(got, "  1 web              running    64MiB     125s        42 ?") != NULL);
    EXPECT(strstr(got, "  - db               off") != NULL);
    EXPECT(strstr(answer("help"), "destroy NAME") != NULL);
    EXPECT(strstr(answer("stats web"), "vector  14: 42") != NULL);
    this_cpu()->irq_count[4] = 7;
    EXPECT(strstr(answer("stats"), "irq  4: 7") != NULL);
}

TEST(shell_top_shows_shares)
{
    set_up();
    web->started_ns = 1000000000;
    fake_arch.now_ns = 11000000000;
    web->vcpu->run_ns = 2500000000;
    EXPECT(strstr(answer("top"), " 25.0%") != NULL);
    fake_arch.now_ns += 1000000000;
    web->vcpu->run_ns += 999000000;
    EXPECT(strstr(answer("top"), " 99.9%") != NULL);
    fake_arch.now_ns += 40ull * 86400 * 1000000000;
    EXPECT(strstr(answer("top"), "  0.0%") != NULL);
    EXPECT(strstr(answer("top"), "  0.0%") != NULL); /* no time has passed */
}
