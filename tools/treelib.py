# SPDX-License-Identifier: MIT
"""What the static checks share: the list of source files and a reader of C
that knows comments, strings, includes and function extents.

It is textual on purpose: no check needs a compiler to have run, so each works
on a broken tree too. Functions are found by our own layout rule (the opening
and the closing brace of a function stand alone in column 0), which
check-format keeps true.
"""
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SKIP_DIRS = {".git", "build", "__pycache__", ".pytest_cache"}


def committed_files():
    """Every file that is, or would be, committed; relative names, sorted."""
    try:
        out = subprocess.run(
            ["git", "-C", TOP, "ls-files", "-co", "--exclude-standard", "-z"],
            capture_output=True, check=True).stdout
        names = [n.decode() for n in out.split(b"\0") if n]
        names = [n for n in names if os.path.isfile(os.path.join(TOP, n))]
        if names:
            return sorted(set(names))
    except (OSError, subprocess.CalledProcessError):
        pass
    found = []
    for base, dirs, files in os.walk(TOP):
        dirs[:] = [d for d in dirs if d not in SKIP_DIRS]
        found += [os.path.relpath(os.path.join(base, f), TOP) for f in files]
    return sorted(found)


def sources(*endings):
    return [n for n in committed_files() if n.endswith(endings)]


def read(name):
    with open(os.path.join(TOP, name), encoding="utf-8",
              errors="surrogateescape") as f:
        return f.read()


_TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|'
                    r"'(?:\\.|[^'\\\n])*'", re.S)


def strip_comments(text, keep_strings=True):
    """Blanks comments (and strings, if wanted) but keeps every line break, so
    that line numbers stay true."""
    def blank(m):
        tok = m.group(0)
        if tok[0] in "\"'":
            if keep_strings:
                return tok
            return tok[0] + " " * (len(tok) - 2) + tok[0]
        return re.sub(r"[^\n]", " ", tok)
    return _TOKEN.sub(blank, text)


_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def includes(name):
    """[(line, '<' or '"', path)] of a C file."""
    text = strip_comments(read(name))
    return [(text.count("\n", 0, m.start()) + 1, m.group(1), m.group(2))
            for m in _INCLUDE.finditer(text)]


_NAME = re.compile(r"(\w+)\s*\(")


def functions(name):
    """[(function, first line, lines)] from the signature to the closing brace, both
    included."""
    code = strip_comments(read(name), keep_strings=False).split("\n")
    out = []
    i = 0
    while i < len(code):
        if code[i].rstrip() != "{":
            i += 1
            continue
        head = []
        j = i - 1
        while j >= 0 and code[j].strip() and code[j].strip()[-1] not in ";}" \
                and not code[j].startswith("#"):
            head.insert(0, code[j])
            j -= 1
        k = i
        while k < len(code) and code[k].rstrip() not in ("}", "};"):
            k += 1
        text = " ".join(head)
        text = re.sub(r"__attribute__\s*\(\(.*?\)\)", " ", text)
        m = _NAME.search(re.sub(r"\bHV_\w+\s*\([^)]*\)", " ", text)) \
            or _NAME.search(text)
        if m and k < len(code) and "=" not in text.split("(")[0]:
            out.append((m.group(1), j + 2, k - j))
        i = k + 1
    return out


class Report:
    """Collects complaints; finish() prints them and gives the exit status."""

    def __init__(self, tool):
        self.tool = tool
        self.bad = 0

    def fail(self, where, what):
        self.bad += 1
        print(f"{where}: {what}")

    def finish(self, summary):
        if self.bad:
            print(f"{self.tool}: {self.bad} problem(s)")
            return 1
        print(f"{self.tool}: {summary}")
        return 0


def main(func):
    sys.exit(func())
