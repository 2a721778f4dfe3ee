# SPDX-License-Identifier: MIT
"""Faults inside of the monitor: build/ringside-inject.elf, from the same sources.
Its cases are skipped in the normal build."""
import os
import re
import subprocess

import vmlib

INJECT = os.path.join("build", "ringside-inject.elf")


def results(elf):
    """{case: what its line ends with}"""
    status, text = vmlib.run("test=st", elf=elf, cpu="max", timeout=120)
    assert status == vmlib.EXIT_OK, text[-2000:]
    return dict(re.findall(r"^ok \d+ (st\.copy_fault_\w+)(.*)$", text, re.M))


def test_copies_that_fault():
    """ST-11: each ends its guest and nobody else; the exception table leads out."""
    env = {k: v for k, v in os.environ.items()
           if k not in ("MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES")}
    subprocess.run(["make", "--no-print-directory", INJECT], cwd=vmlib.TOP, env=env,
                   check=True, capture_output=True)
    with_faults = results(os.path.join(vmlib.TOP, INJECT))
    assert len(with_faults) == 6 and not any(with_faults.values()), with_faults
    without = results(vmlib.ELF)
    assert set(without) == set(with_faults)
    assert set(without.values()) == {" # SKIP fault injection is not built in"}


def test_one_skip_in_all():
    """The normal build says once that these are missing, not six times."""
    pack = os.path.join(vmlib.TOP, "build", "guests", "suite.pack")
    out = subprocess.run([os.path.join(vmlib.TOP, "tools", "pack-suite"), "--list", pack],
                         stdout=subprocess.PIPE, text=True, check=True).stdout
    rows = [x for x in out.splitlines() if x.startswith("st.copy_fault_")]
    assert len(rows) == 6
    assert len([x for x in rows if "not in all" not in x]) == 1
