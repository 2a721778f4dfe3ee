/* SPDX-License-Identifier: MIT */
/* What one can wish of guests, by name. The shell is one client. Each verb looks whether
 * the wish makes sense, posts it to the guest's owner, and returns at once: it is granted
 * by the owner's next mail_read(). CPU 0 only, between time slices. */
#pragma once

#include "hv/types.h"

enum control_result {
    CONTROL_OK,
    CONTROL_NO_SUCH_GUEST,
    CONTROL_NOT_CONFIGURED,
    CONTROL_IS_THERE,
    CONTROL_NOT_STARTED,
    CONTROL_ENDED,
    CONTROL_LEAVING,
    CONTROL_PAUSED,
    CONTROL_NOT_PAUSED,
};

/* What is to be said behind "guest NAME ". */
const char *control_text(enum control_result r);

/* One that is configured and not there. */
enum control_result control_start(const char *name) HV_MUST_CHECK;

/* One that is still being built is paused when it has been. */
enum control_result control_pause(const char *name) HV_MUST_CHECK;
enum control_result control_resume(const char *name) HV_MUST_CHECK;

/* Ends it, if it has not ended, whatever its configuration says about its end: it is not
 * kept and does not come back; or it is made anew. */
enum control_result control_destroy(const char *name) HV_MUST_CHECK;
enum control_result control_restart(const char *name) HV_MUST_CHECK;

/* Screen and keyboard go to it. */
enum control_result control_attach(const char *name) HV_MUST_CHECK;

struct mail;

/* Grants the wishes of others (guest.h); the handler of guest->wish.mail. */
void control_grant(struct mail *m);

/* A part of CPU 0's housekeeping: buries the dead, restarts those whose time has come, and
 * finds out that all have ended. */
void control_poll(void);
void control_init(void);
