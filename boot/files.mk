# Sources of boot/: loader -> C, all there are.
monitor-src += $(wildcard boot/*.c boot/*.asm)
include boot/efi/files.mk
