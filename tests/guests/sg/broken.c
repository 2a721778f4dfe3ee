/* SPDX-License-Identifier: MIT */
/* A guest takes away the segments it runs on (SG-07), uses others than flat ones
 * (SG-09), or changes TLS under its own feet (SG-14).  A machine that resets here
 * looks like a clean end from outside, so every case has its sentence. */

#include "gtest.h"

#define KILLED(text) .expect = "killed: " text

GT_CODE(code_int80, "int $0x80; ud2");
GT_CODE(code_de, "xorl %ecx, %ecx; divl %ecx");
GT_CODE(code_spin, "1: jmp 1b");
GT_CODE(code_ud, "ud2");

enum { BREAK_CS = 12, BREAK_SS = 13 };

/* which: the descriptor; how: 0 gone, 1 not present, 2 wrong type, 3 DPL 3. */
static uint64_t broken(uint32_t entry, uint32_t how)
{
    bool code = entry == BREAK_CS;

    switch (how) {
    case 0:
        return 0;
    case 1:
        return desc_make(0, 0xfffff, code ? 0x3a : 0x32, 0xc);
    case 2:
        return desc_make(0, 0xfffff, code ? 0xb2 : 0xba, 0xc);
    default:
        return desc_make(0, 0xfffff, code ? 0xfa : 0xf2, 0xc);
    }
}

#define WHAT(entry, how, event, ring) \
    ((entry) | (how) << 8 | (uint32_t)(event) << 16 | (uint32_t)(ring) << 24)
enum { INT80, DE, TIMER, HCALL };

/* Ring 3: user code is entered first with everything in order; what breaks the
 * descriptor is the direct system call's own handler, which a second call then
 * never reaches. */
static volatile uint32_t what;

static void break_it(struct trap_frame *f)
{
    static const uint8_t *const codes[] = {code_int80_start, code_de_start, code_spin_start};
    uint32_t entry = what & 0xff, how = what >> 8 & 0xff, event = what >> 16 & 0xff;
    uint64_t d = broken(entry, how);

    memcpy(phys_ptr(f->eip), codes[event], 4);
    if (event == TIMER) {
        irq_unblock(GABI_IRQ_TIMER);
        hcall1(GABI_HCALL_SET_CLOCKEVENT, 2000000);
    }
    /* By the ring: the descriptor goes with the hypercall that also returns. */
    hcall3(GABI_HCALL_LOAD_GDT_ENTRY, entry, (uint32_t)d, (uint32_t)(d >> 32));
}

static void break_from_user(uint32_t w)
{
    uint32_t ss = GABI_KERNEL_DS;
    struct trap_frame f;

    what = w;
    gt_frame(3, &f);
    memcpy(phys_ptr(f.eip), code_int80_start, 4);
    trap_set_handler(GUEST_SYSCALL_VECTOR, break_it);
    /* Not as a run: the handler has to return to the user code. */
    lg_irq_enabled = GABI_IF;
    __asm__ volatile("pushl %0; pushl %1; pushl $0x202; pushl %2; pushl %3; iretl"
                     : : "r"(f.ss), "r"(f.esp), "r"(f.cs), "r"(f.eip), "r"(ss));
    FAIL("still here");
}

#define USER_ROW(id, entry, how, event) \
    GT_ROW(id, break_from_user, GT_2LEVEL, .arg = WHAT(entry, how, event, 3), KILLED(""))
USER_ROW(user_cs_gone_int80, BREAK_CS, 0, INT80)
USER_ROW(user_cs_gone_de, BREAK_CS, 0, DE)
USER_ROW(user_cs_gone_timer, BREAK_CS, 0, TIMER)
USER_ROW(user_cs_absent_int80, BREAK_CS, 1, INT80)
USER_ROW(user_cs_data_int80, BREAK_CS, 2, INT80)
USER_ROW(user_cs_dpl3_int80, BREAK_CS, 3, INT80)
USER_ROW(user_ss_gone_int80, BREAK_SS, 0, INT80)
USER_ROW(user_ss_gone_de, BREAK_SS, 0, DE)
USER_ROW(user_ss_gone_timer, BREAK_SS, 0, TIMER)
USER_ROW(user_ss_absent_int80, BREAK_SS, 1, INT80)
USER_ROW(user_ss_code_int80, BREAK_SS, 2, INT80)
USER_ROW(user_ss_dpl3_int80, BREAK_SS, 3, INT80)

/* Ring 1: gone with the very call that asks for it. */
static void break_here(uint32_t w)
{
    uint64_t d = broken(w & 0xff, w >> 8 & 0xff);

    hcall3(GABI_HCALL_LOAD_GDT_ENTRY, w & 0xff, (uint32_t)d, (uint32_t)(d >> 32));
    FAIL("still here");
}

#define KERNEL_ROW(id, entry, how) \
    GT_ROW(id, break_here, GT_BOTH, .arg = WHAT(entry, how, HCALL, 1), KILLED(""))
KERNEL_ROW(cs_gone, BREAK_CS, 0)
KERNEL_ROW(cs_absent, BREAK_CS, 1)
KERNEL_ROW(cs_data, BREAK_CS, 2)
KERNEL_ROW(cs_dpl3, BREAK_CS, 3)
KERNEL_ROW(ss_gone, BREAK_SS, 0)
KERNEL_ROW(ss_absent, BREAK_SS, 1)
KERNEL_ROW(ss_code, BREAK_SS, 2)
KERNEL_ROW(ss_dpl3, BREAK_SS, 3)

/* A frame that the IRET of the no-interrupt window cannot load is the program's fault, as
 * if it had got there: Linux has no fix-up for that IRET, and a program can make such a
 * frame by sigreturn. The whole frame is the program's, whatever it holds. */
static void refused_frame(uint32_t cs, uint32_t ss, uint32_t vector, uint32_t errcode)
{
    uint32_t tag = cs << 16 | ss;
    struct trap_frame f;

    gt_frame(3, &f);
    f.cs = cs;
    f.ss = ss;
    f.eip = 0x12345678;
    f.esp = 0x87654321;
    f.ebx = 0x55aa55aa;
    f.ds = f.es = 0;
    f.eflags = FLAG_FIXED | FLAG_IF | FLAG_CF | FLAG_DF;
    EXPECT_EQ_AT(tag, trap_run(&f, GABI_IF), vector);
    EXPECT_EQ_AT(tag, f.errcode, errcode);
    EXPECT_EQ_AT(tag, f.cs, cs);
    EXPECT_EQ_AT(tag, f.ss, ss);
    EXPECT_EQ_AT(tag, f.eip, 0x12345678);
    EXPECT_EQ_AT(tag, f.esp, 0x87654321);
    EXPECT_EQ_AT(tag, f.ebx, 0x55aa55aa);
    EXPECT_EQ_AT(tag, f.eflags, FLAG_FIXED | FLAG_IF | FLAG_CF | FLAG_DF);
    EXPECT_EQ_AT(tag, trap_seen.handler_cs, GABI_KERNEL_CS);
}

GT_CASE(user_segments_gone, GT_BOTH)
{
    struct trap_frame f;

    gt_frame(3, &f);
    EXPECT_EQ(gt_run(3, code_ud, &f), VEC_UD);
    desc_load(USER_CS >> 3, 0);
    refused_frame(USER_CS, USER_DS, VEC_GP, USER_CS & ~3u);
    desc_load(USER_CS >> 3, desc_make(0, 0xfffff, 0x7a, 0xc));
    refused_frame(USER_CS, USER_DS, VEC_NP, USER_CS & ~3u);
    desc_init();
    desc_load(USER_DS >> 3, 0);
    refused_frame(USER_CS, USER_DS, VEC_GP, USER_DS & ~3u);
    desc_init();
    refused_frame(USER_DS, USER_DS, VEC_GP, USER_DS & ~3u); /* data as code */
    refused_frame(USER_CS, 3, VEC_GP, 0);
    refused_frame(USER_CS, GABI_KERNEL_DS, VEC_GP, GABI_KERNEL_DS & ~3u); /* RPL 1 */
    refused_frame(0xffff, USER_DS, VEC_GP, 0xfffc);
    refused_frame(0x10 | 4 | 3, USER_DS, VEC_GP, 0x14); /* there is no LDT */
}

/* An IRET anywhere else is the kernel's own, and so is its fault. */
GT_CODE(code_iret, "pushl $0x7b; pushl $0x1000; pushl $0x202; pushl $0x43; pushl $0x1000;"
                   "iretl");

GT_CASE(kernels_own_iret, GT_BOTH)
{
    struct trap_frame f;

    gt_frame(1, &f);
    EXPECT_EQ(gt_run(1, code_iret, &f), VEC_GP);
    EXPECT_EQ(f.errcode, 0x40);
    EXPECT_EQ(f.cs, GABI_KERNEL_CS);
    EXPECT_EQ(f.eip, addr_of(gt_kernel_code) + (uint32_t)(code_iret_end - code_iret_start) - 1);
}

/* A selector stays loaded while its descriptor goes: null after the next exit,
 * and the guest lives (ABI 5.7). */
GT_CASE(stale_selectors, GT_BOTH)
{
    GT_CODE(code_stale, "int $0x1f; movl %gs, %ebp; movl %fs, %edi; movl %es, %ecx; ud2");
    uint64_t tls[3], none[3] = {0, 0, 0};
    struct trap_frame f;

    for (uint32_t i = 0; i < 3; i++)
        tls[i] = desc_make(0, 0xfffff, DESC_DATA | DESC_DPL(3), DESC_FLAT_BITS);
    for (uint32_t round = 0; round < 20; round++) {
        desc_load_tls(tls);
        gt_frame(1, &f);
        f.eax = GABI_HCALL_LOAD_TLS;
        f.ebx = addr_of(none);
        f.gs = 0x33;
        f.fs = 0x3b;
        f.es = 0x43;
        EXPECT_EQ(gt_run(1, code_stale, &f), VEC_UD);
        EXPECT_EQ(f.ebp & 0xffff, 0);
        EXPECT_EQ(f.edi & 0xffff, 0);
        EXPECT_EQ(f.ecx & 0xffff, 0);
        EXPECT_EQ(f.ds, GABI_KERNEL_DS);
    }
}

/* SG-09: bases other than 0 in all data segments, through every kind of exit. */
GT_CASE(bases, GT_BOTH)
{
    GT_CODE(code_bases, "movl %gs:0, %ecx; int $0x1f; movl %gs:0, %edx; inb $0x80, %al;"
                        "movl %fs:4, %esi; ud2");
    uint64_t tls[3];
    struct trap_frame f;
    uint32_t page = page_alloc();

    poke32(page, 0x9595);
    poke32(page + 4, 0xf5f5);
    for (uint32_t i = 0; i < 3; i++)
        tls[i] = desc_make(page, 0xfffff, DESC_DATA | DESC_DPL(3), DESC_FLAT_BITS);
    desc_load_tls(tls);
    for (uint32_t i = 0; i < 20; i++) {
        gt_frame(1, &f);
        f.eax = GABI_HCALL_FLUSH_ASYNC;
        f.gs = 0x33;
        f.fs = 0x3b;
        f.es = f.ds = 0x43;
        f.eflags |= FLAG_DF;
        EXPECT_EQ(gt_run(1, code_bases, &f), VEC_UD);
        EXPECT_EQ(f.ecx, 0x9595);
        EXPECT_EQ(f.edx, 0x9595);
        EXPECT_EQ(f.esi, 0xf5f5);
        EXPECT_EQ(f.gs, 0x33);
        EXPECT_EQ(f.ds, 0x43);
    }
}

/* SG-14: TLS changed through the ring together with the root, then used: the
 * new one, never a mixture. */
GT_CASE(tls_by_ring, GT_BOTH)
{
    static uint64_t tls[2][3];
    uint32_t roots[2], page[2], got;

    for (uint32_t i = 0; i < 2; i++) {
        roots[i] = i ? pt_new_root() : pt_root;
        page[i] = page_alloc();
        poke32(page[i], 0x715 + i);
        for (uint32_t k = 0; k < 3; k++)
            tls[i][k] = desc_make(page[i], 0xfff, DESC_DATA | DESC_DPL(3), 4);
    }
    for (uint32_t i = 0; i < 500; i++) {
        lguest_call_lazy(GABI_HCALL_LOAD_TLS, addr_of(tls[i & 1]), 0, 0, 0);
        lguest_call_lazy(GABI_HCALL_NEW_PGTABLE, roots[i & 1], 0, 0, 0);
        hcall0(GABI_HCALL_FLUSH_ASYNC);
        __asm__ volatile("movl %1, %%gs; movl %%gs:0, %0; movl %2, %%gs"
                         : "=&r"(got) : "r"(0x33), "r"(0));
        EXPECT_EQ_AT(i, got, 0x715 + (i & 1));
    }
}

/* A second guest with TLS of its own: neither ever sees the other's. */
static void tls_loop(uint32_t tag, uint32_t rounds)
{
    uint64_t tls[3];
    uint32_t page = page_alloc(), got;

    poke32(page, tag);
    for (uint32_t k = 0; k < 3; k++)
        tls[k] = desc_make(page + tag * 16, 0xfff, DESC_DATA | DESC_DPL(3), 4);
    poke32(page + tag * 16, tag);
    desc_load_tls(tls);
    for (uint32_t i = 0; rounds == 0 || i < rounds; i++) {
        EXPECT_EQ(gt_desc_base(gt_real_gdt(6)), page + tag * 16);
        __asm__ volatile("movl %1, %%gs; movl %%gs:0, %0; movl %2, %%gs"
                         : "=&r"(got) : "r"(0x33), "r"(0));
        EXPECT_EQ(got, tag);
        if (i % 1024 == 0)
            hcall0(GABI_HCALL_FLUSH_ASYNC);
    }
}

GT_CASE(two_guests_peer, GT_2LEVEL | GT_HIDDEN, .expect = "runs")
{
    tls_loop(7, 0);
}

GT_CASE(two_guests_tls, GT_2LEVEL, .with = "two_guests_peer")
{
    tls_loop(3, 5000000);
}
