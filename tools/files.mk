# SPDX-License-Identifier: MIT
# Host programs are scripts; there is nothing to build here.
.PHONY: tour check-static

tour:
	@tools/tour

# Every check that needs no build: seconds, for use while editing.
check-static:
	@MAKEFLAGS= tools/run-checks static
