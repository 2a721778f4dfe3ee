/* SPDX-License-Identifier: MIT */
/* Privileged and undefined instructions (PI-01 to PI-18): emulated where the
 * interface says so, else the fault that hardware gives below ring 0. */

#include "gtest.h"
#include "needs.h"

#define UD (1u << VEC_UD)
#define GP (1u << VEC_GP)

struct insn_row {
    uint8_t bytes[6];
    uint32_t ring1, ring3; /* vectors that are right */
};

/* PI-01, PI-14, PI-16, PI-18. */
static const struct insn_row rows[] = {
    {{0x0f, 0x08}, GP, GP},             /* invd */
    {{0x0f, 0x09}, GP, GP},             /* wbinvd */
    {{0x0f, 0x01, 0x3b}, GP, GP},       /* invlpg [ebx] */
    {{0x0f, 0x20, 0xd0}, GP, GP},       /* mov eax, cr2 */
    {{0x0f, 0x22, 0xd0}, GP, GP},       /* mov cr2, eax */
    {{0x0f, 0x20, 0xd8}, GP, GP},       /* mov eax, cr3 */
    {{0x0f, 0x20, 0xe0}, GP, GP},       /* mov eax, cr4 */
    {{0x0f, 0x32}, GP, GP},             /* rdmsr */
    {{0x0f, 0x30}, GP, GP},             /* wrmsr */
    {{0x0f, 0x33}, GP | UD, GP | UD},   /* rdpmc */
    {{0x0f, 0x34}, GP | UD, GP | UD},   /* sysenter */
    {{0x0f, 0x35}, GP | UD, GP | UD},   /* sysexit */
    {{0x0f, 0x05}, UD, UD},             /* syscall */
    {{0x0f, 0x07}, UD | GP, UD | GP},   /* sysret */
    {{0x0f, 0x01, 0xd0}, UD, UD},       /* xgetbv */
    {{0x0f, 0x01, 0xd1}, UD | GP, UD | GP}, /* xsetbv */
    {{0x0f, 0xae, 0x23}, UD, UD},       /* xsave [ebx] */
    {{0x0f, 0x01, 0xc8}, UD | GP, UD | GP}, /* monitor */
    {{0x0f, 0x01, 0xc9}, UD | GP, UD | GP}, /* mwait */
    {{0x0f, 0x24, 0xf0}, UD, UD},       /* mov eax, tr6 */
    {{0x0f, 0x26, 0xf8}, UD, UD},       /* mov tr7, eax */
    {{0x0f, 0x01, 0xf8}, UD, UD},       /* swapgs */
    {{0x0f, 0x01, 0xd8}, UD | GP, UD | GP}, /* vmrun */
    {{0xf3, 0x0f, 0xc7, 0x33}, UD, UD}, /* vmxon [ebx] */
    {{0x0f, 0x01, 0xc2}, UD, UD},       /* vmlaunch */
    {{0x0f, 0xaa}, UD, UD},             /* rsm */
    {{0x0f, 0x37}, UD, UD},             /* getsec */
    {{0x0f, 0x0b}, UD, UD},             /* ud2 */
    {{0x0f, 0xff, 0xc0}, UD, UD},       /* ud0 */
    {{0x0f, 0xb9, 0xc0}, UD, UD},       /* ud1 */
    {{0xf0, 0x90}, UD, UD},             /* lock nop */
    {{0x8e, 0xc8}, UD, UD},             /* mov cs, ax */
    {{0xfa}, 0, GP},                    /* cli */
    {{0xfb}, 0, GP},                    /* sti */
    {{0xf4}, 0, GP},                    /* hlt */
    {{0xe4, 0x80}, 0, GP},              /* in al, 0x80 */
    {{0xee}, 0, GP},                    /* out dx, al */
    {{0x6c}, 0, GP},                    /* insb */
    {{0x6f}, 0, GP},                    /* outsd */
};

GT_CASE(privileged, GT_BOTH)
{
    struct trap_frame f;

    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
            uint32_t want = ring == 1 ? rows[i].ring1 : rows[i].ring3, v, start;

            if (!want)
                continue;
            gt_frame(ring, &f);
            f.ebx = GT_USER_DATA;
            f.ecx = 0x174;
            f.edx = 0x80;
            start = f.eip;
            v = gt_run_bytes(ring, rows[i].bytes, 6, &f);
            EXPECT_EQ_AT(ring << 8 | i, v < 32 && (want >> v & 1), 1);
            EXPECT_EQ_AT(ring << 8 | i, f.errcode, 0);
            EXPECT_EQ_AT(ring << 8 | i, f.eip, start);
        }
    }
}

/* PI-14: opcodes of the maps 0F 38 and 0F 3A between registers. One that the CPU
 * has runs on to the bytes behind it, which are no instruction; the rest faults where
 * it stands, and nothing of it gets to the monitor. */
static void three_bytes(uint32_t map)
{
    static const uint8_t prefixes[] = {0, 0x66, 0xf2, 0xf3};
    struct trap_frame f;
    uint32_t there = 0, tried = 0;

    for (uint32_t i = 0; i < 256 * ARRAY_COUNT(prefixes) * 2; i++) {
        uint8_t code[10], n = 0, prefix = prefixes[i >> 8 & 3];
        uint32_t ring = i >> 10 ? 3 : 1, v, start, length;

        /* QEMU 7.2 itself dies of some of the others, in any guest. */
        if (map == 0x38 && ((i & 0xff) < 0x80 || (i & 0xff) >= 0xf0))
            continue;
        if (prefix)
            code[n++] = prefix;
        code[n++] = 0x0f;
        code[n++] = (uint8_t)map;
        code[n++] = (uint8_t)i;
        code[n++] = 0xc1; /* ecx, eax or their like */
        if (map == 0x3a)
            code[n++] = 0;
        memcpy(code + n, "\x0f\x0b", 2);
        gt_frame(ring, &f);
        start = f.eip;
        v = gt_run_bytes(ring, code, n + 2u, &f);
        length = f.eip - start;
        EXPECT(v == VEC_UD || (v == VEC_GP && length == 0));
        EXPECT(length == 0 || length == n);
        EXPECT_EQ_AT(i, f.cs & 3, ring);
        there += length != 0;
        tried++;
    }
    print("%u of %u opcodes are there\n", there, tried);
}

GT_ROW(map_0f38, three_bytes, GT_2LEVEL, .arg = 0x38)
GT_ROW(map_0f3a, three_bytes, GT_2LEVEL, .arg = 0x3a)

/* PI-05: the immediate forms; pi.all_ports has all numbers. */
GT_CASE(port_forms, GT_BOTH)
{
    GT_CODE(code_forms, "inb $0x80, %al; movl %eax, %ebx; inw $0x80, %ax; movl %eax, %ecx;"
                        "outb %al, $0x80; outw %ax, $0x80; outl %eax, $0x80; ud2");
    struct trap_frame f;

    gt_frame(1, &f);
    f.eax = 0xaabbccdd;
    EXPECT_EQ(gt_run(1, code_forms, &f), VEC_UD);
    EXPECT_EQ(f.ebx, 0xaabbccff);
    EXPECT_EQ(f.ecx, 0xaabbffff);
    EXPECT_EQ(f.eip, addr_of(gt_kernel_code) + (uint32_t)(code_forms_end - code_forms_start) - 2);
}

/* String forms: memory gets ones, index and count move as the flags say. */
GT_CASE(port_strings, GT_BOTH)
{
    GT_CODE(code_ins, "rep insl; ud2");
    GT_CODE(code_outs, "rep outsb; ud2");
    static uint32_t buffer[1200];
    struct trap_frame f;

    for (uint32_t down = 0; down < 2; down++) {
        memset(buffer, 0, sizeof(buffer));
        gt_frame(1, &f);
        f.edx = 0x80;
        f.ecx = 1100;
        f.edi = addr_of(buffer) + (down ? 1100 * 4 : 4);
        f.eflags |= down ? FLAG_DF : 0;
        EXPECT_EQ(gt_run(1, code_ins, &f), VEC_UD);
        EXPECT_EQ(f.ecx, 0);
        EXPECT_EQ(f.edi, addr_of(buffer) + (down ? 0 : 1101 * 4));
        EXPECT_EQ(buffer[0], 0);
        EXPECT_EQ(buffer[1], 0xffffffff);
        EXPECT_EQ(buffer[1100], 0xffffffff);
        EXPECT_EQ(buffer[1101], 0);
        gt_frame(1, &f);
        f.edx = 0x80;
        f.ecx = 5000;
        f.esi = addr_of(buffer);
        EXPECT_EQ(gt_run(1, code_outs, &f), VEC_UD);
        EXPECT_EQ(f.ecx, 0);
        EXPECT_EQ(f.esi, addr_of(buffer) + 5000);
    }
}

/* Across a page border; and with the second page missing. */
GT_CASE(crosses_page, GT_BOTH)
{
    static const uint8_t code[] = {0x66, 0xe5, 0x80, 0x0f, 0x0b};
    uint32_t va = 0xd0000000;
    struct trap_frame f;

    pt_set(pt_root, va, page_alloc() | PTE_KERNEL);
    for (uint32_t split = 1; split <= 2; split++) {
        uint32_t start = va + GUEST_PAGE_BYTES - split;

        pt_set(pt_root, va + GUEST_PAGE_BYTES, page_alloc() | PTE_KERNEL);
        memcpy(phys_ptr(start), code, sizeof(code));
        gt_frame(1, &f);
        f.eip = start;
        EXPECT_EQ(trap_run(&f, 0), VEC_UD);
        EXPECT_EQ(f.eip, start + 3);
        EXPECT_EQ(f.eax, 0xffff);
        pt_set(pt_root, va + GUEST_PAGE_BYTES, 0);
        gt_frame(1, &f);
        f.eip = start;
        /* A fetch fault; Bochs keeps the decoded instruction and gives #GP. What
         * the missing page held must not be executed. */
        uint32_t v = trap_run(&f, 0);

        EXPECT(v == VEC_PF || v == VEC_GP);
        EXPECT_EQ(f.eip, start);
        EXPECT_EQ(f.eax, 0);
    }
    /* The whole instruction lies before the missing page. */
    memcpy(phys_ptr(va + GUEST_PAGE_BYTES - 3), code, 3);
    gt_frame(1, &f);
    f.eip = va + GUEST_PAGE_BYTES - 3;
    EXPECT_EQ(trap_run(&f, 0), VEC_PF);
    EXPECT_EQ(f.eip, va + GUEST_PAGE_BYTES);
    EXPECT_EQ(f.eax, 0xffff);
}

/* What an instruction does not reach is not looked at: the page behind keeps its A bit
 * clear, and an entry that may not be used kills nobody (PI-02). */
static const struct {
    uint8_t bytes[4], length, vector;
} at_the_end[] = {
    {{0xfa}, 1, VEC_UD},             /* cli */
    {{0xec}, 1, VEC_UD},             /* in al, dx */
    {{0x66, 0xef}, 2, VEC_UD},       /* out dx, ax */
    {{0x6d}, 1, VEC_UD},             /* insl */
    {{0x0f, 0x21, 0xc0}, 3, VEC_UD}, /* mov eax, dr0 */
    {{0x0f, 0x32}, 2, VEC_GP},       /* rdmsr */
    {{0x0f, 0x06}, 2, VEC_GP},       /* clts */
    {{0x0f, 0x22, 0xc0}, 3, VEC_GP}, /* mov cr0, eax */
    {{0x0f, 0x0b}, 2, VEC_UD},       /* ud2, which may have been vmcall */
};

static void ends_with_page(uint64_t next)
{
    uint32_t va = 0xd0000000;
    struct trap_frame f;

    gt_user_setup();
    for (uint32_t i = 0; i < ARRAY_COUNT(at_the_end); i++) {
        uint32_t length = at_the_end[i].length, start = va + GUEST_PAGE_BYTES - length;

        pt_set(pt_root, va, page_alloc() | PTE_KERNEL);
        memcpy(phys_ptr(start), at_the_end[i].bytes, length);
        pt_set(pt_root, va + GUEST_PAGE_BYTES, 0);
        pt_write(pt_root, va + GUEST_PAGE_BYTES, next);
        gt_frame(1, &f);
        f.eip = start;
        f.edx = 0x80;
        f.edi = GT_USER_DATA;
        f.eflags |= FLAG_TF; /* so that nothing behind it is run */
        uint32_t v = trap_run(&f, 0);

        if (v == VEC_DB) {
            EXPECT_EQ_AT(i, at_the_end[i].vector, VEC_UD);
            EXPECT_EQ_AT(i, f.eip, start + length);
        } else {
            EXPECT_EQ_AT(i, v, at_the_end[i].vector);
            EXPECT_EQ_AT(i, f.eip, start);
        }
        EXPECT_EQ_AT(i, pt_read(pt_root, va + GUEST_PAGE_BYTES), next);
    }
}

GT_CASE(ends_before_page, GT_BOTH)
{
    gt_need_steps();
    ends_with_page(page_alloc() | PTE_P | PTE_W); /* A is clear */
    ends_with_page(0x7ffff000 | PTE_KERNEL);      /* beyond RAM: it kills when used */
    ends_with_page(0);
}

/* PI-05: INS stores at ES:EDI, whatever the base of ES; a page that refuses is a page
 * fault, with what was stored before it (SDM 2A, INS). */
GT_CASE(ins_by_es, GT_BOTH)
{
    static const uint8_t code[] = {0xf3, 0x6d, 0x0f, 0x0b}; /* rep insl; ud2 */
    uint32_t bad = GT_USER_DATA + 2 * GUEST_PAGE_BYTES;
    struct trap_frame f;

    gt_user_setup();
    desc_load(20, desc_make(GT_USER_DATA, 0xfffff, DESC_DATA, DESC_FLAT_BITS));
    for (uint32_t offset = 0x100; offset < 0x110; offset += 4)
        poke32(GT_USER_DATA + offset, offset);
    gt_frame(1, &f);
    f.es = 20 << 3 | 1;
    f.edi = 0x104;
    f.ecx = 2;
    f.edx = 0x80;
    EXPECT_EQ(gt_run_bytes(1, code, sizeof(code), &f), VEC_UD);
    EXPECT_EQ(f.edi, 0x10c);
    EXPECT_EQ(peek32(GT_USER_DATA + 0x100), 0x100);
    EXPECT_EQ(peek32(GT_USER_DATA + 0x104), 0xffffffff);
    EXPECT_EQ(peek32(GT_USER_DATA + 0x108), 0xffffffff);
    EXPECT_EQ(peek32(GT_USER_DATA + 0x10c), 0x10c);
    for (uint32_t low = 0; low < 4; low++) { /* the last one crosses into the page */
        gt_frame(1, &f);
        f.edi = bad - 8 - low;
        f.ecx = 9;
        f.edx = 0x80;
        poke32(bad - 4, 0x12345678);
        EXPECT_EQ(gt_run_bytes(1, code, sizeof(code), &f), VEC_PF);
        /* Of an element that crosses nothing is stored. */
        EXPECT_EQ_AT(low, peek32(bad - 4), low ? 0x12345678 | (0xffffffff >> 8 * low) : ~0u);
        EXPECT_EQ_AT(low, f.eip, addr_of(gt_kernel_code));
        EXPECT_EQ_AT(low, f.errcode, 2); /* not present, write, ring 1 */
        EXPECT_EQ_AT(low, trap_seen.cr2, bad);
        EXPECT_EQ_AT(low, f.ecx, 7);
        EXPECT_EQ_AT(low, f.edi, bad - low);
    }
    gt_frame(1, &f);
    f.es = 0;
    f.edi = GT_USER_DATA;
    f.ecx = 1;
    f.edx = 0x80;
    EXPECT_EQ(gt_run_bytes(1, code, sizeof(code), &f), VEC_GP);
    EXPECT_EQ(f.errcode, 0);
}

/* PI-08: before INIT MSRs read 0 and swallow writes (ABI 1.4). */
GT_CASE(msr_before_init, GT_RAW | GT_2LEVEL)
{
    static const uint32_t msrs[] = {0x17, 0x8b, 0x10, 0x1b, 0x174, 0x277, 0xc0000080};

    for (uint32_t i = 0; i < ARRAY_COUNT(msrs); i++) {
        uint32_t a = 1, d = 2;

        __asm__ volatile("wrmsr" : : "c"(msrs[i]), "a"(0xffffffff), "d"(0xffffffff));
        __asm__ volatile("rdmsr" : "=a"(a), "=d"(d) : "c"(msrs[i]));
        EXPECT_EQ_AT(msrs[i], a, 0);
        EXPECT_EQ_AT(msrs[i], d, 0);
    }
    guest_setup(false);
}

/* CR4 reads 0 while no #GP gate is loaded, before INIT and after it: Linux 4.4 does
 * this on its way to the first gates. With a gate it is the fault that it was. */
GT_CASE(cr4_without_gate, GT_RAW | GT_2LEVEL)
{
    GT_CODE(code, "mov %cr4, %eax; ud2");
    struct trap_frame f;
    uint32_t a = 1, b = 1, c = 1, d = 1, si = 1, di = 1;

    __asm__ volatile("mov %%cr4, %0; mov %%cr4, %1; mov %%cr4, %2"
                     : "=a"(a), "=b"(b), "=c"(c));
    EXPECT_EQ(a | b | c, 0);
    guest_setup(false);
    lguest_call(GABI_HCALL_LOAD_IDT_ENTRY, VEC_GP, 0, 0, 0);
    __asm__ volatile("mov %%cr4, %0; mov %%cr4, %1; mov %%cr4, %2"
                     : "=d"(d), "=S"(si), "=D"(di));
    EXPECT_EQ(d | si | di, 0);
    trap_init();
    gt_frame(1, &f);
    EXPECT_EQ(gt_run(1, code, &f), VEC_GP);
}

/* Before INIT CR0 reads what smsw shows: the decompressor of Linux 3.14 and later looks
 * there for an FPU when it is to choose a place by chance (CONFIG_RANDOMIZE_BASE). */
GT_CASE(cr0_before_init, GT_RAW | GT_2LEVEL)
{
    uint32_t a, b, c, d, si, di;
    uint16_t word;

    __asm__ volatile("mov %%cr0, %0; mov %%cr0, %1; mov %%cr0, %2"
                     : "=a"(a), "=b"(b), "=c"(c));
    __asm__ volatile("mov %%cr0, %0; mov %%cr0, %1; mov %%cr0, %2; smsw %3"
                     : "=d"(d), "=S"(si), "=D"(di), "=r"(word));
    EXPECT_EQ(a, word);
    EXPECT_EQ(a, 0x33); /* NE, ET, MP, PE: SDM 3A 2.5 */
    EXPECT(a == b && a == c && a == d && a == si && a == di);
    guest_setup(false);
}

/* It is no way around the gate for anything else. */
GT_CASE(cr0_without_gate, GT_2LEVEL, .expect = "killed: unhandled trap 13")
{
    lguest_call(GABI_HCALL_LOAD_IDT_ENTRY, VEC_GP, 0, 0, 0);
    __asm__ volatile("mov %%cr0, %%eax" : : : "eax");
}

GT_CASE(cr4_write_without_gate, GT_2LEVEL, .expect = "killed: unhandled trap 13")
{
    lguest_call(GABI_HCALL_LOAD_IDT_ENTRY, VEC_GP, 0, 0, 0);
    __asm__ volatile("mov %%eax, %%cr4" : : "a"(0));
}

/* Port accesses and cli, sti before INIT. */
GT_CASE(emulated_before_init, GT_RAW | GT_2LEVEL)
{
    EXPECT_EQ(port_in8(0x80), 0xff);
    port_out8(0x80, 1);
    __asm__ volatile("cli; sti; cli");
    guest_setup(false);
}

/* PI-10: each leaf of each range with four subleaves is at ring 3 what it is at ring
 * 1; PI-11. */
GT_CASE(cpuid_rdtsc, GT_BOTH)
{
    GT_CODE(code_cpuid, "cpuid; ud2");
    GT_CODE(code_rdtsc, "rdtsc; ud2");
    uint64_t last = rdtsc();
    struct trap_frame f;

    for (uint32_t i = 0; i < 4 * 0x60; i++) {
        uint32_t base = i < 4 * 0x20 ? 0 : i < 4 * 0x40 ? 0x40000000 : 0x80000000;
        uint32_t leaf = base + i / 4 % 0x20, a = leaf, b, c = i % 4, d;

        __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
        gt_frame(3, &f);
        f.eax = leaf;
        f.ecx = i % 4;
        EXPECT_EQ(gt_run(3, code_cpuid, &f), VEC_UD);
        EXPECT_EQ_AT(leaf, f.eax, a);
        EXPECT_EQ_AT(leaf, f.ebx, b);
        EXPECT_EQ_AT(leaf, f.ecx, c);
        EXPECT_EQ_AT(leaf, f.edx, d);
        if (leaf == 1)
            EXPECT_EQ(f.ecx >> 27 & 1, 0); /* OSXSAVE */
    }
    for (uint32_t i = 0; i < 500; i++) {
        gt_frame(i & 1 ? 3 : 1, &f);
        EXPECT_EQ(gt_run(i & 1 ? 3 : 1, code_rdtsc, &f), VEC_UD);
        uint64_t now = (uint64_t)f.edx << 32 | f.eax;

        EXPECT(now >= last);
        last = now;
        if (i % 50 == 0)
            gt_sleep_ns(100000);
    }
}
