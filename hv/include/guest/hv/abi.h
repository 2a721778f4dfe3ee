/* SPDX-License-Identifier: MIT */
/* The revisions of the guest interface: layouts of lguest_data, register and
 * slot orders, and the probe that tells them apart (ABI 3.1, 3.4, 14). */
#pragma once

#include "hv/guest_config.h"

#define ABI_NO_FIELD 0xffffu

struct abi_row {
    enum abi_revision rev;
    const char *name; /* "2.6.24" ... as the lines of the log have it */
    uint16_t size_bytes;
    /* Offsets in lguest_data behind struct gabi_data_head, which all have;
     * ABI_NO_FIELD where the row has none. */
    uint16_t irq_pending, hcall_status, hcalls, reserve_mem, tsc_khz, pgdir;
    uint16_t noirq_start, noirq_end, noirq_iret, kernel_address, syscall_vec;
    uint8_t slot_bytes;   /* 16 or 20 */
    bool edx_order;       /* arguments in EDX, EBX, ECX; slots EAX EBX ECX EDX */
    bool has_gdt_table;   /* LOAD_GDT (3) is known; LOAD_GDT_ENTRY (18) always is */
    bool has_pae;
};

extern const struct abi_row abi_rows[ABI_NR]; /* [ABI_AUTO] unused */

/* How the first hypercall came. */
enum abi_entry { ABI_VIA_INT, ABI_VIA_VMCALL };

struct abi_probe_in {
    enum abi_entry via;
    uint32_t ebx, edx;        /* candidates for the structure's address */
    enum abi_revision config; /* abi= of the configuration, or ABI_AUTO */
    enum abi_revision image;  /* version string of the image, or ABI_AUTO */
    /* Reads len bytes of guest memory at pa, or returns false. */
    bool (*read)(void *ctx, uint32_t pa, void *dst, uint32_t len);
    void *ctx;
};

struct abi_probe_out {
    const struct abi_row *row; /* never NULL */
    uint32_t lguest_data;      /* chosen candidate (may be outside memory) */
    bool exact;                /* all conditions of ABI 3.4 held */
};

/* The system call's: 0x80, and 0x40 for Plan 9; nothing that hardware or the monitor has. */
bool abi_syscall_vector_ok(uint32_t vector);

void abi_probe(const struct abi_probe_in *in, struct abi_probe_out *out);
