/* SPDX-License-Identifier: MIT */
/* An image that carries the version string of Linux 2.6.24, as a vmlinux does: the
 * monitor picks the row of the interface by it, without any configuration. */

#include "gtest.h"

#include "guest/virtio.h"

extern const char image_version[];
const char image_version[] __attribute__((used)) = "Linux version 2.6.24 (guest test)";

GT_ROW(image_2_6_24, gt_abi_life, GT_RAW | GT_2LEVEL, .arg = GABI_ROW_2_6_24)

/* ---- the bus as that version has it: tagged fields, nothing announced ---- */

static struct gabi_tagged_desc *find_device(uint8_t type)
{
    struct gabi_tagged_desc *d = phys_ptr(guest.mem_bytes);

    while (d->type != type) {
        if (d->type == GABI_DEV_END)
            FAIL("no such device");
        d = phys_ptr(addr_of(d + 1) + d->config_len);
    }
    return d;
}

/* The first field of the tag that nobody has asked for. */
static const void *find_field(struct gabi_tagged_desc *d, uint8_t tag, uint8_t bytes)
{
    uint8_t *p = (uint8_t *)(d + 1), *end = p + d->config_len;

    for (; p < end; p += 2 + p[1]) {
        if (p[0] != tag)
            continue;
        p[0] |= GABI_TAG_READ;
        EXPECT_EQ(p[1], bytes);
        return p + 2;
    }
    FAIL("no such field");
}

static struct vq find_queue(struct gabi_tagged_desc *d)
{
    struct gabi_vqconfig c;

    memcpy(&c, find_field(d, GABI_TAG_QUEUE, sizeof(c)), sizeof(c));
    for (uint32_t i = 0; i < GABI_VRING_BYTES(c.num); i += GUEST_PAGE_BYTES)
        pt_set(pt_root, (c.pfn << 12) + i, (c.pfn << 12) + i + PTE_KERNEL);
    return (struct vq){
        .num = c.num, .irq = c.irq, .pa = c.pfn << 12, .desc = phys_ptr(c.pfn << 12),
        .avail = phys_ptr((c.pfn << 12) + GABI_VRING_AVAIL_OFFSET(c.num)),
        .used = phys_ptr((c.pfn << 12) + GABI_VRING_USED_OFFSET(c.num)),
    };
}

/* One request of 512 bytes; what the disk says. */
static uint8_t disk_request(struct vq *q, uint32_t type, uint64_t sector, uint32_t page)
{
    static struct {
        struct gabi_blk_req req;
        uint64_t id;
    } h;
    static volatile uint8_t status;
    struct vq_buffer b[] = {{addr_of(&h), GABI_BLK_REQ_BYTES_2_6_24, false},
                            {page, 512, type == GABI_BLK_READ},
                            {addr_of(&status), 1, true}};
    uint32_t bytes;

    h.req.type = type;
    h.req.sector = sector;
    h.id = ~0ull;
    status = 0xff;
    vq_add(q, b, 3);
    vq_kick(q);
    EXPECT(vq_wait(q, &bytes));
    EXPECT_EQ(bytes, type == GABI_BLK_READ ? 513 : 1);
    return status;
}

GT_CASE(devices_2_6_24, GT_RAW | GT_2LEVEL | GT_DISK)
{
    struct gabi_tagged_desc *disk, *console;
    struct vq q, input, output;
    uint32_t page[2], bytes;
    uint64_t sectors;

    guest_init(&lguest_rows[GABI_ROW_2_6_24]);
    pt_init(gt_pae);
    guest_setup_traps();
    pt_set(pt_root, guest.mem_bytes, guest.mem_bytes | PTE_KERNEL);
    page[0] = page_alloc();
    page[1] = page_alloc();

    disk = find_device(GABI_DEV_BLOCK);
    memcpy(&sectors, find_field(disk, GABI_TAG_BLK_CAPACITY, 8), 8);
    EXPECT_EQ(sectors, 128);
    disk->status = GABI_DEV_ACKNOWLEDGE | GABI_DEV_DRIVER | GABI_DEV_DRIVER_OK;
    q = find_queue(disk);
    for (uint32_t i = 0; i < 512; i += 4)
        poke32(page[0] + i, 0x24000000 + i);
    EXPECT_EQ(disk_request(&q, GABI_BLK_WRITE, 127, page[0]), GABI_BLK_OK);
    EXPECT_EQ(disk_request(&q, GABI_BLK_READ, 127, page[1]), GABI_BLK_OK);
    for (uint32_t i = 0; i < 512; i += 4)
        EXPECT_EQ_AT(i, peek32(page[1] + i), 0x24000000 + i);
    EXPECT_EQ(disk_request(&q, GABI_BLK_WRITE, 128, page[0]), GABI_BLK_IOERR);

    console = find_device(GABI_DEV_CONSOLE);
    input = find_queue(console);
    output = find_queue(console);
    EXPECT(input.pa != output.pa);
    memcpy(phys_ptr(page[0]), "2.6.24\n", 7);
    vq_add(&output, &(struct vq_buffer){page[0], 7, false}, 1);
    vq_kick(&output);
    EXPECT(vq_wait(&output, &bytes));
}
