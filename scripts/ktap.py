#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""ktap.py LOG... - count the results of test programs in a console log

Between "axas-run: begin NAME" and "axas-run: end NAME STATUS [SECONDS]" a log
holds the KTAP (or TAP 13) of one program.  Prints each failure with its
diagnostics and each skipped case with its reason, which programs took longest,
and last "passed P failed F skipped S".

A result that the plan promises and the log lacks is a failure; so is a program
without a plan, one that did not end, and one whose exit status says failure
when its results do not.  Of nested results only the leaves count.

  --list   only print what failed and what was skipped, over the whole log
           (no begin and end lines needed), as for a log of KUnit
"""
import re
import sys

RESULT = re.compile(r"^(\s*)(ok|not ok) (\d+)\s*(.*)$")
PLAN = re.compile(r"^(\s*)1\.\.(\d+)(\s*#\s*SKIP\s*(.*))?\s*$", re.I)
BEGIN = re.compile(r"^axas-run: begin (\S+)\s*$")
END = re.compile(r"^axas-run: end (\S+) (\d+)(?: (\d+))?\s*$")
STAMP = re.compile(r"^(<\d+>)?\[\s*\d+\.\d+\](\[\s*[TC]\d+\])? ?")
SKIP = re.compile(r"#\s*skip\s*(.*)$", re.I)
REPORT = re.compile(r"\b(BUG|WARNING|Oops|Unable to handle)\b|possible .* detected")
SHOWN = 25


class Program:
    """The results of one program."""

    def __init__(self, name):
        self.name = name
        self.plans = {}
        self.seen = {}
        self.leaves = {}
        self.passed = self.failed = self.skipped = 0
        self.planned = False
        self.ended = None
        self.seconds = 0
        self.diag = []
        self.notes = []
        self.skips = {}

    def fail(self, text, count=1):
        self.failed += count
        self.notes.append(f"FAILED  {self.name}: {text}")
        # A report of the kernel says most where it begins, a program where it ends.
        begin = next((i for i, d in enumerate(self.diag) if REPORT.search(d)),
                     max(0, len(self.diag) - SHOWN))
        self.notes += ["        " + d for d in self.diag[begin:begin + SHOWN]]
        self.diag = []

    def close_below(self, depth):
        """Check the plans deeper than DEPTH; return the leaves they held."""
        leaves = 0
        for d in [d for d in self.plans if d > depth]:
            missing = self.plans.pop(d) - self.seen.get(d, 0)
            if missing > 0:
                self.fail(f"{missing} planned results are missing", missing)
        for d in [d for d in self.seen if d > depth]:
            leaves += self.leaves.pop(d, 0)
            del self.seen[d]
        return leaves

    def line(self, text):
        m = PLAN.match(text)
        if m:
            depth = len(m.group(1))
            self.close_below(depth)
            self.plans[depth] = self.plans.get(depth, 0) + int(m.group(2))
            self.planned = True
            if m.group(3) and int(m.group(2)) == 0:
                self.skip("all", m.group(4))
            return
        m = RESULT.match(text)
        if not m:
            if text.strip():
                self.diag.append(text.rstrip())
            return
        depth, good, rest = len(m.group(1)), m.group(2) == "ok", m.group(4)
        failed_before = self.failed
        inner = self.close_below(depth)
        self.seen[depth] = self.seen.get(depth, 0) + 1
        name = rest.split(" # ")[0].strip() or m.group(3)
        name = re.sub(r"^- ", "", name)
        skip = SKIP.search(rest)
        if inner:
            if not good and self.failed == failed_before and not self.sub_failed:
                self.fail(name)
                inner += 1
            self.leaves[depth] = self.leaves.get(depth, 0) + inner
            self.sub_failed = False
        else:
            self.leaves[depth] = self.leaves.get(depth, 0) + 1
            if not good:
                self.fail(name)
                self.sub_failed = True
            elif skip:
                self.skip(name, skip.group(1))
            else:
                self.passed += 1
        self.diag = []

    sub_failed = False

    def skip(self, name, reason):
        self.skipped += 1
        self.skips.setdefault(reason or "no reason given", []).append(name)

    def report(self):
        for reason, names in self.skips.items():
            what = ", ".join(names)
            if len(names) > 3:
                what = f"{len(names)} cases, {names[0]} to {names[-1]}"
            print(f"  skipped {self.name}: {what}: {reason}")
        for note in self.notes:
            print("  " + note)

    def finish(self, need_end=True):
        self.close_below(-1)
        if not need_end:
            return
        if self.ended is None:
            self.fail("did not end (a crash, or out of time)")
        elif not self.planned:
            self.fail(f"printed no plan (exit status {self.ended})")
        elif self.ended not in (0, 4) and not self.failed:
            self.fail(f"exit status {self.ended}, though no result says so")


def main():
    args = sys.argv[1:]
    if not args or args[0] in ("-h", "--help"):
        print(__doc__.strip())
        return 0 if args else 2
    whole = args[0] == "--list"
    programs = []
    for path in args[1:] if whole else args:
        current = Program("kunit") if whole else None
        with open(path, errors="replace") as log:
            for raw in log:
                # Progress that was wiped from its line.
                text = raw.rstrip("\r\n").rsplit("\x1b[K", 1)[-1]
                m = None if whole else BEGIN.match(text)
                if m:
                    if current:
                        programs.append(current)
                    current = Program(m.group(1))
                    continue
                m = None if whole else END.match(text)
                if m and current:
                    current.ended, current.seconds = int(m.group(2)), int(m.group(3) or 0)
                    programs.append(current)
                    current = None
                    continue
                if current:
                    current.line(STAMP.sub("", text))
        if current:
            programs.append(current)
    for p in programs:
        p.finish(need_end=not whole)
        p.report()
    if len(programs) > 1:
        slow = sorted(programs, key=lambda p: -p.seconds)[:12]
        print("  longest: " + ", ".join(f"{p.name} {p.seconds} s" for p in slow))
    if not whole:
        print("passed %d failed %d skipped %d" % (
            sum(p.passed for p in programs), sum(p.failed for p in programs),
            sum(p.skipped for p in programs)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
