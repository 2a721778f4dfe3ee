# SPDX-License-Identifier: MIT
"""The reporter guest: when the suite is done and the machine waits, totals and
failures are on the screen, in pages, and as QR codes that a reader can read."""
import re
import shutil
import subprocess

import pytest
import vmlib

BLOCKS = {" ": (1, 1), "\u2588": (0, 0), "\u2584": (1, 0), "\u2580": (0, 1)}
MODULE = 4  # pixels


def code_lines(text):
    """The lines of the last code: nothing but half blocks, all of one length."""
    lines = [x.strip("\r\n") for x in text.split("\n")]
    found = [x for x in lines if len(x) == 45 and set(x) <= set(BLOCKS)]
    return found[-23:]


def write_pgm(path, lines):
    """White is what is lit on the screen."""
    rows = []
    for line in lines:
        for half in (0, 1):
            row = "".join(("0 " if BLOCKS[c][half] else "255 ") * MODULE for c in line)
            rows += [row] * MODULE
    size = (len(lines[0]) * MODULE, len(rows))
    path.write_text(f"P2\n{size[0]} {size[1]}\n255\n" + "\n".join(rows) + "\n")


@pytest.fixture
def report():
    with vmlib.boot("test=tk.code_limit,no.such_case,hc.from_ring3 exit=wait",
                    timeout=90) as vm:
        vm.expect(r"suite done rc=1", 60)
        vm.expect(r"the end of the list; any key", 30)
        yield vm


def test_text(report):
    text = report.text[report.text.index("suite done rc=1"):]
    assert re.search(r"\nringside \S+ memory=\d+MiB\r", text)
    assert re.search(r"\n1 passed, 1 failed, 1 skipped\r", text)
    assert "FAIL no.such_case: no such test or group" in text
    assert "SKIP tk.code_limit: code segment limits are not enforced here" in text
    assert "QEMU" in text  # the CPU's name
    report.send("q")
    report.expect(r"guest report: ended poweroff: PASS", 20)


def test_code(report, tmp_path):
    assert shutil.which("zbarimg"), "zbar-tools is not installed"
    if not (report.send("x") or report.expect([r"code 1 of (\d)", "built without"], 30).groups()):
        pytest.skip("built without the encoder")
    read = ""
    for i in range(1, int(report.child.match.group(1)) + 1):
        if i > 1:
            report.send("x")
            report.expect(rf"code {i} of", 30)
        image = tmp_path / f"{i}.pgm"
        write_pgm(image, code_lines(report.text))
        done = subprocess.run(["zbarimg", "--raw", "-q", str(image)],
                              capture_output=True, text=True)
        assert done.returncode == 0, f"code {i} cannot be read"
        read += done.stdout.rstrip("\n") if i > 1 else done.stdout[:-1]
    assert "1 passed, 1 failed, 1 skipped" in read
    assert "FAIL no.such_case" in read
