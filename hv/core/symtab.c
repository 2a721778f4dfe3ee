/* SPDX-License-Identifier: MIT */
/* The embedded symbol table: addresses of all functions in ascending order,
 * written by tools/gen-symtab into the second link of the image. */
#include "hv/panic.h"

#include "hv/arch_if.h"

extern const uint32_t symtab_count;
extern const uint32_t symtab_addrs[], symtab_names[];
extern const char symtab_text[];

const char *symtab_lookup(uintptr_t addr, uint32_t *off_bytes)
{
    uint32_t lo = 0, hi = symtab_count; /* the answer lies in [lo, hi) */

    if (symtab_count == 0 || addr < symtab_addrs[0]
        || !arch_is_monitor_text(addr))
        return NULL;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (symtab_addrs[mid] <= addr)
            lo = mid;
        else
            hi = mid;
    }
    *off_bytes = (uint32_t)addr - symtab_addrs[lo];
    return symtab_text + symtab_names[lo];
}
