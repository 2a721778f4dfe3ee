# Guests: the library of guest-abi/, the demo guest and the bench guest.
# Each guest is linked per compiler and copied to build/guests/ when it differs.

guest-out := build/guests
guest-obj := build/guests/obj-$(notdir $(firstword $(CC)))

guest-cflags := -m32 -march=i686 -std=gnu11 -O2 -g -ffreestanding -fno-pic -fno-pie \
  -fno-stack-protector -fno-omit-frame-pointer -fno-asynchronous-unwind-tables \
  -fcf-protection=none -mno-sse -mno-mmx -mno-80387 -msoft-float \
  -fno-strict-aliasing -ffile-prefix-map=$(CURDIR)=. \
  -Wall -Wextra -Werror -Wconversion -Wshadow -Wstrict-prototypes \
  -Wmissing-prototypes -Wvla -Wundef -Wcast-qual -Wframe-larger-than=1024 \
  -Iguest-abi/include -Iguest-abi/lib/include
# The memory functions must not be turned into calls of themselves.
guest-cflags-guest-abi/lib/string.c := -fno-builtin \
  $(if $(findstring clang,$(CC)),,-fno-tree-loop-distribute-patterns)
guest-cflags-guest-abi/guests/bench := -Itests/lib
guest-cflags-guest-abi/guests/demo := -Iguest-abi/guests/bench
guest-ldflags := -m elf_i386 -nostdlib -static -z noexecstack -z max-page-size=4096 \
  --fatal-warnings --build-id=none -T guest-abi/lib/guest.ld

guest-lib-src := guest-abi/abi_check.c $(addprefix guest-abi/lib/,entry.asm \
  stubs.asm string.c lguest.c desc.c trap.c print.c boot.c page.c virtio.c console.c)
guest-demo-src := $(wildcard guest-abi/guests/demo/*.c guest-abi/guests/demo/*.asm) \
  guest-abi/guests/bench/rows.c guest-abi/guests/bench/ops.asm
guest-bench-src := $(wildcard guest-abi/guests/bench/*.c guest-abi/guests/bench/*.asm)

guest-objs = $(patsubst %,$(guest-obj)/%.o,$(1))
guest-lib-objs := $(call guest-objs,$(guest-lib-src))

$(guest-obj)/%.c.o: %.c guest-abi/files.mk
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(guest-cflags) $(guest-cflags-$(patsubst %/,%,$(dir $<))) \
	  $(guest-cflags-$<) -MMD -MP -c -o $@ $<

$(guest-obj)/%.asm.o: %.asm guest-abi/files.mk
	$(call say,NASM,$<)
	@mkdir -p $(@D)
	$(Q)$(NASM) -f elf32 -g -F dwarf -w+error -MD $(@:.o=.d) -MP -o $@ $<

# $(call guest-image,NAME,SOURCES): rules for build/guests/NAME.elf; the one with
# symbols stays beside the objects as NAME.debug.elf.
define guest-image
$$(guest-obj)/$(1).debug.elf: $$(call guest-objs,$(2)) $$(guest-lib-objs) guest-abi/lib/guest.ld
	$$(call say,LINK,$$(guest-out)/$(1).elf)
	$$(Q)$$(LD) $$(guest-ldflags) -o $$@ $$(filter %.o,$$^)
$$(guest-obj)/$(1).elf: $$(guest-obj)/$(1).debug.elf
	$$(Q)$$(OBJCOPY) --strip-all $$< $$@
$$(guest-out)/$(1).elf: $$(guest-obj)/$(1).elf FORCE
	@cmp -s $$< $$@ || cp $$< $$@
-include $$(patsubst %.o,%.d,$$(call guest-objs,$(2)))
endef

$(eval $(call guest-image,demo,$(guest-demo-src)))
-include $(guest-lib-objs:.o=.d)

embedded-guests += $(guest-out)/demo.elf

.PHONY: guests
guests: $(guest-out)/demo.elf
all: guests

include tests/guests/files.mk
