# SPDX-License-Identifier: GPL-2.0
"""axas-migrate where there is no module; the rest is in live/migrate.c."""
import os
import tempfile
import unittest

from base import OUT, run


class Migrate(unittest.TestCase):
    def fails(self, status, pattern, *args):
        r = run(OUT + "/axas-migrate", *args, check=False)
        self.assertEqual((r.returncode, r.stdout), (status, ""), args)
        self.assertRegex(r.stderr, pattern, args)

    def test_mistakes_are_named(self):
        for pattern, *args in (
                ("give send or receive",),
                ("give send or receive", "send"),
                ("move: not send or receive", "move", "s"),
                ("c: one argument too many", "send", "s", "c"),
                ("which guest", "send", "s"),
                ("which guest", "send", "s", "--pid", "1", "--load", "1"),
                ("--then is for receive", "send", "s", "--load", "1", "--then", "true"),
                ("--rounds is for send", "receive", "s", "--rounds", "3"),
                ("--stop is for --pid", "send", "s", "--load", "1", "--stop", "true"),
                ("--load 65: not a number from 1 to 64", "send", "s", "--load", "65"),
                ("--size: not a multiple", "send", "s", "--load", "1", "--size", "300001"),
                ("--size 1X: not a number", "send", "s", "--load", "1", "--size", "1X"),
                ("--downtime nan: not from 0", "send", "s", "--load", "1", "--downtime", "nan")):
            self.fails(2, pattern, *args)

    @unittest.skipIf(os.path.exists("/dev/axas"), "the module is loaded")
    def test_without_a_module(self):
        with tempfile.TemporaryDirectory() as tmp:
            for args in (("receive", tmp + "/s"), ("send", tmp + "/s", "--load", "1")):
                self.fails(1, "^axas-migrate: /dev/axas: No such file", *args)
            self.assertEqual(os.listdir(tmp), [])
