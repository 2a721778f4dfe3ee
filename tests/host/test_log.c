/* SPDX-License-Identifier: MIT */
/* The log: prefixes, levels, the ring, what comes from an NMI.
 * real: log
 */
#include "fake.h"
#include "test.h"

#include "hv/console.h"
#include "hv/log.h"

/* The console core, as an endless sheet of paper. */
static char paper[400000];
static uint32_t paper_bytes;
static bool console_busy; /* and we are an NMI */
static char emergency[600];

bool console_monitor_write(const char *bytes, uint32_t n, bool at_line_start)
{
    if (console_busy)
        return false;
    REQUIRE(paper_bytes + n + 2 < sizeof(paper));
    if (at_line_start && paper_bytes > 0 && paper[paper_bytes - 1] != '\n')
        paper[paper_bytes++] = '\n';
    memcpy(paper + paper_bytes, bytes, n);
    paper_bytes += n;
    return true;
}

void console_emergency_write(const char *bytes, uint32_t n)
{
    REQUIRE(n < sizeof(emergency));
    memcpy(emergency, bytes, n);
}

/* Everything written since the last call. */
static const char *written(void)
{
    static char copy[sizeof(paper)];

    memcpy(copy, paper, paper_bytes);
    copy[paper_bytes] = '\0';
    paper_bytes = 0;
    return copy;
}

TEST(log_lines_have_prefix_and_newline)
{
    log_info("one %d", 1);
    log_raw("KTAP version %d", 1);
    log_always("guest %s: started", "web");
    EXPECT_STR(written(), "(RS) one 1\nKTAP version 1\n(RS) guest web: started\n");
}

TEST(log_level_filters_the_console)
{
    log_debug("hidden");
    log_info("shown");
    EXPECT_STR(written(), "(RS) shown\n");
    log_set_level(LOG_ERROR);
    log_info("not shown");
    log_warn("not shown");
    log_error("shown");
    log_always("always");
    EXPECT_STR(written(), "(RS) shown\n(RS) always\n");
    log_set_level(LOG_DEBUG);
    log_debug("shown");
    EXPECT_STR(written(), "(RS) shown\n");
}

/* Text of a guest can neither begin a line nor move the cursor. */
TEST(log_escapes_control_characters)
{
    log_always("reason: %s", "a\n(RS) forged\r\033[2J\177\tz");
    EXPECT_STR(written(), "(RS) reason: a?(RS) forged??[2J??z\n");
    log_always("reason: %s", "\x9b" "2Ja\xc2\x85" "b\xff");
    EXPECT_STR(written(), "(RS) reason: ?2Ja??b?\n");
    log_raw("a newline at the end is taken for granted\n");
    EXPECT_STR(written(), "a newline at the end is taken for granted\n");
}

TEST(log_cuts_long_lines)
{
    char text[1000];
    const char *got;

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    log_always("%s", text);
    got = written();
    EXPECT_EQ(strlen(got), 256);
    EXPECT(got[255] == '\n');
    log_raw("%s", text);
    got = written();
    EXPECT_EQ(strlen(got), 256);
}

TEST(log_dump_prints_the_newest_lines)
{
    log_set_level(LOG_ERROR);
    for (int i = 0; i < 10; i++)
        log_info("line %d", i);
    EXPECT_STR(written(), "");
    log_dump(2);
    EXPECT_STR(written(), "(RS) line 8\n(RS) line 9\n");
    log_dump(10);
    EXPECT_EQ(strlen(written()), 10 * 12);
    log_dump(1000);
    EXPECT_EQ(strlen(written()), 10 * 12);
    log_dump(0);
    EXPECT_STR(written(), "");
}

/* The oldest line of a full ring lacks its beginning and is left out. */
TEST(log_ring_wraps)
{
    char line[64];
    const char *got;
    int n;

    for (int i = 0; i < 20000; i++) {
        log_raw("this is line %d", i);
        (void)written();
    }
    log_dump(100000);
    got = written();
    n = atoi(got + strlen("this is line "));
    EXPECT(n > 10000 && n < 19000);
    for (int i = n; i < 20000; i++) {
        (void)snprintf(line, sizeof(line), "this is line %d\n", i);
        REQUIRE(strncmp(got, line, strlen(line)) == 0);
        got += strlen(line);
    }
    EXPECT_STR(got, "");
    log_dump(1);
    EXPECT_STR(written(), "this is line 19999\n");
}

/* An NMI found the console core at work: the lines come later, once. */
TEST(log_from_an_nmi_is_shown_later)
{
    console_busy = true;
    log_error("from an NMI");
    log_error("and more");
    EXPECT_STR(written(), "");
    log_show_deferred();
    EXPECT_STR(written(), "");
    console_busy = false;
    log_info("later");
    EXPECT_STR(written(), "(RS) from an NMI\n(RS) and more\n(RS) later\n");
    console_busy = true;
    log_error("again");
    console_busy = false;
    log_show_deferred();
    log_show_deferred();
    EXPECT_STR(written(), "(RS) again\n");
}

TEST(log_emergency_goes_round_everything)
{
    console_busy = true;
    log_emergency("CPU %d hangs", 0);
    EXPECT_STR(emergency, "(RS) CPU 0 hangs\n");
}

TEST(log_counts_configuration_errors)
{
    EXPECT_EQ(log_config_errors(), 0);
    log_config_error("unknown key %s", "x");
    log_set_level(LOG_ERROR);
    log_config_error("unknown key %s", "y");
    EXPECT_EQ(log_config_errors(), 2);
    EXPECT_STR(written(), "(RS) unknown key x\n(RS) unknown key y\n");
}

TEST(log_limit_lets_a_burst_and_one_a_second_through)
{
    struct log_limit l = {0};
    uint32_t passed = 0;

    fake_arch.now_ns = 5000000000;
    for (int i = 0; i < 100; i++)
        passed += log_limit_ok(&l, 3);
    EXPECT_EQ(passed, 3);
    EXPECT_EQ(l.dropped, 97);
    fake_arch.now_ns += 999999999;
    EXPECT(!log_limit_ok(&l, 3));
    fake_arch.now_ns += 1;
    EXPECT(log_limit_ok(&l, 3));
    EXPECT(!log_limit_ok(&l, 3));
    fake_arch.now_ns += 3600ull * 1000000000;
    passed = 0;
    for (int i = 0; i < 100; i++)
        passed += log_limit_ok(&l, 3);
    EXPECT_EQ(passed, 3);
}
