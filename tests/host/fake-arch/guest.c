/* SPDX-License-Identifier: MIT */
/* The ends of a guest, noted in the guest. The first reason is kept. */
#include "fake.h"

#include <stdarg.h>
#include <stdio.h>

void guest_kill(struct guest *g, const char *fmt, ...)
{
    va_list ap;

    if (guest_is_dead(g))
        return;
    va_start(ap, fmt);
    (void)vsnprintf(g->reason, sizeof(g->reason), fmt, ap);
    va_end(ap);
    g->end = END_KILLED;
    if (g->vcpu)
        g->vcpu->todo |= VCPU_TODO_DEAD;
}

void guest_end(struct guest *g, enum guest_end how, const char *reason)
{
    if (guest_is_dead(g))
        return;
    (void)snprintf(g->reason, sizeof(g->reason), "%s", reason);
    g->end = how;
    if (g->vcpu)
        g->vcpu->todo |= VCPU_TODO_DEAD;
}
