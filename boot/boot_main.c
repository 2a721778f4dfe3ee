/* SPDX-License-Identifier: MIT */
/* From the loader to the run loop: the table of contents of the boot.  One
 * call a line; a comment where the order matters.  First half on the boot stack
 * with paging off, second half on the CPU's own stack. */
#include "arch/asm_entry.h"
#include "arch/cpu.h"
#include "arch/desc.h"
#include "arch/irq.h"
#include "arch/mitigate.h"
#include "arch/nmi.h"
#include "arch/paging.h"
#include "arch/time.h"
#include "boot.h"
#include "hv/assert.h"
#include "hv/cmdline.h"
#include "hv/console.h"
#include "hv/devmap.h"
#include "hv/driver.h"
#include "hv/firmware.h"
#include "hv/frame.h"
#include "hv/main.h"
#include "hv/percpu.h"
#include "hv/pmm.h"
#include "hv/shadow.h"
#include "hv/timerq.h"
#include "switcher/switcher.h"

static HV_INIT void map_screens(void)
{
    vga_text_set_memory(arch_map_device(HPA(VGA_TEXT_BASE), VGA_TEXT_BYTES));
    if (framebuffer_bytes() != 0)
        framebuffer_set_memory(paging_map_framebuffer(HPA(boot_info.fb.base),
                                                      framebuffer_bytes()));
}

static HV_INIT void *memory_of_screen(uint32_t bytes)
{
    hfn_t f = pmm_alloc_contig((bytes + HV_PAGE_MASK) >> HV_PAGE_SHIFT, 1, 0);

    return hfn_is_none(f) ? NULL : frame_ptr(f);
}

/* Until paging is on again. */
static HV_INIT void unmap_screens(void)
{
    vga_text_set_memory(NULL);
    framebuffer_set_memory(NULL);
}

static HV_INIT void boot_on_cpu_stack(void)
{
    percpu_init_this();
    map_screens();
    switcher_map_init(); /* state and private page, where the GDT goes */
    desc_init();
    idt_use_df_task();
    traps_init_switcher();
    (void)paging_check_wx();
    acpi_init();
    smbios_init();
    smbios_report();
    cpu_report();
    acpi_report();
    boot_stop_leftovers();
    rmap_init(); /* takes long on a large machine: before any timer can be late */
    arch_irq_init();
    timerq_init();
    arch_time_init();
    console_start();
    watchdog_init(); /* wants the timer's calibration */
    modules_parse(&boot_info);
    hv_run();
}

/* T:010 From the loader on, each step of the boot once; hv_run() is the last. */
HV_INIT HV_ASMCALL void boot_main(uint32_t magic, uint32_t info_pa)
{
    struct percpu *cpu;

    idt_init(); /* a mistake from here on is told, once there is a console */
    cpu_detect();
    boot_info_init(magic, info_pa);
    cmdline_parse(&hv_options, boot_info.cmdline);
    console_init_early();
    boot_clip_memory();
    pmm_init();
    boot_move_modules();
    vga_text_grow(memory_of_screen);
    framebuffer_grow(memory_of_screen);
    paging_init();
    cpu = percpu_create(0);
    hv_assert(cpu != NULL);
    unmap_screens(); /* not in the direct map; back in a moment */
    paging_enable(cpu->arch.host_cr3);
    cpu_call_on_stack(LAYOUT_STACK + LAYOUT_STACK_PAGES * HV_PAGE_SIZE,
                      boot_on_cpu_stack);
}
