# SPDX-License-Identifier: MIT
"""Ringside's own UEFI loader on OVMF: both word sizes, modules, and one clear
line for everything that can be missing or wrong."""
import os

import bootlib
import pytest
from common import (BANNER, STARTED, UEFI_LARGE_MIB, expect_demo, poweroff,
                    uefi_vm)

slow = pytest.mark.slow
OPTIONS = "options console=com1 exit=debug-exit\n"
BITS = [64, 32]

pytestmark = pytest.mark.skipif(
    not os.path.isfile(os.path.join(bootlib.ESP, "EFI", "BOOT", "BOOTX64.EFI")),
    reason="make esp has not run")


def start(scratch, bits, image, **more):
    return uefi_vm(scratch, bits, bootlib.stick(image), **more)


@pytest.mark.parametrize("bits", BITS)
def test_demo(scratch, bits):
    """The words of `options` arrive, and the whole memory map with them."""
    image = bootlib.esp_image(scratch, f"demo{bits}", OPTIONS)
    with start(scratch, bits, image) as vm:
        vm.expect(r"ringside: UEFI loader \S+", 60)
        banner = expect_demo(vm, "efi")
        assert 200 <= int(banner.group(3)) <= 256
        poweroff(vm)


@pytest.mark.parametrize("bits", [64, pytest.param(32, marks=slow)])
def test_modules(scratch, demo, bits):
    """A tagged module, one named after its file, and a configuration."""
    conf = (OPTIONS + "monitor \\other\\monitor.elf\nmodule demo.elf kernel:web "
            "memory=9\nmodule sub\\plain.elf\nmodule guests.txt config\n")
    guests = scratch / f"guests{bits}.txt"
    guests.write_text("kernel:third image=web memory=10\n")
    image = bootlib.esp_image(scratch, f"modules{bits}", conf,
                              {"demo.elf": demo, "guests.txt": str(guests)},
                              without=("ringside.elf",))
    for folder in ("other", "ringside/sub"):
        bootlib.call("mmd", "-i", image, "::" + folder)
    bootlib.call("mcopy", "-i", image,
                 os.path.join(bootlib.ESP, "ringside", "ringside.elf"),
                 "::other/monitor.elf")
    bootlib.call("mcopy", "-i", image, demo, "::ringside/sub/plain.elf")
    with start(scratch, bits, image) as vm:
        vm.expect(r"/other/monitor\.elf, 3 modules: starting", 60)
        assert vm.expect(BANNER, 30).group(4) == "efi"
        started = {}
        for _ in range(3):
            m = vm.expect(STARTED, 20)
            started[m.group(1)] = m.group(3)
        assert started == {"web": "9", "plain.elf": "64", "third": "10"}


@pytest.mark.parametrize("bits", [pytest.param(b, marks=slow) for b in BITS])
def test_more_memory_than_32_bits(scratch, bits):
    """Nothing of the loader's lies above 4 GiB."""
    image = bootlib.esp_image(scratch, f"large{bits}", OPTIONS)
    with start(scratch, bits, image, memory=6144) as vm:
        assert int(expect_demo(vm, "efi", 90).group(3)) > UEFI_LARGE_MIB[bits]
        poweroff(vm)


def file_of(scratch, name, data, size=None):
    path = scratch / name
    with open(path, "wb") as f:
        f.write(data)
        if size:
            f.truncate(size)
    return str(path)


def head_of_monitor(scratch):
    with open(os.path.join(bootlib.ESP, "ringside", "ringside.elf"), "rb") as f:
        return file_of(scratch, "cut.elf", f.read(300000))


# name: (conf, {file: maker}, files left out, the line)
BAD = {
    "no-conf": (None, {}, (),
                "/ringside/ringside.conf: there is no such file"),
    "empty-conf": ("", {}, (), "/ringside/ringside.conf: it is empty"),
    "conf-too-large": ("#" * 65537, {}, (),
                       "/ringside/ringside.conf: it is too large"),
    "conf-word": ("option a=b\n", {}, (),
                  '/ringside/ringside.conf: line 1: "option a=b" is none of '
                  "monitor, options, module"),
    "no-monitor": (OPTIONS, {}, ("ringside.elf",),
                   "/ringside/ringside.elf: there is no such file"),
    "monitor-no-elf": (OPTIONS, {"ringside.elf": lambda s: file_of(
        s, "text", b"This is no ELF.\n")}, (),
                       "/ringside/ringside.elf: not an ELF32 file"),
    "monitor-cut": (OPTIONS, {"ringside.elf": head_of_monitor}, (),
                    "/ringside/ringside.elf: a segment is not in the file: is "
                    "it cut off?"),
    "monitor-too-large": (OPTIONS, {"ringside.elf": lambda s: file_of(
        s, "big", b"\177ELF", (64 << 20) + 1)}, (),
                          "/ringside/ringside.elf: it is too large"),
    "no-module": (OPTIONS + "module root.gz initrd:web\n", {}, (),
                  "/ringside/root.gz: there is no such file"),
    "module-is-a-directory": (OPTIONS + "module \\EFI kernel:web\n", {}, (),
                              "/EFI: it is a directory"),
    "module-too-large": (OPTIONS + "module big disk:web:vda\n", {
        "big": lambda s: file_of(s, "huge", b"x", 400 << 20)}, (),
        "/ringside/big: it is too large for the memory that is free below 4 GiB"),
}
IN_CHECK = (("no-conf", 64), ("monitor-cut", 32))


@pytest.mark.parametrize("what,bits", [
    pytest.param(what, bits, marks=() if (what, bits) in IN_CHECK else slow)
    for what in BAD for bits in BITS])
def test_refused_with_one_line(scratch, what, bits):
    """The line, and the firmware goes on with its next boot option."""
    conf, makers, without, line = BAD[what]
    files = {name: make(scratch) for name, make in makers.items()}
    room = sum(os.path.getsize(f) for f in files.values()) >> 20
    image = bootlib.esp_image(scratch, f"bad-{what}{bits}", conf, files, without,
                              mib=16 + room + room // 8)
    with start(scratch, bits, image) as vm:
        vm.expect(r"ringside: UEFI loader \S+\s", 60)
        vm.expect(r"ringside: back to the firmware", 60)
        said = vm.text.replace("\r", "").split("ringside: ")[-2].strip()
        assert said == line
        vm.send("x")
        vm.expect(r"failed to start Boot\w+ .*Load Error", 8)
        vm.expect(r"BdsDxe: (loading|starting) Boot", 10)
    os.unlink(image)


def loader_pages(scratch, name, conf):
    """How many pages the firmware's shell counts as loaders' after ours has
    given up."""
    image = bootlib.esp_image(scratch, name, conf)
    with start(scratch, 64, image) as vm:
        vm.expect(r"back to the firmware", 60)
        vm.send("x")
        vm.expect(r"to skip .*startup\.nsh", 30)
        vm.send("\x1b")
        vm.expect(r"Shell> ", 20)
        vm.send("memmap\r")
        return [int(vm.expect(rf"Loader{kind}\s*:\s*([\d,]+) Pages", 20)
                    .group(1).replace(",", "")) for kind in ("Code", "Data")]


@slow
def test_pages_are_given_back(scratch):
    """A boot that fails at its first file and one that fails at its last leave
    the same behind: the monitor and its place are free again."""
    early = loader_pages(scratch, "early", None)
    late = loader_pages(scratch, "late", "module demo.elf\nmodule gone\n")
    assert early == late
