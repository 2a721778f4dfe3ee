/* SPDX-License-Identifier: MIT */
/* The virtqueue core on rings of arbitrary bytes.  Input: a byte of ring size, a
 * byte of flags, two of the first index, then the guest's memory from 0 on.  The
 * sanitizers watch the monitor's side; what is popped is checked here. */
#include "fake_vdev.h"

#include "../../hv/vdev/virtqueue.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 4u
#define POPS_MAX 300u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct vq_chain chain;
static uint8_t copied[4096];

/* The guest as an enemy: what has been read is something else from now on. */
static void destroy(struct fake_guest *f, uint32_t gpa, uint32_t len)
{
    for (uint32_t i = 0; i < len && len <= 16; i++)
        f->mem[gpa + i] ^= 0x5a;
}

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void check_chain(const struct fake_guest *f, uint32_t num)
{
    uint64_t readable = 0, writable = 0;

    must(chain.nr_segs <= VQ_MAX_SEGS && chain.nr_read <= chain.nr_segs);
    must(chain.head < num);
    for (uint32_t i = 0; i < chain.nr_segs; i++) {
        const struct vq_seg *s = &chain.seg[i];

        must(s->bytes != 0 && (uint64_t)s->gpa + s->bytes <= f->mem_bytes);
        *(i < chain.nr_read ? &readable : &writable) += s->bytes;
    }
    must(readable == chain.read_bytes && writable == chain.write_bytes);
}

static void use_chain(struct virtqueue *q, uint32_t flags)
{
    uint32_t n = vq_chain_read(q, &chain, copied, sizeof(copied));

    must(n == hv_min_u32(chain.read_bytes, sizeof(copied)));
    if (flags & 4)
        vq_chain_seek_write(&chain, chain.write_bytes / 2);
    n = vq_chain_write(q, &chain, copied, sizeof(copied));
    must(n <= chain.write_bytes);
    vq_push(q, &chain, n);
    (void)vq_wants_irq(q);
    if (flags & 8)
        vq_set_notify(q, (flags & 16) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fake_guest *f;
    struct virtqueue q;
    uint32_t num, flags;

    if (size < HEAD_BYTES)
        return 0;
    fake_reset();
    f = fake_guest_bare(0, 8);
    num = 1u << data[0] % 9;
    flags = data[1];
    memcpy(f->mem, data + HEAD_BYTES,
           hv_min_u32((uint32_t)(size - HEAD_BYTES), f->mem_bytes));
    memset(&q, 0, sizeof(q));
    must(vq_init(&q, &f->g, num, 0, 16 * num,
                 flags & 1 ? 16 * num + 512 : f->mem_bytes - 4 - 8 * num));
    q.last_avail = q.seen_avail = (uint16_t)(data[2] | data[3] << 8);
    for (uint32_t i = 0; i < POPS_MAX; i++) {
        fake_after_read = flags & 2 ? destroy : NULL;
        if (!vq_pop(&q, &chain))
            break;
        fake_after_read = NULL;
        check_chain(f, num);
        use_chain(&q, flags);
    }
    fake_reset();
    return 0;
}
