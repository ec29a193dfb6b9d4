# SPDX-License-Identifier: GPL-2.0
"""axas-vmm where there is no module; with one it is run by scripts/demo-guest.sh."""
import os
import pty
import re
import signal
import subprocess
import termios
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
                ("--serial ttyS0: not port or mmio", "--serial", "ttyS0"),
                ("more than one KERNEL", "a", "b"),
                ("--initrd and --append are for a KERNEL", "--initrd", "a")):
            self.fails(re.escape(pattern), *args)

    @unittest.skipIf(os.path.exists("/dev/axas"), "there is /dev/axas")
    def test_no_module(self):
        for args in ([], ["--ram=3G", "--leaf=2M", "--serial=mmio"], ["vmlinuz", "--append", "quiet"]):
            self.fails("/dev/axas: No such file or directory: load the module", *args)

    def killed(self, tty, sig):
        """Its exit status, after a signal as soon as it has made the terminal raw."""
        # Whoever runs this may ignore it, as nohup does.
        with subprocess.Popen(OUT + "/axas-vmm", stdin=tty, stderr=subprocess.DEVNULL,
                              preexec_fn=lambda: signal.signal(sig, signal.SIG_DFL)) as p:
            while p.poll() is None and termios.tcgetattr(tty)[3] & termios.ICANON:
                pass
            p.send_signal(sig)
        return p.returncode

    def test_a_signal_leaves_the_terminal_as_it_was(self):
        for sig in signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM:
            master, tty = pty.openpty()
            was = termios.tcgetattr(tty)
            # It looks at its clock for some 50 ms first; where that is over, again.
            self.assertTrue(any(self.killed(tty, sig) == -sig for _ in range(50)), sig)
            self.assertEqual(termios.tcgetattr(tty), was, sig)
            os.close(master)
            os.close(tty)
