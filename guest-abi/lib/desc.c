/* SPDX-License-Identifier: MIT */
/* Segment descriptors (SDM 3A 3.4.5): put together from base, limit and access
 * byte, and loaded by the call that the row has for it. */

#include "guest/desc.h"
#include "guest/lguest.h"

uint64_t desc_make(uint32_t base, uint32_t limit, uint32_t access, uint32_t flags)
{
    uint32_t lo = base << 16 | (limit & 0xffff);
    uint32_t hi = (base & 0xff000000) | (flags & 0xf) << 20 | (limit & 0xf0000) |
                  (access & 0xff) << 8 | ((base >> 16) & 0xff);

    return (uint64_t)hi << 32 | lo;
}

/* Rows up to 2.6.30 load the whole table; entries 12 and 13 as at the start. */
static void load_by_table(uint32_t index, uint64_t desc)
{
    static uint64_t table[GABI_GDT_ENTRIES] = {
        [GABI_KERNEL_CS >> 3] = 0x00cf9a000000ffffull,
        [GABI_KERNEL_DS >> 3] = 0x00cf92000000ffffull,
    };

    table[index % GABI_GDT_ENTRIES] = desc;
    lguest_call(GABI_HCALL_LOAD_GDT, addr_of(table), GABI_GDT_ENTRIES, 0, 0);
}

void desc_load(uint32_t index, uint64_t desc)
{
    if (lguest_row->row < GABI_ROW_2_6_31) {
        load_by_table(index, desc);
        return;
    }
    lguest_call(GABI_HCALL_LOAD_GDT_ENTRY, index, (uint32_t)desc,
                (uint32_t)(desc >> 32), 0);
}

void desc_load_tls(const uint64_t tls[GABI_TLS_ENTRIES])
{
    lguest_call(GABI_HCALL_LOAD_TLS, addr_of(tls), 0, 0, 0);
}

void desc_init(void)
{
    desc_load(USER_CS >> 3, desc_make(0, 0xfffff, DESC_CODE | DESC_DPL(3),
                                      DESC_FLAT_BITS));
    desc_load(USER_DS >> 3, desc_make(0, 0xfffff, DESC_DATA | DESC_DPL(3),
                                      DESC_FLAT_BITS));
}
