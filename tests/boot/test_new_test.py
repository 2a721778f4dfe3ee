# SPDX-License-Identifier: MIT
"""tools/make-new-test: what it writes builds, runs and passes as it stands, in a
copy of the tree; and it refuses names that would not do."""
import os
import re
import shutil
import subprocess

import pytest
import vmlib


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the tree with what is built, so that little is built again."""
    copy = tmp_path_factory.mktemp("tree") / "ringside"
    shutil.copytree(vmlib.TOP, copy, symlinks=True,
                    ignore=shutil.ignore_patterns(".git", "check", "host"))
    return copy


def new_test(tree, *args):
    done = subprocess.run([tree / "tools" / "make-new-test", *args], cwd=tree,
                          capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
def test_skeleton_works(tree):
    status, out = new_test(tree, "zz", "first_try")
    assert status == 0, out
    source = tree / "tests" / "guests" / "zz" / "first_try.c"
    assert source.is_file()
    make = subprocess.run(["make", "--no-print-directory", "all"], cwd=tree,
                          capture_output=True, text=True, timeout=600)
    assert make.returncode == 0, make.stdout + make.stderr
    run = subprocess.run(["tools/run-suite", "--tests", "zz"], cwd=tree,
                         capture_output=True, text=True, timeout=120)
    assert re.search(r"^ok 1 zz\.first_try$", run.stdout, re.M), run.stdout
    assert re.search(r"^ok 2 zz\.first_try_pae$", run.stdout, re.M)
    assert run.returncode == 0
    # Broken on purpose, it is red.
    source.write_text(source.read_text().replace("start + 1", "start + 2"))
    subprocess.run(["make", "all"], cwd=tree, capture_output=True, timeout=600)
    run = subprocess.run(["tools/run-suite", "--tests", "zz"], cwd=tree,
                         capture_output=True, text=True, timeout=120)
    assert run.returncode == 1 and "not ok 1 zz.first_try" in run.stdout


def test_bad_names():
    tool = os.path.join(vmlib.TOP, "tools", "make-new-test")
    for args in ([], ["tr"], ["Tr", "x"], ["tr", "../x"], ["tr", "x" * 40],
                 ["tr", "faults"]):
        done = subprocess.run([tool, *args], capture_output=True, text=True)
        assert done.returncode != 0, args
