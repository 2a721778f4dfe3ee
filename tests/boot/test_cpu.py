# SPDX-License-Identifier: MIT
"""A CPU that lacks what Ringside needs gets one sentence on every console and
a halt: no reset, no garbage, nothing after it."""
import re
import time

import pytest
import vmlib
from common import expect_demo, poweroff
from gdbstub import GdbStub, symbol

LACKING = [
    ("486", "CPUID|TSC|PAE"),
    ("pentium", "PAE"),
    ("qemu32,-pae", "PAE"),
    ("qemu32,-cmov", "CMOV"),
    ("qemu32,-fxsr", "FXSR"),
    ("qemu32,-tsc", "TSC"),
    ("qemu32,-cx8", "CX8"),
    ("pentium3,model=11,pae=off", "PAE"),  # Tualatin
    ("pentium3,vendor=CentaurHauls,model=9,pae=off", "PAE"),  # VIA's Nehemiah
    ("pentium3,model=9,pae=off,family=15", "PAE"),
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


HIDDEN = "says that it has no PAE, but it has"


@pytest.mark.parametrize("model", [9, 13])
def test_pentium_m_hides_its_pae(model):
    with vmlib.boot(cpu=f"pentium3,model={model},pae=off") as vm:
        expect_demo(vm)
        assert HIDDEN in vm.text
        poweroff(vm)


def test_pentium_m_that_shows_its_pae():
    with vmlib.boot(cpu="pentium3,model=13") as vm:
        expect_demo(vm)
        assert HIDDEN not in vm.text


def test_no_pentium_m_after_all(tmp_path):
    """QEMU sets CR4.PAE in any case, so INT 13 stands for the write that faults: the
    sentence, not a reset."""
    path = str(tmp_path / "gdb")
    with vmlib.boot(cpu="pentium3,model=13,pae=off", extra=[
            "-S", "-gdb", f"unix:{path},server=on,wait=off"]) as vm:
        stub = GdbStub(path)
        attempt = symbol("has_hidden_pae.attempt")
        stub.run_to(attempt)
        assert stub.read(attempt, 3) == b"\x0f\x22\xe0"  # mov cr4, eax
        stub.write(attempt, b"\xcd\x0d\x90")
        stub.detach()
        vm.expect(r"\(RS\) this CPU has no PAE, [^\r\n]*halted\r*\n", 20)
