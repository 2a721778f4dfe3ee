/* SPDX-License-Identifier: MIT */
/* Addresses and page numbers as distinct types, so that a guest-physical
 * address where a host-physical one is wanted does not compile.  Only this
 * header, hv/guest/gmem.c, hv/mmu/ and arch/pte.h look inside (.v). */
#pragma once

#include "hv/types.h"

typedef struct {
    uint32_t v;
} gva_t; /* guest-virtual (linear) address */

typedef struct {
    uint32_t v;
} gpa_t; /* guest-physical address */

typedef struct {
    uint64_t v;
} hpa_t; /* host-physical address */

typedef struct {
    uint32_t v;
} gfn_t; /* guest page number */

typedef struct {
    uint32_t v;
} hfn_t; /* host frame number; enough for 16 TiB */

#define GVA(x) ((gva_t){(uint32_t)(x)})
#define GPA(x) ((gpa_t){(uint32_t)(x)})
#define HPA(x) ((hpa_t){(uint64_t)(x)})
#define GFN(x) ((gfn_t){(uint32_t)(x)})
#define HFN(x) ((hfn_t){(uint32_t)(x)})

/* No frame.  Frame 0 is never handed out by the allocator. */
#define HFN_NONE HFN(0)

static inline gva_t gva_add(gva_t a, uint32_t n)
{
    return GVA(a.v + n); /* wraps at 4 GiB, as the CPU does */
}

static inline uint32_t gva_offset(gva_t a)
{
    return a.v & HV_PAGE_MASK;
}

static inline uint32_t gva_page(gva_t a)
{
    return a.v & ~HV_PAGE_MASK;
}

static inline uint32_t gpa_offset(gpa_t a)
{
    return a.v & HV_PAGE_MASK;
}

static inline gfn_t gpa_to_gfn(gpa_t a)
{
    return GFN(a.v >> HV_PAGE_SHIFT);
}

static inline hpa_t hfn_to_hpa(hfn_t f)
{
    return HPA((uint64_t)f.v << HV_PAGE_SHIFT);
}

static inline hfn_t hpa_to_hfn(hpa_t a)
{
    return HFN(a.v >> HV_PAGE_SHIFT);
}

/* For structures that hold an address that is known to lie below 4 GiB. */
static inline uint32_t hpa_low(hpa_t a)
{
    return (uint32_t)a.v;
}

static inline bool hfn_is_none(hfn_t f)
{
    return f.v == 0;
}
