/* SPDX-License-Identifier: MIT */
/* The boxes of the CPUs. Senders push onto a list that the reader takes whole and
 * turns round, so neither ever waits for the other.
 *
 * No mail is left lying: who posts puts it into the box and then looks whether the reader
 * is away; the reader says that it is away and then looks into the box. Each is a store
 * and then a load of what the other stores, in one order for all CPUs, so at least one of
 * the two sees the other. */
#include "hv/mail.h"

#include "hv/config.h"
#include "hv/percpu.h"
#include "hv/vcpu.h"

static struct HV_ALIGNED(64) mailbox {
    struct mail *newest;
    bool away;    /* the reader is in a guest, or idle: it wants to be kicked */
    bool reading; /* the reader's own */
} boxes[HV_CFG_MAX_CPUS];

void mail_init(struct mail *m, void (*handle)(struct mail *m))
{
    *m = (struct mail){.handle = handle};
}

/* On the CPU that is to read: the vCPU that has its turn there looks into the box before
 * it enters the guest again. One that idles is woken by the interrupt that we are in. */
static void kick(void)
{
    struct vcpu *v = this_cpu()->running;

    if (v)
        vcpu_post(v, VCPU_TODO_MAIL);
}

/* T:300 How one CPU asks another for something: nobody else touches what is not his. */
void mail_post(struct mail *m, uint32_t cpu)
{
    struct mailbox *box = &boxes[cpu];

    if (__atomic_exchange_n(&m->posted, true, __ATOMIC_SEQ_CST))
        return;
    m->next = __atomic_load_n(&box->newest, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&box->newest, &m->next, m, true,
                                        __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
        ;
    if (__atomic_load_n(&box->away, __ATOMIC_SEQ_CST))
        kick();
}

bool mail_is_posted(const struct mail *m)
{
    return __atomic_load_n(&m->posted, __ATOMIC_ACQUIRE);
}

/* All that is in the box, oldest first. */
static struct mail *take_all(struct mailbox *box)
{
    struct mail *m = __atomic_exchange_n(&box->newest, NULL, __ATOMIC_SEQ_CST);
    struct mail *oldest = NULL;

    while (m) {
        struct mail *next = m->next;

        m->next = oldest;
        oldest = m;
        m = next;
    }
    return oldest;
}

void mail_read(void)
{
    struct mailbox *box = &boxes[this_cpu()->index];

    if (box->reading) /* below us on the stack, and this would come before its turn */
        return;
    box->reading = true;
    for (struct mail *m = take_all(box), *next; m; m = next) {
        next = m->next; /* it may be posted again, or gone, at once */
        (void)__atomic_exchange_n(&m->posted, false, __ATOMIC_SEQ_CST);
        m->handle(m);
    }
    box->reading = false;
}

bool mail_away(void)
{
    struct mailbox *box = &boxes[this_cpu()->index];

    __atomic_store_n(&box->away, true, __ATOMIC_SEQ_CST);
    if (!__atomic_load_n(&box->newest, __ATOMIC_SEQ_CST))
        return true;
    mail_back();
    return false;
}

void mail_back(void)
{
    __atomic_store_n(&boxes[this_cpu()->index].away, false, __ATOMIC_SEQ_CST);
}
