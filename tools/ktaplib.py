# SPDX-License-Identifier: MIT
"""Test results as lines and as files: KTAP as the monitor prints it, and JUnit
XML for those who collect such. Shared by run-suite and run-guest-tests."""
import re
from xml.sax.saxutils import escape, quoteattr

LINE = re.compile(r"^(not ok|ok) (\d+) (\S+)(.*)$")
PLAN = re.compile(r"^1\.\.(\d+)$")
TOTALS = re.compile(r"^# totals: pass:(\d+) fail:(\d+) skip:(\d+)$")
DONE = re.compile(r"^\(RS\) suite done rc=(\d)$", re.M)
# The monitor's lines begin at the start of one; what a guest prints comes behind its
# name while test= runs, whatever it looks like.
PANIC = re.compile(r"^\(RS\) PANIC.*", re.M)
# Of U+0080 to U+009F none may reach a terminal then.
C1 = re.compile("[\x80-\x9f]")
SKIP = re.compile(r"#\s*SKIP\s*(.*)$", re.I)
NOT_XML = re.compile("[^\t\n\r\x20-\x7e\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

PASS, FAIL, SKIPPED, CRASH = "ok", "not ok", "skip", "crash"


class Result:
    """One test: what became of it, why, its output, seconds."""

    def __init__(self, name, verdict, why="", output="", seconds=0.0):
        self.name, self.verdict, self.why = name, verdict, why
        self.output, self.seconds = output, seconds


def parse(text):
    """(plan, [(number, name, 'ok'|'not ok'|'skip', rest)], totals, rc)"""
    plan, cases, totals, rc = None, [], None, None
    for line in text.split("\n"):
        line = line.rstrip("\r")
        m = PLAN.match(line)
        if m and plan is None:
            plan = int(m.group(1))
        m = LINE.match(line)
        if m:
            word = SKIPPED if SKIP.search(m.group(4)) else m.group(1)
            cases.append((int(m.group(2)), m.group(3), word, m.group(4)))
        m = TOTALS.match(line)
        if m:
            totals = tuple(map(int, m.groups()))
        m = DONE.match(line)
        if m:
            rc = int(m.group(1))
    return plan, cases, totals, rc


def panic_of(text):
    """The monitor's last words, or None."""
    m = PANIC.search(text)
    return m and m.group(0)


def results_of_suite(text):
    """[Result] from the KTAP of a test= run; the reason of a failure is in the
    comment before it, `# NAME: why`."""
    out, comments = [], {}
    for line in text.split("\n"):
        line = line.rstrip("\r")
        m = re.match(r"^# ([^\s:\[]+): (.*)$", line)
        if m:
            comments[m.group(1)] = m.group(2)
        m = LINE.match(line)
        if not m:
            continue
        skip = SKIP.search(m.group(4))
        verdict = SKIPPED if skip else m.group(1)
        why = skip.group(1) if skip else comments.get(m.group(3), "")
        out.append(Result(m.group(3), verdict, why if verdict != PASS else ""))
    return out


def ktap(results):
    lines = ["KTAP version 1", f"1..{len(results)}"]
    for i, r in enumerate(results, 1):
        if r.why and r.verdict in (FAIL, CRASH):
            lines.append(f"# {r.name}: {r.why}")
        word = "not ok" if r.verdict in (FAIL, CRASH) else "ok"
        skip = f" # SKIP {r.why}" if r.verdict == SKIPPED else ""
        lines.append(f"{word} {i} {r.name}{skip}")
    count = {v: sum(r.verdict == v for r in results)
             for v in (PASS, FAIL, SKIPPED, CRASH)}
    lines.append(f"# totals: pass:{count[PASS]} fail:{count[FAIL] + count[CRASH]} "
                 f"skip:{count[SKIPPED]}")
    return "\n".join(lines) + "\n"


def _text(s):
    return escape(NOT_XML.sub("?", s))


def _attr(s):
    return quoteattr(NOT_XML.sub("?", s))


def junit(suite, results):
    """JUnit's XML: a failure is `failure`, a crash `error`."""
    bad = {FAIL: "failure", CRASH: "error", SKIPPED: "skipped"}
    count = {v: sum(r.verdict == v for r in results) for v in bad}
    head = (f'<testsuite name={_attr(suite)} tests="{len(results)}" '
            f'failures="{count[FAIL]}" errors="{count[CRASH]}" '
            f'skipped="{count[SKIPPED]}" '
            f'time="{sum(r.seconds for r in results):.3f}">')
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", head]
    for r in results:
        lines.append(f'<testcase classname={_attr(suite)} name={_attr(r.name)} '
                     f'time="{r.seconds:.3f}">')
        if r.verdict in bad:
            lines.append(f"<{bad[r.verdict]} message={_attr(r.why)}/>")
        if r.output:
            lines.append(f"<system-out>{_text(r.output)}</system-out>")
        lines.append("</testcase>")
    return "\n".join(lines + ["</testsuite>", "</testsuites>"]) + "\n"
