/* SPDX-License-Identifier: MIT */
/* A virtual CPU.  Its registers live in its regs page (arch/regs.h); here is
 * what the monitor knows besides. */
#pragma once

#include "arch/regs.h"
#include "arch/vcpu.h"
#include "guest-abi/lguest_data.h"
#include "hv/addr.h"
#include "hv/list.h"
#include "hv/timerq.h"

struct guest;
struct shadow_root;
struct shadow_table;
struct shadow_calls;

/* What is to be done for a vCPU before the next entry. */
#define VCPU_TODO_VIRQ HV_BIT(0)    /* virq_deliver has something to do */
#define VCPU_TODO_PIN HV_BIT(1)     /* kernel stack must be pinned again */
#define VCPU_TODO_RESCHED HV_BIT(2) /* time slice over, or somebody is waiting */
#define VCPU_TODO_DEAD HV_BIT(3)    /* guest was killed or ended */
#define VCPU_TODO_HALTED HV_BIT(4)  /* asleep: not to be entered */
#define VCPU_TODO_AUDIT HV_BIT(5)   /* audit=N is on */
#define VCPU_TODO_VDEV HV_BIT(6)    /* vdev_poll() has work that was put off */
#define VCPU_TODO_DEBUG HV_BIT(7)   /* breakpoints are, or were, armed: a #DB may have come late */
#define VCPU_TODO_MAIL HV_BIT(8)    /* mail_read() has something for this CPU */
#define VCPU_TODO_STEP HV_BIT(9)    /* the #DB behind a hypercall with TF set */

/* What hv/mmu/ keeps of a vCPU, for its current root. */
struct vcpu_shadow {
    const struct shadow_calls *calls; /* for the format of the guest's tables */
    /* The table of the last fault or SET_PTE, and RW and US of its directory entry, for
     * these 2 MiB (va >> 21); NO_REGION: none. */
    uint32_t region, rights;
    struct shadow_table *table;
    /* The leaf through which the monitor wrote last, and its page: where the next trap
     * frame goes, if the leaf allows it then. 1: none. */
    uint32_t written_va;
    uint64_t *written_leaf;
};

struct vcpu {
    struct guest_regs *regs; /* directly mapped; valid while the vCPU lives */
    uint32_t todo;   /* VCPU_TODO_*, its owner's only: no other CPU reads or writes it */
    uint32_t posted; /* the same from others: vcpu_post() */
    struct guest *guest;
    struct shadow_root *root; /* current; never NULL once running */
    struct vcpu_shadow shadow;
    /* The words of lguest_data that all revisions have at the same place: through its
     * alias in the switcher area while this vCPU is loaded, before_init before INIT. */
    volatile struct gabi_data_head *lgdata;
    struct gabi_data_head before_init;
    uint32_t ring_cursor;
    uint32_t hcall_c, hcall_d; /* third and fourth argument of the call */

    uint32_t flat_ss; /* GABI_KERNEL_DS while that segment is flat, else 0 */

    /* Kernel stack of the last SET_STACK (ABI 7.7). */
    uint16_t ss1;
    uint8_t stack_pages;
    uint32_t esp1;

    bool ts;     /* guest's CR0.TS */
    uint8_t hold_tries; /* so often is an interrupt held back there: */
    uint32_t hold_eip;  /* virq_hold_at() */
    uint32_t irq_pending; /* bit n: virtual line n */
    uint32_t audit_every, audit_count;

    struct timer clockevent; /* SET_CLOCKEVENT */
    struct timer retry;      /* bounds the wait of a pending interrupt */
    struct list run_link;    /* run queue of the CPU */
    uint64_t run_ns;   /* time this vCPU had a CPU */
    uint64_t used_ns;  /* the same as the scheduler reckons: who has least is next */
    uint64_t ready_ns; /* it could run, and waits since then; 0: it does not */
    uint64_t longest_wait_ns; /* so far, or since the suite has put it back to 0 */
    bool aside; /* its slice ended in the midst of work for it (sched_point) */

    uint32_t exit_count[260]; /* by vector; ARCH_EXIT_BAD_IRET at 256 */
    struct arch_vcpu arch;
};

/* For those who do not own v, another CPU too. On one CPU nobody has to be interrupted for
 * that: who posts runs in the monitor, and v looks before it enters. */
HV_INLINE void vcpu_post(struct vcpu *v, uint32_t todo)
{
    __atomic_fetch_or(&v->posted, todo, __ATOMIC_SEQ_CST);
}

HV_INLINE bool vcpu_has_todo(const struct vcpu *v)
{
    return (v->todo | hv_read_once(v->posted)) != 0;
}

/* For its owner: what is to be done, that which others have posted among it. */
HV_INLINE uint32_t vcpu_todo(struct vcpu *v)
{
    if (hv_unlikely(hv_read_once(v->posted) != 0))
        v->todo |= __atomic_exchange_n(&v->posted, 0, __ATOMIC_SEQ_CST);
    return v->todo;
}
