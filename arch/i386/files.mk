# Sources of arch/i386/: what an i386 is.
monitor-src += arch/i386/traps.asm arch/i386/traps.c arch/i386/desc.c arch/i386/idt.c \
  arch/i386/cpu.c arch/i386/paging.c arch/i386/paging_check.c arch/i386/window.c arch/i386/percpu.c arch/i386/fpu.c \
  arch/i386/vcpu.c arch/i386/debugreg.c arch/i386/breakpoints.c arch/i386/golden.c arch/i386/time.c arch/i386/calibrate.c arch/i386/irq0.c \
  arch/i386/irq.c arch/i386/nmi.c arch/i386/watchdog.c arch/i386/power.c \
  arch/i386/copy.c arch/i386/entropy.c arch/i386/weakness.c arch/i386/mitigate.c
