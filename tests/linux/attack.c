/* SPDX-License-Identifier: MIT */
/* The parent of the attack: it is init, starts one program after another as a
 * user without privileges, ends what is left of each, and reports. What kills
 * the kernel is seen from outside: no last line. */
#include "attack.h"

#define NOBODY 65534u
#define PROGRAM_US 120000 /* after that it is killed */
#define STEPS 24u
#define MEMORY_MAX (24u << 20)

#define SYS_OPEN 5
#define SYS_MOUNT 21
#define SYS_MKDIR 39
#define SYS_SETRLIMIT 75
#define SYS_REBOOT 88
#define SYS_SETGROUPS 206
#define SYS_SETRESUID 208
#define SYS_SETRESGID 210

#define SIG_KILL 9u
#define EVERYBODY 0xffffffffu

#define REBOOT_MAGIC_1 0xfee1deadu
#define REBOOT_MAGIC_2 672274793u
#define REBOOT_RESTART 0x01234567u

static void on_alarm(int sig, void *info, void *context)
{
    (void)sig;
    (void)info;
    (void)context;
}

static void alarm_after(int32_t us)
{
    struct itimerval it = {{0, us}, {0, us}};

    sys3(SYS_SETITIMER, 0, U(&it), 0);
}

/* An oops is the kernel's death too. */
static void panic_on_oops(void)
{
    static const char name[] = "/proc/sys/kernel/panic_on_oops";
    int32_t fd;

    sys3(SYS_MKDIR, U("/proc"), 0755, 0);
    (void)sys5(SYS_MOUNT, U("proc"), U("/proc"), U("proc"), 0, 0);
    fd = sys3(SYS_OPEN, U(name), 1, 0);
    if (fd < 0 || sys3(SYS_WRITE, (uint32_t)fd, U("1"), 1) != 1)
        say("RSTEST attack: an oops is not seen\n");
    sys3(SYS_CLOSE, (uint32_t)fd, 0, 0);
}

static void become_nobody(void)
{
    static const struct {
        uint8_t what;
        uint32_t limit[2];
    } limits[] = {
        {6, {8, 8}}, /* processes */
        {9, {MEMORY_MAX, MEMORY_MAX}},
        {4, {0, 0}}, /* core */
    };

    for (uint32_t i = 0; i < 3; i++) {
        sys3(SYS_CLOSE, i, 0, 0);
        sys3(SYS_SETRLIMIT, limits[i].what, U(limits[i].limit), 0);
    }
    sys3(SYS_SETGROUPS, 0, 0, 0);
    sys3(SYS_SETRESGID, NOBODY, NOBODY, NOBODY);
    if (sys3(SYS_SETRESUID, NOBODY, NOBODY, NOBODY) != 0)
        sys_exit(2);
}

static void program(uint32_t seed)
{
    become_nobody();
    attack_seed(seed);
    attack_prepare();
    if (attack_once_in(3))
        attack_trace();
    else
        attack_user(STEPS);
    sys_exit(0);
}

/* Ends the program and whatever it has started. */
static void clean_up(int32_t pid)
{
    alarm_after(PROGRAM_US);
    (void)sys3(SYS_WAITPID, (uint32_t)pid, 0, 0);
    alarm_after(0);
    sys3(SYS_KILL, EVERYBODY, SIG_KILL, 0);
    while (sys3(SYS_WAITPID, EVERYBODY, 0, 0) != -10 /* no child */)
        ;
}

int attack_run(uint32_t seed, uint32_t n)
{
    if (sys0(SYS_GETPID) != 1) {
        say("RSTEST attack FAILED it has to be init\n");
        return 1;
    }
    panic_on_oops();
    sys_signal(SIG_ALRM, on_alarm);
    for (uint32_t i = 0; i < n; i++) {
        say("ATTACK ");
        say_number(i);
        say("\n");
        int32_t pid = sys_fork();
        if (pid == 0)
            program(seed + i * 0x01000193u);
        clean_up(pid);
    }
    say("RSTEST attack ok\n");
    sys4(SYS_REBOOT, REBOOT_MAGIC_1, REBOOT_MAGIC_2, REBOOT_RESTART, 0);
    return 1;
}
