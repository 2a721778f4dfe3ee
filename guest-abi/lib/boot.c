/* SPDX-License-Identifier: MIT */
/* From the first C instruction to a guest that is set up, and the end. */

#include "guest/boot.h"
#include "guest/desc.h"
#include "guest/page.h"
#include "guest/trap.h"

#define TRAP_STACK_PAGES 2u /* as SET_STACK announces */

struct guest_boot guest = {.cmdline = ""};

static uint8_t trap_stack[TRAP_STACK_PAGES * GUEST_PAGE_BYTES]
    __attribute__((aligned(4096)));

__attribute__((noreturn)) void guest_start(const uint8_t *boot_params);

void guest_start(const uint8_t *boot_params)
{
    uint32_t cmdline;

    /* e820[0] is all RAM (ABI 1.2); its size fits 32 bits. */
    memcpy(&guest.mem_bytes, boot_params + GABI_BP_E820_MAP + 8, 4);
    memcpy(&cmdline, boot_params + GABI_BP_CMDLINE_PTR, 4);
    if (cmdline)
        guest.cmdline = phys_ptr(cmdline);
    guest_main();
    guest_exit("PASS");
}

bool guest_option(const char *key, char *buf, uint32_t bytes)
{
    const char *p = guest.cmdline;
    size_t n = strlen(key);

    while (*p) {
        while (*p == ' ')
            p++;
        if (strncmp(p, key, n) == 0 && p[n] == '=') {
            uint32_t i = 0;

            for (p += n + 1; *p && *p != ' ' && i + 1 < bytes; p++)
                buf[i++] = *p;
            buf[i] = '\0';
            return true;
        }
        while (*p && *p != ' ')
            p++;
    }
    return false;
}

void guest_init(const struct lguest_row *row)
{
    lguest_row = row;
    lguest_prepare(&lguest_data, row);
    barrier();
    lguest_call(GABI_HCALL_INIT, addr_of(&lguest_data), 0, 0, 0);
    guest.started = true;
}

uint32_t guest_trap_stack(void)
{
    return addr_of(trap_stack) + sizeof(trap_stack) + GUEST_PAGE_OFFSET;
}

void guest_setup_traps(void)
{
    desc_init();
    trap_init();
    lguest_call(GABI_HCALL_SET_STACK, GABI_KERNEL_DS, guest_trap_stack(),
                TRAP_STACK_PAGES, 0);
}

void guest_setup(bool pae)
{
    guest_init(&lguest_rows[GABI_ROW_3_1]);
    pt_init(pae);
    guest_setup_traps();
}

__attribute__((noreturn)) static void shutdown(const char *text, uint32_t how)
{
    static char buf[GABI_SHUTDOWN_TEXT_BYTES];
    uint32_t n = 0;

    while (text[n] && n < sizeof(buf) - 1) {
        buf[n] = text[n];
        n++;
    }
    buf[n] = '\0';
    barrier();
    for (;;)
        lguest_call(GABI_HCALL_SHUTDOWN, addr_of(buf), how, 0, 0);
}

void guest_exit(const char *text)
{
    shutdown(text, GABI_SHUTDOWN_POWEROFF);
}

void guest_reboot(const char *text)
{
    shutdown(text, GABI_SHUTDOWN_RESTART);
}
