# The guest that tests/boot/test_guest_tests.py boots; not part of the monitor.
$(eval $(call guest-image,verdict,tests/boot/verdict/main.c))
all: $(guest-out)/verdict.elf
