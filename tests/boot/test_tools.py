# SPDX-License-Identifier: MIT
"""The tools that people call by hand: --help says what they are and does nothing
else, and a mistake gets a line, not a traceback."""
import os
import subprocess

import pytest
import vmlib

TOOLS = ("bench", "check-linux", "make-new-test", "matrix", "mutate", "run-bochs",
         "run-checks", "run-guest-tests", "run-suite", "run-v86", "symbolize", "tour")


def call(tool, *args, **settings):
    return subprocess.run([os.path.join(vmlib.TOP, "tools", tool), *args],
                          env=os.environ | settings, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=20)


@pytest.mark.parametrize("tool", TOOLS)
def test_help(tool):
    done = call(tool, "--help")
    assert done.returncode == 0, done.stderr
    assert tool in done.stdout and not done.stderr


@pytest.mark.parametrize("args,status", [
    (("symbolize", "no-such.log"), 1),
    (("symbolize", "-e", "no-such.elf"), 1),
    (("mutate", "no_such_defect"), 2),
    (("check-linux", "/no/such/folder"), 2),
])
def test_mistakes(args, status):
    done = call(*args)
    assert done.returncode == status
    said = done.stdout + done.stderr
    assert said.startswith(args[0] + ": ") and said.count("\n") == 1, said


@pytest.mark.parametrize("setting", ["MEMORY", "AUDIT"])
def test_a_setting_that_is_no_number(setting):
    done = call("check-linux", "/no/such/folder", **{setting: "abc"})
    assert done.returncode == 2
    assert done.stderr.startswith(f"check-linux: {setting}=abc: ")
    assert done.stderr.count("\n") == 1
