/* SPDX-License-Identifier: MIT */
/* Mail to a CPU: the one way to have something done to what another CPU owns
 * (docs/architecture.md). A letter lies inside of the sender's or the receiver's own
 * object; many may post, one CPU reads. */
#pragma once

#include "hv/types.h"

/* What is to be done stands in the object around it, put there before mail_post() by
 * means that bear several senders (an atomic word, a ring). */
struct mail {
    struct mail *next; /* in the box */
    bool posted;
    void (*handle)(struct mail *m);
};

/* handle runs on the CPU that it was posted to: bounded, and at a place where all guest
 * state is consistent, so that it may do to that CPU's guests what a timer may. */
void mail_init(struct mail *m, void (*handle)(struct mail *m));

/* Cannot fail, does not wait, allocates nothing; from anywhere but an NMI. One that is
 * posted already stays where it is: its handler is still to come, and sees what was put
 * there before this call. Else it goes behind all others in the box. */
void mail_post(struct mail *m, uint32_t cpu);

/* True until its handler begins: what it lies in must not go. */
bool mail_is_posted(const struct mail *m);

/* Handles what is in this CPU's box, in the order in which it was posted; what the
 * handlers post waits for the next call. */
void mail_read(void);

/* The reader's half of "post, then look; look away, then look into the box": from here
 * on who posts also kicks, until mail_back(). False: there is mail, and nobody will. */
bool mail_away(void) HV_MUST_CHECK;
void mail_back(void);
