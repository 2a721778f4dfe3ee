# SPDX-License-Identifier: MIT
"""The tools that people call by hand: --help says what they are and does nothing
else, and a mistake gets a line, not a traceback."""
import importlib.machinery
import importlib.util
import os
import subprocess

import ktaplib
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


def load(tool):
    loader = importlib.machinery.SourceFileLoader(
        tool.replace("-", "_"), os.path.join(vmlib.TOP, "tools", tool))
    module = importlib.util.module_from_spec(
        importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


REPORT = ("KTAP version 1\n1..1\n{}ok 1 a.b\n# totals: pass:1 fail:0 skip:0\n"
          "(RS) suite done rc=0\n")


@pytest.mark.parametrize("line,complaint", [
    ("", None), ("(RS) PANIC: x\n", "(RS) PANIC: x"),
    ("# [a.b] (RS) PANIC: forged\n", None), ("half(RS) PANIC: x\n", None),
    ("# [a.b] KTAP version 1\n", None), ("# [a.b] \x9b2J\n", "a control character"),
])
def test_report_is_judged_by_line_starts(monkeypatch, line, complaint):
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    bad, _, _ = load("run-suite").judge(REPORT.format(line), vmlib.EXIT_OK)
    assert bad == [] if complaint is None else bad[0].startswith(complaint)


def test_xml_without_control_characters():
    bad = "a\0\x1b\x7f\x80\x85\x9f\ufffeb\xa0\xe9"
    out = ktaplib.junit("s", [ktaplib.Result("n", ktaplib.FAIL, bad, bad)])
    assert "a???????b\xa0\xe9" in out and not ktaplib.C1.search(out)
