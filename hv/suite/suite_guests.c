/* SPDX-License-Identifier: MIT */
/* The guests of the suite: how they are made from a case, and what they and the suite
 * tell each other through ports of their own. */
#include "guest-abi/hcall.h"
#include "hv/arch_if.h"
#include "hv/exit.h"
#include "hv/frame.h"
#include "hv/guest.h"
#include "hv/observer.h"
#include "hv/pmm.h"
#include "hv/string.h"
#include "suite_pack.h"

struct suite_canary suite_canary;

uint8_t *suite_disk(void)
{
    static uint8_t *disk; /* stays, for the next run */

    if (!disk)
        disk = frame_ptr(pmm_alloc_contig(SUITE_DISK_BYTES / HV_PAGE_SIZE, 1, 0));
    return disk;
}

static void add_disk(struct guest_config *g)
{
    struct guest_disk *d = &g->disks[0];

    d->data = suite_disk();
    if (!d->data)
        return;
    g->nr_disks = 1;
    str_copy(d->name, "vda", sizeof(d->name));
    d->bytes = SUITE_DISK_BYTES;
    for (uint32_t i = 0; i < SUITE_DISK_BYTES; i++) {
        d->data[i] = (uint8_t)(i / 512 + i);
        if (i % 1024 == 0)
            arch_preempt_point();
    }
}

struct guest *suite_start_guest(const struct suite_pack *p, uint32_t index, const char *name,
                                uint32_t seed, const struct observer *o)
{
    static struct guest_config g; /* large */
    const struct suite_case *c = &p->cases[index];
    const struct suite_image *image = &p->images[c->image];

    guest_config_init(&g);
    str_copy(g.name, name, sizeof(g.name));
    str_copy(g.kernel_name, c->entry, sizeof(g.kernel_name));
    g.kernel.data = p->blob + image->offset;
    g.kernel.bytes = image->bytes;
    g.memory_kib = c->memory_kib ? c->memory_kib : SUITE_MEMORY_KIB;
    g.on_poweroff = g.on_reboot = g.on_crash = ON_DESTROY;
    g.abi = (enum abi_revision)c->abi;
    if (c->abi)
        g.pae = c->flags & GT_PAE ? 1 : 0;
    g.observer = o;
    if (c->flags & GT_DISK)
        add_disk(&g);
    hv_snprintf(g.cmdline, sizeof(g.cmdline), "case=%s pae=%u seed=%u", c->entry,
                c->flags & GT_PAE ? 1u : 0u, seed);
    return guest_create(&g);
}

/* Read as a byte: whether the canary is to be greedy; else: exits so far. */
bool suite_port_in(struct guest *g, uint16_t port, uint32_t width, uint32_t *value)
{
#if HV_CFG_INJECT
    if (port == GABI_INJECT_PORT) {
        *value = 1;
        return true;
    }
#endif
    if (port != GABI_TEST_PORT)
        return false;
    *value = width != 1 ? vcpu_exits(g->vcpu) : g == suite_canary.guest && suite_canary.greedy;
    return true;
}

/* A word for the suite, which only the canary's is read of; where fault injection is built
 * in also the copy of guest memory that shall fail, counted from the next. */
bool suite_port_out(struct guest *g, uint16_t port, uint32_t value)
{
#if HV_CFG_INJECT
    if (port == GABI_INJECT_PORT) {
        g->copies_to_fault = value;
        return true;
    }
#endif
    if (port != GABI_TEST_PORT)
        return false;
    if (g == suite_canary.guest)
        suite_canary.word = value;
    return true;
}
