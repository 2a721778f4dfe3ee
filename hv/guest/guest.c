/* SPDX-License-Identifier: MIT */
/* The life of a guest: built from a configuration, started, ended for a reason,
 * taken apart to the last page. */
#include "hv/guest.h"

#include "hv/arch_if.h"
#include "hv/assert.h"
#include "hv/cmdline.h"
#include "hv/console.h"
#include "hv/control.h"
#include "hv/exit.h"
#include "hv/frame.h"
#include "hv/hcall.h"
#include "hv/loader.h"
#include "hv/observer.h"
#include "hv/percpu.h"
#include "hv/pmm.h"
#include "hv/sched.h"
#include "hv/shadow.h"
#include "hv/string.h"
#include "hv/vdev.h"
#include "hv/vgdt.h"
#include "hv/vidt.h"
#include "hv/vtime.h"

struct list guest_list = {&guest_list, &guest_list};

static uint32_t frames_for(uint32_t bytes)
{
    return (bytes + HV_PAGE_MASK) >> HV_PAGE_SHIFT;
}

struct guest *guest_find(const char *name)
{
    list_for_each(l, &guest_list) {
        struct guest *g = HV_CONTAINER_OF(l, struct guest, link);

        if (!strcmp(g->config.name, name))
            return g;
    }
    return NULL;
}

void guest_end(struct guest *g, enum guest_end how, const char *reason)
{
    if (g->end != END_NONE)
        return; /* the first reason is kept */
    g->end = how;
    str_copy(g->reason, reason, sizeof(g->reason));
    if (g->vcpu)
        g->vcpu->todo |= VCPU_TODO_DEAD;
}

void guest_kill(struct guest *g, const char *fmt, ...)
{
    char text[sizeof(g->reason)];
    va_list ap;

    va_start(ap, fmt);
    hv_vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    guest_end(g, END_KILLED, text);
}

void guest_request_end(struct guest *g, const char *why)
{
    guest_kill(g, "%s", why);
}

void guest_set_paused(struct guest *g, bool paused)
{
    if (paused && g->state == GUEST_RUNNING) {
        g->state = GUEST_PAUSED;
        g->vcpu->todo |= VCPU_TODO_RESCHED;
    } else if (!paused && g->state == GUEST_PAUSED) {
        g->state = GUEST_RUNNING;
        sched_wake(g->vcpu);
    }
}

/* ---- building ---- */

static uint32_t new_id(void)
{
    for (uint32_t id = 0;; id++) {
        bool used = false;

        list_for_each(l, &guest_list)
            used |= HV_CONTAINER_OF(l, struct guest, link)->id == id;
        if (!used)
            return id;
    }
}

/* ABI 1.3, but for FS and GS, which are 0 there: Linux 3.9 to 3.19 with early microcode
 * and stack protector reads gs:0x14 before it loads GS. */
static void init_registers(struct vcpu *v, uint32_t entry)
{
    struct guest_regs *r = v->regs;

    memset(r, 0, sizeof(*r));
    r->cs = GABI_KERNEL_CS;
    r->ss = r->ds = r->es = r->fs = r->gs = GABI_KERNEL_DS;
    r->eip = entry;
    r->eflags = EFLAGS_IF | EFLAGS_FIXED;
}

static int create_vcpu(struct guest *g)
{
    struct vcpu *v;
    hfn_t f = pmm_alloc_contig(frames_for(sizeof(struct vcpu)), 1, 0);

    if (hfn_is_none(f))
        return -HV_ENOMEM;
    v = frame_ptr(f);
    g->vcpu = v;
    v->guest = g;
    v->lgdata = &v->before_init;
    v->before_init.blocked_interrupts = 0xffffffff;
    list_init(&v->run_link);
    vtime_init(v);
    v->regs = arch_vcpu_init(&v->arch);
    if (v->regs == NULL)
        return -HV_ENOMEM;
    vgdt_init(v);
    vidt_init(v);
    v->audit_every = hv_options.audit;
    if (v->audit_every)
        v->todo |= VCPU_TODO_AUDIT;
    return 0;
}

static int build(struct guest *g, char *err, uint32_t err_bytes)
{
    struct load_result image;
    int rc;

    hv_snprintf(err, err_bytes, "not enough memory for %u KiB: %u KiB are free%s",
                g->ram_pages * (HV_PAGE_SIZE / 1024),
                pmm_guest_frames() * (HV_PAGE_SIZE / 1024),
                hv_options.guestmem_high ? " above the direct map (guestmem=high)" : "");
    rc = gpages_create(g);
    if (rc != 0)
        return rc;
    rc = loader_load(g, &g->config, &image, err, err_bytes);
    if (rc != 0)
        return rc;
    g->advice = image.advice;
    g->tagged_devices = image.tagged_devices;
    rc = vdev_create(g);
    if (rc != 0)
        return rc;
    g->entry = image.entry;
    g->boot_pgdir = image.pgdir;
    g->image_abi = image.version;
    g->linear = image.pgdir == 0;
    g->pae = !g->linear && g->config.pae == 1;
    g->kernel_address = 0xc0000000u; /* until INIT says so */
    init_registers(g->vcpu, image.entry);
    hv_snprintf(err, err_bytes, "not enough memory for its page tables");
    return shadow_create(g);
}

/* What guest_create() has begun. */
static void build_and_start(struct guest *g)
{
    char err[160];

    if (build(g, err, sizeof(err)) != 0) {
        log_config_error("guest %s: not started: %s", g->config.name, err);
        guest_end(g, END_KILLED, "could not be started");
        g->state = GUEST_FAILED;
        return;
    }
    g->started_ns = arch_time_ns();
    log_always("guest %s: started kernel=%s memory=%uMiB", g->config.name,
               g->config.kernel_name[0] ? g->config.kernel_name : "-",
               (g->ram_pages + 255) / 256);
    if (g->advice)
        log_always("guest %s: %s", g->config.name, g->advice);
    g->state = g->wish.paused ? GUEST_PAUSED : GUEST_RUNNING;
}

struct guest *guest_create(const struct guest_config *c)
{
    hfn_t f = pmm_alloc_contig(frames_for(sizeof(struct guest)), 1, 0);
    struct guest *g;
    int rc;

    if (!hfn_is_none(f)) {
        g = frame_ptr(f);
        g->config = *c;
        g->id = new_id();
        g->owner = this_cpu()->index;
        g->state = GUEST_BUILDING;
        mail_init(&g->wish.mail, control_grant);
        g->wish.paused = c->paused;
        g->started_ns = arch_time_ns();
        g->ram_pages = c->memory_kib ? c->memory_kib / 4 : c->memory_mib * 256;
        g->limit_pages = g->ram_pages + vdev_pages(c);
        list_init(&g->link);
        this_cpu()->account = &g->account;
        rc = create_vcpu(g);
        this_cpu()->account = NULL;
        if (rc == 0) {
            list_add_tail(&guest_list, &g->link);
            sched_add(g->vcpu);
            return g;
        }
        guest_free(g);
    }
    log_config_error("guest %s: not started: not enough memory", c->name);
    return NULL;
}

/* ---- the end ---- */

static void take_apart(struct guest *g)
{
    vtime_fini(g->vcpu);
    vcpu_put(g->vcpu); /* what it was loaded with goes now */
    g->vcpu->root = NULL; /* nobody is to look through it any more */
    shadow_destroy(g);
    if (g->vdevs)
        vdev_destroy(g);
    gpages_destroy(g);
}

void guest_destroy(struct guest *g)
{
    g->state = GUEST_LEAVING;
    g->restart_at_ns = 0;
    sched_wake(g->vcpu);
}

void guest_free(struct guest *g)
{
    struct vcpu *v = g->vcpu;

    list_remove(&g->link);
    console_guest_gone(g);
    if (v) {
        sched_remove(v);
        this_cpu()->account = &g->account;
        vcpu_put(v);
        arch_vcpu_fini(&v->arch);
        pmm_free_contig(frame_of_ptr(v), frames_for(sizeof(struct vcpu)));
        this_cpu()->account = NULL;
    }
    hv_assert(!mail_is_posted(&g->wish.mail));
    if (g->config.observer)
        g->config.observer->gone(g);
    pmm_free_contig(frame_of_ptr(g), frames_for(sizeof(*g)));
}

/* T:050 The whole life of a guest, on the stack of its vCPU. */
void guest_main(void)
{
    struct vcpu *v = this_cpu()->running;
    struct guest *g = v->guest;

    build_and_start(g);
    for (;;) {
        sched_leave();
        if (g->state == GUEST_LEAVING) {
            take_apart(g);
            g->state = GUEST_GONE;
        } else {
            vcpu_run(v);
        }
    }
}

/* ---- for people ---- */

/* Frames the monitor spends on the guest besides the guest's own pages. */
static uint32_t overhead_frames(const struct guest *g)
{
    return shadow_overhead_frames(g) + vdev_overhead_frames(g) + g->pages_order_frames +
        frames_for(sizeof(struct guest)) + frames_for(sizeof(struct vcpu)) +
        ARCH_VCPU_FRAMES + (g->limit_pages - g->ram_pages);
}

static void print_exits(const struct vcpu *v)
{
    char line[240];
    int n = hv_snprintf(line, sizeof(line), "  exits %u:", vcpu_exits(v));

    for (uint32_t i = 0; i < 32 && n < (int)sizeof(line) - 24; i++) {
        if (v->exit_count[i])
            n += hv_snprintf(line + n, sizeof(line) - (size_t)n, " %s %u",
                             exit_names[i], v->exit_count[i]);
    }
    log_raw("%s\n", line);
}

const char *guest_state_word(const struct guest *g)
{
    switch (g->state) {
    case GUEST_BUILDING:
        return "building";
    case GUEST_LEAVING:
    case GUEST_GONE:
        return "leaving";
    case GUEST_PAUSED:
        return "paused";
    default:
        break;
    }
    if (guest_is_dead(g))
        return g->restart_at_ns != 0 ? "waits" : "ended";
    return (g->vcpu->todo & VCPU_TODO_HALTED) ? "idle" : "running";
}

void guest_print_info(struct guest *g)
{
    const struct vcpu *v = g->vcpu;

    log_raw("%s: %s%s%s\n", g->config.name, guest_state_word(g),
            g->end ? ", " : "", g->end ? g->reason : "");
    log_raw("  memory %u KiB, overhead %u KiB, touched %u KiB, abi %s, pae %d, restarts %u\n",
            g->ram_pages * 4, overhead_frames(g) * 4,
            (g->limit_pages - g->untouched_pages) * 4, g->abi ? g->abi->name : "-",
            g->pae, g->restarts);
    if (g->mmu)
        shadow_print(g);
    print_exits(v);
    vdev_print(g);
}
