/* SPDX-License-Identifier: MIT */
/* What is configured, and how the machine begins to run it. */
#include "hv/main.h"

#include "control_int.h"
#include "hv/arch_if.h"
#include "hv/boot_info.h"
#include "hv/cmdline.h"
#include "hv/console.h"
#include "hv/control.h"
#include "hv/embedded.h"
#include "hv/frame.h"
#include "hv/guest.h"
#include "hv/observer.h"
#include "hv/panic.h"
#include "hv/pmm.h"
#include "hv/sched.h"
#include "hv/string.h"
#include "hv/suite.h"
#include "version.h"

static uint32_t nr_configs;
static struct guest_config *configs[GUEST_MAX];

int hv_add_guest(const struct guest_config *c)
{
    hfn_t f;

    if (nr_configs == GUEST_MAX)
        return -HV_ENOSPC;
    for (uint32_t i = 0; i < nr_configs; i++) {
        if (!strcmp(configs[i]->name, c->name))
            return -HV_EEXIST;
    }
    f = pmm_alloc_contig((sizeof(*c) + HV_PAGE_MASK) >> HV_PAGE_SHIFT, 1, 0);
    if (hfn_is_none(f))
        return -HV_ENOMEM;
    configs[nr_configs] = frame_ptr(f);
    *configs[nr_configs++] = *c;
    return 0;
}

const struct guest_config *hv_configured(uint32_t i)
{
    return i < nr_configs ? configs[i] : NULL;
}

static bool add_demo(void)
{
    struct guest_config *c = &control_scratch;

    guest_config_init(c);
    c->kernel = embedded_find("demo");
    if (!c->kernel.bytes)
        return false;
    str_copy(c->name, "demo", sizeof(c->name));
    str_copy(c->kernel_name, "demo", sizeof(c->kernel_name));
    c->memory_mib = 8;
    return hv_add_guest(c) == 0;
}

/* refused: modules or test=, and complaints about them: no demo instead. */
static void start_guests(bool refused)
{
    struct guest *only = NULL;
    uint32_t started = 0;

    if (nr_configs == 0 && !refused && !hv_options.demo_off && !observer)
        add_demo();
    for (uint32_t i = 0; i < nr_configs; i++) {
        struct guest *g = guest_create(configs[i]);

        while (g && g->state == GUEST_BUILDING) /* nobody is there to wait */
            sched_run(g->vcpu);
        if (g && g->state != GUEST_FAILED) {
            only = g;
            started++;
        }
    }
    if (started == 1)
        console_attach(only);
    else if (started > 1)
        console_show_all();
    else if (!observer)
        console_attach(NULL);
}

/* boot_info is boot-only memory: before hv_init_free(). */
static void print_banner(void)
{
    static const char *const loaders[] = {
        [BOOT_MULTIBOOT1] = "multiboot1",
        [BOOT_MULTIBOOT2] = "multiboot2",
        [BOOT_PVH] = "pvh",
        [BOOT_EFI] = "efi",
    };

    log_always("ringside %s cpus=1 memory=%uMiB boot=%s", HV_VERSION,
               pmm_total_frames() / 256, loaders[boot_info.loader]);
    log_info("%s", console_way_out_hint());
}

/* A test run with a word that was not understood would prove something else
 * than was asked for (docs/usage.md, "Hypervisor command line"). */
static void refuse_suite(void)
{
    log_always("test= is not run: the configuration has %u errors, see above",
               log_config_errors());
    log_always("suite done rc=1");
    if (hv_options.exit_mode != EXIT_WAIT)
        hv_finish(false);
}

/* T:020 What is configured is started, and then CPU 0 does as every CPU does. */
void hv_run(void)
{
    bool refused = boot_info.modules_seen > 0 && log_config_errors() > 0;

    print_banner();
    hv_init_free();
    sched_init();
    control_init();
    if (hv_options.test_refused || (hv_options.test[0] && log_config_errors())) {
        refuse_suite();
        refused = true;
    } else if (hv_options.test[0]) {
        (void)suite_start(hv_options.test);
    }
    start_guests(refused);
    sched_even();
    cpu_loop();
}
