/* SPDX-License-Identifier: MIT */
/* What a guest is to be, from module strings and the config module
 * (docs/usage.md, "Modules").  boot/modules.c fills it, hv/guest/guest.c builds it. */
#pragma once

#include "guest-abi/version.h"
#include "hv/addr.h"

#define GUEST_NAME_BYTES 32 /* 31 characters and the NUL */
#define GUEST_MAX_DISKS 8
#define GUEST_CMDLINE_BYTES 2048
#define GUEST_MAX 16 /* configured at once */

enum guest_on_end { ON_DESTROY, ON_RESTART, ON_PRESERVE };

/* Rows of the ABI by the oldest release that speaks them. */
enum abi_revision {
    ABI_AUTO,
    ABI_2_6_24 = GABI_ROW_2_6_24,
    ABI_2_6_30 = GABI_ROW_2_6_30,
    ABI_2_6_31 = GABI_ROW_2_6_31,
    ABI_3_1 = GABI_ROW_3_1,
    ABI_4_1 = GABI_ROW_4_1,
    ABI_NR
};

struct blob {
    const uint8_t *data; /* direct-mapped module or embedded bytes */
    uint32_t bytes;
};

struct observer;

struct guest_disk {
    char name[8]; /* "vda" */
    bool read_only;
    uint8_t *data; /* written in place: the module is the disk */
    uint32_t bytes;
};

struct guest_config {
    char name[GUEST_NAME_BYTES];
    struct blob kernel;
    struct blob initrd;
    uint32_t nr_disks;
    struct guest_disk disks[GUEST_MAX_DISKS];
    uint32_t memory_mib; /* default 64 */
    /* Checked, and without effect until CPUs are shared by weight: one CPU runs all. */
    uint32_t cpu_weight; /* default 256 */
    uint32_t cap_percent;
    uint32_t cpu_mask; /* bit n: may run on CPU n; 0: anywhere */
    enum guest_on_end on_poweroff, on_reboot, on_crash;
    bool paused;
    enum abi_revision abi;
    int pae; /* -1 auto, 0, 1 */
    char kernel_name[64]; /* for "started kernel=" */
    char cmdline[GUEST_CMDLINE_BYTES];
    const struct observer *observer; /* whose guest this is; NULL: the user's */
    uint32_t memory_kib; /* not 0: instead of memory_mib */
};

/* Defaults of docs/usage.md. */
void guest_config_init(struct guest_config *c);
