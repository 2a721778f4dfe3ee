/* SPDX-License-Identifier: MIT */
/* Hypercalls with every edge value of their arguments (ABI 2.3, 13;
 * HC-04 to HC-18, HC-24): what is bad kills with its sentence,
 * what is not does its work and changes no register. */
#include "hcall_fixture.h"

/* ---- dispatch ---- */

/* HC-04. */
TEST(numbers_that_are_no_calls)
{
    up();
    for (uint32_t nr = 0; nr < 600; nr++) {
        char text[64];

        if (nr < 20 && nr != 11 && nr != 12)
            continue;
        call(nr, 0, 0, 0, 0);
        (void)snprintf(text, sizeof(text), "bad hypercall %u", nr);
        expect_kill(text);
    }
    call(0x80000000, 0, 0, 0, 0);
    expect_kill("bad hypercall 2147483648");
    call(0xffffffff, 0, 0, 0, 0);
    expect_kill("bad hypercall 4294967295");
    call(GABI_HCALL_LOAD_GDT, 0, 0, 0, 0); /* gone since 2.6.31 */
    expect_kill("bad hypercall 3");
}

TEST(arguments_arrive)
{
    for (uint32_t rev = ABI_2_6_24; rev < ABI_NR; rev++) {
        uint32_t d;

        init_with(rev);
        REQUIRE(!guest_is_dead(g));
        d = row->edx_order ? 0x5a5a5a5a : 4;
        call(GABI_HCALL_SET_PTE, 0x1000, 0xc0001000, 0x2067, 4);
        EXPECT(!strcmp(seen.what, "set_pte") && seen.a == 0x1000 && seen.b == 0xc0001000 &&
               seen.c == 0x2067 && (row->edx_order || seen.d == d));
        call(GABI_HCALL_SET_PGD, 0x3000, 5, 0, 0);
        EXPECT(!strcmp(seen.what, "set_pgd") && seen.a == 0x3000 && seen.b == 5);
        call(GABI_HCALL_FLUSH_TLB, 0, 0, 0, 0);
        EXPECT_STR(seen.what, "flush_user");
        call(GABI_HCALL_FLUSH_TLB, 0x80000000, 0, 0, 0);
        EXPECT_STR(seen.what, "flush_all");
        call(GABI_HCALL_SET_CLOCKEVENT, 0xffffffff, 0, 0, 0);
        EXPECT(!strcmp(seen.what, "clockevent") && seen.a == 0xffffffff);
        EXPECT_EQ(nr_seen, 5);
        call(GABI_HCALL_FLUSH_ASYNC, 1, 2, 3, 4);
        call(GABI_HCALL_TS, 8, 0, 0, 0);
        EXPECT(v->ts && fake_arch.ts);
        call(GABI_HCALL_TS, 0, 0, 0, 0);
        EXPECT(!v->ts && !fake_arch.ts);
        call(GABI_HCALL_HALT, 0, 0, 0, 0);
        EXPECT(v->todo & VCPU_TODO_HALTED);
        EXPECT_EQ(get32(0), 0x200); /* HALT opens interrupts */
        EXPECT_EQ(nr_seen, 5);
        EXPECT(!guest_is_dead(g));
    }
}

TEST(notify)
{
    up();
    call(GABI_HCALL_NOTIFY, 0x1234, 0, 0, 0);
    EXPECT(!strcmp(seen.what, "notify") && seen.a == 0x1234 && !guest_is_dead(g));
    notify_ok = false;
    call(GABI_HCALL_NOTIFY, 0xffffffff, 0, 0, 0);
    expect_kill("bad notify address 0xffffffff");
}

TEST(first_reason_is_kept)
{
    up();
    call(255, 0, 0, 0, 0);
    call(GABI_HCALL_INIT, 0, 0, 0, 0);
    call(GABI_HCALL_SHUTDOWN, 0, 2, 0, 0);
    EXPECT_EQ(g->end, END_KILLED);
    EXPECT_STR(g->reason, "bad hypercall 255");
}

/* The ring goes first (AR-01), and a kill in it ends the exit. */
TEST(ring_before_the_call)
{
    uint32_t slot[5] = {GABI_HCALL_SET_PGD, 0x3000, 9, 0, 0};

    up();
    memcpy(mem + LGDATA + row->hcalls, slot, sizeof(slot));
    mem[LGDATA + row->hcall_status] = 0;
    call(GABI_HCALL_FLUSH_TLB, 1, 0, 0, 0);
    EXPECT_EQ(nr_seen, 2);
    EXPECT_STR(seen.what, "flush_all");
    EXPECT_EQ(mem[LGDATA + row->hcall_status], 0xff);
    slot[0] = 77;
    memcpy(mem + LGDATA + row->hcalls + 20, slot, sizeof(slot));
    mem[LGDATA + row->hcall_status + 1] = 0;
    call(GABI_HCALL_FLUSH_TLB, 1, 0, 0, 0);
    EXPECT_EQ(nr_seen, 2);
    expect_kill("bad hypercall 77");
}

/* ---- page tables ---- */

/* ABI 3.4: PAE shows in the first four quadwords, or in the alignment. */
TEST(pae_is_seen_from_the_first_table)
{
    static const struct {
        uint32_t q[8];
        bool pae;
    } tables[] = {
        {{0x2001, 0, 0, 0, 0, 0, 0x3001, 0}, true},
        {{0, 0, 0, 0, 0, 0, 0x3001, 0}, true},
        {{0x2001, 0, 0x2001, 0, 0x2001, 0, 0x2001, 0}, true},
        {{0, 0, 0, 0, 0, 0, 0, 0}, false},
        {{0x2067, 0x3067, 0, 0, 0, 0, 0, 0}, false},
        {{0x2063, 0, 0, 0, 0, 0, 0, 0}, false},
        {{0x2001, 1, 0, 0, 0, 0, 0, 0}, false},
        {{0x2001, 0, 0x67, 0, 0, 0, 0, 0}, false},
        {{0x2001, 0, 0, 0, 0, 0, 0, 0x3001}, false},
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(tables); i++) {
        up();
        memcpy(mem + 0x1000, tables[i].q, 32);
        call(GABI_HCALL_NEW_PGTABLE, 0x1000, 0, 0, 0);
        EXPECT(!guest_is_dead(g) && g->pae_known);
        EXPECT_EQ(g->pae, tables[i].pae);
        EXPECT(!strcmp(seen.what, "new_pgtable") && seen.a == 0x1000);
        /* Only once. */
        memset(mem + 0x1000, 0, 32);
        call(GABI_HCALL_NEW_PGTABLE, 0x1000, 0, 0, 0);
        EXPECT_EQ(g->pae, tables[i].pae);
    }
    up();
    call(GABI_HCALL_NEW_PGTABLE, 0x1020, 0, 0, 0);
    EXPECT(g->pae);
    up(); /* beyond memory: decided, and left to the shadow to refuse */
    call(GABI_HCALL_NEW_PGTABLE, 0xfffff000, 0, 0, 0);
    EXPECT(!g->pae);
}

TEST(pae_must_fit_the_boot_tables)
{
    static const uint32_t q[8] = {0x2001};

    up();
    g->linear = false;
    memcpy(mem + 0x1000, q, 32);
    call(GABI_HCALL_NEW_PGTABLE, 0x1000, 0, 0, 0);
    expect_kill("pae=1");
    up();
    g->linear = false;
    g->pae = true;
    call(GABI_HCALL_NEW_PGTABLE, 0x1000, 0, 0, 0);
    expect_kill("pae=0");
}

/* ---- stacks (HC-14, HC-15) ---- */

TEST(stack_selectors)
{
    up();
    for (uint32_t i = 0; i < 32; i++)
        v->arch.gdt[i] = 0x00cfb3000000ffffull;
    v->arch.gdt[12] = 0x00cfbb000000ffffull; /* code */
    v->arch.gdt[14] = 0x00cff3000000ffffull; /* ring 3 */
    v->arch.gdt[15] = 0x00cfb1000000ffffull; /* read-only */
    v->arch.gdt[17] = 0x00cf33000000ffffull; /* absent */
    v->arch.gdt[18] = 0;
    for (uint32_t sel = 0; sel < 0x110; sel++) {
        uint32_t i = sel >> 3;
        bool good = (sel & 7) == 1 && i > 0 && i < 32 && i != 10 && i != 11 && i != 16 &&
                    i != 31 && i != 12 && i != 14 && i != 15 && i != 17 && i != 18;

        v->ss1 = 0;
        call(GABI_HCALL_SET_STACK, sel, 0xc0008000, 2, 0);
        if (good)
            EXPECT(!guest_is_dead(g) && v->ss1 == sel && fake_arch.ss1 == sel);
        else
            expect_kill("bad stack segment");
    }
    call(GABI_HCALL_SET_STACK, 0x10069, 0xc0008000, 2, 0);
    expect_kill("bad stack segment");
    call(GABI_HCALL_SET_STACK, 0xffffffff, 0xc0008000, 2, 0);
    expect_kill("bad stack segment");
}

TEST(stack_pages_and_places)
{
    static const uint32_t bad_tops[] = {0, 0xffc00001, 0xffe02000, 0xffffffff};
    static const uint32_t good_tops[] = {1, 0x1000, 0xc0008000, 0xffc00000};

    up();
    for (uint32_t n = 0; n < 3; n++) {
        call(GABI_HCALL_SET_STACK, 0x69, 0xc0008000 + n, n, 0);
        EXPECT(!guest_is_dead(g) && v->stack_pages == n && v->esp1 == 0xc0008000 + n &&
               fake_arch.esp1 == 0xc0008000 + n);
        EXPECT_EQ(pinned, n + 1);
    }
    for (uint32_t n = 3; n; n <<= 1) {
        call(GABI_HCALL_SET_STACK, 0x69, 0xc0008000, n, 0);
        expect_kill("bad stack pages");
    }
    call(GABI_HCALL_SET_STACK, 0x69, 0xc0008000, 0xffffffff, 0);
    expect_kill("bad stack pages");
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad_tops); i++) {
        call(GABI_HCALL_SET_STACK, 0x69, bad_tops[i], 1, 0);
        expect_kill("bad stack page");
    }
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(good_tops); i++) {
        call(GABI_HCALL_SET_STACK, 0x69, good_tops[i], 1, 0);
        EXPECT(!guest_is_dead(g));
    }
}

/* ---- descriptors ---- */

/* HC-08. */
TEST(gdt_entries)
{
    static const uint32_t bad[] = {32, 33, 0x20000000, 0x7fffffff, 0xffffffff};

    up();
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        call(GABI_HCALL_LOAD_GDT_ENTRY, bad[i], 0xffff, 0x00cf9300, 0);
        expect_kill("too many gdt entries");
    }
    call(GABI_HCALL_LOAD_GDT_ENTRY, 27, 0x1234ffff, 0x00cf9356, 0);
    EXPECT_EQ(v->arch.gdt[27], 0x00cfb3561234ffffull);
    call(GABI_HCALL_LOAD_GDT_ENTRY, 10, 0xffff, 0x00cf9300, 0);
    EXPECT_EQ(v->arch.gdt[10], 0);
    EXPECT(!guest_is_dead(g));
}

TEST(gdt_table_of_the_old_kernels)
{
    for (uint32_t rev = ABI_2_6_24; rev <= ABI_2_6_30; rev++) {
        uint64_t d = 0x00cf93000000ffffull;

        init_with(rev);
        for (uint32_t i = 0; i < 32; i++)
            memcpy(mem + LIMIT - 256 + i * 8, &d, 8);
        call(GABI_HCALL_LOAD_GDT, LIMIT - 256, 33, 0, 0);
        expect_kill("too many gdt entries");
        call(GABI_HCALL_LOAD_GDT, LIMIT - 256, 0x20000000, 0, 0);
        expect_kill("too many gdt entries");
        call(GABI_HCALL_LOAD_GDT, LIMIT - 248, 32, 0, 0);
        expect_kill("bad read address");
        call(GABI_HCALL_LOAD_GDT, 0xffffffff, 32, 0, 0);
        expect_kill("bad read address");
        EXPECT_EQ(v->arch.gdt[5], 0);
        call(GABI_HCALL_LOAD_GDT, LIMIT - 256, 32, 0, 0);
        EXPECT(!guest_is_dead(g));
        EXPECT_EQ(v->arch.gdt[5], 0x00cfb3000000ffffull);
        EXPECT_EQ(v->arch.gdt[16], 0);
        call(GABI_HCALL_LOAD_GDT, 0x1000, 0, 0, 0);
        EXPECT(!guest_is_dead(g));
    }
}

/* HC-17. */
TEST(tls_ranges)
{
    static const uint32_t bad[] = {LIMIT - 23, LIMIT - 20, LIMIT - 4, LIMIT - 1, LIMIT, 0x80000000,
                                   0xffffffe8, 0xffffffec, 0xffffffff};

    up();
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        call(GABI_HCALL_LOAD_TLS, bad[i], 0, 0, 0);
        expect_kill("bad read address");
        EXPECT_EQ(v->arch.gdt[6] | v->arch.gdt[7] | v->arch.gdt[8], 0);
    }
    mem[LIMIT - 24 + 5] = 0xf2;
    call(GABI_HCALL_LOAD_TLS, LIMIT - 24, 77, 0, 0);
    EXPECT(!guest_is_dead(g));
    EXPECT_EQ(v->arch.gdt[6], 0x0000f30000000000ull);
}

TEST(idt_entries)
{
    up();
    call(GABI_HCALL_LOAD_IDT_ENTRY, 256, 0, 0xc0008e00, 0);
    expect_kill("idt entry 256");
    call(GABI_HCALL_LOAD_IDT_ENTRY, 0xffffffff, 0, 0xc0008e00, 0);
    expect_kill("idt entry");
    call(GABI_HCALL_LOAD_IDT_ENTRY, 3, 0, 0xc0008500, 0);
    expect_kill("bad IDT type 5");
    call(GABI_HCALL_LOAD_IDT_ENTRY, 3, 0x00501234, 0xc000ee00, 0);
    EXPECT_EQ(g->vidt_hi[3], 0xc000ee00);
    EXPECT_EQ(g->vidt_eip[3], 0xc0001234);
}

/* ---- SHUTDOWN (HC-16) ---- */

static void shut(const char *text, uint32_t how, enum guest_end end, const char *reason)
{
    up();
    memset(mem + 0x3000, 0x7e, 0x1000);
    memcpy(mem + 0x3000, text, strlen(text) + 1);
    call(GABI_HCALL_SHUTDOWN, 0x3000, how, 0, 0);
    EXPECT_EQ(g->end, end);
    EXPECT_STR(g->reason, reason);
}

TEST(shutdown_texts)
{
    shut("Power down", 1, END_POWEROFF, "Power down");
    shut("PASS", 1, END_POWEROFF, "PASS");
    shut("SKIP: no FPU", 1, END_POWEROFF, "SKIP: no FPU");
    shut("SKIP", 1, END_CRASH, "SKIP");
    shut("PASSED", 1, END_CRASH, "PASSED");
    shut("Fatal exception", 0, END_CRASH, "Fatal exception");
    shut("anything", 2, END_REBOOT, "anything");
    shut("", 2, END_REBOOT, "restart");
    shut("", 1, END_CRASH, "no text");
    shut("\x1b[2J\r\n\x80", 1, END_CRASH, "\\x1b[2J\\x0d\\x0a\\x80");
}

TEST(shutdown_text_out_of_reach)
{
    char text[200];

    up(); /* Linux reboots with a text that is nowhere */
    call(GABI_HCALL_SHUTDOWN, 0x40000000, 2, 0, 0);
    EXPECT_EQ(g->end, END_REBOOT);
    EXPECT_STR(g->reason, "restart");
    up();
    call(GABI_HCALL_SHUTDOWN, 0xffffffff, 1, 0, 0);
    EXPECT_EQ(g->end, END_CRASH);
    up();
    memset(mem + LIMIT - 3, 'z', 3);
    call(GABI_HCALL_SHUTDOWN, LIMIT - 3, 1, 0, 0);
    EXPECT_STR(g->reason, "zzz");
    up();
    memset(mem + 0x3000, 'y', 0x1000);
    call(GABI_HCALL_SHUTDOWN, 0x3000, 1, 0, 0);
    EXPECT(strlen(g->reason) <= 127 && strlen(g->reason) > 100);
    memset(text, 0, sizeof(text));
    up();
    memset(mem + 0x3000, 1, 0x1000);
    call(GABI_HCALL_SHUTDOWN, 0x3000, 1, 0, 0);
    EXPECT(strlen(g->reason) <= 127);
    EXPECT(!strncmp(g->reason, "\\x01\\x01", 8));
}

/* ---- HC-24 ---- */

/* Random calls with edge values: no crash, and whoever dies has a reason. */
TEST(random_calls)
{
    static const uint32_t corpus[] = {0, 1, 2, 3, 8, 31, 32, 64, 0xff, 0x100, 0xfff,
                                      0x1000, 0x5000, LIMIT - 1, LIMIT, LIMIT - 24,
                                      0x69, 0x61, 0x7fffffff, 0x80000000, 0xc0000000,
                                      0xffbfffff, 0xffc00000, 0xffe00000, 0xfffff000,
                                      0xffffffff};
    struct test_rng rng = {24};
    uint32_t kills = 0;

    for (uint32_t n = 0; n < 20000; n++) {
        uint32_t a[5];

        if (n % 50 == 0) {
            if (n)
                fake_gmem_free(g);
            init_with(ABI_2_6_24 + test_random_below(&rng, ABI_NR - ABI_2_6_24));
            REQUIRE(!guest_is_dead(g));
        }
        for (uint32_t i = 0; i < 5; i++)
            a[i] = test_random_below(&rng, 4)
                       ? corpus[test_random_below(&rng, HV_ARRAY_SIZE(corpus))]
                       : test_random(&rng);
        call(test_random_below(&rng, 3) ? test_random_below(&rng, 21) : a[0], a[1], a[2],
             a[3], a[4]);
        if (guest_is_dead(g)) {
            kills++;
            EXPECT(g->reason[0] != '\0');
            g->end = END_NONE;
            v->todo = 0;
        }
    }
    EXPECT(kills > 1000);
}
