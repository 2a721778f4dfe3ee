/* SPDX-License-Identifier: MIT */
/* The verbs. Here on CPU 0 it is decided whether a wish makes sense; the guest itself is
 * touched by its owner alone, in control_grant(). */
#include "hv/control.h"

#include "hv/console.h"
#include "hv/guest.h"
#include "hv/log.h"
#include "hv/main.h"
#include "hv/string.h"

const char *control_text(enum control_result r)
{
    static const char *const texts[] = {
        [CONTROL_OK] = "is to do so",
        [CONTROL_NO_SUCH_GUEST] = "is not there, list shows those that are",
        [CONTROL_NOT_CONFIGURED] = "is not configured, list shows those that are",
        [CONTROL_IS_THERE] = "is there already",
        [CONTROL_NOT_STARTED] = "could not be started",
        [CONTROL_ENDED] = "has ended",
        [CONTROL_LEAVING] = "is leaving",
        [CONTROL_PAUSED] = "is paused already",
        [CONTROL_NOT_PAUSED] = "is not paused",
    };

    return texts[r];
}

static bool is_leaving(const struct guest *g)
{
    return g->state == GUEST_LEAVING || g->state == GUEST_GONE;
}

/* Whether there is such a guest that lives; *found: it, if so. */
static enum control_result find_living(const char *name, struct guest **found)
{
    struct guest *g = *found = guest_find(name);

    if (!g)
        return CONTROL_NO_SUCH_GUEST;
    if (is_leaving(g))
        return CONTROL_LEAVING;
    return guest_is_dead(g) ? CONTROL_ENDED : CONTROL_OK;
}

enum control_result control_start(const char *name)
{
    const struct guest *g = guest_find(name);
    const struct guest_config *c;

    if (g)
        return is_leaving(g) ? CONTROL_LEAVING : CONTROL_IS_THERE;
    for (uint32_t i = 0; (c = hv_configured(i)) != NULL; i++) {
        if (strcmp(c->name, name) == 0)
            return guest_create(c) ? CONTROL_OK : CONTROL_NOT_STARTED;
    }
    return CONTROL_NOT_CONFIGURED;
}

/* ---- wishes ---- */

static enum control_result wish_paused(const char *name, bool paused)
{
    struct guest *g;
    enum control_result r = find_living(name, &g);

    if (r != CONTROL_OK)
        return r;
    if (__atomic_exchange_n(&g->wish.paused, paused, __ATOMIC_SEQ_CST) == paused)
        return paused ? CONTROL_PAUSED : CONTROL_NOT_PAUSED;
    mail_post(&g->wish.mail, g->owner);
    return CONTROL_OK;
}

enum control_result control_pause(const char *name)
{
    return wish_paused(name, true);
}

enum control_result control_resume(const char *name)
{
    return wish_paused(name, false);
}

/* One that is leaving may be on its way to another life, or not, and can still be given
 * the other way. */
static enum control_result wish_end(const char *name, enum guest_after after)
{
    struct guest *g = guest_find(name);

    if (!g)
        return CONTROL_NO_SUCH_GUEST;
    if (is_leaving(g) && (g->after == AFTER_RESTART) == (after == AFTER_RESTART))
        return CONTROL_LEAVING;
    __atomic_store_n(&g->wish.after, after, __ATOMIC_SEQ_CST);
    mail_post(&g->wish.mail, g->owner);
    return CONTROL_OK;
}

enum control_result control_destroy(const char *name)
{
    return wish_end(name, AFTER_NOTHING);
}

enum control_result control_restart(const char *name)
{
    return wish_end(name, AFTER_RESTART);
}

enum control_result control_attach(const char *name)
{
    struct guest *g = guest_find(name);

    if (!g)
        return CONTROL_NO_SUCH_GUEST;
    console_attach(g);
    return CONTROL_OK;
}

/* ---- the owner's side ---- */

/* One that has ended and is kept, or waits, ends once more to be restarted. */
static void grant_end(struct guest *g, enum guest_after after)
{
    g->after = after;
    if (after == AFTER_RESTART) {
        g->hasty_ends = 0;
        g->restart_at_ns = 0;
        if (g->state == GUEST_ENDED) {
            g->state = GUEST_PAUSED;
            g->end = END_NONE;
        }
        guest_end(g, END_REBOOT, "restarted from the shell");
    } else if (g->state == GUEST_ENDED) {
        log_always("guest %s is gone", g->config.name); /* its end is no news */
        guest_destroy(g);
    } else {
        guest_kill(g, "destroyed from the shell");
    }
}

void control_grant(struct mail *m)
{
    struct guest *g = HV_CONTAINER_OF(m, struct guest, wish.mail);
    enum guest_after after =
        __atomic_exchange_n(&g->wish.after, AFTER_POLICY, __ATOMIC_SEQ_CST);

    guest_set_paused(g, __atomic_load_n(&g->wish.paused, __ATOMIC_SEQ_CST));
    if (after != AFTER_POLICY)
        grant_end(g, after);
}
