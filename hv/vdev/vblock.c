/* SPDX-License-Identifier: MIT */
/* A disk in memory: the module that the loader brought is the disk, read and
 * written in place.  Sector numbers are 64 bits wide and come from the guest;
 * they are compared with the capacity before anything is multiplied. */
#include "vdev_priv.h"

#include "guest-abi/device_page.h"
#include "hv/log.h"
#include "hv/range.h"
#include "hv/string.h"

#define SECTOR_SHIFT 9
#define SECTOR_BYTES HV_BIT(SECTOR_SHIFT)
#define SEG_MAX 254u
#define BLK_GET_ID 8u /* virtio 1.0 calls the answer a device ID string */
#define BLK_ID_BYTES 20u

/* One request moves no more than this: it is done in one go. */
#define REQUEST_MAX_BYTES HV_MIB(16)
#define PIECE_BYTES HV_KIB(16)

static uint64_t capacity_sectors(const struct vdev *d)
{
    return d->disk->bytes >> SECTOR_SHIFT;
}

/* What comes before the data that is to be written. */
static uint32_t header_bytes(const struct vdev *d)
{
    return d->set->g->tagged_devices ? GABI_BLK_REQ_BYTES_2_6_24
                                     : (uint32_t)sizeof(struct gabi_blk_req);
}

static void vblock_config(const struct vdev *d, uint8_t *out)
{
    const struct {
        uint64_t capacity;
        uint32_t size_max, seg_max;
    } config = {capacity_sectors(d), 0, SEG_MAX};

    memcpy(out, &config, sizeof(config));
}

/* Where a transfer lies in the disk. False if it does not lie in it. */
static bool locate(const struct vdev *d, uint64_t sector, uint32_t bytes,
                   uint32_t *offset)
{
    if (bytes % SECTOR_BYTES != 0 || bytes > REQUEST_MAX_BYTES)
        return false;
    if (!range_fits64(sector, bytes >> SECTOR_SHIFT, capacity_sectors(d)))
        return false;
    *offset = (uint32_t)sector << SECTOR_SHIFT; /* below 4 GiB, checked */
    return true;
}

/* Moves bytes between the disk and the request, interrupts in between. */
static bool transfer(struct vdev *d, struct virtqueue *q, struct vq_chain *c,
                     uint8_t *disk, uint32_t bytes, bool to_guest)
{
    while (bytes != 0) {
        uint32_t n = hv_min_u32(bytes, PIECE_BYTES);
        uint32_t got = to_guest ? vq_chain_write(q, c, disk, n)
                                : vq_chain_read(q, c, disk, n);

        if (got != n || !vdev_account(d->set, n))
            return false;
        disk += n;
        bytes -= n;
    }
    return true;
}

/* Linux up to 2.6.36 asks for order by a flag in the type, whatever was agreed.
 * Requests are done one after the other and are in memory at once, which is order
 * enough; without data it is a flush, and its sector says nothing. */
static uint32_t request_type(const struct gabi_blk_req *h, bool has_data)
{
    uint32_t type = h->type & ~GABI_BLK_BARRIER;
    bool moves = type == GABI_BLK_READ || type == GABI_BLK_WRITE;

    if ((moves && !has_data && type != h->type) || type == GABI_BLK_FLUSH_OUT)
        return GABI_BLK_FLUSH;
    return type;
}

/* The body of a request: out_bytes from the guest, in_bytes to it. Returns the
 * status, and how much of the data part has been written. */
static uint8_t execute(struct vdev *d, struct virtqueue *q, struct vq_chain *c,
                       const struct gabi_blk_req *h, uint32_t *written)
{
    uint32_t out_bytes = c->read_bytes - header_bytes(d);
    uint32_t in_bytes = c->write_bytes - 1;
    uint32_t offset;
    uint8_t id[BLK_ID_BYTES] = "ringside-";

    switch (request_type(h, out_bytes != 0 || in_bytes != 0)) {
    case GABI_BLK_READ:
        if (!locate(d, h->sector, in_bytes, &offset) ||
            !transfer(d, q, c, d->disk->data + offset, in_bytes, true))
            return GABI_BLK_IOERR;
        *written = in_bytes;
        return GABI_BLK_OK;
    case GABI_BLK_WRITE:
        if (d->disk->read_only || !locate(d, h->sector, out_bytes, &offset) ||
            !transfer(d, q, c, d->disk->data + offset, out_bytes, false))
            return GABI_BLK_IOERR;
        return GABI_BLK_OK;
    case GABI_BLK_FLUSH:
        return GABI_BLK_OK; /* what is written is in memory already */
    case BLK_GET_ID:
        (void)str_copy((char *)id + 9, d->disk->name, sizeof(id) - 9);
        *written = vq_chain_write(q, c, id, hv_min_u32(in_bytes, sizeof(id)));
        return GABI_BLK_OK;
    default:
        return GABI_BLK_UNSUPPORTED;
    }
}

/* The status is the last byte of the writable part, wherever buffers begin and
 * end.  The length given back covers it only if all before it was written. */
static uint32_t vblock_request(struct vdev *d, uint32_t n, struct vq_chain *c)
{
    struct virtqueue *q = &d->vq[n];
    struct gabi_blk_req h;
    uint8_t rest[GABI_BLK_REQ_BYTES_2_6_24 - sizeof(h)];
    uint32_t more = header_bytes(d) - (uint32_t)sizeof(h), written = 0;
    uint8_t status = GABI_BLK_IOERR;

    if (c->write_bytes == 0) {
        (void)vq_break(q, "block request without a status byte");
        return 0;
    }
    if (vq_chain_read(q, c, &h, sizeof(h)) == sizeof(h) &&
        vq_chain_read(q, c, rest, more) == more)
        status = execute(d, q, c, &h, &written);
    if (status != GABI_BLK_OK)
        d->errors++;
    vq_chain_seek_write(c, c->write_bytes - 1);
    if (vq_chain_write(q, c, &status, 1) == 1 && written == c->write_bytes - 1)
        written++;
    return written;
}

static void vblock_print(const struct vdev *d)
{
    log_raw("           sectors=%llu%s",
            (unsigned long long)capacity_sectors(d),
            d->disk->read_only ? " ro" : "");
}

const struct vdev_ops vblock_ops = {
    .virtio_id = 2,
    .nr_queues = 1,
    .config_bytes = 16,
    .features = HV_BIT64(VBLK_F_BARRIER) | HV_BIT64(VBLK_F_SEG_MAX) | HV_BIT64(VBLK_F_FLUSH) |
                HV_BIT64(VIRTIO_F_INDIRECT_DESC),
    .request_queues = HV_BIT(0),
    .config = vblock_config,
    .request = vblock_request,
    .print = vblock_print,
};
