/* SPDX-License-Identifier: MIT */
/* A tracer without privileges: single steps through a child under attack, sets
 * its registers, its debug registers, its segments and its FPU to anything. */
#include "attack.h"

#define STOPS_MAX 96u
#define STRINGS 12u

#define SYS_PTRACE 26

#define SIG_KILL 9u
#define SIG_STOP 19u
#define WAIT_UNTRACED 2u

#define PT_TRACEME 0u
#define PT_PEEKUSR 3u
#define PT_POKETEXT 4u
#define PT_POKEUSR 6u
#define PT_CONT 7u
#define PT_SINGLESTEP 9u
#define PT_GETREGS 12u
#define PT_SETREGS 13u
#define PT_SETFPREGS 15u
#define PT_SETFPXREGS 19u
#define PT_SYSCALL 24u
#define PT_SET_THREAD_AREA 26u
#define PT_SYSEMU 31u
#define PT_SYSEMU_SINGLESTEP 32u
#define PT_SINGLEBLOCK 33u

#define USER_DEBUGREG 252u /* offsetof(struct user, u_debugreg) */
#define NR_REGS 17u        /* struct user_regs_struct */

static int32_t ptrace(uint32_t request, int32_t pid, uint32_t addr, uint32_t data)
{
    return sys4(SYS_PTRACE, request, (uint32_t)pid, addr, data);
}

/* EFLAGS and segments get what suits them, mostly. */
static void poke_regs(int32_t pid)
{
    static uint32_t regs[NR_REGS + 1];

    if (ptrace(PT_GETREGS, pid, 0, U(regs)) != 0)
        return;
    for (uint32_t i = 1 + attack_below(4); i > 0; i--)
        regs[attack_below(NR_REGS)] = attack_value();
    if (attack_once_in(2))
        regs[14] = attack_flags();
    if (attack_once_in(4))
        regs[attack_once_in(2) ? 13 : 16] = attack_selector(); /* CS, SS */
    ptrace(PT_SETREGS, pid, 0, U(regs));
}

/* A breakpoint or a watchpoint, then DR7: kernels check the address then. */
static void poke_debug_regs(int32_t pid)
{
    uint32_t n = attack_below(4);
    uint32_t kind = attack_below(16);
    uint32_t dr7 = 3u << (2 * n) | kind << (16 + 4 * n);
    uint32_t address = attack_address();

    if (!attack_once_in(4))
        address &= ~3u;
    ptrace(PT_POKEUSR, pid, USER_DEBUGREG + 4 * n, address);
    if (attack_once_in(4))
        dr7 |= attack_random();
    ptrace(PT_POKEUSR, pid, USER_DEBUGREG + 4 * 7, dr7);
    if (attack_once_in(3))
        ptrace(PT_POKEUSR, pid, USER_DEBUGREG + 4 * attack_below(8), attack_value());
    for (uint32_t i = 0; i < 8; i++) {
        uint32_t word;

        ptrace(PT_PEEKUSR, pid, USER_DEBUGREG + 4 * i, U(&word));
    }
}

static void poke(int32_t pid)
{
    static struct attack_desc d;

    switch (attack_below(8)) {
    case 0:
    case 1:
        poke_regs(pid);
        break;
    case 2:
    case 3:
        poke_debug_regs(pid);
        break;
    case 4:
        ptrace(PT_POKEUSR, pid, attack_below(72) * 4, attack_value());
        break;
    case 5:
        ptrace(PT_POKETEXT, pid, ATTACK_CODE + attack_below(128), attack_random());
        break;
    case 6:
        ptrace(attack_once_in(2) ? PT_SETFPREGS : PT_SETFPXREGS, pid, 0,
               ATTACK_DATA + attack_below(ATTACK_BYTES / 2));
        break;
    default:
        d = attack_descriptor();
        ptrace(PT_SET_THREAD_AREA, pid, d.entry, U(&d));
    }
}

static uint32_t resume_by(void)
{
    static const uint8_t ways[] = {
        PT_SYSCALL, PT_SYSEMU, PT_SYSEMU_SINGLESTEP, PT_SINGLEBLOCK, PT_CONT, PT_CONT,
        PT_SINGLESTEP, PT_SINGLESTEP, PT_SINGLESTEP, PT_SINGLESTEP, PT_SINGLESTEP,
    };

    return ways[attack_below(sizeof(ways))];
}

/* What the child stopped for: its own faults are given to it, traps are not. */
static uint32_t signal_for(int32_t status)
{
    uint32_t sig = (uint32_t)status >> 8 & 0xff;

    return sig == SIG_TRAP || sig == SIG_STOP || sig >= 32 || attack_once_in(8) ? 0 : sig;
}

static void run_tracer(int32_t pid)
{
    for (uint32_t i = 0; i < STOPS_MAX; i++) {
        int32_t status = 0;

        if (sys3(SYS_WAITPID, (uint32_t)pid, U(&status), WAIT_UNTRACED) != pid ||
            (status & 0xff) != 0x7f)
            break;
        for (uint32_t n = attack_below(3); n > 0; n--)
            poke(pid);
        if (ptrace(resume_by(), pid, 1, signal_for(status)) != 0)
            break;
    }
    sys3(SYS_KILL, (uint32_t)pid, SIG_KILL, 0);
    (void)sys_wait(pid);
}

void attack_trace(void)
{
    int32_t pid = sys_fork();

    if (pid < 0)
        return;
    if (pid == 0) {
        attack_prepare(); /* timers are not inherited */
        ptrace(PT_TRACEME, 0, 0, 0);
        sys3(SYS_KILL, (uint32_t)sys0(SYS_GETPID), SIG_STOP, 0);
        attack_user(STRINGS);
        sys_exit(0);
    }
    run_tracer(pid);
}
