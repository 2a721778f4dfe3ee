/* SPDX-License-Identifier: MIT */
/* The lguest bus: a page of device descriptors directly above guest RAM, and
 * legacy virtio rings above it.  Descriptors are packed one after the other;
 * type 0 or the end of the page ends the list.
 *
 * NOTIFY(address): 0 nothing; a descriptor: its status has changed; a queue's
 * pfn << 12: the queue has work; below the end of RAM: a NUL-terminated string
 * for the console, before drivers run. */
#pragma once

#include <stdint.h>

#define GABI_DEV_END 0
#define GABI_DEV_NET 1
#define GABI_DEV_BLOCK 2
#define GABI_DEV_CONSOLE 3
#define GABI_DEV_RNG 4

#define GABI_DEV_ACKNOWLEDGE 1
#define GABI_DEV_DRIVER 2
#define GABI_DEV_DRIVER_OK 4
#define GABI_DEV_FAILED 0x80

/* Then num_vq struct gabi_vqconfig, feature_len bytes offered, feature_len
 * bytes accepted, config_len bytes of configuration. */
struct gabi_device_desc {
    uint8_t type;
    uint8_t num_vq;
    uint8_t feature_len;
    uint8_t config_len;
    uint8_t status; /* written by the guest */
};

struct gabi_vqconfig {
    uint16_t num; /* entries, a power of two */
    uint16_t irq; /* virtual line */
    uint32_t pfn; /* the ring's first page */
} __attribute__((packed));

/* The same in Linux 2.6.24 itself: then config_len bytes of fields, each a tag, a length
 * and so many bytes. No features, and no change of status is announced: the first
 * kick of a queue starts the device. The guest sets a bit in the tags that it has read. */
struct gabi_tagged_desc {
    uint8_t type;
    uint8_t config_len;
    uint8_t status; /* written by the guest */
};

#define GABI_TAG_QUEUE 2u /* struct gabi_vqconfig, one for each queue in their order */
#define GABI_TAG_NET_MAC 0x41u
#define GABI_TAG_BLK_CAPACITY 0x41u /* 8 bytes, sectors */
#define GABI_TAG_BLK_SEG_MAX 0x43u  /* 4 bytes */
#define GABI_TAG_READ 0x80u

#define GABI_DEV_BYTES(desc) \
    (5u + 8u * (desc)->num_vq + 2u * (desc)->feature_len + (desc)->config_len)

/* Legacy virtio ring: descriptors, avail, then used on the next multiple of
 * GABI_VRING_ALIGN. */
#define GABI_VRING_ALIGN 4096u
#define GABI_VRING_NEXT 1u     /* desc.flags */
#define GABI_VRING_WRITE 2u    /* the device writes this buffer */
#define GABI_VRING_INDIRECT 4u
#define GABI_VRING_NO_INTERRUPT 1u /* avail.flags */
#define GABI_VRING_NO_NOTIFY 1u    /* used.flags */

struct gabi_vring_desc {
    uint64_t addr; /* guest-physical */
    uint32_t len;
    uint16_t flags;
    uint16_t next;
};

struct gabi_vring_avail {
    uint16_t flags;
    uint16_t idx;
    uint16_t ring[];
};

struct gabi_vring_used_elem {
    uint32_t id;
    uint32_t len;
};

struct gabi_vring_used {
    uint16_t flags;
    uint16_t idx;
    struct gabi_vring_used_elem ring[];
};

#define GABI_VRING_AVAIL_OFFSET(num) (16u * (num))
#define GABI_VRING_USED_OFFSET(num) \
    ((16u * (num) + 6u + 2u * (num) + GABI_VRING_ALIGN - 1) & \
     ~(GABI_VRING_ALIGN - 1))
#define GABI_VRING_BYTES(num) (GABI_VRING_USED_OFFSET(num) + 6u + 8u * (num))

/* Block requests: this header, the data, one status byte. */
#define GABI_BLK_READ 0
#define GABI_BLK_WRITE 1
#define GABI_BLK_FLUSH 4
#define GABI_BLK_FLUSH_OUT 5 /* the same */
#define GABI_BLK_BARRIER 0x80000000u /* with a type: flush before, and behind a write */
#define GABI_BLK_OK 0
#define GABI_BLK_IOERR 1
#define GABI_BLK_UNSUPPORTED 2

struct gabi_blk_req {
    uint32_t type;
    uint32_t ioprio;
    uint64_t sector; /* of 512 bytes */
};

/* Linux 2.6.24 has 8 bytes of its own behind that. */
#define GABI_BLK_REQ_BYTES_2_6_24 24u
