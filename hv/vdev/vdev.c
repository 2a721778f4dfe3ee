/* SPDX-License-Identifier: MIT */
/* The set of devices of a guest: building it, giving it back, telling about it.
 * How requests are handled is in serve.c. */
#include "vdev_priv.h"

#include "hv/assert.h"
#include "hv/frame.h"
#include "hv/log.h"
#include "hv/pmm.h"
#include "hv/string.h"

#define SET_FRAMES ((uint32_t)((sizeof(struct vdev_set) + HV_PAGE_MASK) >> HV_PAGE_SHIFT))

uint32_t vdev_pages(const struct guest_config *c)
{
    uint32_t queues = vnet_ops.nr_queues + c->nr_disks * vblock_ops.nr_queues +
                      vrng_ops.nr_queues + vconsole_ops.nr_queues;

    return 1 + queues * VDEV_QUEUE_PAGES;
}

/* ---- building ---- */

static struct vdev *add_device(struct vdev_set *s, const struct vdev_ops *ops,
                               const char *name)
{
    struct vdev *d = &s->dev[s->nr++];

    d->set = s;
    d->ops = ops;
    d->name = name;
    d->offered = ops->features;
    for (uint32_t n = 0; n < VDEV_MAX_QUEUES; n++)
        d->vq[n].g = s->g;
    return d;
}

/* The order is the ABI's: net, block, rng, console last (10a). */
static void add_devices(struct vdev_set *s)
{
    const struct guest_config *c = &s->g->config;

    s->net = add_device(s, &vnet_ops, "net");
    vnet_create(s);
    for (uint32_t i = 0; i < c->nr_disks && i < GUEST_MAX_DISKS; i++) {
        struct vdev *d = add_device(s, &vblock_ops, c->disks[i].name);

        d->disk = &c->disks[i];
        if (d->disk->read_only)
            d->offered |= HV_BIT64(VBLK_F_RO);
    }
    (void)add_device(s, &vrng_ops, "rng");
    s->console = add_device(s, &vconsole_ops, "console");
}

int vdev_create(struct guest *g)
{
    hfn_t f = pmm_alloc_table(SET_FRAMES);
    struct vdev_set *s;

    hv_assert(g->vdevs == NULL && g->ram_pages > 0);
    if (hfn_is_none(f))
        return -HV_ENOMEM;
    s = frame_ptr(f);
    s->g = g;
    serve_create(s);
    drbg_init(&s->drbg);
    add_devices(s);
    vpci_create(&s->vpci, s->console);
    pciconf_create(s);
    g->vdevs = s;
    if (!lgbus_create(s)) {
        vdev_destroy(g);
        return -HV_ENOMEM;
    }
    return 0;
}

void vdev_destroy(struct guest *g)
{
    struct vdev_set *s = g->vdevs;

    g->vdevs = NULL;
    if (!s)
        return;
    serve_destroy(s);
    memset(&s->drbg, 0, sizeof(s->drbg)); /* all else goes when the frames are taken */
    pmm_free_table(frame_of_ptr(s), SET_FRAMES);
}

uint32_t vdev_overhead_frames(const struct guest *g)
{
    return g->vdevs ? SET_FRAMES : 0;
}

void vdev_print(struct guest *g)
{
    static const char *const states[] = {"reset", "started", "failed", "broken"};
    const struct vdev_set *s = g->vdevs;

    for (uint32_t i = 0; s && i < s->nr; i++) {
        const struct vdev *d = &s->dev[i];

        log_raw("  %-8s %s%s requests=%llu errors=%llu", d->name,
                states[d->state], d->modern ? " pci" : "",
                (unsigned long long)d->requests,
                (unsigned long long)d->errors);
        if (d->ops->print)
            d->ops->print(d);
    }
}
