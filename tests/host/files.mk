# SPDX-License-Identifier: MIT
# Unit tests on the build machine: every test_NAME.c is a program of its own,
# built at -m32 (undefined-behaviour sanitizer) and at -m64 (address sanitizer
# as well).
#
#   make check-host              all of them; last line "N passed, N failed"
#   make check-host HOST=NAME    one of them
#   make check-host HOST_MODES=m64   at one word size
#   build/host/m64/test_NAME [-n] [part of a test's name ...]

host-build := $(build)/host
HOST_MODES ?= m32 m64
host-modes := $(HOST_MODES)
$(if $(filter-out m32 m64,$(host-modes)),\
  $(error HOST_MODES=$(HOST_MODES): m32, m64 or both))
host-fakes := $(patsubst tests/host/fake-arch/%.c,%,$(wildcard tests/host/fake-arch/*.c))
# All of the monitor that the build machine can compile: of boot/efi/ what is not UEFI's,
# of arch/ the three that need no i386.
host-monitor := $(filter %.c,$(filter hv/% boot/% drivers/%,$(monitor-src))) \
  $(shell grep -L '<efi.h>' boot/efi/*.c) \
  $(patsubst %,arch/i386/%.c,breakpoints calibrate weakness) tests/host/main.c
host-tests := $(patsubst tests/host/%.c,%,$(wildcard tests/host/test_*.c))

# Fuzz targets are run over their corpus by the same programs' rules.
fuzz-targets := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

host-cc ?= gcc
host-cflags := -std=gnu11 -O1 -g -DHV_HOST_TEST -DHV_DEBUG -fno-strict-aliasing \
  -Ihv/include/base -Ihv/include/guest -Iarch/i386/include -Iswitcher/include \
  -Iguest-abi/include -Iboot -I$(gen) -Itests/host -Itests/fuzz \
  -Itests/host/fake-arch -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
  -Wundef -Wvla -fsanitize=undefined -fno-sanitize-recover=all
host-cflags-m32 := -m32
host-cflags-m64 := -m64 -fsanitize=address
# The C library's own names are taken on the host; test_lib.c tests these.
host-rename := $(foreach f,memcpy memmove memset memcmp strlen strnlen strcmp \
  strncmp,-D$(f)=hv_$(f)) -fno-builtin
host-cflags-hv/lib/string.c := $(host-rename)

define host-mode
$(host-build)/$(1)/obj/%.o: %.c Makefile tests/host/files.mk | $(gen)/version.h $(gen)/font_glyphs.h
	$$(call say,HOST-$(1),$$<)
	@mkdir -p $$(@D)
	$$(Q)$(host-cc) $$(host-cflags) $$(host-cflags-$(1)) $$(host-cflags-$$<) \
	  -MMD -MP -c -o $$@ $$<

.PRECIOUS: $(host-build)/$(1)/obj/%.o $(host-build)/$(1)/weak/%.o
# Weak definitions: what a test defines takes the place of a fake, and a fake, which is
# linked first, that of the monitor's own.
$(host-build)/$(1)/weak/%.o: $(host-build)/$(1)/obj/%.o
	@mkdir -p $$(@D)
	$$(Q){ $(NM) -g --defined-only $$< | sed 's/.* //'; echo none; } > $$@.names
	$$(Q)$(OBJCOPY) --weaken-symbols=$$@.names $$< $$@

$(host-build)/$(1)/libmonitor.a: $$(patsubst %.c,$(host-build)/$(1)/weak/%.o,$$(host-monitor))
	$$(Q)rm -f $$@ && $(AR) rcs $$@ $$^
endef
$(foreach m,$(host-modes),$(eval $(call host-mode,$(m))))

# $(call host-fake-objs,OBJECT FOLDER,NAME)
host-fake-objs = $(patsubst %,$(1)/weak/tests/host/fake-arch/%.o,\
  $(filter-out $(host-real-$(2)),$(host-fakes)))

# $(call host-program,MODE,NAME,MORE SOURCES)
define host-program
$(host-build)/$(1)/$(2): \
  $(patsubst %.c,$(host-build)/$(1)/obj/%.o,$(host-parts-$(2)) $(3)) \
  $(call host-fake-objs,$(host-build)/$(1),$(2)) $(host-build)/$(1)/libmonitor.a
	$$(Q)$(host-cc) $$(host-cflags) $$(host-cflags-$(1)) -o $$@ $$^
endef

HOST ?=
host-chosen := $(if $(HOST),$(filter $(HOST) test_$(HOST),$(host-tests)),$(host-tests))
fuzz-chosen := $(if $(HOST),$(filter $(HOST) fuzz_$(HOST),$(fuzz-targets)),$(fuzz-targets))

# What each is linked of.
host-texts := $(wildcard tests/host/*.[ch] tests/fuzz/*.[ch])
$(gen)/host-programs.mk: tests/host/programs $(host-texts)
	@mkdir -p $(@D)
	$(Q)tests/host/programs > $@

ifneq ($(filter check-host host-programs fuzz fuzz-programs $(host-build)/%,$(MAKECMDGOALS)),)
include $(gen)/host-programs.mk
$(foreach m,$(host-modes),\
  $(foreach t,$(host-tests),$(eval $(call host-program,$(m),$(t)))) \
  $(foreach t,$(fuzz-targets),$(eval $(call host-program,$(m),$(t),tests/fuzz/once.c tests/fuzz/quiet.c))))
-include $(shell find $(host-build) -name '*.d' 2>/dev/null)
endif

.PHONY: check-host host-programs
host-programs: $(foreach m,$(host-modes),\
  $(addprefix $(host-build)/$(m)/,$(host-chosen) $(fuzz-chosen)))

# One program that cannot be built fails, the others are run. What is left of it
# from an earlier build must not be: a dry run says what is out of date.
check-host: fuzz-seeds
	$(Q)$(MAKE) --no-print-directory -k host-programs || \
	  $(MAKE) --no-print-directory -k -n host-programs 2>/dev/null | \
	  sed -n 's|.* -o \($(host-build)/[^/ ]*/[^/ ]*\) .*|\1|p' | xargs rm -f
	$(Q)tests/host/run-all $(build) "$(host-modes)" "$(host-chosen)" "$(fuzz-chosen)"

# The same targets under libFuzzer: after all of the above is known.
include tests/fuzz/fuzz.mk
