# SPDX-License-Identifier: MIT
# Fuzz targets tests/fuzz/fuzz_NAME.c, linked like the unit tests.
# `make check-host` runs each once over its seeds and its corpus; here
# libFuzzer (clang, -m64) works on them.
#
#   make fuzz                    every target for FUZZ_SECONDS (60) each
#   make fuzz FUZZ=NAME          one of them
#   build/fuzz/fuzz_NAME FILE    once more over an input that failed

FUZZ_SECONDS ?= 60
FUZZ ?=
fuzz-build := $(build)/fuzz
fuzz-wanted := $(if $(FUZZ),$(filter $(FUZZ) fuzz_$(FUZZ),$(fuzz-targets)),$(fuzz-targets))
fuzz-sanitize := -fsanitize=address,undefined -fno-sanitize-recover=all

$(fuzz-build)/obj/%.o: %.c Makefile tests/host/files.mk tests/fuzz/fuzz.mk
	$(call say,FUZZ,$<)
	@mkdir -p $(@D)
	$(Q)clang $(host-cflags) $(fuzz-sanitize) -fsanitize=fuzzer-no-link -m64 \
	  $(host-cflags-$<) -MMD -MP -c -o $@ $<

.PRECIOUS: $(fuzz-build)/obj/%.o
$(fuzz-build)/weak/%.o: $(fuzz-build)/obj/%.o
	@mkdir -p $(@D)
	$(Q){ $(NM) -g --defined-only $< | sed 's/.* //'; echo none; } > $@.names
	$(Q)$(OBJCOPY) --weaken-symbols=$@.names $< $@

$(fuzz-build)/libmonitor.a: $(patsubst %.c,$(fuzz-build)/weak/%.o,$(host-monitor))
	$(Q)rm -f $@ && $(AR) rcs $@ $^

define fuzz-program
$(fuzz-build)/$(1): $(patsubst %.c,$(fuzz-build)/obj/%.o,$(host-parts-$(1)) tests/fuzz/quiet.c) \
  $(call host-fake-objs,$(fuzz-build),$(1)) $(fuzz-build)/libmonitor.a
	$$(Q)clang $(fuzz-sanitize) -fsanitize=fuzzer -m64 -o $$@ $$^
endef
$(foreach t,$(fuzz-targets),$(eval $(call fuzz-program,$(t))))
ifneq ($(filter fuzz fuzz-programs,$(MAKECMDGOALS)),)
-include $(shell find $(fuzz-build) -name '*.d' 2>/dev/null)
endif

.PHONY: fuzz fuzz-programs fuzz-seeds
fuzz-seeds:
	$(Q)tests/fuzz/make-seeds $(fuzz-build)/seeds

fuzz-programs: $(addprefix $(fuzz-build)/,$(fuzz-wanted))

fuzz: fuzz-programs fuzz-seeds
	$(Q)tests/fuzz/run-all $(fuzz-build) $(FUZZ_SECONDS) $(fuzz-wanted)
