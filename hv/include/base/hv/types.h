/* SPDX-License-Identifier: MIT */
/* The integers, attributes and error numbers that every file may rely on.
 * Includes nothing but the compiler's own freestanding headers, so that it is
 * the same on the bare machine and in the host tests. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HV_MUST_CHECK __attribute__((warn_unused_result))
#define HV_NORETURN __attribute__((noreturn))
#define HV_PACKED __attribute__((packed))
#define HV_ALIGNED(n) __attribute__((aligned(n)))
#define HV_USED __attribute__((used))
#define HV_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define HV_NOINLINE __attribute__((noinline))
#define HV_INLINE static inline __attribute__((always_inline))
#define HV_COLD __attribute__((cold, noinline))

/* Code and data used at boot only: their pages go back to the frame allocator
 * before the first guest runs (hv_init_free()). */
#ifdef HV_HOST_TEST
#define HV_INIT
#define HV_INIT_DATA
#else
#define HV_INIT __attribute__((section(".init.text"), cold, noinline))
#define HV_INIT_DATA __attribute__((section(".init.data")))
#endif

/* The same for zeroed boot-only data (no bytes in the file), and data that
 * boot writes and hv_init_free() makes read-only. */
#ifdef HV_HOST_TEST
#define HV_INIT_BSS
#define HV_RO_AFTER_INIT
#else
#define HV_INIT_BSS __attribute__((section(".bss..init")))
#define HV_RO_AFTER_INIT __attribute__((section(".data.ro_after_init")))
#endif

#define hv_likely(x) __builtin_expect(!!(x), 1)
#define hv_unlikely(x) __builtin_expect(!!(x), 0)
#define hv_barrier() __asm__ volatile("" ::: "memory")

/* Reads or writes memory that a device or another CPU may change: once. */
#define hv_read_once(x) (*(const volatile __typeof__(x) *)&(x))
#define hv_write_once(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

#define HV_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define HV_BIT(n) (1u << (n))
#define HV_BIT64(n) (1ull << (n))
#define HV_CONTAINER_OF(p, type, field) \
    ((type *)((uintptr_t)(p) - offsetof(type, field)))

#define HV_PAGE_SHIFT 12
#define HV_PAGE_SIZE 4096u
#define HV_PAGE_MASK 0xfffu

#define HV_KIB(n) ((n) * 1024u)
#define HV_MIB(n) ((n) * 1024u * 1024u)

static inline uint32_t hv_min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static inline uint32_t hv_max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* Errors are returned as negative numbers, with errno's usual names. */
enum {
    HV_E2BIG = 7,
    HV_ENOMEM = 12,
    HV_EEXIST = 17,
    HV_EINVAL = 22,
    HV_ENOSPC = 28,
};
