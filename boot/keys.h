/* SPDX-License-Identifier: MIT */
/* Words key=value that fill a structure, one row of a table per key: the command
 * line's and a guest's. Private to boot/. */
#pragma once

#include "span.h"

struct choice {
    const char *word;
    int value;
};

/* Looks v up in a table that ends with a NULL word. */
bool choose(struct span v, const struct choice *table, int *out);

struct key {
    const char *name;
    const char *wants; /* for the message */
    /* Reads the value into the field. False, and nothing written, if it is none. */
    bool (*set)(void *field, struct span value, const struct key *k);
    uint32_t offset; /* of the field in the structure */
    uint32_t min, max; /* of set_number() */
    const struct choice *choices; /* of set_choice() and set_flag() */
};

bool set_number(void *field, struct span v, const struct key *k); /* uint32_t */
bool set_choice(void *field, struct span v, const struct key *k); /* int or an enum */
bool set_flag(void *field, struct span v, const struct key *k); /* bool */

#define KEY_FAULT_BYTES 96u

/* Applies one word to the structure at to. False if it is wrong: fault then says why,
 * and nothing has changed. */
bool key_apply(const struct key *keys, uint32_t n, void *to, struct span word,
               char fault[KEY_FAULT_BYTES]);
