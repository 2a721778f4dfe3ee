# SPDX-License-Identifier: MIT
"""tools/run-guest-tests: one guest for each verdict, the files that it writes,
and what it says when it is used wrongly."""
import os
import subprocess
import xml.etree.ElementTree as ET

import pytest
import vmlib

TOOL = os.path.join(vmlib.TOP, "tools", "run-guest-tests")
VERDICT = os.path.join(vmlib.TOP, "build", "guests", "verdict.elf")


def run(out, *args, timeout=20):
    done = subprocess.run(
        [TOOL, "--out", str(out), "--timeout", str(timeout), *args],
        capture_output=True, text=True, timeout=timeout + 60, errors="replace")
    return done.returncode, done.stdout.replace("\r", ""), done.stderr


def files(out, name):
    ktap = (out / f"{name}.ktap").read_text()
    case = ET.parse(out / f"{name}.xml").getroot().find("testsuite/testcase")
    return ktap, [c.tag for c in case if c.tag != "system-out"], case


@pytest.mark.parametrize("end,status,line,tags", [
    ("pass", 0, "ok 1 verdict", []),
    ("power-down", 0, "ok 1 verdict", []),
    ("skip", 3, "ok 1 verdict # SKIP there is no moon tonight", ["skipped"]),
    ("fail", 1, "not ok 1 verdict", ["failure"]),
    ("almost", 1, "not ok 1 verdict", ["failure"]),
    ("empty", 1, "not ok 1 verdict", ["failure"]),
    ("reboot", 1, "not ok 1 verdict", ["failure"]),
    ("kill", 6, "not ok 1 verdict", ["error"]),
    ("forge", 6, "not ok 1 verdict", ["error"]),
])
def test_verdict(tmp_path, end, status, line, tags):
    got, out, _ = run(tmp_path, VERDICT, f"end={end}")
    assert got == status, out
    assert "hello from a guest under test" in out
    ktap, found, _ = files(tmp_path, "verdict")
    assert line in ktap.split("\n")
    assert ktap in out
    assert found == tags


def test_text_of_a_failure_survives_xml(tmp_path):
    run(tmp_path, VERDICT, "end=fail")
    ktap, _, case = files(tmp_path, "verdict")
    assert "# verdict: 2 of 3 are wrong <&>" in ktap
    assert case.find("failure").get("message") == "2 of 3 are wrong <&>"


def test_silence_is_a_failure(tmp_path):
    got, out, _ = run(tmp_path, VERDICT, "end=silent", timeout=6)
    assert got == 1 and "no verdict within the time limit" in out


def test_wrong_usage(tmp_path):
    empty, blank = tmp_path / "empty", tmp_path / "a kernel"
    empty.write_bytes(b"")
    blank.write_bytes(b"x")
    for args in ([], ["no-such-file.elf"], ["--memory", "0", VERDICT],
                 ["--name", "_x", VERDICT], ["--nonsense", VERDICT],
                 ["--initrd", "nowhere", VERDICT], [str(empty)], [str(blank)],
                 ["--words", "exit=wait", VERDICT]):
        got, _, err = run(tmp_path, *args)
        assert got == 2 and err.startswith("run-guest-tests: "), (args, err)
        assert err.count("\n") == 1


def test_harness_failures(tmp_path):
    """Nothing is known about the guest: it was refused, or there is no monitor."""
    text = tmp_path / "kernel"
    text.write_text("no kernel")
    got, _, err = run(tmp_path, str(text))
    assert got == 4 and "not started" in err
    got, _, err = run(tmp_path, "--words", "bogus=1", VERDICT, "end=pass")
    assert got == 4 and '"bogus=1" ignored' in err
    got, _, err = run(tmp_path, "--monitor", str(tmp_path / "none"), VERDICT)
    assert got == 4 and "no " in err


def test_comma_in_the_name(tmp_path):
    kernel = tmp_path / "verdict,2.elf"
    kernel.write_bytes(open(VERDICT, "rb").read())
    got, out, _ = run(tmp_path, str(kernel), "end=pass")
    assert got == 0 and "ok 1 verdict-2" in out


def test_suite_names(tmp_path):
    """A case of the suite, a skipped one, one that is not there, an image."""
    got, out, _ = run(tmp_path, "hc.from_ring3")
    assert got == 0 and "\nok 1 hc.from_ring3\n" in out
    got, out, _ = run(tmp_path, "tk.code_limit")
    assert got == 3, out
    got, out, _ = run(tmp_path, "hc.no_such_case")
    assert got == 1, out
    image = os.path.join(vmlib.TOP, "build", "guests", "canary.elf")
    got, out, _ = run(tmp_path, image, "case=no_such_case")
    assert got == 1 and "no such case" in out
