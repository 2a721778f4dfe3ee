/* SPDX-License-Identifier: MIT */
/* Frames to ring 3 that the CPU refuses: whose fault they are. */
#include "hv/exit.h"

#include "fake.h"
#include "hv/arch_if.h"
#include "hv/reflect.h"
#include "hv/shadow.h"
#include "test.h"

static struct vcpu vcpu;
static struct guest guest;
static struct guest_regs regs;

static struct {
    uint32_t vector, err;
} user_fault;

void reflect_user_fault(struct vcpu *v, uint32_t vector, uint32_t err)
{
    REQUIRE(v == &vcpu);
    user_fault.vector = vector;
    user_fault.err = err;
}

/* The kernel's IRET at 0xc0001007, a frame at 0xc0003000; nothing else is mapped. */
static uint8_t opcode;
static uint32_t frame[5], frame_bytes = sizeof(frame);

bool gva_read(struct vcpu *v, void *dst, gva_t src, uint32_t len)
{
    (void)v;
    if (src.v == 0xc0001007 && len == 1)
        memcpy(dst, &opcode, 1);
    else if (src.v >= 0xc0003000 && src.v - 0xc0003000 + len <= frame_bytes)
        memcpy(dst, (const uint8_t *)frame + (src.v - 0xc0003000), len);
    else
        return false;
    return true;
}

static void start(uint32_t cs, uint32_t ss)
{
    memset(&guest, 0, sizeof(guest));
    memset(&regs, 0, sizeof(regs));
    vcpu.guest = &guest;
    vcpu.regs = &regs;
    vcpu.flat_ss = 0x69;
    frame_bytes = sizeof(frame);
    guest.vcpu = &vcpu;
    guest.noirq_start = 0xc0001000;
    guest.noirq_end = 0xc0001008;
    regs.cs = cs;
    regs.ss = ss;
    user_fault.vector = user_fault.err = 0xffff;
    opcode = 0xcf;
}

TEST(a_refused_frame_of_a_program_is_its_fault)
{
    for (uint32_t vector = VEC_TS; vector <= VEC_GP; vector++) {
        start(0x33, 0x7b);
        regs.errcode = vector << 16 | 0x30;
        exit_bad_iret(&vcpu);
        EXPECT(!guest_is_dead(&guest));
        EXPECT_EQ(user_fault.vector, vector);
        EXPECT_EQ(user_fault.err, 0x30);
    }
}

/* Ring 1 can write anything into the page that its registers are taken from. */
TEST(any_other_refused_frame_ends_the_guest)
{
    static const struct {
        uint32_t cs, ss, errcode;
    } bad[] = {
        {0x61, 0x69, VEC_GP << 16}, {0x61, 0x7b, VEC_GP << 16}, {0x73, 0x69, VEC_GP << 16},
        {0x50, 0x58, 0},            {0x73, 0x7b, 0},            {0x73, 0x7b, VEC_PF << 16},
        {0x73, 0x7b, 9u << 16},     {0x73, 0x7b, 0xffff0000},
    };

    for (uint32_t i = 0; i < HV_ARRAY_SIZE(bad); i++) {
        start(bad[i].cs, bad[i].ss);
        regs.errcode = bad[i].errcode;
        exit_bad_iret(&vcpu);
        EXPECT_EQ(guest.end, END_KILLED);
        EXPECT(strstr(guest.reason, "cannot return to cs=") != NULL);
        EXPECT_EQ(user_fault.vector, 0xffff);
    }
}

static void at_iret(uint32_t eip, uint32_t esp)
{
    static const uint32_t to_ring3[5] = {0x1111, 0xabcd0043, 0x202, 0x2222, 0xabcd007b};

    start(0x61, 0x69);
    memcpy(frame, to_ring3, sizeof(frame));
    regs.eip = eip;
    regs.esp = esp;
}

TEST(the_iret_of_the_window_faults_for_the_program)
{
    at_iret(0xc0001007, 0xc0003000);
    EXPECT(exit_refused_return(&vcpu, VEC_NP, 0x40));
    EXPECT_EQ(user_fault.vector, VEC_NP);
    EXPECT_EQ(user_fault.err, 0x40);
    EXPECT_EQ(regs.eip, 0x1111);
    EXPECT_EQ(regs.cs, 0x43);
    EXPECT_EQ(regs.eflags, 0x202);
    EXPECT_EQ(regs.esp, 0x2222);
    EXPECT_EQ(regs.ss, 0x7b);
}

/* vm86(2) goes the same way, with any CS; a CPU does not look at VM at ring 1. */
TEST(a_frame_with_vm_is_a_programs_whatever_its_cs)
{
    for (uint32_t cs = 0x1000; cs < 0x1004; cs++) {
        at_iret(0xc0001007, 0xc0003000);
        frame[1] = cs;
        frame[2] = 0x20202;
        frame[4] = 0x2000;
        EXPECT(exit_refused_return(&vcpu, VEC_NP, 0x1000));
        EXPECT_EQ(user_fault.vector, VEC_GP);
        EXPECT_EQ(user_fault.err, 0);
        EXPECT_EQ(regs.cs & 3, 3);
        EXPECT_EQ(regs.ss & 3, 3);
        EXPECT_EQ(regs.eflags, 0x202);
    }
}

TEST(of_a_frame_to_ring_1_only_three_words_are_read)
{
    at_iret(0xc0001007, 0xc0003000);
    frame[1] = 0x19;
    frame_bytes = 12;
    EXPECT(!exit_refused_return(&vcpu, VEC_GP, 0x18));
    EXPECT(!guest_is_dead(&guest));
}

TEST(every_other_instruction_faults_for_the_kernel)
{
    at_iret(0xc0001008, 0xc0003000); /* outside of the window */
    EXPECT(!exit_refused_return(&vcpu, VEC_GP, 0));
    at_iret(0xc0000fff, 0xc0003000);
    EXPECT(!exit_refused_return(&vcpu, VEC_GP, 0));
    at_iret(0xc0001007, 0xc0003000);
    opcode = 0xcb; /* no IRET */
    EXPECT(!exit_refused_return(&vcpu, VEC_GP, 0));
    at_iret(0xc0001007, 0xc0003004); /* a stack that is not there */
    EXPECT(!exit_refused_return(&vcpu, VEC_GP, 0));
    at_iret(0xc0001007, 0xc0003000);
    frame[1] = 0x61; /* to ring 1 */
    EXPECT(!exit_refused_return(&vcpu, VEC_GP, 0));
    at_iret(0xc0001007, 0xc0003000);
    regs.cs = 0x73; /* a program whose code has the same address */
    EXPECT(!exit_refused_return(&vcpu, VEC_GP, 0));
    at_iret(0xc0001007, 0xc0003000);
    regs.ss = 0xa1; /* another stack segment: the frame is elsewhere */
    EXPECT(!exit_refused_return(&vcpu, VEC_GP, 0));
    EXPECT_EQ(user_fault.vector, 0xffff);
    EXPECT_EQ(regs.eip, 0xc0001007);
}
