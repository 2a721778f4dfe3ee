/* SPDX-License-Identifier: MIT */
/* A guest: its memory, its vCPU, its tables, its devices, its life. */
#pragma once

#include "hv/abi.h"
#include "hv/config.h"
#include "hv/gpage.h"
#include "hv/guest_config.h"
#include "hv/list.h"
#include "hv/log.h"
#include "hv/mail.h"
#include "hv/vcpu.h"

struct shadow_mmu;
struct vdev_set;

enum guest_state {
    GUEST_BUILDING,
    GUEST_FAILED, /* to be built */
    GUEST_RUNNING,
    GUEST_PAUSED,
    GUEST_ENDED,   /* stopped for good; destroyed, restarted or preserved next */
    GUEST_LEAVING, /* is being taken apart */
    GUEST_GONE,    /* nothing is left but what guest_free() frees */
};

enum guest_end { END_NONE, END_POWEROFF, END_REBOOT, END_CRASH, END_KILLED };

/* What comes after its end. */
enum guest_after {
    AFTER_POLICY,  /* what its configuration says */
    AFTER_NOTHING, /* whatever that says, it does not come back and is not kept */
    AFTER_RESTART, /* or is made anew */
};

/* What others wish of a guest. They write the words, atomically, and post the letter; its
 * owner grants them (hv/control.h). */
struct guest_wish {
    struct mail mail;
    bool paused;
    enum guest_after after; /* AFTER_POLICY: no end is wished for */
};

/* What exits read comes first, within one page. */
struct guest {
    struct list link; /* in guest_list */
    struct vcpu *vcpu;
    struct shadow_mmu *mmu;
    struct vdev_set *vdevs;
    uint32_t id; /* small, reused; 0..GUEST_MAX-1 */
    uint32_t owner; /* the CPU that runs it: nobody else touches what is the guest's */
    enum guest_state state;
    enum guest_end end;

    /* Memory: pages [0, ram_pages) are RAM, [ram_pages, limit_pages) the
     * device pages of the lguest bus (ABI 1.6). */
    uint32_t ram_pages, limit_pages;
    struct gpage *pages;
    uint32_t pages_order_frames; /* size of the array, for freeing it */
    uint32_t untouched_pages;    /* their frames are set aside, see hv/gpage.h */

    const struct abi_row *abi; /* NULL before INIT */
    enum abi_revision image_abi;
    uint32_t entry, boot_pgdir;
    const char *advice; /* of the loader's, or NULL */
    bool linear;     /* no page tables yet: VA == PA */
    bool pae_known, pae;
    uint32_t lguest_data; /* gpa */
    uint32_t noirq_start, noirq_end; /* [start, end); single: end = start + 1 */
    uint32_t kernel_address;
    uint8_t syscall_vec;
    bool uses_vmcall;
    bool tagged_devices; /* the lguest bus has the form of Linux 2.6.24 */

    /* The gates that the guest loaded: offset, and the high dword of ABI 5.2; 0 if not
     * present. Their selector is always the kernel's. */
    uint32_t vidt_eip[256], vidt_hi[256];

    struct log_limit log_limit;
    uint32_t restarts;
    struct account account;
    struct guest_wish wish;
    enum guest_after after;
    uint32_t hasty_ends; /* lives in a row, this one too, that were over at once */
    uint64_t restart_at_ns; /* ended, and waits for its next life; 0: does not */
    uint64_t started_ns;
#if HV_CFG_INJECT
    uint32_t copies_to_fault; /* 0: none */
#endif

    uint32_t touched_chunks[GPAGE_CHUNKS / 32]; /* bit n: chunk n has one that is touched */
    char reason[192]; /* of its end; the first one wins */
    struct guest_config config;
};

_Static_assert(offsetof(struct guest, config) <= 4096, "what exits read lies in one page");

extern struct list guest_list;

/* The guest with this name or NULL. */
struct guest *guest_find(const char *name);

/* Ends the guest as killed, with one sentence (ABI 13). The first reason is
 * kept; the caller returns to the run loop, which sees VCPU_TODO_DEAD. */
void guest_kill(struct guest *g, const char *fmt, ...) HV_PRINTF(2, 3);

/* Ends it for another reason (SHUTDOWN). */
void guest_end(struct guest *g, enum guest_end how, const char *reason);

static inline bool guest_is_dead(const struct guest *g)
{
    return g->end != END_NONE;
}

static inline const char *guest_end_word(enum guest_end end)
{
    static const char *const words[] = {"still running", "poweroff", "reboot", "crash",
                                        "killed"};

    return words[end];
}

/* True if its kernel is about to return there, and no interrupt may go in (ABI 4.3). */
static inline bool guest_in_noirq_window(const struct guest *g, uint32_t eip)
{
    return eip >= g->noirq_start && eip < g->noirq_end;
}

/* Makes a guest that builds itself in its own time: memory, image, devices; then it
 * prints the "started" line and runs, or is GUEST_FAILED and has logged why. NULL and
 * one logged line if there is not even room for that. */
struct guest *guest_create(const struct guest_config *c);

/* Takes the guest apart to the last page, also in its own time; then it is GUEST_GONE. */
void guest_destroy(struct guest *g);

/* Frees what is left of one that is gone. */
void guest_free(struct guest *g);

/* What it is doing, in one word. */
const char *guest_state_word(const struct guest *g);

/* Only a guest that runs can be paused, and only one that is paused can go on. */
void guest_set_paused(struct guest *g, bool paused);
/* Asks for an end from outside (shell `destroy`, suite timeout). */
void guest_request_end(struct guest *g, const char *why);

/* Prints registers and a backtrace of the guest through log_always. */
void guest_dump(struct guest *g);
/* Shell `info`: memory, shadow overhead, exits by reason. */
void guest_print_info(struct guest *g);
