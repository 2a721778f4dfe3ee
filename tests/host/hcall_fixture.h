/* SPDX-License-Identifier: MIT */
/* A guest that makes hypercalls, and fakes of all that they lead to. */
#pragma once

#include "fake.h"
#include "hv/arch_if.h"
#include "hv/exit.h"
#include "hv/hcall.h"
#include "hv/shadow.h"
#include "hv/vdev.h"
#include "hv/vtime.h"
#include "test.h"

#define PAGES 16u
#define LIMIT (PAGES * HV_PAGE_SIZE)
#define LGDATA 0x5f00u /* crosses into the next page */
#define KERNEL 0xc0000000u

/* The last call of a fake, and how many there were. */
struct seen {
    const char *what;
    uint32_t a, b, c, d;
};
extern struct seen seen;
extern uint32_t nr_seen, pinned;
extern bool notify_ok;

extern struct guest *g;
extern struct vcpu *v;
extern uint8_t *mem;
extern const struct abi_row *row;

/* A guest before its first call. */
void boot(void);
/* Words of lguest_data. */
void put32(uint32_t offset, uint32_t value);
uint32_t get32(uint32_t offset);
/* lguest_data as a kernel of this revision has it in its image. */
void fill_lgdata(enum abi_revision rev);
/* A call, with the registers of the guest's revision; none may change. */
void call(uint32_t nr, uint32_t a, uint32_t b, uint32_t c, uint32_t d);
/* A guest of this revision after INIT. */
void init_with(enum abi_revision rev);
void up(void);
/* The last call killed with this; the guest goes on for the next case. */
void expect_kill(const char *why);
