/* SPDX-License-Identifier: MIT */
/* Guests for the tests of hv/vdev/; see fake_vdev.h.  Only what those sources
 * call is here; everything refuses what the real one refuses. */
#include "fake_vdev.h"

#include "guest-abi/device_page.h"
#include "hv/arch_if.h"
#include "hv/console.h"
#include "hv/frame.h"
#include "hv/mail.h"
#include "hv/pmm.h"
#include "hv/range.h"
#include "hv/sched.h"
#include "hv/string.h"
#include "hv/timerq.h"
#include "hv/virq.h"

#include <stdio.h>
#include <stdlib.h>

struct fake_guest fake_guests[FAKE_GUESTS];
struct fake_outside fake;
struct list guest_list = {&guest_list, &guest_list};
void (*fake_after_read)(struct fake_guest *f, uint32_t gpa, uint32_t len);
void (*fake_on_preempt)(void);
bool fake_tagged_devices;

static struct fake_guest *fake_of(const struct guest *g)
{
    return &fake_guests[g->id];
}

/* ---- guest memory ---- */

static void moved(uint32_t len)
{
    fake.bytes_since_preempt += len + 16;
    if (fake.bytes_since_preempt > fake.max_bytes_between_preempts)
        fake.max_bytes_between_preempts = fake.bytes_since_preempt;
}

bool gmem_range_ok(const struct guest *g, gpa_t a, uint32_t len)
{
    return range_fits(a.v, len, fake_of(g)->mem_bytes);
}

bool gmem_read(struct guest *g, void *dst, gpa_t src, uint32_t len)
{
    struct fake_guest *f = fake_of(g);

    if (!gmem_range_ok(g, src, len)) {
        memset(dst, 0, len);
        return false;
    }
    memcpy(dst, f->mem + src.v, len);
    moved(len);
    if (fake_after_read)
        fake_after_read(f, src.v, len);
    return true;
}

bool gmem_write(struct guest *g, gpa_t dst, const void *src, uint32_t len)
{
    if (!gmem_range_ok(g, dst, len))
        return false;
    memcpy(fake_of(g)->mem + dst.v, src, len);
    moved(len);
    return true;
}

bool gmem_zero(struct guest *g, gpa_t dst, uint32_t len)
{
    if (!gmem_range_ok(g, dst, len))
        return false;
    memset(fake_of(g)->mem + dst.v, 0, len);
    return true;
}

uint32_t gmem_read_string(struct guest *g, char *dst, gpa_t src, uint32_t size)
{
    struct fake_guest *f = fake_of(g);
    uint32_t n = 0;

    while (n + 1 < size && src.v + n < f->mem_bytes && f->mem[src.v + n] != 0) {
        dst[n] = (char)f->mem[src.v + n];
        n++;
    }
    dst[n] = 0;
    return n;
}

bool gmem_read16(struct guest *g, gpa_t a, uint16_t *v)
{
    return gmem_read(g, v, a, 2);
}

bool gmem_write16(struct guest *g, gpa_t a, uint16_t v)
{
    return gmem_write(g, a, &v, 2);
}

bool gmem_read32(struct guest *g, gpa_t a, uint32_t *v)
{
    return gmem_read(g, v, a, 4);
}

bool gmem_write32(struct guest *g, gpa_t a, uint32_t v)
{
    return gmem_write(g, a, &v, 4);
}

/* ---- frames: frame n is slot n of a small table ---- */

static void *slots[FAKE_GUESTS + 1];

hfn_t pmm_alloc_contig(uint32_t n, uint32_t align, uint32_t below_limit)
{
    (void)align;
    (void)below_limit;
    for (uint32_t i = 1; i <= FAKE_GUESTS; i++) {
        if (!slots[i]) {
            slots[i] = calloc(n, HV_PAGE_SIZE);
            fake.pages_allocated += n;
            return HFN(i);
        }
    }
    return HFN_NONE;
}

void pmm_free_contig(hfn_t f, uint32_t n)
{
    free(slots[f.v]);
    slots[f.v] = NULL;
    fake.pages_allocated -= n;
}

hfn_t pmm_alloc_table(uint32_t n)
{
    return pmm_alloc_contig(n, 1, 0);
}

void pmm_free_table(hfn_t f, uint32_t n)
{
    pmm_free_contig(f, n);
}

void *frame_ptr(hfn_t f)
{
    return slots[f.v];
}

hfn_t frame_of_ptr(const void *p)
{
    uint32_t i = 0;

    while (slots[i] != p)
        i++;
    return HFN(i);
}

/* ---- the outside ---- */

void console_guest_write(struct guest *g, const uint8_t *bytes, uint32_t n)
{
    fake.console_guest = g;
    for (uint32_t i = 0; i < n; i++)
        fake.console[fake.console_bytes++ % sizeof(fake.console)] = bytes[i];
}

uint32_t console_guest_room(void)
{
    return fake.console_full ? 15 : HV_KIB(48);
}

void sched_wake(struct vcpu *v)
{
    (void)v;
    fake.wakes++;
}

static struct timer *armed[2 * FAKE_GUESTS]; /* two for each guest */

bool timer_is_armed(const struct timer *t)
{
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(armed); i++) {
        if (armed[i] == t)
            return true;
    }
    return false;
}

void timer_init(struct timer *t, struct account *account, void (*fire)(struct timer *t))
{
    (void)account;
    t->fire = fire;
}

void timer_cancel(struct timer *t)
{
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(armed); i++) {
        if (armed[i] == t)
            armed[i] = NULL;
    }
}

void timer_arm(struct timer *t, uint64_t deadline_ns)
{
    uint32_t i = 0;

    timer_cancel(t);
    while (armed[i])
        i++;
    armed[i] = t;
    t->deadline_ns = deadline_ns;
}

uint32_t fake_timers_armed(void)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(armed); i++)
        n += armed[i] != NULL;
    return n;
}

void fake_timers_fire(void)
{
    struct timer *due[HV_ARRAY_SIZE(armed)];

    memcpy(due, armed, sizeof(due));
    memset(armed, 0, sizeof(armed));
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(due); i++) {
        struct timer *t = due[i];

        if (t) {
            if (fake.now_ns < t->deadline_ns)
                fake.now_ns = t->deadline_ns;
            t->fire(t);
        }
    }
}

void virq_raise(struct guest *g, uint32_t line)
{
    fake_of(g)->raised[line % 32]++;
}

void log_vline(enum log_level level, const char *fmt, va_list ap)
{
    (void)level;
    fake.log_lines++;
    (void)vsnprintf(fake.log_last, sizeof(fake.log_last), fmt, ap);
}

void log_line(enum log_level level, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_vline(level, fmt, ap);
    va_end(ap);
}

void log_raw(const char *fmt, ...)
{
    (void)fmt;
}

bool log_limit_ok(struct log_limit *l, uint32_t burst)
{
    return l->tokens++ < burst;
}

uint64_t arch_time_ns(void)
{
    return fake.now_ns;
}

void arch_entropy(void *buf, uint32_t bytes)
{
    static uint32_t state = 1;
    uint8_t *p = buf;

    for (uint32_t i = 0; i < bytes; i++)
        p[i] = (uint8_t)fake_random(&state);
}

void arch_preempt_point(void)
{
    fake.preempt_points++;
    fake.bytes_since_preempt = 0;
    if (fake_on_preempt)
        fake_on_preempt();
}

void sched_point(void)
{
    arch_preempt_point();
    mail_read();
}

/* ---- guests ---- */

void fake_guest_free(struct fake_guest *f)
{
    vdev_destroy(&f->g);
    if (f->g.link.next)
        list_remove(&f->g.link);
    free(f->mem);
    memset(f, 0, sizeof(*f));
}

void fake_reset(void)
{
    for (uint32_t i = 0; i < FAKE_GUESTS; i++)
        fake_guest_free(&fake_guests[i]);
    memset(&fake, 0, sizeof(fake));
    fake_after_read = NULL;
    fake_on_preempt = NULL;
    fake_tagged_devices = false;
}

struct fake_guest *fake_guest_bare(uint32_t id, uint32_t limit_pages)
{
    struct fake_guest *f = &fake_guests[id];

    fake_guest_free(f);
    f->g.id = id;
    f->g.vcpu = &f->vcpu;
    f->g.ram_pages = FAKE_RAM_PAGES;
    f->g.limit_pages = limit_pages;
    f->mem_bytes = limit_pages * HV_PAGE_SIZE;
    f->mem = calloc(1, f->mem_bytes);
    (void)snprintf(f->g.config.name, sizeof(f->g.config.name), "g%u", id);
    list_add_tail(&guest_list, &f->g.link);
    return f;
}

struct fake_guest *fake_guest_new(uint32_t id, const struct guest_disk *disks,
                                  uint32_t nr_disks)
{
    struct guest_config c = {.nr_disks = nr_disks};
    struct fake_guest *f = fake_guest_bare(id, FAKE_RAM_PAGES + vdev_pages(&c));

    f->g.tagged_devices = fake_tagged_devices;
    f->g.config.nr_disks = nr_disks;
    for (uint32_t i = 0; i < nr_disks; i++)
        f->g.config.disks[i] = disks[i];
    return vdev_create(&f->g) == 0 ? f : NULL;
}

/* ---- the driver's side ---- */

uint32_t fake_get(const struct fake_guest *f, uint32_t gpa, uint32_t bytes)
{
    uint32_t v = 0;

    memcpy(&v, f->mem + gpa, bytes);
    return v;
}

void fake_put(struct fake_guest *f, uint32_t gpa, uint32_t bytes, uint64_t v)
{
    memcpy(f->mem + gpa, &v, bytes);
}

struct fake_ring fake_ring_legacy(struct fake_guest *f, uint32_t gpa,
                                  uint32_t num)
{
    struct fake_ring r = {f, num, gpa, gpa + GABI_VRING_AVAIL_OFFSET(num),
                          gpa + GABI_VRING_USED_OFFSET(num), 0};

    return r;
}

void fake_desc_at(struct fake_guest *f, uint32_t table, uint32_t i,
                  uint64_t addr, uint32_t len, uint32_t flags, uint32_t next)
{
    fake_put(f, table + 16 * i, 8, addr);
    fake_put(f, table + 16 * i + 8, 4, len);
    fake_put(f, table + 16 * i + 12, 2, flags);
    fake_put(f, table + 16 * i + 14, 2, next);
}

void fake_desc(struct fake_ring *r, uint32_t i, uint64_t addr, uint32_t len,
               uint32_t flags, uint32_t next)
{
    fake_desc_at(r->f, r->desc, i, addr, len, flags, next);
}

void fake_avail(struct fake_ring *r, uint32_t head)
{
    fake_put(r->f, r->avail + 4 + 2 * (r->avail_idx % r->num), 2, head);
    r->avail_idx++;
    fake_put(r->f, r->avail + 2, 2, r->avail_idx);
}

uint32_t fake_used_idx(const struct fake_ring *r)
{
    return fake_get(r->f, r->used + 2, 2);
}

uint32_t fake_used_id(const struct fake_ring *r, uint32_t i)
{
    return fake_get(r->f, r->used + 4 + 8 * (i % r->num), 4);
}

uint32_t fake_used_len(const struct fake_ring *r, uint32_t i)
{
    return fake_get(r->f, r->used + 8 + 8 * (i % r->num), 4);
}

uint32_t fake_bus_desc(const struct fake_guest *f, uint32_t n)
{
    uint32_t at = f->g.ram_pages * HV_PAGE_SIZE;

    for (; f->mem[at] != 0; n--) {
        struct gabi_device_desc d;

        if (n == 0)
            return at;
        memcpy(&d, f->mem + at, sizeof(d));
        at += GABI_DEV_BYTES(&d);
    }
    return 0;
}

uint32_t fake_bus_ring(const struct fake_guest *f, uint32_t n, uint32_t q)
{
    return fake_get(f, fake_bus_desc(f, n) + 5 + 8 * q + 4, 4) << HV_PAGE_SHIFT;
}

uint32_t fake_bus_irq(const struct fake_guest *f, uint32_t n, uint32_t q)
{
    return fake_get(f, fake_bus_desc(f, n) + 5 + 8 * q + 2, 2);
}

void fake_bus_start(struct fake_guest *f, uint32_t n)
{
    static const uint8_t steps[] = {0, 1, 3, 7};
    uint32_t desc = fake_bus_desc(f, n);

    for (uint32_t i = 0; i < sizeof(steps); i++) {
        f->mem[desc + 4] = steps[i];
        if (!vdev_notify(&f->g, desc))
            abort();
    }
}

uint32_t fake_random(uint32_t *state)
{
    uint32_t x = *state;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}
