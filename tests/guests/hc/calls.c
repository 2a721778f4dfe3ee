/* SPDX-License-Identifier: MIT */
/* Hypercalls that are legal: what they keep, what they do, who may make them
 * (HC-05, HC-06, HC-13, HC-18 to HC-26). */

#include "attack.h"
#include "gtest.h"

GT_CODE(code_hcall, "int $0x1f; ud2");
GT_CODE(code_jump, "jmp *%edi");
GT_CODE(code_vmcall, ".byte 0x0f, 0x01, 0xc1; ud2");
GT_CODE(code_ud, "ud2");

/* HC-05: not from ring 3; and nothing of it was done. */
GT_CASE(from_ring3, GT_BOTH)
{
    struct trap_frame f;

    for (uint32_t nr = 0; nr <= GABI_HCALL_MAX; nr++) {
        gt_frame(3, &f);
        f.eax = nr;
        f.ebx = nr == GABI_HCALL_SHUTDOWN ? addr_of("PASS") : 0;
        f.ecx = 1;
        EXPECT_EQ_AT(nr, gt_run(3, code_hcall, &f), VEC_GP);
        EXPECT_EQ_AT(nr, f.errcode, GABI_HCALL_VECTOR * 8 + 2);
        EXPECT_EQ_AT(nr, f.eip, GT_USER_CODE);
    }
}

/* HC-06: ring 3 jumps to the kernel's own instruction. */
GT_CASE(jump_to_kernels, GT_BOTH)
{
    struct trap_frame f;

    memcpy(gt_kernel_code, code_hcall_start, 4);
    gt_frame(3, &f);
    f.eax = GABI_HCALL_SHUTDOWN;
    f.ecx = 1;
    f.edi = addr_of(gt_kernel_code);
    EXPECT_EQ(gt_run(3, code_jump, &f), VEC_PF);
    EXPECT_EQ(f.errcode, 5);
    EXPECT_EQ(f.eip, addr_of(gt_kernel_code));
    /* The same page made readable for ring 3: the gate's DPL still refuses. */
    pt_set(pt_root, addr_of(gt_kernel_code), addr_of(gt_kernel_code) | PTE_USER);
    gt_frame(3, &f);
    f.edi = addr_of(gt_kernel_code);
    EXPECT_EQ(gt_run(3, code_jump, &f), VEC_GP);
    EXPECT_EQ(f.errcode, GABI_HCALL_VECTOR * 8 + 2);
}

/* HC-13: SET_PTE with a root that is none. */
GT_CASE(set_pte_no_root, GT_BOTH)
{
    uint32_t page = page_alloc(), mapped = page_alloc();

    pt_set(pt_root, 0x40000000, mapped | PTE_USER);
    poke32(0x40000000, 0x11111111);
    for (uint32_t i = 0; i < 1024; i++)
        poke32(page + i * 4, gt_random());
    pt_announce(page, 0x40000000, mapped | PTE_USER);  /* random words */
    pt_announce(0x3ff000, 0x40000000, mapped | PTE_USER); /* never used */
    pt_announce(0xfffff000, 0x40000000, mapped | PTE_USER); /* no memory */
    pt_announce(addr_of(&lguest_data), 0x40000000, 0);
    EXPECT_EQ(peek32(0x40000000), 0x11111111);
}

/* Roots that are small odd numbers, after more roots than are kept have come and
 * gone: whatever the monitor uses as "no root" is not a guest's to name. */
static void odd_root(uint32_t last)
{
    uint32_t roots[7], mapped = page_alloc();

    for (uint32_t i = 0; i < ARRAY_COUNT(roots); i++) {
        roots[i] = i ? pt_new_root() : pt_root;
        pt_switch(roots[i]);
    }
    for (uint32_t odd = 0; odd < 64; odd++) {
        pt_set(pt_root, 0x40000000, mapped | PTE_USER);
        poke32(0x40000000, odd);
        hcall4(GABI_HCALL_SET_PTE, odd, 0x40000000, 0, 0);
        hcall4(GABI_HCALL_SET_PTE, odd, 0xd0000000, mapped | PTE_USER, 0);
        hcall2(GABI_HCALL_SET_PGD, odd, odd & 3);
        if (!pt_pae)
            hcall2(GABI_HCALL_SET_PGD, odd, 1023);
        EXPECT_EQ_AT(odd, peek32(0x40000000), odd);
        pt_switch(roots[odd % ARRAY_COUNT(roots)]);
    }
    if (last != 0xffffffff) {
        hcall1(GABI_HCALL_NEW_PGTABLE, last);
        (void)peek32(0x40000000);
    }
}

GT_ROW(odd_roots, odd_root, GT_BOTH, .arg = 0xffffffff, .expect = "any")
GT_ROW(odd_root_0, odd_root, GT_BOTH, .arg = 0, .expect = "any")
GT_ROW(odd_root_1, odd_root, GT_BOTH, .arg = 1, .expect = "any")
GT_ROW(odd_root_2, odd_root, GT_BOTH, .arg = 2, .expect = "any")
GT_ROW(odd_root_31, odd_root, GT_BOTH, .arg = 31, .expect = "any")

/* HC-18: the clock: cancel, smallest, largest, re-arm. */
GT_CASE(clockevent_edges, GT_BOTH)
{
    irq_unblock(GABI_IRQ_TIMER);
    hcall1(GABI_HCALL_SET_CLOCKEVENT, 20000000);
    hcall1(GABI_HCALL_SET_CLOCKEVENT, 0); /* cancelled */
    hcall1(GABI_HCALL_SET_CLOCKEVENT, 0xffffffff); /* 4.29 s: not in this test */
    irq_enable();
    uint64_t start = rdtsc();

    while (lg.tsc_khz && rdtsc() - start < (uint64_t)lg.tsc_khz * 50)
        hcall0(GABI_HCALL_FLUSH_ASYNC);
    irq_disable();
    EXPECT_EQ(irq_count[0], 0);
    for (uint32_t ns = 1; ns < 1000; ns = ns * 3 + 1) { /* re-arm replaces */
        uint32_t before = irq_count[0];

        hcall1(GABI_HCALL_SET_CLOCKEVENT, ns);
        while (irq_count[0] == before)
            irq_halt();
        irq_disable();
        EXPECT_EQ(irq_count[0], before + 1);
    }
}

/* Not before the deadline. */
GT_CASE(clockevent_not_early, GT_2LEVEL)
{
    static const uint32_t delays_us[] = {50, 200, 1000, 5000, 20000};

    if (!lg.tsc_khz)
        SKIP("the TSC is not usable here");
    for (uint32_t i = 0; i < ARRAY_COUNT(delays_us); i++) {
        uint64_t start = rdtsc(), ticks;

        gt_sleep_ns(delays_us[i] * 1000);
        ticks = rdtsc() - start;
        /* 1 % for the calibration. */
        EXPECT(ticks * 1010 >= (uint64_t)delays_us[i] * lg.tsc_khz);
    }
}

/* HC-19. */
GT_CASE(send_interrupts_loop, GT_2LEVEL)
{
    for (uint32_t i = 0; i < 200000; i++)
        hcall0(GABI_HCALL_SEND_INTERRUPTS);
    EXPECT_EQ(irq_count[0], 0);
}

/* HC-20: every legal call keeps every register and the flags. */
static void keeps_registers(uint32_t nr, uint32_t a1, uint32_t a2, uint32_t a3)
{
    struct trap_frame f;

    gt_frame(1, &f);
    f.eax = nr;
    f.ebx = a1;
    f.ecx = a2;
    f.edx = a3;
    f.esi = 0;
    f.edi = 0xd1d1d1d1;
    f.ebp = 0xb9b9b9b9;
    f.es = USER_DS;
    f.fs = USER_DS;
    f.gs = 0;
    f.eflags = FLAG_FIXED | FLAG_IF | FLAG_CF | FLAG_AF | FLAG_SF | FLAG_DF | FLAG_OF |
               FLAG_AC | FLAG_ID;
    uint32_t esp = f.esp, flags = f.eflags;

    memcpy(gt_kernel_code, code_hcall_start, 4);
    EXPECT_EQ_AT(nr, trap_run(&f, GABI_IF), VEC_UD);
    EXPECT_EQ_AT(nr, f.eip, addr_of(gt_kernel_code) + 2);
    EXPECT_EQ_AT(nr, f.eax, nr);
    EXPECT_EQ_AT(nr, f.ebx, a1);
    EXPECT_EQ_AT(nr, f.ecx, a2);
    EXPECT_EQ_AT(nr, f.edx, a3);
    EXPECT_EQ_AT(nr, f.esi, 0);
    EXPECT_EQ_AT(nr, f.edi, 0xd1d1d1d1);
    EXPECT_EQ_AT(nr, f.ebp, 0xb9b9b9b9);
    EXPECT_EQ_AT(nr, f.esp, esp);
    EXPECT_EQ_AT(nr, f.eflags & ~FLAG_RF, flags);
    EXPECT_EQ_AT(nr, f.ds, GABI_KERNEL_DS);
    EXPECT_EQ_AT(nr, f.es, USER_DS);
    EXPECT_EQ_AT(nr, f.fs, USER_DS);
    EXPECT_EQ_AT(nr, f.gs, 0);
}

GT_CASE(registers_kept, GT_BOTH)
{
    uint32_t stub = trap_stub(VEC_BP);

    for (uint32_t round = 0; round < 3; round++) {
        keeps_registers(GABI_HCALL_FLUSH_ASYNC, 1, 2, 3);
        keeps_registers(GABI_HCALL_NEW_PGTABLE, pt_root, 0, 0);
        keeps_registers(GABI_HCALL_FLUSH_TLB, 0, 0, 0);
        keeps_registers(GABI_HCALL_FLUSH_TLB, 1, 0, 0);
        keeps_registers(GABI_HCALL_LOAD_IDT_ENTRY, 3, 0x610000 | (stub & 0xffff),
                        (stub & 0xffff0000) | 0xee00);
        keeps_registers(GABI_HCALL_SET_STACK, GABI_KERNEL_DS, guest_trap_stack(), 2);
        keeps_registers(GABI_HCALL_TS, 0, 0, 0);
        keeps_registers(GABI_HCALL_SET_CLOCKEVENT, 0, 0, 0);
        keeps_registers(GABI_HCALL_SET_PTE, pt_root, 0x40000000, 0);
        keeps_registers(GABI_HCALL_SET_PGD, pt_root, 1, 0);
        keeps_registers(GABI_HCALL_NOTIFY, 0, 0, 0);
        keeps_registers(GABI_HCALL_LOAD_GDT_ENTRY, 5, 0, 0);
        keeps_registers(GABI_HCALL_SEND_INTERRUPTS, 0, 0, 0);
    }
}

/* HC-20: whatever DF is, the monitor copies upwards. The table lies across a page's end,
 * so that it is copied and not just looked at. */
GT_CASE(registers_kept_df, GT_BOTH)
{
    static uint8_t pages[2 * 4096] __attribute__((aligned(4096)));
    uint32_t first = 8; /* bytes on the first page: the monitor's own copy is in words */
    uint64_t *table = (uint64_t *)(void *)(pages + 4096 - first);

    for (uint32_t i = 0; i < GABI_TLS_ENTRIES; i++)
        table[i] = desc_make(0x1000 * (i + 1), 0xfffff, DESC_DATA | DESC_DPL(3), DESC_FLAT_BITS);
    keeps_registers(GABI_HCALL_LOAD_TLS, addr_of(table), 0, 0);
    for (uint32_t i = 0; i < GABI_TLS_ENTRIES; i++)
        EXPECT_EQ_AT(i, gt_desc_base(gt_real_gdt(GABI_TLS_FIRST + i)), 0x1000 * (i + 1));
}

/* HALT keeps them too, with an interrupt in between. */
GT_CASE(registers_kept_halt, GT_2LEVEL)
{
    irq_unblock(GABI_IRQ_TIMER);
    hcall1(GABI_HCALL_SET_CLOCKEVENT, 300000);
    keeps_registers(GABI_HCALL_HALT, 0x11, 0x22, 0x33);
    EXPECT_EQ(irq_count[0], 1);
}

/* HC-23: vmcall at ring 3 is an undefined opcode; at ring 1 it is a hypercall
 * for guests whose row has it, else undefined or a hypercall as well. */
GT_CASE(vmcall_ring3, GT_BOTH)
{
    struct trap_frame f;

    gt_frame(3, &f);
    EXPECT_EQ(gt_run(3, code_vmcall, &f), VEC_UD);
    EXPECT_EQ(f.eip, GT_USER_CODE);
    EXPECT_EQ(*(volatile uint8_t *)phys_ptr(GT_USER_CODE), 0x0f); /* not patched */
}

GT_CASE(vmcall_ring1, GT_BOTH)
{
    struct trap_frame f;

    gt_frame(1, &f);
    f.eax = GABI_HCALL_FLUSH_ASYNC;
    EXPECT_EQ(gt_run(1, code_vmcall, &f), VEC_UD);
    EXPECT(f.eip == addr_of(gt_kernel_code) || f.eip == addr_of(gt_kernel_code) + 3);
}

/* On a page that the guest itself may not write: patched or reflected, and if
 * patched, then in the guest's own frame. */
GT_CASE(vmcall_read_only, GT_BOTH)
{
    struct trap_frame f;
    uint32_t va = 0xd0000000, page = page_alloc(), v;

    memcpy(phys_ptr(page), code_vmcall_start, 5);
    pt_set(pt_root, va, page | PTE_P | PTE_A);
    gt_frame(1, &f);
    f.eip = va;
    f.eax = GABI_HCALL_FLUSH_ASYNC;
    v = trap_run(&f, 0);
    EXPECT_EQ(v, VEC_UD);
    if (f.eip == va) {
        EXPECT_EQ(*(volatile uint8_t *)phys_ptr(page), 0x0f);
    } else {
        EXPECT_EQ(f.eip, va + 3);
        EXPECT_EQ(*(volatile uint8_t *)phys_ptr(page), 0xcd);
    }
    EXPECT_EQ(pt_read(pt_root, va) & PTE_W, 0);
}

/* Across two pages, the second of which may be missing. */
GT_CASE(vmcall_crosses_page, GT_BOTH)
{
    struct trap_frame f;
    uint32_t va = 0xd0000000;

    for (uint32_t split = 1; split <= 2; split++) {
        uint32_t start = va + GUEST_PAGE_BYTES - split;

        pt_set(pt_root, va, page_alloc() | PTE_KERNEL);
        pt_set(pt_root, va + GUEST_PAGE_BYTES, page_alloc() | PTE_KERNEL);
        memcpy(phys_ptr(start), code_vmcall_start, 5);
        gt_frame(1, &f);
        f.eip = start;
        f.eax = GABI_HCALL_FLUSH_ASYNC;
        EXPECT_EQ(trap_run(&f, 0), VEC_UD);
        EXPECT(f.eip == start || f.eip == start + 3);
        pt_set(pt_root, va + GUEST_PAGE_BYTES, 0);
        memcpy(phys_ptr(start), code_vmcall_start, split);
        gt_frame(1, &f);
        f.eip = start;
        EXPECT_EQ(trap_run(&f, 0), VEC_PF);
        EXPECT_EQ(trap_seen.cr2, va + GUEST_PAGE_BYTES);
    }
}

/* HC-24: random calls, edge values more often than not. Ends when it is killed;
 * the suite checks that this is all that happened. */
static void random_calls(uint32_t seed)
{
    gt_random_seed(seed);
    gt_attack_hypercalls(20000);
}

#define RANDOM(n) GT_ROW(random_##n, random_calls, GT_BOTH, .arg = n, .expect = "any")
RANDOM(1)
RANDOM(2)
RANDOM(3)
RANDOM(4)
RANDOM(5)
RANDOM(6)
RANDOM(7)
RANDOM(8)

/* The same with calls that are mostly right, so that lives are longer. */
static void random_mmu(uint32_t seed)
{
    uint32_t roots[6], frames[16];

    gt_random_seed(seed);
    for (uint32_t i = 0; i < ARRAY_COUNT(roots); i++)
        roots[i] = i ? pt_new_root() : pt_root;
    for (uint32_t i = 0; i < ARRAY_COUNT(frames); i++)
        frames[i] = page_alloc();
    for (uint32_t i = 0; i < 3000; i++) {
        uint32_t root = roots[gt_random() % 6], va = 0x40000000 + (gt_random() & 0x3ff000);
        uint32_t pte = frames[gt_random() % 16] | (gt_random() & 0x67);

        switch (gt_random() % 8) {
        case 0:
            pt_switch(root);
            break;
        case 1:
            pt_flush(gt_random() & 1);
            break;
        case 2:
            pt_announce_dir(root, va);
            break;
        case 3:
            pt_write(root, va, pte);
            pt_flush(FLUSH_ALL);
            break;
        case 4:
            pt_announce(root, va, gt_random() & ~PTE_PS & 0x3fffff);
            break;
        default:
            pt_set(root, va, pte);
            break;
        }
        va = 0x40000000 + (gt_random() & 0x3ff000);
        if ((pt_read(pt_root, va) & (PTE_P | PTE_W)) == (PTE_P | PTE_W))
            poke32(va, i);
    }
}

GT_ROW(random_mmu_1, random_mmu, GT_BOTH, .arg = 1)
GT_ROW(random_mmu_2, random_mmu, GT_BOTH, .arg = 2)
GT_ROW(random_mmu_3, random_mmu, GT_BOTH, .arg = 3)

/* HC-26: hypercalls in nested handlers. */
static uint32_t depth;

static void nest(struct trap_frame *f)
{
    (void)f;
    hcall0(GABI_HCALL_FLUSH_ASYNC);
    if (++depth < 20)
        __asm__ volatile("int3");
    hcall0(GABI_HCALL_SEND_INTERRUPTS);
}

GT_CASE(nested_20, GT_2LEVEL)
{
    trap_set_handler(VEC_BP, nest);
    __asm__ volatile("int3");
    EXPECT_EQ(depth, 20);
}

/* A hypercall at an address inside the no-interrupt window is one like any. */
GT_CASE(in_the_window, GT_RAW | GT_2LEVEL)
{
    lguest_prepare(&lguest_data, &lguest_rows[GABI_ROW_3_1]);
    lg.noirq_start = 0xc0000000 + (addr_of(gt_kernel_code) & ~0u);
    lg.noirq_end = lg.noirq_start + 32;
    hcall1(GABI_HCALL_INIT, addr_of(&lguest_data));
    guest.started = true;
    pt_init(false);
    guest_setup_traps();

    struct trap_frame f;

    memcpy(gt_kernel_code, code_hcall_start, 4);
    gt_frame(1, &f);
    f.eip += GUEST_PAGE_OFFSET;
    f.eax = GABI_HCALL_FLUSH_ASYNC;
    EXPECT_EQ(trap_run(&f, GABI_IF), VEC_UD);
    memcpy(gt_kernel_code, code_ud_start, 2);
}
