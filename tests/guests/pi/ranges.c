/* SPDX-License-Identifier: MIT */
/* Whole ranges: all 65,536 ports at both rings, all MSR numbers of the ranges that
 * CPUs use, the MSRs by name, INVLPG and the machine status word (PI-05, PI-07 to
 * PI-09, PI-12, PI-15, DB-15). */

#include "gtest.h"

/* Ports that answer: PCI configuration, the keyboard controller's status, and
 * the suite's own. */
static bool modelled(uint32_t port)
{
    return (port >= 0xcf8 && port <= 0xcff) || port == 0x64 ||
           (port >= GABI_TEST_PORT && port < GABI_TEST_PORT + 4);
}

static bool touches_modelled(uint32_t port, uint32_t width)
{
    for (uint32_t k = 0; k < width; k++) {
        if (modelled(port + k))
            return true;
    }
    return false;
}

/* PI-05: every port, in and out, three widths: ones, and nothing else of EAX. */
GT_CASE(all_ports, GT_2LEVEL)
{
    uint32_t n = 0;

    for (uint32_t port = 0; port < 0x10000; port++) {
        uint32_t a = 0x12345678, b = 0x12345678, c = 0x12345678;

        if (touches_modelled(port, 4))
            continue;
        __asm__ volatile("inb %%dx, %%al" : "+a"(a) : "d"(port));
        __asm__ volatile("inw %%dx, %%ax" : "+a"(b) : "d"(port));
        __asm__ volatile("inl %%dx, %%eax" : "+a"(c) : "d"(port));
        EXPECT_EQ_AT(port, a, 0x123456ff);
        EXPECT_EQ_AT(port, b, 0x1234ffff);
        EXPECT_EQ_AT(port, c, 0xffffffff);
        __asm__ volatile("outb %%al, %%dx" : : "a"(port), "d"(port));
        __asm__ volatile("outl %%eax, %%dx" : : "a"(port), "d"(port));
        n += 5;
    }
    print("%u port accesses compared\n", n);
}

/* PI-07: none at ring 3, also after the guest has tried to make itself a bitmap. */
GT_CASE(all_ports_ring3, GT_2LEVEL)
{
    GT_CODE(code_iomap, "movl %eax, (%ebx); ud2");
    static const uint8_t codes[][2] = {{0xec, 0x90}, {0x66, 0xef}};
    struct trap_frame f;
    uint32_t n = 0;

    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        gt_frame(ring, &f);
        f.ebx = GT_STATE_TSS + 100;
        EXPECT_EQ(gt_run(ring, code_iomap, &f), VEC_PF);
    }
    gt_frame(3, &f);
    for (uint32_t k = 0; k < ARRAY_COUNT(codes); k++) {
        memcpy(phys_ptr(GT_USER_CODE), codes[k], 2);
        for (uint32_t port = 0; port < 0x10000; port += k ? 7 : 1, n++) {
            gt_frame(3, &f);
            f.edx = port;
            EXPECT_EQ_AT(port, trap_run(&f, 0), VEC_GP);
            EXPECT_EQ_AT(port, f.errcode, 0);
            EXPECT_EQ_AT(port, f.eip, GT_USER_CODE);
        }
    }
    print("%u port accesses refused\n", n);
}

/* PI-08: rdmsr and wrmsr over the ranges that exist anywhere. */
static void msr_range(uint32_t write)
{
    static const uint32_t bases[] = {0, 0x40000000, 0xc0000000, 0xc0010000};
    struct trap_frame f;
    uint32_t n = 0;

    memcpy(gt_kernel_code, write ? "\x0f\x30\x0f\x0b" : "\x0f\x32\x0f\x0b", 4);
    for (uint32_t b = 0; b < ARRAY_COUNT(bases); b++) {
        for (uint32_t i = 0; i < 0x2000; i++, n++) {
            gt_frame(1, &f);
            f.ecx = bases[b] + i;
            f.eax = 0xabcd0000 + i;
            f.edx = ~i;
            EXPECT_EQ_AT(f.ecx, trap_run(&f, 0), VEC_GP);
            EXPECT_EQ_AT(i, f.errcode, 0);
            EXPECT_EQ_AT(i, f.eax, 0xabcd0000 + i);
            EXPECT_EQ_AT(i, f.edx, ~i);
        }
    }
    print("%u MSRs %s\n", n, write ? "not written" : "not read");
}

GT_ROW(msr_all_read, msr_range, GT_2LEVEL, .arg = 0)
GT_ROW(msr_all_write, msr_range, GT_2LEVEL, .arg = 1)

/* PI-09: the ones that would matter, with values that would hurt, from both rings.
 * The monitor reads its own back afterwards (P3); what they would do is tried. */
GT_CASE(msr_that_matter, GT_BOTH)
{
    static const uint32_t msrs[] = {
        0x1b,                        /* APIC_BASE */
        0x174, 0x175, 0x176,         /* SYSENTER */
        0x1d9, 0x600,                /* DEBUGCTL, DS_AREA */
        0x1a0, 0x277,                /* MISC_ENABLE, PAT */
        0x200, 0x201, 0x2ff,         /* MTRRs */
        0x800, 0x830, 0x83f,         /* x2APIC: ID, ICR, self IPI */
        0xc0000080, 0xc0000081, 0xc0000082, 0xc0000101, 0xc0000102,
        0x49, 0x10, 0x3a, 0x40000000,
    };
    static const uint32_t values[] = {0, 1, 0x60, 0x2cf, 0xffffffff};
    static const uint8_t wrmsr[] = {0x0f, 0x30}, sysenter[] = {0x0f, 0x34},
                         syscall[] = {0x0f, 0x05};
    struct trap_frame f;

    for (uint32_t i = 0; i < ARRAY_COUNT(msrs); i++) {
        for (uint32_t k = 0; k < ARRAY_COUNT(values) * 2; k++) {
            uint32_t ring = k & 1 ? 3 : 1;

            gt_frame(ring, &f);
            f.ecx = msrs[i];
            f.eax = f.edx = values[k / 2];
            EXPECT_EQ_AT(msrs[i], gt_run_bytes(ring, wrmsr, 2, &f), VEC_GP);
        }
    }
    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        gt_frame(ring, &f);
        EXPECT_EQ(gt_run_bytes(ring, syscall, 2, &f), VEC_UD);
        gt_frame(ring, &f);
        uint32_t v = gt_run_bytes(ring, sysenter, 2, &f);

        EXPECT(v == VEC_GP || v == VEC_UD);
        EXPECT_EQ(f.errcode, 0);
    }
}

/* PI-16 with all that makes an entry dangerous: no stack, TF, NT, DF. */
GT_CASE(sysenter_without_stack, GT_BOTH)
{
    static const uint8_t codes[][2] = {{0x0f, 0x34}, {0x0f, 0x35}, {0x0f, 0x05},
                                       {0x0f, 0x07}};
    static const uint32_t flags[] = {0, FLAG_TF, FLAG_NT, FLAG_DF,
                                     FLAG_TF | FLAG_NT | FLAG_DF | FLAG_AC};
    struct trap_frame f;

    for (uint32_t i = 0; i < ARRAY_COUNT(codes); i++) {
        for (uint32_t k = 0; k < ARRAY_COUNT(flags); k++) {
            gt_frame(3, &f);
            f.esp = 0;
            f.eflags |= flags[k];
            uint32_t v = gt_run_bytes(3, codes[i], 2, &f);

            EXPECT(v == VEC_GP || v == VEC_UD);
            EXPECT_EQ(f.errcode, 0);
            EXPECT_EQ(f.eip, GT_USER_CODE);
            EXPECT_EQ(f.esp, 0);
            EXPECT_EQ(f.eflags & flags[k], flags[k]);
        }
    }
}

/* PI-12: INVLPG of anything, by way of any segment, is a privileged instruction
 * and nothing more; and the address that it names is not looked at. */
GT_CASE(invlpg_anywhere, GT_BOTH)
{
    static const uint32_t places[] = {0, 0x1000, 0x66660000, GT_USER_DATA, 0xc0000000,
                                      GT_WINDOW_TEXT, GT_WINDOW_STATE, 0xffffffff};
    static const uint8_t codes[][5] = {
        {0x0f, 0x01, 0x3b}, {0x64, 0x0f, 0x01, 0x3b}, {0x36, 0x0f, 0x01, 0x3b},
        {0x67, 0x0f, 0x01, 0x3f}, {0x66, 0x0f, 0x38, 0x82, 0x03}, /* invpcid */
    };
    struct trap_frame f;

    for (uint32_t i = 0; i < ARRAY_COUNT(places); i++) {
        for (uint32_t k = 0; k < ARRAY_COUNT(codes) * 2; k++) {
            uint32_t ring = k & 1 ? 3 : 1, before = lg_cr2;

            gt_frame(ring, &f);
            f.ebx = places[i];
            f.fs = 0; /* a null segment */
            uint32_t v = gt_run_bytes(ring, codes[k / 2], 5, &f);

            EXPECT(v == VEC_GP || (v == VEC_UD && k / 2 == 4));
            EXPECT_EQ(f.errcode, 0);
            EXPECT_EQ(lg_cr2, before);
        }
    }
}

/* PI-15: all forms of SMSW show a protected, paged machine and the guest's own TS;
 * LMSW is refused in all of its own, and reads no memory before. */
GT_CASE(machine_status_word, GT_BOTH)
{
    GT_CODE(code_smsw, "movl $-1, %eax; movl $-1, %ecx; smsw %eax; smsw %cx;"
                       "movl $-1, (%ebx); smsw (%ebx); movl (%ebx), %edx; ud2");
    static const uint8_t lmsw[][3] = {{0x0f, 0x01, 0xf0}, {0x0f, 0x01, 0x33}};
    struct trap_frame f;

    gt_user_setup();
    for (uint32_t i = 0; i < 16; i++) {
        uint32_t ring = i & 1 ? 3 : 1, ts = i >> 1 & 1;

        hcall1(GABI_HCALL_TS, ts);
        gt_frame(ring, &f);
        f.ebx = GT_USER_DATA;
        EXPECT_EQ(gt_run(ring, code_smsw, &f), VEC_UD);
        EXPECT_EQ(f.eax & 0xf, 0x3 | ts << 3);  /* PE MP, no EM */
        EXPECT_EQ(f.ecx, 0xffff0000 | (f.eax & 0xffff));
        EXPECT_EQ(f.edx, 0xffff0000 | (f.eax & 0xffff)); /* memory form: 16 bits */
        gt_frame(ring, &f);
        f.eax = 0xfffe;
        f.ebx = i & 4 ? 0x66660000 : GT_USER_DATA;
        EXPECT_EQ(gt_run_bytes(ring, lmsw[i >> 3 & 1], 3, &f), VEC_GP);
        EXPECT_EQ(f.errcode, 0);
    }
}
