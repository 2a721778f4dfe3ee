/* SPDX-License-Identifier: MIT */
/* One program under attack: it jumps into random strings with random registers
 * by sigreturn, iret, lret and ret, comes back by a signal, and goes on. */
#include "attack.h"

#define STEPS_MAX 48u /* single steps in a row */
#define TICK_US 8000  /* a string that loops is over then */

#define SYS_SIGRETURN 119
#define SYS_MODIFY_LDT 123
#define SYS_RT_SIGRETURN 173
#define SYS_SIGALTSTACK 186
#define SYS_SET_THREAD_AREA 243

#define RT_FRAME_CONTEXT 160u /* of struct rt_sigframe, behind its first word */

static void *home[5];
static bool away;       /* home is good */
static uint32_t traps;  /* since the string began */

static void on_signal(int sig, void *info, void *context)
{
    (void)info;
    (void)context;
    if (!away || (sig == SIG_TRAP && traps++ < STEPS_MAX))
        return;
    __asm__ volatile("pushl $0x202\n\tpopfl\n\tfninit" : : : "memory", "cc");
    away = false;
    __builtin_longjmp(home, 1);
}

static void map(uint32_t at)
{
    if (U(sys_mmap_at(at, ATTACK_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
                      MAP_PRIVATE_ANON | MAP_FIXED)) != at)
        sys_exit(3);
}

static void timer(void)
{
    struct itimerval it = {{0, TICK_US}, {0, TICK_US}};

    sys3(SYS_SETITIMER, 0, U(&it), 0);
}

void attack_prepare(void)
{
    static const uint8_t signals[] = {4, 5, 7, 8, 11, 14, 16, 31};
    const uint32_t stack[3] = {ATTACK_SIGNAL, 0, ATTACK_BYTES};

    map(ATTACK_CODE);
    map(ATTACK_DATA);
    map(ATTACK_STACK);
    map(ATTACK_SIGNAL);
    sys3(SYS_SIGALTSTACK, U(stack), 0, 0);
    for (uint32_t i = 0; i < sizeof(signals); i++)
        sys_signal(signals[i], on_signal);
    attack_fill(ATTACK_DATA, ATTACK_BYTES);
    timer();
}

static struct attack_regs make_regs(uint32_t eip)
{
    struct attack_regs r;
    uint32_t *word = (uint32_t *)&r;

    for (uint32_t i = 0; i < sizeof(r) / 4; i++)
        word[i] = attack_value();
    r.eip = attack_once_in(8) ? attack_value() : eip;
    r.esp = attack_once_in(4) ? attack_value()
                              : ATTACK_STACK + attack_below(ATTACK_BYTES) / 4 * 4;
    r.eflags = attack_flags();
    r.oldmask = 0;
    r.fpstate = attack_once_in(4) ? attack_address() : 0;
    __asm__ volatile("movl %%cs, %0" : "=r"(r.cs));
    __asm__ volatile("movl %%ss, %0" : "=r"(r.ss));
    r.ds = r.es = r.ss;
    for (uint32_t i = attack_below(4); i > 0; i--) {
        uint32_t *const segments[] = {&r.gs, &r.fs, &r.es, &r.ds, &r.cs, &r.ss};

        *segments[attack_below(6)] = attack_selector();
    }
    if (attack_once_in(6)) { /* code of a segment with a base */
        r.cs = attack_selector();
        r.eip = attack_below(128);
    }
    return r;
}

/* A signal frame that the kernel never made. */
static void by_sigreturn(const struct attack_regs *r, bool rt)
{
    static uint8_t frame[1024];
    uint32_t at = rt ? RT_FRAME_CONTEXT : 0;

    for (uint32_t i = 0; i < sizeof(frame); i++)
        frame[i] = 0;
    memcpy(frame + at, r, sizeof(*r));
    __asm__ volatile("movl %0, %%esp\n\tint $0x80\n\tud2"
                     : : "r"(frame), "a"(rt ? SYS_RT_SIGRETURN : SYS_SIGRETURN)
                     : "memory");
}

static void by_frame(const struct attack_regs *r, uint32_t how)
{
    const uint32_t frame[] = {r->eip, r->cs, r->eflags};
    const uint32_t near[] = {r->eflags, r->eip};

    if (how == 0)
        __asm__ volatile("movl %0, %%esp\n\tiret" : : "r"(frame) : "memory");
    if (how == 1)
        __asm__ volatile("movl %0, %%esp\n\tlret" : : "r"(frame) : "memory");
    __asm__ volatile("movl %0, %%esp\n\tpopfl\n\tret" : : "r"(near) : "memory");
}

static void __attribute__((noinline)) enter(const struct attack_regs *r)
{
    uint32_t how = attack_below(8);

    if (how < 3)
        by_frame(r, how);
    by_sigreturn(r, how < 5);
}

static void __attribute__((noinline)) run_string(void)
{
    static struct attack_regs r;

    r = make_regs(attack_string());
    traps = 0;
    if (__builtin_setjmp(home) == 0) {
        away = true;
        enter(&r);
    }
    away = false;
}

static void make_segment(void)
{
    struct attack_desc d = attack_descriptor();

    if (attack_once_in(3)) {
        d.entry = attack_below(16);
        sys3(SYS_MODIFY_LDT, attack_once_in(2) ? 1 : 0x11, U(&d), sizeof(d));
    } else {
        sys3(SYS_SET_THREAD_AREA, U(&d), 0, 0);
    }
}

/* System calls that only concern the caller. vm86 is not one of them: IRET at
 * ring 1 cannot enter that mode, so a paravirtual kernel cannot either. */
static void call_kernel(void)
{
    static const uint16_t calls[] = {
        13, 20, 43, 45, 48, 67, 78, 82, 90, 91, 101, 110, 116, 119, 120, 122,
        123, 125, 126, 136, 144, 150, 151, 158, 163, 172, 173, 174, 175, 176,
        177, 186, 191, 192, 218, 219, 224, 240, 243, 244, 258, 265, 311,
    };
    uint32_t nr = calls[attack_below(sizeof(calls) / sizeof(calls[0]))];
    uint32_t a[6];

    for (uint32_t i = 0; i < 6; i++)
        a[i] = attack_value();
    if (__builtin_setjmp(home) == 0) {
        away = true;
        __asm__ volatile("pushl %%ebp\n\t"
                         "movl %1, %%ebx\n\t"
                         "movl 20(%%ebx), %%ebp\n\t"
                         "movl 16(%%ebx), %%edi\n\t"
                         "movl 12(%%ebx), %%esi\n\t"
                         "movl 8(%%ebx), %%edx\n\t"
                         "movl 4(%%ebx), %%ecx\n\t"
                         "movl (%%ebx), %%ebx\n\t"
                         "int $0x80\n\t"
                         "popl %%ebp"
                         : "+a"(nr) : "d"(a)
                         : "ebx", "ecx", "esi", "edi", "memory", "cc");
    }
    away = false;
}

void attack_user(uint32_t steps)
{
    for (uint32_t i = 0; i < steps; i++) {
        switch (attack_below(8)) {
        case 0:
            make_segment();
            break;
        case 1:
            call_kernel();
            break;
        default:
            run_string();
        }
    }
}
