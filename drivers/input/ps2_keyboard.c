/* SPDX-License-Identifier: MIT */
/* The keyboard behind an 8042 (or what firmware makes a USB one look like): a
 * console with input only.  Every wait is bounded; a machine without an 8042
 * (all ones on the bus) costs a few port reads.  An answer that is not by the book
 * costs a line: such controllers and keyboards work all the same. */
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
#define CONFIG_SYSTEM 0x04u /* set since the firmware's own test */
#define CONFIG_KBD_OFF 0x10u
#define CONFIG_TRANSLATE 0x40u
#define KBD_ENABLE_SCAN 0xf4u
#define KBD_ACKNOWLEDGE 0xfau
#define KBD_RESEND 0xfeu
#define KBD_TRIES 3u

#define SPINS 50000u /* with io_delay: 50 ms and more */
#define SELF_TEST_WAITS 4u /* a late answer must not be taken for another one's */
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

/* Controllers are known that fail it and work (laptops' firmware, docking stations).
 * Returns true if anything answers. */
static HV_INIT bool self_test(void)
{
    int answer = -1;

    if (send(PORT_COMMAND, CMD_SELF_TEST)) {
        for (uint32_t i = 0; i < SELF_TEST_WAITS && answer < 0; i++)
            answer = receive();
    }
    if (answer < 0)
        log_warn("keyboard: the controller does not answer its self-test, used all "
                 "the same");
    else if (answer != SELF_TEST_OK)
        log_warn("keyboard: the controller's self-test ends with 0x%02x, used all the "
                 "same", (uint32_t)answer);
    return answer >= 0;
}

/* Both of its ports are disabled. */
static HV_INIT bool configure(void)
{
    int config = send(PORT_COMMAND, CMD_READ_CONFIG) ? receive() : -1;
    uint32_t wanted = config < 0 ? CONFIG_SYSTEM : (uint32_t)config;

    wanted |= CONFIG_IRQ1 | CONFIG_TRANSLATE;
    wanted &= ~(CONFIG_IRQ12 | CONFIG_KBD_OFF);
    if (send(PORT_COMMAND, CMD_WRITE_CONFIG))
        (void)send(PORT_DATA, (uint8_t)wanted);
    return config >= 0;
}

/* False if nothing is there. Whatever comes of the rest, the keyboard's port is open
 * at the end. */
static HV_INIT bool controller_init(void)
{
    bool answers;

    if (io_in8(PORT_STATUS) == 0xff)
        return false;
    if (!send(PORT_COMMAND, CMD_DISABLE_KBD) ||
        !send(PORT_COMMAND, CMD_DISABLE_AUX))
        return false;
    drain();
    answers = self_test();
    answers |= configure();
    return send(PORT_COMMAND, CMD_ENABLE_KBD) && answers;
}

/* A key that is pressed meanwhile comes in between; "resend" is one that did not
 * understand. */
static HV_INIT bool keyboard_answers(void)
{
    for (uint32_t tries = 0; tries < KBD_TRIES; tries++) {
        int byte;

        if (!send(PORT_DATA, KBD_ENABLE_SCAN))
            return false;
        for (uint32_t i = 0; i < DRAIN_MAX; i++) {
            byte = receive();
            if (byte < 0 || byte == KBD_ACKNOWLEDGE)
                return byte == KBD_ACKNOWLEDGE;
            if (byte == KBD_RESEND)
                break;
        }
    }
    return false;
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

HV_INIT const struct console_ops *ps2_keyboard_init(enum hv_keymap layout)
{
    bool answers;

    keymap_init(&keymap, layout);
    if (!controller_init()) {
        log_info("keyboard: no PS/2 controller; a USB keyboard works only where the "
                 "firmware makes it look like a PS/2 one");
        return NULL;
    }
    answers = keyboard_answers();
    drain();
    if (answers)
        log_info("keyboard: PS/2, or made to look so by the firmware");
    else
        log_info("keyboard: none answers; a USB keyboard works only where the firmware "
                 "makes it look like a PS/2 one");
    return &keyboard_ops; /* one may be plugged in later */
}
