/* SPDX-License-Identifier: MIT */
/* The runner inside a guest test image: finds the case, sets up what it wants,
 * reports how it ended. */

#include "gtest.h"

extern const struct gt_case guest_cases_start[], guest_cases_end[];

bool gt_pae;
const struct gt_case *gt_current;

uint8_t gt_kernel_code[GUEST_PAGE_BYTES] __attribute__((aligned(4096)));
uint8_t gt_kernel_stack[2 * GUEST_PAGE_BYTES] __attribute__((aligned(4096)));

static uint32_t random_state = 0x2545f491;

uint32_t gt_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

void gt_random_seed(uint32_t seed)
{
    random_state = (seed * 2654435761u) | 1;
    for (uint32_t i = 0; i < 8; i++)
        gt_random();
}

void gt_fail(const char *file, int line, const char *fmt, ...)
{
    char text[GABI_SHUTDOWN_TEXT_BYTES];
    const char *base = file;
    va_list ap;
    uint32_t n;

    for (const char *p = file; *p; p++) {
        if (*p == '/')
            base = p + 1;
    }
    n = guest_snprintf(text, sizeof(text), "%s:%u: ", base, (uint32_t)line);
    va_start(ap, fmt);
    guest_vsnprintf(text + n, (uint32_t)sizeof(text) - n, fmt, ap);
    va_end(ap);
    if (!guest.started) /* a RAW case that came through: find a voice */
        guest_init(&lguest_rows[GABI_ROW_3_1]);
    guest_exit(text);
}

void gt_skip(const char *why)
{
    char text[GABI_SHUTDOWN_TEXT_BYTES];

    guest_snprintf(text, sizeof(text), "SKIP: %s", why);
    guest_exit(text);
}

uint32_t gt_user_setup(void)
{
    static bool done;

    if (!done) {
        for (uint32_t va = GT_USER_CODE; va < GT_USER_DATA + 2 * GUEST_PAGE_BYTES;
             va += GUEST_PAGE_BYTES)
            pt_write(pt_root, va, page_alloc() | PTE_USER);
        done = true;
    }
    return GT_USER_CODE;
}

void gt_frame(uint32_t ring, struct trap_frame *f)
{
    if (ring == 3)
        trap_frame_init(f, 3, gt_user_setup(), GT_USER_STACK);
    else
        trap_frame_init(f, 1, addr_of(gt_kernel_code),
                        addr_of(gt_kernel_stack) + sizeof(gt_kernel_stack));
}

uint32_t gt_run_bytes(uint32_t ring, const void *code, uint32_t bytes,
                      struct trap_frame *f)
{
    memcpy(phys_ptr(f->eip), code, bytes);
    (void)ring;
    return trap_run(f, 0);
}

uint32_t gt_store(uint32_t ring, uint32_t va, uint32_t value)
{
    static const uint8_t code[] = {0x89, 0x03, 0x0f, 0x0b}; /* mov [ebx], eax; ud2 */
    struct trap_frame f;

    gt_frame(ring, &f);
    f.eax = value;
    f.ebx = va;
    return gt_run_bytes(ring, code, sizeof(code), &f);
}

void gt_sleep_ns(uint32_t delta_ns)
{
    uint32_t before = irq_count[GABI_IRQ_TIMER];

    irq_unblock(GABI_IRQ_TIMER);
    lguest_call(GABI_HCALL_SET_CLOCKEVENT, delta_ns, 0, 0, 0);
    while (irq_count[GABI_IRQ_TIMER] == before)
        irq_halt();
    irq_disable();
}

/* By the wall clock, which only moves when interrupts are delivered, nothing
 * can be measured here; the TSC does, and where it is unusable, exits take at
 * least a microsecond. */
void gt_spin_ns(uint32_t ns)
{
    uint64_t start = rdtsc();
    uint32_t ticks = lg.tsc_khz ? ns / 1000 * (lg.tsc_khz / 1000) : 0;

    for (uint32_t i = 0; ticks ? rdtsc() - start < ticks : i < ns / 1000; i++)
        hcall0(GABI_HCALL_FLUSH_ASYNC);
}

void gt_init_with(const struct lguest_row *row, void (*change)(uint32_t), uint32_t arg)
{
    lguest_row = row;
    lguest_prepare(&lguest_data, row);
    change(arg);
    barrier();
    lguest_call(GABI_HCALL_INIT, addr_of(&lguest_data), 0, 0, 0);
    guest.started = true;
}

void gt_setup_rest(void)
{
    pt_init(gt_pae);
    guest_setup_traps();
}

static const struct gt_case *find_case(const char *name)
{
    for (const struct gt_case *c = guest_cases_start; c < guest_cases_end; c++) {
        if (strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

void guest_main(void)
{
    char name[64], text[16];

    if (guest_option("seed", text, sizeof(text)))
        random_state = str_to_u32(text) | 1;
    gt_pae = guest_option("pae", text, sizeof(text)) && text[0] == '1';
    gt_current = guest_option("case", name, sizeof(name)) ? find_case(name) : NULL;
    if (!gt_current)
        FAIL("no such case");
    if (gt_current->flags & GT_LINEAR)
        guest_init(&lguest_rows[GABI_ROW_3_1]);
    else if (!(gt_current->flags & GT_RAW))
        guest_setup(gt_pae);
    gt_current->fn(gt_current->arg);
    if (!guest.started)
        FAIL("the case came to its end");
}
