/* SPDX-License-Identifier: MIT */
/* The demo guest: what a kernel at ring 1 can do, shown step by step, then a
 * prompt.  It needs 8 MiB at most and is the example to read before writing a
 * guest of one's own: this file first, then guest-abi/lib/boot.c. */

#include "demo.h"
#include "guest/boot.h"
#include "guest/desc.h"
#include "guest/lguest.h"
#include "guest/page.h"
#include "guest/print.h"
#include "guest/trap.h"
#include "guest/virtio.h"

#define LAZY_BASE 0x60000000u /* pages appear here when they are touched */
#define LAZY_PAGES 16u
#define USER_BASE 0x40000000u
#define TICK_NS 10000000u
#define TICKS 10u

volatile uint32_t demo_ticks;
uint32_t demo_faults;

void demo_show_memory(void)
{
    uint32_t device_end = bus_end();

    print("memory: %u KiB at 0, image up to %u KiB, %u KiB free\n",
          guest.mem_bytes / 1024, addr_of(guest_image_end) / 1024,
          page_free_count() * 4);
    if (device_end > guest.mem_bytes)
        print("devices: descriptor page at %08x, rings up to %08x\n", guest.mem_bytes,
              device_end);
    print("page tables: root at %08x, %s; kernel also from %08x up\n", pt_root,
          pt_pae ? "PAE" : "2-level", GUEST_PAGE_OFFSET);
    print("top of the address space: %u KiB are the monitor's\n",
          lg.reserve_mem / 1024);
}

/* Demand paging: a fault in the lazy area gets a fresh page. */
static void on_page_fault(struct trap_frame *f)
{
    uint32_t va = lg_cr2;

    if (va - LAZY_BASE < LAZY_PAGES * GUEST_PAGE_BYTES) {
        demo_faults++;
        pt_write(pt_root, va, page_alloc() | PTE_KERNEL);
        return;
    }
    print("page fault at %08x, error %x, from %x:%08x\n", va, f->errcode,
          f->cs & 0xffff, f->eip);
    guest_exit("page fault");
}

static void show_faults(void)
{
    uint32_t sum = 0;

    demo_faults = 0;
    for (uint32_t i = 0; i < LAZY_PAGES; i++)
        poke32(LAZY_BASE + i * GUEST_PAGE_BYTES, i);
    for (uint32_t i = 0; i < LAZY_PAGES; i++)
        sum += peek32(LAZY_BASE + i * GUEST_PAGE_BYTES);
    print("page faults: touched %u pages, took %u faults, %s\n", LAZY_PAGES,
          demo_faults, sum == LAZY_PAGES * (LAZY_PAGES - 1) / 2 ? "all there" : "LOST");
    for (uint32_t i = 0; i < LAZY_PAGES; i++) {
        uint32_t va = LAZY_BASE + i * GUEST_PAGE_BYTES;
        uint32_t pa = (uint32_t)pt_read(pt_root, va) & ~GUEST_PAGE_MASK;

        pt_set(pt_root, va, 0);
        page_free(pa);
    }
}

/* Runs the program as data: each system call comes back here with its frame.
 * Only ranges inside its own two pages are believed. */
uint32_t demo_run_user(void)
{
    uint32_t bytes = (uint32_t)(demo_user_end - demo_user_start);
    struct trap_frame f;
    uint32_t calls = 0;

    if (!pt_read(pt_root, USER_BASE)) {
        for (uint32_t i = 0; i < 2; i++)
            pt_write(pt_root, USER_BASE + i * GUEST_PAGE_BYTES, page_alloc() | PTE_USER);
    }
    memcpy(phys_ptr(USER_BASE), demo_user_start, bytes);
    trap_frame_init(&f, 3, USER_BASE, USER_BASE + 2 * GUEST_PAGE_BYTES);
    f.ebx = USER_BASE;
    while (trap_run(&f, GABI_IF) == GUEST_SYSCALL_VECTOR) {
        calls++;
        if (f.eax == SYS_EXIT)
            break;
        if (f.eax == SYS_WRITE && f.ebx - USER_BASE < 2 * GUEST_PAGE_BYTES &&
            f.ecx <= 2 * GUEST_PAGE_BYTES - (f.ebx - USER_BASE))
            print_bytes(phys_ptr(f.ebx), f.ecx);
    }
    irq_disable();
    print("user program: ring %u, %u system calls through int 0x80\n", f.ebx, calls);
    return calls;
}

static void on_tick(struct trap_frame *f)
{
    (void)f;
    if (++demo_ticks < TICKS)
        lguest_call(GABI_HCALL_SET_CLOCKEVENT, TICK_NS, 0, 0, 0);
}

static void show_time(void)
{
    uint32_t seconds = lg.head.tv_sec;

    trap_set_handler(GABI_IRQ_VECTOR, on_tick);
    irq_unblock(GABI_IRQ_TIMER);
    lguest_call(GABI_HCALL_SET_CLOCKEVENT, TICK_NS, 0, 0, 0);
    while (demo_ticks < TICKS)
        irq_halt();
    irq_disable();
    print("timer: %u ticks of 10 ms; TSC %u kHz; %u seconds since 1970\n",
          demo_ticks, lg.tsc_khz, seconds);
}

void guest_main(void)
{
    char text[8];
    bool pae = guest_option("pae", text, sizeof(text)) && text[0] == '1';

    guest_setup(pae);
    print("Ringside demo guest\n"); /* by NOTIFY: no driver yet */
    console_init();
    irq_unblock(console_irq());
    demo_show_memory();
    trap_set_handler(VEC_PF, on_page_fault);
    show_faults();
    demo_run_user();
    show_time();
    demo_show_costs();
    demo_prompt();
    guest_exit("Power down");
}
