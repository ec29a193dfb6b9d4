# SPDX-License-Identifier: GPL-2.0
"""Manual pages and completions."""
import os
import re
import tempfile
import unittest

from base import HERE, TOOLS, ctl, read, run


class Pages(unittest.TestCase):
    def test_man_pages_are_clean(self):
        for page in ("ctl/axasctl.1", "replay/axas-replay.1", "lib/axas.3"):
            r = run("groff", "-man", "-ww", "-z", "-Tutf8", f"{TOOLS}/{page}")
            self.assertEqual(r.stderr, "", page)

    def test_man_page_and_completion_have_all_options(self):
        with open(TOOLS + "/ctl/axasctl.1", encoding="utf-8") as f:
            page = f.read().replace("\\-", "-")
        with open(TOOLS + "/ctl/axasctl.bash", encoding="utf-8") as f:
            completion = f.read()
        for command in ("info", "list", "stats", "dump", "map", "watch"):
            out = ctl(command, "--help").stdout
            for option in re.findall(r"--[a-z][a-z-]*", out):
                self.assertIn(option, page)
                if option != "--usage":
                    self.assertIn(option, completion)

    def complete(self, *words, **kw):
        script = ('. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _axasctl; '
                  'echo "${COMPREPLY[*]}"')
        return run("bash", "-c", script, "-", TOOLS + "/ctl/axasctl.bash", "axasctl", *words,
                   env={"AXAS_DEBUGFS": HERE + "/spaces"}, **kw).stdout.split()

    def test_completion(self):
        self.assertEqual(self.complete("wa"), ["watch"])
        self.assertEqual(self.complete("map", ""),
                         ["--json", "--help", "--svg", "--width", "--font-size", "--title",
                          "--no-title", "--scale", "3"])
        self.assertEqual(self.complete("map", "--scale", "=", "l"), ["log"])
        self.assertEqual(self.complete("map", "--title", ""), [])
        self.assertEqual(self.complete("watch", "--c"), ["--count"])
        self.assertEqual(self.complete("info", "3"), [])
        with tempfile.TemporaryDirectory() as tmp:
            for name in ("a.svg", "also", "b"):
                os.mkdir(f"{tmp}/{name}")
            for before in (["--svg"], ["--svg", "="], ["3", "--svg", "="]):
                self.assertEqual(self.complete("map", *before, "a", cwd=tmp), ["a.svg", "also"])
            self.assertEqual(sorted(self.complete("map", "--svg", "=", cwd=tmp)),
                             ["a.svg", "also", "b"])
        self.assertEqual(self.complete("watch", "--count", "="), [])
        self.assertEqual(self.complete("watch", "--count", "=", "3"), [])
