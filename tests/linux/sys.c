/* SPDX-License-Identifier: MIT */
/* Start-up code and the few helpers of the static Linux test program: memory,
 * signals, processes, output.  Nothing here may need a C library or libgcc. */
#include "sys.h"

/* Signals return through here (the kernel's own trampoline would need
 * vdso or an executable stack). plugin/count.c knows _start by its first
 * instruction. */
__asm__(".globl sys_sigreturn\n"
        "sys_sigreturn: movl $173, %eax\n"
        "int $0x80\n"
        ".globl _start\n"
        "_start: movl $0x54535352, %ecx\n"
        "movl %esp, %eax\n"
        "andl $-16, %esp\n"
        "pushl %eax\n"
        "call start_c\n"
        "hlt\n");
void sys_sigreturn(void);

uint8_t *sys_mmap_at(uint32_t at, uint32_t bytes, uint32_t prot, uint32_t flags)
{
    int32_t ret;

    /* Six arguments: the sixth is EBP. */
    __asm__ volatile("pushl %%ebp\n\t"
                     "xorl %%ebp, %%ebp\n\t"
                     "int $0x80\n\t"
                     "popl %%ebp"
                     : "=a"(ret)
                     : "0"(SYS_MMAP2), "b"(at), "c"(bytes), "d"(prot), "S"(flags), "D"(-1)
                     : "memory");
    return (uint32_t)ret > 0xfffff000u ? NULL : (uint8_t *)(uintptr_t)ret;
}

uint8_t *sys_mmap(uint32_t bytes)
{
    return sys_mmap_at(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE_ANON);
}

void sys_signal(int sig, void (*handler)(int, void *, void *))
{
    struct ksigaction sa = {
        .handler = handler,
        .flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK | 0x04000000u, /* SA_RESTORER */
        .restorer = sys_sigreturn,
    };

    sys4(SYS_RT_SIGACTION, (uint32_t)sig, U(&sa), 0, 8);
}

void sys_exit(int code)
{
    for (;;)
        sys3(SYS_EXIT, (uint32_t)code, 0, 0);
}

int32_t sys_fork(void)
{
    return sys0(SYS_FORK);
}

int sys_wait(int32_t pid)
{
    int32_t status = 0;

    while (sys3(SYS_WAITPID, (uint32_t)pid, U(&status), 0) == -4)
        ; /* interrupted by a signal */
    return (status & 0x7f) ? 256 + (status & 0x7f) : (status >> 8) & 0xff;
}

uint32_t text_length(const char *s)
{
    uint32_t n = 0;

    while (s[n])
        n++;
    return n;
}

bool text_equal(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

uint32_t text_number(const char *s, uint32_t otherwise)
{
    uint32_t n = 0;

    if (!s || !*s)
        return otherwise;
    for (; *s >= '0' && *s <= '9'; s++)
        n = n * 10 + (uint32_t)(*s - '0');
    return n;
}

void say(const char *s)
{
    sys3(SYS_WRITE, 1, U(s), text_length(s));
}

/* Decimal without a 64-bit division: two 32-bit halves by long division. */
void say_number(uint64_t n)
{
    char text[24];
    uint32_t at = sizeof(text) - 1;

    text[at] = 0;
    do {
        uint32_t high = (uint32_t)(n >> 32), low = (uint32_t)n, rest = high % 10;
        uint32_t q_high = high / 10, q_low;

        __asm__("divl %2" : "=a"(q_low), "+d"(rest) : "r"(10u), "0"(low));
        text[--at] = (char)('0' + rest);
        n = (uint64_t)q_high << 32 | q_low;
    } while (n);
    say(text + at);
}

/* The compiler may turn loops into calls of these. */
void *memset(void *dst, int value, size_t bytes);
void *memset(void *dst, int value, size_t bytes)
{
    volatile uint8_t *d = dst;

    while (bytes--)
        *d++ = (uint8_t)value;
    return dst;
}

void *memcpy(void *dst, const void *src, size_t bytes)
{
    volatile uint8_t *d = dst;
    const uint8_t *s = src;

    while (bytes--)
        *d++ = *s++;
    return dst;
}
