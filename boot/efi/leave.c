/* SPDX-License-Identifier: MIT */
/* The retry on a changed map key. */
#include "leave.h"

enum leave_result leave_boot_services(const struct leave *l, struct info *in)
{
    const struct info start = *in;

    for (uint32_t i = 0; i < LEAVE_TRIES; i++) {
        struct info_map map = {.p = l->buffer};
        uint64_t key;

        if (!l->get_map(&map, l->room, &key))
            return LEAVE_NO_MAP;
        /* Before the exit: afterwards nobody could be told. */
        *in = start;
        info_memory_map(in, &map);
        if (!info_end(in))
            return LEAVE_NO_ROOM;
        switch (l->exit(key)) {
        case LEAVE_DONE:
            return LEFT;
        case LEAVE_STALE:
            break;
        case LEAVE_BROKEN:
        default:
            return LEAVE_REFUSED;
        }
    }
    return LEAVE_REFUSED;
}
