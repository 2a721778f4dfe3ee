# SPDX-License-Identifier: MIT
# Ringside's own UEFI loader: BOOTX64.EFI and BOOTIA32.EFI with gnu-efi, and a FAT
# image with them, the monitor and a ringside.conf.
#
#   make esp                     build/esp/ and build/ringside-esp.img
#   make esp ESP_MIB=256         an image with more room for modules
ESP_MIB ?= 16

efi-src := $(wildcard boot/efi/*.c) boot/efi/handover.asm hv/lib/string.c \
  hv/lib/vsnprintf.c hv/lib/div64.c
efi-arches := x64 ia32
efi-esp := $(build)/esp
efi-loaders := $(efi-esp)/EFI/BOOT/BOOTX64.EFI $(efi-esp)/EFI/BOOT/BOOTIA32.EFI

# -Bsymbolic and hidden names: nothing in here is looked up by name. No x87 or SSE:
# the firmware's state of both is its own.
efi-cflags := -std=gnu11 -Os -g -ffreestanding -fpic -fvisibility=hidden -fshort-wchar \
  -fno-stack-protector -fno-strict-aliasing -fno-asynchronous-unwind-tables \
  -fcf-protection=none -mno-sse -mno-mmx -mno-80387 \
  -ffile-prefix-map=$(CURDIR)=. -DGNU_EFI_USE_MS_ABI \
  -Wall -Wextra -Werror -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
  -Wvla -Wundef -Wcast-qual -Ihv/include/base -Iarch/i386/include -I$(gen) -isystem /usr/include/efi
efi-x64-cflags := -m64 -mno-red-zone -isystem /usr/include/efi/x86_64
efi-ia32-cflags := -m32 -march=i686 -isystem /usr/include/efi/ia32
efi-x64-nasm := elf64
efi-ia32-nasm := elf32
efi-x64-ld := -m elf_x86_64 -T /usr/lib/elf_x86_64_efi.lds /usr/lib/crt0-efi-x86_64.o -L/usr/lib
efi-ia32-ld := -m elf_i386 -T /usr/lib32/elf_ia32_efi.lds /usr/lib32/crt0-efi-ia32.o -L/usr/lib32
efi-x64-target := efi-app-x86_64
efi-ia32-target := efi-app-ia32
efi-sections := $(foreach s,.text .sdata .data .dynamic .dynsym .rel .rela .rel.* \
  .rela.* .reloc,-j $(s))

# $(call efi-loader,x64|ia32,FILE)
define efi-loader
efi-$(1)-obj := $$(patsubst %,$$(build)/$$(variant)-efi-$(1)/%.o,$$(efi-src))

$$(build)/$$(variant)-efi-$(1)/%.c.o: %.c Makefile boot/efi/files.mk | $$(gen)/version.h
	$$(call say,EFI-$(1),$$<)
	@mkdir -p $$(@D)
	$$(Q)$$(CC) $$(efi-cflags) $$(efi-$(1)-cflags) $$(cflags-$$<) -MMD -MP -c -o $$@ $$<

$$(build)/$$(variant)-efi-$(1)/%.asm.o: %.asm Makefile boot/efi/files.mk
	$$(call say,EFI-$(1),$$<)
	@mkdir -p $$(@D)
	$$(Q)$$(NASM) -f $$(efi-$(1)-nasm) -w+error -o $$@ $$<

$$(build)/$$(variant)-efi-$(1)/loader.so: $$(efi-$(1)-obj)
	$$(Q)$$(LD) $$(efi-$(1)-ld) -nostdlib -znocombreloc -znoexecstack --no-warn-rwx-segments \
	  -shared -Bsymbolic --no-undefined --build-id=none -o $$@ $$(efi-$(1)-obj) -lgnuefi

$$(build)/$$(variant)-efi-$(1)/loader.efi: $$(build)/$$(variant)-efi-$(1)/loader.so
	$$(call say,EFI,$(2))
	$$(Q)$$(OBJCOPY) $$(efi-sections) --target=$$(efi-$(1)-target) $$< $$@

# The variant that was asked for last.
$(2): $$(build)/$$(variant)-efi-$(1)/loader.efi FORCE
	@mkdir -p $$(@D)
	@cmp -s $$< $$@ || cp $$< $$@

-include $$(patsubst %.o,%.d,$$(efi-$(1)-obj))
endef
$(eval $(call efi-loader,x64,$(efi-esp)/EFI/BOOT/BOOTX64.EFI))
$(eval $(call efi-loader,ia32,$(efi-esp)/EFI/BOOT/BOOTIA32.EFI))

$(efi-esp)/ringside/ringside.elf: $(build)/ringside.elf
	@mkdir -p $(@D)
	$(Q)$(OBJCOPY) --strip-all $< $@

$(efi-esp)/ringside/ringside.conf: boot/efi/ringside.conf
	@mkdir -p $(@D)
	$(Q)cp $< $@

efi-files := $(efi-loaders) $(efi-esp)/ringside/ringside.elf $(efi-esp)/ringside/ringside.conf

# A FAT volume without a partition table, as UEFI wants it on removable media
# (UEFI 2.10, section 13.3.1.2).
$(build)/ringside-esp.img: $(efi-files)
	$(call say,IMAGE,$@)
	$(Q)rm -f $@ && truncate -s $(ESP_MIB)M $@
	$(Q)mformat -i $@ -v RINGSIDE -N 52494e47 ::
	$(Q)mcopy -i $@ -s $(efi-esp)/EFI $(efi-esp)/ringside ::

.PHONY: esp
esp: $(build)/ringside-esp.img
