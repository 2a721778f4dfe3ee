# SPDX-License-Identifier: MIT
# The test tiers. Folders below add their own files.mk (check-host, fuzz);
# guest-abi/files.mk takes tests/guests/files.mk.
include $(sort $(filter-out tests/guests/%,$(wildcard tests/*/files.mk)))

.PHONY: check test-quick check-slow check-linux check-bench check-bench-high \
  mutate matrix

# The sub-makes run with their own flags: -j of the caller would mix outputs.
check:
	@tools/setup
	@MAKEFLAGS= tools/run-checks check

test-quick:
	@tools/setup
	@MAKEFLAGS= tools/run-checks quick

check-slow:
	@tools/setup
	@MAKEFLAGS= tools/run-checks slow

# Without KERNELS it says what to give and ends with 2.
check-linux:
	@[ -z "$(KERNELS)" ] || { tools/setup && \
	  MAKEFLAGS= $(MAKE) --no-print-directory all; }
	@KERNELS="$(KERNELS)" BENCH="$(BENCH)" ONLY="$(ONLY)" QUICK="$(QUICK)" \
	  MEMORY="$(MEMORY)" HOSTTIME="$(HOSTTIME)" FUZZ_USER="$(FUZZ_USER)" FUZZ_SEED="$(FUZZ_SEED)" \
	  AUDIT="$(or $(AUDIT),1000)" tools/check-linux

# The figures of build/bench.json against tests/bench-baseline.json, row by row;
# rows over their budget are named.
check-bench: all
	@tools/bench || true
	@tools/check-bench

check-bench-high: all
	@tools/bench --high || true
	@tools/check-bench --high

mutate:
	@tools/mutate $(ONLY)

matrix:
	@MAKEFLAGS= $(MAKE) --no-print-directory all image esp netboot
	@tools/matrix $(if $(ONLY),-k "$(ONLY)")
