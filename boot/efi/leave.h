/* SPDX-License-Identifier: MIT */
/* Leaving the boot services (UEFI 2.10, section 7.4.6): the memory map must be
 * the current one; where the firmware has changed it in between, the call fails,
 * and only another map and another try are allowed.  The two calls come in by
 * pointer, so that the host tests can play a firmware that changes its mind. */
#pragma once

#include "info.h"

enum leave_answer { LEAVE_DONE, LEAVE_STALE, LEAVE_BROKEN };

struct leave {
    /* Fills map (its p is the buffer, of room bytes) and the key. */
    bool (*get_map)(struct info_map *map, uint32_t room, uint64_t *key);
    enum leave_answer (*exit)(uint64_t key);
    uint8_t *buffer;
    uint32_t room;
};

enum leave_result {
    LEFT,
    LEAVE_NO_MAP,   /* the firmware gave none: all is as it was */
    LEAVE_NO_ROOM,  /* for the map in the information: all is as it was */
    LEAVE_REFUSED,  /* at every try; only the screen may still work */
};

#define LEAVE_TRIES 8u

/* Adds the memory map and the end to in and leaves. Nothing that could change the
 * map may happen in between, so neither the screen nor the allocator is used. */
enum leave_result leave_boot_services(const struct leave *l, struct info *in);
