/* SPDX-License-Identifier: MIT */
/* T:230 The asynchronous ring (ABI 2.4): scanned when a real hypercall arrives, in
 * cursor order, at most 64 entries.  The cursor is the monitor's own.  Arguments
 * are copied before anything looks at them. */
#include "hv/arch_if.h"
#include "hv/guest.h"
#include "hv/hcall.h"
#include "hv/shadow.h"

#define RING_SLOTS 64u
#define SLOT_FREE 0xffu
#define ENTRIES_A_STEP 16u /* between two preemption points */

/* The rows from 2.6.31 on: the same offsets and 20-byte slots in all of them, in
 * the order EAX EBX ECX EDX ESI. */
#define NEW_STATUS 0x18
#define NEW_SLOTS 0x58
#define NEW_SLOT_WORDS 5u

/* An entry was done. True: stop. */
HV_INLINE bool after_entry(struct vcpu *v, volatile uint8_t *status, uint32_t at)
{
    if (hv_unlikely(v->attention & VCPU_ATTN_DEAD))
        return true;
    status[at] = SLOT_FREE;
    if (at % ENTRIES_A_STEP == 0)
        arch_preempt_point(); /* one entry is done, the next not begun */
    return false;
}

/* SET_PTE is what rings are full of: as many as can be done at once, up to the next
 * step. Returns their number; 0: this one needs the long way. */
static HV_NOINLINE uint32_t run_of_set_pte(struct vcpu *v, uint8_t *data, uint32_t at)
{
    uint32_t n = shadow_set_ptes(v, data + NEW_STATUS + at,
                                 (const volatile uint32_t *)(void *)(data + NEW_SLOTS) +
                                     at * NEW_SLOT_WORDS,
                                 ENTRIES_A_STEP - at % ENTRIES_A_STEP);

    at = (at + n) % RING_SLOTS;
    v->ring_cursor = at;
    if (hv_unlikely(at % ENTRIES_A_STEP == 0))
        arch_preempt_point();
    return n;
}

/* Everything is found from one pointer: registers are few. */
HV_INLINE bool ring_run_new(struct vcpu *v)
{
    uint8_t *data = (uint8_t *)(uintptr_t)v->irq_enabled;
    volatile uint8_t *status = data + NEW_STATUS;
    uint32_t at = v->ring_cursor, done = 0;

    while (status[at] != SLOT_FREE && done < RING_SLOTS) {
        const volatile uint32_t *slot =
            (const volatile uint32_t *)(void *)(data + NEW_SLOTS) + at * NEW_SLOT_WORDS;
        uint32_t nr = slot[0], n;

        if (nr == HCALL_SET_PTE && (n = run_of_set_pte(v, data, at)) != 0) {
            at = (at + n) % RING_SLOTS;
            done += n;
            continue;
        }
        v->ring_cursor = (at + 1) % RING_SLOTS;
        v->hcall_c = slot[3];
        v->hcall_d = slot[4];
        hcall_execute(v, nr, slot[1], slot[2]);
        if (after_entry(v, status, at))
            return false;
        at = (at + 1) % RING_SLOTS;
        done++;
    }
    return !(v->attention & VCPU_ATTN_DEAD); /* at a preemption point, perhaps */
}

/* 2.6.24 to 2.6.30: 16-byte slots, up to 2.6.29 in the order EAX EBX ECX EDX of
 * registers that mean call, arg2, arg3, arg1. */
static bool ring_run_old(struct vcpu *v)
{
    const struct abi_row *abi = v->guest->abi;
    volatile uint8_t *data = (volatile uint8_t *)v->irq_enabled;
    volatile uint8_t *status = data + abi->hcall_status;

    for (uint32_t left = RING_SLOTS; left; left--) {
        uint32_t at = v->ring_cursor;
        const volatile uint32_t *slot =
            (const volatile uint32_t *)(const volatile void *)(data + abi->hcalls +
                at * abi->slot_bytes);
        uint32_t nr, x, y, z;

        if (status[at] == SLOT_FREE)
            break;
        nr = slot[0];
        x = slot[1];
        y = slot[2];
        z = slot[3];
        v->ring_cursor = (at + 1) % RING_SLOTS;
        v->hcall_c = abi->edx_order ? y : z;
        v->hcall_d = 0;
        hcall_execute(v, nr, abi->edx_order ? z : x, abi->edx_order ? x : y);
        if (after_entry(v, status, at))
            return false;
    }
    return true;
}

bool ring_run(struct vcpu *v)
{
    if (hv_likely(v->guest->abi->slot_bytes == NEW_SLOT_WORDS * 4))
        return ring_run_new(v);
    return ring_run_old(v);
}
