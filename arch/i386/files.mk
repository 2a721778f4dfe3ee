# Sources of arch/i386/: what an i386 is; all but the one that is only compiled for NASM.
monitor-src += $(filter-out %/asm_offsets.c,$(wildcard arch/i386/*.c arch/i386/*.asm))
