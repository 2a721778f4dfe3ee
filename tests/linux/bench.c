/* SPDX-License-Identifier: MIT */
/* The Linux operations whose cost users feel.  Each row is the RDTSC
 * difference around many repetitions divided by their number, less the empty
 * loop, and the smallest of five runs.  Under QEMU's -icount shift=0 the
 * figure is a number of instructions, guest kernel and monitor together.  Each
 * row checks that the operation did what it should. */
#include "sys.h"

#define RUNS 5
#define WORKING_PAGES 32
#define CHILD_PAGES 4

static const char *self_path;

static void fail(const char *what)
{
    say("BENCH-ERROR ");
    say(what);
    say("\n");
    sys_exit(1);
}

static uint32_t divide(uint64_t n, uint32_t by)
{
    uint32_t low = (uint32_t)n, rest = (uint32_t)(n >> 32), q;

    if (rest >= by)
        return UINT32_MAX;
    __asm__("divl %2" : "=a"(q), "+d"(rest) : "r"(by), "0"(low));
    return q;
}

static uint64_t bench_getppid(uint32_t n)
{
    int32_t parent = sys0(SYS_GETPPID);
    uint64_t t = rdtsc();

    for (uint32_t i = 0; i < n; i++) {
        if (sys0(SYS_GETPPID) != parent)
            fail("getppid");
    }
    return rdtsc() - t;
}

/* A byte to another process and back. */
static uint64_t bench_pipe(uint32_t n)
{
    int32_t there[2], back[2];
    uint8_t byte = 0;
    uint64_t t;

    if (sys3(SYS_PIPE, U(there), 0, 0) || sys3(SYS_PIPE, U(back), 0, 0))
        fail("pipe");
    int32_t pid = sys_fork();
    if (pid == 0) {
        sys3(SYS_CLOSE, (uint32_t)there[1], 0, 0);
        while (sys3(SYS_READ, (uint32_t)there[0], U(&byte), 1) == 1) {
            byte++;
            sys3(SYS_WRITE, (uint32_t)back[1], U(&byte), 1);
        }
        sys_exit(0);
    }
    t = rdtsc();
    for (uint32_t i = 0; i < n; i++) {
        uint8_t sent = byte;

        sys3(SYS_WRITE, (uint32_t)there[1], U(&byte), 1);
        if (sys3(SYS_READ, (uint32_t)back[0], U(&byte), 1) != 1 ||
            byte != (uint8_t)(sent + 1))
            fail("pipe round trip");
    }
    t = rdtsc() - t;
    for (int i = 0; i < 2; i++) {
        sys3(SYS_CLOSE, (uint32_t)there[i], 0, 0);
        sys3(SYS_CLOSE, (uint32_t)back[i], 0, 0);
    }
    if (sys_wait(pid) != 0)
        fail("pipe child");
    return t;
}

static uint64_t bench_fault(uint32_t n)
{
    uint8_t *p = sys_mmap(n * PAGE);
    uint64_t t;

    if (!p)
        fail("mmap");
    t = rdtsc();
    for (uint32_t i = 0; i < n; i++)
        touch(p + i * PAGE);
    t = rdtsc() - t;
    sys3(SYS_MUNMAP, U(p), n * PAGE, 0);
    return t;
}

/* Only the munmap is measured: of 256 touched pages, n times. */
static uint64_t bench_munmap(uint32_t n)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint8_t *p = sys_mmap(256 * PAGE);

        if (!p)
            fail("mmap");
        for (uint32_t k = 0; k < 256; k++)
            touch(p + k * PAGE);
        uint64_t t = rdtsc();
        if (sys3(SYS_MUNMAP, U(p), 256 * PAGE, 0))
            fail("munmap");
        sum += rdtsc() - t;
    }
    return sum;
}

static uint64_t bench_mmap_touch(uint32_t n)
{
    uint64_t t = rdtsc();

    for (uint32_t i = 0; i < n; i++) {
        uint8_t *p = sys_mmap(PAGE);

        if (!p || *(volatile uint8_t *)p != 0)
            fail("mmap of one page");
        touch(p);
        sys3(SYS_MUNMAP, U(p), PAGE, 0);
    }
    return rdtsc() - t;
}

/* A mapping whose first page will be protected: the area is split and merged
 * again, as it is when a program guards one page of its heap. */
static uint8_t *edge_page(void)
{
    uint8_t *p = sys_mmap(2 * PAGE);

    if (!p)
        fail("mmap");
    touch(p);
    touch(p + PAGE);
    return p;
}

static uint64_t bench_mprotect(uint32_t n)
{
    uint8_t *p = edge_page();
    uint64_t t;

    t = rdtsc();
    for (uint32_t i = 0; i < n; i++) {
        if (sys3(SYS_MPROTECT, U(p), PAGE, PROT_READ) ||
            sys3(SYS_MPROTECT, U(p), PAGE, PROT_READ | PROT_WRITE))
            fail("mprotect");
        touch(p);
    }
    t = rdtsc() - t;
    sys3(SYS_MUNMAP, U(p), 2 * PAGE, 0);
    return t;
}

static uint8_t *segv_page;
static volatile uint32_t segv_count;

static void segv_handler(int sig, void *info, void *context)
{
    (void)sig;
    (void)context;
    if (*(uint32_t *)((uint8_t *)info + 12) != U(segv_page))
        fail("address of the fault");
    segv_count++;
    sys3(SYS_MPROTECT, U(segv_page), PAGE, PROT_READ | PROT_WRITE);
}

static uint64_t bench_segv(uint32_t n)
{
    uint64_t t;

    segv_page = edge_page();
    segv_count = 0;
    sys_signal(SIG_SEGV, segv_handler);
    t = rdtsc();
    for (uint32_t i = 0; i < n; i++) {
        sys3(SYS_MPROTECT, U(segv_page), PAGE, PROT_READ);
        touch(segv_page);
    }
    t = rdtsc() - t;
    if (segv_count != n)
        fail("number of faults");
    sys3(SYS_MUNMAP, U(segv_page), 2 * PAGE, 0);
    return t;
}

/* What a small program linked to a static C library has touched when it
 * forks; the child writes to some of it before it ends. */
static uint8_t working_set[WORKING_PAGES * PAGE];

void bench_touch_working_set(void)
{
    for (uint32_t i = 0; i < WORKING_PAGES; i++)
        touch(working_set + i * PAGE);
}

static uint64_t bench_fork(uint32_t n)
{
    bench_touch_working_set();
    uint64_t t = rdtsc();

    for (uint32_t i = 0; i < n; i++) {
        int32_t pid = sys_fork();

        if (pid == 0) {
            for (uint32_t k = 0; k < CHILD_PAGES; k++)
                touch(working_set + k * PAGE);
            sys_exit(7);
        }
        if (pid < 0 || sys_wait(pid) != 7)
            fail("fork");
    }
    return rdtsc() - t;
}

static uint64_t bench_exec(uint32_t n)
{
    const char *argv[] = { self_path, "exit7", NULL };
    const char *envp[] = { NULL };
    uint64_t t = rdtsc();

    for (uint32_t i = 0; i < n; i++) {
        int32_t pid = sys_fork();

        if (pid == 0) {
            sys3(SYS_EXECVE, U(self_path), U(argv), U(envp));
            sys_exit(8);
        }
        if (pid < 0 || sys_wait(pid) != 7)
            fail("exec");
    }
    return rdtsc() - t;
}

static uint64_t bench_empty(uint32_t n)
{
    uint64_t t = rdtsc();

    for (uint32_t i = 0; i < n; i++)
        __asm__ volatile("" : : : "memory");
    return rdtsc() - t;
}

static const struct {
    const char *name;
    uint64_t (*run)(uint32_t n);
    uint32_t n;
} rows[] = {
    { "getppid", bench_getppid, 1000 },
    { "pipe", bench_pipe, 200 },
    { "fault", bench_fault, 256 },
    { "munmap", bench_munmap, 8 },
    { "mmap_touch_munmap", bench_mmap_touch, 200 },
    { "mprotect_pair", bench_mprotect, 200 },
    { "segv", bench_segv, 100 },
    { "fork_exit_wait", bench_fork, 30 },
    { "fork_exec_wait", bench_exec, 20 },
};

int bench_run(const char *self)
{
    self_path = self;
    uint32_t empty = divide(bench_empty(1000), 1000);

    for (uint32_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        uint32_t best = UINT32_MAX;

        for (int run = 0; run < RUNS; run++) {
            uint32_t each = divide(rows[r].run(rows[r].n), rows[r].n);

            best = each < best ? each : best;
        }
        say("BENCH ");
        say(rows[r].name);
        say(" ");
        say_number(best > empty ? best - empty : best);
        say("\n");
    }
    say("BENCH-DONE\n");
    return 0;
}
