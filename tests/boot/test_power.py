# SPDX-License-Identifier: MIT
"""poweroff and reboot on every kind of machine, by the shell and by exit=; and
ACPI tables that lie. Status 0 is a power-off, and with -no-reboot a reset; which
of the two it was, QEMU's own SHUTDOWN event says."""
import json
import re
import socket
import struct
import time

import pytest
import vmlib
from common import ENDED, expect_demo, demo_command
from gdbstub import GdbStub, symbol

MICROVM = "microvm,rtc=on,pit=on,pic=on,isa-serial=on"
CAN = ["pc", "q35", MICROVM, "pc-i440fx-2.0", "q35,i8042=off"]
CANNOT = ["isapc", "pc,acpi=off", MICROVM + ",acpi=off"]
SAFE = r"\(RS\) this machine cannot be switched off by software: it is safe " \
       r"to turn it off now\r*\n"


class Qmp:
    """QEMU's event channel: why it ended."""

    def __init__(self, tmp_path):
        self.path = str(tmp_path / "qmp")
        self.args = ["-qmp", f"unix:{self.path},server=on,wait=off"]

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)
        self.file = self.sock.makefile("rw")
        self.file.readline()
        self.file.write('{"execute":"qmp_capabilities"}\n')
        self.file.flush()
        # Left unread by QEMU, it would reset the connection and its last event.
        assert "return" in self.file.readline()

    def shutdown_reason(self):
        for line in self.file:
            event = json.loads(line)
            if event.get("event") == "SHUTDOWN":
                return event["data"]["reason"]
        return None


def end(machine, tmp_path, command):
    """Boots, gives the shell a command; QEMU's word for what happened."""
    qmp = Qmp(tmp_path)
    with vmlib.boot("exit=wait", machine=machine, cpu="qemu32", extra=qmp.args) as vm:
        expect_demo(vm)
        qmp.connect()
        vm.send("\x010")
        vm.expect(r"> ", 10)
        vm.send(command + "\r")
        reason = qmp.shutdown_reason()
        assert vm.finish(15) == 0
        return reason


@pytest.mark.parametrize("machine", CAN)
def test_poweroff(machine, tmp_path):
    assert end(machine, tmp_path, "poweroff") == "guest-shutdown"


@pytest.mark.parametrize("machine", CAN + CANNOT)
def test_reboot(machine, tmp_path):
    """A reset is possible everywhere, at the latest by a triple fault."""
    assert end(machine, tmp_path, "reboot") == "guest-reset"


@pytest.mark.parametrize("machine", CANNOT)
def test_cannot_be_switched_off(machine):
    """It says so, on a line of its own, and halts for good."""
    with vmlib.boot("exit=poweroff", machine=machine, cpu="qemu32", monitor=True) as vm:
        expect_demo(vm)
        demo_command(vm, "poweroff")
        vm.expect(ENDED, 15)
        vm.expect(SAFE, 15)
        time.sleep(0.3)
        assert "HLT=1" in vm.mon("info registers")
        assert "IF" not in re.search(r"EFL=\w+ \[[^\]]*\]",
                                     vm.mon("info registers")).group(0)


def acpi_line(vm):
    m = re.search(r"^\(RS\) ACPI: (none|\d+ CPUs.*)$", vm.text.replace("\r", ""), re.M)
    return m.group(1) if m else None


@pytest.mark.parametrize("machine,cpus,want", [
    ("pc", 3, ["3 CPUs", "1 I/O APICs", "HPET", "by S5"]),
    ("q35", 1, ["1 CPUs", "HPET", "MCFG", "by S5"]),
    ("pc,hpet=off", 1, ["by S5"]),
    ("pc,acpi=off", 1, ["none"]),
])
def test_what_the_tables_say(machine, cpus, want):
    with vmlib.boot(machine=machine, smp=cpus) as vm:
        expect_demo(vm)
        line = acpi_line(vm)
        assert all(w in line for w in want), line
        assert ("HPET" in line) == ("HPET" in want), line


def table(tmp_path, i, signature, body):
    path = tmp_path / f"table{i}"
    path.write_bytes(body)
    return ["-acpitable", f"sig={signature},data={path}"]


def test_hostile_tables(tmp_path):
    """QEMU makes sums and lengths right, so these lie inside: an HPET too short,
    an MCFG with buses that end before they begin, AML that names \\_S5 and breaks
    off. The machine boots, and its own \\_S5 still switches it off."""
    bodies = [("HPET", b"\xff" * 3), ("MCFG", b"\xff" * 18 + b"\x09\x08" + bytes(4)),
              ("SSDT", b"\x08_S5_"), ("SSDT", b"\x08_S5_\x12"),
              ("SSDT", b"\x08_S5_\x12\xff\xff\xff\xff\xff"),
              ("SSDT", b"\x08_S5_\x12\x04\x01\x70A")]
    extra = []
    for i, (signature, body) in enumerate(bodies):
        extra += table(tmp_path, i, signature, body)
    qmp = Qmp(tmp_path)
    with vmlib.boot("exit=poweroff", machine="pc,hpet=off", extra=extra + qmp.args) as vm:
        expect_demo(vm)
        qmp.connect()
        line = acpi_line(vm)
        assert "HPET" not in line and "MCFG" not in line, line
        assert "table HPET makes no sense" in vm.text
        demo_command(vm, "poweroff")
        assert qmp.shutdown_reason() == "guest-shutdown"
        assert vm.finish(15) == 0


def damage(stub):
    """One wrong byte in the root table, the FADT and the DSDT; the kind of the root."""
    bios = stub.read(0xe0000, 0x20000)
    rsdp = next(bios[at:at + 36] for at in range(0, len(bios), 16)
                if bios[at:at + 8] == b"RSD PTR ")
    xsdt = rsdp[15] >= 2
    root = struct.unpack_from("<Q", rsdp, 24)[0] if xsdt else struct.unpack_from("<I", rsdp, 16)[0]
    bytes_there = struct.unpack("<I", stub.read(root + 4, 4))[0]
    entries = struct.unpack("<%d%s" % ((bytes_there - 36) // (8 if xsdt else 4),
                                       "Q" if xsdt else "I"),
                            stub.read(root + 36, bytes_there - 36))
    fadt = next(pa for pa in entries if stub.read(pa, 4) == b"FACP")
    dsdt = (struct.unpack("<I", stub.read(fadt + 40, 4))[0] or
            struct.unpack("<Q", stub.read(fadt + 140, 8))[0])
    for table_at in root, fadt, dsdt:
        stub.write(table_at + 9, bytes([stub.read(table_at + 9, 1)[0] ^ 1]))
    return "XSDT" if xsdt else "RSDT"


@pytest.mark.parametrize("machine,root", [("pc", "RSDT"), ("q35", "RSDT"), (MICROVM, "XSDT")])
def test_tables_with_wrong_sums(machine, root, tmp_path):
    """What is needed to switch off is damaged, but does its work: it is used."""
    qmp, path = Qmp(tmp_path), str(tmp_path / "gdb")
    with vmlib.boot("exit=poweroff", machine=machine, cpu="qemu32", extra=qmp.args + [
            "-S", "-gdb", f"unix:{path},server=on,wait=off"]) as vm:
        stub = GdbStub(path)
        stub.run_to(symbol("boot_main"))
        assert damage(stub) == root
        stub.detach()
        expect_demo(vm)
        for name in root, "FACP", "DSDT":
            assert re.search(rf"ACPI: table {name} at \w+ has a wrong sum, used all the same",
                             vm.text), vm.text
        qmp.connect()
        demo_command(vm, "poweroff")
        assert qmp.shutdown_reason() == "guest-shutdown"
