# Guest tests: one image per folder of tests/guests/, packed into one blob that
# the monitor embeds (test=).

guest-test-lib := tests/lib/gtest.c tests/lib/abi_life.c tests/lib/attack.c \
  tests/lib/needs.c
guest-test-names := $(notdir $(patsubst %/,%,$(sort $(dir $(wildcard tests/guests/*/*.c)))))

# The reporter's QR encoder: Debian's source, which make setup fetches. Without it
# the reporter shows text only.
qr-dir := $(or $(RINGSIDE_CACHE),$(HOME)/.cache/ringside)/qrcodegen-1.8.0
qr-src := $(if $(wildcard $(qr-dir)/qrcodegen.c),$(gen)/qrcodegen/qrcodegen.c)
$(gen)/qrcodegen/qrcodegen.%: $(qr-dir)/qrcodegen.%
	@mkdir -p $(@D)
	@cp $< $@
$(guest-obj)/tests/guests/report/main.c.o: | $(qr-src) $(qr-src:.c=.h)
$(guest-obj)/$(gen)/qrcodegen/qrcodegen.c.o: | $(gen)/qrcodegen/qrcodegen.h
guest-cflags-tests/guests/report = -Itests/lib \
  $(if $(qr-src),-DREPORT_QR=1 -I$(gen)/qrcodegen,-DREPORT_QR=0)
guest-cflags-$(gen)/qrcodegen := -w -Itests/guests/report/libc
guest-more-report := $(qr-src)

# $(call guest-test-src,NAME)
guest-test-src = $(sort $(wildcard tests/guests/$(1)/*.c tests/guests/$(1)/*.asm) \
  $(guest-more-$(1)))

$(foreach n,$(filter-out report,$(guest-test-names)),\
  $(eval guest-cflags-tests/guests/$(n) := -Itests/lib))
$(foreach n,$(guest-test-names),$(eval \
  $(call guest-image,$(n),$(call guest-test-src,$(n)) $(guest-test-lib))))
guest-cflags-tests/lib := -Itests/lib

$(eval $(call guest-image,bench,$(guest-bench-src) $(guest-test-lib)))

guest-suite-elfs := $(patsubst %,$(guest-out)/%.elf,$(guest-test-names) bench)
$(guest-out)/suite.pack: $(guest-suite-elfs) tools/pack-suite FORCE
	$(Q)tools/pack-suite -o $@.new $(guest-suite-elfs)
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

embedded-guests += $(guest-out)/suite.pack
guests: $(guest-out)/suite.pack

.PHONY: bench attack
# Random attacks for an hour, every shadow audited each 64 exits.
attack: all
	$(Q)tools/run-suite --attack $(or $(ATTACK_SECONDS),3600)

bench: all
	$(Q)tools/bench
