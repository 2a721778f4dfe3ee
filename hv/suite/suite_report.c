/* SPDX-License-Identifier: MIT */
/* The pure half of the suite: the blob, what test= selects, how an end is
 * judged, and the KTAP lines. It starts no guest. */

#include "hv/arch_if.h"
#include "hv/embedded.h"
#include "hv/log.h"
#include "hv/pmm.h"
#include "hv/range.h"
#include "hv/string.h"
#include "hv/suite.h"
#include "suite_pack.h"
#include "version.h"

/* Cases that are compared with a word between two preemption points. */
#define CASES_A_STEP 256u

static uint32_t passed, failed, skipped;
static bool failed_before; /* in an earlier run: the machine's verdict keeps it */

/* What the reporter guest gets: a line for each case that did not pass. */
static char kept[6144];
static uint32_t kept_bytes;

static bool case_is_good(const struct suite_pack *p, const struct suite_case *c)
{
    return c->image < p->nr_images && c->abi < ABI_NR &&
           (c->with == SUITE_NO_CASE || c->with < p->nr_cases) &&
           c->name[sizeof(c->name) - 1] == 0 &&
           c->entry[sizeof(c->entry) - 1] == 0 &&
           c->expect[sizeof(c->expect) - 1] == 0;
}

static bool pack_is_good(const struct suite_pack *p)
{
    for (uint32_t i = 0; i < p->nr_images; i++) {
        if (!range_fits(p->images[i].offset, p->images[i].bytes, p->bytes) ||
            p->images[i].group[sizeof(p->images[i].group) - 1] != 0)
            return false;
    }
    for (uint32_t i = 0; i < p->nr_cases; i++) {
        if (!case_is_good(p, &p->cases[i]))
            return false;
    }
    return true;
}

bool suite_pack_open(struct suite_pack *p)
{
    struct blob blob = embedded_find("suite");
    const struct suite_header *h = (const void *)blob.data;
    uint32_t bytes = blob.bytes;

    memset(p, 0, sizeof(*p));
    p->blob = blob.data;
    p->bytes = bytes;
    if (bytes < sizeof(*h) || memcmp(h->magic, "RSSUITE1", 8) != 0 ||
        h->nr_images > 256 || h->nr_cases > SUITE_MAX_CASES ||
        !range_fits(sizeof(*h), h->nr_images * (uint32_t)sizeof(*p->images) +
                                    h->nr_cases * (uint32_t)sizeof(*p->cases),
                    bytes)) {
        log_config_error("suite: this build has no test guests");
        return false;
    }
    p->nr_images = h->nr_images;
    p->nr_cases = h->nr_cases;
    p->images = (const void *)(blob.data + sizeof(*h));
    p->cases = (const void *)(p->images + p->nr_images);
    if (!pack_is_good(p)) {
        log_config_error("suite: the embedded test guests are damaged");
        p->nr_cases = 0;
        return false;
    }
    return true;
}

uint32_t suite_pack_find(const struct suite_pack *p, const char *name)
{
    for (uint32_t i = 0; i < p->nr_cases; i++) {
        if (strcmp(p->cases[i].name, name) == 0)
            return i;
    }
    return SUITE_NO_CASE;
}

/* Next word of a comma list, which may be empty; false at the end. */
static bool next_word(const char **list, char *word, uint32_t bytes)
{
    const char *s = *list;
    uint32_t n = 0;

    if (!s)
        return false;
    for (; *s && *s != ','; s++) {
        if (n + 1 < bytes)
            word[n++] = *s;
    }
    word[n] = '\0';
    *list = *s ? s + 1 : NULL;
    return true;
}

static bool word_selects(const struct suite_pack *p, const struct suite_case *c,
                         const char *word)
{
    if (c->flags & GT_HIDDEN)
        return false;
    if (strcmp(word, "all") == 0)
        return !(c->flags & GT_NOT_ALL);
    return strcmp(word, c->name) == 0 ||
           strcmp(word, p->images[c->image].group) == 0;
}

static uint32_t select_word(const struct suite_pack *p, const char *word,
                            uint8_t *selected)
{
    uint32_t hits = 0;

    for (uint32_t i = 0; i < p->nr_cases; i++) {
        if (i % CASES_A_STEP == 0)
            arch_preempt_point();
        if (!word_selects(p, &p->cases[i], word))
            continue;
        hits++;
        if (selected)
            selected[i] = 1;
    }
    return hits;
}

uint32_t suite_select(const struct suite_pack *p, const char *test,
                      uint8_t selected[SUITE_MAX_CASES])
{
    char word[64];
    uint32_t n = 0;

    memset(selected, 0, SUITE_MAX_CASES);
    while (next_word(&test, word, sizeof(word)))
        select_word(p, word, selected);
    for (uint32_t i = 0; i < p->nr_cases; i++)
        n += selected[i];
    return n;
}

bool suite_unknown_word(const struct suite_pack *p, const char *test, uint32_t i,
                        char *word, uint32_t bytes)
{
    while (next_word(&test, word, bytes)) {
        if (select_word(p, word, NULL) == 0 && i-- == 0)
            return true;
    }
    return false;
}

bool suite_unknown_name(const char *test, char *word, uint32_t size)
{
    struct suite_pack pack;

    return suite_pack_open(&pack) && suite_unknown_word(&pack, test, 0, word, size);
}

static bool contains(const char *text, const char *part)
{
    size_t n = strlen(part);

    for (; *text; text++) {
        if (strncmp(text, part, n) == 0)
            return true;
    }
    return n == 0;
}

static bool end_matches(const char *want, const struct suite_end *e)
{
    bool success = e->how == END_POWEROFF;

    if (strcmp(want, "success") == 0)
        return success;
    if (str_starts(want, "success or "))
        return success || end_matches(want + 11, e);
    if (strcmp(want, "any") == 0)
        return success || e->how == END_KILLED;
    if (strcmp(want, "whatever") == 0)
        return true; /* what it leaves behind is what counts */
    if (strcmp(want, "reboot") == 0)
        return e->how == END_REBOOT;
    if (str_starts(want, "killed: "))
        return e->how == END_KILLED && contains(e->reason, want + 8);
    if (str_starts(want, "crash: "))
        return e->how == END_CRASH && contains(e->reason, want + 7);
    return false;
}

bool suite_is_skip(const struct suite_end *e)
{
    return e->how == END_POWEROFF && str_starts(e->reason, "SKIP: ");
}

enum suite_verdict suite_judge(const struct suite_case *c, const struct suite_end *e,
                               char *why, uint32_t bytes)
{
    why[0] = '\0';
    if (suite_is_skip(e)) {
        str_copy(why, e->reason + 6, bytes);
        return SUITE_SKIP;
    }
    if (end_matches(c->expect, e))
        return SUITE_PASS;
    hv_snprintf(why, bytes, "ended %s: %s (expected %s)", guest_end_word(e->how),
                e->reason, c->expect);
    return SUITE_FAIL;
}

static void keep(enum suite_verdict v, const char *name, const char *why)
{
    char line[200];
    uint32_t n = (uint32_t)hv_snprintf(line, sizeof(line), "%s %s: %s\n",
                                       v == SUITE_FAIL ? "FAIL" : "SKIP", name, why);

    if (v == SUITE_PASS || n > sizeof(kept) - kept_bytes)
        return; /* the totals tell how many there were */
    memcpy(kept + kept_bytes, line, n);
    kept_bytes += n;
}

void suite_report_text(char *dst, uint32_t bytes)
{
    uint32_t n;

    memset(dst, 0, bytes);
    n = (uint32_t)hv_snprintf(dst, bytes, "ringside %s memory=%uMiB\n"
                              "%u passed, %u failed, %u skipped\n", HV_VERSION,
                              pmm_total_frames() / 256, passed, failed, skipped);
    memcpy(dst + n, kept, hv_min_u32(kept_bytes, bytes - n - 1));
}

void suite_report_plan(uint32_t n)
{
    failed_before = failed_before || failed != 0;
    passed = failed = skipped = kept_bytes = 0;
    log_raw("KTAP version 1\n");
    log_raw("1..%u\n", n);
}

void suite_report_case(uint32_t n, const char *name, enum suite_verdict v,
                       const char *why)
{
    if (v == SUITE_FAIL && why[0])
        log_raw("# %s: %s\n", name, why);
    if (v == SUITE_SKIP)
        log_raw("ok %u %s # SKIP %s\n", n, name, why);
    else
        log_raw("%s %u %s\n", v == SUITE_PASS ? "ok" : "not ok", n, name);
    keep(v, name, why);
    passed += v == SUITE_PASS;
    failed += v == SUITE_FAIL;
    skipped += v == SUITE_SKIP;
}

void suite_report_totals(void)
{
    log_raw("# totals: pass:%u fail:%u skip:%u\n", passed, failed, skipped);
    log_always("suite done rc=%d", failed ? 1 : 0);
}

bool suite_report_failed(void)
{
    return failed_before || failed != 0;
}
