/* SPDX-License-Identifier: MIT */
/* The console core and its screens: which keys are about them, and how much of
 * one is drawn at a time.
 * real: log
 */
#include "console_fixture.h"

static void press(const int *codes)
{
    pressed = codes;
    scrolled = 99;
    console_poll();
}

#define PRESS(...) press((const int[]){__VA_ARGS__, -1})

/* Page Up is the guest's that is attached, with Shift always the screen's; what is
 * typed on the keyboard shows the newest line again, what comes by serial not. */
TEST(console_page_keys)
{
    set_up();
    console_add(&keyboard);
    console_attach(a);
    PRESS(CONSOLE_KEY_PAGE_UP, CONSOLE_KEY_PAGE_DOWN);
    EXPECT_STR(guest_got[0], "\033[5~\033[6~");
    EXPECT_EQ(scrolled, 99);
    PRESS(CONSOLE_KEY_SHIFT_PAGE_UP);
    EXPECT_EQ(scrolled, 1);
    PRESS(CONSOLE_KEY_SHIFT_PAGE_DOWN);
    EXPECT_EQ((uint32_t)scrolled, (uint32_t)-1);
    PRESS('x');
    EXPECT_EQ(scrolled, 0);
    EXPECT_STR(guest_got[0], "\033[5~\033[6~x");
    console_attach(NULL);
    PRESS(CONSOLE_KEY_PAGE_UP);
    EXPECT_EQ(scrolled, 1);
    EXPECT_STR(shell_got, "");
    scrolled = 99;
    type("y");
    EXPECT_EQ(scrolled, 99);
}

/* A screen that is behind gets some portions from the run loop and one from each
 * interrupt; who waits draws all of it. */
TEST(console_screen_portions)
{
    set_up();
    timerq_init();
    console_start();
    flushes = 0;
    portions_left = 100;
    console_poll();
    EXPECT(flushes > 2 && flushes < 90);
    EXPECT(portions_left > 0);
    flushes = 0;
    irq_handler = NULL;
    console_flush();
    EXPECT_EQ(portions_left, 0);
}

/* The screen that was asked for is not there: better all consoles than none. */
TEST(console_none_of_those_wanted)
{
    hv_options.consoles = CONSOLE_FB;
    hv_options.com[0] = (struct uart_cfg){115200, 0x3f8, 4};
    console_init_early();
    EXPECT(strstr(sent(), "console=: none of these is there") != NULL);
}
