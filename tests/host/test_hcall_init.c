/* SPDX-License-Identifier: MIT */
/* The first hypercall (ABI 3.3, 3.4; HC-01 to HC-03, AR-08, AR-09): every revision,
 * every bad value with its sentence. */
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
        call(GABI_HCALL_INIT, LGDATA, 0, 0, 0);
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
        EXPECT_EQ((uint32_t)(uintptr_t)v->lgdata, 0xffe04f00u);
    }
}

/* HC-02. */
TEST(init_twice)
{
    up();
    call(GABI_HCALL_INIT, 0x9000, 0, 0, 0);
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
            call(GABI_HCALL_INIT, bad[i] ? bad[i] : LIMIT - row->size_bytes + 4u, 0, 0, 0);
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
            call(GABI_HCALL_INIT, LGDATA, 0, 0, 0);
            expect_kill("bad syscall vector");
        }
        for (uint32_t i = 0; i < HV_ARRAY_SIZE(kernels); i++) {
            boot();
            fill_lgdata(rev);
            put32(row->kernel_address, kernels[i]);
            g->config.abi = rev;
            call(GABI_HCALL_INIT, LGDATA, 0, 0, 0);
            expect_kill("bad kernel address");
        }
    }
    boot();
    fill_lgdata(ABI_3_1);
    put32(row->syscall_vec, 0x40);
    g->config.abi = ABI_3_1;
    call(GABI_HCALL_INIT, LGDATA, 0, 0, 0);
    EXPECT(!guest_is_dead(g));
    EXPECT_EQ(g->syscall_vec, 0x40);
}

#define PGDIR 0x7000u
#define PGDIR_WORD(i) (PGDIR - LGDATA + (i) * 4) /* for put32 and get32 */

/* Boot page tables of four entries for a guest whose kernel is elsewhere. */
static void init_with_kernel_at(uint32_t kernel, enum abi_revision rev, bool pae)
{
    boot();
    fill_lgdata(rev);
    put32(row->kernel_address, kernel);
    g->boot_pgdir = PGDIR;
    g->pae = pae;
    g->config.abi = rev;
    for (uint32_t i = 0; i < 1024; i++)
        put32(PGDIR_WORD(i), 0);
    for (uint32_t i = 0; i < 4; i++)
        put32(PGDIR_WORD(pae ? i * 2 : i), 0x8007 + i * 0x1000);
    call(GABI_HCALL_INIT, LGDATA, 0, 0, 0);
    REQUIRE(!guest_is_dead(g));
}

/* ABI 1.5: the second map of boot page tables is where the guest's kernel is, which
 * nobody but INIT can say. */
TEST(init_maps_memory_at_the_kernel_address)
{
    static const uint32_t kernels[] = {0x40000000, 0x78000000, 0x80000000, 0xb0000000,
                                       0xff000000, 0x00800000};

    for (uint32_t k = 0; k < HV_ARRAY_SIZE(kernels); k++) {
        uint32_t first = kernels[k] >> 22;

        init_with_kernel_at(kernels[k], ABI_2_6_31, false);
        for (uint32_t i = 0; i < 1024; i++) {
            /* What the kernel address maps is below it, and the last entry is the
             * switcher's. */
            uint32_t low = i < first || i == 1023 ? i : i - first;
            bool there = low < 4 && (i < 4 || low < first);

            EXPECT_EQ(get32(PGDIR_WORD(i)), there ? 0x8007 + low * 0x1000 : 0);
        }
    }
    for (uint32_t k = 1; k < 3; k++) {
        init_with_kernel_at(k << 30, ABI_2_6_31, true);
        for (uint32_t i = 0; i < 4; i++)
            EXPECT_EQ(get32(PGDIR_WORD(i * 2)), i == k ? 0x8007 : 0x8007 + i * 0x1000);
    }
    init_with_kernel_at(0x80000000, ABI_2_6_24, false);
    EXPECT_EQ(get32(PGDIR_WORD(512)), 0x8007);
    /* At 0xc0000000 it is there from the start. */
    init_with_kernel_at(0xc0000000, ABI_2_6_31, false);
    EXPECT_EQ(get32(PGDIR_WORD(768)), 0);
}
