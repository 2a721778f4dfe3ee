# SPDX-License-Identifier: MIT
"""What the boot log says about the machine: its name by SMBIOS, the CPU, what
is wrong with it and what is done about that."""
import re
import time

import pytest
import vmlib
from common import expect_demo, monitor_lines


def lines_of(topic, cpu=None, append="", extra=()):
    with vmlib.boot(append, cpu=cpu, extra=list(extra)) as vm:
        expect_demo(vm)
        return [x[len(topic) + 2:] for x in monitor_lines(vm.text)
                if x.startswith(topic + ": ")]


def test_names_by_smbios():
    said = lines_of("machine", extra=[
        "-smbios", "type=0,vendor=Fw Maker,version=7.8,date=02/03/2004",
        "-smbios", "type=1,manufacturer=Acme,product=Road \x1b[2JRunner,version=v9",
        "-smbios", "type=2,manufacturer=Boards,product=B-52"])
    assert said == ["Acme Road ?[2JRunner v9", "board Boards B-52",
                    "firmware Fw Maker 7.8 02/03/2004"], said


def test_a_machine_without_smbios():
    """microvm's firmware has none; isapc's calls itself Bochs."""
    with vmlib.boot(machine="microvm,acpi=off,rtc=on,pit=on,pic=on,isa-serial=on",
                    cpu="qemu32") as vm:
        expect_demo(vm)
        assert "machine: it does not say its name" in vm.text


@pytest.mark.parametrize("cpu,family,weak,not_weak", [
    ("pentium3", "GenuineIntel family 6 model 7 stepping 3", ["Meltdown", "L1TF"], []),
    ("Haswell", "GenuineIntel family 6 model 60",
     ["Meltdown", "L1TF", "Spectre v1", "Spectre v2", "MDS"], []),
    ("athlon", "AuthenticAMD family 6 model 2", ["Spectre v1"], ["Meltdown", "L1TF", "MDS"]),
    ("n270", "GenuineIntel family 6 model 28", [],
     ["Meltdown", "L1TF", "Spectre v1", "Spectre v2", "MDS"]),
])
def test_cpu(cpu, family, weak, not_weak):
    said = lines_of("CPU", cpu)
    assert family in said[0] and "microcode 0x" in said[0], said
    has = {m.group(1) for m in (re.match(r"has ([^:]+): ", x) for x in said) if m}
    assert has >= set(weak) and not has & set(not_weak), said
    assert bool(has) == bool(weak) or "none of the weaknesses" in said[-1], said


@pytest.mark.parametrize("append,cpu,counted", [
    ("", "Haswell", True), ("mitigations=off", "Haswell", False), ("", "n270", False)])
def test_barriers_between_guests(demo, append, cpu, counted):
    """Each time another guest comes the CPU's buffers are overwritten, if it is
    one that needs it and the user lets it."""
    with vmlib.boot(append + " exit=wait", cpu=cpu, modules=[
            (demo, "kernel:one memory=8"), (demo, "kernel:two memory=8")]) as vm:
        vm.expect(r"\[two\] .*\n", 30)
        vm.quiet(1)
        vm.send("\x010")
        vm.quiet(0.3)
        vm.send("stats\r")
        m = vm.expect(r"switches between guests with barriers (\d+)", 10)
        assert (int(m.group(1)) > 1) == counted, m.group(0)
        said = [x for x in monitor_lines(vm.text) if x.startswith("CPU: has MDS")]
        if append:
            assert said == ["CPU: has MDS: nothing (mitigations=off)"]


def barriers_so_far(vm):
    vm.send("stats\r")
    return int(vm.expect(r"switches between guests with barriers (\d+)", 10).group(1))


def test_no_barriers_within_a_guest(demo):
    """Thousands of exits of one guest that is alone cost none."""
    with vmlib.boot("exit=wait", cpu="Haswell", modules=[(demo, "kernel:one memory=8")]) as vm:
        vm.expect(r"demo> ", 30)
        vm.send("\x010")
        vm.quiet(0.3)
        before = barriers_so_far(vm)
        vm.send("console one\r")
        vm.quiet(0.3)
        vm.send("bench\r")
        vm.expect(r"cli and sti .*demo> ", 20)
        vm.send("\x010")
        vm.quiet(0.3)
        assert barriers_so_far(vm) == before <= 2


def read16(vm, address):
    return int(re.search(r": 0x([0-9a-f]+)", vm.mon(f"xp /1hx {address:#x}")).group(1), 16)


def commands_of_stopped(vm, class_code):
    """The I/O, memory and master bits of the devices that the log says are stopped."""
    found = re.findall(rf"firmware: (\w+):(\w+)\.(\d) \(\w+:\w+, class {class_code}\) "
                       r"could write to memory, stopped", vm.text)
    return [read16(vm, 0xb0000000 + (int(b, 16) << 20 | int(d, 16) << 15 | int(f) << 12) + 4)
            & 6 for b, d, f in found]


def test_bus_masters_are_stopped():
    """SeaBIOS leaves the AHCI controller free to write to memory. ECAM shows its
    command register from outside."""
    with vmlib.boot(machine="q35", monitor=True) as vm:
        expect_demo(vm)
        assert commands_of_stopped(vm, "0106") == [2]


def test_pci_behind_a_bridge():
    with vmlib.boot("loglvl=debug", extra=[
            "-device", "pci-bridge,id=b1,chassis_nr=1", "-device", "e1000,bus=b1,addr=3"]) as vm:
        expect_demo(vm)
        assert re.search(r"PCI: 0[1-9]:03\.0 8086:100e class 020000", vm.text)


def test_usb_without_legacy_support():
    """No firmware of QEMU's works a USB controller once the machine is booted, but
    SeaBIOS has started each that it knows, and they write to memory by themselves."""
    with vmlib.boot(machine="q35", monitor=True, extra=[
            "-device", "qemu-xhci", "-device", "usb-ehci",
            "-device", "piix3-usb-uhci", "-device", "pci-ohci"]) as vm:
        expect_demo(vm)
        assert "USB: 4 controllers, none worked by the firmware: no USB keyboard" in vm.text
        stopped = commands_of_stopped(vm, "0c03")
        assert len(stopped) >= 3 and not any(c & 4 for c in stopped), vm.text


@pytest.mark.parametrize("machine", ["pc", "isapc"])
def test_the_pit_is_stopped(machine):
    """The BIOS leaves it ticking 18 times a second. Nobody wants it here: the LAPIC
    is the timer, and the watchdog is off."""
    with vmlib.boot("watchdog=0", machine=machine, cpu="pentium3", monitor=True) as vm:
        expect_demo(vm)
        assert "timer LAPIC" in vm.text
        ticks = [re.findall(r"^ 0: (\d+)", vm.mon("info irq"), re.M)
                 for _ in (0, 1) if not time.sleep(0.5)]
        assert ticks[0] and ticks[0] == ticks[1], ticks


@pytest.mark.parametrize("machine,want", [
    ("pc", "PS/2, or made to look so by the firmware"),
    ("q35,i8042=off", "no PS/2 controller; a USB keyboard works only where the firmware "
                      "makes it look like a PS/2 one"),
])
def test_keyboard_line(machine, want):
    with vmlib.boot("console=com1,vga", machine=machine) as vm:
        expect_demo(vm)
        assert f"(RS) keyboard: {want}" in vm.text
