/* SPDX-License-Identifier: MIT */
/* Doubly linked circular lists with the link embedded in the element. */
#pragma once

#include "hv/types.h"

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_insert_before(struct list *at, struct list *n)
{
    n->next = at;
    n->prev = at->prev;
    at->prev->next = n;
    at->prev = n;
}

static inline void list_add_tail(struct list *l, struct list *n)
{
    list_insert_before(l, n);
}

/* Leaves n linked to itself, so removing it twice is harmless. */
static inline void list_remove(struct list *n)
{
    n->next->prev = n->prev;
    n->prev->next = n->next;
    list_init(n);
}

#define list_for_each(p, l) for (struct list *p = (l)->next; p != (l); p = p->next)
#define list_for_each_safe(p, n, l) \
    for (struct list *p = (l)->next, *n = p->next; p != (l); p = n, n = p->next)
