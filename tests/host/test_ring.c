/* SPDX-License-Identifier: MIT */
/* The asynchronous ring (ABI 2.4, AR-01, AR-02, AR-04): both slot sizes and orders,
 * the cursor's wrap, status values, the bound of 64, and a guest that changes
 * what was read. */
#include "fake.h"
#include "hv/hcall.h"
#include "hv/shadow.h"
#include "test.h"

#define CALLS 256u

static struct call {
    uint32_t nr, a, b, c, d;
} calls[CALLS];
static uint32_t nr_calls;
static struct guest g;
static struct vcpu cpu;
static uint8_t *data; /* lguest_data, to the byte */
static const struct abi_row *row;
static void (*meddle)(uint32_t n); /* what the guest does meanwhile */

static void record(struct vcpu *who, uint32_t nr, uint32_t a, uint32_t b)
{
    EXPECT(who == &cpu);
    REQUIRE(nr_calls < CALLS);
    calls[nr_calls] = (struct call){nr, a, b, who->hcall_c, who->hcall_d};
    nr_calls++;
    if (meddle)
        meddle(nr_calls);
}

#define RECORD(n) \
    static void call_##n(HCALL_ARGS) \
    { \
        record(v, n, a, b); \
    }

static void set_ptes(struct vcpu *who, const struct hcall *c, uint32_t n)
{
    EXPECT(n <= 16); /* to the end of a step */
    for (uint32_t i = 0; i < n; i++, c++) {
        who->hcall_c = c->c;
        who->hcall_d = c->d;
        record(who, GABI_HCALL_SET_PTE, c->a, c->b);
    }
}

static const struct shadow_calls shadow_calls = {.set_ptes = set_ptes};

RECORD(0) RECORD(1) RECORD(2) RECORD(3) RECORD(4) RECORD(5) RECORD(6)
RECORD(7) RECORD(8) RECORD(9) RECORD(10) RECORD(11) RECORD(12) RECORD(13)
RECORD(14) RECORD(15) RECORD(16) RECORD(17) RECORD(18) RECORD(19)

const hcall_fn_t hcall_table[32] = {
    call_0, call_1, call_2, call_3, call_4, call_5, call_6,
    call_7, call_8, call_9, call_10, call_11, call_12, call_13,
    call_14, call_15, call_16, call_17, call_18, call_19,
};

void hcall_bad(struct vcpu *who, uint32_t nr)
{
    record(who, nr, 0, 0);
    guest_kill(who->guest, "bad hypercall %u", nr);
}

static struct guest_regs regs;

static void start(enum abi_revision rev)
{
    row = &abi_rows[rev];
    free(data);
    data = calloc(1, row->size_bytes);
    REQUIRE(data);
    memset(data + row->hcall_status, 0xff, 64);
    memset(&g, 0, sizeof(g));
    memset(&cpu, 0, sizeof(cpu));
    g.vcpu = &cpu;
    cpu.guest = &g;
    g.abi = row;
    cpu.lgdata = (volatile struct gabi_data_head *)(void *)data;
    cpu.regs = &regs;
    cpu.shadow.calls = &shadow_calls;
    nr_calls = 0;
    meddle = NULL;
}

static uint8_t *status(uint32_t i)
{
    return data + row->hcall_status + i;
}

/* As the guest of this revision stores a call. */
static void put(uint32_t i, uint32_t nr, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    uint32_t words[5] = {nr, a, b, c, d};

    if (row->edx_order) { /* EAX EBX ECX EDX; the arguments are EDX EBX ECX */
        words[1] = b;
        words[2] = c;
        words[3] = a;
    }
    memcpy(data + row->hcalls + i * row->slot_bytes, words, row->slot_bytes);
    *status(i) = 0;
}

/* The ring alone: the call that brought the monitor here is taken off what was recorded. */
static void scan(void)
{
    regs = (struct guest_regs){.eax = 19};
    hcall_after_ring(&cpu);
    if (guest_is_dead(&g))
        return;
    nr_calls--;
    EXPECT_EQ(calls[nr_calls].nr, 19);
}

TEST(each_revision_in_its_order)
{
    for (uint32_t rev = ABI_2_6_24; rev < ABI_NR; rev++) {
        start(rev);
        for (uint32_t i = 0; i < 64; i++)
            put(i, i % 20, 0x100 + i, 0x200 + i, 0x300 + i, 0x400 + i);
        scan();
        EXPECT_EQ(nr_calls, 64);
        for (uint32_t i = 0; i < 64; i++) {
            EXPECT_EQ(calls[i].nr, i % 20);
            EXPECT_EQ(calls[i].a, 0x100 + i);
            EXPECT_EQ(calls[i].b, 0x200 + i);
            EXPECT_EQ(calls[i].c, 0x300 + i);
            EXPECT_EQ(calls[i].d, row->slot_bytes == 20 ? 0x400 + i : 0);
            EXPECT_EQ(*status(i), 0xff);
        }
        EXPECT_EQ(cpu.ring_cursor, 0);
    }
}

/* SET_PTEs done by the run keep their order among the others, and the ring ends after
 * 64 all the same. */
TEST(runs_of_set_pte)
{
    for (uint32_t from = 0; from < 64; from += 7) {
        for (uint32_t n = 1; n < 70; n = n * 2 + 1) {
            start(ABI_3_1);
            cpu.ring_cursor = from;
            for (uint32_t i = 0; i < 64; i++)
                put((from + i) % 64, i % n == n / 2 ? 5 : GABI_HCALL_SET_PTE, i, 2, 3, 4);
            scan();
            EXPECT_EQ(nr_calls, 64);
            for (uint32_t i = 0; i < 64; i++) {
                EXPECT_EQ(calls[i].a, i);
                EXPECT_EQ(calls[i].nr, i % n == n / 2 ? 5 : GABI_HCALL_SET_PTE);
                EXPECT_EQ(*status(i), 0xff);
            }
            EXPECT_EQ(cpu.ring_cursor, from);
        }
    }
}

TEST(empty_ring)
{
    start(ABI_3_1);
    scan();
    EXPECT_EQ(nr_calls, 0);
    EXPECT_EQ(cpu.ring_cursor, 0);
}

/* Any value but 0xff is pending. */
TEST(status_values)
{
    for (uint32_t value = 0; value < 256; value++) {
        start(ABI_3_1);
        put(0, 5, 1, 0, 0, 0);
        *status(0) = (uint8_t)value;
        scan();
        EXPECT_EQ(nr_calls, value != 0xff);
        EXPECT_EQ(*status(0), 0xff);
        EXPECT_EQ(cpu.ring_cursor, value != 0xff);
    }
}

TEST(starts_at_each_index_and_wraps)
{
    for (uint32_t from = 0; from < 64; from++) {
        start(ABI_4_1);
        cpu.ring_cursor = from;
        for (uint32_t i = 0; i < 5; i++)
            put((from + i) % 64, 8, i, 0, 0, 0);
        put((from + 6) % 64, 9, 0, 0, 0, 0); /* behind a gap */
        scan();
        EXPECT_EQ(nr_calls, 5);
        EXPECT_EQ(calls[4].a, 4);
        EXPECT_EQ(cpu.ring_cursor, (from + 5) % 64);
        EXPECT_EQ(*status((from + 6) % 64), 0);
    }
}

/* The guest fills it again while it is being emptied: 64 and no more. */
static void refill(uint32_t n)
{
    memset(status(0), 0, 64);
    (void)n;
}

TEST(at_most_64)
{
    start(ABI_3_1);
    for (uint32_t i = 0; i < 64; i++)
        put(i, 0, 0, 0, 0, 0);
    meddle = refill;
    scan();
    EXPECT_EQ(nr_calls, 64);
    EXPECT_EQ(cpu.ring_cursor, 0);
}

TEST(a_kill_ends_it)
{
    static const uint32_t bad[] = {20, 255, 0x80000000, 0xffffffff};

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        start(ABI_3_1);
        put(0, 5, 0, 0, 0, 0);
        put(1, bad[i], 0, 0, 0, 0);
        put(2, 5, 0, 0, 0, 0);
        scan();
        EXPECT_EQ(nr_calls, 2);
        EXPECT(guest_is_dead(&g));
        EXPECT_EQ(*status(2), 0);
    }
}

/* AR-04: the call changes its own slot, and the cursor is ours. */
static void scribble(uint32_t n)
{
    if (n == 1)
        memset(data + row->hcalls, 0xee, 64u * row->slot_bytes);
}

TEST(slots_are_read_once)
{
    start(ABI_3_1);
    put(0, 5, 0x11, 0x22, 0x33, 0x44);
    meddle = scribble;
    scan();
    EXPECT_EQ(nr_calls, 1);
    EXPECT_EQ(calls[0].a, 0x11);
    EXPECT_EQ(*status(0), 0xff);
    put(1, 6, 1, 2, 3, 4);
    scan();
    EXPECT_EQ(calls[1].nr, 6);
}

/* The call that comes with entries pending is the last one, whatever they are. */
TEST(the_direct_call_comes_after_the_ring)
{
    start(ABI_3_1);
    put(0, GABI_HCALL_SET_PTE, 1, 2, 3, 4);
    put(1, 5, 0, 0, 0, 0);
    put(2, GABI_HCALL_SET_PTE, 5, 6, 7, 8);
    regs = (struct guest_regs){.eax = 9, .ebx = 10, .ecx = 11, .edx = 12, .esi = 13};
    hcall_after_ring(&cpu);
    EXPECT_EQ(nr_calls, 4);
    EXPECT_EQ(calls[2].c, 7);
    EXPECT(calls[3].nr == 9 && calls[3].a == 10 && calls[3].b == 11 &&
           calls[3].c == 12 && calls[3].d == 13);
    EXPECT_EQ(cpu.ring_cursor, 3);
}

TEST(no_direct_call_after_a_kill)
{
    start(ABI_3_1);
    put(0, 99, 0, 0, 0, 0);
    regs.eax = 5;
    hcall_after_ring(&cpu);
    EXPECT_EQ(nr_calls, 1);
    EXPECT(guest_is_dead(&g));
}
