/* SPDX-License-Identifier: MIT */
/* Stacks where none should be (ST-01 to ST-07, ST-12): a frame is written with
 * the guest's own rights, never anywhere else. */

#include "gtest.h"

GT_CODE(code_ud, "ud2");
GT_CODE(code_int3, "int3");
GT_CODE(code_gp, "movl %cr0, %eax");
GT_CODE(code_pf, "movl 0x66660000, %eax"); /* nothing is there */
GT_CODE(code_int80, "int $0x80");
GT_CODE(code_spin, "1: jmp 1b");
GT_CODE(code_hcall, "int $0x1f; ud2");

#define VA_PAGE 0xd0000000u
#define NOWHERE 0x60000800u
#define KILLED(text) .expect = "killed: " text

static const struct {
    const uint8_t *start, *end;
} codes[] = {
    {code_ud_start, code_ud_end}, {code_int3_start, code_int3_end},
    {code_gp_start, code_gp_end}, {code_pf_start, code_pf_end},
    {code_int80_start, code_int80_end}, {code_spin_start, code_spin_end},
};

static uint32_t trap_with_esp(uint32_t which, uint32_t esp, struct trap_frame *f)
{
    gt_frame(1, f);
    f->esp = esp;
    return gt_run_bytes(1, codes[which].start,
                        (uint32_t)(codes[which].end - codes[which].start), f);
}

/* ST-01: ESP points nowhere. trap_run enters by an iret whose frame would be on
 * that stack, so the page is taken away from under it: mapped, used, gone. */
static void again(struct trap_frame *f)
{
    (void)f;
    hcall1(GABI_HCALL_SET_CLOCKEVENT, 3000000);
}

static void esp_vanishes(uint32_t which)
{
    static uint8_t code[32];
    struct trap_frame f;
    uint32_t n = (uint32_t)(codes[which].end - codes[which].start);

    pt_set(pt_root, VA_PAGE, page_alloc() | PTE_KERNEL);
    poke32(VA_PAGE, 0); /* in the shadow from now on */
    if (which == 5) {
        irq_unblock(GABI_IRQ_TIMER);
        trap_set_handler(GABI_IRQ_VECTOR, again); /* it may come too early */
        hcall1(GABI_HCALL_SET_CLOCKEVENT, 3000000);
    }
    /* SET_PTE(root, VA, 0) as code, then the trap. */
    poke32(pt_entry_addr(pt_root, VA_PAGE), 0);
    if (pt_pae)
        poke32(pt_entry_addr(pt_root, VA_PAGE) + 4, 0);
    memcpy(code, code_hcall_start, 2);
    memcpy(code + 2, codes[which].start, n);
    gt_frame(1, &f);
    f.eax = GABI_HCALL_SET_PTE;
    f.ebx = pt_root;
    f.ecx = VA_PAGE;
    f.esp = VA_PAGE + 0x800;
    /* The shadow still has the page for the iret of trap_run; if not, the
     * guest ends there, which is as good. */
    memcpy(gt_kernel_code, code, n + 2);
    trap_run(&f, which == 5 ? GABI_IF : 0);
    FAIL("still here");
}

#define VANISHES(id, n) \
    GT_ROW(esp_gone_##id, esp_vanishes, GT_BOTH, .arg = n, KILLED("bad address"))
VANISHES(ud, 0)
VANISHES(int3, 1)
VANISHES(gp, 2)
VANISHES(pf, 3)
VANISHES(int80, 4)
VANISHES(irq, 5)

/* ST-02: ESP in places that are there, but not for this. The first push of the
 * code moves ESP there. */
GT_CODE(code_switch_ud, "movl %ebx, %esp; ud2");
GT_CODE(code_switch_int80, "movl %ebx, %esp; int $0x80");

static void esp_at(uint32_t esp)
{
    struct trap_frame f;

    gt_frame(1, &f);
    f.ebx = esp;
    gt_run(1, code_switch_ud, &f);
    FAIL("a frame at %x", esp);
}

#define ESP_AT(id, a) \
    GT_ROW(esp_##id, esp_at, GT_BOTH, .arg = a, KILLED("bad address"))
ESP_AT(window_text, 0xffe00800)
ESP_AT(window_regs, 0xffe01800)
ESP_AT(window_state, 0xffe02800)
ESP_AT(window_thunk, 0xffe03800)
ESP_AT(window_lgdata, 0xffe04800)
ESP_AT(window_absent, 0xfff00000)
ESP_AT(window_edge, 0xffc00002)
ESP_AT(wraps, 2)
ESP_AT(zero, 0)
ESP_AT(unmapped, 0x60000800)

static void esp_at_direct(uint32_t esp)
{
    struct trap_frame f;

    gt_frame(1, &f);
    f.ebx = esp;
    gt_run(1, code_switch_int80, &f);
    FAIL("a frame at %x", esp);
}

GT_ROW(esp_direct_text, esp_at_direct, GT_BOTH, .arg = 0xffe00800, KILLED("bad address"))
GT_ROW(esp_direct_state, esp_at_direct, GT_BOTH, .arg = 0xffe02800, KILLED("bad address"))
GT_ROW(esp_direct_thunk, esp_at_direct, GT_BOTH, .arg = 0xffe03800, KILLED("bad address"))
GT_ROW(esp_direct_absent, esp_at_direct, GT_BOTH, .arg = 0xfff00000, KILLED("bad address"))

GT_CASE(esp_read_only, GT_BOTH, KILLED("bad address"))
{
    pt_set(pt_root, VA_PAGE, page_alloc() | PTE_P | PTE_A | PTE_D);
    esp_at(VA_PAGE + 0x800);
}

/* User pages and page tables are the guest's to ruin. */
GT_CASE(esp_on_user_page, GT_BOTH)
{
    struct trap_frame f;

    pt_set(pt_root, VA_PAGE, page_alloc() | PTE_USER);
    for (uint32_t i = 0; i < 5; i++) {
        if (i != 5)
            EXPECT(trap_with_esp(i, VA_PAGE + 0x800, &f) != TRAP_NONE);
    }
}

GT_CASE(esp_on_page_table, GT_BOTH, .expect = "any")
{
    struct trap_frame f;
    uint32_t table;

    pt_set(pt_root, VA_PAGE, page_alloc() | PTE_USER);
    table = pt_table(pt_root, VA_PAGE);
    for (uint32_t i = 0; i < 3; i++)
        trap_with_esp(i, table + 0x800, &f);
    pt_flush(FLUSH_ALL);
    for (uint32_t i = 0; i < 64; i++)
        pt_announce(pt_root, VA_PAGE + i * GUEST_PAGE_BYTES, 0);
}

/* ST-08: the frame of an iret is not there; nor is there a stack for the fault. */
GT_CODE(code_switch_iret, "movl %ebx, %esp; iretl");

GT_CASE(iret_frame_absent, GT_BOTH, KILLED("bad address"))
{
    struct trap_frame f;

    gt_frame(1, &f);
    f.ebx = NOWHERE;
    gt_run(1, code_switch_iret, &f);
    FAIL("still here");
}

/* A frame whose words lie below a page that is there and in one that is not. */
GT_CASE(iret_frame_crosses, GT_BOTH)
{
    struct trap_frame f;

    pt_set(pt_root, VA_PAGE, page_alloc() | PTE_KERNEL);
    gt_frame(1, &f);
    f.ebx = VA_PAGE + GUEST_PAGE_BYTES - 8; /* EIP and CS are there, EFLAGS not */
    poke32(f.ebx, GT_USER_CODE);
    poke32(f.ebx + 4, GABI_KERNEL_CS);
    EXPECT_EQ(gt_run(1, code_switch_iret, &f), VEC_PF);
    EXPECT_EQ(trap_seen.cr2, VA_PAGE + GUEST_PAGE_BYTES);
    EXPECT_EQ(f.errcode, 0);
    EXPECT_EQ(f.eip, addr_of(gt_kernel_code) + 2);
}

/* ST-04: the kernel stack's page changes after SET_STACK. */
static uint32_t own_stack(void)
{
    pt_set(pt_root, VA_PAGE, page_alloc() | PTE_KERNEL);
    lguest_call(GABI_HCALL_SET_STACK, GABI_KERNEL_DS, VA_PAGE + GUEST_PAGE_BYTES, 1, 0);
    return VA_PAGE;
}

static uint32_t user_int80(struct trap_frame *f)
{
    gt_frame(3, f);
    f->eax = 0x57acc;
    return gt_run(3, code_int80, f);
}

GT_CASE(stack_remapped, GT_BOTH)
{
    struct trap_frame f;
    uint32_t va = own_stack();

    for (uint32_t i = 0; i < 40; i++) {
        uint32_t fresh = page_alloc();

        EXPECT_EQ(user_int80(&f), 0x80);
        pt_write(pt_root, va, fresh | PTE_KERNEL);
        if (i & 1)
            pt_announce(pt_root, va, fresh | PTE_KERNEL);
        else
            pt_flush(FLUSH_ALL);
        EXPECT_EQ_AT(i, user_int80(&f), 0x80);
        EXPECT_EQ_AT(i, f.eax, 0x57acc);
        /* SS ESP EFLAGS CS EIP lie at the top of the new frame. */
        EXPECT_EQ_AT(i, peek32(fresh + 0xffc), USER_DS);
        EXPECT_EQ_AT(i, peek32(fresh + 0xfec), GT_USER_CODE + 2);
    }
}

static void stack_lost(uint32_t how)
{
    struct trap_frame f;
    uint32_t va = own_stack();

    EXPECT_EQ(user_int80(&f), 0x80);
    pt_write(pt_root, va, how & 1 ? pt_read(pt_root, va) & ~(uint64_t)PTE_W : 0);
    if (how & 2)
        pt_flush(FLUSH_ALL);
    else
        pt_announce(pt_root, va, pt_read(pt_root, va));
    user_int80(&f);
    FAIL("still here");
}

GT_ROW(stack_gone_set_pte, stack_lost, GT_BOTH, .arg = 0, KILLED("bad"))
GT_ROW(stack_ro_set_pte, stack_lost, GT_BOTH, .arg = 1, KILLED("bad"))
GT_ROW(stack_gone_flush, stack_lost, GT_BOTH, .arg = 2, KILLED("bad"))
GT_ROW(stack_ro_flush, stack_lost, GT_BOTH, .arg = 3, KILLED("bad"))

/* The pin survives flushes and more roots than are kept. */
GT_CASE(stack_pin_survives, GT_BOTH)
{
    uint32_t roots[7];
    struct trap_frame f;

    gt_user_setup();
    for (uint32_t i = 0; i < ARRAY_COUNT(roots); i++) {
        roots[i] = i ? pt_new_root() : pt_root;
        for (uint32_t va = GT_USER_CODE; va < GT_USER_DATA; va += GUEST_PAGE_BYTES)
            pt_write(roots[i], va, pt_read(roots[0], va));
    }
    for (uint32_t i = 0; i < 500; i++) {
        switch (gt_random() % 5) {
        case 0:
            pt_flush(FLUSH_ALL);
            break;
        case 1:
            pt_flush(FLUSH_USER);
            break;
        case 2:
            lguest_call_lazy(GABI_HCALL_SET_STACK, GABI_KERNEL_DS, guest_trap_stack(), 2, 0);
            lguest_call(GABI_HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
            break;
        default:
            pt_switch(roots[gt_random() % ARRAY_COUNT(roots)]);
            break;
        }
        EXPECT_EQ_AT(i, user_int80(&f), 0x80);
        EXPECT_EQ_AT(i, trap_seen.frame_esp, guest_trap_stack() - 8);
    }
}

/* In the user part of the address space (identity address): flushed more. */
GT_CASE(stack_in_user_part, GT_BOTH)
{
    struct trap_frame f;
    uint32_t esp = guest_trap_stack() - GUEST_PAGE_OFFSET;

    lguest_call(GABI_HCALL_SET_STACK, GABI_KERNEL_DS, esp, 2, 0);
    for (uint32_t i = 0; i < 100; i++) {
        EXPECT_EQ_AT(i, user_int80(&f), 0x80);
        EXPECT_EQ_AT(i, trap_seen.frame_esp, esp - 8);
        pt_flush(i & 1);
    }
}

/* ST-07: the page-fault handler is not there: faults pile up until the stack is
 * used up. */
GT_CASE(pf_handler_absent, GT_BOTH, KILLED("bad address"))
{
    trap_load_gate(VEC_PF, 0x60000000, GATE_INTERRUPT, 0);
    (void)peek32(0x66660000);
    FAIL("still here");
}

/* Handlers that fault again at once, on a stack of their own each time. */
GT_CASE(pf_handler_loops, GT_2LEVEL, .expect = "runs")
{
    static const uint8_t again[] = {
        0xbc, 0, 0, 0, 0,       /* mov esp, stack */
        0xa1, 0, 0, 0x66, 0x66, /* mov eax, [0x66660000] */
    };
    uint32_t top = addr_of(gt_kernel_stack) + sizeof(gt_kernel_stack);

    memcpy(gt_kernel_code, again, sizeof(again));
    memcpy(gt_kernel_code + 1, &top, 4);
    trap_load_gate(VEC_PF, addr_of(gt_kernel_code), GATE_TRAP, 0);
    (void)peek32(0x66660000);
}

/* ST-12: user stacks at the edges. */
GT_CODE(code_push, "pushl %eax; ud2");
GT_CODE(code_pusha, "pushal; ud2");
GT_CODE(code_enter, "enter $0xffff, $31; ud2");
GT_CODE(code_call, "call 1f; 1: ud2");

static void user_edge(uint32_t esp)
{
    struct trap_frame f;
    uint32_t start;

    for (uint32_t k = 0; k < 4; k++) {
        gt_frame(3, &f);
        f.esp = f.ebp = esp;
        start = f.eip;
        uint32_t v = k == 0 ? gt_run(3, code_push, &f) : k == 1 ? gt_run(3, code_pusha, &f)
                   : k == 2 ? gt_run(3, code_enter, &f) : gt_run(3, code_call, &f);

        EXPECT_EQ_AT(k, v, VEC_PF);
        EXPECT_EQ_AT(k, f.errcode & 4, 4);
        EXPECT_EQ_AT(k, f.eip, start);
        EXPECT_EQ_AT(k, f.esp, esp);
    }
}

GT_ROW(user_stack_top, user_edge, GT_2LEVEL, .arg = 0xfffffffc)
GT_ROW(user_stack_window, user_edge, GT_2LEVEL, .arg = 0xffc00000)
GT_ROW(user_stack_regs, user_edge, GT_2LEVEL, .arg = 0xffe02000)
GT_ROW(user_stack_4, user_edge, GT_2LEVEL, .arg = 4)

/* A kernel stack of 16 bits, or with a base: a trap from ring 1 pushes where the CPU
 * would, with SP within its 64 KiB, on the segment's base (SDM 3A 6.12.1). */
#define ENTRY 20u
#define SEL (ENTRY << 3 | 1)
#define STACK_BASE 0x41000000u

__asm__(".pushsection .text\n"
        "odd_stack_handler:\n"
        "pushl %eax; movw $0x69, %ax; movw %ax, %ds; popl %eax\n"
        "movl %esp, odd_stack_esp\n"
        "movw %ss, odd_stack_ss\n"
        "movw $0x69, %ax; movw %ax, %ss; movl odd_stack_saved, %esp\n"
        "popal\n"
        "ret\n"
        "odd_stack_run:\n" /* EAX: ESP, EDX: selector */
        "pushal\n"
        "movl %esp, odd_stack_saved\n"
        "movw %dx, %ss; movl %eax, %esp\n"
        "xorl %eax, %eax; int $0x1f\n" /* an exit that ESP's upper half may not survive */
        "odd_stack_trap: int3\n"
        "nop\n"
        ".popsection");
extern const char odd_stack_handler[], odd_stack_run[], odd_stack_trap[];
uint32_t odd_stack_esp, odd_stack_saved;
uint16_t odd_stack_ss;

static void trap_on(uint32_t bits, uint32_t base, uint32_t esp, uint32_t frame_at)
{
    uint32_t a = esp, d = SEL;

    desc_load(ENTRY, desc_make(base, 0xfffff, DESC_DATA, bits == 16 ? 8 : 0xc));
    for (uint32_t i = 0; i < 12; i += 4)
        poke32(frame_at + i, 0x11111111);
    __asm__ volatile("call odd_stack_run" : "+a"(a), "+d"(d) : "b"(0) : "memory", "cc");
    EXPECT_EQ(odd_stack_ss, SEL);
    EXPECT_EQ_AT(bits, bits == 16 ? odd_stack_esp & 0xffff : odd_stack_esp,
                 bits == 16 ? (esp - 12) & 0xffff : esp - 12);
    EXPECT_EQ(peek32(frame_at), addr_of(odd_stack_trap) + 1);
    EXPECT_EQ(peek32(frame_at + 4) & 0xffff, GABI_KERNEL_CS);
}

GT_CASE(odd_kernel_stack, GT_BOTH)
{
    for (uint32_t at = 0; at < 0x11000; at += GUEST_PAGE_BYTES)
        pt_set(pt_root, STACK_BASE + at, page_alloc() | PTE_KERNEL);
    trap_load_gate(VEC_BP, addr_of(odd_stack_handler), GATE_INTERRUPT, 3);
    trap_on(16, STACK_BASE, 0x1000, STACK_BASE + 0xff4);
    trap_on(16, STACK_BASE, 0x12341800, STACK_BASE + 0x17f4);
    trap_on(16, STACK_BASE + 0x800, 0x8000, STACK_BASE + 0x87f4);
    trap_on(16, STACK_BASE, 0x10, STACK_BASE + 4);
    trap_on(32, STACK_BASE - 0x1000, 0x3000, STACK_BASE + 0x1ff4);
    trap_on(32, STACK_BASE, 0x4000, STACK_BASE + 0x3ff4);
}
