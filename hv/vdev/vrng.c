/* SPDX-License-Identifier: MIT */
/* A virtio entropy source.  A request may be filled in part only (virtio 1.0,
 * 5.4.6), so each gets a bounded number of bytes from the guest's own DRBG. */
#include "vdev_priv.h"

#include "hv/string.h"

/* ChaCha20 costs some 20 instructions a byte: counted by this factor. */
#define RNG_COST 16u

static uint32_t vrng_request(struct vdev *d, uint32_t n, struct vq_chain *c)
{
    struct vdev_set *s = d->set;
    uint32_t bytes = hv_min_u32(c->write_bytes, DRBG_MAX_BYTES);

    drbg_bytes(&s->drbg, s->buf, bytes);
    bytes = vq_chain_write(&d->vq[n], c, s->buf, bytes);
    memset(s->buf, 0, DRBG_MAX_BYTES);
    s->spent += bytes * RNG_COST;
    return bytes;
}

const struct vdev_ops vrng_ops = {
    .virtio_id = 4,
    .nr_queues = 1,
    .request_queues = HV_BIT(0),
    .request = vrng_request,
};
