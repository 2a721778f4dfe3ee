/* SPDX-License-Identifier: MIT */
/* What the random attacks do. */

#include "attack.h"

/* ---- code ---- */

/* Not only noise: bytes that begin what is emulated, prefixes, gates. */
static uint8_t random_byte(void)
{
    static const uint8_t likely[] = {
        0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x2e, 0x36, 0x64, 0x65, 0x0f, 0x01, 0xcd, 0x80,
        0xcc, 0xce, 0xcf, 0x9c, 0x9d, 0xfa, 0xfb, 0xf4, 0xe4, 0xe6, 0xec, 0xee, 0x6c,
        0x6e, 0x8e, 0x0b, 0x20, 0x22, 0x30, 0x32, 0xea, 0x9a, 0xcb, 0xf1, 0xc1,
    };
    uint32_t r = gt_random();

    return r & 1 ? (uint8_t)(r >> 8) : likely[(r >> 8) % ARRAY_COUNT(likely)];
}

/* LOCK before BTS, BTR, BTC of a register is an undefined opcode, and so is 0f 38 0c
 * without VEX (SDM 2C, VPERMILPS); QEMU 7.2 does not know and dies of them. */
static void spare_emulator(uint8_t *code, uint32_t bytes)
{
    bool bit_test = false;

    for (uint32_t i = 0; i + 1 < bytes; i++)
        bit_test |= code[i] == 0x0f && (code[i + 1] & 0xe6) == 0xa2;
    for (uint32_t i = 0; i < bytes && bit_test; i++) {
        if (code[i] == 0xf0)
            code[i] = 0x90;
    }
    for (uint32_t i = 0; i + 2 < bytes; i++) {
        if (code[i] == 0x0f && code[i + 1] == 0x38 && code[i + 2] == 0x0c)
            code[i + 2] = 0xff;
    }
}

/* What became of a string at ring 3 in a guest whose gates are as they were. */
static void check_end(uint32_t v, const struct trap_frame *f)
{
    /* User code may have changed its data only. */
    EXPECT_EQ(lg.reserve_mem, GABI_RESERVE_MEM);
    EXPECT(v < 0x20 || v == GUEST_SYSCALL_VECTOR || v == GABI_IRQ_VECTOR);
    /* The timer may strike in the handler of another trap, behind a trap gate. */
    if (v != GABI_IRQ_VECTOR)
        EXPECT_EQ(f->cs & 3, 3);
    EXPECT_EQ(f->eflags & (FLAG_IOPL | FLAG_VM), 0);
}

static uint32_t one_string(struct trap_frame *f, uint32_t ring)
{
    uint32_t regs[] = {0, 0xffffffff, GT_USER_DATA, 0xffe00000, 0x1f, gt_random()};
    uint8_t code[16];

    for (uint32_t i = 0; i < sizeof(code); i++)
        code[i] = random_byte();
    spare_emulator(code, sizeof(code));
    gt_frame(ring, f);
    f->eax = regs[gt_random() % 6];
    f->ebx = regs[gt_random() % 6];
    f->ecx = gt_random() % 64;
    f->edx = regs[gt_random() % 6];
    f->esi = GT_USER_DATA + 64;
    f->edi = GT_USER_DATA + 128;
    f->ebp = f->esp - 64;
    f->eflags |= gt_random() & (FLAG_CF | FLAG_DF | FLAG_TF | FLAG_NT | FLAG_AC);
    memset(phys_ptr(f->eip), 0xcc, 64);
    lguest_call(GABI_HCALL_SET_CLOCKEVENT, 200000, 0, 0, 0);
    memcpy(phys_ptr(f->eip), code, sizeof(code));
    return trap_run(f, GABI_IF);
}

void gt_attack_code(uint32_t ring, uint32_t strings, bool own_gates)
{
    struct trap_frame f;

    trap_run_ends_at_irq = true;
    irq_unblock(GABI_IRQ_TIMER);
    for (uint32_t i = 0; i < strings; i++) {
        uint32_t v = one_string(&f, ring);

        if (ring == 3 && own_gates) /* to be survived */
            check_end(v, &f);
    }
    trap_run_ends_at_irq = false;
}

/* ---- hypercalls ---- */

static uint32_t random_argument(void)
{
    static const uint32_t edges[] = {
        0, 1, 2, 3, 4, 31, 32, 255, 256, 511, 512, 1023, 1024, 0xfff, 0x1000,
        0x3ff000, 0x400000, 0x7fffffff, 0x80000000, 0xc0000000, 0xffc00000,
        0xffe00000, 0xffe01000, 0xffe02000, 0xfffff000, 0xfffffffc, 0xffffffff,
    };
    uint32_t r = gt_random();

    switch (r % 5) {
    case 0:
        return gt_random();
    case 1:
        return pt_root;
    case 2:
        return gt_random() & 0x3ff067;
    case 3:
        return addr_of(&lguest_data) + (gt_random() & 0x7fc);
    default:
        return edges[(r >> 8) % ARRAY_COUNT(edges)];
    }
}

/* Arguments that are right for this call, so that a life is not too short. */
static void good_arguments(uint32_t nr, uint32_t a[4])
{
    uint32_t r = gt_random();

    switch (nr) {
    case GABI_HCALL_NEW_PGTABLE:
        a[0] = pt_root;
        break;
    case GABI_HCALL_LOAD_IDT_ENTRY:
        a[0] = r & 0xff;
        a[2] = (a[2] & ~0x9f00u) | 0x8e00 | (r >> 4 & 0x6100);
        break;
    case GABI_HCALL_SET_STACK:
        a[0] = GABI_KERNEL_DS;
        a[1] = guest_trap_stack() - (r & 0xffc);
        a[2] = r >> 16 & 1;
        break;
    case GABI_HCALL_SET_PTE:
        a[0] = pt_root;
        a[1] &= 0x7fffffff;
        a[2] &= 0x3ff067;
        a[3] = 0;
        break;
    case GABI_HCALL_SET_PGD:
        a[0] = pt_root;
        a[1] &= 3;
        break;
    case GABI_HCALL_LOAD_TLS:
        a[0] = r & 0x3fffe0;
        break;
    case GABI_HCALL_NOTIFY:
        a[0] = 0;
        break;
    case GABI_HCALL_LOAD_GDT_ENTRY:
        a[0] = r & 31;
        if (a[0] == 12 || a[0] == 13) /* a life needs its own segments */
            a[0] = 5;
        break;
    default:
        break;
    }
}

void gt_attack_hypercalls(uint32_t calls)
{
    static const uint8_t numbers[] = {0, 4, 5, 6, 7, 8, 9, 14, 15, 16, 17, 18, 19};

    for (uint32_t i = 0; i < calls; i++) {
        uint32_t nr = numbers[gt_random() % ARRAY_COUNT(numbers)], a[4];
        uint32_t luck = gt_random() % 2048;

        for (uint32_t k = 0; k < 4; k++)
            a[k] = random_argument();
        if (luck)
            good_arguments(nr, a);
        if (luck == 1)
            nr = gt_random() % 40;
        if (nr == GABI_HCALL_SHUTDOWN || nr == GABI_HCALL_HALT)
            continue;
        if (luck % 4)
            hcall4(nr, a[0], a[1], a[2], a[3]);
        else
            lguest_call_lazy(nr, a[0], a[1], a[2], a[3]);
    }
}

/* ---- page tables ---- */

#define FIELD 0x48000000u /* where the edits are: 16 MiB of user addresses */
#define FIELD_BYTES 0x1000000u
#define ROOTS 6u
#define FRAMES 24u

static uint32_t roots[ROOTS], frames[FRAMES];

static uint32_t random_va(void)
{
    uint32_t r = gt_random();

    if (r % 32 == 0)
        return gt_random();
    return FIELD + (r >> 8) % FIELD_BYTES;
}

/* Mostly a frame of the pool with ordinary flags; now and then a page table, the
 * shared structure, or nonsense. */
static uint64_t random_entry(void)
{
    uint32_t r = gt_random(), frame = frames[(r >> 8) % FRAMES];

    switch (r & 0xff) {
    case 0:
        return gt_random();
    case 1:
        return (uint64_t)gt_random() << 32 | gt_random();
    case 2:
        return frame | PTE_USER | PTE_PS;
    case 3:
        return (addr_of(&lguest_data) & ~GUEST_PAGE_MASK) | PTE_USER;
    case 4:
    case 5:
    case 6:
        return pt_table(pt_root, FIELD) | PTE_USER;
    case 7:
        return (pt_root & ~GUEST_PAGE_MASK) | PTE_KERNEL;
    default:
        return frame | (gt_random() & 0x67);
    }
}

static void touch(uint32_t how)
{
    uint32_t va = random_va() & ~3u;

    if (how & 1)
        poke32(va, how);
    else
        (void)peek32(va);
}

static void edit(uint32_t n)
{
    uint32_t root = roots[gt_random() % ROOTS], va = random_va(), r = gt_random();
    uint32_t dir = frames[(r >> 8) % FRAMES] | PTE_TABLE;
    struct trap_frame f;

    if (va >= 0xc0000000) /* not the kernel's own tables: life would end at once */
        va = FIELD;
    switch (r % 16) {
    case 0:
        pt_switch(root);
        break;
    case 1:
        pt_flush(r >> 4 & 1);
        break;
    case 2:
        pt_announce_dir(root, va);
        break;
    case 3: /* a directory entry: a frame of the pool as a table */
        pt_write_dir(root, FIELD + (r >> 4) % 4 * pt_dir_span(), dir);
        break;
    case 4:
        pt_announce(root, va, random_entry());
        break;
    case 5: /* a word of a table, whatever it is now */
        poke32(frames[(r >> 8) % FRAMES] + (r >> 16) % 1024 * 4, (uint32_t)random_entry());
        break;
    case 6:
        lguest_call_lazy(GABI_HCALL_SET_PTE, root, va, (uint32_t)random_entry(), 0);
        break;
    case 7:
    case 8:
        pt_write(root, va, random_entry());
        break;
    case 9:
    case 10:
        pt_set(root, va, random_entry());
        break;
    case 11: /* from ring 3 */
        gt_frame(3, &f);
        f.ebx = va;
        (void)gt_run_bytes(3, r & 0x100 ? "\x8b\x03\x0f\x0b" : "\x89\x03\x0f\x0b", 4, &f);
        break;
    default:
        (void)trap_catch(touch, n, &f);
        break;
    }
}

void gt_attack_tables(uint32_t edits)
{
    for (uint32_t i = 0; i < ROOTS && !roots[0]; i++) {
        uint32_t root = i ? pt_new_root() : pt_root;

        for (uint32_t va = GT_USER_CODE; va < GT_USER_DATA; va += GUEST_PAGE_BYTES) {
            gt_user_setup();
            pt_write(root, va, pt_read(pt_root, va));
        }
        roots[ROOTS - 1 - i] = root;
    }
    for (uint32_t i = 0; i < FRAMES && !frames[FRAMES - 1]; i++)
        frames[i] = page_alloc();
    for (uint32_t i = 0; i < edits; i++)
        edit(i);
}
