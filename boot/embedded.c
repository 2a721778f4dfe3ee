/* SPDX-License-Identifier: MIT */
/* Access to the guest images that embedded.asm put into the image. They are
 * read-only and directly mapped, and stay for good: a guest may restart. */
#include "hv/embedded.h"
#include "hv/string.h"

/* Ends with a NULL name. */
extern const struct embedded_guest {
    const char *name;
    struct blob image;
} embedded_guests[];

struct blob embedded_find(const char *name)
{
    const struct embedded_guest *e = embedded_guests;

    while (e->name != NULL && strcmp(e->name, name) != 0)
        e++;
    return e->image;
}
