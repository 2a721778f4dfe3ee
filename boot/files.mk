# Sources of boot/: loader -> C.
monitor-src += boot/entry.asm boot/boot_main.c boot/boot_info.c boot/memory_map.c boot/quoting.c boot/multiboot.c \
  boot/multiboot1.c boot/multiboot2.c boot/pvh.c boot/cmdline.c boot/keys.c boot/modules.c boot/config_module.c \
  boot/embedded.asm boot/embedded.c boot/reach.c boot/leftovers.c
include boot/efi/files.mk
