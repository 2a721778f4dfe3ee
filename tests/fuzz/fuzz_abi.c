/* SPDX-License-Identifier: MIT */
/* The layout probe on any memory: it always answers, reads a bounded number of
 * times, and calls exact only what lies in memory and is aligned. */
#include "fuzz.h"

#include "hv/abi.h"
#include "hv/range.h"

struct memory {
    const uint8_t *p;
    uint32_t n, reads;
};

static bool read_memory(void *ctx, uint32_t pa, void *dst, uint32_t len)
{
    struct memory *m = ctx;

    m->reads++;
    if (!range_fits(pa, len, m->n))
        return false;
    memcpy(dst, m->p + pa, len);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in = {data, size};
    struct abi_probe_in q = {.read = read_memory};
    struct abi_probe_out out;
    struct memory m;

    if (size > 0x10000)
        return 0;
    q.via = fuzz_take(&in, 1) & 1 ? ABI_VIA_VMCALL : ABI_VIA_INT;
    q.ebx = fuzz_take(&in, 4);
    q.edx = fuzz_take(&in, 4);
    q.config = (enum abi_revision)(fuzz_take(&in, 1) % ABI_NR);
    q.image = (enum abi_revision)(fuzz_take(&in, 1) % ABI_NR);
    m = (struct memory){in.p, (uint32_t)in.n, 0};
    q.ctx = &m;
    abi_probe(&q, &out);
    FUZZ_ASSERT(out.row >= &abi_rows[1] && out.row < &abi_rows[ABI_NR]);
    FUZZ_ASSERT(out.lguest_data == (out.row->edx_order ? q.edx : q.ebx));
    FUZZ_ASSERT(m.reads <= 100);
    if (out.exact) {
        FUZZ_ASSERT(range_fits(out.lguest_data, out.row->size_bytes, m.n));
        FUZZ_ASSERT((out.lguest_data & 3) == 0);
    } else if (q.image != ABI_AUTO) {
        FUZZ_ASSERT(out.row->rev == q.image);
    }
    return 0;
}
