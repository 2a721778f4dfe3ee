# SPDX-License-Identifier: MIT
"""Ringside's own UEFI loader hands over the screen: what the firmware's graphics
driver left is a console, to the pixel, in a card's memory and in RAM."""
import os

import bootlib
import pytest
from common import PROMPT, demo_command, expect_demo, poweroff, uefi_vm
from screenlib import Reader, screendump, seen_lines, wait_lines, wrapped

slow = pytest.mark.slow
OPTIONS = "options console=com1,fb,vga exit=debug-exit\n"

pytestmark = pytest.mark.skipif(
    not os.path.isfile(os.path.join(bootlib.ESP, "EFI", "BOOT", "BOOTX64.EFI")),
    reason="make esp has not run")


def start(scratch, bits, name, video):
    image = bootlib.esp_image(scratch, f"screen-{name}{bits}", OPTIONS)
    return uefi_vm(scratch, bits, bootlib.stick(image) + video.split(),
                   monitor=True, reboot=name == "ramfb")


def shows_the_serial_line(vm, reader):
    """Every pixel of a screen of any size."""
    vm.quiet(0.5)
    width, height, _ = screendump(vm)
    wanted = seen_lines(vm, width // 8 // reader.scale, height // 16 // reader.scale)
    assert wait_lines(lambda: reader.lines(vm), wanted) == wanted
    return wanted


def goes_back(vm, reader, end):
    """A page, which leaves one line of the old one; no more than there is."""
    width, _, _ = screendump(vm)
    lines = wrapped(vm.text[vm.text.index("(RS) "):], width // 8 // reader.scale)
    first = max(len(lines) - 2 * len(end) + 1, 0)
    back = (lines + [""] * len(end))[first:first + len(end)]
    vm.mon("sendkey shift-pgup")
    assert back != end
    assert wait_lines(lambda: reader.lines(vm), back) == back
    assert reader.cursor is None
    vm.mon("sendkey shift-pgdn")
    assert wait_lines(lambda: reader.lines(vm), end) == end


# OVMF has 24 bits a pixel for Cirrus alone, and takes them for 32 there: these are
# tested by GRUB (test_screen.py) and on the host. ramfb is RAM that the firmware
# has taken, and nobody else may get it; 32-bit firmware resets once for it.
SCREENS = {
    "std": "-vga std",
    "odd": "-vga none -device VGA,xres=1400,yres=1050",
    "large": "-vga none -device VGA,xres=2560,yres=1600,vgamem_mb=64",
    "cirrus": "-vga cirrus",
    "ramfb": "-vga none -device ramfb",
    "virtio": "-vga virtio",
    "second": "-vga none -device secondary-vga",
}
IN_CHECK = (("std", 64), ("std", 32))


@pytest.mark.parametrize("name,bits", [
    pytest.param(name, bits, marks=() if (name, bits) in IN_CHECK else slow)
    for name in SCREENS for bits in (64, 32)])
def test_firmwares_screen(scratch, name, bits):
    """Scrolls, shows the cursor, and goes back through the log."""
    reader = Reader(2 if name == "large" else 1)
    with start(scratch, bits, name, SCREENS[name]) as vm:
        expect_demo(vm, "efi", 90)
        wanted = shows_the_serial_line(vm, reader)
        assert reader.cursor == (wanted.index("demo>"), len("demo> "))
        for _ in range(6):
            demo_command(vm, "help")
            vm.expect(PROMPT, 10)
        goes_back(vm, reader, shows_the_serial_line(vm, reader))
        poweroff(vm)


def test_screen_without_memory(scratch):
    """One that only the firmware can draw on: it says so before it goes."""
    with start(scratch, 64, "none", "-vga none -device virtio-gpu-pci") as vm:
        vm.expect(r"ringside: nothing more will appear on this screen", 60)
        expect_demo(vm, "efi", 30)
        poweroff(vm)
