/* SPDX-License-Identifier: MIT */
/* The keyboard behind an 8042 (or what firmware makes a USB one look like): a
 * console with input only.  Every wait is bounded; a machine without an 8042
 * (all ones on the bus) costs a few port reads. */
#include "hv/driver.h"

#include "arch/io.h"
#include "hv/log.h"
#include "keymap.h"

#define PORT_DATA 0x60u
#define PORT_STATUS 0x64u
#define PORT_COMMAND 0x64u

#define STATUS_OUT_FULL 0x01u /* a byte for us */
#define STATUS_IN_FULL 0x02u  /* the controller has not taken ours yet */
#define STATUS_AUX 0x20u      /* the byte is the mouse's */

#define CMD_READ_CONFIG 0x20u
#define CMD_WRITE_CONFIG 0x60u
#define CMD_DISABLE_AUX 0xa7u
#define CMD_SELF_TEST 0xaau
#define CMD_DISABLE_KBD 0xadu
#define CMD_ENABLE_KBD 0xaeu
#define SELF_TEST_OK 0x55u
#define CONFIG_IRQ1 0x01u
#define CONFIG_IRQ12 0x02u
#define CONFIG_KBD_OFF 0x10u
#define CONFIG_TRANSLATE 0x40u
#define KBD_ENABLE_SCAN 0xf4u
#define KBD_ACKNOWLEDGE 0xfau

#define SPINS 50000u /* with io_delay: 50 ms and more */
#define DRAIN_MAX 64u

static struct keymap_state keymap;
static uint8_t queue[KEYMAP_MAX_BYTES];
static uint32_t queue_at, queue_bytes;

static HV_INIT bool wait_status(uint8_t mask, uint8_t value)
{
    for (uint32_t i = 0; i < SPINS; i++) {
        if ((io_in8(PORT_STATUS) & mask) == value)
            return true;
        io_delay();
    }
    return false;
}

static HV_INIT bool send(uint16_t port, uint8_t byte)
{
    if (!wait_status(STATUS_IN_FULL, 0))
        return false;
    io_out8(port, byte);
    return true;
}

static HV_INIT int receive(void)
{
    if (!wait_status(STATUS_OUT_FULL, STATUS_OUT_FULL))
        return -1;
    return io_in8(PORT_DATA);
}

static HV_INIT void drain(void)
{
    for (uint32_t i = 0; i < DRAIN_MAX; i++) {
        if ((io_in8(PORT_STATUS) & STATUS_OUT_FULL) == 0)
            return;
        (void)io_in8(PORT_DATA);
        io_delay();
    }
}

static HV_INIT bool controller_init(void)
{
    int config;

    if (io_in8(PORT_STATUS) == 0xff)
        return false;
    if (!send(PORT_COMMAND, CMD_DISABLE_KBD) ||
        !send(PORT_COMMAND, CMD_DISABLE_AUX))
        return false;
    drain();
    if (!send(PORT_COMMAND, CMD_SELF_TEST) || receive() != SELF_TEST_OK)
        return false;
    if (!send(PORT_COMMAND, CMD_READ_CONFIG))
        return false;
    config = receive();
    if (config < 0)
        return false;
    config |= (int)(CONFIG_IRQ1 | CONFIG_TRANSLATE);
    config &= (int)~(CONFIG_IRQ12 | CONFIG_KBD_OFF);
    return send(PORT_COMMAND, CMD_WRITE_CONFIG) &&
           send(PORT_DATA, (uint8_t)config) &&
           send(PORT_COMMAND, CMD_ENABLE_KBD);
}

/* One scan code, or -1. What the mouse sends is thrown away. */
static int next_code(void)
{
    for (uint32_t i = 0; i < DRAIN_MAX; i++) {
        uint8_t status = io_in8(PORT_STATUS);
        uint8_t data;

        if ((status & STATUS_OUT_FULL) == 0 || status == 0xff)
            return -1;
        data = io_in8(PORT_DATA);
        if ((status & STATUS_AUX) == 0)
            return data;
    }
    return -1;
}

static int page_key(void)
{
    bool shift = keymap.shift_left || keymap.shift_right;

    if (keymap.page > 0)
        return shift ? CONSOLE_KEY_SHIFT_PAGE_UP : CONSOLE_KEY_PAGE_UP;
    return shift ? CONSOLE_KEY_SHIFT_PAGE_DOWN : CONSOLE_KEY_PAGE_DOWN;
}

static int keyboard_rx(void)
{
    for (uint32_t i = 0; i < DRAIN_MAX; i++) {
        int code;

        if (queue_at < queue_bytes)
            return queue[queue_at++];
        code = next_code();
        if (code < 0)
            return -1;
        queue_at = 0;
        queue_bytes = keymap_feed(&keymap, (uint8_t)code, queue);
        if (keymap.page != 0) {
            queue_bytes = 0;
            return page_key();
        }
    }
    return -1;
}

static const struct console_ops keyboard_ops = {
    .name = "keyboard",
    .rx = keyboard_rx,
};

HV_INIT const struct console_ops *ps2_keyboard_init(int layout)
{
    bool answers;

    keymap_init(&keymap, layout);
    if (!controller_init()) {
        log_info("keyboard: no PS/2 controller; a USB keyboard works only where the "
                 "firmware makes it look like a PS/2 one");
        return NULL;
    }
    answers = send(PORT_DATA, KBD_ENABLE_SCAN) && receive() == KBD_ACKNOWLEDGE;
    drain();
    if (answers)
        log_info("keyboard: PS/2, or made to look so by the firmware");
    else
        log_info("keyboard: none answers; a USB keyboard works only where the firmware "
                 "makes it look like a PS/2 one");
    return &keyboard_ops; /* one may be plugged in later */
}
