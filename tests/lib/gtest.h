/* SPDX-License-Identifier: MIT */
/* Guest tests.  One image holds many cases; the suite starts it once per case
 * with "case=NAME" (and "pae=1") on its command line.  A case ends the guest:
 * by returning (PASS), by FAIL, SKIP, or by what it declares as its end.
 *
 * tools/pack-suite reads the table of cases from the section .cases. A case
 * that is not RAW starts with INIT, paging, segments, gates and a stack. */
#pragma once

#include "guest/boot.h"
#include "guest/desc.h"
#include "guest/lguest.h"
#include "guest/page.h"
#include "guest/print.h"
#include "guest/trap.h"

struct gt_case {
    const char *name; /* without the group, which is the image's name */
    void (*fn)(uint32_t arg);
    uint32_t arg;
    uint32_t flags;     /* GT_* */
    const char *expect; /* how it must end; NULL: "success" */
    const char *with;   /* case of the same image run beside or before it */
    uint32_t memory_kib; /* 0: 4096 */
    uint32_t timeout_s;  /* 0: the suite's */
    uint32_t row;        /* abi= of its configuration, GABI_ROW_*, 0: auto */
    uint32_t reserved;
};

_Static_assert(sizeof(struct gt_case) == 40, "tools/pack-suite reads it");

/* What may be declared as the end:
 *   success          SHUTDOWN with PASS
 *   killed: TEXT     killed by the monitor, and TEXT is in the reason
 *   crash: TEXT      SHUTDOWN with another text that holds TEXT
 *   reboot           SHUTDOWN with restart
 *   runs             still alive after timeout_s, the canary too: then ended
 *   success or END   that, or another of these
 *   any              success or killed, but no failure
 *   whatever         any end, or none within a quarter of a second */
#define GT_2LEVEL 0x01u  /* run as a 2-level guest */
#define GT_PAE 0x02u     /* run as a PAE guest (name gets _pae if both) */
#define GT_RAW 0x04u     /* nothing is set up, not even LGUEST_INIT */
#define GT_LINEAR 0x08u  /* LGUEST_INIT only: linear mode */
#define GT_HIDDEN 0x10u  /* only as `with` of another case */
#define GT_BEFORE 0x20u  /* `with` runs first and to its end, not beside */
#define GT_NOT_ALL 0x40u /* not part of test=all */
#define GT_DISK 0x80u    /* has a disk vda of 64 KiB */
#define GT_AGAIN 0x100u  /* lives one after the other until timeout= is over,
                          * each with the next seed, each checked; one that ends
                          * wrong is reported with its seed */
#define GT_SHARE 0x200u  /* the canary wants all it can get meanwhile: its share of
                          * the CPU is judged, from the building of the case's guest
                          * to the end of its taking apart */
#define GT_BOTH (GT_2LEVEL | GT_PAE)

/* GT_CASE(identifier, flags, .field = ...): the name is the identifier, the
 * function case_IDENTIFIER. */
#define GT_CASE(id, fl, ...) \
    static void case_##id(uint32_t arg); \
    GT_ROW(id, case_##id, fl, ##__VA_ARGS__) \
    static void case_##id(uint32_t arg __attribute__((unused)))

/* One more name for a function, with an argument. */
#define GT_ROW(id, function, fl, ...) \
    static const struct gt_case gt_case_##id \
        __attribute__((section(".cases"), used, aligned(4))) = { \
            .name = #id, .fn = (function), .flags = (fl), ##__VA_ARGS__};

/* True if this run is the PAE one. */
extern bool gt_pae;
extern const struct gt_case *gt_current;

__attribute__((noreturn, format(printf, 3, 4))) void gt_fail(const char *file,
                                                             int line,
                                                             const char *fmt, ...);
__attribute__((noreturn)) void gt_skip(const char *why);

#define FAIL(...) gt_fail(__FILE__, __LINE__, __VA_ARGS__)
#define SKIP(why) gt_skip(why)

#define EXPECT(e) \
    do { \
        if (!(e)) \
            FAIL("%s", #e); \
    } while (0)

/* Both sides are numbers; printed in hexadecimal. */
#define EXPECT_EQ(a, b) \
    do { \
        uint64_t gt_a = (a), gt_b = (b); \
        if (gt_a != gt_b) \
            FAIL("%s is %llx, not %llx", #a, gt_a, gt_b); \
    } while (0)

/* The same with a number that says which round it was. */
#define EXPECT_EQ_AT(i, a, b) \
    do { \
        uint64_t gt_a = (a), gt_b = (b); \
        if (gt_a != gt_b) \
            FAIL("[%x] %s is %llx, not %llx", (uint32_t)(i), #a, gt_a, gt_b); \
    } while (0)

/* Exit counter of this vCPU (counts this read as well). */
static inline uint32_t gt_exits(void)
{
    return port_in32(GABI_TEST_PORT);
}

/* A word that the suite (and nobody else) sees. */
static inline void gt_report(uint32_t word)
{
    port_out32(GABI_TEST_PORT, word);
}

/* Pseudo-random, fixed seed unless seed= is given. */
uint32_t gt_random(void);
void gt_random_seed(uint32_t seed);

/* The switcher's pages as a guest sees them (ABI 7.8). */
#define GT_WINDOW_TEXT 0xffe00000u
#define GT_WINDOW_REGS 0xffe01000u
#define GT_WINDOW_STATE 0xffe02000u
#define GT_WINDOW_THUNK 0xffe03000u
#define GT_WINDOW_LGDATA 0xffe04000u
#define GT_STATE_IDT GT_WINDOW_STATE
#define GT_STATE_GDT (GT_WINDOW_STATE + 0x800)
#define GT_STATE_TSS (GT_WINDOW_STATE + 0x900)

/* An entry of the real GDT or IDT, read from the state page. */
static inline uint64_t gt_real_gdt(uint32_t index)
{
    return (uint64_t)peek32(GT_STATE_GDT + index * 8 + 4) << 32 |
           peek32(GT_STATE_GDT + index * 8);
}

static inline uint64_t gt_real_idt(uint32_t vector)
{
    return (uint64_t)peek32(GT_STATE_IDT + vector * 8 + 4) << 32 |
           peek32(GT_STATE_IDT + vector * 8);
}

static inline uint32_t gt_desc_base(uint64_t d)
{
    return (uint32_t)(d >> 16 & 0xffffff) | (uint32_t)(d >> 56) << 24;
}

/* A page that user code may run in, mapped P W U A D at this address, and a
 * user stack below GT_USER_STACK; both in pt_root. Returns GT_USER_CODE. */
#define GT_USER_CODE 0x40000000u
#define GT_USER_STACK 0x40003000u
#define GT_USER_DATA 0x40004000u /* two pages */
uint32_t gt_user_setup(void);

/* Copies machine code to GT_USER_CODE and runs it at ring 3, or to a page of
 * its own and runs it at ring 1. Returns the vector that ended it. */
uint32_t gt_run_bytes(uint32_t ring, const void *code, uint32_t bytes,
                      struct trap_frame *f);

/* Position-independent machine code as data: GT_CODE(name, "insn; insn") gives
 * name_start and name_end. Runs by gt_run. Labels inside must be numeric. */
#define GT_CODE(id, body) \
    __asm__(".pushsection .rodata\n" #id "_start:\n" body "\n" #id \
            "_end:\n.popsection"); \
    extern const uint8_t id##_start[], id##_end[]
#define gt_run(ring, id, f) \
    gt_run_bytes(ring, id##_start, (uint32_t)(id##_end - id##_start), f)

/* Prepares *f for gt_run_bytes: registers 0, code address, stack. */
void gt_frame(uint32_t ring, struct trap_frame *f);

/* Stores a word at va from that ring: VEC_UD if it went in, else what came of it. */
uint32_t gt_store(uint32_t ring, uint32_t va, uint32_t value);

/* Where gt_run_bytes puts ring 1 code, and the end of its stack. */
extern uint8_t gt_kernel_code[GUEST_PAGE_BYTES];
extern uint8_t gt_kernel_stack[2 * GUEST_PAGE_BYTES];

/* Halts until a timer interrupt after delta_ns has come. */
void gt_sleep_ns(uint32_t delta_ns);

/* Lets about that much time go by with exits but without a HALT; irq_enabled
 * stays as it is. */
void gt_spin_ns(uint32_t ns);

/* For RAW cases: INIT with a structure prepared for a row and then changed. */
void gt_init_with(const struct lguest_row *row, void (*change)(uint32_t), uint32_t arg);

/* Paging, segments, gates and stack after gt_init_with. */
void gt_setup_rest(void);

/* abi_life.c: a whole life in one row of the interface, from INIT to a system
 * call, an interrupt and the ring. */
void gt_abi_life(uint32_t row);
