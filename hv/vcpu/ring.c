/* SPDX-License-Identifier: MIT */
/* The asynchronous ring (ABI 2.4): scanned when a real hypercall arrives, in
 * cursor order, at most 64 entries.  The cursor is the monitor's own.  Arguments
 * are copied before anything looks at them. */
#include "hv/guest.h"
#include "hv/hcall.h"
#include "hv/sched.h"
#include "hv/shadow.h"

#define ENTRIES_A_STEP 16u /* between two preemption points */
_Static_assert(GABI_RING_SLOTS % ENTRIES_A_STEP == 0, "a step ends with the ring");

_Static_assert(sizeof(struct hcall) == sizeof(struct gabi_slot20), "a slot");

/* Where a row has its ring, and how: in all rows from 2.6.31 on alike. */
struct ring_form {
    uint32_t status, slots, slot_bytes;
};
#define RING_FORM(type) \
    {offsetof(struct type, hcall_status), offsetof(struct type, hcalls), \
     sizeof(((struct type *)0)->hcalls[0])}
#define RING_LIKE_2_6_31(type) \
    _Static_assert(offsetof(struct type, hcalls) == \
                   offsetof(struct gabi_data_2_6_31, hcalls) && \
                   offsetof(struct type, hcall_status) == \
                   offsetof(struct gabi_data_2_6_31, hcall_status), #type)
RING_LIKE_2_6_31(gabi_data_3_1);
RING_LIKE_2_6_31(gabi_data_4_1);

/* How many SET_PTE are pending one after the other, with the first, which is one; at most
 * max. Their slots are free from now on. */
static uint32_t take_set_ptes(uint8_t *status, const struct hcall *slots, uint32_t max)
{
    uint32_t n = 0;

    do {
        status[n] = GABI_SLOT_FREE;
        n++;
    } while (n < max && status[n] != GABI_SLOT_FREE && slots[n].nr == GABI_HCALL_SET_PTE);
    return n;
}

/* One entry. With 16 bytes there is no fourth argument; in EDX order the words stand for
 * call, arg2, arg3, arg1. */
HV_INLINE void run_entry(struct vcpu *v, const uint32_t *slot, uint32_t bytes, bool edx_order)
{
    uint32_t nr = hv_read_once(slot[0]), x = hv_read_once(slot[1]);
    uint32_t y = hv_read_once(slot[2]), z = hv_read_once(slot[3]);

    v->hcall_c = edx_order ? y : z;
    v->hcall_d = bytes == sizeof(struct hcall) ? hv_read_once(slot[4]) : 0;
    hcall_execute(v, nr, edx_order ? z : x, edx_order ? x : y);
}

/* T:200 SET_PTE is what rings are full of: those that follow each other are done at once, up to
 * the end of a step. */
HV_INLINE bool run(struct vcpu *v, const struct ring_form form, bool edx_order)
{
    uint8_t *data = (uint8_t *)(uintptr_t)v->lgdata, *status = data + form.status;
    uint32_t at = v->ring_cursor, left = GABI_RING_SLOTS, n;

    for (; left != 0 && status[at] != GABI_SLOT_FREE; left -= n) {
        const void *slot = data + form.slots + at * form.slot_bytes;

        if (form.slot_bytes == sizeof(struct hcall) &&
            ((const struct hcall *)slot)->nr == GABI_HCALL_SET_PTE) {
            n = take_set_ptes(&status[at], slot, ENTRIES_A_STEP - at % ENTRIES_A_STEP);
            shadow_set_ptes(v, slot, n);
        } else {
            run_entry(v, slot, form.slot_bytes, edx_order);
            status[at] = GABI_SLOT_FREE;
            n = 1;
        }
        if (v->todo & VCPU_TODO_DEAD)
            return false;
        at = (at + n) % GABI_RING_SLOTS;
        if (at % ENTRIES_A_STEP == 0)
            sched_point();
    }
    v->ring_cursor = at;
    return !(v->todo & VCPU_TODO_DEAD);
}

void hcall_after_ring(struct vcpu *v)
{
    const struct abi_row *abi = v->guest->abi;
    bool alive;

    if (hv_likely(abi->rev >= ABI_2_6_31))
        alive = run(v, (struct ring_form)RING_FORM(gabi_data_2_6_31), false);
    else
        alive = run(v, (struct ring_form)RING_FORM(gabi_data_2_6_24), abi->edx_order);
    if (alive)
        hcall_direct(v);
}
