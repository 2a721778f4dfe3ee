# SPDX-License-Identifier: MIT
"""tools/run-suite --attack tells QEMU's own death, after which it goes on, from
the end of the machine, which is a failure."""
import os
import re
import subprocess

import pytest
import vmlib

TOOL = os.path.join(vmlib.TOP, "tools", "run-suite")


def attack(tmp_path, signal):
    """One case for a few seconds; the first QEMU gets a signal in the middle."""
    qemu = tmp_path / "qemu"
    qemu.write_text("#!/bin/sh\n"
                    f"mkdir {tmp_path}/once 2>/dev/null &&\n"
                    f"(sleep 5; kill -{signal} $$) > /dev/null 2>&1 &\n"
                    f'exec {vmlib.QEMU} "$@"\n')
    qemu.chmod(0o755)
    done = subprocess.run([TOOL, "--attack", "8", "--tests", "attack.hypercalls"],
                          env=dict(os.environ, QEMU=str(qemu)), text=True,
                          capture_output=True, timeout=120, errors="replace")
    return done.returncode, done.stdout


def test_it_goes_on_when_qemu_dies(tmp_path):
    status, out = attack(tmp_path, "ABRT")
    assert status == 0 and out.endswith("\n1 passed, 0 failed\n"), out
    died = re.search(r"QEMU itself died of SIGABRT, .*: seed=(\d+)$", out, re.M)
    first = re.findall(r"^# attack.hypercalls: seeds from (\d+)", out, re.M)
    assert len(first) == 2 and int(first[1]) == int(died.group(1)) + 1
    last = out.split("\n")[-3]
    lives = int(re.search(r"(\d+) lives", last).group(1))
    assert lives > int(died.group(1)) - int(first[0])
    assert last.endswith("QEMU itself died 1 times")


@pytest.mark.parametrize("signal,why", [
    ("TERM", "the machine was reset or switched off"),  # QEMU then ends with 0
    pytest.param("KILL", "QEMU's exit status is -9", marks=pytest.mark.slow)])
def test_any_other_end_is_a_failure(tmp_path, signal, why):
    status, out = attack(tmp_path, signal)
    assert status == 1 and out.endswith("\n0 passed, 1 failed\n"), out
    assert re.search(rf"^failed: attack.hypercalls: {why}", out, re.M), out
    assert "QEMU itself died 0 times" in out
