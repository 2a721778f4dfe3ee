# SPDX-License-Identifier: MIT
"""What the boot tests share: images made once per session, and the counting
line at the end."""
import os
import shutil
import subprocess
import sys

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tools"))
sys.dont_write_bytecode = True
import vmlib  # noqa: E402

DEMO = os.path.join(TOP, "build", "guests", "demo.elf")
counts = {"passed": 0, "failed": 0, "skipped": 0}


def pytest_runtest_logreport(report):
    if report.when == "call" or report.outcome != "passed":
        if report.when == "teardown" and report.outcome == "passed":
            return
        counts[report.outcome] += 1


def pytest_unconfigure(config):
    print(f"\nskipped: {counts['skipped']}")
    print(f"{counts['passed']} passed, {counts['failed']} failed")


def pytest_collection_modifyitems(config, items):
    if not os.path.isfile(vmlib.ELF):
        raise pytest.UsageError("build/ringside.elf is not built")


@pytest.fixture(scope="session")
def demo():
    """The demo guest as a module of its own."""
    return DEMO


@pytest.fixture(scope="session")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("boot")


@pytest.fixture(scope="session")
def pvh_elf(scratch):
    """The ELF without its multiboot1 header, so that QEMU takes the PVH note:
    with both present multiboot1 would win."""
    with open(vmlib.ELF, "rb") as f:
        data = bytearray(f.read())
    at = data.find((0x1BADB002).to_bytes(4, "little"), 0, 8192)
    assert at >= 0, "no multiboot1 magic in the first 8 KiB"
    data[at:at + 4] = b"\0\0\0\0"
    path = scratch / "pvh.elf"
    path.write_bytes(data)
    return str(path)


GRUB_MODULES = ("multiboot2 multiboot normal serial terminal echo iso9660 "
                "part_msdos part_gpt fat boot test ls")


@pytest.fixture(scope="session")
def make_iso(scratch):
    """make_iso(name, grub commands, {file name: path}) -> path"""
    def make(name, commands, files):
        tree = scratch / name
        os.makedirs(tree / "boot" / "grub")
        for target, source in files.items():
            shutil.copy(source, tree / "boot" / target)
        with open(tree / "boot" / "grub" / "grub.cfg", "w",
                  encoding="ascii") as f:
            f.write("set timeout=0\nmenuentry test {\n" + commands + "}\n")
        path = str(scratch / (name + ".iso"))
        out = subprocess.run(
            ["grub-mkrescue", "-o", path, "--fonts=", "--locales=",
             "--themes=", "--install-modules=" + GRUB_MODULES, str(tree)],
            capture_output=True, text=True)
        assert out.returncode == 0, out.stderr[-500:]
        return path
    return make


@pytest.fixture(scope="session")
def stripped(scratch):
    """ringside.elf without debug sections, for images."""
    path = str(scratch / "ringside.elf")
    subprocess.run(["objcopy", "--strip-all", vmlib.ELF, path], check=True)
    return path
