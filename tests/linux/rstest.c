/* SPDX-License-Identifier: MIT */
/* The static test program that `make check-linux` runs inside of a Linux
 * guest: what a user's programs ask of the kernel, each judged by its result.
 * `rstest WHAT [N]` prints "RSTEST WHAT ok" or "RSTEST WHAT FAILED why" and
 * ends with 0 or 1. It runs on 2.6.24 and all later kernels, without libc. */
#include "attack.h"

static const char *self_path;

static int verdict(const char *what, const char *why)
{
    say("RSTEST ");
    say(what);
    if (why) {
        say(" FAILED ");
        say(why);
    } else {
        say(" ok");
    }
    say("\n");
    return why ? 1 : 0;
}

static int test_forkexec(uint32_t n)
{
    const char *argv[] = { self_path, "exit7", NULL };
    const char *envp[] = { NULL };

    for (uint32_t i = 0; i < n; i++) {
        int32_t pid = sys_fork();

        if (pid == 0) {
            sys3(SYS_EXECVE, U(self_path), U(argv), U(envp));
            sys_exit(8);
        }
        if (pid < 0)
            return verdict("forkexec", "fork");
        if (sys_wait(pid) != 7)
            return verdict("forkexec", "exit code of the child");
    }
    return verdict("forkexec", NULL);
}

static uint32_t mix(uint32_t x)
{
    x ^= x << 13;
    x ^= x >> 17;
    return x ^ (x << 5);
}

/* Each page gets its own number, a child changes its copy of every page, and
 * the parent's must be what they were. */
static int test_memory(uint32_t mib)
{
    uint32_t bytes = mib << 20;
    uint8_t *p = sys_mmap(bytes);

    if (!p)
        return verdict("memory", "mmap");
    for (uint32_t at = 0; at < bytes; at += PAGE) {
        if (*(uint32_t *)(p + at) != 0)
            return verdict("memory", "new page is not zero");
        *(uint32_t *)(p + at) = mix(at + 1);
    }
    int32_t pid = sys_fork();
    if (pid == 0) {
        for (uint32_t at = 0; at < bytes; at += 4 * PAGE) {
            if (*(uint32_t *)(p + at) != mix(at + 1))
                sys_exit(1);
            *(uint32_t *)(p + at) = 0;
        }
        sys_exit(0);
    }
    if (sys_wait(pid) != 0)
        return verdict("memory", "child saw other contents");
    for (uint32_t at = 0; at < bytes; at += PAGE) {
        if (*(uint32_t *)(p + at) != mix(at + 1))
            return verdict("memory", "contents changed");
    }
    if (sys3(SYS_MUNMAP, U(p), bytes, 0))
        return verdict("memory", "munmap");
    return verdict("memory", NULL);
}

/* A child sends n blocks of a known sequence; every byte must arrive. */
static int test_pipe(uint32_t n)
{
    static uint32_t block[1024];
    uint32_t state = 1, got = 0;
    int32_t fd[2];

    if (sys3(SYS_PIPE, U(fd), 0, 0))
        return verdict("pipe", "pipe");
    int32_t pid = sys_fork();
    if (pid == 0) {
        for (uint32_t i = 0; i < n; i++) {
            for (uint32_t k = 0; k < 1024; k++)
                block[k] = state = mix(state);
            if (sys3(SYS_WRITE, (uint32_t)fd[1], U(block), 4096) != 4096)
                sys_exit(1);
        }
        sys_exit(0);
    }
    sys3(SYS_CLOSE, (uint32_t)fd[1], 0, 0);
    for (;;) {
        uint32_t have = 0;

        while (have < sizeof(block)) {
            int32_t r = sys3(SYS_READ, (uint32_t)fd[0], U(block) + have,
                             sizeof(block) - have);
            if (r <= 0)
                break;
            have += (uint32_t)r;
        }
        if (have == 0)
            break;
        for (uint32_t k = 0; k < have / 4; k++) {
            state = mix(state);
            if (block[k] != state)
                return verdict("pipe", "contents");
        }
        got += have;
    }
    if (sys_wait(pid) != 0 || got != n * 4096)
        return verdict("pipe", "length");
    return verdict("pipe", NULL);
}

static volatile uint32_t seen_usr1, seen_alarm, seen_segv;
static uint8_t *guarded;

static void on_signal(int sig, void *info, void *context)
{
    (void)info;
    (void)context;
    if (sig == SIG_USR1)
        seen_usr1++;
    if (sig == SIG_ALRM)
        seen_alarm++;
    if (sig == SIG_SEGV) {
        seen_segv++;
        sys3(SYS_MPROTECT, U(guarded), PAGE, PROT_READ | PROT_WRITE);
    }
}

static int test_signals(uint32_t n)
{
    struct itimerval it = { { 0, 10000 }, { 0, 10000 } };
    struct itimerval off = { { 0, 0 }, { 0, 0 } };
    uint32_t self = (uint32_t)sys0(SYS_GETPID);

    sys_signal(SIG_USR1, on_signal);
    sys_signal(SIG_ALRM, on_signal);
    sys_signal(SIG_SEGV, on_signal);
    for (uint32_t i = 0; i < n; i++)
        sys3(SYS_KILL, self, SIG_USR1, 0);
    if (seen_usr1 != n)
        return verdict("signals", "signal to self");
    guarded = sys_mmap(PAGE);
    for (uint32_t i = 0; i < n; i++) {
        sys3(SYS_MPROTECT, U(guarded), PAGE, PROT_READ);
        touch(guarded);
    }
    if (seen_segv != n)
        return verdict("signals", "SIGSEGV");
    sys3(SYS_SETITIMER, 0, U(&it), 0);
    for (uint32_t spin = 0; seen_alarm < 20 && spin < 4000000000u; spin++)
        __asm__ volatile("" : : : "memory");
    sys3(SYS_SETITIMER, 0, U(&off), 0);
    if (seen_alarm < 20)
        return verdict("signals", "interval timer");
    return verdict("signals", NULL);
}

/* A chaotic sequence: one lost bit of FPU state and the end value differs. */
static double orbit(double x, uint32_t steps)
{
    for (uint32_t i = 0; i < steps; i++)
        x = 3.9 * x * (1.0 - x);
    return x;
}

/* Four processes with different FPU contents, a fifth that forks all the
 * time; each must get what the same sum gave while alone. */
static int test_float(uint32_t rounds)
{
    volatile double alone[4];
    int32_t pid[4];
    bool good = true;

    for (int p = 0; p < 4; p++)
        alone[p] = orbit(0.1 + 0.2 * p, 300000);
    for (int p = 0; p < 4; p++) {
        pid[p] = sys_fork();
        if (pid[p] == 0) {
            for (uint32_t r = 0; r < rounds; r++) {
                volatile double now = orbit(0.1 + 0.2 * p, 300000);

                sys0(SYS_SCHED_YIELD);
                if (now != alone[p])
                    sys_exit(1);
            }
            sys_exit(0);
        }
    }
    for (int i = 0; i < 50; i++) {
        int32_t child = sys_fork();

        if (child == 0)
            sys_exit(orbit(0.5, 1000) > 0.0 ? 0 : 1);
        good = sys_wait(child) == 0 && good;
    }
    for (int p = 0; p < 4; p++)
        good = sys_wait(pid[p]) == 0 && good;
    return verdict("float", good ? NULL : "a process lost its FPU state");
}

/* The guest's clock over a sleep of n milliseconds, printed for the driver,
 * who compares it with the clock on the wall. */
static int test_sleep(uint32_t ms)
{
    struct timeval before, after;
    struct {
        int32_t sec, nsec;
    } want = { (int32_t)(ms / 1000), (int32_t)(ms % 1000) * 1000000 };

    sys3(SYS_GETTIMEOFDAY, U(&before), 0, 0);
    sys3(SYS_NANOSLEEP, U(&want), 0, 0);
    sys3(SYS_GETTIMEOFDAY, U(&after), 0, 0);
    uint32_t took = (uint32_t)(after.sec - before.sec) * 1000 +
                    (uint32_t)(after.usec / 1000) - (uint32_t)(before.usec / 1000);
    say("RSTEST-SLEPT ");
    say_number(took);
    say("\n");
    if (took + 2 < ms || took > ms + ms / 4 + 50)
        return verdict("sleep", "the guest's clock differs");
    return verdict("sleep", NULL);
}

static const struct {
    const char *name;
    int (*run)(uint32_t n);
    uint32_t n; /* unless the command line says otherwise */
} tests[] = {
    { "forkexec", test_forkexec, 1000 },
    { "memory", test_memory, 32 },
    { "pipe", test_pipe, 256 },
    { "signals", test_signals, 200 },
    { "float", test_float, 20 },
    { "sleep", test_sleep, 1000 },
};

int start(int argc, char **argv);
int start(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    /* Found through PATH, the name has no slash and cannot be executed. */
    self_path = argv[0][0] == '/' ? argv[0] : "/proc/self/exe";
    if (text_equal(what, "exit7")) {
        bench_touch_working_set();
        return 7;
    }
    if (text_equal(what, "bench"))
        return bench_run(self_path);
    if (text_equal(what, "fsync") && argc > 2)
        return verdict(what, disk_write(argv[2]));
    if (text_equal(what, "fsynced") && argc > 2)
        return verdict(what, disk_check(argv[2]));
    if (text_equal(what, "attack"))
        return attack_run(text_number(argc > 2 ? argv[2] : NULL, 1),
                          text_number(argc > 3 ? argv[3] : NULL, 100));
    for (uint32_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        if (text_equal(what, tests[i].name))
            return tests[i].run(text_number(argc > 2 ? argv[2] : NULL, tests[i].n));
    }
    say("usage: rstest forkexec|memory|pipe|signals|float|sleep|bench [N]\n"
        "       rstest fsync|fsynced FILE\n"
        "       rstest attack [SEED [N]]   (as init)\n");
    return 2;
}

/* The kernel's start stack: argc, argv[]. */
__attribute__((used)) void start_c(uint32_t *stack);
void start_c(uint32_t *stack)
{
    sys_exit(start((int)stack[0], (char **)(stack + 1)));
}
