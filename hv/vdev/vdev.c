/* SPDX-License-Identifier: MIT */
/* The set of devices of a guest: building it, giving it back, and what the rest
 * of the monitor calls.  How requests are handled is in serve.c. */
#include "vdev_priv.h"

#include "hv/frame.h"
#include "hv/log.h"
#include "hv/pmm.h"
#include "hv/string.h"

static uint32_t queue_count(const struct guest_config *c)
{
    return vnet_ops.nr_queues + c->nr_disks * vblock_ops.nr_queues +
           vrng_ops.nr_queues + vconsole_ops.nr_queues;
}

uint32_t vdev_pages(const struct guest_config *c)
{
    return 1 + queue_count(c) * VDEV_QUEUE_PAGES;
}

/* ---- building ---- */

static struct vdev *add_device(struct vdev_set *s, const struct vdev_ops *ops,
                               const char *name, uint64_t offered)
{
    struct vdev *d = &s->dev[s->nr++];

    d->set = s;
    d->ops = ops;
    d->name = name;
    d->offered = offered;
    for (uint32_t n = 0; n < VDEV_MAX_QUEUES; n++)
        d->vq[n].g = s->g;
    return d;
}

/* The order is the ABI's: net, block, rng, console last (10a). */
static void add_devices(struct vdev_set *s)
{
    const struct guest_config *c = &s->g->config;

    s->net = add_device(s, &vnet_ops, "net",
                        HV_BIT64(VNET_F_MAC) |
                            HV_BIT64(VIRTIO_F_INDIRECT_DESC));
    vnet_create(s);
    for (uint32_t i = 0; i < c->nr_disks && i < GUEST_MAX_DISKS; i++) {
        const struct guest_disk *disk = &c->disks[i];
        struct vdev *d;

        d = add_device(s, &vblock_ops, disk->name,
                       HV_BIT64(VBLK_F_BARRIER) | HV_BIT64(VBLK_F_SEG_MAX) |
                           HV_BIT64(VBLK_F_FLUSH) | HV_BIT64(VIRTIO_F_INDIRECT_DESC));
        if (disk->read_only)
            d->offered |= HV_BIT64(VBLK_F_RO);
        d->disk = disk;
    }
    (void)add_device(s, &vrng_ops, "rng", 0);
    s->console = add_device(s, &vconsole_ops, "console", 0);
}

int vdev_create(struct guest *g)
{
    uint32_t frames = (sizeof(struct vdev_set) + HV_PAGE_MASK) >> HV_PAGE_SHIFT;
    hfn_t f = pmm_alloc_table(frames);
    struct vdev_set *s;

    if (hfn_is_none(f))
        return -HV_ENOMEM;
    s = frame_ptr(f);
    s->g = g;
    s->own_frame = f;
    s->own_frames = frames;
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
    if (s) {
        hfn_t f = s->own_frame;
        uint32_t frames = s->own_frames;

        serve_destroy(s);
        memset(&s->drbg, 0, sizeof(s->drbg)); /* all else goes when the frames are taken */
        pmm_free_table(f, frames);
    }
}

uint32_t vdev_overhead_frames(const struct guest *g)
{
    return g->vdevs ? g->vdevs->own_frames : 0;
}

/* ---- public entries ---- */

bool vdev_notify(struct guest *g, uint32_t addr)
{
    return lgbus_notify(g->vdevs, addr);
}

static const char *state_name(enum vdev_state state)
{
    static const char *const names[] = {"reset", "started", "failed", "broken"};

    return names[state];
}

void vdev_print(struct guest *g)
{
    const struct vdev_set *s = g->vdevs;

    for (uint32_t i = 0; s && i < s->nr; i++) {
        const struct vdev *d = &s->dev[i];

        log_raw("  %-8s %s%s requests=%llu errors=%llu", d->name,
                state_name(d->state), d->modern ? " pci" : "",
                (unsigned long long)d->requests,
                (unsigned long long)d->errors);
        if (d->ops->print)
            d->ops->print(d);
    }
}
