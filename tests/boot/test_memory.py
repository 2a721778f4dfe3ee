# SPDX-License-Identifier: MIT
"""Machines of all sizes: 64 MiB holds the demo, 8 GiB is used, too little is
said in a sentence."""
import re
import struct

import pytest
import vmlib
from common import STARTED, demo_command, expect_demo, poweroff
from gdbstub import GdbStub, symbol


@pytest.mark.parametrize("mib", [
    64,
    pytest.param(65, marks=pytest.mark.slow),
    pytest.param(1024, marks=pytest.mark.slow),
    pytest.param(3072, marks=pytest.mark.slow),
    pytest.param(4096, marks=pytest.mark.slow),
    8192,
])
def test_size(mib):
    with vmlib.boot(memory=mib, cpu="max") as vm:
        banner = expect_demo(vm)
        told = int(banner.group(3))
        assert mib - 8 <= told <= mib + 1, f"memory={told}MiB on {mib} MiB"
        poweroff(vm)


def test_guests_from_high_memory():
    with vmlib.boot("guestmem=high", memory=6144, cpu="max") as vm:
        expect_demo(vm)
        poweroff(vm)


@pytest.mark.parametrize("words", ["", "guestmem=high"])
def test_memory_that_the_cpu_cannot_address(words):
    """QEMU's qemu32 has 32 physical address bits: RAM above 4 GiB is there
    and out of reach."""
    with vmlib.boot(words, memory=6144, cpu="qemu32", timeout=20) as vm:
        vm.expect([STARTED, r"\(RS\) .*(?:not started|memory).*\n"], 20)
        vm.finish(3)
        assert "PANIC" not in vm.text


def test_high_memory_where_there_is_none():
    """guestmem=high on a small machine: a sentence, no panic."""
    with vmlib.boot("guestmem=high", memory=128) as vm:
        vm.expect(r"\(RS\) .*(?:not started|no memory|memory).*\n", 20)
        status = vm.finish(20)
        assert "PANIC" not in vm.text
        assert status in (None, vmlib.EXIT_FAIL)


@pytest.mark.parametrize("mib", [30, 16, 8])
def test_too_little(mib):
    """Either it works or one sentence says why not; never a panic, a reset or
    silence."""
    with vmlib.boot(memory=mib, timeout=20) as vm:
        vm.expect([STARTED, r"\(RS\) .*(?:memory|MiB|too (?:small|little)).*\n"])
        assert "PANIC" not in vm.text


def test_info_counts_all_that_a_guest_costs():
    """What `info` says is what comes back when the guest goes."""
    with vmlib.boot("exit=wait", cpu="max") as vm:
        expect_demo(vm)
        vm.send("\x010")
        vm.quiet(0.3)
        vm.send("info demo\r")
        told = vm.expect(r"memory (\d+) KiB, overhead (\d+) KiB", 10)
        free = []
        for command in ("mem", "destroy demo", "mem"):
            vm.quiet(0.3)
            vm.send(command + "\r")
            if command == "mem":
                free.append(int(vm.expect(r"(\d+) KiB free", 10).group(1)))
        assert free[1] - free[0] == int(told.group(1)) + int(told.group(2))


def test_a_guest_larger_than_the_machine(demo):
    with vmlib.boot(memory=128, modules=[(demo, "kernel:big memory=1000"),
                                         (demo, "kernel:small memory=8")]) as vm:
        vm.expect(STARTED, 20)
        vm.expect(r"> ", 20)
        lines = [x for x in vm.text.replace("\r", "").split("\n")
                 if re.search(r"\bbig\b", x)]
        assert any("not started" in x or "memory" in x for x in lines), lines
        assert not any("guest big: started" in x for x in lines)


LOW = range(0x1000, 0x9f000, 0x1000)  # what the memory map calls RAM
SCRIBBLE = b"\xcc" * 0x1000


def put_module(stub, path, at):
    """The first module's bytes where a loader might have put them."""
    with open(path, "rb") as f:
        data = f.read()
    esp = stub.registers()["esp"]
    info = struct.unpack("<I", stub.read(esp + 8, 4))[0]
    entry = struct.unpack("<I", stub.read(info + 24, 4))[0]
    for i in range(0, len(data), 1024):
        stub.write(at + i, data[i:i + 1024])
    stub.write(entry, struct.pack("<II", at, at + len(data)))


def scribble(stub):
    """What firmware might do at any time."""
    for page in LOW:
        for at in range(page, page + 0x1000, 1024):
            stub.write(at, SCRIBBLE[:1024])


def test_low_memory_is_the_firmwares(tmp_path, demo):
    """Everything below 1 MiB changes when the monitor has started: a guest whose module
    lay there starts, and starts again. A guest that takes all memory there is makes
    nobody use those pages either: they stay as they are."""
    path = str(tmp_path / "gdb")
    with vmlib.boot(memory=64, modules=[(demo, "kernel:web memory=58")],
                    monitor=True,
                    extra=["-S", "-gdb", f"unix:{path},server=on,wait=off"]) as vm:
        stub = GdbStub(path)
        stub.run_to(symbol("boot_main"))
        put_module(stub, demo, 0x10000)
        stub.run_to(symbol("hv_run"))
        scribble(stub)
        stub.detach()
        expect_demo(vm)
        demo_command(vm, "reboot")
        started = vm.expect(STARTED, 20)
        assert started.group(1) == "web"
        vm.expect("demo> ", 20)
        dump = tmp_path / "low"
        vm.mon(f'pmemsave {LOW.start:#x} {len(LOW) * 0x1000:#x} "{dump}"')
        seen = dump.read_bytes()
        changed = [hex(page) for i, page in enumerate(LOW)
                   if seen[i * 0x1000:(i + 1) * 0x1000] != SCRIBBLE]
        assert not changed, changed


def figures(vm, name):
    """What `mem` says is free and set aside, and `info` that the guest has touched."""
    vm.send("\x010")
    vm.quiet(0.3)
    vm.send("mem\r")
    m = vm.expect(r"(\d+) KiB free .*, (\d+) KiB set aside for guests", 10)
    vm.send(f"info {name}\r")
    touched = vm.expect(r"touched (\d+) KiB", 10).group(1)
    return int(m.group(1)), int(m.group(2)), int(touched)


def test_memory_is_set_aside(demo):
    """The second guest is refused though the first has touched little of its memory."""
    with vmlib.boot("exit=wait", memory=128, cpu="max",
                    modules=[(demo, "kernel:first memory=64"),
                             (demo, "kernel:second memory=64")]) as vm:
        vm.expect(r"guest second: not started: not enough memory for 65536 KiB: "
                  r"\d+ KiB are free", 20)
        vm.expect("demo> ", 20)
        free, aside, touched = figures(vm, "first")
        assert touched < 4096
        assert 65536 <= aside + touched <= 65536 + 64  # and its device pages
        vm.send("destroy first\r")
        vm.quiet(0.3)
        vm.send("mem\r")
        m = vm.expect(r"(\d+) KiB free .*, (\d+) KiB set aside", 10)
        assert int(m.group(1)) >= free + 65536 and m.group(2) == "0"
