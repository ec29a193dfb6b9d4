#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""check.py OUT - test the programs and the library in OUT without a module

axasctl reads spaces/ here instead of debugfs. What it should show is worked out
by the tests, from the same text, page by page. Prints TAP.
"""
import os
import sys
import unittest

sys.dont_write_bytecode = True


class Tap(unittest.TestResult):
    """Results as TAP."""

    def __init__(self, nr):
        super().__init__()
        self.n = 0
        print(f"TAP version 13\n1..{nr}")

    def line(self, test, ok, note=""):
        self.n += 1
        name = ".".join(test.id().split(".")[-2:])
        print(f"{'ok' if ok else 'not ok'} {self.n} {name}{note}", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.line(test, True)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line(test, True, f" # SKIP {reason}")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        for text in self.failures[-1][1].splitlines():
            print("# " + text)
        self.line(test, False)

    addError = addFailure


def main():
    suite = unittest.defaultTestLoader.discover(os.path.dirname(os.path.abspath(__file__)))
    result = Tap(suite.countTestCases())
    suite.run(result)
    return not result.wasSuccessful()


if __name__ == "__main__":
    sys.exit(main())
