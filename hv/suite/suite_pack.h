/* SPDX-License-Identifier: MIT */
/* Private to hv/suite/: the blob that tools/pack-suite makes, and what the
 * parts of the suite share.  The blob is ours, but it is checked like any
 * other input: offsets and indices once, at the start. */
#pragma once

#include "hv/guest.h"

#define SUITE_MAX_CASES 2048
#define SUITE_NO_CASE 0xffffffffu

struct suite_header {
    char magic[8]; /* "RSSUITE1" */
    uint32_t nr_images, nr_cases;
};

struct suite_image {
    uint32_t offset, bytes;
    char group[32];
};

struct suite_case {
    uint32_t image;
    uint32_t flags;      /* GT_* of tests/lib/gtest.h */
    uint32_t memory_kib; /* 0: SUITE_MEMORY_KIB */
    uint32_t timeout_s;  /* 0: timeout= */
    uint32_t abi;        /* enum abi_revision, 0: auto */
    uint32_t with;       /* another case, or SUITE_NO_CASE */
    char name[48];       /* "tr.bp_pae" */
    char entry[48];      /* case= of the image: "bp" */
    char expect[104];
};

_Static_assert(sizeof(struct suite_header) == 16, "tools/pack-suite");
_Static_assert(sizeof(struct suite_image) == 40, "tools/pack-suite");
_Static_assert(sizeof(struct suite_case) == 224, "tools/pack-suite");

#define GT_PAE 0x02u
#define GT_HIDDEN 0x10u
#define GT_BEFORE 0x20u
#define GT_NOT_ALL 0x40u
#define GT_DISK 0x80u
#define GT_AGAIN 0x100u
#define GT_SHARE 0x200u

#define SUITE_MEMORY_KIB 4096u
#define SUITE_DISK_BYTES HV_KIB(64)

struct suite_pack {
    const uint8_t *blob;
    uint32_t bytes;
    const struct suite_image *images;
    const struct suite_case *cases;
    uint32_t nr_images, nr_cases;
};

/* False (and one logged line) if the blob is not whole. */
bool suite_pack_open(struct suite_pack *p);
uint32_t suite_pack_find(const struct suite_pack *p, const char *name);

/* What test= selects: one flag per case. Words that name nothing are counted
 * and can be fetched one by one: true while there is an ith, copied to word. */
uint32_t suite_select(const struct suite_pack *p, const char *test,
                      uint8_t selected[SUITE_MAX_CASES]);
bool suite_unknown_word(const struct suite_pack *p, const char *test, uint32_t i,
                        char *word, uint32_t bytes);

/* How a guest of the suite ended. */
struct suite_end {
    bool ended;
    enum guest_end how;
    char reason[192];
};

/* True if it said SKIP: why. */
bool suite_is_skip(const struct suite_end *e);

enum suite_verdict { SUITE_PASS, SUITE_FAIL, SUITE_SKIP };

/* Compares an end with the declared one. why (bytes long) gets the sentence
 * for a failure or the reason of a skip. */
enum suite_verdict suite_judge(const struct suite_case *c, const struct suite_end *e,
                               char *why, uint32_t bytes);

/* suite_guests.c: a guest of this case, whose is said by o; NULL if it could not be made. */
struct guest *suite_start_guest(const struct suite_pack *p, uint32_t index, const char *name,
                                uint32_t seed, const struct observer *o);

/* Memory for the disk of a case that wants one, and of the reporter; NULL: there is none. */
uint8_t *suite_disk(void);

/* Hooks of struct observer. */
bool suite_port_in(struct guest *g, uint16_t port, uint32_t width, uint32_t *value);
bool suite_port_out(struct guest *g, uint16_t port, uint32_t value);

/* The guest that runs beside all cases and must not notice them. */
extern struct suite_canary {
    struct guest *guest; /* NULL: it has ended */
    uint32_t word;       /* the last one that it wrote to its port */
    bool greedy;         /* it is to want all of the CPU, and reads that there */
} suite_canary;

/* suite_after.c: what a case may not change (P2 to P4). Both are called with the
 * same guests alive; why (bytes long) gets the sentence when false. */
void suite_before_take(void);
bool suite_is_as_before(char *why, uint32_t bytes);
void suite_guest_gone(const struct guest *g); /* a hook: what stands in its account is lost */

/* The longest time with interrupts off (P5): from here on for a running case, or
 * for the building and taking apart of guests; a line for a case that went over
 * its bound and further than those before; and the largest of all. */
void suite_irqs_begin(bool running);
void suite_irqs_report(const char *name);
void suite_irqs_totals(void);

/* P1: what the canary had of the CPU between the two, and how long it was kept
 * waiting. One that is greedy was to have its part of so many guests: then the line is
 * printed in any case, else if it waited longer than it may. */
void suite_share_begin(bool greedy, uint32_t guests);
void suite_share_end(const char *name);
void suite_share_totals(void);

/* KTAP. */
void suite_report_plan(uint32_t n);
void suite_report_case(uint32_t n, const char *name, enum suite_verdict v,
                       const char *why);
void suite_report_totals(void);
bool suite_report_failed(void); /* in any run */

/* Totals, version and each case that did not pass, one line each, filled up with
 * zeros: the disk of the reporter guest. */
void suite_report_text(char *dst, uint32_t bytes);
