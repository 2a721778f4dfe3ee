/* SPDX-License-Identifier: MIT */
/* SHUTDOWN in all its forms (HC-16): a text is at most 127 bytes, control
 * characters are escaped, one that cannot be read is empty. */

#include "gtest.h"
#include "guest/virtio.h"

static void shut_down(const char *text, uint32_t how)
{
    hcall2(GABI_HCALL_SHUTDOWN, addr_of(text), how);
    FAIL("still here");
}

GT_CASE(shutdown_power_down, GT_2LEVEL)
{
    shut_down("Power down", GABI_SHUTDOWN_POWEROFF);
}

GT_CASE(shutdown_restart, GT_2LEVEL, .expect = "reboot")
{
    shut_down("whatever", GABI_SHUTDOWN_RESTART);
}

/* As Linux reboots: a null reason, which becomes PA 0x40000000. */
GT_CASE(shutdown_restart_null, GT_2LEVEL, .expect = "reboot")
{
    hcall2(GABI_HCALL_SHUTDOWN, 0x40000000, GABI_SHUTDOWN_RESTART);
    FAIL("still here");
}

GT_CASE(shutdown_unreadable, GT_2LEVEL, .expect = "crash: ")
{
    hcall2(GABI_HCALL_SHUTDOWN, 0xffffffff, GABI_SHUTDOWN_POWEROFF);
    FAIL("still here");
}

GT_CASE(shutdown_text, GT_2LEVEL, .expect = "crash: the cat sat on the mat")
{
    shut_down("the cat sat on the mat", GABI_SHUTDOWN_POWEROFF);
}

GT_CASE(shutdown_escapes, GT_2LEVEL, .expect = "crash: a\\x1b[2Jb\\x0d\\x0aok 1 forged")
{
    shut_down("a\x1b[2Jb\r\nok 1 forged", GABI_SHUTDOWN_POWEROFF);
}

GT_CASE(shutdown_almost_pass, GT_2LEVEL, .expect = "crash: PASS ")
{
    shut_down("PASS ", GABI_SHUTDOWN_POWEROFF);
}

/* 127 bytes and then the end of all memory, without a NUL. */
GT_CASE(shutdown_at_the_limit, GT_2LEVEL, .expect = "crash: zzzzzzzz")
{
    uint32_t at = bus_end() - 64;

    memset(phys_ptr(at), 'z', 64);
    hcall2(GABI_HCALL_SHUTDOWN, at, GABI_SHUTDOWN_POWEROFF);
    FAIL("still here");
}

GT_CASE(shutdown_no_nul, GT_2LEVEL, .expect = "crash: yyyyyyyy")
{
    static char text[300];

    memset(text, 'y', sizeof(text));
    shut_down(text, GABI_SHUTDOWN_POWEROFF);
}
