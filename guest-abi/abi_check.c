/* SPDX-License-Identifier: MIT */
/* Proof that the headers say what the interface is: one assert per offset and
 * size.  Compiled by every supported compiler; it contains no code. */

#include <stddef.h>

#include "guest-abi/device_page.h"
#include "guest-abi/hcall.h"
#include "guest-abi/lguest_data.h"
#include "guest-abi/version.h"

#define AT(type, field, offset) \
    _Static_assert(offsetof(struct type, field) == (offset), #type "." #field)
#define SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type)

SIZE(gabi_slot16, 16);
SIZE(gabi_slot20, 20);

AT(gabi_data_head, irq_enabled, 0x00);
AT(gabi_data_head, blocked_interrupts, 0x04);
AT(gabi_data_head, cr2, 0x08);
AT(gabi_data_head, tv_sec, 0x0c);
AT(gabi_data_head, tv_nsec, 0x10);
SIZE(gabi_data_head, 0x14);

AT(gabi_data_2_6_24, head, 0x000);
AT(gabi_data_2_6_24, hcall_status, 0x014);
AT(gabi_data_2_6_24, hcalls, 0x054);
AT(gabi_data_2_6_24, reserve_mem, 0x454);
AT(gabi_data_2_6_24, tsc_khz, 0x458);
AT(gabi_data_2_6_24, pgdir, 0x45c);
AT(gabi_data_2_6_24, noirq_start, 0x460);
AT(gabi_data_2_6_24, noirq_end, 0x464);
AT(gabi_data_2_6_24, kernel_address, 0x468);
AT(gabi_data_2_6_24, syscall_vec, 0x46c);
SIZE(gabi_data_2_6_24, GABI_DATA_BYTES_2_6_24);

AT(gabi_data_2_6_31, head, 0x000);
AT(gabi_data_2_6_31, irq_pending, 0x014);
AT(gabi_data_2_6_31, hcall_status, 0x018);
AT(gabi_data_2_6_31, hcalls, 0x058);
AT(gabi_data_2_6_31, reserve_mem, 0x558);
AT(gabi_data_2_6_31, tsc_khz, 0x55c);
AT(gabi_data_2_6_31, pgdir, 0x560);
AT(gabi_data_2_6_31, noirq_start, 0x564);
AT(gabi_data_2_6_31, noirq_end, 0x568);
AT(gabi_data_2_6_31, kernel_address, 0x56c);
AT(gabi_data_2_6_31, syscall_vec, 0x570);
SIZE(gabi_data_2_6_31, GABI_DATA_BYTES_2_6_31);

AT(gabi_data_3_1, head, 0x000);
AT(gabi_data_3_1, irq_pending, 0x014);
AT(gabi_data_3_1, hcall_status, 0x018);
AT(gabi_data_3_1, hcalls, 0x058);
AT(gabi_data_3_1, reserve_mem, 0x558);
AT(gabi_data_3_1, tsc_khz, 0x55c);
AT(gabi_data_3_1, noirq_start, 0x560);
AT(gabi_data_3_1, noirq_end, 0x564);
AT(gabi_data_3_1, kernel_address, 0x568);
AT(gabi_data_3_1, syscall_vec, 0x56c);
SIZE(gabi_data_3_1, GABI_DATA_BYTES_3_1);

AT(gabi_data_4_1, head, 0x000);
AT(gabi_data_4_1, irq_pending, 0x014);
AT(gabi_data_4_1, hcall_status, 0x018);
AT(gabi_data_4_1, hcalls, 0x058);
AT(gabi_data_4_1, reserve_mem, 0x558);
AT(gabi_data_4_1, tsc_khz, 0x55c);
AT(gabi_data_4_1, noirq_iret, 0x560);
AT(gabi_data_4_1, kernel_address, 0x564);
AT(gabi_data_4_1, syscall_vec, 0x568);
SIZE(gabi_data_4_1, GABI_DATA_BYTES_4_1);

AT(gabi_device_desc, type, 0);
AT(gabi_device_desc, num_vq, 1);
AT(gabi_device_desc, feature_len, 2);
AT(gabi_device_desc, config_len, 3);
AT(gabi_device_desc, status, 4);
SIZE(gabi_device_desc, 5);

AT(gabi_vqconfig, num, 0);
AT(gabi_vqconfig, irq, 2);
AT(gabi_vqconfig, pfn, 4);
SIZE(gabi_vqconfig, 8);

AT(gabi_vring_desc, addr, 0);
AT(gabi_vring_desc, len, 8);
AT(gabi_vring_desc, flags, 12);
AT(gabi_vring_desc, next, 14);
SIZE(gabi_vring_desc, 16);

AT(gabi_vring_avail, flags, 0);
AT(gabi_vring_avail, idx, 2);
AT(gabi_vring_avail, ring, 4);

AT(gabi_vring_used_elem, id, 0);
AT(gabi_vring_used_elem, len, 4);
SIZE(gabi_vring_used_elem, 8);

AT(gabi_vring_used, flags, 0);
AT(gabi_vring_used, idx, 2);
AT(gabi_vring_used, ring, 4);

AT(gabi_blk_req, type, 0);
AT(gabi_blk_req, ioprio, 4);
AT(gabi_blk_req, sector, 8);
SIZE(gabi_blk_req, 16);

/* A ring of 256 entries takes three pages (ABI 10a). */
_Static_assert(GABI_VRING_AVAIL_OFFSET(256) == 4096, "avail");
_Static_assert(GABI_VRING_USED_OFFSET(256) == 8192, "used");
_Static_assert(GABI_VRING_BYTES(256) == 8192 + 2054, "ring");
_Static_assert(GABI_DATA_BYTES_MAX >= GABI_DATA_BYTES_2_6_24, "max");
_Static_assert(GABI_VERSION_MAJOR == 1 && GABI_ROW_4_1 == 5, "version");
