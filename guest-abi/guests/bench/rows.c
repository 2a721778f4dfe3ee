/* SPDX-License-Identifier: MIT */
/* What is prepared before and checked after each sample.  A row is the median
 * of its samples; a sample that did not have its effect spoils the row. */

#include "bench.h"
#include "guest/boot.h"
#include "guest/desc.h"
#include "guest/lguest.h"
#include "guest/page.h"
#include "guest/trap.h"

uint32_t op_empty(void), op_null_hcall(void), op_int3(void), op_page_fault(void),
    op_touch(void), op_new_pgtable(void), op_context_switch(void), op_set_pte(void),
    op_set_pte_ring(void), op_self_interrupt(void), op_in(void), op_out(void),
    op_cli_sti(void);
extern const char bench_int3_handler[], bench_pf_handler[], bench_irq_handler[],
    bench_trap_gate[], bench_interrupt_gate[], bench_user_start[], bench_user_end[];
extern uint32_t bench_seen, bench_args[8];

#define VA_UNMAPPED 0x50000000u
#define VA_TOUCH 0x51000000u
#define VA_ROOT 0x52000000u /* differs between the two roots */
#define VA_PTE 0x53000000u
#define VA_USER 0x54000000u /* code, stack, results */
#define TOUCH_PAGES 64u
#define RING_ENTRIES 32u

struct row {
    const char *op, *title;
    void (*prepare)(uint32_t i);
    uint32_t (*run)(void);
    bool (*check)(uint32_t i);
    uint32_t divide; /* operations in one sample */
};

static uint32_t empty_cost; /* of op_empty */
static uint32_t touched_cost; /* of op_touch on pages that are there */
static uint32_t roots[2], root_frames[2], pte_frames[2];
static uint8_t ring_pages[(RING_ENTRIES + 1) * GUEST_PAGE_BYTES]
    __attribute__((aligned(4096)));
static uint32_t touch_frame, touch_flags;
static uint64_t tls[2][GABI_TLS_ENTRIES] __attribute__((aligned(32)));
static bool count_exits;

static void forget(uint32_t i)
{
    (void)i;
    bench_seen = 0;
}

static bool seen_one(uint32_t i)
{
    (void)i;
    return bench_seen == 1;
}

static bool always(uint32_t i)
{
    (void)i;
    return true;
}

/* ---- page fault ---- */

static void prepare_page_fault(uint32_t i)
{
    forget(i);
    lg_cr2 = 0;
    bench_args[0] = VA_UNMAPPED + i * GUEST_PAGE_BYTES;
}

static bool check_page_fault(uint32_t i)
{
    return bench_seen == 1 && lg_cr2 == VA_UNMAPPED + i * GUEST_PAGE_BYTES;
}

/* ---- first touch ---- */

/* Gone, said so, and there again without a word: the shadow is empty. */
static void prepare_touch(uint32_t i)
{
    (void)i;
    for (uint32_t n = 0; n < TOUCH_PAGES; n++)
        pt_write(pt_root, VA_TOUCH + n * GUEST_PAGE_BYTES, 0);
    pt_flush(FLUSH_USER);
    for (uint32_t n = 0; n < TOUCH_PAGES; n++)
        pt_write(pt_root, VA_TOUCH + n * GUEST_PAGE_BYTES, touch_frame | touch_flags);
    bench_args[0] = VA_TOUCH;
    bench_args[1] = TOUCH_PAGES;
}

static bool check_touch(uint32_t i)
{
    (void)i;
    for (uint32_t n = 0; n < TOUCH_PAGES; n++) {
        if (!(pt_read(pt_root, VA_TOUCH + n * GUEST_PAGE_BYTES) & PTE_A))
            return false;
    }
    return true;
}

/* ---- roots ---- */

static void prepare_root(uint32_t i)
{
    pt_root = roots[i & 1];
    bench_args[0] = pt_root;
}

static bool check_root(uint32_t i)
{
    return peek32(VA_ROOT) == (0xb0070000u | (i & 1));
}

static void prepare_switch(uint32_t i)
{
    uint32_t n = lguest_ring_next;

    /* TS off again; what is in the ring has run. */
    lguest_call(GABI_HCALL_TS, 0, 0, 0, 0);
    for (; n % 4 || n + 4 > GABI_RING_SLOTS; n = lguest_ring_next)
        lguest_call_lazy(GABI_HCALL_TS, 0, 0, 0, 0);
    lguest_call(GABI_HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
    prepare_root(i);
    for (uint32_t k = 0; k < GABI_TLS_ENTRIES; k++)
        tls[i & 1][k] = desc_make(0x1000 * (1 + k) * (1 + (i & 1)), 0xfffff,
                                  DESC_DATA | DESC_DPL(3), DESC_FLAT_BITS);
    bench_args[1] = guest_trap_stack();
    bench_args[2] = addr_of(tls[i & 1]);
    bench_args[3] = addr_of(&lg.hcalls[n]);
    bench_args[4] = addr_of(&lg.hcall_status[n]);
    lguest_ring_next = (n + 4) % GABI_RING_SLOTS;
}

/* The new root is in force, the ring is done, the TLS base is the new one, and
 * TS is set. */
static bool check_switch(uint32_t i)
{
    uint32_t base_word, n = (lguest_ring_next + 60) % GABI_RING_SLOTS, cr0;

    poke32(VA_ROOT + 0x800, 0);
    __asm__ volatile("movw $0x33, %%ax; movw %%ax, %%gs; movl %%gs:0, %0; "
                     "xorl %%eax, %%eax; movw %%ax, %%gs"
                     : "=r"(base_word) : : "eax");
    __asm__ volatile("smsw %0" : "=r"(cr0));
    return check_root(i) && lg.hcall_status[n] == GABI_SLOT_FREE &&
           lg.hcall_status[n + 3] == GABI_SLOT_FREE &&
           base_word == peek32(0x1000 * (1 + (i & 1))) && (cr0 & 8);
}

/* ---- SET_PTE ---- */

static void prepare_pte(uint32_t i)
{
    bench_args[0] = pt_root;
    bench_args[1] = VA_PTE;
    bench_args[2] = pte_frames[i & 1] | PTE_KERNEL;
    bench_args[3] = pt_entry_addr(pt_root, VA_PTE);
}

static bool check_pte(uint32_t i)
{
    return peek32(VA_PTE) == (0x97e00000u | (i & 1));
}

static void prepare_pte_ring(uint32_t i)
{
    lguest_call(GABI_HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
    while (lguest_ring_next % RING_ENTRIES)
        lguest_call_lazy(GABI_HCALL_TS, 0, 0, 0, 0);
    lguest_call(GABI_HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
    bench_args[0] = pt_root;
    bench_args[1] = VA_PTE;
    /* Two windows onto the frames, one page apart. */
    bench_args[2] = (addr_of(ring_pages) + (i & 1) * GUEST_PAGE_BYTES) | PTE_KERNEL;
    bench_args[3] = pt_entry_addr(pt_root, VA_PTE);
    bench_args[4] = addr_of(&lg.hcalls[lguest_ring_next]);
    bench_args[5] = addr_of(&lg.hcall_status[lguest_ring_next]);
    bench_args[6] = pt_pae ? 8 : 4;
    lguest_ring_next = (lguest_ring_next + RING_ENTRIES) % GABI_RING_SLOTS;
}

static bool check_pte_ring(uint32_t i)
{
    for (uint32_t n = 0; n < RING_ENTRIES; n++) {
        if (peek32(VA_PTE + n * GUEST_PAGE_BYTES) != 0xf4a30000u + n + (i & 1))
            return false;
    }
    return true;
}

/* ---- interrupts ---- */

static void prepare_interrupt(uint32_t i)
{
    forget(i);
    irq_disable();
    irq_unblock(GABI_IRQ_TIMER);
    lguest_call(GABI_HCALL_SET_CLOCKEVENT, 1000, 0, 0, 0);
    for (uint32_t n = 0; n < 1000000 && !lg.irq_pending; n++)
        lguest_call(GABI_HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
}

static bool check_interrupt(uint32_t i)
{
    bool ok = seen_one(i) && lg_irq_enabled == (FLAG_IF | (lg_irq_enabled & ~FLAG_IF)) &&
              (lg_irq_enabled & FLAG_IF);

    irq_disable();
    irq_block(GABI_IRQ_TIMER);
    return ok;
}

static bool check_cli_sti(uint32_t i)
{
    bool ok = lg_irq_enabled == GABI_IF;

    (void)i;
    irq_disable();
    return ok;
}

/* ---- the frame around it ---- */

static uint32_t median(uint32_t *v, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        for (uint32_t k = i; k > 0 && v[k - 1] > v[k]; k--) {
            uint32_t t = v[k];

            v[k] = v[k - 1];
            v[k - 1] = t;
        }
    }
    return v[n / 2];
}

static uint32_t exits_now(void)
{
    return count_exits ? port_in32(GABI_TEST_PORT) : 0;
}

static void measure(const struct row *r, uint32_t base, struct bench_result *out)
{
    static uint32_t insns[BENCH_SAMPLES], exits[BENCH_SAMPLES];
    uint32_t m;

    memset(out, 0, sizeof(*out));
    out->op = r->op;
    out->title = r->title;
    out->ok = true;
    for (uint32_t i = 0; i < BENCH_SAMPLES; i++) {
        uint32_t before;

        r->prepare(i);
        before = exits_now();
        insns[i] = r->run();
        exits[i] = exits_now() - before - (count_exits ? 1 : 0);
        out->ok &= r->check(i);
    }
    m = median(insns, BENCH_SAMPLES);
    m = m > base ? m - base : 0;
    out->insns = (m + r->divide / 2) / r->divide;
    out->exits_x100 = median(exits, BENCH_SAMPLES) * 100 / r->divide;
}

/* 65 system calls in one go: the user program notes the differences itself. */
static void measure_user(const char *op, const char *title, uint32_t gate,
                         const char *handler, struct bench_result *out)
{
    uint32_t *results = phys_ptr(VA_USER + 0x2000);
    uint32_t before, exits;
    struct trap_frame f;

    memset(out, 0, sizeof(*out));
    out->op = op;
    out->title = title;
    trap_load_gate(GUEST_SYSCALL_VECTOR, addr_of(handler), gate, 3);
    memcpy(phys_ptr(VA_USER), bench_user_start,
           (uint32_t)(bench_user_end - bench_user_start));
    trap_frame_init(&f, 3, VA_USER, VA_USER + 0x2000);
    f.ecx = BENCH_SAMPLES;
    f.esi = addr_of(results);
    before = exits_now();
    out->ok = trap_run(&f, GABI_IF) == VEC_UD && f.ebx == BENCH_SAMPLES;
    exits = exits_now() - before - (count_exits ? 2 : 0); /* ud2 and the read */
    irq_disable();
    out->insns = median(results + BENCH_SAMPLES, BENCH_SAMPLES) -
                 median(results, BENCH_SAMPLES);
    /* A tick of the monitor's timer may fall into it; a call that exits shows
     * 65 times. */
    out->exits_x100 = exits / BENCH_SAMPLES * 100;
}

static const struct row rows[] = {
    {"null_hcall", "null hypercall", forget, op_null_hcall, always, 1},
    {"int3", "int3 at ring 1, reflected", forget, op_int3, seen_one, 1},
    {"page_fault", "#PF at ring 1, reflected", prepare_page_fault, op_page_fault,
     check_page_fault, 1},
    {"new_pgtable", "NEW_PGTABLE, cached root", prepare_root, op_new_pgtable,
     check_root, 1},
    {"context_switch", "context switch in one ring flush", prepare_switch,
     op_context_switch, check_switch, 1},
    {"set_pte", "SET_PTE, direct", prepare_pte, op_set_pte, check_pte, 1},
    {"set_pte_ring", "SET_PTE, each of 32 in the ring", prepare_pte_ring,
     op_set_pte_ring, check_pte_ring, RING_ENTRIES},
    {"self_interrupt", "interrupt to self", prepare_interrupt, op_self_interrupt,
     check_interrupt, 1},
    {"in", "in from a port", forget, op_in, always, 1},
    {"out", "out to a port", forget, op_out, always, 1},
    {"cli_sti", "cli and sti", forget, op_cli_sti, check_cli_sti, 1},
};

static const struct row touch_row = {
    "touch_a_clear", "first touch of a page, A clear", prepare_touch, op_touch,
    check_touch, TOUCH_PAGES};

static void prepare_nothing(uint32_t i)
{
    (void)i;
    bench_args[0] = VA_TOUCH;
    bench_args[1] = TOUCH_PAGES;
}

static void touch_rows(void (*emit)(const struct bench_result *r))
{
    struct row r = touch_row;
    struct bench_result out;

    /* What the loop costs by itself. */
    touch_flags = PTE_P | PTE_W | PTE_U | PTE_A | PTE_D;
    prepare_touch(0);
    (void)op_touch();
    r.prepare = prepare_nothing;
    r.divide = 1;
    measure(&r, 0, &out);
    touched_cost = out.insns;
    touch_flags = PTE_P | PTE_W | PTE_U;
    measure(&touch_row, touched_cost, &out);
    emit(&out);
    r = touch_row;
    r.op = "touch_a_set";
    r.title = "the same, A set (neighbours filled)";
    touch_flags |= PTE_A | PTE_D;
    measure(&r, touched_cost, &out);
    emit(&out);
}

static void prepare_memory(void)
{
    for (uint32_t n = 0; n <= RING_ENTRIES; n++)
        poke32(addr_of(ring_pages) + n * GUEST_PAGE_BYTES, 0xf4a30000u + n);
    touch_frame = page_alloc();
    roots[0] = pt_root;
    roots[1] = pt_new_root();
    for (uint32_t i = 0; i < 2; i++) {
        root_frames[i] = page_alloc();
        pte_frames[i] = page_alloc();
        poke32(root_frames[i], 0xb0070000u | i);
        poke32(pte_frames[i], 0x97e00000u | i);
        pt_write(roots[i], VA_ROOT, root_frames[i] | PTE_KERNEL);
    }
    pt_write(pt_root, VA_PTE, pte_frames[0] | PTE_KERNEL);
    for (uint32_t n = 1; n < RING_ENTRIES; n++)
        pt_write(pt_root, VA_PTE + n * GUEST_PAGE_BYTES, addr_of(ring_pages) | PTE_KERNEL);
    for (uint32_t n = 0; n < 3; n++)
        pt_write(pt_root, VA_USER + n * GUEST_PAGE_BYTES, page_alloc() | PTE_USER);
    poke32(0x2000, ~peek32(0x1000)); /* where the TLS bases point to */
}

static void prepare_gates(void)
{
    trap_load_gate(VEC_BP, addr_of(bench_int3_handler), GATE_INTERRUPT, 3);
    trap_load_gate(VEC_PF, addr_of(bench_pf_handler), GATE_INTERRUPT, 0);
    trap_load_gate(GABI_IRQ_VECTOR, addr_of(bench_irq_handler) + GUEST_PAGE_OFFSET,
                   GATE_INTERRUPT, 0);
    irq_disable();
}

static uint32_t best_empty(void)
{
    uint32_t v[BENCH_SAMPLES];

    for (uint32_t i = 0; i < BENCH_SAMPLES; i++)
        v[i] = op_empty();
    return median(v, BENCH_SAMPLES);
}

void bench_run(bool exits, void (*emit)(const struct bench_result *r))
{
    struct bench_result out;
    uint32_t blocked = lg_blocked;

    count_exits = exits;
    lg_blocked = 0xffffffff; /* devices have to wait */
    if (!roots[0])
        prepare_memory();
    prepare_gates();
    pt_switch(pt_root); /* what the monitor remembers of all this goes */
    empty_cost = best_empty();
    for (uint32_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (i == 3) {
            measure_user("int80_trap", "user int 0x80 and back, trap gate",
                         GATE_TRAP, bench_trap_gate, &out);
            emit(&out);
            measure_user("int80_interrupt", "the same, interrupt gate",
                         GATE_INTERRUPT, bench_interrupt_gate, &out);
            emit(&out);
            touch_rows(emit);
        }
        measure(&rows[i], empty_cost, &out);
        emit(&out);
    }
    pt_switch(roots[0]);
    lguest_call(GABI_HCALL_TS, 0, 0, 0, 0);
    lg_blocked = blocked;
}
