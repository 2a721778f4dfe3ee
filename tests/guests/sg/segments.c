/* SPDX-License-Identifier: MIT */
/* Descriptors: what a guest may install and what becomes of the rest (SG-01 to
 * SG-05, SG-11 to SG-16). What is installed is read from the real GDT. */

#include "gtest.h"

#define ENTRY 5u
#define SEL(n) ((n) << 3)

static bool is_harmless(uint64_t d)
{
    uint32_t hi = (uint32_t)(d >> 32), dpl = hi >> 13 & 3;

    if (!(hi & 0x8000) && !(hi & 0x1000))
        return (hi & 0xff00) == 0; /* nothing at all */
    return (hi & 0x1000) && (dpl == 1 || dpl == 3) && (hi & 0x100) &&
           !(hi & 0x200000);
}

/* Plain code and data of rings 1 and 3 arrive as they are, accessed set. */
static bool is_plain(uint64_t d)
{
    uint32_t hi = (uint32_t)(d >> 32), dpl = hi >> 13 & 3;

    return (hi & 0x201000) == 0x1000 && (dpl == 1 || dpl == 3) &&
           !((hi & 0x800) && (hi & 0x400));
}

static void check_installed(uint64_t asked, uint64_t got)
{
    uint32_t hi = (uint32_t)(asked >> 32);

    if (!is_harmless(got))
        FAIL("%llx became %llx", asked, got);
    if (is_plain(asked) && got != (asked | 1ull << 40))
        FAIL("%llx became %llx", asked, got);
    /* DPL 0 means the guest's own kernel ring. */
    if ((hi & 0x207000) == 0x1000 && !((hi & 0x800) && (hi & 0x400)) &&
        got != (asked | 1ull << 40 | 1ull << 45))
        FAIL("%llx became %llx", asked, got);
}

/* SG-01: every byte of type, S, DPL, P with every G D L AVL, and limits. */
static void all_attributes(uint32_t base)
{
    for (uint32_t attr = 0; attr < 0x10000; attr++) {
        uint64_t d = desc_make(base, attr & 0x800 ? 0xfffff : attr & 0xf00, attr & 0xff,
                               attr >> 12);

        hcall3(GABI_HCALL_LOAD_GDT_ENTRY, ENTRY, (uint32_t)d, (uint32_t)(d >> 32));
        check_installed(d, gt_real_gdt(ENTRY));
    }
    print("%u descriptors compared\n", 0x10000);
}

GT_ROW(attributes_base_0, all_attributes, GT_2LEVEL, .arg = 0)
GT_ROW(attributes_base_1, all_attributes, GT_2LEVEL, .arg = 1)
GT_ROW(attributes_base_window, all_attributes, GT_2LEVEL, .arg = 0xffe02000)
GT_ROW(attributes_base_last, all_attributes, GT_2LEVEL, .arg = 0xffffffff)

GT_CASE(attributes_tls, GT_2LEVEL)
{
    for (uint32_t attr = 0; attr < 0x10000; attr += 3) {
        uint64_t tls[3];

        for (uint32_t i = 0; i < 3; i++)
            tls[i] = desc_make(attr * 0x1001, attr & 0xfffff, (attr + i) & 0xff,
                               (attr + i) >> 12);
        if (attr & 1)
            hcall1(GABI_HCALL_LOAD_TLS, addr_of(tls));
        else
            lguest_call_lazy(GABI_HCALL_LOAD_TLS, addr_of(tls), 0, 0, 0);
        hcall0(GABI_HCALL_FLUSH_ASYNC);
        for (uint32_t i = 0; i < 3; i++)
            check_installed(tls[i], gt_real_gdt(GABI_TLS_FIRST + i));
    }
}

/* SG-02: entries that are the monitor's, and null. */
static const uint8_t host_entries[] = {0, 10, 11, 16, 31};

GT_CASE(host_entries_stay, GT_2LEVEL)
{
    for (uint32_t i = 0; i < ARRAY_COUNT(host_entries); i++) {
        uint64_t before = gt_real_gdt(host_entries[i]);

        for (uint32_t k = 0; k < 4; k++) {
            uint64_t d = desc_make(0, 0xfffff, k & 1 ? 0xfa : 0x92, k & 2 ? 0xc : 0);

            desc_load(host_entries[i], d);
            EXPECT_EQ_AT(host_entries[i], gt_real_gdt(host_entries[i]), before);
        }
    }
}

/* ST-09, SG-02, SG-11: every selector into every segment register, both rings:
 * #GP, #SS, #NP with exactly the code that the manual gives (SDM 2B, MOV). */
static uint32_t model_load(uint32_t ring, uint32_t reg_is_ss, uint32_t sel, uint32_t *err)
{
    uint32_t index = sel >> 3, rpl = sel & 3, hi, dpl;
    bool code, writable, readable;

    *err = sel & 0xfffc;
    if (!(sel & 0xfffc)) {
        *err = 0;
        return reg_is_ss ? VEC_GP : VEC_UD;
    }
    if ((sel & 4) || index >= GABI_GDT_ENTRIES)
        return VEC_GP;
    hi = (uint32_t)(gt_real_gdt(index) >> 32);
    dpl = hi >> 13 & 3;
    code = hi & 0x800;
    writable = !code && (hi & 0x200);
    readable = !code || (hi & 0x200);
    if (!(hi & 0x1000))
        return VEC_GP;
    if (reg_is_ss) {
        if (!writable || dpl != ring || rpl != ring)
            return VEC_GP;
        return hi & 0x8000 ? VEC_UD : VEC_SS;
    }
    if (!readable)
        return VEC_GP;
    if ((!code || !(hi & 0x400)) && (rpl > dpl || ring > dpl))
        return VEC_GP;
    return hi & 0x8000 ? VEC_UD : VEC_NP;
}

GT_CODE(load_ds, "movl %ecx, %ds; ud2");
GT_CODE(load_es, "movl %ecx, %es; ud2");
GT_CODE(load_fs, "movl %ecx, %fs; ud2");
GT_CODE(load_gs, "movl %ecx, %gs; ud2");
GT_CODE(load_ss, "movl %ecx, %ss; ud2");

static void load_selectors(uint32_t ring)
{
    const struct {
        const uint8_t *start;
        bool ss;
    } loads[] = {{load_ds_start, false}, {load_es_start, false}, {load_fs_start, false},
                 {load_gs_start, false}, {load_ss_start, true}};
    struct trap_frame f;

    desc_load(5, desc_make(0, 0xfffff, 0xf2 & ~0x80u, 0xc));  /* user, not present */
    desc_load(17, desc_make(0, 0xfffff, 0xb2 & ~0x80u, 0xc)); /* ring 1, the same */
    desc_load(18, desc_make(0, 0xfffff, 0xf8, 0xc));          /* execute only */
    desc_load(19, desc_make(0, 0xfffff, 0xf0, 0xc));          /* read only */
    for (uint32_t sel = 0; sel < 35 * 8; sel++) {
        for (uint32_t k = 0; k < ARRAY_COUNT(loads); k++) {
            uint32_t err, want = model_load(ring, loads[k].ss, sel, &err), v;
            uint32_t tag = ring << 24 | k << 16 | sel;

            gt_frame(ring, &f);
            f.ecx = sel;
            v = gt_run_bytes(ring, loads[k].start, 8, &f);
            EXPECT_EQ_AT(tag, v, want);
            if (v != VEC_UD)
                EXPECT_EQ_AT(tag, f.errcode, err);
        }
    }
}

GT_ROW(selectors_ring1, load_selectors, GT_2LEVEL, .arg = 1)
GT_ROW(selectors_ring3, load_selectors, GT_2LEVEL, .arg = 3)

/* SG-03, SG-04, TK-01: far jumps and calls to what is the monitor's, to gates and
 * TSSs of the guest's own making. */
static void far_to(uint32_t ring, uint16_t sel, uint32_t offset)
{
    static const uint8_t opcodes[] = {0xea, 0x9a};
    struct trap_frame f;

    for (uint32_t k = 0; k < 2; k++) {
        uint8_t code[8] = {opcodes[k]};

        memcpy(code + 1, &offset, 4);
        memcpy(code + 5, &sel, 2);
        gt_frame(ring, &f);
        uint32_t start = f.eip, v = gt_run_bytes(ring, code, 7, &f);

        EXPECT_EQ_AT(sel, v, VEC_GP);
        EXPECT_EQ_AT(sel, f.errcode, sel & 0xfffcu);
        EXPECT_EQ_AT(sel, f.eip, start);
    }
}

GT_CASE(far_to_host, GT_2LEVEL)
{
    static const uint16_t sels[] = {0x50, 0x51, 0x53, 0x58, 0x5b, 0x80, 0x83, 0xf8, 0xfb};

    for (uint32_t i = 0; i < ARRAY_COUNT(sels); i++) {
        far_to(1, sels[i], GT_WINDOW_TEXT);
        far_to(3, sels[i], GT_WINDOW_TEXT);
    }
}

GT_CASE(far_to_system_descs, GT_2LEVEL)
{
    static const uint8_t types[] = {1, 2, 3, 4, 5, 6, 7, 9, 0xb, 0xc, 0xe, 0xf};

    for (uint32_t i = 0; i < ARRAY_COUNT(types); i++) {
        /* As gate: to 0x50 with 31 parameters; as TSS: over the guest's RAM. */
        uint64_t gate = (uint64_t)(GT_WINDOW_TEXT | 0xe000u | (uint32_t)types[i] << 8 | 31)
                            << 32 | 0x500000 | (GT_WINDOW_TEXT & 0xffff);
        uint64_t tss = desc_make(0x200000, 0x67, 0xe0u | types[i], 0);
        uint64_t tls[3] = {gate, tss, gate};

        desc_load_tls(tls);
        desc_load(ENTRY, tss);
        for (uint32_t ring = 1; ring <= 3; ring += 2) {
            far_to(ring, 0x33, 0);
            far_to(ring, 0x3b, 0);
            far_to(ring, 0x43, 0);
            far_to(ring, SEL(ENTRY) | 3, 0);
        }
    }
}

/* SG-05: conforming code: CPL stays, or it is refused. */
GT_CODE(code_cpl, "movl %cs, %eax; ud2");

GT_CASE(conforming, GT_2LEVEL)
{
    struct trap_frame f;

    for (uint32_t dpl = 0; dpl <= 3; dpl++) {
        uint8_t code[7] = {0xea};
        uint32_t to = GT_USER_CODE + 0x100;
        uint16_t sel = SEL(ENTRY) | 3;

        desc_load(ENTRY, desc_make(0, 0xfffff, 0x9eu | dpl << 5, 0xc));
        gt_user_setup();
        memcpy(phys_ptr(to), code_cpl_start, 4);
        memcpy(code + 1, &to, 4);
        memcpy(code + 5, &sel, 2);
        gt_frame(3, &f);
        uint32_t v = gt_run_bytes(3, code, 7, &f);

        EXPECT_EQ_AT(dpl, f.cs & 3, 3);
        if (v == VEC_UD)
            EXPECT_EQ_AT(dpl, f.eax & 3, 3);
        else
            EXPECT_EQ_AT(dpl, v, VEC_GP);
    }
}

/* SG-11, SG-13: LDTR and the rest of the table registers. */
GT_CASE(ltr_lldt, GT_2LEVEL)
{
    static const uint8_t codes[][8] = {
        {0x0f, 0x00, 0xd9}, /* ltr cx */
        {0x0f, 0x00, 0xd1}, /* lldt cx */
        {0x0f, 0x01, 0x13}, /* lgdt [ebx] */
        {0x0f, 0x01, 0x1b}, /* lidt [ebx] */
    };
    struct trap_frame f;

    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        for (uint32_t i = 0; i < ARRAY_COUNT(codes); i++) {
            gt_frame(ring, &f);
            f.ebx = GT_USER_DATA;
            EXPECT_EQ_AT(i, gt_run_bytes(ring, codes[i], 8, &f), VEC_GP);
            EXPECT_EQ_AT(i, f.errcode, 0);
        }
    }
}

GT_CASE(stored_tables, GT_BOTH)
{
    GT_CODE(code_tables, "sgdt (%ebx); sidt 8(%ebx); strl %eax; sldt %ecx; smsw %edx; ud2");
    struct trap_frame f;

    gt_user_setup();
    for (uint32_t ring = 1; ring <= 3; ring += 2) {
        for (uint32_t ts = 0; ts < 2; ts++) {
            lguest_call(GABI_HCALL_TS, ts, 0, 0, 0);
            gt_frame(ring, &f);
            f.ebx = GT_USER_DATA;
            EXPECT_EQ(gt_run(ring, code_tables, &f), VEC_UD);
            EXPECT_EQ(peek32(GT_USER_DATA) & 0xffff, 0xff);
            EXPECT_EQ(peek32(GT_USER_DATA + 2), GT_STATE_GDT);
            EXPECT_EQ(peek32(GT_USER_DATA + 8) & 0xffff, 0x7ff);
            EXPECT_EQ(peek32(GT_USER_DATA + 10), GT_STATE_IDT);
            EXPECT_EQ(f.eax & 0xffff, 0x80);
            EXPECT_EQ(f.ecx & 0xffff, 0);
            EXPECT_EQ(f.edx >> 3 & 1, ts);
            EXPECT_EQ(f.edx & 1, 1);
        }
    }
}

/* SG-12: looking at descriptors from ring 3 faults nowhere and shows only what
 * is the guest's. */
GT_CASE(lar_lsl_sweep, GT_2LEVEL)
{
    GT_CODE(code_look, "lar %ecx, %eax; setz %bl; lsl %ecx, %edx; setz %bh;"
                       "verr %cx; setz %ch; verw %cx; ud2");
    struct trap_frame f;

    for (uint32_t sel = 3; sel < 0x10000; sel += 4) {
        uint32_t index = sel >> 3;
        bool host = index == 10 || index == 11 || index == 16 || index == 31;

        gt_frame(3, &f);
        f.ecx = sel;
        EXPECT_EQ_AT(sel, gt_run(3, code_look, &f), VEC_UD);
        if (host || (sel & 4) || index >= GABI_GDT_ENTRIES)
            EXPECT_EQ_AT(sel, f.ebx & 0x101, 0);
    }
}

/* SG-15, SG-16: iret frames with selectors that cannot be. */
static void bad_iret(uint32_t cs, uint32_t ss, uint32_t err)
{
    GT_CODE(code_iret, "iretl");
    struct trap_frame f;
    uint32_t *stack;

    gt_frame(1, &f);
    f.esp -= 64;
    stack = phys_ptr(f.esp);
    stack[0] = GT_USER_CODE;
    stack[1] = cs;
    stack[2] = FLAG_FIXED | FLAG_IF;
    stack[3] = GT_USER_STACK;
    stack[4] = ss;
    uint32_t start = f.eip, v = gt_run(1, code_iret, &f);

    EXPECT_EQ_AT(cs << 16 | ss, v, VEC_GP);
    EXPECT_EQ_AT(cs << 16 | ss, f.errcode, err);
    EXPECT_EQ_AT(cs << 16 | ss, f.eip, start);
    EXPECT_EQ_AT(cs << 16 | ss, f.cs, GABI_KERNEL_CS);
}

GT_CASE(iret_selectors, GT_BOTH)
{
    gt_user_setup();
    bad_iret(0, USER_DS, 0);
    bad_iret(3, USER_DS, 0);
    bad_iret(0x50, 0x58, 0x50);
    bad_iret(0x53, USER_DS, 0x50);
    bad_iret(0x60, GABI_KERNEL_DS, 0x60); /* inward */
    bad_iret(0x62, 0x6a, 0x60);           /* ring 2 */
    bad_iret(0x63, USER_DS, 0x60);
    bad_iret(0x72, 0x7a, 0x70);
    bad_iret(0x7b, USER_DS, 0x78); /* data */
    bad_iret(0x77, USER_DS, 0x74); /* LDT */
    bad_iret(0xff03, USER_DS, 0xff00);
    bad_iret(USER_CS, 0, 0);
    bad_iret(USER_CS, 3, 0);
    bad_iret(USER_CS, 0x58, 0x58);
    bad_iret(USER_CS, 0x5b, 0x58);
    bad_iret(USER_CS, GABI_KERNEL_DS, 0x68);
    bad_iret(USER_CS, USER_CS, 0x70);
    bad_iret(USER_CS, 0x7a, 0x78);
    bad_iret(USER_CS, 0x7f, 0x7c);
}

GT_CASE(ring2, GT_2LEVEL)
{
    desc_load(ENTRY, desc_make(0, 0xfffff, 0xda, 0xc)); /* code, DPL 2 */
    desc_load(17, desc_make(0, 0xfffff, 0xd2, 0xc));    /* data, DPL 2 */
    EXPECT_EQ(gt_real_gdt(ENTRY) >> 47 & 1, 0);
    EXPECT_EQ(gt_real_gdt(17) >> 47 & 1, 0);
    gt_user_setup();
    bad_iret(SEL(ENTRY) | 2, SEL(17) | 2, SEL(ENTRY));
}
