# SPDX-License-Identifier: GPL-2.0
"""axas-run where there is no module; the rest is in live/run.c."""
import os
import re
import unittest

from base import OUT, TOOLS, TREE, read, run


def axas_run(*args, **kw):
    return run(OUT + "/axas-run", *args, check=False, **kw)


class Run(unittest.TestCase):
    def fails(self, pattern, *args, **kw):
        r = axas_run(*args, **kw)
        self.assertEqual((r.returncode, r.stdout), (125, ""), args)
        self.assertRegex(r.stderr, pattern, args)

    def test_mistakes_are_named(self):
        for pattern, *args in (
                ("no memory: give --ram SIZE", "true"),
                ("no COMMAND", "--ram", "4K"),
                ("no COMMAND", "--ram", "4K", "--"),
                ("--ram 4X: not SIZE or SIZE@GPA", "--ram", "4X", "true"),
                ("--ram : not SIZE", "--ram", "", "true"),
                ("--ram -4K: not SIZE", "--ram", "-4K", "true"),
                ("--ram 4K@: not SIZE", "--ram", "4K@", "true"),
                ("--ram 4K@1G4: not SIZE", "--ram", "4K@1G4", "true"),
                ("--ram 16777216T: not SIZE", "--ram", "16777216T", "true"),
                ("--ram 5: SIZE and GPA must be multiples of 4096", "--ram", "5", "true"),
                ("--ram 0: SIZE and GPA must be multiples of 4096, and SIZE not 0", "--ram", "0", "true"),
                ("--ram 4K@1: SIZE and GPA", "--ram", "4K@1", "true"),
                ("--ram 8K@0xfffffffffffff000: ends beyond", "--ram", "8K@0xfffffffffffff000", "true"),
                ("--ram 8K@0: meets --ram 4K@4K", "--ram", "4K@4K", "--ram", "8K@0", "true"),
                ("--ram 4K@4K: meets --ram 8K", "--ram", "8K", "--ram", "4K@4K", "true"),
                ("--ram: more than 32", *["--ram", "4K"] * 33, "true"),
                ("--leaf 1G: not 4K or 2M", "--leaf", "1G", "--ram", "4K", "true")):
            self.fails(re.escape(pattern), *args)

    def test_a_descriptor_is_in_use(self):
        fd = os.open("/dev/null", os.O_RDONLY)
        try:
            self.fails("descriptor 10 is in use.*close it", "--ram", "4K", "true",
                       close_fds=False, preexec_fn=lambda: os.dup2(fd, 10))
        finally:
            os.close(fd)

    @unittest.skipIf(os.path.exists("/dev/axas"), "there is /dev/axas")
    def test_no_module(self):
        for args in (["--ram", "4K", "true"], ["--ram=4G@4G", "--", "true", "--ram"]):
            self.fails("/dev/axas: No such file or directory: load the module", *args)

    def test_the_line_for_qemu_is_one(self):
        """In the help, in the manual page and in the README."""
        def lines(text):
            text = re.sub(r"\\\n\s*", "", text)
            return {" ".join(line.replace("\\", "").split())
                    for line in re.findall(r"axas-run --ram 4G -- qemu.*?memory-backend=m\b", text)}

        help_text = axas_run("--help").stdout
        page = read(TOOLS + "/run/axas-run.1").replace("\\e\n", "\\\n").replace("\\-", "-")
        texts = [lines(text) for text in (help_text, page, read(TREE + "/README.md"))]
        self.assertEqual(len(texts[0]), 1)
        self.assertEqual(texts, [texts[0]] * 3)
        self.assertIn("mem-path=/proc/self/fd/10,share=on", texts[0].pop())
