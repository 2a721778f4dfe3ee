/* SPDX-License-Identifier: MIT */
/* Which release of Linux an image is (ABI 14), and what that means for it. */
#include "hv/loader.h"
#include "loader_plan.h"

#include "hv/sched.h"
#include "hv/string.h"

#define SCAN_BYTES 4096u /* between two preemption points */
#define LOWMEM_MIB 880u /* 891 in 2.6.32, with the usual split of addresses */

/* Up to three numbers with dots between. False if there are not two. */
static bool parse_version(const char *text, uint32_t len, uint32_t v[3])
{
    uint32_t at = 0, parts = 0;

    memset(v, 0, 3 * sizeof(v[0]));
    while (parts < 3) {
        uint32_t digits = 0;

        while (at < len && text[at] >= '0' && text[at] <= '9') {
            if (++digits > 4)
                return false;
            v[parts] = v[parts] * 10 + (uint32_t)(text[at++] - '0');
        }
        if (digits == 0)
            break;
        parts++;
        if (at == len || text[at] != '.')
            break;
        at++;
    }
    return parts >= 2;
}

static uint32_t version_number(uint32_t a, uint32_t b, uint32_t c)
{
    return a * 100000000 + b * 10000 + c;
}

/* ABI 14: the first release of each row, oldest first; the last ends them. */
static const struct {
    uint8_t major, minor, patch;
    uint8_t rev;
} first_release[] = {
    {2, 6, 24, ABI_2_6_24}, {2, 6, 30, ABI_2_6_30}, {2, 6, 31, ABI_2_6_31},
    {3, 1, 0, ABI_3_1},     {4, 1, 0, ABI_4_1},     {4, 14, 0, ABI_AUTO},
};

enum abi_revision abi_revision_of_version(const char *text, uint32_t len)
{
    enum abi_revision rev = ABI_AUTO;
    uint32_t v[3], n;

    if (!parse_version(text, len, v))
        return ABI_AUTO;
    n = version_number(v[0], v[1], v[2]);
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(first_release); i++) {
        if (n >= version_number(first_release[i].major, first_release[i].minor,
                                first_release[i].patch))
            rev = (enum abi_revision)first_release[i].rev;
    }
    return rev;
}

/* What such a kernel lacks here and says nothing of itself. Its devices are described
 * behind its memory; without CONFIG_HIGHMEM the end of memory is at some 890 MiB to it. */
static const char *advice_for(const struct load_plan *p, uint32_t n)
{
    if (n < version_number(4, 0, 0) && p->ram_bytes > HV_MIB(LOWMEM_MIB))
        return "if this Linux has no CONFIG_HIGHMEM, it finds no disk, network or input: "
               "then give memory=880";
    return NULL;
}

/* Releases before 2.6.24 enter the
 * kernel in another way and would only hang; from 4.14 on there is no lguest, but who
 * gives abi= may have his reasons. */
int loader_note_version(struct load_plan *p, const uint8_t *text, uint32_t len)
{
    uint32_t v[3], n;

    if (!parse_version((const char *)text, len, v))
        return 0;
    n = version_number(v[0], v[1], v[2]);
    p->version = abi_revision_of_version((const char *)text, len);
    p->advice = advice_for(p, n);
    p->tagged_devices = n == version_number(2, 6, 24);
    if (p->c->abi == ABI_AUTO && (v[0] > 4 || (v[0] == 4 && v[1] >= 14)))
        return load_fail(p, "Linux %u.%u.%u knows no lguest any more: " WHAT_TO_TAKE, v[0],
                         v[1], v[2]);
    if (n < version_number(2, 6, 24))
        return load_fail(p, "Linux %u.%u.%u is too old, 2.6.24 is the first "
                         "that can be started", v[0], v[1], v[2]);
    return 0;
}

static bool text_at(const uint8_t *d, uint32_t left, const char *text,
                    uint32_t len)
{
    return left >= len && memcmp(d, text, len) == 0;
}

int loader_scan_version(struct load_plan *p, const uint8_t *d, uint32_t bytes)
{
    static const char banner[] = "Linux version ";
    static const char mark[] = "GenuineLguest";
    const uint32_t banner_len = sizeof(banner) - 1;
    int rc;

    for (uint32_t i = 0; i < bytes; i++) {
        if (i % SCAN_BYTES == 0)
            sched_point();
        if (d[i] == 'G' && text_at(d + i, bytes - i, mark, sizeof(mark) - 1))
            return load_fail(p, "a kernel for the lguest of 2.6.23, whose entry "
                             "protocol is not supported");
        if (d[i] == 'L' && p->version == ABI_AUTO &&
            text_at(d + i, bytes - i, banner, banner_len)) {
            rc = loader_note_version(p, d + i + banner_len, bytes - i - banner_len);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}
