/* SPDX-License-Identifier: MIT */
/* Guest images (ABI 1.1, 14): ELF32 and bzImage.  The image is hostile, so the
 * whole layout is computed and checked against guest RAM first and copied
 * afterwards; a refused image has changed nothing.  Long copies and scans are
 * cut into pieces with preemption points between. */
#include "hv/loader.h"
#include "loader_plan.h"

#include "hv/arch_if.h"
#include "hv/gmem.h"
#include "hv/guest.h"
#include "hv/range.h"
#include "hv/sched.h"
#include "hv/string.h"

#define COPY_BYTES 32768u

/* ELF32, System V ABI chapter 4 and 5. */
enum {
    ELF_TYPE = 16,
    ELF_MACHINE = 18,
    ELF_ENTRY = 24,
    ELF_PHOFF = 28,
    ELF_PHENTSIZE = 42,
    ELF_PHNUM = 44,
    ELF_HEADER_BYTES = 52,
    ELF_CLASS = 4,
    ELF_DATA = 5,
    ELF_PH_BYTES = 32,
    ELF_MAX_PH = 64, /* a kernel has about five */
    ELFCLASS32 = 1,
    ELFDATA2LSB = 1,
    ET_EXEC = 2,
    EM_386 = 3,
    PT_LOAD = 1,
};

/* Linux/x86 boot protocol, the fields of the setup header. */
enum {
    BZ_SETUP_SECTS = 0x1f1,
    BZ_HEADER_END = 0x201, /* byte: header goes on to 0x202 + this */
    BZ_MAGIC = 0x202,
    BZ_VERSION_TEXT = 0x20e,
    BZ_LOADFLAGS = 0x211,
    BZ_CODE32_START = 0x214,
    BZ_MIN_BYTES = 0x218,
    BZ_VERSION = 0x206,
    BZ_RELOCATABLE = 0x234,
    BZ_XLOADFLAGS = 0x236, /* bit 0: has a 64-bit entry */
    BZ_HAS_XLOADFLAGS = 0x020c,
    BZ_PREF_ADDRESS = 0x258,
    BZ_INIT_SIZE = 0x260,
    BZ_HAS_INIT_SIZE = 0x020a, /* the first version with these three */
    BZ_ALIGN = 0x1000000,      /* what boot_params say, ABI 1.2 */
    BZ_LOADED_HIGH = 1,
    BZ_PAYLOAD_PA = 0x100000,
};

static uint32_t get16(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
    return get16(p) | get16(p + 2) << 16;
}

int load_fail(struct load_plan *p, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    hv_vsnprintf(p->err, p->err_bytes, fmt, ap);
    va_end(ap);
    return -HV_EINVAL;
}

int load_copy(struct load_plan *p, uint32_t pa, const void *src, uint32_t len)
{
    const uint8_t *from = src;

    while (len > 0) {
        uint32_t n = hv_min_u32(len, COPY_BYTES);

        if (!gmem_write(p->g, GPA(pa), from, n))
            return load_fail(p, "guest memory at 0x%x cannot be written", pa);
        pa += n;
        from += n;
        len -= n;
        sched_point();
    }
    return 0;
}

/* ---- ELF32 ---- */

struct elf_segment {
    uint32_t offset, paddr, filesz, memsz; /* memsz 0: nothing to load */
};

/* Header checks; *phnum is then what the file has room for. */
static int elf_check_header(struct load_plan *p, uint32_t *phoff,
                            uint32_t *phnum)
{
    const uint8_t *d = p->c->kernel.data;
    uint32_t size = p->c->kernel.bytes;

    if (size < ELF_HEADER_BYTES)
        return load_fail(p, "ELF file ends within its header");
    if (d[ELF_CLASS] != ELFCLASS32 || d[ELF_DATA] != ELFDATA2LSB ||
        get16(d + ELF_MACHINE) != EM_386)
        return load_fail(p, "ELF file is not for the 32-bit x86");
    if (get16(d + ELF_TYPE) != ET_EXEC)
        return load_fail(p, "ELF file is of type %u, not an executable",
                         get16(d + ELF_TYPE));
    *phoff = get32(d + ELF_PHOFF);
    *phnum = get16(d + ELF_PHNUM);
    if (get16(d + ELF_PHENTSIZE) != ELF_PH_BYTES || *phnum == 0 ||
        *phnum > ELF_MAX_PH)
        return load_fail(p, "ELF file has %u program headers of %u bytes",
                         *phnum, get16(d + ELF_PHENTSIZE));
    if (!range_fits(*phoff, *phnum * ELF_PH_BYTES, size))
        return load_fail(p, "ELF file ends within its program headers");
    return 0;
}

/* Reads and checks one program header on its own. */
static int elf_get_segment(struct load_plan *p, uint32_t phoff, uint32_t i,
                           struct elf_segment *s)
{
    const uint8_t *ph = p->c->kernel.data + phoff + i * ELF_PH_BYTES;

    s->offset = get32(ph + 4);
    s->paddr = get32(ph + 12);
    s->filesz = get32(ph + 16);
    s->memsz = get32(ph + 20);
    if (get32(ph) != PT_LOAD)
        s->memsz = s->filesz = 0;
    if (s->filesz > s->memsz)
        return load_fail(p, "segment %u: 0x%x bytes in the file, 0x%x in memory",
                         i, s->filesz, s->memsz);
    if (s->memsz == 0)
        return 0;
    if (!range_fits(s->offset, s->filesz, p->c->kernel.bytes))
        return load_fail(p, "segment %u: file ends within it", i);
    if (s->paddr < BOOT_LOW_END)
        return load_fail(p, "segment %u: at 0x%x, where boot_params lie", i,
                         s->paddr);
    if (!range_fits(s->paddr, s->memsz, p->ram_bytes))
        return load_fail(p, "segment %u: 0x%x bytes at 0x%x do not fit into "
                         "memory: give memory=%u or more", i, s->memsz, s->paddr,
                         load_mib((uint64_t)s->paddr + s->memsz));
    return 0;
}

/* Segment i against all before it. */
static int elf_check_overlap(struct load_plan *p, uint32_t phoff, uint32_t i,
                             const struct elf_segment *s)
{
    struct elf_segment o;

    for (uint32_t k = 0; k < i; k++) {
        int rc = elf_get_segment(p, phoff, k, &o);

        if (rc < 0)
            return rc;
        if (range_overlaps64(s->paddr, s->memsz, o.paddr, o.memsz))
            return load_fail(p, "segments %u and %u overlap", k, i);
    }
    return 0;
}

static int elf_plan(struct load_plan *p)
{
    uint32_t phoff, phnum;
    bool entry_ok = false;
    struct elf_segment s;
    int rc = elf_check_header(p, &phoff, &phnum);

    if (rc < 0)
        return rc;
    p->entry = get32(p->c->kernel.data + ELF_ENTRY);
    for (uint32_t i = 0; i < phnum; i++) {
        rc = elf_get_segment(p, phoff, i, &s);
        if (rc < 0)
            return rc;
        if (s.memsz == 0)
            continue;
        rc = elf_check_overlap(p, phoff, i, &s);
        if (rc < 0)
            return rc;
        if (p->entry >= s.paddr && p->entry - s.paddr < s.memsz)
            entry_ok = true;
        p->image_end = hv_max_u32(p->image_end, s.paddr + s.memsz);
        rc = loader_scan_version(p, p->c->kernel.data + s.offset, s.filesz);
        if (rc < 0)
            return rc;
    }
    if (!entry_ok)
        return load_fail(p, "entry 0x%x lies in no segment", p->entry);
    return 0;
}

static int elf_copy(struct load_plan *p)
{
    uint32_t phoff, phnum;
    struct elf_segment s;
    int rc = elf_check_header(p, &phoff, &phnum);

    for (uint32_t i = 0; rc == 0 && i < phnum; i++) {
        rc = elf_get_segment(p, phoff, i, &s);
        if (rc == 0 && s.filesz > 0)
            rc = load_copy(p, s.paddr, p->c->kernel.data + s.offset, s.filesz);
    }
    return rc;
}

/* ---- bzImage ---- */

/* Where the image unpacks itself to must be memory as well: with too little of
 * it the guest would only die without a word. */
static int bz_plan_unpacked(struct load_plan *p, const uint8_t *d)
{
    uint32_t at = get32(d + BZ_PREF_ADDRESS);
    uint32_t bytes = get32(d + BZ_INIT_SIZE);

    if (get16(d + BZ_VERSION) < BZ_HAS_INIT_SIZE || bytes == 0)
        return 0;
    if (d[BZ_RELOCATABLE])
        at = hv_max_u32(at, BZ_ALIGN);
    if (get32(d + BZ_PREF_ADDRESS + 4) != 0 ||
        !range_fits(at, bytes, p->ram_bytes))
        return load_fail(p, "the image unpacks itself to 0x%x bytes at 0x%x: give "
                         "memory=%u or more", bytes, at,
                         load_mib((uint64_t)at + bytes));
    p->image_end = hv_max_u32(p->image_end, at + bytes);
    return 0;
}

/* What the header says of the release, before anything is said of sizes. */
static int bz_check_release(struct load_plan *p, const uint8_t *d)
{
    uint32_t text = BZ_MAGIC - 2 + get16(d + BZ_VERSION_TEXT);

    if (get16(d + BZ_VERSION) >= BZ_HAS_XLOADFLAGS && (d[BZ_XLOADFLAGS] & 1))
        return load_fail(p, "this is a 64-bit kernel: " WHAT_TO_TAKE);
    if (text > BZ_MAGIC - 2 && text < p->setup_bytes)
        return loader_note_version(p, d + text, p->setup_bytes - text);
    return 0;
}

static int bz_plan(struct load_plan *p)
{
    const uint8_t *d = p->c->kernel.data;
    uint32_t size = p->c->kernel.bytes;
    uint32_t sects = d[BZ_SETUP_SECTS] ? d[BZ_SETUP_SECTS] : 4;
    int rc;

    p->setup_bytes = (sects + 1) * 512;
    if (p->setup_bytes >= size)
        return load_fail(p, "bzImage ends within its setup part");
    if (!(d[BZ_LOADFLAGS] & BZ_LOADED_HIGH))
        return load_fail(p, "zImage, not bzImage");
    rc = bz_check_release(p, d);
    if (rc < 0)
        return rc;
    p->payload_bytes = size - p->setup_bytes;
    if (!range_fits(BZ_PAYLOAD_PA, p->payload_bytes, p->ram_bytes))
        return load_fail(p, "bzImage of 0x%x bytes does not fit into memory: give "
                         "memory=%u or more", p->payload_bytes,
                         load_mib((uint64_t)BZ_PAYLOAD_PA + p->payload_bytes));
    p->image_end = BZ_PAYLOAD_PA + p->payload_bytes;
    p->entry = get32(d + BZ_CODE32_START);
    if (p->entry < BZ_PAYLOAD_PA || p->entry >= p->image_end)
        return load_fail(p, "entry 0x%x lies outside the image", p->entry);
    return bz_plan_unpacked(p, d);
}

/* ---- all together ---- */

enum image_kind loader_probe(const uint8_t *data, uint32_t bytes)
{
    if (bytes >= 4 && memcmp(data, "\177ELF", 4) == 0)
        return IMAGE_ELF32; /* of any kind: the loader says what is wrong */
    if (bytes >= BZ_MIN_BYTES && memcmp(data + BZ_MAGIC, "HdrS", 4) == 0)
        return IMAGE_BZIMAGE;
    return IMAGE_NONE;
}

static int plan_image(struct load_plan *p)
{
    switch (p->kind) {
    case IMAGE_ELF32:
        return elf_plan(p);
    case IMAGE_BZIMAGE:
        return bz_plan(p);
    case IMAGE_NONE:
    default:
        return load_fail(p, "image is neither ELF nor bzImage");
    }
}

static int copy_image(struct load_plan *p)
{
    if (p->kind == IMAGE_ELF32)
        return elf_copy(p);
    return load_copy(p, BZ_PAYLOAD_PA, p->c->kernel.data + p->setup_bytes,
                     p->payload_bytes);
}

int loader_load(struct guest *g, const struct guest_config *c,
                struct load_result *out, char *err, uint32_t err_bytes)
{
    struct load_plan p = {.g = g, .c = c, .err = err, .err_bytes = err_bytes};
    int rc;

    err[0] = '\0';
    p.ram_bytes = hv_min_u32(g->ram_pages, 0xfffff) << HV_PAGE_SHIFT;
    p.kind = loader_probe(c->kernel.data, c->kernel.bytes);
    rc = plan_image(&p);
    if (rc == 0)
        rc = loader_place_boot(&p);
    if (rc == 0)
        rc = copy_image(&p);
    if (rc == 0)
        rc = loader_write_boot(&p);
    if (rc < 0)
        return rc;
    *out = (struct load_result){p.entry, p.pgdir, p.version, p.tagged_devices,
                                p.advice};
    return 0;
}
