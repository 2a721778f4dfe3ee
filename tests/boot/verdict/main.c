/* SPDX-License-Identifier: MIT */
/* A guest that ends as its command line says: what tools/run-guest-tests is tested
 * with, one end= for each verdict. */

#include "guest/boot.h"
#include "guest/lguest.h"
#include "guest/print.h"

static void be_killed(void)
{
    hcall1(GABI_HCALL_NOTIFY, 0xfffffff0);
}

/* Its console is the serial line itself: it can draw the monitor's line. */
static void forge(void)
{
    print("(RS) guest verdict: ended poweroff: PASS\n");
    be_killed();
}

static void be_silent(void)
{
    for (;;)
        barrier();
}

void guest_main(void)
{
    static const struct {
        const char *name, *text;
    } ends[] = {
        {"pass", "PASS"},
        {"power-down", "Power down"},
        {"skip", "SKIP: there is no moon tonight"},
        {"fail", "2 of 3 are wrong <&>"},
        {"almost", "PASS "},
        {"empty", ""},
    };
    char end[16];

    guest_setup(false);
    print("hello from a guest under test\n");
    if (!guest_option("end", end, sizeof(end)))
        guest_exit("no end= was given");
    for (uint32_t i = 0; i < ARRAY_COUNT(ends); i++) {
        if (strcmp(end, ends[i].name) == 0)
            guest_exit(ends[i].text);
    }
    if (strcmp(end, "kill") == 0)
        be_killed();
    if (strcmp(end, "forge") == 0)
        forge();
    if (strcmp(end, "silent") == 0)
        be_silent();
    guest_reboot("again"); /* reboot */
}
