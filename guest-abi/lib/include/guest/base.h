/* SPDX-License-Identifier: MIT */
/* Integers, a few instructions and the facts that guest code starts from.
 * The library runs at ring 1 in one flat address space: physical addresses are
 * also virtual ones (identity), and again from GUEST_PAGE_OFFSET up. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest-abi/hcall.h"
#include "guest-abi/lguest_data.h"

#define GUEST_PAGE_BYTES 4096u
#define GUEST_PAGE_MASK 0xfffu
#define GUEST_PAGE_OFFSET 0xc0000000u /* the kernel half starts here */
#define GUEST_SYSCALL_VECTOR 0x80

#define ARRAY_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define barrier() __asm__ volatile("" ::: "memory")

/* Memory below 1 MiB has addresses that the compiler takes for null. */
static inline void *phys_ptr(uint32_t pa)
{
    void *p;

    __asm__("" : "=r"(p) : "0"(pa));
    return p;
}

static inline uint32_t addr_of(const volatile void *p)
{
    return (uint32_t)(uintptr_t)p;
}

static inline uint64_t rdtsc(void)
{
    uint32_t lo, hi;

    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return (uint64_t)hi << 32 | lo;
}

static inline uint32_t read_flags(void)
{
    uint32_t f;

    __asm__ volatile("pushfl; popl %0" : "=r"(f));
    return f;
}

static inline uint8_t port_in8(uint16_t port)
{
    uint8_t v;

    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline uint32_t port_in32(uint16_t port)
{
    uint32_t v;

    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static inline void port_out8(uint16_t port, uint8_t v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline void port_out32(uint16_t port, uint32_t v)
{
    __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

/* One access that the compiler neither drops nor repeats. */
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

static inline uint32_t peek32(uint32_t va)
{
    return *(volatile uint32_t *)phys_ptr(va);
}

static inline void poke32(uint32_t va, uint32_t v)
{
    *(volatile uint32_t *)phys_ptr(va) = v;
}

/* string.c */
void *memcpy(void *dst, const void *src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
/* Decimal or 0x-hexadecimal; stops at the first other character. */
uint32_t str_to_u32(const char *s);
