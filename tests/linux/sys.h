/* SPDX-License-Identifier: MIT */
/* Linux system calls by int 0x80 and the little that a static program without
 * a C library needs.  Only calls that 2.6.24 has; numbers and structures are
 * the i386 ones, fixed for good. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SYS_EXIT 1
#define SYS_FORK 2
#define SYS_READ 3
#define SYS_WRITE 4
#define SYS_CLOSE 6
#define SYS_WAITPID 7
#define SYS_EXECVE 11
#define SYS_GETPID 20
#define SYS_KILL 37
#define SYS_PIPE 42
#define SYS_GETPPID 64
#define SYS_GETTIMEOFDAY 78
#define SYS_MUNMAP 91
#define SYS_SETITIMER 104
#define SYS_MPROTECT 125
#define SYS_SCHED_YIELD 158
#define SYS_NANOSLEEP 162
#define SYS_RT_SIGACTION 174
#define SYS_RT_SIGPROCMASK 175
#define SYS_MMAP2 192

#define SIG_TRAP 5
#define SIG_USR1 10
#define SIG_SEGV 11
#define SIG_ALRM 14
#define SA_SIGINFO 4u
#define SA_ONSTACK 0x08000000u
#define SA_NODEFER 0x40000000u

#define PROT_READ 1
#define PROT_WRITE 2
#define PROT_EXEC 4
#define MAP_FIXED 0x10
#define MAP_PRIVATE_ANON 0x22

#define PAGE 4096u

struct timeval {
    int32_t sec, usec;
};

struct itimerval {
    struct timeval interval, value;
};

/* The kernel's own layout for rt_sigaction. */
struct ksigaction {
    void (*handler)(int sig, void *info, void *context);
    uint32_t flags;
    void (*restorer)(void);
    uint32_t mask[2];
};

static inline int32_t sys3(int32_t nr, uint32_t a, uint32_t b, uint32_t c)
{
    int32_t ret;

    __asm__ volatile("int $0x80"
                     : "=a"(ret)
                     : "0"(nr), "b"(a), "c"(b), "d"(c)
                     : "memory");
    return ret;
}

static inline int32_t sys0(int32_t nr)
{
    int32_t ret;

    __asm__ volatile("int $0x80" : "=a"(ret) : "0"(nr) : "memory");
    return ret;
}

static inline int32_t sys4(int32_t nr, uint32_t a, uint32_t b, uint32_t c,
                           uint32_t d)
{
    int32_t ret;

    __asm__ volatile("int $0x80"
                     : "=a"(ret)
                     : "0"(nr), "b"(a), "c"(b), "d"(c), "S"(d)
                     : "memory");
    return ret;
}

static inline int32_t sys5(int32_t nr, uint32_t a, uint32_t b, uint32_t c,
                           uint32_t d, uint32_t e)
{
    int32_t ret;

    __asm__ volatile("int $0x80"
                     : "=a"(ret)
                     : "0"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                     : "memory");
    return ret;
}

#define U(p) ((uint32_t)(uintptr_t)(p))

/* The serialising CPUID is left out on purpose: the figures are instruction
 * counts, and CPUID would be one more. */
static inline uint64_t rdtsc(void)
{
    uint64_t t;

    __asm__ volatile("rdtsc" : "=A"(t) : : "memory");
    return t;
}

/* Writes one byte, whatever the compiler thinks of it. */
static inline void touch(uint8_t *p)
{
    *(volatile uint8_t *)p = 1;
}

/* mmap2 of no file, PROT_* and MAP_*, or NULL; and anonymous private memory that is read
 * and written, anywhere. */
uint8_t *sys_mmap_at(uint32_t at, uint32_t bytes, uint32_t prot, uint32_t flags);
uint8_t *sys_mmap(uint32_t bytes);
/* On the stack of sigaltstack(), if there is one. */
void sys_signal(int sig, void (*handler)(int, void *, void *));
__attribute__((noreturn)) void sys_exit(int code);
/* Forks; the parent gets the child's process id, the child 0. */
int32_t sys_fork(void);
/* Waits for that child; its exit code, or 256 + signal. */
int sys_wait(int32_t pid);

uint32_t text_length(const char *s);
bool text_equal(const char *a, const char *b);
uint32_t text_number(const char *s, uint32_t otherwise);
void say(const char *s);
void say_number(uint64_t n);

void *memcpy(void *dst, const void *src, size_t bytes);

/* Writes a file block by block, each followed by fsync; reads it back. NULL, or
 * what failed (disk.c). */
const char *disk_write(const char *path);
const char *disk_check(const char *path);

/* rstest bench: prints "BENCH op count" lines (bench.c). */
int bench_run(const char *self);
/* Faults in what a program with a C library would touch at its start. */
void bench_touch_working_set(void);
