# SPDX-License-Identifier: MIT
"""A PC without serial port and network, as its user has it: the suite started from
GRUB's menu with the keyboard, the result read off the screen, by eye and by camera."""
import os
import subprocess
import time

import bootlib
import pytest
import vmlib
from common import BANNER
from screenlib import Reader, screendump, vga_lines

TESTS = "test=hc.from_ring3,tk.code_limit,no.such_case"


def wait_for(read, text, seconds=60):
    """The lines of the first screen that has the text."""
    end = time.monotonic() + seconds
    while True:
        lines = read()
        if any(text in line for line in lines):
            return lines
        assert time.monotonic() < end, f"no {text!r} in\n" + "\n".join(lines)
        time.sleep(0.5)


def framebuffer_reader(vm):
    """Lines of text; half blocks are no text for the reader: ?"""
    reader = Reader()

    def read():
        try:
            return reader.lines(vm)
        except AssertionError:
            return []
    return read


CODE_BYTES = 134 # in each but the last


def read_code(vm, image):
    """What a camera makes of the screen; None: nothing."""
    width, height, pixels = screendump(vm)
    image.write_bytes(b"P6\n%d %d\n255\n" % (width, height) + pixels)
    done = subprocess.run(["zbarimg", "--raw", "-q", "--oneshot", str(image)],
                          capture_output=True, text=True)
    return done.stdout[:-1] if done.returncode == 0 else None


def codes_on_screen(vm, tmp_path):
    """All of them, one key after the other."""
    said, last = "", None
    while True:
        vm.mon("sendkey spc")
        end = time.monotonic() + 20
        while (now := read_code(vm, tmp_path / "code.ppm")) in (None, last):
            assert time.monotonic() < end, f"no code after\n{said}"
            time.sleep(0.3)
        said, last = said + now, now
        if len(now.encode()) < CODE_BYTES:
            return said


@pytest.mark.parametrize("mode", ["text", "800x600x32"])
def test_result_without_a_serial_port(make_iso, stripped, tmp_path, mode):
    iso = make_iso(f"silent{mode}", f"  insmod all_video\n  multiboot2 /boot/ringside.elf "
                   f"{TESTS}\n  set gfxpayload={mode}\n", {"ringside.elf": stripped})
    with vmlib.Vm(bootlib.cd(iso) + ["-vga", "std", "-serial", "none"], serial=False,
                  timeout=120, monitor=True) as vm:
        read = (lambda: vga_lines(vm)) if mode == "text" else framebuffer_reader(vm)
        lines = wait_for(read, "the end of the list; any key")
        assert "1 passed, 1 failed, 1 skipped" in lines
        assert any(x.startswith("FAIL no.such_case: no such test") for x in lines)
        said = codes_on_screen(vm, tmp_path)
        assert "1 passed, 1 failed, 1 skipped" in said and "FAIL no.such_case" in said


def choose(vm, entry):
    """With the keyboard, before the menu's three seconds are over."""
    vm.expect(r"Ringside: shell only", 60)
    for _ in range(entry):
        vm.mon("sendkey down")
    vm.mon("sendkey ret")


@pytest.mark.skipif(not os.path.isfile(bootlib.ISO), reason="make image has not run")
@pytest.mark.parametrize("entry,line", [
    (1, r"KTAP version 1\s+1\.\.\d{4}\s.*\nok 1 \w+\.\w+"),
    (2, r"\(RS\) the shell of ringside; help lists the commands"),
])
def test_entries_of_the_menu(entry, line):
    """The image as it is: demo first (other tests), then the suite, then the shell."""
    with vmlib.Vm(bootlib.cd(bootlib.ISO), timeout=120, monitor=True) as vm:
        choose(vm, entry)
        vm.expect(BANNER, 60)
        vm.expect(line, 60)
        assert "guest demo: started" not in vm.text
