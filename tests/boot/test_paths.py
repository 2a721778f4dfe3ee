# SPDX-License-Identifier: MIT
"""Every way onto the machine ends at the same banner and the same prompt."""
import os

import pytest
import vmlib
from bootlib import ISO, cd, disk, stick
from common import BANNER, STARTED, UEFI_LARGE_MIB, expect_demo, poweroff, uefi_vm
from test_cpu import on_screen


@pytest.mark.quick
def test_multiboot1_by_kernel_option():
    with vmlib.boot() as vm:
        expect_demo(vm, "multiboot1")
        poweroff(vm)


def test_pvh(pvh_elf):
    with vmlib.boot(elf=pvh_elf) as vm:
        expect_demo(vm, "pvh")
        poweroff(vm)


def test_pvh_with_module(pvh_elf, demo):
    """A PVH loader hands over one module; its string is the file's, if any."""
    with vmlib.boot(elf=pvh_elf, extra=["-initrd", demo]) as vm:
        expect_demo(vm, "pvh")
        poweroff(vm)


GRUB2 = "  multiboot2 /boot/ringside.elf console=com1 exit=debug-exit {}\n{}"
GRUB1 = "  multiboot /boot/ringside.elf console=com1 exit=debug-exit {}\n{}"


@pytest.fixture(scope="module")
def grub2_iso(make_iso, stripped, demo):
    return make_iso("grub2", GRUB2.format("", "  module2 /boot/demo.elf "
                                          "kernel:web memory=8\n"),
                    {"ringside.elf": stripped, "demo.elf": demo})


def test_grub_multiboot2_cd(grub2_iso):
    with vmlib.Vm(cd(grub2_iso), timeout=90) as vm:
        vm.expect(BANNER, 60)
        assert vm.child.match.group(4) == "multiboot2"
        started = vm.expect(STARTED, 20)
        assert started.group(1) == "web" and started.group(3) == "8"
        vm.expect("> ", 20)
        poweroff(vm)


def test_grub_multiboot1(make_iso, stripped, demo):
    """multiboot 1 by GRUB: the file name comes first in each string."""
    iso = make_iso("grub1", GRUB1.format("", "  module /boot/demo.elf "
                                         "/boot/demo.elf memory=8\n"),
                   {"ringside.elf": stripped, "demo.elf": demo})
    with vmlib.Vm(cd(iso), timeout=90) as vm:
        assert vm.expect(BANNER, 60).group(4) == "multiboot1"
        assert vm.expect(STARTED, 20).group(1) == "demo.elf"
        vm.expect("> ", 20)
        poweroff(vm)


@pytest.mark.parametrize("command", [GRUB1, GRUB2])
def test_grub_quotes(make_iso, stripped, demo, command):
    """GRUB hands quoted arguments over with quotes, which are none of the user's."""
    command = command.replace("console=com1 exit=debug-exit", '"console=com1 exit=debug-exit"')
    module = "module2" if command.startswith("  multiboot2") else "module"
    iso = make_iso("quoted" + module, command.format(
        "", f'  {module} /boot/demo.elf "kernel:web memory=8 -- console=hvc0"\n'
        f'  {module} /boot/demo.elf "initrd:web"\n'
        f"  {module} /boot/demo.elf 'disk:web:vda ro'\n"),
                   {"ringside.elf": stripped, "demo.elf": demo})
    with vmlib.Vm(cd(iso), timeout=90) as vm:
        vm.expect(BANNER, 60)
        started = vm.expect(STARTED, 20)
        assert started.group(1) == "web" and started.group(3) == "8"
        vm.expect("> ", 20)
        assert "not used" not in vm.text and "ignored" not in vm.text
        poweroff(vm)


def test_grub_untagged_module(make_iso, stripped, demo):
    """GRUB's multiboot2 gives no file name: guest1."""
    iso = make_iso("untagged", GRUB2.format("", "  module2 /boot/demo.elf\n"),
                   {"ringside.elf": stripped, "demo.elf": demo})
    with vmlib.Vm(cd(iso), timeout=90) as vm:
        vm.expect(BANNER, 60)
        assert vm.expect(STARTED, 20).group(1) == "guest1"
        vm.expect("> ", 20)
        poweroff(vm)


@pytest.mark.parametrize("controller", [
    "qemu-xhci", pytest.param("piix3-usb-uhci", marks=pytest.mark.slow),
    pytest.param("usb-ehci", marks=pytest.mark.slow)])
def test_image_usb_stick(controller):
    """The image that users get. UHCI moves 1 MiB a second at best and SeaBIOS reads
    in small pieces: a minute, and several with modules that are not compressed."""
    if not os.path.isfile(ISO):
        pytest.skip("make image has not run")
    with vmlib.Vm(stick(ISO, controller), timeout=420) as vm:
        assert vm.expect(BANNER, 400).group(4) == "multiboot2"
        vm.expect(STARTED, 20)
        vm.expect("demo> ", 20)


@pytest.mark.parametrize("how", [cd, disk])
def test_image(how):
    """The image that users get: its first entry is the demo, and a BIOS's screen
    shows text, whatever else the monitor's header would take."""
    if not os.path.isfile(ISO):
        pytest.skip("make image has not run")
    with vmlib.Vm(how(ISO), timeout=120, monitor=True) as vm:
        assert vm.expect(BANNER, 90).group(4) == "multiboot2"
        vm.expect(STARTED, 20)
        vm.expect("demo> ", 20)
        assert on_screen(vm, "page faults: touched 16 pages")


UEFI_WAYS = [
    (64, stick), (32, stick),
    pytest.param(64, cd, marks=pytest.mark.slow),
    pytest.param(32, cd, marks=pytest.mark.slow)]


@pytest.mark.parametrize("bits,how", UEFI_WAYS)
def test_grub_uefi(scratch, grub2_iso, bits, how):
    """The same hybrid image, where GRUB leaves CR0, CR4 and EFER as they were."""
    args = [a for a in how(grub2_iso) if a not in ("-boot", "d")]
    with uefi_vm(scratch, bits, args) as vm:
        assert vm.expect(BANNER, 90).group(4) == "multiboot2"
        assert vm.expect(STARTED, 20).group(1) == "web"
        vm.expect("> ", 20)
        poweroff(vm)


@pytest.mark.slow
@pytest.mark.parametrize("bits", [64, 32])
def test_image_uefi(scratch, bits):
    if not os.path.isfile(ISO):
        pytest.skip("make image has not run")
    with uefi_vm(scratch, bits, stick(ISO)) as vm:
        assert vm.expect(BANNER, 90).group(4) == "multiboot2"
        vm.expect(STARTED, 20)


@pytest.mark.slow
@pytest.mark.parametrize("bits", [64, 32])
def test_grub_uefi_more_memory_than_32_bits(scratch, grub2_iso, bits):
    with uefi_vm(scratch, bits, stick(grub2_iso), memory=6144) as vm:
        assert int(vm.expect(BANNER, 90).group(3)) > UEFI_LARGE_MIB[bits]
        vm.expect("> ", 30)
        poweroff(vm)
