/* SPDX-License-Identifier: MIT */
/* Somebody who starts guests of its own, watches them and judges how they end: the suite.
 * Nobody else knows it but by these hooks; all of them are called on CPU 0. */
#pragma once

#include "hv/types.h"

struct guest;

struct observer {
    /* Between time slices; true: there will be more to do. */
    bool (*step)(void);
    /* A guest of its own has ended, or could not be built. It is taken apart next. */
    void (*ended)(struct guest *g);
    /* It has been: what stands in its account now is lost. */
    void (*gone)(const struct guest *g);
    /* Ports of its own guests, which may be other ones; false: any port like others. */
    bool (*port_in)(struct guest *g, uint16_t port, uint32_t width, uint32_t *value);
    bool (*port_out)(struct guest *g, uint16_t port, uint32_t value);
    /* Whether anything that it has judged was bad. */
    bool (*has_failed)(void);
    /* All is done, and the machine waits: true if it has shown what came out. */
    bool (*show_result)(void);
};

/* Who observes since this machine is up, or NULL. Whose guest one is stands in its
 * configuration. */
extern const struct observer *observer;
