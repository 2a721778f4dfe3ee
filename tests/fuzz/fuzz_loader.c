/* SPDX-License-Identifier: MIT */
/* The loader on any image.  The first 8 bytes choose memory, ABI row, paging and
 * the size of an initrd, the rest is the image.  A refused image must not have
 * written anything, a good one nothing outside RAM; the entry lies in RAM. */
#include "fuzz.h"

#include "hv/gmem.h"
#include "hv/guest.h"
#include "hv/loader.h"
#include "hv/range.h"

#define RAM_MAX (8u << 20)

static uint8_t ram[RAM_MAX];
static uint32_t ram_bytes, writes, written_to, written_from;

/* Takes the place of the fake's: notes where was written. */
bool gmem_write(struct guest *g, gpa_t dst, const void *src, uint32_t len)
{
    (void)g;
    FUZZ_ASSERT(range_fits(dst.v, len, ram_bytes));
    memcpy(ram + dst.v, src, len);
    writes++;
    if (dst.v < written_from)
        written_from = dst.v;
    if (dst.v + len > written_to)
        written_to = dst.v + len;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct guest g;
    static struct guest_config c;
    static uint8_t initrd[RAM_MAX];
    struct fuzz_input in = {data, size};
    struct load_result res = {0};
    char err[100] = "";
    int rc;

    if (size > 1u << 20)
        return 0;
    memset(&c, 0, sizeof(c));
    g.ram_pages = 1 + fuzz_take(&in, 2) % (RAM_MAX / 4096);
    ram_bytes = g.ram_pages * 4096;
    c.abi = (enum abi_revision)(fuzz_take(&in, 1) % ABI_NR);
    c.pae = (int)(fuzz_take(&in, 1) % 3) - 1;
    c.initrd = (struct blob){initrd, fuzz_take(&in, 3) % sizeof(initrd)};
    memset(c.cmdline, 'x', fuzz_take(&in, 1) * 8 + 7);
    c.kernel = (struct blob){in.p, (uint32_t)in.n};
    written_from = RAM_MAX;
    written_to = writes = 0;
    rc = loader_load(&g, &c, &res, err, sizeof(err));
    FUZZ_ASSERT(memchr(err, 0, sizeof(err)));
    if (rc < 0) {
        FUZZ_ASSERT(err[0] != '\0' && writes == 0);
        return 0;
    }
    FUZZ_ASSERT(rc == 0 && writes > 0 && written_to <= ram_bytes);
    FUZZ_ASSERT(res.entry < ram_bytes && (uint32_t)res.version < ABI_NR);
    FUZZ_ASSERT((res.pgdir & 0xfff) == 0 && res.pgdir < ram_bytes);
    FUZZ_ASSERT(ram[0x1ef] == 0 && ram[0x23c] == 1);
    memset(ram + written_from, 0, written_to - written_from);
    return 0;
}
