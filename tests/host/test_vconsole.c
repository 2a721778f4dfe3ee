/* SPDX-License-Identifier: MIT */
/* The virtio console: output in order and in bounded portions, input that
 * waits, overflows and arrives in the middle of other work. */
#include "test.h"

#include "fake_vdev.h"

#include "../../hv/vdev/vdev_priv.h"

#include <string.h>

#define CONSOLE 2u /* behind net and rng */
#define NEXT 1u
#define WRITE 2u

static struct fake_guest *f;
static struct fake_ring in, out;

static void set_up(void)
{
    fake_reset();
    f = fake_guest_new(0, NULL, 0);
    fake_bus_start(f, CONSOLE);
    in = fake_ring_legacy(f, fake_bus_ring(f, CONSOLE, 0), 256);
    out = fake_ring_legacy(f, fake_bus_ring(f, CONSOLE, 1), 256);
}

static void kick(const struct fake_ring *r)
{
    EXPECT(vdev_notify(&f->g, r->desc));
}

static uint32_t poll_until_idle(void)
{
    uint32_t n = 0;

    mail_read();
    for (; (f->vcpu.todo & VCPU_TODO_VDEV) && n < 1000; n++)
        vdev_poll(&f->g);
    return n;
}

TEST(vconsole_prints_all_buffers_in_order)
{
    set_up();
    memcpy(f->mem + 0x8000, "one two three", 13);
    fake_desc(&out, 0, 0x8000, 4, NEXT, 9);
    fake_desc(&out, 9, 0x8004, 4, 0, 0);
    fake_desc(&out, 1, 0x8008, 5, 0, 0);
    fake_avail(&out, 0);
    fake_avail(&out, 1);
    kick(&out);
    EXPECT_EQ(fake.console_bytes, 13u);
    EXPECT_EQ(memcmp(fake.console, "one two three", 13), 0);
    EXPECT_EQ(fake_used_idx(&out), 2u);
    EXPECT_EQ(fake_used_len(&out, 0), 0u);
    fake_timers_fire();
    EXPECT_EQ(f->raised[fake_bus_irq(f, CONSOLE, 1)], 1u); /* one for both */
    fake_reset();
}

TEST(vconsole_flood_is_handled_in_portions_and_whole)
{
    set_up();
    for (uint32_t i = 0; i < 128 * 1024; i++)
        f->mem[0x10000 + i] = (uint8_t)(i % 251);
    for (uint32_t i = 0; i < 256; i++) {
        fake_desc(&out, i, 0x10000 + 512 * i, 512, 0, 0);
        fake_avail(&out, i);
    }
    kick(&out);
    EXPECT(fake.console_bytes >= 32 * 1024);
    EXPECT(fake.console_bytes <= 66 * 1024);
    EXPECT(poll_until_idle() >= 1);
    EXPECT_EQ(fake.console_bytes, 128u * 1024);
    EXPECT_EQ(memcmp(fake.console, f->mem + 0x10000, 128 * 1024), 0);
    EXPECT_EQ(fake_used_idx(&out), 256u);
    fake_reset();
}

/* The ring breaks while its work is put off and kicks are switched off. */
TEST(vconsole_breaking_what_was_put_off_does_not_hold_the_monitor)
{
    set_up();
    for (uint32_t i = 0; i < 256; i++) {
        fake_desc(&out, i, 0x10000, 512, 0, 0);
        fake_avail(&out, i);
    }
    kick(&out);
    EXPECT_EQ(fake_get(f, out.used, 2), 1u);
    for (uint32_t i = 0; i < 256; i++)
        fake_desc(&out, i, 0x10000, 512, NEXT, i);
    vdev_poll(&f->g);
    EXPECT_EQ(f->g.vdevs->dev[CONSOLE].state, VDEV_BROKEN);
    EXPECT_EQ(poll_until_idle(), 0u);
    fake_reset();
}

/* A guest that kicks on and on without an interrupt gets none, one that stops
 * gets one a little later. */
TEST(vconsole_output_interrupts_a_guest_that_waits)
{
    uint32_t irq;

    set_up();
    irq = fake_bus_irq(f, CONSOLE, 1);
    fake_desc(&out, 0, 0x8000, 16, 0, 0);
    for (uint32_t i = 0; i < 100; i++) {
        fake_avail(&out, 0);
        fake.now_ns += 10000;
        kick(&out);
        EXPECT_EQ(fake_used_idx(&out), i + 1);
    }
    EXPECT_EQ(f->raised[irq], 0u);
    fake_timers_fire(); /* the first kick's time, not yet the last one's */
    EXPECT_EQ(f->raised[irq], 0u);
    EXPECT_EQ(fake_timers_armed(), 1u);
    fake_timers_fire();
    EXPECT_EQ(f->raised[irq], 1u);
    EXPECT_EQ(fake_timers_armed(), 0u);
    fake_reset();
}

/* A driver that only queues must not run out of ring. */
TEST(vconsole_output_interrupts_at_half_a_ring)
{
    set_up();
    for (uint32_t i = 0; i < 128; i++) {
        EXPECT_EQ(f->raised[fake_bus_irq(f, CONSOLE, 1)], 0u);
        fake_desc(&out, i, 0x8000, 16, 0, 0);
        fake_avail(&out, i);
        kick(&out);
    }
    EXPECT_EQ(f->raised[fake_bus_irq(f, CONSOLE, 1)], 1u);
    fake_reset();
}

TEST(vconsole_interrupts_due_end_with_the_guest)
{
    set_up();
    fake_desc(&out, 0, 0x8000, 16, 0, 0);
    fake_avail(&out, 0);
    kick(&out);
    EXPECT_EQ(fake_timers_armed(), 1u);
    vdev_destroy(&f->g);
    EXPECT_EQ(fake_timers_armed(), 0u);
    fake_reset();
}

TEST(vconsole_output_interrupt_can_be_suppressed)
{
    set_up();
    fake_put(f, out.avail, 2, 1);
    fake_desc(&out, 0, 0x8000, 16, 0, 0);
    fake_avail(&out, 0);
    kick(&out);
    fake_timers_fire();
    EXPECT_EQ(f->raised[fake_bus_irq(f, CONSOLE, 1)], 0u);
    fake_reset();
}

/* Even without vdev_poll the next kick goes on. */
TEST(vconsole_next_kick_goes_on_with_what_was_put_off)
{
    set_up();
    for (uint32_t i = 0; i < 256; i++) {
        fake_desc(&out, i, 0x10000, 512, 0, 0);
        fake_avail(&out, i);
    }
    kick(&out);
    kick(&out);
    kick(&out);
    EXPECT_EQ(fake_used_idx(&out), 256u);
    fake_reset();
}

/* A slow line: the guest waits, a timer asks again, nothing is lost and the
 * timer does not outlive the work. */
TEST(vconsole_waits_for_a_slow_line)
{
    set_up();
    fake.console_full = true;
    memcpy(f->mem + 0x8000, "0123456789abcdef", 16);
    fake_desc(&out, 0, 0x8000, 15, 0, 0);
    fake_desc(&out, 1, 0x8000, 16, 0, 0);
    fake_avail(&out, 0);
    fake_avail(&out, 1);
    fake_avail(&out, 0);
    kick(&out);
    EXPECT_EQ(fake_used_idx(&out), 1u); /* order is kept */
    EXPECT_EQ(fake_get(f, out.used, 2), 1u);
    EXPECT_EQ(f->vcpu.todo, 0u); /* no busy waiting */
    for (uint32_t i = 0; i < 5; i++) {
        EXPECT(fake_timers_armed() >= 1);
        fake_timers_fire();
        EXPECT_EQ(fake.wakes, i + 1);
        EXPECT(f->vcpu.todo & VCPU_TODO_VDEV);
        vdev_poll(&f->g);
        EXPECT_EQ(fake_used_idx(&out), 1u);
    }
    fake.console_full = false;
    fake_timers_fire();
    vdev_poll(&f->g);
    EXPECT_EQ(fake_used_idx(&out), 3u);
    EXPECT_EQ(fake.console_bytes, 46u);
    fake_timers_fire(); /* the interrupt */
    EXPECT_EQ(fake_timers_armed(), 0u);
    EXPECT_EQ(fake_get(f, out.used, 2), 0u);
    fake_reset();
}

TEST(vconsole_waiting_ends_with_reset_and_with_the_guest)
{
    uint32_t desc;

    set_up();
    desc = fake_bus_desc(f, CONSOLE);
    fake.console_full = true;
    fake_desc(&out, 0, 0x8000, 16, 0, 0);
    fake_avail(&out, 0);
    kick(&out);
    f->mem[desc + 4] = 0;
    EXPECT(vdev_notify(&f->g, desc));
    fake.console_full = false;
    fake_timers_fire();
    vdev_poll(&f->g);
    EXPECT_EQ(fake.console_bytes, 0u);

    fake.console_full = true;
    fake_bus_start(f, CONSOLE);
    fake_desc(&out, 0, 0x8000, 16, 0, 0);
    out.avail_idx = 0;
    fake_avail(&out, 0);
    kick(&out);
    EXPECT(fake_timers_armed() >= 1);
    vdev_destroy(&f->g);
    EXPECT_EQ(fake_timers_armed(), 0u);
    fake_reset();
}

TEST(vconsole_one_huge_buffer_is_cut)
{
    set_up();
    fake_desc(&out, 0, 0, FAKE_RAM_PAGES * HV_PAGE_SIZE, 0, 0);
    fake_avail(&out, 0);
    kick(&out);
    EXPECT_EQ(fake.console_bytes, 64u * 1024);
    EXPECT_EQ(f->g.vdevs->vconsole.dropped, 192u * 1024);
    EXPECT_EQ(fake_used_idx(&out), 1u);
    fake_reset();
}

/* The run loop comes by after each: input alone may not touch guest memory. */
static void type_in(const char *text)
{
    vconsole_input(&f->g, (const uint8_t *)text, (uint32_t)strlen(text));
    mail_read();
    EXPECT(f->vcpu.todo & VCPU_TODO_VDEV);
    vdev_poll(&f->g);
}

/* It arrives by interrupts, at preemption points of a page walk among others. */
TEST(vconsole_input_leaves_guest_memory_to_the_run_loop)
{
    set_up();
    fake_desc(&in, 0, 0x8000, 4, WRITE, 0);
    fake_avail(&in, 0);
    vconsole_input(&f->g, (const uint8_t *)"ab", 2);
    EXPECT_EQ(f->vcpu.todo, 0u); /* its owner has not read its mail */
    mail_read();
    EXPECT_EQ(fake_used_idx(&in), 0u);
    EXPECT_EQ(f->mem[0x8000], 0u);
    EXPECT(f->vcpu.todo & VCPU_TODO_VDEV);
    vdev_poll(&f->g);
    EXPECT_EQ(fake_used_idx(&in), 1u);
    EXPECT_EQ(memcmp(f->mem + 0x8000, "ab", 2), 0);
    fake_reset();
}

TEST(vconsole_input_fills_waiting_buffers)
{
    set_up();
    fake_desc(&in, 0, 0x8000, 4, WRITE, 0);
    fake_desc(&in, 1, 0x9000, 16, WRITE, 0);
    fake_avail(&in, 0);
    fake_avail(&in, 1);
    kick(&in);
    EXPECT_EQ(fake_used_idx(&in), 0u);
    type_in("abcdef");
    EXPECT_EQ(fake_used_idx(&in), 2u);
    EXPECT_EQ(fake_used_len(&in, 0), 4u);
    EXPECT_EQ(fake_used_len(&in, 1), 2u);
    EXPECT_EQ(memcmp(f->mem + 0x8000, "abcd", 4), 0);
    EXPECT_EQ(memcmp(f->mem + 0x9000, "ef", 2), 0);
    EXPECT_EQ(f->raised[fake_bus_irq(f, CONSOLE, 0)], 1u);
    fake_reset();
}

TEST(vconsole_input_waits_for_buffers)
{
    set_up();
    kick(&in); /* none yet: kicks are of no use until input waits */
    EXPECT_EQ(fake_get(f, in.used, 2), 1u);
    type_in("xyz");
    EXPECT_EQ(fake_get(f, in.used, 2), 0u);
    fake_desc(&in, 0, 0x8000, 64, WRITE, 0);
    fake_avail(&in, 0);
    kick(&in);
    EXPECT_EQ(fake_used_len(&in, 0), 3u);
    EXPECT_EQ(memcmp(f->mem + 0x8000, "xyz", 3), 0);
    EXPECT_EQ(fake_get(f, in.used, 2), 1u);
    fake_reset();
}

TEST(vconsole_input_before_the_driver_is_kept)
{
    fake_reset();
    f = fake_guest_new(0, NULL, 0);
    vconsole_input(&f->g, (const uint8_t *)"early", 5);
    fake_bus_start(f, CONSOLE);
    in = fake_ring_legacy(f, fake_bus_ring(f, CONSOLE, 0), 256);
    fake_desc(&in, 0, 0x8000, 64, WRITE, 0);
    fake_avail(&in, 0);
    kick(&in);
    EXPECT_EQ(memcmp(f->mem + 0x8000, "early", 5), 0);
    fake_reset();
}

TEST(vconsole_input_overflow_loses_the_newest_and_counts)
{
    uint8_t bytes[600];
    uint32_t got = 0;

    set_up();
    for (uint32_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i % 255 + 1);
    vconsole_input(&f->g, bytes, 300);
    vconsole_input(&f->g, bytes + 300, 300);
    EXPECT_EQ(f->g.vdevs->vconsole.dropped, 600u - VCONSOLE_INPUT_BYTES);
    for (uint32_t i = 0; i < 256; i++) {
        fake_desc(&in, i, 0x10000 + 16 * i, 7, WRITE, 0);
        fake_avail(&in, i);
    }
    kick(&in);
    for (uint32_t i = 0; i < fake_used_idx(&in); i++) {
        EXPECT_EQ(memcmp(f->mem + 0x10000 + 16 * i, bytes + got,
                         fake_used_len(&in, i)), 0);
        got += fake_used_len(&in, i);
    }
    EXPECT_EQ(got, VCONSOLE_INPUT_BYTES);
    fake_reset();
}

TEST(vconsole_empty_input_buffers_come_back_empty)
{
    set_up();
    for (uint32_t i = 0; i < 256; i++) {
        fake_desc(&in, i, 0x8000, 8, 0, 0); /* readable: no room */
        fake_avail(&in, i);
    }
    type_in("q");
    EXPECT_EQ(fake_used_idx(&in), 256u);
    EXPECT_EQ(fake_used_len(&in, 5), 0u);
    EXPECT_EQ(f->g.vdevs->vconsole.in_bytes, 0u);
    fake_reset();
}

static uint32_t typed;

static void type_a_key(void)
{
    if (typed++ < 3)
        vconsole_input(&f->g, (const uint8_t *)"k", 1);
}

/* Keys arrive at preemption points of the same guest's output: the request
 * that is being handled is not disturbed, the keys come right after it. */
TEST(vconsole_input_in_the_middle_of_output)
{
    set_up();
    typed = 0;
    fake_desc(&in, 0, 0x8000, 1, WRITE, 0);
    fake_desc(&in, 1, 0x8001, 64, WRITE, 0);
    fake_avail(&in, 0);
    fake_avail(&in, 1);
    for (uint32_t i = 0; i < 4096; i++)
        f->mem[0x10000 + i] = (uint8_t)(i % 253);
    fake_desc(&out, 0, 0x10000, 4096, 0, 0);
    fake_avail(&out, 0);
    fake_on_preempt = type_a_key;
    kick(&out);
    EXPECT_EQ(memcmp(fake.console, f->mem + 0x10000, 4096), 0);
    EXPECT_EQ(fake.console_bytes, 4096u);
    EXPECT_EQ(memcmp(f->mem + 0x8000, "kkk", 3), 0);
    EXPECT_EQ(fake_used_idx(&in), 2u);
    EXPECT_EQ(fake_used_idx(&out), 1u);
    fake_on_preempt = NULL;
    fake_reset();
}

static void type_always(void)
{
    vconsole_input(&f->g, (const uint8_t *)"k", 1);
}

/* A key at each preemption point: the call still comes to an end. */
TEST(vconsole_endless_typing_does_not_hold_the_monitor)
{
    set_up();
    for (uint32_t i = 0; i < 256; i++) {
        fake_desc(&in, i, 0x8000 + i, 1, WRITE, 0);
        fake_avail(&in, i);
    }
    fake_on_preempt = type_always;
    kick(&in);
    vconsole_input(&f->g, (const uint8_t *)"k", 1);
    EXPECT(fake.preempt_points < 2000);
    fake_on_preempt = NULL;
    poll_until_idle();
    EXPECT(fake_used_idx(&in) >= 1);
    fake_reset();
}

TEST(vconsole_a_bad_input_ring_breaks_the_console_only)
{
    set_up();
    fake_desc(&in, 0, 0x8000, 1, NEXT | WRITE, 0);
    fake_avail(&in, 0);
    type_in("k");
    EXPECT_EQ(f->g.vdevs->dev[CONSOLE].state, VDEV_BROKEN);
    EXPECT_EQ(fake.log_lines, 1u);
    type_in("k");
    EXPECT(vdev_notify(&f->g, fake_bus_ring(f, 1, 0)));
    EXPECT_EQ(f->g.vdevs->dev[1].state, VDEV_STARTED);
    fake_reset();
}

TEST(vconsole_input_for_a_guest_without_devices_is_harmless)
{
    fake_reset();
    f = fake_guest_bare(0, FAKE_RAM_PAGES);
    vconsole_input(&f->g, (const uint8_t *)"k", 1);
    vdev_poll(&f->g);
    fake_reset();
}
