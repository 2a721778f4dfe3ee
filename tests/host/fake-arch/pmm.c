/* SPDX-License-Identifier: MIT */
/* hv/pmm.h for tests of what uses it: counts per frame, first fit, checks on
 * every call.  hv/core/pmm.c itself is tested with test_pmm. */
#include "fake.h"

#include "hv/frame.h"
#include "hv/pmm.h"
#include "test.h"

#define MAX_FRAMES 65000u

uint32_t fake_pmm_frames = 4096;

static uint16_t refs[MAX_FRAMES];
static uint32_t reserved; /* counted only: who uses this has enough */

static uint32_t index_of(hfn_t f)
{
    REQUIRE(f.v >= FAKE_PMM_FIRST && f.v - FAKE_PMM_FIRST < fake_pmm_frames);
    return f.v - FAKE_PMM_FIRST;
}

hfn_t pmm_alloc_contig(uint32_t n, uint32_t align, uint32_t below_limit)
{
    REQUIRE(fake_pmm_frames <= MAX_FRAMES);
    for (uint32_t i = 0; i + n <= fake_pmm_frames; i++) {
        uint32_t k = 0;

        if ((FAKE_PMM_FIRST + i) % align != 0)
            continue;
        if (below_limit && (FAKE_PMM_FIRST + i + n) > below_limit >> HV_PAGE_SHIFT)
            break;
        while (k < n && refs[i + k] == 0)
            k++;
        if (k < n)
            continue;
        for (k = 0; k < n; k++) {
            refs[i + k] = 1;
            memset(frame_ptr(HFN(FAKE_PMM_FIRST + i + k)), 0, HV_PAGE_SIZE);
        }
        return HFN(FAKE_PMM_FIRST + i);
    }
    return HFN_NONE;
}

hfn_t pmm_alloc(enum pmm_zone zone)
{
    if (zone == PMM_GUEST)
        REQUIRE(reserved-- > 0);
    return pmm_alloc_contig(1, 1, 0);
}

bool pmm_reserve(uint32_t n)
{
    if (n > pmm_free_frames())
        return false;
    reserved += n;
    return true;
}

void pmm_unreserve(uint32_t n)
{
    REQUIRE(n <= reserved);
    reserved -= n;
}

uint32_t pmm_reserved_frames(void)
{
    return reserved;
}

void pmm_ref(hfn_t f)
{
    REQUIRE(refs[index_of(f)] > 0);
    refs[index_of(f)]++;
}

void pmm_unref(hfn_t f)
{
    REQUIRE(refs[index_of(f)] > 0);
    refs[index_of(f)]--;
}

uint32_t pmm_refcount(hfn_t f)
{
    return refs[index_of(f)];
}

void pmm_free_contig(hfn_t f, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        pmm_unref(HFN(f.v + i));
}

hfn_t pmm_alloc_table(uint32_t n)
{
    return pmm_alloc_contig(n, 1, 0);
}

void pmm_free_table(hfn_t f, uint32_t n)
{
    pmm_free_contig(f, n);
}

void *pmm_alloc_page(void)
{
    hfn_t f = pmm_alloc(PMM_DIRECT);

    return hfn_is_none(f) ? NULL : frame_ptr(f);
}

void pmm_free_page(void *page)
{
    pmm_unref(frame_of_ptr(page));
}

uint32_t pmm_free_frames(void)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < fake_pmm_frames; i++)
        n += refs[i] == 0;
    return n - reserved;
}

uint32_t pmm_free_high_frames(void)
{
    return 0;
}

uint32_t pmm_guest_frames(void)
{
    return pmm_free_frames();
}

uint32_t pmm_total_frames(void)
{
    return fake_pmm_frames;
}

uint32_t pmm_frame_limit(void)
{
    return FAKE_PMM_FIRST + fake_pmm_frames;
}

bool pmm_is_ram(hfn_t f)
{
    return f.v >= FAKE_PMM_FIRST && f.v - FAKE_PMM_FIRST < fake_pmm_frames;
}
