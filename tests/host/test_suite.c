/* SPDX-License-Identifier: MIT */
/* What test= selects, and how the end of a case is judged: on a pack of our own
 * that is as large as one may be. */
#include "fake.h"
#include "test.h"

#include "hv/embedded.h"
#include "hv/log.h"
#include "hv/string.h"
#include "../../hv/suite/suite_pack.h"

#define IMAGES 4u

static struct {
    struct suite_header header;
    struct suite_image images[IMAGES];
    struct suite_case cases[SUITE_MAX_CASES];
} blob;

static struct suite_pack pack;
static uint8_t selected[SUITE_MAX_CASES];

struct blob embedded_find(const char *name)
{
    return strcmp(name, "suite") == 0
        ? (struct blob){(const uint8_t *)&blob, sizeof(blob)} : (struct blob){NULL, 0};
}

/* Groups g0 to g3, cases gN.cM; of each group the first is hidden, the second not
 * in all. */
static void make_pack(void)
{
    memset(&blob, 0, sizeof(blob));
    memcpy(blob.header.magic, "RSSUITE1", 8);
    blob.header.nr_images = IMAGES;
    blob.header.nr_cases = SUITE_MAX_CASES;
    for (uint32_t i = 0; i < IMAGES; i++)
        hv_snprintf(blob.images[i].group, sizeof(blob.images[i].group), "g%u", i);
    for (uint32_t i = 0; i < SUITE_MAX_CASES; i++) {
        struct suite_case *c = &blob.cases[i];

        c->image = i % IMAGES;
        c->with = SUITE_NO_CASE;
        c->flags = i < IMAGES ? GT_HIDDEN : i < 2 * IMAGES ? GT_NOT_ALL : 0;
        hv_snprintf(c->name, sizeof(c->name), "g%u.c%u", c->image, i / IMAGES);
        str_copy(c->expect, "success", sizeof(c->expect));
    }
    REQUIRE(suite_pack_open(&pack));
}

static uint32_t count(const char *test)
{
    return suite_select(&pack, test, selected);
}

TEST(words_select_cases_groups_and_all)
{
    const uint32_t each = SUITE_MAX_CASES / IMAGES;

    make_pack();
    EXPECT_EQ(count("all"), SUITE_MAX_CASES - 2 * IMAGES);
    EXPECT_EQ(count("g1"), each - 1);
    EXPECT_EQ(count("g1,g3"), 2 * (each - 1));
    EXPECT_EQ(count("g1,g1.c7,,g1"), each - 1);
    EXPECT_EQ(count("g2.c9"), 1);
    EXPECT(selected[9 * IMAGES + 2]);
    EXPECT_EQ(count("g2.c0"), 0); /* hidden */
    EXPECT_EQ(count("g2.c1"), 1); /* not in all, but by its name */
    EXPECT_EQ(count("g"), 0);
    EXPECT_EQ(count(""), 0);
}

TEST(words_that_select_nothing_are_told)
{
    char word[64];

    make_pack();
    EXPECT(!suite_unknown_word(&pack, "all,g0,g3.c44", 0, word, sizeof(word)));
    REQUIRE(suite_unknown_word(&pack, "g9,g0,g0.c0", 0, word, sizeof(word)));
    EXPECT_STR(word, "g9");
    REQUIRE(suite_unknown_word(&pack, "g9,g0,g0.c0", 1, word, sizeof(word)));
    EXPECT_STR(word, "g0.c0");
    EXPECT(!suite_unknown_word(&pack, "g9,g0,g0.c0", 2, word, sizeof(word)));
}

/* A name that is longer than any case's must not be taken for its beginning. */
TEST(a_word_longer_than_a_name)
{
    char test[128], word[64];

    make_pack();
    memset(test, 'x', sizeof(test));
    memcpy(test, "g1.c7", 5);
    test[sizeof(test) - 1] = '\0';
    EXPECT_EQ(count(test), 0);
    REQUIRE(suite_unknown_word(&pack, test, 0, word, sizeof(word)));
    EXPECT_EQ(strlen(word), sizeof(word) - 1);
}

/* A word is compared with each case: 40 instructions each, so that a list of 255
 * characters takes millions. Interrupts come in between. */
TEST(long_lists_let_interrupts_in)
{
    char test[256] = "", word[64];
    uint32_t words = 0;

    make_pack();
    while (strlen(test) + 8 < sizeof(test))
        hv_snprintf(test + strlen(test), sizeof(test) - strlen(test), "g2.c%u,", ++words);
    fake_arch.preempt_points = 0;
    (void)count(test);
    EXPECT(fake_arch.preempt_points >= words * SUITE_MAX_CASES / 512);
    fake_arch.preempt_points = 0;
    (void)suite_unknown_word(&pack, test, 0, word, sizeof(word));
    EXPECT(fake_arch.preempt_points >= words * SUITE_MAX_CASES / 512);
}

TEST(ends_are_judged_by_what_was_declared)
{
    static const struct {
        const char *expect;
        enum guest_end how;
        const char *reason;
        enum suite_verdict verdict;
    } rows[] = {
        {"success", END_POWEROFF, "PASS", SUITE_PASS},
        {"success", END_POWEROFF, "SKIP: no such thing", SUITE_SKIP},
        {"success", END_KILLED, "SKIP: no such thing", SUITE_FAIL},
        {"success", END_CRASH, "PASS", SUITE_FAIL},
        {"success", END_NONE, "", SUITE_FAIL},
        {"killed: bad", END_KILLED, "a bad selector", SUITE_PASS},
        {"killed: bad", END_KILLED, "a good selector", SUITE_FAIL},
        {"killed: bad", END_CRASH, "a bad selector", SUITE_FAIL},
        {"killed: bad", END_POWEROFF, "a bad selector", SUITE_FAIL},
        {"crash: oops", END_CRASH, "an oops", SUITE_PASS},
        {"success or killed: bad", END_POWEROFF, "PASS", SUITE_PASS},
        {"success or killed: bad", END_KILLED, "bad", SUITE_PASS},
        {"success or killed: bad", END_KILLED, "worse", SUITE_FAIL},
        {"any", END_KILLED, "whatever", SUITE_PASS},
        {"any", END_CRASH, "whatever", SUITE_FAIL},
        {"reboot", END_REBOOT, "", SUITE_PASS},
        {"reboot", END_POWEROFF, "PASS", SUITE_FAIL},
        {"nonsense", END_POWEROFF, "PASS", SUITE_FAIL},
    };
    char why[256];

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(rows); i++) {
        struct suite_case c = {.with = SUITE_NO_CASE};
        struct suite_end e = {.ended = true, .how = rows[i].how};

        str_copy(c.expect, rows[i].expect, sizeof(c.expect));
        str_copy(e.reason, rows[i].reason, sizeof(e.reason));
        EXPECT_EQ(suite_judge(&c, &e, why, sizeof(why)), rows[i].verdict);
        EXPECT_EQ(why[0] == '\0', rows[i].verdict == SUITE_PASS);
    }
}
