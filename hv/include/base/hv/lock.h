/* SPDX-License-Identifier: MIT */
/* A ticket lock, for the few things that all CPUs share: held with interrupts off, for
 * little and bounded work, over no preemption point. Whoever comes first is first. */
#pragma once

#include "hv/types.h"

struct ticket_lock {
    uint32_t next, serving;
};

static inline void lock_take(struct ticket_lock *l)
{
    uint32_t mine = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

    while (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != mine)
        __builtin_ia32_pause();
}

/* For who must not wait. */
static inline bool lock_try(struct ticket_lock *l)
{
    uint32_t serving = __atomic_load_n(&l->serving, __ATOMIC_RELAXED);

    return __atomic_compare_exchange_n(&l->next, &serving, serving + 1, false,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static inline void lock_drop(struct ticket_lock *l)
{
    __atomic_store_n(&l->serving, l->serving + 1, __ATOMIC_RELEASE);
}

static inline bool lock_is_taken(const struct ticket_lock *l)
{
    return __atomic_load_n(&l->next, __ATOMIC_RELAXED) !=
           __atomic_load_n(&l->serving, __ATOMIC_RELAXED);
}
