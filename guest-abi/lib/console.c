/* SPDX-License-Identifier: MIT */
/* The console driver: queue 0 brings input, queue 1 takes output. */

#include "guest/lguest.h"
#include "guest/virtio.h"

#define OUT_BYTES 256u
#define IN_BYTES 64u
#define IN_BUFFERS 8u

static struct vdevice dev;
static bool up;
static char out_buf[OUT_BYTES];
static char in_buf[IN_BUFFERS][IN_BYTES];
static uint32_t in_next, in_left, in_pos; /* buffer being read */

static void post_input(uint32_t i)
{
    struct vq_buffer b = {addr_of(in_buf[i]), IN_BYTES, true};

    vq_add(&dev.vq[0], &b, 1);
}

bool console_init(void)
{
    if (!bus_find(GABI_DEV_CONSOLE, 0, &dev))
        return false;
    bus_start(&dev);
    dev.vq[1].avail->flags = GABI_VRING_NO_INTERRUPT; /* output is polled */
    for (uint32_t i = 0; i < IN_BUFFERS; i++)
        post_input(i);
    vq_kick(&dev.vq[0]);
    up = true;
    return true;
}

bool console_is_up(void)
{
    return up;
}

uint32_t console_irq(void)
{
    return dev.vq[0].irq;
}

void console_write(const char *s, uint32_t n)
{
    while (n) {
        uint32_t part = n < OUT_BYTES ? n : OUT_BYTES;
        struct vq_buffer b = {addr_of(out_buf), part, false};

        memcpy(out_buf, s, part);
        vq_add(&dev.vq[1], &b, 1);
        vq_kick(&dev.vq[1]);
        if (!vq_wait(&dev.vq[1], NULL))
            return; /* a console that takes nothing must not hang us */
        s += part;
        n -= part;
    }
}

int console_getchar(void)
{
    uint32_t bytes;

    while (!in_left) {
        if (!up || !vq_take(&dev.vq[0], &bytes))
            return -1;
        in_left = bytes < IN_BYTES ? bytes : IN_BYTES;
        in_pos = 0;
        if (!in_left) {
            post_input(in_next);
            in_next = (in_next + 1) % IN_BUFFERS;
        }
    }
    barrier();
    int c = (uint8_t)in_buf[in_next][in_pos++];
    if (--in_left == 0) {
        post_input(in_next);
        vq_kick(&dev.vq[0]);
        in_next = (in_next + 1) % IN_BUFFERS;
    }
    return c;
}
