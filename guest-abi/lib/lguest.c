/* SPDX-License-Identifier: MIT */
/* The rows of the interface, hypercalls in any of them, and the ring. */

#include "guest/lguest.h"

#define NONE LGUEST_NO_FIELD

/* ABI 3.1, column by column. */
const struct lguest_row lguest_rows[] = {
    [GABI_ROW_2_6_24] = {
        .row = GABI_ROW_2_6_24, .edx_order = true, .vmcall = false,
        .slot_bytes = 16, .bytes = GABI_DATA_BYTES_2_6_24, .irq_pending = NONE,
        .status = 0x14, .hcalls = 0x54, .reserve_mem = 0x454, .tsc_khz = 0x458,
        .pgdir = 0x45c, .noirq_start = 0x460, .noirq_end = 0x464,
        .noirq_iret = NONE, .kernel_address = 0x468, .syscall_vec = 0x46c,
    },
    [GABI_ROW_2_6_30] = {
        .row = GABI_ROW_2_6_30, .edx_order = false, .vmcall = true,
        .slot_bytes = 16, .bytes = GABI_DATA_BYTES_2_6_24, .irq_pending = NONE,
        .status = 0x14, .hcalls = 0x54, .reserve_mem = 0x454, .tsc_khz = 0x458,
        .pgdir = 0x45c, .noirq_start = 0x460, .noirq_end = 0x464,
        .noirq_iret = NONE, .kernel_address = 0x468, .syscall_vec = 0x46c,
    },
    [GABI_ROW_2_6_31] = {
        .row = GABI_ROW_2_6_31, .edx_order = false, .vmcall = true,
        .slot_bytes = 20, .bytes = GABI_DATA_BYTES_2_6_31, .irq_pending = 0x14,
        .status = 0x18, .hcalls = 0x58, .reserve_mem = 0x558, .tsc_khz = 0x55c,
        .pgdir = 0x560, .noirq_start = 0x564, .noirq_end = 0x568,
        .noirq_iret = NONE, .kernel_address = 0x56c, .syscall_vec = 0x570,
    },
    [GABI_ROW_3_1] = {
        .row = GABI_ROW_3_1, .edx_order = false, .vmcall = false,
        .slot_bytes = 20, .bytes = GABI_DATA_BYTES_3_1, .irq_pending = 0x14,
        .status = 0x18, .hcalls = 0x58, .reserve_mem = 0x558, .tsc_khz = 0x55c,
        .pgdir = NONE, .noirq_start = 0x560, .noirq_end = 0x564,
        .noirq_iret = NONE, .kernel_address = 0x568, .syscall_vec = 0x56c,
    },
    [GABI_ROW_4_1] = {
        .row = GABI_ROW_4_1, .edx_order = false, .vmcall = false,
        .slot_bytes = 20, .bytes = GABI_DATA_BYTES_4_1, .irq_pending = 0x14,
        .status = 0x18, .hcalls = 0x58, .reserve_mem = 0x558, .tsc_khz = 0x55c,
        .pgdir = NONE, .noirq_start = NONE, .noirq_end = NONE,
        .noirq_iret = 0x560, .kernel_address = 0x564, .syscall_vec = 0x568,
    },
};

const struct lguest_row *lguest_row = &lguest_rows[GABI_ROW_3_1];

union lguest_shared lguest_data __attribute__((aligned(4096)));

uint32_t lguest_ring_next;

static void put(uint8_t *data, uint16_t offset, uint32_t value)
{
    if (offset != NONE)
        memcpy(data + offset, &value, sizeof(value));
}

void lguest_prepare(void *data, const struct lguest_row *row)
{
    uint8_t *d = data;

    memset(d, 0, row->bytes);
    put(d, offsetof(struct gabi_data_head, blocked_interrupts), 1);
    memset(d + row->status, GABI_SLOT_FREE, GABI_RING_SLOTS);
    put(d, row->noirq_start, addr_of(lguest_noirq_start) + GUEST_PAGE_OFFSET);
    put(d, row->noirq_end, addr_of(lguest_noirq_end) + GUEST_PAGE_OFFSET);
    put(d, row->noirq_iret, addr_of(lguest_noirq_iret) + GUEST_PAGE_OFFSET);
    put(d, row->kernel_address, GUEST_PAGE_OFFSET);
    put(d, row->syscall_vec, GUEST_SYSCALL_VECTOR);
}

#define VMCALL ".byte 0x0f, 0x01, 0xc1"

void lguest_call(uint32_t nr, uint32_t a1, uint32_t a2, uint32_t a3, uint32_t a4)
{
    const struct lguest_row *r = lguest_row;

    if (r->edx_order && r->vmcall)
        __asm__ volatile(VMCALL : : "a"(nr), "d"(a1), "b"(a2), "c"(a3) : "memory");
    else if (r->edx_order)
        __asm__ volatile("int $0x1f" : : "a"(nr), "d"(a1), "b"(a2), "c"(a3)
                         : "memory");
    else if (r->vmcall)
        __asm__ volatile(VMCALL : : "a"(nr), "b"(a1), "c"(a2), "d"(a3), "S"(a4)
                         : "memory");
    else
        hcall4(nr, a1, a2, a3, a4);
}

void lguest_call_lazy(uint32_t nr, uint32_t a1, uint32_t a2, uint32_t a3,
                      uint32_t a4)
{
    const struct lguest_row *r = lguest_row;
    uint32_t flags = irq_save_flags(), n = lguest_ring_next;
    volatile uint8_t *status = lguest_data.bytes + r->status + n;
    volatile uint32_t *slot =
        lguest_field((uint16_t)(r->hcalls + n * r->slot_bytes));

    lg_irq_enabled = 0; /* a handler may use the ring too */
    if (*status != GABI_SLOT_FREE) {
        lguest_call(nr, a1, a2, a3, a4);
    } else {
        slot[0] = nr;
        slot[1] = r->edx_order ? a2 : a1;
        slot[2] = r->edx_order ? a3 : a2;
        slot[3] = r->edx_order ? a1 : a3;
        if (r->slot_bytes > 16)
            slot[4] = a4;
        barrier();
        *status = GABI_SLOT_PENDING;
        lguest_ring_next = (n + 1) % GABI_RING_SLOTS;
    }
    barrier();
    lg_irq_enabled = flags;
    if (r->irq_pending != NONE && (*lguest_field(r->irq_pending) & flags))
        lguest_call(GABI_HCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
}
