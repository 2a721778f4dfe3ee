# SPDX-License-Identifier: MIT
"""The lines that docs/usage.md promises, and what a user does with the demo."""
import re

import bootlib
import pytest
import vmlib

BANNER = (r"\(RS\) ringside (\S+) cpus=(\d+) memory=(\d+)MiB "
          r"boot=(multiboot2|multiboot1|pvh|efi)")
STARTED = r"\(RS\) guest (\S+): started kernel=(\S+) memory=(\d+)MiB"
ENDED = r"\(RS\) guest (\S+): ended (poweroff|reboot|crash|killed): (.+?)\r?\n"
PROMPT = r"demo> "

# What OVMF on q35 tells of 6 GiB: that of 32 bits is silent about what lies
# above 4 GiB, and q35 puts 2 GiB below.
UEFI_LARGE_MIB = {64: 6000, 32: 1900}


def expect_demo(vm, loader=None, timeout=30):
    """Banner, start line, prompt; returns the banner's match."""
    banner = vm.expect(BANNER, timeout)
    if loader:
        assert banner.group(4) == loader
    vm.expect(STARTED, timeout)
    vm.expect(PROMPT, timeout)
    return banner


def demo_command(vm, line):
    vm.send(line + "\r")


def poweroff(vm, want=1):
    """Ends the demo as a user would; judged by its line, then the status."""
    demo_command(vm, "poweroff")
    assert vm.expect(ENDED, 15).group(2) == "poweroff"
    status = vm.finish(15)
    assert status == want, f"QEMU ended with {status}"


def monitor_lines(text):
    """The monitor's lines without their prefix."""
    return [m.group(1) for m in
            re.finditer(r"^\(RS\) (.*?)\r*$", text.replace("\r", ""), re.M)]


def uefi_vm(scratch, bits, args, timeout=120, **options):
    """A machine with OVMF; skips where the package is not installed."""
    try:
        more, firmware = bootlib.uefi(bits, scratch)
    except bootlib.MissingPackage as why:
        pytest.skip(str(why))
    more.update(options)
    return vmlib.Vm(firmware + args, timeout=timeout, **more)
