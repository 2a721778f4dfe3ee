/* SPDX-License-Identifier: MIT */
/* What a Linux kernel finds in memory besides itself (ABI 1.1, 1.2, 1.5):
 * boot_params, command line, initrd at the top, and for releases before 3.1
 * page tables below it.  Nothing here may reach into the image or past RAM. */
#include "loader_plan.h"

#include "guest-abi/hcall.h"
#include "hv/abi.h"
#include "hv/string.h"

#define PAGE_OFFSET_PDE (LOADER_HIGH_MAP >> 22)
#define PAGE_OFFSET_PDPTE (LOADER_HIGH_MAP >> 30)
#define TABLE_FLAGS 0x007u /* present, writable, user */
#define PDPTE_FLAGS 0x001u

/* Directory entries that a map at 0 and one at PAGE_OFFSET may take: they must
 * not meet, nor reach the last entry, which is the switcher's. */
#define LOW_PDES PAGE_OFFSET_PDE
#define HIGH_PDES (1023 - PAGE_OFFSET_PDE)

/* A kernel changes them through its own map of memory, which ends at some 890 MiB. */
#define TABLES_TOP HV_MIB(768)

/* boot_params, ABI 1.2: the offsets that only a loader knows. */
enum {
    BP_HEADER = 0x1f1,
    BP_HEADER_MAX = 0x290, /* what follows is not the image's */
    BP_VERSION = 0x206,
    BP_LOADER = 0x210,
    BP_LOADFLAGS = 0x211,
    BP_ALIGNMENT = 0x230,
    BP_SUBARCH = 0x23c,
    BP_SUBARCH_DATA = 0x240,

    BP_VERSION_MIN = 0x0207,
    BP_LOADER_OTHER = 0xff,
    BP_KEEP_SEGMENTS = 0x40,
    BP_ALIGN_16M = 0x1000000,
    BP_SUBARCH_LGUEST = 1,
    E820_RAM = 1,
};

/* ---- where things go ---- */

static int place_initrd(struct load_plan *p)
{
    uint32_t bytes = p->c->initrd.bytes;

    p->initrd_pa = p->ram_bytes;
    if (bytes == 0)
        return 0;
    if (bytes > p->ram_bytes ||
        p->ram_bytes - ((bytes + HV_PAGE_MASK) & ~HV_PAGE_MASK) < p->image_end) {
        load_fail(p, "initrd of 0x%x bytes does not fit above the image: give "
                  "memory=%u or more", bytes,
                  load_mib((uint64_t)p->image_end + bytes + HV_PAGE_MASK));
        return -HV_E2BIG;
    }
    p->initrd_bytes = (bytes + HV_PAGE_MASK) & ~HV_PAGE_MASK;
    p->initrd_pa = p->ram_bytes - p->initrd_bytes;
    return 0;
}

/* Does the release expect to find page tables? Only the row says so; without
 * any the guest starts in linear mode. */
static int place_tables(struct load_plan *p)
{
    enum abi_revision rev = p->version != ABI_AUTO ? p->version : p->c->abi;
    uint32_t top = hv_min_u32(p->initrd_pa, TABLES_TOP), pages, per_page;

    if (rev == ABI_AUTO || rev >= ABI_3_1)
        return 0;
    p->pae = p->c->pae == 1;
    if (p->pae && !abi_rows[rev].has_pae)
        return load_fail(p, "pae=1, but Linux before 2.6.31 has no PAE guests");
    per_page = p->pae ? 512 : 1024;
    p->pte_pages = (p->ram_bytes / HV_PAGE_SIZE + per_page - 1) / per_page;
    /* One page of middle directory; 2-level: up to the map at PAGE_OFFSET. */
    p->pte_pages = hv_min_u32(p->pte_pages, p->pae ? 512 : LOW_PDES);
    pages = 1u + (p->pae ? 1u : 0u) + p->pte_pages;
    if (top / HV_PAGE_SIZE <= pages || top - pages * HV_PAGE_SIZE < p->image_end) {
        load_fail(p, "boot page tables of %u pages do not fit above the image: "
                  "give more than memory=%u", pages,
                  load_mib(p->ram_bytes));
        return -HV_E2BIG;
    }
    p->pgdir = top - HV_PAGE_SIZE;
    p->pte_pa = p->pgdir - p->pte_pages * HV_PAGE_SIZE;
    p->pmd_pa = p->pte_pa - HV_PAGE_SIZE; /* PAE only */
    return 0;
}

int loader_place_boot(struct load_plan *p)
{
    int rc;

    if (strnlen(p->c->cmdline, GUEST_CMDLINE_BYTES) >= GUEST_CMDLINE_BYTES)
        return load_fail(p, "command line has no end");
    if (p->ram_bytes < BOOT_LOW_END)
        return load_fail(p, "memory of 0x%x bytes is too small", p->ram_bytes);
    rc = place_initrd(p);
    return rc < 0 ? rc : place_tables(p);
}

/* ---- page tables ---- */

/* Entries of 4 or 8 bytes, the upper half of an 8-byte one being 0. */
static int put_entries(struct load_plan *p, uint32_t table, uint32_t index,
                       uint32_t first, uint32_t n)
{
    uint32_t words[64];
    uint32_t per_entry = p->pae ? 2 : 1;
    uint32_t batch = HV_ARRAY_SIZE(words) / per_entry;

    memset(words, 0, sizeof(words));
    for (uint32_t done = 0; done < n; done += batch) {
        uint32_t k = hv_min_u32(batch, n - done);
        int rc;

        for (uint32_t i = 0; i < k; i++)
            words[i * per_entry] = first + (done + i) * HV_PAGE_SIZE;
        rc = load_copy(p, table + (index + done) * per_entry * 4, words,
                       k * per_entry * 4);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Both maps for every row: of the first, 2.6.24 to 2.6.28 make the second themselves,
 * and 2.6.29 does not. */
static int write_tables(struct load_plan *p)
{
    uint32_t per_page = p->pae ? 512 : 1024;
    uint32_t ptes = hv_min_u32(p->ram_bytes / HV_PAGE_SIZE,
                               p->pte_pages * per_page);
    uint32_t roots[8] = {0};
    int rc = put_entries(p, p->pte_pa, 0, TABLE_FLAGS, ptes);

    if (rc < 0)
        return rc;
    if (p->pae) {
        rc = put_entries(p, p->pmd_pa, 0, p->pte_pa | TABLE_FLAGS, p->pte_pages);
        roots[0] = p->pmd_pa | PDPTE_FLAGS;
        roots[PAGE_OFFSET_PDPTE * 2] = p->pmd_pa | PDPTE_FLAGS;
        return rc < 0 ? rc : load_copy(p, p->pgdir, roots, sizeof(roots));
    }
    rc = put_entries(p, p->pgdir, 0, p->pte_pa | TABLE_FLAGS, p->pte_pages);
    if (rc < 0)
        return rc;
    return put_entries(p, p->pgdir, PAGE_OFFSET_PDE, p->pte_pa | TABLE_FLAGS,
                       hv_min_u32(p->pte_pages, HIGH_PDES));
}

/* ---- boot_params ---- */

static int put(struct load_plan *p, uint32_t at, uint32_t value, uint32_t len)
{
    return load_copy(p, BOOT_PARAMS_PA + at, &value, len);
}

/* The image's own setup header, so that a decompressor finds its init_size. */
static int write_header(struct load_plan *p)
{
    const uint8_t *d = p->c->kernel.data;
    uint32_t end;

    if (p->kind != IMAGE_BZIMAGE)
        return 0;
    end = hv_min_u32(0x202u + d[0x201], BP_HEADER_MAX);
    end = hv_min_u32(end, p->setup_bytes);
    return load_copy(p, BP_HEADER, d + BP_HEADER, end - BP_HEADER);
}

static int write_params(struct load_plan *p)
{
    const uint8_t *d = p->c->kernel.data;
    bool bz = p->kind == IMAGE_BZIMAGE;
    uint32_t version = bz ? d[BP_VERSION] | (uint32_t)d[BP_VERSION + 1] << 8 : 0;
    uint32_t loadflags = bz ? d[BP_LOADFLAGS] : 0;
    uint32_t initrd = p->initrd_bytes ? p->initrd_pa : 0;
    const struct {
        uint16_t at;
        uint8_t len;
        uint32_t value;
    } fields[] = {
        {GABI_BP_E820_ENTRIES, 1, 1},
        {BP_VERSION, 2, hv_max_u32(version, BP_VERSION_MIN)},
        {BP_LOADER, 1, BP_LOADER_OTHER},
        {BP_LOADFLAGS, 1, loadflags | BP_KEEP_SEGMENTS},
        {GABI_BP_RAMDISK_IMAGE, 4, initrd},
        {GABI_BP_RAMDISK_SIZE, 4, p->initrd_bytes},
        {GABI_BP_CMDLINE_PTR, 4, BOOT_CMDLINE_PA},
        {BP_ALIGNMENT, 4, BP_ALIGN_16M},
        {BP_SUBARCH, 4, BP_SUBARCH_LGUEST},
        {BP_SUBARCH_DATA, 4, 0},
        {BP_SUBARCH_DATA + 4, 4, 0},
        {GABI_BP_E820_MAP, 4, 0},
        {GABI_BP_E820_MAP + 4, 4, 0},
        {GABI_BP_E820_MAP + 8, 4, p->ram_bytes},
        {GABI_BP_E820_MAP + 12, 4, 0},
        {GABI_BP_E820_MAP + 16, 4, E820_RAM},
    };
    int rc = write_header(p);

    for (uint32_t i = 0; rc == 0 && i < HV_ARRAY_SIZE(fields); i++)
        rc = put(p, fields[i].at, fields[i].value, fields[i].len);
    return rc;
}

int loader_write_boot(struct load_plan *p)
{
    int rc = write_params(p);

    if (rc == 0)
        rc = load_copy(p, BOOT_CMDLINE_PA, p->c->cmdline,
                       (uint32_t)strlen(p->c->cmdline) + 1);
    if (rc == 0 && p->initrd_bytes > 0)
        rc = load_copy(p, p->initrd_pa, p->c->initrd.data, p->c->initrd.bytes);
    if (rc == 0 && p->pgdir != 0)
        rc = write_tables(p);
    return rc;
}
