/* SPDX-License-Identifier: MIT */
/* What the command line's keys and those of a guest have in common. */
#include "keys.h"

HV_INIT bool choose(struct span v, const struct choice *table, int *out)
{
    for (; table->word; table++) {
        if (span_is(v, table->word)) {
            *out = table->value;
            return true;
        }
    }
    return false;
}

HV_INIT bool set_number(void *field, struct span v, const struct key *k)
{
    return span_to_u32(v, k->min, k->max, field);
}

HV_INIT bool set_choice(void *field, struct span v, const struct key *k)
{
    return choose(v, k->choices, field);
}

HV_INIT bool set_flag(void *field, struct span v, const struct key *k)
{
    int n;

    if (!choose(v, k->choices, &n))
        return false;
    *(bool *)field = n != 0;
    return true;
}

HV_INIT bool key_apply(const struct key *keys, uint32_t n, void *to, struct span word,
                       char fault[KEY_FAULT_BYTES])
{
    struct span value = word, name;

    span_cut(&value, '=', &name);
    for (const struct key *k = keys; k < keys + n; k++) {
        if (!span_is(name, k->name))
            continue;
        hv_snprintf(fault, KEY_FAULT_BYTES, "%s wants %s", k->name, k->wants);
        return name.n < word.n && k->set((uint8_t *)to + k->offset, value, k);
    }
    str_copy(fault, "no such key", KEY_FAULT_BYTES);
    return false;
}
