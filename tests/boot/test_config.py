# SPDX-License-Identifier: MIT
"""Hostile and mistaken configuration: one clear line each, the guest that it
concerns is not started, all others are, and exit=debug-exit reports failure."""
import os
import re

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
