# Sources of hv/: the hypervisor proper.
monitor-src += hv/main.c hv/config.c hv/run.c hv/sched.c hv/guest.c \
  hv/exit.c hv/exit_fault.c hv/exit_io.c hv/exit_debug.c hv/exit_iret.c hv/hcall.c hv/hcall_args.c hv/ring.c hv/abi.c \
  hv/vidt.c hv/vgdt.c hv/virq.c hv/vtime.c hv/gmem.c hv/insn.c hv/reflect.c hv/backtrace.c \
  hv/loader.c hv/loader_boot.c hv/suite.c hv/suite_report.c hv/suite_after.c \
  hv/mmu/walk.c hv/mmu/shadow.c hv/mmu/sync.c hv/mmu/announce.c hv/mmu/fill.c hv/mmu/access.c hv/mmu/rmap.c hv/mmu/gpage.c hv/mmu/quiet.c hv/mmu/audit.c hv/mmu/linear.c \
  hv/vdev/vdev.c hv/vdev/serve.c hv/vdev/virtqueue.c hv/vdev/lgbus.c hv/vdev/pciconf.c hv/vdev/vpci.c \
  hv/vdev/vconsole.c hv/vdev/vblock.c hv/vdev/vrng.c hv/vdev/drbg.c hv/vdev/vnet.c \
  hv/pmm.c hv/timerq.c hv/console.c hv/console_guest.c hv/console_menu.c hv/log.c hv/panic.c hv/symtab.c \
  hv/shell/shell.c hv/shell/guests.c hv/shell/system.c \
  hv/lib/string.c hv/lib/vsnprintf.c hv/lib/div64.c hv/lib/crc32.c
