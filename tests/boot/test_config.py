# SPDX-License-Identifier: MIT
"""Hostile and mistaken configuration: one clear line each, the guest that it
concerns is not started, all others are, and exit=debug-exit reports failure."""
import os
import re
import struct

import pytest
import vmlib
from common import BANNER, ENDED, STARTED, expect_demo, monitor_lines, poweroff

GOOD = "kernel:good memory=8"

# module string, what its line must mention
BAD_KERNELS = [
    ("kernel:", "name"),
    ("kernel:a/b", "name"),
    ("kernel:-x", "name"),
    ("kernel:" + "n" * 32, "name"),
    ("kernel:a%s%n%x", "name"),
    ("kernel:x memory=0", "memory"),
    ("kernel:x memory=", "memory"),
    ("kernel:x memory=abc", "memory"),
    ("kernel:x memory=99999999999999999999", "memory"),
    ("kernel:x memory=-1", "memory"),
    ("kernel:x memory", "memory"),
    ("kernel:x nonsense=1", "nonsense"),
    ("kernel:x =1", "=1"),
    ("kernel:x pae=2", "pae"),
    ("kernel:x abi=9.9", "abi"),
    ("kernel:x on_crash=explode", "on_crash"),
    ("kernel:x cpus=99", "cpus"),
    ("kernel:x " + "k" * 3000 + "=1", "too long"),
    ("kernel:x -- " + "c" * 2100, "longer"),
]


def boot_with(demo, *modules, append="", **options):
    return vmlib.boot(append, modules=[(demo, GOOD)] + list(modules), **options)


def finish(vm):
    """The good guest runs and is ended; the machine reports the mistake."""
    vm.expect("> ", 20)
    vm.send("poweroff\r")
    vm.expect(ENDED, 15)
    status = vm.finish(15)
    assert status == vmlib.EXIT_FAIL, f"QEMU ended with {status}"
    assert "PANIC" not in vm.text


@pytest.mark.parametrize("string,mention", BAD_KERNELS,
                         ids=[s[:24] for s, _ in BAD_KERNELS])
def test_bad_kernel_string(demo, string, mention):
    with boot_with(demo, (demo, string)) as vm:
        vm.expect(STARTED, 30)
        assert vm.child.match.group(1) == "good"
        finish(vm)
        told = [x for x in monitor_lines(vm.text)
                if "not started" in x or "config" in x or "module" in x]
        assert len(told) == 1 and mention in told[0], told
        assert "guest x: started" not in vm.text


def test_two_of_one_name(demo):
    """The first starts."""
    with boot_with(demo, (demo, "kernel:good memory=16")) as vm:
        assert vm.expect(STARTED, 30).group(3) == "8"
        finish(vm)
        assert vm.text.count("guest good: started") == 1


BAD_OTHERS = [
    ("initrd:nobody", "nobody"),
    ("disk:nobody:vda", "nobody"),
    ("disk:good", "disk"),
    ("disk:good:sda", "sda"),
    ("disk:good:vdz", "vdz"),
]


@pytest.mark.parametrize("string,mention", BAD_OTHERS)
def test_bad_attachment(demo, string, mention, scratch):
    path = scratch / "blob"
    path.write_bytes(bytes(8192))
    with vmlib.boot(modules=[(demo, "kernel:other memory=8"),
                             (demo, GOOD), (str(path), string)]) as vm:
        vm.expect(STARTED, 30)
        told = [x for x in monitor_lines(vm.text) if mention in x and
                "started kernel" not in x]
        vm.expect([r"> ", r"\n"], 20)
        assert len(told) == 1, vm.text[-1500:]


def test_module_that_is_no_kernel(demo, scratch):
    path = scratch / "garbage"
    path.write_bytes(b"\x7fELF" + bytes(range(256)) * 64)
    with boot_with(demo, (str(path), "kernel:x")) as vm:
        vm.expect(STARTED, 30)
        finish(vm)
        assert "guest x: started" not in vm.text
        assert any("x" in m and "not started" in m
                   for m in monitor_lines(vm.text)), vm.text


def bz_image(version, xloadflags, code):
    """A bzImage whose protected-mode part is a few bytes of code."""
    head = bytearray(5 * 512)
    head[0x1F1], head[0x201], head[0x211] = 4, 0x66, 1
    head[0x202:0x208] = b"HdrS\x0c\x02"
    struct.pack_into("<H", head, 0x20E, 0x200)
    struct.pack_into("<I", head, 0x214, 0x100000)
    struct.pack_into("<H", head, 0x236, xloadflags)
    struct.pack_into("<QI", head, 0x258, 0x100000, 0x10000)
    head[0x400:0x400 + len(version)] = version
    return bytes(head) + code.ljust(4096, b"\x90")


TAKE = "take a 32-bit Linux of 2.6.24 to 4.13 built with CONFIG_LGUEST_GUEST"


@pytest.mark.parametrize("version,flags,sentence", [
    (b"6.1.0-18-amd64", 0x3F, f"this is a 64-bit kernel: {TAKE}"),
    (b"6.1.0-18-686-pae", 0, f"Linux 6.1.0 knows no lguest any more: {TAKE}"),
])
def test_kernel_of_today(demo, scratch, version, flags, sentence):
    path = scratch / "vmlinuz"
    path.write_bytes(bz_image(version, flags, b"\x0f\x0b"))
    with boot_with(demo, (str(path), "kernel:x")) as vm:
        vm.expect(STARTED, 30)
        finish(vm)
        assert f"guest x: not started: {sentence}" in monitor_lines(vm.text)


@pytest.mark.parametrize("code", [
    b"\x0f\x0b",  # ud2, where Linux knows no such subarchitecture
    b"\x0f\x01\x15\0\0\x10\0",  # lgdt, without CONFIG_PARAVIRT
    b"\xa1\0\0\0\xf0",  # a page that is not there
], ids=("ud2", "lgdt", "pf"))
def test_linux_without_lguest(demo, scratch, code):
    """Not to be known before; the end gets a sentence that says what it may be."""
    path = scratch / "plain"
    path.write_bytes(bz_image(b"3.16.0-4-586", 0, code))
    with boot_with(demo, (str(path), "kernel:x on_crash=destroy")) as vm:
        vm.expect(r"guest x: ended killed: ", 30)
        vm.expect(r"\(RS\) guest x: it ended before its first hypercall: a 32-bit Linux built "
                  "with CONFIG_LGUEST_GUEST is wanted", 5)
        vm.expect("demo> ", 20)
        vm.send("\x010destroy good\r")
        assert vm.finish(15) == vmlib.EXIT_FAIL
        assert "guest good: it ended before" not in vm.text


@pytest.mark.parametrize("data", [
    b"", b"#", b"kernel:", b"kernel:y image=nothing\n", b"\0" * 4096,
    b"memory=5\n", b"kernel:y image=good memory=\xff\n", b"x" * 70000,
    b"kernel:y image=good memory=8 -- " + b"a" * 5000 + b"\n",
], ids=range(9))
def test_config_module(demo, scratch, data):
    """A text file from anywhere: whatever is in it, the good guest starts."""
    path = scratch / "config"
    path.write_bytes(data or b"\n")
    with boot_with(demo, (str(path), "config")) as vm:
        vm.expect(STARTED, 30)
        vm.expect("> ", 20)
        assert "PANIC" not in vm.text


@pytest.mark.parametrize("data", [
    b"# two of it\nkernel:twin image=good memory=8\n",
    b"\xef\xbb\xbfkernel:twin\timage=good memory=8\r\n",
], ids=("unix", "notepad"))
def test_config_module_starts_a_second_guest(demo, scratch, data):
    path = scratch / "config2"
    path.write_bytes(data)
    with boot_with(demo, (str(path), "config")) as vm:
        names = {vm.expect(STARTED, 30).group(1), vm.expect(STARTED, 30).group(1)}
        assert names == {"good", "twin"}


def test_many_modules(demo, scratch):
    """More than 64: said, and those that fit are used."""
    path = scratch / "tiny"
    path.write_bytes(b"data")
    modules = [(demo, GOOD)] + [(str(path), f"initrd:n{i}") for i in range(80)]
    with vmlib.boot(modules=modules) as vm:
        vm.expect(BANNER, 30)
        vm.expect(STARTED, 30)
        finish(vm)


@pytest.mark.quick
def test_unknown_key_is_printed_and_ignored():
    with vmlib.boot("frobnicate=7") as vm:
        expect_demo(vm)
        assert [x for x in monitor_lines(vm.text) if "frobnicate" in x]
        poweroff(vm, vmlib.EXIT_FAIL)


def test_unknown_key_stops_a_test_run():
    status, text = vmlib.run("test=all frobnicate=7", timeout=60)
    assert status == vmlib.EXIT_FAIL
    assert "frobnicate" in text


def test_unknown_test_is_a_failure():
    status, text = vmlib.run("test=no.such.case", timeout=60)
    assert status == vmlib.EXIT_FAIL
    assert "no.such.case" in text


def test_empty_kernel(scratch):
    """The line names the module, and nothing else runs in the guest's place."""
    empty = os.path.join(scratch, "empty")
    with open(empty, "wb"):
        pass
    with vmlib.boot(modules=[(empty, "kernel:x memory=8")]) as vm:
        vm.expect(r"\(RS\) module \"[^\"]*empty[^\"]*\": empty, not used", 30)
        assert vm.finish(20) == vmlib.EXIT_FAIL
        assert "started kernel" not in vm.text


@pytest.mark.parametrize("length", [256, 3000])
def test_a_test_list_that_is_too_long_is_a_failure(length):
    """Neither the demo nor silence in its place."""
    words = "exit=debug-exit console=com1 test=" + ("hc.init_twice," * 250)[:length]
    status, text = vmlib.run(words, timeout=60)
    assert status == vmlib.EXIT_FAIL
    assert re.search(r'^\(RS\) command line: "test=.*" ignored: test wants .* at most 255 '
                     "characters", text, re.M)
    assert "(RS) suite done rc=1" in text
    assert "guest demo" not in text


def test_a_refused_test_run_leads_to_the_shell():
    with vmlib.boot("test= exit=wait") as vm:
        vm.expect(r"\(RS\) suite done rc=1")
        vm.expect("the shell is here")
        assert "guest demo" not in vm.text


@pytest.mark.parametrize("words", [
    "com1=", "com1=0", "com1=115200,9n1", "com1=115200,8n1,0x99999", "loglvl=5",
    "timeout=x", "smp=0", "escape=A", "audit=-1", "keymap=xx", "exit=never",
    "console=tty", "guestmem=low", "watchdog=soon", "seed=blue", "demo=maybe",
])
def test_bad_value(words):
    """Bad values are refused like unknown keys, the default stays."""
    key = words.split("=", maxsplit=1)[0]
    if key in ("console", "exit"):
        words += " console=com1 exit=debug-exit"
    with vmlib.boot(words) as vm:
        expect_demo(vm)
        assert [x for x in monitor_lines(vm.text) if key in x]
        poweroff(vm, vmlib.EXIT_FAIL)


def test_last_of_a_repeated_key_wins():
    with vmlib.boot("loglvl=debug exit=wait exit=debug-exit") as vm:
        expect_demo(vm)
        poweroff(vm)
