/* SPDX-License-Identifier: MIT */
/* Access to the guest images that embedded.asm put into the image. They are
 * read-only and directly mapped, and stay for good: a guest may restart. */
#include "hv/embedded.h"
#include "hv/main.h"
#include "hv/string.h"

struct embedded_guest {
    const char *name;
    const uint8_t *data;
    uint32_t bytes;
};

/* Ends with a NULL name. */
extern const struct embedded_guest embedded_guests[];

const char *embedded_at(uint32_t i, struct blob *out)
{
    for (uint32_t n = 0; embedded_guests[n].name != NULL; n++) {
        if (n != i)
            continue;
        out->data = embedded_guests[n].data;
        out->bytes = embedded_guests[n].bytes;
        return embedded_guests[n].name;
    }
    return NULL;
}

struct blob embedded_find(const char *name)
{
    struct blob b = {NULL, 0};
    const char *at;

    for (uint32_t i = 0; (at = embedded_at(i, &b)) != NULL; i++) {
        if (strcmp(at, name) == 0)
            return b;
    }
    return (struct blob){NULL, 0};
}

struct blob hv_embedded_demo(void)
{
    return embedded_find("demo");
}
