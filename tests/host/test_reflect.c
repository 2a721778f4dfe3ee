/* SPDX-License-Identifier: MIT */
/* Trap frames on the guest's stack (ABI 5.4, SDM 3A 6.12.1, TR-01, ST-01, ST-02):
 * all vectors, both rings, the virtual interrupt flag, stacks that cross pages
 * into others, wrap, or are not there.
 * */
#include "hv/reflect.h"

#include "fake.h"
#include "hv/gmem.h"
#include "shadow_fixture.h"
#include "test.h"

#define PAGES 64u
#define ROOT 1u
#define TABLE 2u
#define KERNEL 0xc0000000u
#define IF 0x200u
#define FLAGS_CLEARED 0x34100u /* VM, RF, NT, TF */

static struct vcpu *v;
static struct guest_regs regs;
static struct gabi_data_head data;

/* Memory at KERNEL, but page i of the address space is page 60 - i of memory:
 * neighbours are not neighbours. */
static void start(void)
{
    v = sf_guest(PAGES, false, false, ROOT << 12);
    v->regs = &regs;
    v->lgdata = &data;
    v->flat_ss = 0x69;
    sf_poke(v, (ROOT << 12) + 768 * 4, TABLE << 12 | 0x67);
    sf_poke(v, (ROOT << 12) + 767 * 4, (TABLE + 1) << 12 | 0x67);
    for (uint32_t i = 0; i < 50; i++)
        sf_poke(v, (TABLE << 12) + i * 4, (60 - i) << 12 | 0x63);
    for (uint32_t i = 0; i < 256; i++) {
        v->guest->vidt_eip[i] = 0xc0101000 + i;
        v->guest->vidt_hi[i] = 0xc0100000 | (i & 1 ? 0x8f00 : 0xee00);
    }
    memset(&regs, 0, sizeof(regs));
}

/* SDM 3A table 6-1. */
static bool vector_has_error(uint32_t vec)
{
    return vec == 8 || (vec >= 10 && vec <= 14) || vec == 17 || vec == 21;
}

static uint32_t word_at(uint32_t va)
{
    uint32_t gfn = 60 - (va - KERNEL) / 4096;

    return sf_peek(v, gfn << 12 | (va & 0xfff));
}

/* All that rings 1 and 3 can change, and the bit that is always set (SDM 1 3.4.3). */
#define GUEST_FLAGS 0x254dd7u

static void set_regs(uint32_t ring, uint32_t eflags)
{
    regs.cs = ring == 1 ? 0x61 : 0x73;
    regs.ss = ring == 1 ? 0x69 : 0x7b;
    regs.eip = 0x08048123;
    regs.eflags = eflags;
    regs.eax = 0xaaaa;
}

static void deliver(uint32_t vec, bool has_err, uint32_t err)
{
    if (has_err)
        reflect_fault(v, vec, err);
    else
        reflect_plain(v, vec);
}

/* One delivery with the stack at esp, checked to the last word. */
static void check_frame(uint32_t vec, uint32_t ring, uint32_t esp, uint32_t eflags,
                        uint32_t vif)
{
    bool has_err = vector_has_error(vec);
    uint32_t words = 3 + has_err + (ring == 3 ? 2 : 0), at = esp - words * 4, n = 0;
    uint32_t pushed = eflags & (vif & IF ? GUEST_FLAGS | IF : GUEST_FLAGS);
    struct guest_regs before;

    set_regs(ring, eflags);
    regs.esp = ring == 1 ? esp : 0xbffff000;
    v->ss1 = 0x69;
    v->esp1 = ring == 1 ? 0 : esp;
    data.irq_enabled = vif;
    before = regs;
    deliver(vec, has_err, 0xe000 + vec);
    REQUIRE(!guest_is_dead(v->guest));
    if (has_err)
        EXPECT_EQ(word_at(at + 4 * n++), 0xe000 + vec);
    EXPECT_EQ(word_at(at + 4 * n++), before.eip);
    EXPECT_EQ(word_at(at + 4 * n++), before.cs);
    EXPECT_EQ(word_at(at + 4 * n++), pushed);
    if (ring == 3) {
        EXPECT_EQ(word_at(at + 4 * n++), before.esp);
        EXPECT_EQ(word_at(at + 4 * n++), before.ss);
    }
    EXPECT_EQ(regs.esp, at);
    EXPECT_EQ(regs.ss, 0x69);
    EXPECT_EQ(regs.cs, 0x61);
    EXPECT_EQ(regs.eip, 0xc0101000 + vec);
    EXPECT_EQ(regs.eflags, eflags & ~FLAGS_CLEARED);
    EXPECT_EQ(data.irq_enabled, vec & 1 ? vif : 0); /* odd ones are trap gates */
    EXPECT_EQ(regs.eax, before.eax);
}

TEST(all_vectors_rings_and_flags)
{
    static const uint32_t words[] = {0, IF, 0x246, 0x46, 0xffffffff, 0xfffffdff};
    /* The third has VM, IOPL and more, which a frame never shows. */
    static const uint32_t flags[] = {0x202, 0x246, 0xffdbb302, 0x4202, 0x10202, 0x40202,
                                     0x200ad7, 0x254fd7};

    start();
    for (uint32_t vec = 0; vec < 256; vec++) {
        for (uint32_t i = 0; i < HV_ARRAY_SIZE(words); i++) {
            check_frame(vec, 1, KERNEL + 0x5800, flags[(vec + i) & 7], words[i]);
            check_frame(vec, 3, KERNEL + 0x5800, flags[(vec + i) & 7], words[i]);
        }
    }
    sf_check(v);
    sf_free(v);
}

/* Every place at which a frame can be cut by a page's end. */
TEST(stacks_across_pages)
{
    start();
    for (uint32_t esp = KERNEL + 0x6000 - 32; esp <= KERNEL + 0x6000 + 32; esp += 4) {
        for (uint32_t ring = 1; ring < 4; ring += 2) {
            check_frame(13, ring, esp, 0x202, IF);
            check_frame(3, ring, esp, 0x202, IF);
        }
    }
    sf_check(v);
    sf_free(v);
}

static void expect_end(uint32_t esp, bool from_user, const char *why)
{
    set_regs(from_user ? 3 : 1, 0x202);
    regs.esp = v->esp1 = esp;
    v->ss1 = 0x69;
    data.irq_enabled = IF;
    reflect_fault(v, 13, 0);
    if (!guest_is_dead(v->guest) || !strstr(v->guest->reason, why))
        test_fail(__FILE__, __LINE__, "esp %#x: %s", esp, v->guest->reason);
    EXPECT_EQ(regs.cs, from_user ? 0x73 : 0x61);
    EXPECT_EQ(data.irq_enabled, IF);
    v->guest->end = END_NONE;
    v->guest->reason[0] = '\0';
}

/* ST-01, ST-02: no stack, read-only, the switcher's area, around 0. */
TEST(stacks_that_are_none)
{
    static const uint32_t bad[] = {0, 2, 8, 16, 0x1000, 0xc0032000 + 0x1000, 0xffbffffc,
                                   0xffc00000, 0xffc00008, 0xffe02000, 0xffe03000,
                                   0xfffffffc, 0xc0000008};

    start();
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        expect_end(bad[i], false, "bad address");
        expect_end(bad[i], true, "bad address");
    }
    sf_poke(v, (TABLE << 12) + 20 * 4, 40 << 12 | 0x61); /* read-only */
    expect_end(KERNEL + 20 * 4096 + 2048, false, "bad address");
    sf_poke(v, (TABLE << 12) + 21 * 4, PAGES << 12 | 0x63); /* no memory */
    expect_end(KERNEL + 21 * 4096 + 2048, true, "bad page table entry");
    sf_free(v);
}

/* A user page as kernel stack is the guest's own business; a page table as
 * stack is written and noticed. */
TEST(odd_stacks)
{
    start();
    sf_poke(v, (TABLE << 12) + 10 * 4, 50 << 12 | 0x67);
    check_frame(14, 1, KERNEL + 0xa800, 0x202, 0);
    sf_poke(v, (TABLE << 12) + 58 * 4, TABLE << 12 | 0x63);
    set_regs(1, 0x202);
    regs.esp = KERNEL + 58 * 4096 + 40; /* over the entries 7 to 9 */
    reflect_plain(v, 3);
    shadow_flush_all(v);
    EXPECT_EQ(sf_peek(v, (TABLE << 12) + 28), 0x08048123);
    EXPECT(sf_access(v, KERNEL + 7 * 4096, SF_READ).outcome == SF_DEAD);
    sf_free(v);
}

TEST(no_gate_is_unhandled)
{
    start();
    data.cr2 = 0x12345678;
    for (uint32_t vec = 0; vec < 32; vec++) {
        char text[80];

        v->guest->vidt_hi[vec] &= ~0x8000u;
        set_regs(1, 0x202);
        regs.esp = KERNEL + 0x5000;
        deliver(vec, vector_has_error(vec), 0x77);
        EXPECT(guest_is_dead(v->guest));
        (void)snprintf(text, sizeof(text), "unhandled trap %u at 0x8048123 (%#x)", vec,
                       vec == 14 ? data.cr2 : vector_has_error(vec) ? 0x77 : 0);
        EXPECT_STR(v->guest->reason, text);
        v->guest->end = END_NONE;
    }
    sf_free(v);
}
