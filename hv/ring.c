/* SPDX-License-Identifier: MIT */
/* T:230 The asynchronous ring (ABI 2.4): scanned when a real hypercall arrives, in
 * cursor order, at most 64 entries.  The cursor is the monitor's own.  Arguments
 * are copied before anything looks at them. */
#include "hv/arch_if.h"
#include "hv/guest.h"
#include "hv/hcall.h"

#define RING_SLOTS 64u
#define SLOT_FREE 0xffu
#define ENTRIES_A_STEP 16u /* between two preemption points */

void ring_run(struct vcpu *v)
{
    const struct abi_row *abi = v->guest->abi;
    volatile uint8_t *data = (volatile uint8_t *)v->irq_enabled;
    volatile uint8_t *status = data + abi->hcall_status;
    uint32_t at = v->ring_cursor;

    for (uint32_t n = 0; n < RING_SLOTS && status[at] != SLOT_FREE; n++) {
        const volatile uint32_t *slot =
            (const volatile uint32_t *)(const volatile void *)(data + abi->hcalls +
                at * abi->slot_bytes);
        uint32_t nr = slot[0], a = slot[1], b = slot[2], c = slot[3];

        v->ring_cursor = (at + 1) % RING_SLOTS;
        v->hcall_c = c;
        v->hcall_d = abi->slot_bytes == 20 ? slot[4] : 0;
        if (hv_unlikely(abi->edx_order)) { /* stored in the order EAX EBX ECX EDX */
            v->hcall_c = b;
            b = a;
            a = c;
        }
        hcall_execute(v, nr, a, b);
        if (hv_unlikely(v->attention & VCPU_ATTN_DEAD))
            return;
        status[at] = SLOT_FREE;
        at = v->ring_cursor;
        if (n % ENTRIES_A_STEP == ENTRIES_A_STEP - 1)
            arch_preempt_point(); /* one entry is done, the next not begun */
    }
}
