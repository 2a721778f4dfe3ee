/* SPDX-License-Identifier: MIT */
/* T:230 The asynchronous ring (ABI 2.4): scanned when a real hypercall arrives, in
 * cursor order, at most 64 entries.  The cursor is the monitor's own.  Arguments
 * are copied before anything looks at them. */
#include "hv/arch_if.h"
#include "hv/guest.h"
#include "hv/hcall.h"
#include "hv/sched.h"
#include "hv/shadow.h"

#define ENTRIES_A_STEP 16u /* between two preemption points */

/* The rows from 2.6.31 on: the same offsets and 20-byte slots in all of them, in
 * the order EAX EBX ECX EDX ESI. */
#define NEW_STATUS 0x18
#define NEW_SLOTS 0x58
_Static_assert(sizeof(struct hcall) == 20, "a slot");
_Static_assert(NEW_STATUS + GABI_RING_SLOTS == NEW_SLOTS, "the slots follow at once");

/* How many SET_PTE are pending one after the other, at most max; their slots are free
 * from now on. */
static uint32_t take_set_ptes(uint8_t *status, const struct hcall *slots, uint32_t max)
{
    uint32_t n = 0;

    for (; n < max && status[n] != GABI_SLOT_FREE && slots[n].nr == GABI_HCALL_SET_PTE; n++)
        status[n] = GABI_SLOT_FREE;
    return n;
}

/* After each step interrupts are let in, between two entries, and a scan has so many
 * steps if what is executed keeps making entries pending. */
HV_INLINE bool ring_run_new(struct vcpu *v)
{
    uint8_t *data = (uint8_t *)(uintptr_t)v->lgdata, *status = data + NEW_STATUS;
    const struct hcall *slots = (const struct hcall *)(void *)(data + NEW_SLOTS);
    uint32_t at = v->ring_cursor, n;
    uint32_t steps = (GABI_RING_SLOTS + at % ENTRIES_A_STEP + ENTRIES_A_STEP - 1) / ENTRIES_A_STEP;

    while (status[at] != GABI_SLOT_FREE) {
        const struct hcall *slot = &slots[at];

        if (slot->nr == GABI_HCALL_SET_PTE) { /* what rings are full of */
            n = take_set_ptes(&status[at], slot, ENTRIES_A_STEP - at % ENTRIES_A_STEP);
            shadow_set_ptes(v, slot, n);
            at += n;
        } else {
            v->hcall_c = hv_read_once(slot->c);
            v->hcall_d = hv_read_once(slot->d);
            hcall_execute(v, hv_read_once(slot->nr), hv_read_once(slot->a),
                          hv_read_once(slot->b));
            status[at++] = GABI_SLOT_FREE;
        }
        if (hv_unlikely(v->todo & VCPU_TODO_DEAD))
            return false;
        v->ring_cursor = at %= GABI_RING_SLOTS;
        if (hv_likely(at % ENTRIES_A_STEP != 0))
            continue;
        sched_point();
        if (hv_unlikely((v->todo & VCPU_TODO_DEAD) || --steps == 0))
            return !(v->todo & VCPU_TODO_DEAD);
    }
    return true;
}

/* 2.6.24 to 2.6.30: 16-byte slots, up to 2.6.29 in the order EAX EBX ECX EDX of
 * registers that mean call, arg2, arg3, arg1. */
static bool ring_run_old(struct vcpu *v)
{
    const struct abi_row *abi = v->guest->abi;
    volatile uint8_t *data = (volatile uint8_t *)v->lgdata;
    volatile uint8_t *status = data + abi->hcall_status;

    for (uint32_t left = GABI_RING_SLOTS; left; left--) {
        uint32_t at = v->ring_cursor;
        const volatile uint32_t *slot =
            (const volatile uint32_t *)(const volatile void *)(data + abi->hcalls +
                at * abi->slot_bytes);
        uint32_t nr, x, y, z;

        if (status[at] == GABI_SLOT_FREE)
            break;
        nr = slot[0];
        x = slot[1];
        y = slot[2];
        z = slot[3];
        v->ring_cursor = (at + 1) % GABI_RING_SLOTS;
        v->hcall_c = abi->edx_order ? y : z;
        v->hcall_d = 0;
        hcall_execute(v, nr, abi->edx_order ? z : x, abi->edx_order ? x : y);
        if (hv_unlikely(v->todo & VCPU_TODO_DEAD))
            return false;
        status[at] = GABI_SLOT_FREE;
        if (at % ENTRIES_A_STEP == 0)
            sched_point();
    }
    return !(v->todo & VCPU_TODO_DEAD);
}

HV_INLINE bool is_new(const struct vcpu *v)
{
    return v->guest->abi && v->guest->abi->slot_bytes == sizeof(struct hcall);
}

void hcall_after_ring(struct vcpu *v)
{
    if (hv_unlikely(!is_new(v)))
        hcall_old(v);
    else if (hv_likely(ring_run_new(v)))
        hcall_direct(v);
}

bool ring_run(struct vcpu *v)
{
    return is_new(v) ? ring_run_new(v) : ring_run_old(v);
}
