# SPDX-License-Identifier: GPL-2.0
"""Traces that axas-replay reads and writes, which takes no module."""
import gzip
import os
import random
import re
import shutil
import subprocess
import tempfile
import unittest

from base import OUT, TOOLS, run

MAGIC = b"AXASTRC1"
KINDS = ("I ", " L", " S", " M")


def decode(data):
    """Records as the manual page has them: (kind, address, size) of each access."""
    assert data[:8] == MAGIC
    at, last, found = 8, [0, 0], []

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while True:
        head = data[at]
        at += 1
        size = head >> 3 or number()
        if not size:
            assert number() == len(found) and at == len(data)
            return found
        kind, side = head & 3, bool(head & 3)
        step = 0 if head & 4 else number()
        addr = last[side] + (-(step + 1) // 2 if step & 1 else step // 2) & (1 << 64) - 1
        last[side] = addr + size
        found.append((KINDS[kind], addr, size))


def lines_of(accesses):
    return "".join(f"{kind} {addr:08x},{size}\n" for kind, addr, size in accesses).encode()


def some_accesses(nr):
    rng = random.Random(nr)
    at = 0x400000
    for _ in range(nr):
        kind = rng.choice(KINDS)
        if kind == "I " and rng.random() < 0.9:
            size = rng.randrange(1, 16)
            yield kind, at, size
            at += size
        else:
            size = rng.choice((1, 2, 4, 8, 16, 31, 32, 64, 512, 4096))
            yield kind, rng.randrange(1 << rng.choice((12, 32, 47, 63))), size


class Trace(unittest.TestCase):
    def setUp(self):
        tmp = tempfile.TemporaryDirectory()
        self.addCleanup(tmp.cleanup)
        self.dir = tmp.name

    def put(self, data, name="trace"):
        with open(f"{self.dir}/{name}", "wb") as f:
            f.write(data)
        return f"{self.dir}/{name}"

    def convert(self, trace, *options, status=0, to="out", **kw):
        r = subprocess.run([OUT + "/axas-replay", "--convert", f"{self.dir}/{to}", *options, trace],
                           stderr=subprocess.PIPE, check=False, timeout=100, **kw)
        self.assertEqual(r.returncode, status, r.stderr)
        with open(f"{self.dir}/{to}", "rb") as f:
            return f.read(), r.stderr.decode()

    def test_a_real_one(self):
        """Each line of the one in the tree, in less than two bytes."""
        with gzip.open(TOOLS + "/traces/true.trace.gz") as f:
            text = f.read()
        want = [(kind, int(addr, 16), int(size)) for kind, addr, size in
                re.findall(r"^(I | [LSM]) ([0-9a-f]+),([0-9]+)$", text.decode(), re.M)]
        data, said = self.convert(self.put(text))
        self.assertTrue(decode(data) == want)
        self.assertEqual(said, "")
        self.assertLess(len(data), 2 * len(want))

    def test_all_that_there_can_be(self):
        want = list(some_accesses(20000))
        want += [("I ", (1 << 64) - 4097, 4096), (" L", 0, 1), (" M", (1 << 64) - 2, 1)]
        text = lines_of(want)
        data, _ = self.convert(self.put(text))
        self.assertTrue(decode(data) == want)
        self.assertEqual(self.convert(self.put(data), to="again")[0], data)
        self.assertEqual(self.convert(self.put(text.replace(b"\n", b"\r\n")))[0], data)
        # Pipes on both sides
        with subprocess.Popen(["cat", self.put(text)], stdout=subprocess.PIPE) as cat:
            r = subprocess.run([OUT + "/axas-replay", "--convert", "-", "-"], stdin=cat.stdout,
                               stdout=subprocess.PIPE, check=True)
        self.assertEqual(r.stdout, data)
        self.assertTrue(decode(self.convert(self.put(text), "--limit", "77")[0]) == want[:77])

    def test_what_is_no_access_is_skipped(self):
        text = b"==1== Lackey\n\nI  1000,4\n L\nJ  1,1\n" + 300000 * b"x" + b" S 5,1\n S 2000,8"
        data, said = self.convert(self.put(text))
        self.assertEqual(decode(data), [("I ", 0x1000, 4), (" S", 0x2000, 8)])
        self.assertEqual(said, "")

    def test_a_cut_line_is_left_out(self):
        text = b"I  1000,4\n L 2000,8\n S 30"
        data, said = self.convert(self.put(text))
        self.assertEqual(decode(data), [("I ", 0x1000, 4), (" L", 0x2000, 8)])
        self.assertRegex(said, "^axas-replay: .*the last line, 3, is cut short; leaving it out\n$")

    def test_what_drmemtrace_prints(self):
        """The view of DynamoRIO's traces, with all that stands between accesses."""
        text = b"""Output format:
<--record#-> <--instr#->: <---tid---> <record details>
------------------------------------------------------------
           1           0:        7001 <marker: version 5>
           2           1:        7001 ifetch       5 byte(s) @ 0x0000000000401a00 48 8b 5c 24 08       mov    0x08(%rsp)[8byte] -> %rbx
           3           1:        7001 read         8 byte(s) @ 0x00007ffd00001238 by PC 0x0000000000401a00
           4           2:    W0.T7002 ifetch      10 byte(s) @ 0x0000000000401a05 48 b8 00 10 00 00 00 mov    $0x1000 -> %rax
                            W0.T7002                                            00 00 00
           5           2:        7002 pref-r-L1   64 byte(s) @ 0x0000000000601000 by PC 0x0000000000401a05
T7001 write       32 byte(s) @ 0x00007ffd00001ff0 by PC 0x0000000000401a05
           6           3:        7001 ifetch       2 byte(s) @ 0x0000000000401a0f non-branch
           7           4:        7001 ifetch       2 byte(s) @ 0x0000000000401a0f non-fetched instruction
           8           4:        7001 <thread 7001 exited>
View tool results:
              3 : total instructions
"""
        want = [("I ", 0x401a00, 5), (" L", 0x7ffd00001238, 8), ("I ", 0x401a05, 10), (" S", 0x7ffd00001ff0, 32),
                ("I ", 0x401a0f, 2)]
        data, said = self.convert(self.put(text))
        self.assertEqual(decode(data), want)
        self.assertEqual(said, "")
        self.cut_anywhere(text, want)

    def test_what_pinatrace_prints(self):
        """Both tools of that name; the first one knows no sizes."""
        text = b"""#
# Memory Access Trace Generated By Pin
#
0x401a00: R 0x7ffd00001238
0x401a05: W 0x7ffd00001fff
0x0000000000401a0a:  R     0x0000000000601000  8 0x10
0x401a0a: W 0x601ffe 16 0x0011223344556677
#eof
"""
        want = [(" L", 0x7ffd00001238, 1), (" S", 0x7ffd00001fff, 1), (" L", 0x601000, 8), (" S", 0x601ffe, 16)]
        data, said = self.convert(self.put(text))
        self.assertEqual(decode(data), want)
        self.assertEqual(said, "")
        self.cut_anywhere(text, want)

    def cut_anywhere(self, text, want):
        """No access is made of a part of one, and that one was cut is said."""
        for length in range(text.index(b"401a05"), len(text)):
            whole, _, lost = text[:length].rpartition(b"\n")
            nr = len(re.findall(rb"(ifetch|read|write) .*@(?!.*non-fetched)|: +[RW] ", whole))
            data, said = self.convert(self.put(text[:length]))
            self.assertEqual(decode(data), want[:nr], text[:length])
            warning = "^axas-replay: .*the last line, [0-9]+, is cut short; leaving it out\n$" if lost else "^$"
            self.assertRegex(said, warning)

    def test_a_cut_file_has_what_there_is(self):
        want = list(some_accesses(50))
        data, _ = self.convert(self.put(lines_of(want)))
        ends = set()
        for length in range(24, len(data)):
            part, said = self.convert(self.put(data[:length]), to="part")
            found = decode(part)
            ends.add(len(found))
            self.assertTrue(found == want[:len(found)])
            self.assertIn(f"is cut short behind access {len(found)}; taking what there is", said)
        self.assertEqual(ends, set(range(min(ends), 51)))

    def test_mistakes_are_named(self):
        good, _ = self.convert(self.put(b"I  1000,4\n"))
        for data, error in (
                (b"", "holds no access"), (b"==1==\n", "holds no access"),
                (b"I  1000,0\n", "line 1: not an access of 1 to 4096 bytes: I  1000,0"),
                (b"I  1000,4\n L 10,4097\n", "line 2: not an access"), (b" L 1x,4\n", "line 1"),
                (b" L ,4\n", "line 1"), (b" L 10,4 \n", "line 1"), (b" L 10\n", "line 1"),
                (b" L 10000000000000000,4\n", "line 1"), (b" L ffffffffffffffff,4\n", "line 1"),
                (b" L 1,99999999999999999999999\n", "line 1"),
                (b"0x1: R 0x1\n0x1: W 0x\n", "line 2: not an access"), (b"0x1: R 0x10z\n", "line 1"),
                (b"0x1: W 0x1 0 0x1\n", "line 1"), (b"0x1: W 0x10000000000000000\n", "line 1"),
                (b"T1 read  8 byte(s) @ 0xg\n", "line 1"), (b"T1 read  0 byte(s) @ 0x10 by\n", "line 1"),
                (b"T1 read  x byte(s) @ 0x10 by\n", "holds no access"),
                (gzip.compress(b"I  1000,4\n"), "is compressed; try: zcat"),
                (good[:-1] + b"\2", "says that it has 2 accesses, but has 1"),
                (MAGIC + b"\0\x81\x20\0", "access 1: not of 1 to 4096 bytes"),
                (MAGIC + b"\x08" + 10 * b"\xff", "a number of more than 64 bits")):
            self.assertIn(error, self.convert(self.put(data), status=2)[1], data)
        self.assertIn("cannot open", self.convert(self.dir + "/none", status=2)[1])
        r = run(OUT + "/axas-replay", "--convert", self.dir, self.put(good), check=False)
        self.assertEqual(r.returncode, 2)
        self.assertIn("cannot write", r.stderr)

    def test_zstd(self):
        if not shutil.which("zstd"):
            self.skipTest("no zstd here")
        want = list(some_accesses(50000))
        text = lines_of(want)
        packed = subprocess.run(["zstd", "-c"], input=text, stdout=subprocess.PIPE, check=True).stdout
        r = run(OUT + "/axas-replay", "--convert", self.dir + "/out", self.put(packed), check=False)
        if "try: zstdcat" in r.stderr:
            self.skipTest("built without libzstd")
        data, _ = self.convert(self.put(text))
        self.assertEqual(self.convert(self.put(packed))[0], data)
        # One behind the other, as zstd takes them.
        self.assertTrue(decode(self.convert(self.put(packed + packed))[0]) == want + want)
        own, _ = self.convert(self.put(text), to="out.zst")
        self.assertEqual(subprocess.run(["zstd", "-dc"], input=own, stdout=subprocess.PIPE, check=True).stdout, data)
        self.assertEqual(self.convert(self.put(own))[0], data)
        part, said = self.convert(self.put(packed[:len(packed) - 5]))
        self.assertIn("compressed data are cut short; taking what there is", said)
        found = decode(part)
        self.assertTrue(found == want[:len(found)])
        self.assertIn("trace: ", self.convert(self.put(packed[:500] + b"xxxx" + packed[504:]), status=2)[1])

    def test_memory_does_not_follow_length(self):
        def peak(nr):
            with open(self.dir + "/long", "wb") as f:
                for _ in range(nr):
                    f.write(text)
            pid = os.spawnv(os.P_NOWAIT, OUT + "/axas-replay",
                            ["axas-replay", "--convert", "/dev/null", self.dir + "/long"])
            _, status, usage = os.wait4(pid, 0)
            self.assertEqual(status, 0)
            return usage.ru_maxrss

        text = lines_of(some_accesses(10000))
        self.assertLess(peak(400), peak(1) + 1024)
