# SPDX-License-Identifier: MIT
"""What the boot tests share: images made once per session, and the counting
line at the end."""
import os
import sys

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tools"))
sys.dont_write_bytecode = True
import bootlib  # noqa: E402
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
    return bootlib.without_multiboot1(scratch)


@pytest.fixture(scope="session")
def make_iso(scratch):
    """make_iso(name, grub commands, {file name: path}) -> path"""
    def make(name, commands, files):
        return bootlib.grub_image(scratch, name, commands, files)
    return make


@pytest.fixture(scope="session")
def stripped(scratch):
    """ringside.elf without debug sections, for images."""
    return bootlib.stripped(scratch)
