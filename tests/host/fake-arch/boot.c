/* SPDX-License-Identifier: MIT */
/* What boot/ reads and calls: physical memory in pieces, and a list of the
 * guests that were configured. */
#include "fake.h"

#include "hv/boot_info.h"
#include "hv/firmware.h"
#include "hv/main.h"
#include "hv/range.h"
#include "test.h"

#define PIECES 160

static struct {
    uint64_t pa;
    uint8_t *bytes;
    uint32_t len;
} pieces[PIECES];
static uint32_t nr_pieces;

uint32_t fake_guests_added;
struct guest_config fake_guest_configs[GUEST_MAX];

void fake_phys_add(uint64_t pa, void *bytes, uint32_t len)
{
    REQUIRE(nr_pieces < PIECES);
    pieces[nr_pieces].pa = pa;
    pieces[nr_pieces].bytes = bytes;
    pieces[nr_pieces++].len = len;
}

void fake_phys_clear(void)
{
    nr_pieces = 0;
}

const void *boot_phys(uint64_t pa, uint32_t len)
{
    for (uint32_t i = 0; i < nr_pieces; i++) {
        if (pa >= pieces[i].pa &&
            range_fits64(pa - pieces[i].pa, len, pieces[i].len))
            return pieces[i].bytes + (pa - pieces[i].pa);
    }
    return NULL;
}

int hv_add_guest(const struct guest_config *c)
{
    if (fake_guests_added == GUEST_MAX)
        return -HV_ENOSPC;
    fake_guest_configs[fake_guests_added++] = *c;
    return 0;
}

const struct guest_config *fake_guest_added(const char *name)
{
    for (uint32_t i = 0; i < fake_guests_added; i++) {
        if (strcmp(fake_guest_configs[i].name, name) == 0)
            return &fake_guest_configs[i];
    }
    return NULL;
}
