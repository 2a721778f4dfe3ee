/* SPDX-License-Identifier: MIT */
/* The rows of the guest interface and the probe (ABI 3.1, 3.4, 14), with
 * structures as guests of each row lay them out, and with one value at a time
 * put wrong. */
#include "test.h"

#include "hv/abi.h"
#include "hv/range.h"

#define RAM_BYTES 0x10000u
#define AT 0x2ff0u /* crosses a page */

static uint8_t ram[RAM_BYTES];

static bool read_ram(void *ctx, uint32_t pa, void *dst, uint32_t len)
{
    uint32_t *reads = ctx;

    if (reads)
        (*reads)++;
    if (!range_fits(pa, len, RAM_BYTES))
        return false;
    memcpy(dst, ram + pa, len);
    return true;
}

static void put32(uint32_t at, uint32_t v)
{
    memcpy(ram + at, &v, 4);
}

/* What a kernel of this row has in its .data. */
static void lay_out(uint32_t at, const struct abi_row *row)
{
    memset(ram, 0, sizeof(ram));
    put32(at + 4, 1);
    memset(ram + at + row->hcall_status, 0xff, 64);
    put32(at + row->kernel_address, 0xc0000000);
    put32(at + row->syscall_vec, 0x80);
    if (row->noirq_iret != ABI_NO_FIELD) {
        put32(at + row->noirq_iret, 0xc1001234);
    } else {
        put32(at + row->noirq_start, 0xc1001234);
        put32(at + row->noirq_end, 0xc100123a);
    }
}

static struct abi_probe_in call_of(const struct abi_row *row, uint32_t at)
{
    struct abi_probe_in in = {
        .via = row->rev == ABI_2_6_30 ? ABI_VIA_VMCALL : ABI_VIA_INT,
        .ebx = 0x55555555, .edx = 0x66666666, .read = read_ram,
    };

    if (row->edx_order)
        in.edx = at;
    else
        in.ebx = at;
    return in;
}

static struct abi_probe_out probe(const struct abi_probe_in *in)
{
    struct abi_probe_out out;

    abi_probe(in, &out);
    return out;
}

static void expect(const struct abi_probe_in *in, enum abi_revision rev,
                   uint32_t at, bool exact)
{
    struct abi_probe_out out = probe(in);

    REQUIRE(out.row != NULL);
    EXPECT_EQ(out.row->rev, rev);
    EXPECT_EQ(out.lguest_data, at);
    EXPECT_EQ(out.exact, exact);
}

/* Fields lie behind each other without gap, except where section 3.1 says. */
TEST(rows_are_consistent)
{
    static const uint16_t sizes[] = {0, 0x470, 0x470, 0x574, 0x570, 0x56c};

    for (int rev = ABI_2_6_24; rev < ABI_NR; rev++) {
        const struct abi_row *r = &abi_rows[rev];
        uint32_t at = r->irq_pending == ABI_NO_FIELD ? 0x14 : 0x18;

        EXPECT_EQ(r->rev, rev);
        EXPECT_EQ(r->size_bytes, sizes[rev]);
        EXPECT_EQ(r->hcall_status, at);
        EXPECT_EQ(r->irq_pending, rev >= ABI_2_6_31 ? 0x14 : ABI_NO_FIELD);
        EXPECT_EQ(r->hcalls, at + 64);
        EXPECT_EQ(r->reserve_mem, at + 64 + 64u * r->slot_bytes);
        EXPECT_EQ(r->tsc_khz, r->reserve_mem + 4);
        EXPECT_EQ(r->syscall_vec, r->size_bytes - 4);
        EXPECT_EQ(r->kernel_address, r->size_bytes - 8);
        EXPECT_EQ(r->slot_bytes, rev >= ABI_2_6_31 ? 20 : 16);
        EXPECT_EQ(r->edx_order, rev == ABI_2_6_24);
        EXPECT_EQ(r->has_gdt_table, rev <= ABI_2_6_30);
        EXPECT_EQ(r->has_pae, rev >= ABI_2_6_31);
        EXPECT_EQ(r->pgdir != ABI_NO_FIELD, rev <= ABI_2_6_31);
        EXPECT((r->noirq_iret == ABI_NO_FIELD) == (rev != ABI_4_1));
        EXPECT((r->noirq_start == ABI_NO_FIELD) == (rev == ABI_4_1));
    }
    EXPECT_STR(abi_rows[ABI_2_6_24].name, "2.6.24");
    EXPECT_STR(abi_rows[ABI_2_6_30].name, "2.6.30");
    EXPECT_STR(abi_rows[ABI_2_6_31].name, "2.6.31");
    EXPECT_STR(abi_rows[ABI_3_1].name, "3.1");
    EXPECT_STR(abi_rows[ABI_4_1].name, "4.1");
    EXPECT_EQ(abi_rows[ABI_2_6_31].pgdir, 0x560);
    EXPECT_EQ(abi_rows[ABI_2_6_31].noirq_start, 0x564);
    EXPECT_EQ(abi_rows[ABI_3_1].noirq_end, 0x564);
    EXPECT_EQ(abi_rows[ABI_2_6_24].pgdir, 0x45c);
    EXPECT_EQ(abi_rows[ABI_2_6_24].noirq_end, 0x464);
}

TEST(each_row_is_found)
{
    for (int rev = ABI_2_6_24; rev < ABI_NR; rev++) {
        struct abi_probe_in in = call_of(&abi_rows[rev], AT);

        lay_out(AT, &abi_rows[rev]);
        expect(&in, rev, AT, true);
        put32(AT, 0x200); /* irq_enabled already set */
        expect(&in, rev, AT, true);
        /* What the configuration says does not beat what is seen. */
        in.config = in.image = rev == ABI_3_1 ? ABI_4_1 : ABI_3_1;
        expect(&in, rev, AT, true);
    }
}

TEST(rows_of_the_vmcall_era)
{
    struct abi_probe_in in = call_of(&abi_rows[ABI_2_6_31], AT);

    lay_out(AT, &abi_rows[ABI_2_6_31]);
    in.via = ABI_VIA_VMCALL;
    expect(&in, ABI_2_6_31, AT, true);
    /* EBX order with the oldest layout is 2.6.30 whatever the instruction. */
    in = call_of(&abi_rows[ABI_2_6_30], AT);
    in.via = ABI_VIA_INT;
    lay_out(AT, &abi_rows[ABI_2_6_30]);
    expect(&in, ABI_2_6_30, AT, true);
    /* A 3.1 structure cannot come by vmcall: taken for the newest that can. */
    in = call_of(&abi_rows[ABI_3_1], AT);
    in.via = ABI_VIA_VMCALL;
    lay_out(AT, &abi_rows[ABI_3_1]);
    expect(&in, ABI_2_6_31, AT, false);
}

TEST(pae_kernels_have_another_address)
{
    struct abi_probe_in in = call_of(&abi_rows[ABI_3_1], AT);

    lay_out(AT, &abi_rows[ABI_3_1]);
    put32(AT + 0x568, 0x40000000);
    put32(AT + 0x560, 0x41000000);
    put32(AT + 0x564, 0x41000006);
    expect(&in, ABI_3_1, AT, true);
    put32(AT + 0x56c, 0x40);
    expect(&in, ABI_3_1, AT, true);
}

/* Each condition on its own keeps the match from being exact. */
TEST(one_wrong_value_is_no_exact_match)
{
    static const struct {
        uint32_t at, value;
    } wrong[] = {
        {0x0, 1}, {0x0, 0xffffffff}, {0x4, 0}, {0x4, 3}, {0x8, 1},
        {0x568, 0xc0100000}, {0x568, 0}, {0x568, 0x3fc00000},
        {0x568, 0xffffffff}, {0x56c, 0}, {0x56c, 13}, {0x56c, 0x180},
        {0x560, 0xbfffffff}, {0x564, 0xc1001234}, {0x564, 0xc1001274},
        {0x564, 0}, {0x18, 0xffff00ff}, {0x54, 0x7fffffff},
        {0x14, 0xff000000}, {0x58, 0x000000ff},
    };
    struct abi_probe_in in = call_of(&abi_rows[ABI_3_1], AT);

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(wrong); i++) {
        lay_out(AT, &abi_rows[ABI_3_1]);
        put32(AT + wrong[i].at, wrong[i].value);
        in.image = ABI_3_1;
        in.config = ABI_AUTO;
        expect(&in, ABI_3_1, AT, false);
        in.image = ABI_AUTO;
        in.config = ABI_3_1;
        expect(&in, ABI_3_1, AT, false);
    }
    /* The window may be as long as 63 bytes. */
    lay_out(AT, &abi_rows[ABI_3_1]);
    put32(AT + 0x564, 0xc1001234 + 63);
    expect(&in, ABI_3_1, AT, true);
}

/* Rows with a pgdir field want it 0, and a window may begin where the kernel
 * does. */
TEST(pgdir_and_the_edges_of_the_window)
{
    for (int rev = ABI_2_6_24; rev <= ABI_2_6_31; rev++) {
        const struct abi_row *row = &abi_rows[rev];
        struct abi_probe_in in = call_of(row, AT);

        in.image = rev;
        lay_out(AT, row);
        put32(AT + row->noirq_start, 0xc0000000);
        put32(AT + row->noirq_end, 0xc0000001);
        expect(&in, rev, AT, true);
        put32(AT + row->pgdir, 0x1000);
        expect(&in, rev, AT, false);
    }
    struct abi_probe_in in = call_of(&abi_rows[ABI_4_1], AT);

    lay_out(AT, &abi_rows[ABI_4_1]);
    in.image = ABI_4_1;
    put32(AT + 0x560, 0xc0000000);
    expect(&in, ABI_4_1, AT, true);
    put32(AT + 0x560, 0xbfffffff);
    expect(&in, ABI_4_1, AT, false);
}

TEST(image_beats_configuration)
{
    struct abi_probe_in in = call_of(&abi_rows[ABI_3_1], AT);

    memset(ram, 0, sizeof(ram));
    in.image = ABI_2_6_24;
    in.config = ABI_4_1;
    in.edx = 0x1234;
    expect(&in, ABI_2_6_24, 0x1234, false);
}

/* Without a word from anybody: the way of the call and where the 0xff run is. */
TEST(guess_by_the_status_bytes)
{
    struct abi_probe_in in = call_of(&abi_rows[ABI_4_1], AT);

    memset(ram, 0, sizeof(ram));
    memset(ram + AT + 0x18, 0xff, 64);
    expect(&in, ABI_4_1, AT, false);
    in.via = ABI_VIA_VMCALL;
    expect(&in, ABI_2_6_31, AT, false);

    memset(ram, 0, sizeof(ram));
    memset(ram + AT + 0x14, 0xff, 64);
    expect(&in, ABI_2_6_30, AT, false);
    in.via = ABI_VIA_INT;
    expect(&in, ABI_2_6_30, AT, false);

    in.edx = AT;
    in.ebx = 0x100;
    expect(&in, ABI_2_6_24, AT, false);
    in.via = ABI_VIA_VMCALL; /* EDX order never came with vmcall */
    expect(&in, ABI_2_6_31, 0x100, false);

    /* irq_pending all ones: the run seems to begin at 0x14 and is 68 long. */
    in = call_of(&abi_rows[ABI_4_1], AT);
    memset(ram, 0, sizeof(ram));
    memset(ram + AT + 0x14, 0xff, 68);
    expect(&in, ABI_4_1, AT, false);

    memset(ram, 0, sizeof(ram));
    expect(&in, ABI_4_1, AT, false);
    in.via = ABI_VIA_VMCALL;
    expect(&in, ABI_2_6_31, AT, false);

    /* A run at 0x14 with 0xff in front of it, in EBX and in EDX. */
    in = call_of(&abi_rows[ABI_4_1], AT);
    memset(ram + AT + 0x13, 0xff, 65);
    expect(&in, ABI_2_6_30, AT, false);
    in.ebx = 0x100;
    in.edx = AT;
    expect(&in, ABI_2_6_24, AT, false);
}

/* HC-03: addresses at and past every edge; nothing is read outside RAM (the
 * reader refuses), nothing wraps, the candidate comes back for the sentence. */
TEST(addresses_at_the_edges)
{
    static const uint32_t bases[] = {
        RAM_BYTES - 4, RAM_BYTES, 0xfffffffc, 0xffffffff, 0xfffffa90,
        0x80000000, 0, 1, 2, 3, 0xfffffff0,
    };
    struct abi_probe_in in = call_of(&abi_rows[ABI_3_1], AT);

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bases); i++) {
        memset(ram, 0xff, sizeof(ram));
        in.ebx = bases[i];
        EXPECT_EQ(probe(&in).lguest_data, bases[i]);
        EXPECT(!probe(&in).exact);
    }
    /* Exactly at the end of RAM is inside; four bytes on is not. */
    for (int rev = ABI_2_6_24; rev < ABI_NR; rev++) {
        uint32_t at = RAM_BYTES - abi_rows[rev].size_bytes;

        lay_out(at, &abi_rows[rev]);
        in = call_of(&abi_rows[rev], at);
        expect(&in, rev, at, true);
    }
    lay_out(AT + 2, &abi_rows[ABI_3_1]);
    in = call_of(&abi_rows[ABI_3_1], AT + 2);
    in.image = ABI_3_1;
    expect(&in, ABI_3_1, AT + 2, false); /* unaligned */
}

TEST(bounded_work)
{
    struct abi_probe_in in = call_of(&abi_rows[ABI_3_1], AT);
    uint32_t reads = 0;

    memset(ram, 0xff, sizeof(ram));
    in.ctx = &reads;
    (void)probe(&in);
    EXPECT(reads < 64);
}
