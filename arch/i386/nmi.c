/* SPDX-License-Identifier: MIT */
/* NMIs and machine checks: counted, explained, survived where the CPU says that
 * it can go on.  A handler here runs with NMIs blocked and may have interrupted
 * anything, so it takes no lock, cannot fault, and logs by log_emergency or
 * what the ring defers. */
#include "arch/nmi.h"

#include "arch/cpu.h"
#include "arch/io.h"
#include "arch/regs.h"
#include "arch/watchdog.h"
#include "hv/arch_if.h"
#include "hv/log.h"
#include "hv/panic.h"
#include "hv/percpu.h"

/* System control port B of the PC: why there was an NMI. */
#define PORT_REASON 0x61u
#define REASON_SERR HV_BIT(7)
#define REASON_IOCHK HV_BIT(6)
#define REASON_CLEAR_SERR HV_BIT(2)
#define REASON_CLEAR_IOCHK HV_BIT(3)
#define REASON_KEEP 0x0fu

#define MCG_STATUS_RIPV HV_BIT64(0)
#define MC_STATUS_VALID HV_BIT64(63)
#define MC_STATUS_ADDRV HV_BIT64(58)
#define MC_STATUS_PCC HV_BIT64(57)

#define NMI_LOG_BURST 5u

/* Reads the reason port, and clears what it shows by setting and releasing the
 * bit's own switch. */
static void reason_port(void)
{
    uint8_t reason = io_in8(PORT_REASON), keep = reason & REASON_KEEP;

    if (!(reason & (REASON_SERR | REASON_IOCHK)) || reason == 0xff)
        return;
    if (log_limit_ok(&this_cpu()->nmi_limit, NMI_LOG_BURST))
        log_error("NMI on CPU %u: %s%s (port 0x61 = %#x)", arch_cpu_index(),
                  reason & REASON_SERR ? "PCI system error " : "",
                  reason & REASON_IOCHK ? "I/O channel check" : "", reason);
    if (reason & REASON_SERR)
        io_out8(PORT_REASON, (uint8_t)(keep | REASON_CLEAR_SERR));
    if (reason & REASON_IOCHK)
        io_out8(PORT_REASON, (uint8_t)(keep | REASON_CLEAR_IOCHK));
    io_out8(PORT_REASON, keep);
}

void nmi_handle(const struct trap_frame *tf)
{
    if (!arch_percpu_ready())
        return;
    this_cpu()->nmi_count++;
    this_cpu()->nmi_depth++;
    if (!watchdog_nmi(tf))
        reason_port();
    this_cpu()->nmi_depth--;
}

HV_ASMCALL void nmi_in_switcher(void)
{
    nmi_handle(NULL);
}

void arch_handle_nmi(void)
{
    nmi_handle(NULL);
    cpu_nmi_unblock(); /* the run loop came here without an IRET */
}

/* Logs and clears every bank with an error in it. Returns the worst status:
 * all bits that any of them had. */
static uint64_t drain_banks(void)
{
    uint32_t n = (uint32_t)(cpu_rdmsr(MSR_MCG_CAP) & 0xff);
    uint64_t all = 0;

    for (uint32_t i = 0; i < n; i++) {
        uint64_t status = cpu_rdmsr(MSR_MC_STATUS(i)), at = 0;

        if (!(status & MC_STATUS_VALID))
            continue;
        if (status & MC_STATUS_ADDRV)
            at = cpu_rdmsr(MSR_MC_ADDR(i));
        log_error("machine check: bank %u status %#llx address %#llx", i,
                  (unsigned long long)status, (unsigned long long)at);
        cpu_wrmsr(MSR_MC_STATUS(i), 0);
        all |= status;
    }
    return all;
}

/* SDM 3B 15.10: without RIPV the interrupted program cannot go on; with PCC in
 * any bank the whole CPU is in an unknown state. */
void mce_handle(const struct trap_frame *tf)
{
    uint64_t global, banks;

    if (arch_percpu_ready()) {
        this_cpu()->mce_count++;
        this_cpu()->nmi_depth++;
    }
    if (!cpu_features.mca)
        hv_panic("machine check on a CPU that does not say why");
    global = cpu_rdmsr(MSR_MCG_STATUS);
    banks = drain_banks();
    if (!(global & MCG_STATUS_RIPV) || (banks & MC_STATUS_PCC)) {
        if (tf != NULL)
            hv_panic_trap(tf, "machine check");
        hv_panic("machine check in a guest: status %#llx",
                 (unsigned long long)global);
    }
    cpu_wrmsr(MSR_MCG_STATUS, 0);
    if (arch_percpu_ready())
        this_cpu()->nmi_depth--;
}

HV_ASMCALL void mce_in_switcher(void)
{
    mce_handle(NULL);
}

void arch_handle_mce(void)
{
    mce_handle(NULL);
}
