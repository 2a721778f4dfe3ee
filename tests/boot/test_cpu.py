# SPDX-License-Identifier: MIT
"""A CPU that lacks what Ringside needs gets one sentence on every console and
a halt: no reset, no garbage, nothing after it."""
import re
import time

import pytest
import vmlib

LACKING = [
    ("486", "CPUID|TSC|PAE"),
    ("pentium", "PAE"),
    ("qemu32,-pae", "PAE"),
    ("qemu32,-cmov", "CMOV"),
    ("qemu32,-fxsr", "FXSR"),
    ("qemu32,-tsc", "TSC"),
    ("qemu32,-cx8", "CX8"),
]


def vga_text(vm):
    """The 80x25 text screen, by QEMU's monitor."""
    words = re.findall(r"0x([0-9a-f]{4})", " ".join(
        line.split(":", 1)[1] for line in
        vm.mon("xp /2000hx 0xb8000").split("\n") if ": 0x" in line))
    return "".join(chr(int(w, 16) & 0xff) for w in words)


def on_screen(vm, text, seconds=5):
    """True as soon as the text screen has it: it is drawn behind the serial port."""
    end = time.monotonic() + seconds
    while text not in vga_text(vm):
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


@pytest.mark.parametrize("cpu,missing", LACKING)
def test_sentence(cpu, missing):
    with vmlib.boot(cpu=cpu, monitor=True, timeout=30) as vm:
        said = vm.expect(r"\(RS\) [^\r\n]*no (\S+?),[^\r\n]*\r*\n", 20)
        assert re.fullmatch(missing, said.group(1)), said.group(0)
        assert on_screen(vm, f"no {said.group(1)}")
        time.sleep(0.5)
        assert "HLT=1" in vm.mon("info registers")
        assert vm.text.count("(RS)") == 1
