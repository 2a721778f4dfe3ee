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
host-fakes := $(wildcard tests/host/fake-arch/*.c)
host-lib := $(wildcard hv/lib/*.c) hv/core/mail.c
host-tests := $(patsubst tests/host/%.c,%,$(wildcard tests/host/test_*.c))

# Fuzz targets are run over their corpus by the same programs' rules.
fuzz-targets := $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

# " * units: ..." in a test's opening comment.
host-units = $(shell sed -n 's|^ \* units: *||p' $(1))
host-source = $(wildcard tests/host/$(1).c tests/fuzz/$(1).c)

host-cc ?= gcc
host-cflags := -std=gnu11 -O1 -g -DHV_HOST_TEST -DHV_DEBUG -fno-strict-aliasing \
  -Ihv/include/base -Ihv/include/guest -Iarch/i386/include -Iguest-abi/include -Iboot \
  -Itests/host -Itests/fuzz \
  -Itests/host/fake-arch -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes \
  -Wundef -Wvla -fsanitize=undefined -fno-sanitize-recover=all
host-cflags-m32 := -m32
host-cflags-m64 := -m64 -fsanitize=address
# The C library's own names are taken on the host; test_lib.c tests these.
host-rename := $(foreach f,memcpy memmove memset memcmp strlen strnlen strcmp \
  strncmp,-D$(f)=hv_$(f)) -fno-builtin
host-cflags-hv/lib/string.c := $(host-rename)
host-cflags-hv/suite/suite_report.c := -I$(gen)

define host-mode
$(host-build)/$(1)/obj/%.o: %.c Makefile tests/host/files.mk | $(gen)/version.h
	$$(call say,HOST-$(1),$$<)
	@mkdir -p $$(@D)
	$$(Q)$(host-cc) $$(host-cflags) $$(host-cflags-$(1)) $$(host-cflags-$$<) \
	  -MMD -MP -c -o $$@ $$<

.PRECIOUS: $(host-build)/$(1)/obj/%.o
# Weak definitions, so that a unit that a test names takes the place of its fake.
$(host-build)/$(1)/weak/%.o: $(host-build)/$(1)/obj/%.o
	@mkdir -p $$(@D)
	$$(Q)$(NM) -g --defined-only $$< | sed 's/.* //' > $$@.names
	$$(Q)$(OBJCOPY) --weaken-symbols=$$@.names $$< $$@

$(host-build)/$(1)/libfake.a: \
  $$(patsubst %.c,$(host-build)/$(1)/weak/%.o,$$(host-fakes) $$(host-lib))
	$$(Q)rm -f $$@ && $(AR) rcs $$@ $$^
endef
$(foreach m,$(host-modes),$(eval $(call host-mode,$(m))))

# $(call host-program,MODE,NAME,MORE SOURCES)
define host-program
$(host-build)/$(1)/$(2): \
  $$(patsubst %.c,$(host-build)/$(1)/obj/%.o,$$(host-source-$(2)) $(3)) \
  $(host-build)/$(1)/libfake.a
	$$(Q)$(host-cc) $$(host-cflags) $$(host-cflags-$(1)) -o $$@ $$^
endef

HOST ?=
host-chosen := $(if $(HOST),$(filter $(HOST) test_$(HOST),$(host-tests)),$(host-tests))
fuzz-chosen := $(if $(HOST),$(filter $(HOST) fuzz_$(HOST),$(fuzz-targets)),$(fuzz-targets))

# Reading the units of all tests takes a moment: only when they are wanted.
ifneq ($(filter check-host host-programs fuzz fuzz-programs $(host-build)/%,$(MAKECMDGOALS)),)
$(foreach t,$(host-tests) $(fuzz-targets),$(eval host-source-$(t) := \
  $(call host-source,$(t)) $(call host-units,$(call host-source,$(t)))))
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
