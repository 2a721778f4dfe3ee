/* SPDX-License-Identifier: MIT */
/* The first hypercall (ABI 3.3, 3.4; HC-01 to HC-03, AR-08, AR-09): every revision,
 * every bad value with its sentence.
 * units: tests/host/hcall_fixture.c hv/hcall.c hv/hcall_args.c hv/ring.c
 * units: hv/vidt.c hv/vgdt.c hv/abi.c
 */
#include "hcall_fixture.h"

TEST(first_call_must_be_init)
{
    static const uint32_t nrs[] = {0, 2, 3, 4, 5, 10, 18, 19, 20, 31, 32, 255, 0x80000001,
                                   0xffffffff};

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(nrs); i++) {
        char text[64];

        boot();
        row = NULL;
        call(nrs[i], LGDATA, 0, 0, 0);
        (void)snprintf(text, sizeof(text), "hypercall %u before INIT", nrs[i]);
        expect_kill(text);
        EXPECT(g->abi == NULL);
    }
}

TEST(init_of_each_revision)
{
    for (uint32_t rev = ABI_2_6_24; rev < ABI_NR; rev++) {
        fake_arch.tsc_khz = 2400000;
        boot();
        fill_lgdata(rev);
        g->boot_pgdir = 0x7000;
        g->config.abi = rev;
        call(HCALL_INIT, LGDATA, 0, 0, 0);
        REQUIRE(!guest_is_dead(g));
        EXPECT(g->abi == row);
        EXPECT_EQ(g->lguest_data, LGDATA);
        EXPECT_EQ(g->kernel_address, KERNEL);
        EXPECT_EQ(g->syscall_vec, 0x80);
        EXPECT_EQ(get32(row->tsc_khz), 2400000);
        EXPECT_EQ(get32(row->reserve_mem), 0x400000);
        if (row->pgdir != ABI_NO_FIELD)
            EXPECT_EQ(get32(row->pgdir), 0x7000);
        if (row->noirq_iret != ABI_NO_FIELD)
            EXPECT(g->noirq_start == KERNEL + 0x1234 && g->noirq_end == KERNEL + 0x1235);
        else
            EXPECT(g->noirq_start == KERNEL + 0x1000 && g->noirq_end == KERNEL + 0x1008);
        EXPECT_STR(seen.what, "drop_all");
        EXPECT_EQ(v->arch.lgdata_frame[0].v, 0x105);
        EXPECT_EQ(v->arch.lgdata_frame[1].v, 0x106);
        EXPECT_EQ((uint32_t)(uintptr_t)v->irq_enabled, 0xffe04f00u);
    }
}

/* HC-02. */
TEST(init_twice)
{
    up();
    call(HCALL_INIT, 0x9000, 0, 0, 0);
    expect_kill("already have lguest_data");
    EXPECT_EQ(g->lguest_data, LGDATA);
}

/* HC-03. */
TEST(init_structure_outside_memory)
{
    static const uint32_t bad[] = {LIMIT - 4, 0, LIMIT, LIMIT + 4, 0x7ffffffc,
                                   0x80000000, 0xfffff000, 0xfffffffc, 0xfffffffd,
                                   0xffffffff, LGDATA + 1, LGDATA + 2};

    for (uint32_t rev = ABI_2_6_24; rev < ABI_NR; rev++) {
        for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
            boot();
            row = &abi_rows[rev];
            g->config.abi = rev;
            /* 0 stands for the last place that is too high. */
            call(HCALL_INIT, bad[i] ? bad[i] : LIMIT - row->size_bytes + 4u, 0, 0, 0);
            expect_kill("bad guest page");
        }
    }
}

/* AR-09, AR-08. */
TEST(init_bad_values)
{
    static const uint32_t vecs[] = {0, 1, 2, 8, 13, 14, 31, 0x1f, 0x20, 0x2f, 0x41, 0x7f,
                                    0x81, 255, 256, 300, 0x180, 0x10080, 0xffffffff};
    static const uint32_t kernels[] = {0, 1, 0x1000, 0x200000, 0xc0000001, 0xc0200000,
                                       0xffc00000, 0xffe00000, 0xffffffff};

    for (uint32_t rev = ABI_2_6_24; rev < ABI_NR; rev++) {
        for (uint32_t i = 0; i < HV_ARRAY_SIZE(vecs); i++) {
            boot();
            fill_lgdata(rev);
            put32(row->syscall_vec, vecs[i]);
            g->config.abi = rev;
            call(HCALL_INIT, LGDATA, 0, 0, 0);
            expect_kill("bad syscall vector");
        }
        for (uint32_t i = 0; i < HV_ARRAY_SIZE(kernels); i++) {
            boot();
            fill_lgdata(rev);
            put32(row->kernel_address, kernels[i]);
            g->config.abi = rev;
            call(HCALL_INIT, LGDATA, 0, 0, 0);
            expect_kill("bad kernel address");
        }
    }
    boot();
    fill_lgdata(ABI_3_1);
    put32(row->syscall_vec, 0x40);
    g->config.abi = ABI_3_1;
    call(HCALL_INIT, LGDATA, 0, 0, 0);
    EXPECT(!guest_is_dead(g));
    EXPECT_EQ(g->syscall_vec, 0x40);
}
