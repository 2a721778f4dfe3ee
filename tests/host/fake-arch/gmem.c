/* SPDX-License-Identifier: MIT */
/* hv/gmem.h on an array per guest: the same refusals as the real one. */
#include "fake.h"

#include "hv/gmem.h"
#include "hv/range.h"
#include "test.h"

struct fake_guest_memory {
    struct guest g; /* first: a guest's address is the memory's */
    struct vcpu vcpu;
    struct guest_regs regs;
    uint32_t bytes;
    uint8_t *mem;
};

static struct fake_guest_memory *memory_of(const struct guest *g)
{
    return (struct fake_guest_memory *)(uintptr_t)g;
}

struct guest *fake_gmem_guest(uint32_t ram_pages, uint32_t device_pages)
{
    struct fake_guest_memory *m = calloc(1, sizeof(*m));

    REQUIRE(m);
    m->g.ram_pages = ram_pages;
    m->g.limit_pages = ram_pages + device_pages;
    m->g.vcpu = &m->vcpu;
    m->vcpu.guest = &m->g;
    m->vcpu.regs = &m->regs;
    (void)snprintf(m->g.config.name, sizeof(m->g.config.name), "fake");
    m->bytes = m->g.limit_pages * HV_PAGE_SIZE;
    m->mem = calloc(1, m->bytes);
    REQUIRE(m->mem);
    return &m->g;
}

uint8_t *fake_gmem_bytes(struct guest *g)
{
    return memory_of(g)->mem;
}

void fake_gmem_free(struct guest *g)
{
    free(memory_of(g)->mem);
    free(memory_of(g));
}

bool gmem_range_ok(const struct guest *g, gpa_t a, uint32_t len)
{
    return range_fits(a.v, len, memory_of(g)->bytes);
}

bool gmem_copy(struct guest *g, void *dst, const void *src, uint32_t n)
{
    (void)g;
    memcpy(dst, src, n);
    return true;
}

bool gmem_read(struct guest *g, void *dst, gpa_t src, uint32_t len)
{
    if (!gmem_range_ok(g, src, len)) {
        memset(dst, 0, len);
        return false;
    }
    memcpy(dst, memory_of(g)->mem + src.v, len);
    return true;
}

bool gmem_write(struct guest *g, gpa_t dst, const void *src, uint32_t len)
{
    if (!gmem_range_ok(g, dst, len))
        return false;
    memcpy(memory_of(g)->mem + dst.v, src, len);
    return true;
}

bool gmem_zero(struct guest *g, gpa_t dst, uint32_t len)
{
    if (!gmem_range_ok(g, dst, len))
        return false;
    memset(memory_of(g)->mem + dst.v, 0, len);
    return true;
}

uint32_t gmem_read_string(struct guest *g, char *dst, gpa_t src, uint32_t size)
{
    uint32_t n = 0;

    while (n + 1 < size && gmem_read(g, dst + n, GPA(src.v + n), 1) && dst[n])
        n++;
    dst[n] = '\0';
    return n;
}

bool gmem_read16(struct guest *g, gpa_t a, uint16_t *v)
{
    return gmem_read(g, v, a, 2);
}

bool gmem_write16(struct guest *g, gpa_t a, uint16_t v)
{
    return gmem_write(g, a, &v, 2);
}

bool gmem_read32(struct guest *g, gpa_t a, uint32_t *v)
{
    return gmem_read(g, v, a, 4);
}

bool gmem_write32(struct guest *g, gpa_t a, uint32_t v)
{
    return gmem_write(g, a, &v, 4);
}
