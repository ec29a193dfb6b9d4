# SPDX-License-Identifier: GPL-2.0
"""axas-vmm where there is no module; with one it is run by scripts/demo-guest.sh."""
import os
import re
import unittest

from base import OUT, run


@unittest.skipUnless(os.path.exists(OUT + "/axas-vmm"), "its guests are x86's")
class Vmm(unittest.TestCase):
    def fails(self, pattern, *args):
        r = run(OUT + "/axas-vmm", *args, check=False)
        self.assertEqual((r.returncode, r.stdout), (125, ""), args)
        self.assertRegex(r.stderr, pattern, args)

    def test_mistakes_are_named(self):
        for pattern, *args in (
                ("--ram 4X: not a size", "--ram", "4X"),
                ("--ram : not a size", "--ram", ""),
                ("--ram -4M: not a size", "--ram", "-4M"),
                ("--ram 4MB: not a size", "--ram", "4MB"),
                ("--ram 99999999999999999999: not a size", "--ram", "99999999999999999999"),
                ("--ram 3M: not 4M to 3G", "--ram", "3M"),
                ("--ram 4G: not 4M to 3G", "--ram", "4G"),
                ("--ram 17179869188G: not 4M to 3G", "--ram", "17179869188G"),
                ("--ram 4194305: not 4M to 3G, by 4096", "--ram", "4194305"),
                ("--leaf 1G: not 4K or 2M", "--leaf", "1G"),
                ("more than one KERNEL", "a", "b"),
                ("--initrd and --append are for a KERNEL", "--initrd", "a")):
            self.fails(re.escape(pattern), *args)

    @unittest.skipIf(os.path.exists("/dev/axas"), "there is /dev/axas")
    def test_no_module(self):
        for args in ([], ["--ram=3G", "--leaf=2M"], ["vmlinuz", "--append", "quiet"]):
            self.fails("/dev/axas: No such file or directory: load the module", *args)
