/* SPDX-License-Identifier: MIT */
/* The rows of the guest interface and the probe that finds a guest's row from
 * what its first hypercall points to (ABI 3.1, 3.4).  Pure: memory is read
 * through the caller's function, in small pieces, each piece once. */
#include "hv/abi.h"

#include "guest-abi/lguest_data.h"

#define NONE ABI_NO_FIELD
#define AT(type, field) offsetof(struct type, field)

/* Where all layouts have fields of the same names. */
#define LAYOUT(type) \
    .size_bytes = sizeof(struct type), .hcall_status = AT(type, hcall_status), \
    .hcalls = AT(type, hcalls), .slot_bytes = sizeof(((struct type *)0)->hcalls[0]), \
    .reserve_mem = AT(type, reserve_mem), .tsc_khz = AT(type, tsc_khz), \
    .kernel_address = AT(type, kernel_address), .syscall_vec = AT(type, syscall_vec)
#define WINDOW(type) \
    .noirq_start = AT(type, noirq_start), .noirq_end = AT(type, noirq_end), \
    .noirq_iret = NONE

/* Two rows share the oldest layout and differ in how calls are made. */
#define OLD_LAYOUT \
    LAYOUT(gabi_data_2_6_24), WINDOW(gabi_data_2_6_24), .irq_pending = NONE, \
    .pgdir = AT(gabi_data_2_6_24, pgdir), .has_gdt_table = true, .has_pae = false

const struct abi_row abi_rows[ABI_NR] = {
    [ABI_2_6_24] = {
        .rev = ABI_2_6_24, .name = "2.6.24", OLD_LAYOUT, .edx_order = true,
    },
    [ABI_2_6_30] = {
        .rev = ABI_2_6_30, .name = "2.6.30", OLD_LAYOUT, .edx_order = false,
    },
    [ABI_2_6_31] = {
        .rev = ABI_2_6_31, .name = "2.6.31", LAYOUT(gabi_data_2_6_31),
        WINDOW(gabi_data_2_6_31), .irq_pending = AT(gabi_data_2_6_31, irq_pending),
        .pgdir = AT(gabi_data_2_6_31, pgdir), .has_pae = true,
    },
    [ABI_3_1] = {
        .rev = ABI_3_1, .name = "3.1", LAYOUT(gabi_data_3_1), WINDOW(gabi_data_3_1),
        .irq_pending = AT(gabi_data_3_1, irq_pending), .pgdir = NONE, .has_pae = true,
    },
    [ABI_4_1] = {
        .rev = ABI_4_1, .name = "4.1", LAYOUT(gabi_data_4_1), .noirq_start = NONE,
        .noirq_end = NONE, .noirq_iret = AT(gabi_data_4_1, noirq_iret),
        .irq_pending = AT(gabi_data_4_1, irq_pending), .pgdir = NONE, .has_pae = true,
    },
};

/* Newest first, as the probe tries them. */
static const uint8_t newest_first[] = {
    ABI_4_1, ABI_3_1, ABI_2_6_31, ABI_2_6_30, ABI_2_6_24,
};

static bool read_at(const struct abi_probe_in *in, uint32_t base,
                    uint32_t off, void *dst, uint32_t len)
{
    return base <= UINT32_MAX - off - len && in->read(in->ctx, base + off, dst, len);
}

static bool read32(const struct abi_probe_in *in, uint32_t base, uint32_t off,
                   uint32_t *v)
{
    return read_at(in, base, off, v, 4);
}

/* The 64 status bytes all ones, and what lies around them. */
struct status_run {
    bool all_ones;
    bool bounded; /* neither neighbour byte is 0xff */
};

static struct status_run read_run(const struct abi_probe_in *in, uint32_t base,
                                  uint32_t off)
{
    struct status_run r = {false, false};
    uint8_t b[GABI_RING_SLOTS + 2];

    if (!read_at(in, base, off - 1, b, sizeof(b)))
        return r;
    r.all_ones = true;
    for (uint32_t i = 1; i <= GABI_RING_SLOTS; i++)
        r.all_ones = r.all_ones && b[i] == GABI_SLOT_FREE;
    r.bounded = b[0] != GABI_SLOT_FREE && b[GABI_RING_SLOTS + 1] != GABI_SLOT_FREE;
    return r;
}

/* Does the way of the call fit the row? vmcall is of 2.6.30 to 2.6.33. */
static bool way_fits(enum abi_entry via, enum abi_revision rev)
{
    return via != ABI_VIA_VMCALL || rev == ABI_2_6_30 || rev == ABI_2_6_31;
}

static bool window_fits(const struct abi_probe_in *in, uint32_t base,
                        const struct abi_row *row, uint32_t kernel)
{
    uint32_t start, end;

    if (row->noirq_iret != ABI_NO_FIELD)
        return read32(in, base, row->noirq_iret, &start) && start >= kernel;
    return read32(in, base, row->noirq_start, &start) &&
           read32(in, base, row->noirq_end, &end) && kernel <= start &&
           start < end && end - start < 64;
}

bool abi_syscall_vector_ok(uint32_t vector)
{
    return vector == 0x80 || vector == 0x40;
}

/* All conditions of ABI 3.4 for one candidate and one row. */
static bool layout_fits(const struct abi_probe_in *in, uint32_t base,
                        const struct abi_row *row)
{
    uint32_t kernel, vec, pgdir = 0;
    struct gabi_data_head head;
    struct status_run run;

    if ((base & 3) != 0 || base > UINT32_MAX - row->size_bytes)
        return false;
    if (!read_at(in, base, 0, &head, sizeof(head)) ||
        !read32(in, base, row->kernel_address, &kernel) ||
        !read32(in, base, row->syscall_vec, &vec))
        return false;
    if (row->pgdir != ABI_NO_FIELD &&
        (!read32(in, base, row->pgdir, &pgdir) || pgdir != 0))
        return false;
    if ((head.irq_enabled & ~(uint32_t)GABI_IF) != 0 || head.blocked_interrupts != 1 ||
        head.cr2 != 0)
        return false;
    run = read_run(in, base, row->hcall_status);
    if (!run.all_ones || !run.bounded)
        return false;
    if (!abi_syscall_vector_ok(vec))
        return false;
    if ((kernel & 0x3fffff) != 0 || kernel < 0x40000000)
        return false;
    return window_fits(in, base, row, kernel);
}

static uint32_t candidate_of(const struct abi_probe_in *in,
                             const struct abi_row *row)
{
    return row->edx_order ? in->edx : in->ebx;
}

/* Without any better knowledge: the way of the call and where the status bytes
 * seem to be, cleanly bounded or at least all ones. */
static enum abi_revision guess_row(const struct abi_probe_in *in)
{
    bool vmcall = in->via == ABI_VIA_VMCALL;
    enum abi_revision newest = vmcall ? ABI_2_6_31 : ABI_4_1;

    for (int strict = 1; strict >= 0; strict--) {
        struct status_run new = read_run(in, in->ebx, AT(gabi_data_2_6_31, hcall_status));
        struct status_run old = read_run(in, in->ebx, AT(gabi_data_2_6_24, hcall_status));
        struct status_run edx = read_run(in, in->edx, AT(gabi_data_2_6_24, hcall_status));

        if (new.all_ones && (new.bounded || !strict))
            return newest;
        if (old.all_ones && (old.bounded || !strict))
            return ABI_2_6_30;
        if (!vmcall && edx.all_ones && (edx.bounded || !strict))
            return ABI_2_6_24;
    }
    return newest;
}

void abi_probe(const struct abi_probe_in *in, struct abi_probe_out *out)
{
    enum abi_revision rev;

    /* EBX before EDX; the EDX order has one row, which comes last. */
    for (uint32_t i = 0; i < HV_ARRAY_SIZE(newest_first); i++) {
        const struct abi_row *row = &abi_rows[newest_first[i]];

        if (!way_fits(in->via, row->rev) ||
            !layout_fits(in, candidate_of(in, row), row))
            continue;
        *out = (struct abi_probe_out){row, candidate_of(in, row), true};
        return;
    }
    rev = in->image != ABI_AUTO ? in->image : in->config;
    if (rev == ABI_AUTO || rev >= ABI_NR)
        rev = guess_row(in);
    out->row = &abi_rows[rev];
    out->lguest_data = candidate_of(in, out->row);
    out->exact = false;
}
