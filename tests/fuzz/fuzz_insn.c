/* SPDX-License-Identifier: MIT */
/* The instruction decoder on any bytes: what it recognises is within the bytes
 * it was given, needs all of them and does not depend on what follows. */
#include "fuzz.h"

#include "hv/insn.h"

static struct insn decode_exact(const uint8_t *data, uint32_t n)
{
    uint8_t *copy = malloc(n ? n : 1);
    struct insn x;

    memcpy(copy, data, n);
    x = insn_decode(copy, n);
    free(copy);
    return x;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint32_t n = size > 40 ? 40 : (uint32_t)size;
    struct insn x = decode_exact(data, n), y;

    if (x.op == INSN_UNKNOWN || x.op == INSN_TRUNCATED) {
        FUZZ_ASSERT(x.len == 0 && (x.op == INSN_UNKNOWN || n < INSN_MAX_BYTES));
        return 0;
    }
    FUZZ_ASSERT(x.len >= 1 && x.len <= n && x.len <= INSN_MAX_BYTES);
    FUZZ_ASSERT(x.op != INSN_VMCALL || x.len == 3);
    FUZZ_ASSERT((x.width != 0) == (x.op >= INSN_IN && x.op <= INSN_OUTS));
    FUZZ_ASSERT(x.width == 0 || x.width == 1 || x.width == 2 || x.width == 4);
    FUZZ_ASSERT((!x.rep && !x.addr16) || x.op == INSN_INS || x.op == INSN_OUTS);
    FUZZ_ASSERT(!x.imm_port || x.port == data[x.len - 1]);
    y = decode_exact(data, x.len);
    FUZZ_ASSERT(y.op == x.op && y.len == x.len && y.width == x.width);
    FUZZ_ASSERT(decode_exact(data, x.len - 1u).op == INSN_TRUNCATED);
    return 0;
}
