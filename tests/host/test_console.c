/* SPDX-License-Identifier: MIT */
/* The console core: guests' lines beside each other and beside the monitor's,
 * the menu, slow and dead devices.
 * real: log
 */
#include "console_fixture.h"

#include "../../hv/console/console_int.h"

#include <pthread.h>

/* ---- the stream ---- */

TEST(console_replays_what_came_before)
{
    log_always("first line");
    out(new_guest(0, "web"), "early\n");
    console_add(&uart);
    EXPECT_STR(sent(), "(RS) first line\r\n[web] early\r\n");
}

TEST(console_monitor_line_is_alone)
{
    set_up();
    console_attach(a);
    (void)sent();
    out(a, "login: ");
    log_always("guest db: started");
    out(a, "root\r\n");
    log_always("another");
    EXPECT_STR(sent(), "login: \r\n(RS) guest db: started\r\nroot\r\n(RS) another\r\n");
}

TEST(console_attached_guest_is_untouched)
{
    static const char bytes[] = "\033[1;31mred\033[0m\r\t\001\177\200\377 no newline";

    set_up();
    console_attach(a);
    (void)sent();
    out(a, bytes);
    EXPECT_STR(sent(), bytes);
    out(b, "somebody else\n");
    EXPECT_STR(sent(), "");
}

TEST(console_all_guests_get_prefixes)
{
    set_up();
    console_show_all();
    (void)sent();
    out(a, "one\r\ntwo\n");
    out(b, "three\n");
    out(a, "\n");
    EXPECT_STR(sent(), "[web] one\r\n[web] two\r\n[db] three\r\n[web] \r\n");
}

/* Two guests that write a character at a time, and the monitor in between. */
TEST(console_partial_lines_are_not_mixed)
{
    set_up();
    console_show_all();
    (void)sent();
    out(a, "he");
    out(b, "wo");
    log_always("monitor");
    out(a, "llo\n");
    out(b, "rld\n");
    EXPECT_STR(sent(), "(RS) monitor\r\n[web] hello\r\n[db] world\r\n");
}

/* A prompt has no newline: it is shown when the guest falls silent. What comes
 * then goes on behind it, or on a new line if somebody else wrote. */
TEST(console_prompts_show_up)
{
    set_up();
    console_show_all();
    (void)sent();
    out(a, "login: ");
    EXPECT_STR(sent(), "");
    console_poll();
    console_poll();
    EXPECT_STR(sent(), "[web] login: ");
    out(a, "root\n");
    EXPECT_STR(sent(), "root\r\n");
    out(a, "# ");
    console_poll();
    console_poll();
    out(b, "line\n");
    out(a, "ls\n");
    EXPECT_STR(sent(), "[web] # \r\n[db] line\r\n[web] ls\r\n");
}

TEST(console_long_lines_go_on)
{
    char text[501];
    const char *got;

    set_up();
    console_show_all();
    (void)sent();
    memset(text, 'x', 500);
    text[500] = '\0';
    out(a, text);
    out(a, "\n");
    got = sent();
    EXPECT_EQ(strlen(got), strlen("[web] ") + 500 + 2);
}

/* With cursor movements a guest could draw a line that looks like ours. */
TEST(console_all_view_filters_sequences)
{
    set_up();
    console_show_all();
    (void)sent();
    out(a, "\033[31mred\033[0m\r(RS) forged\033[2;1Hx\033c\a\b\177\ty\n");
    EXPECT_STR(sent(), "[web] red(RS) forgedx\ty\r\n");
    out(a, "\033[12\n(RS) forged\n");
    EXPECT_STR(sent(), "[web] \r\n[web] (RS) forged\r\n");
}

/* The control characters of the other half, which are as good as ESC and a letter: bare,
 * and as UTF-8. Text above ASCII stays as it is, be it UTF-8 or Latin-1. */
TEST(console_all_view_filters_c1)
{
    char text[16];

    set_up();
    console_show_all();
    (void)sent();
    for (uint32_t c = 0x80; c < 0xa0; c++) {
        (void)snprintf(text, sizeof(text), "a%cmb\xc2%cmc\n", (int)c, (int)c);
        out(a, text); /* what follows CSI is part of it */
        EXPECT_STR(sent(), c == 0x9b ? "[web] abc\r\n" : "[web] ambmc\r\n");
    }
    out(a, "a\xc2");
    out(a, "\x9b" "2Jb\n");
    EXPECT_STR(sent(), "[web] ab\r\n");
    out(a, "Gr\xc3\xbc\xc3\x9f" "e \xe2\x80\x93 \xe6\x97\xa5 \xf0\x9f\x98\x80 \xc2\xa0.\n");
    EXPECT_STR(sent(), "[web] Gr\xc3\xbc\xc3\x9f" "e \xe2\x80\x93 \xe6\x97\xa5 "
                       "\xf0\x9f\x98\x80 \xc2\xa0.\r\n");
    out(a, "\xe4\xf6\xfc \xe4\n");
    EXPECT_STR(sent(), "[web] \xe4\xf6\xfc \xe4\r\n");
    /* What is longer than it should be, or is broken off and goes on later. */
    out(a, "a\xc0\x9b" "b\xe0\x82\x85" "c\xf0\x80\x82\x85" "d\xe2\033[m\x80\x93" "e\xe2x\x80\n");
    EXPECT_STR(sent(), "[web] a\xc0\xe0" "c\xf0" "d\xe2" "e\xe2x\r\n");
}

/* Whether a byte from 0x80 to 0x9f is in text that is not inside of a character, or a
 * C1 character is. */
static bool has_c1(const char *text)
{
    uint32_t left = 0, code = 0;

    for (; *text; text++) {
        uint8_t c = (uint8_t)*text;

        if (left > 0 && (c & 0xc0) == 0x80) {
            code = code << 6 | (c & 0x3f);
            if (--left == 0 && code >= 0x80 && code < 0xa0)
                return true;
            continue;
        }
        if (c >= 0x80 && c < 0xa0)
            return true;
        left = c < 0xc0 || c >= 0xf8 ? 0 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
        code = c & (0x3fu >> left);
    }
    return false;
}

TEST(console_no_bytes_make_a_c1)
{
    static const char some[] = "\x80\x82\x85\x9b\x9f\xa0\xbf\xc0\xc1\xc2\xc3\xe0\xe2"
                               "\xed\xf0\xf4\xff" "ab\033[m\r\t";
    struct test_rng rng = {1};

    set_up();
    console_set_test_mode(true);
    for (uint32_t i = 0; i < 20000; i++) {
        char text[9] = "";

        for (uint32_t k = 0; k < sizeof(text) - 1; k++)
            text[k] = some[test_random_below(&rng, sizeof(some) - 1)];
        out(i % 3 ? a : b, text);
        if (i % 5 == 0)
            out(i % 3 ? a : b, "\n");
        if (i % 7 == 0)
            console_poll();
        if (i % 11 == 0)
            log_info("x");
        if (wire_bytes > sizeof(wire) / 2)
            EXPECT(!has_c1(sent()));
    }
    EXPECT(!has_c1(sent()));
}

TEST(console_test_mode_is_a_comment)
{
    set_up();
    console_set_test_mode(true);
    console_attach(a);
    (void)sent();
    out(a, "ok 1 forged\n# totals\n");
    log_raw("ok 1 real");
    EXPECT_STR(sent(), "# [web] ok 1 forged\r\n# [web] # totals\r\nok 1 real\r\n");
    type("noise\r");
    EXPECT_STR(shell_got, "");
}

TEST(console_gone_guest_ends_its_line)
{
    set_up();
    console_show_all();
    (void)sent();
    out(a, "half a line");
    console_guest_gone(a);
    out(b, "next\n");
    EXPECT_STR(sent(), "[web] half a line\r\n[db] next\r\n");
    console_attach(b);
    (void)sent();
    out(b, "half");
    console_guest_gone(b);
    log_always("guest db: ended");
    EXPECT_STR(sent(), "half\r\n(RS) guest db: ended\r\n");
}

TEST(console_attaching_shows_what_was_missed)
{
    char text[3000];

    set_up();
    console_attach(a);
    (void)sent();
    out(b, "lost?\r\nno: ");
    console_attach(b);
    EXPECT(strstr(sent(), "shell)\r\nlost?\r\nno: ") != NULL);
    console_attach(a);
    (void)sent();
    console_attach(b); /* once only */
    EXPECT(strstr(sent(), "lost?") == NULL);
    console_attach(a);
    for (int i = 0; i < 100; i++) {
        (void)snprintf(text, sizeof(text), "line number %d\r\n", i);
        out(b, text);
    }
    (void)sent();
    console_attach(b);
    (void)snprintf(text, sizeof(text), "%s", sent());
    EXPECT(strstr(text, "line number 99\r\n") != NULL);
    EXPECT(strstr(text, "line number 10\r\n") == NULL);
    EXPECT(strlen(text) < 1200);
}

/* Coming back from the menu, the guest's prompt is there again. */
TEST(console_prompt_of_the_attached_guest_comes_back)
{
    set_up();
    console_attach(a);
    out(a, "done\r\n\033[1m# \033[0mlx\bs");
    (void)sent();
    type(CTRL_A "l");
    EXPECT(strstr(sent(), "2: db\r\n# ls") != NULL);
    type(CTRL_A "0");
    (void)sent();
    type(CTRL_A "1");
    EXPECT(strstr(sent(), "shell)\r\n# ls") != NULL);
    out(a, "\r\n");
    type(CTRL_A "1");
    EXPECT(strstr(sent(), "# ls") == NULL);
}

/* ---- keys ---- */

TEST(console_keys_go_where_the_view_is)
{
    set_up();
    console_attach(a);
    type("ls\r\003\033[A\200");
    EXPECT_STR(guest_got[0], "ls\r\003\033[A\200");
    console_attach(NULL);
    type("list");
    EXPECT_STR(shell_got, "list");
    EXPECT_STR(guest_got[0], "ls\r\003\033[A\200");
}

TEST(console_menu_switches)
{
    set_up();
    console_attach(a);
    (void)sent();
    type(CTRL_A);
    EXPECT(strstr(sent(), "(RS) menu: 1-9 guest, 0 shell") != NULL);
    type("2x");
    EXPECT_STR(guest_got[1], "x");
    EXPECT(strstr(sent(), "(RS) console: guest db (Ctrl-A opens the menu, 0 there "
                          "is the shell)\r\n") != NULL);
    type(CTRL_A CTRL_A);
    EXPECT_STR(guest_got[1], "x\001");
    type(CTRL_A "0stats");
    EXPECT_STR(shell_got, "stats");
    EXPECT_EQ(shell_starts, 1);
    type(CTRL_A "7");
    EXPECT(strstr(sent(), "(RS) no guest 7 (l lists them)\r\n") != NULL);
    type(CTRL_A "l");
    EXPECT(strstr(sent(), "(RS) 1: web\r\n(RS) 2: db\r\n") != NULL);
    type(CTRL_A "a");
    (void)sent();
    out(a, "to all\n");
    EXPECT_STR(sent(), "[web] to all\r\n");
    type(CTRL_A "Q");
    EXPECT(strstr(sent(), "menu left") != NULL);
}

TEST(console_escape_key_can_be_changed)
{
    hv_options.escape = 0x1d; /* ^] */
    set_up();
    console_attach(a);
    (void)sent();
    type("\001\035\035\0350");
    EXPECT_STR(guest_got[0], "\001\035");
    EXPECT_EQ(shell_starts, 1);
    EXPECT(strstr(console_way_out_hint(), "Ctrl-]") != NULL);
}

/* A restart must not take the screen away from who watches it. */
TEST(console_restarted_guest_is_attached_again)
{
    struct guest *again;

    set_up();
    console_attach(a);
    list_remove(&a->link);
    console_guest_gone(a);
    console_poll();
    EXPECT_EQ(shell_prompts, 0);
    again = new_guest(0, "web");
    out(again, "booting\n");
    type("x");
    EXPECT_STR(guest_got[0], "x");
    list_remove(&again->link);
    console_guest_gone(again);
    fake_arch.now_ns += 400000000;
    console_poll();
    EXPECT_EQ(shell_prompts, 1); /* it is not coming */
    type("list");
    EXPECT_STR(shell_got, "list");
    again = new_guest(0, "web"); /* too late: somebody is typing */
    out(again, "booting\n");
    type("x");
    EXPECT_STR(shell_got, "listx");
}

/* Input behind a command waits for it, and only the run loop runs one. */
TEST(console_commands_run_in_the_run_loop)
{
    set_up();
    hv_options.com[0] = (struct uart_cfg){115200, 0x3f8, 4};
    console_init_early();
    console_start();
    console_attach(NULL);
    typed = "one\rtwo\r";
    REQUIRE(irq_handler != NULL);
    irq_handler();
    EXPECT_STR(shell_got, "one\r");
    EXPECT_EQ(commands_run, 0);
    irq_handler();
    EXPECT_STR(shell_got, "one\r");
    console_poll();
    EXPECT_EQ(commands_run, 2);
    EXPECT_STR(shell_got, "one\rtwo\r");
}

/* ---- slow devices ---- */

TEST(console_dead_device_holds_nobody_up)
{
    set_up();
    room = 0;
    for (int i = 0; i < 3000; i++)
        log_always("a line of about eighty characters, again and again: %d", i);
    EXPECT(looks < 300000); /* waited for once, then looked at once a line */
    EXPECT(console_dropped() > 100000);
    room = UINT32_MAX;
    log_always("alive");
    EXPECT(strstr(sent(), "(RS) alive\r\n") != NULL);
}

TEST(console_works_in_the_background_once_started)
{
    set_up();
    hv_options.com[0] = (struct uart_cfg){115200, 0x3f8, 4};
    console_start();
    room = 16;
    console_attach(a);
    for (int i = 0; i < 20; i++)
        out(a, "0123456789");
    EXPECT_EQ(wire_bytes, 16);
    EXPECT(timerq_count() == 1);
    for (int i = 0; i < 100 && timerq_count() != 0; i++) {
        room = 16;
        fake_arch.now_ns = fake_arch.timer_deadline_ns;
        timerq_hardware_fired();
        timerq_run();
        if (wire_bytes > 250)
            break;
    }
    EXPECT(strstr(sent(), "01234567890123456789012345678901234567890123456789") != NULL);
    EXPECT_EQ(console_dropped(), 0);
    EXPECT(flushes > 0);
}

/* Ten megabytes of a guest on a slow line: the monitor's lines all arrive. */
TEST(console_flood_crowds_nobody_out)
{
    char line[64];
    char text[1001];

    set_up();
    hv_options.com[0] = (struct uart_cfg){115200, 0x3f8, 4};
    console_start();
    console_attach(a);
    memset(text, 'x', 1000);
    text[1000] = '\0';
    for (int i = 0; i < 10000; i++) {
        out(a, text);
        if (i % 1000 == 999) {
            log_always("monitor %d", i);
            for (int k = 0; k < 200; k++) { /* 200 ms */
                room = 16;
                console_poll();
            }
            room = 0;
        }
    }
    EXPECT(console_dropped() > 9000000);
    EXPECT(console_guest_room() < 20000);
    for (int i = 0; i < 10000; i++) {
        room = 16;
        console_poll();
    }
    EXPECT_EQ(console_guest_room(), 49152);
    (void)strcpy(wire + wire_bytes, "");
    for (int i = 999; i < 10000; i += 1000) {
        (void)snprintf(line, sizeof(line), "(RS) monitor %d\r\n", i);
        EXPECT(strstr(wire, line) != NULL);
    }
}

/* A UART that is there and never ready must not silence the screen. */
TEST(console_stuck_device_is_given_up)
{
    set_up();
    hv_options.com[0] = (struct uart_cfg){115200, 0x3f8, 4};
    console_start();
    console_attach(a);
    room = 0;
    for (int i = 0; i < 2000; i++) {
        out(a, "0123456789012345678901234567890123456789\r\n");
        console_poll();
    }
    EXPECT_EQ(console_guest_room(), 49152);
}

TEST(console_panic_writes_straight)
{
    set_up();
    hv_options.com[0] = (struct uart_cfg){115200, 0x3f8, 4};
    console_start();
    (void)sent();
    room = 0;
    for (int i = 0; i < 2000; i++)
        log_always("backlog %d, which a slow line has not taken yet", i);
    room = UINT32_MAX;
    console_panic_mode();
    log_always("PANIC: %s", "test");
    EXPECT(wire_bytes < 5000);
    EXPECT(strstr(sent(), "\r\n(RS) PANIC: test\r\n") != NULL);
    log_always("eip 0");
    EXPECT_STR(sent(), "(RS) eip 0\r\n");
}

/* In the middle of somebody's line, before the core knows of it: on a line of its own. */
TEST(console_panic_begins_a_line)
{
    set_up();
    (void)sent();
    REQUIRE(console_enter());
    console_put("half", 4);
    console_panic_mode();
    log_always("PANIC: %s", "test");
    EXPECT_STR(sent(), "half\r\n(RS) PANIC: test\r\n");
}

/* More output than the ring holds: the newest stays, the loss is counted. */
TEST(console_ring_overflow_keeps_the_newest)
{
    char line[64];
    const char *got;

    for (int i = 0; i < 5000; i++)
        log_always("line %d", i);
    EXPECT_EQ(console_dropped(), 0); /* nobody was there to lose it */
    console_add(&uart);
    got = sent();
    EXPECT_EQ(strlen(got), 65536);
    (void)snprintf(line, sizeof(line), "(RS) line %d\r\n", 4999);
    EXPECT_STR(got + strlen(got) - strlen(line), line);
}

/* ---- several at once ---- */

#define WRITERS 3u
#define LINES 3000u

static __thread uint32_t cpu;

uint32_t arch_cpu_index(void)
{
    return cpu;
}

static void *write_lines(void *arg)
{
    char line[32];

    cpu = (uint32_t)(uintptr_t)arg;
    for (uint32_t i = 0; i < LINES; i++) {
        (void)snprintf(line, sizeof(line), "number %u.\n", i);
        if (cpu == 0)
            log_raw("%s", line);
        else
            out(cpu == 1 ? a : b, line);
    }
    return NULL;
}

/* CPUs that meet in the console wait for each other: every line comes, whole and in the
 * order of its writer. */
TEST(console_loses_nothing_of_writers_that_meet)
{
    static const char *const prefixes[WRITERS] = {"", "[web] ", "[db] "};
    pthread_t threads[WRITERS];
    uint32_t next[WRITERS] = {0}, lines = 0;
    char want[48];

    set_up();
    console_show_all();
    (void)sent();
    for (uint32_t i = 1; i < WRITERS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, write_lines, (void *)(uintptr_t)i) == 0);
    (void)write_lines(NULL);
    for (uint32_t i = 1; i < WRITERS; i++)
        (void)pthread_join(threads[i], NULL);
    for (const char *p = sent(); *p; p = strchr(p, '\n') + 1, lines++) {
        uint32_t who = *p != '[' ? 0 : p[1] == 'w' ? 1 : 2;

        (void)snprintf(want, sizeof(want), "%snumber %u.\r\n", prefixes[who], next[who]++);
        REQUIRE(strncmp(p, want, strlen(want)) == 0);
    }
    EXPECT_EQ(lines, WRITERS * LINES);
}

/* An NMI must not wait for whom it interrupted: what it says in the log comes later. */
TEST(console_an_nmi_does_not_wait)
{
    set_up();
    (void)sent();
    REQUIRE(console_enter());
    console_put("half", 4);
    console_set_line(LINE_OF_MONITOR, true);
    this_cpu()->nmi_depth = 1;
    EXPECT(!console_enter());
    log_always("from an NMI");
    this_cpu()->nmi_depth = 0;
    console_leave();
    EXPECT_STR(sent(), "half");
    log_always("later");
    EXPECT_STR(sent(), "\r\n(RS) from an NMI\r\n(RS) later\r\n");
    this_cpu()->nmi_depth = 1; /* nobody was in there: at once */
    log_always("another NMI");
    EXPECT_STR(sent(), "(RS) another NMI\r\n");
}

/* Whoever has the lock already would wait for itself: that is a mistake of ours. */
TEST(console_is_not_entered_twice)
{
    set_up();
    REQUIRE(console_enter());
    EXPECT_PANIC(console_guest_write(a, (const uint8_t *)"x", 1));
}
