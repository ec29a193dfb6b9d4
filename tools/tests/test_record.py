# SPDX-License-Identifier: GPL-2.0
"""axas-trace, beside what valgrind's lackey says itself."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from base import OUT
from test_trace import decode

# Threads that take turns on a core of lackey's: pages that only one of them touches.
THREADS = r"""
#include <pthread.h>
#include <stdlib.h>
static char *part[3];
static void *run(void *arg)
{
	char *p = arg;
	int i, n;
	for (n = 0; n < 40; n++)
		for (i = 0; i < 16; i++)
			((volatile char *)p)[i << 12] = n;
	return NULL;
}
int main(void)
{
	pthread_t t[3];
	int i;
	for (i = 0; i < 3; i++) {
		part[i] = aligned_alloc(4096, 16 << 12);
		pthread_create(&t[i], NULL, run, part[i]);
	}
	for (i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	return 7;
}
"""


class Record(unittest.TestCase):
    def setUp(self):
        tmp = tempfile.TemporaryDirectory()
        self.addCleanup(tmp.cleanup)
        self.dir = tmp.name

    def trace(self, *args, status=0, **kw):
        r = subprocess.run([OUT + "/axas-trace", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           check=False, timeout=300, cwd=self.dir, **kw)
        self.assertEqual(r.returncode, status, r.stderr)
        return r.stdout, r.stderr.decode()

    def lackey(self, *command):
        """Accesses as lackey prints them."""
        log = self.dir + "/log"
        # The name of the directory is in its environment, and so on its stack.
        subprocess.run(["valgrind", "--tool=lackey", "--trace-mem=yes", "--log-file=" + log, *command],
                       check=True, cwd=self.dir, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(log, encoding="ascii") as f:
            return [(kind, int(addr, 16), int(size)) for kind, addr, size in
                    re.findall(r"^(I | [LSM]) ([0-9a-f]+),([0-9]+)$", f.read(), re.M)]

    def needs_valgrind(self):
        if not shutil.which("valgrind"):
            self.skipTest("no valgrind here")

    def shape(self, accesses):
        """Where things are mapped may differ from run to run."""
        return [(kind, size) for kind, _, size in accesses]

    def test_each_access_once(self):
        """But for what the kernel places or makes at random."""
        self.needs_valgrind()
        data, said = self.trace("-o", "-", "true")
        got, want = decode(data), self.lackey("true")
        self.assertEqual(len(got), len(want))
        self.assertTrue(self.shape(got) == self.shape(want))
        self.assertLess(sum(a != b for a, b in zip(got, want)), len(want) // 20)
        code = sum(kind == "I " for kind, *_ in want)
        self.assertIn(f"-: {code} fetches, {len(want) - code} loads and stores", said)

    def test_parts_of_it(self):
        self.needs_valgrind()
        want = self.shape(decode(self.trace("-o", "-", "true")[0]))
        for side, choose in (("code", lambda kind: kind == "I "), ("data", lambda kind: kind != "I ")):
            part = [a for a in want if choose(a[0])]
            for args, some in (((), part), (("--skip", "100"), part[100:]), (("--limit", "77"), part[:77]),
                               (("--skip=5", "--limit=9"), part[5:14])):
                got = decode(self.trace("--only", side, *args, "-o", "-", "--", "true")[0])
                self.assertTrue(self.shape(got) == some, (side, args))

    def test_the_program_is_itself(self):
        """Its input, its output, its arguments and its status."""
        self.needs_valgrind()
        data, _ = self.trace("-o", "t.axt", "sh", "-c", 'read x; echo "$x $1"; exit 3', "--", "--skip",
                             input=b"word\n", status=3)
        self.assertEqual(data, b"word --skip\n")
        self.assertTrue(os.path.getsize(self.dir + "/t.axt"))
        self.trace("-o", "t.axt", "sh", "-c", "kill -9 $$", status=128 + 9)
        # A program without an end ends at the limit.
        self.trace("-o", "t.axt", "--limit=1000", "sh", "-c", "while :; do :; done")

    def test_name_of_the_file(self):
        self.needs_valgrind()
        self.trace("--limit=10", "true")
        (name,) = os.listdir(self.dir)
        self.assertRegex(name, r"^true\.axt(\.zst)?$")
        with open(f"{self.dir}/{name}", "rb") as f:
            self.assertEqual(f.read(4), b"\x28\xb5\x2f\xfd" if name.endswith("zst") else b"AXAS")

    def test_threads(self):
        self.needs_valgrind()
        if not shutil.which("cc"):
            self.skipTest("no compiler here")
        subprocess.run(["cc", "-pthread", "-x", "c", "-", "-o", self.dir + "/threads"], check=True,
                       input=THREADS.encode())
        found = decode(self.trace("-o", "-", "./threads", status=7)[0])
        stores = {}
        for kind, addr, size in found:
            if kind == " S" and size == 1 and not addr & 4095:
                stores[addr] = stores.get(addr, 0) + 1
        self.assertEqual(sum(n == 40 for n in stores.values()), 3 * 16)

    def test_mistakes_are_named(self):
        for error, *args in (("no PROGRAM",), ("no PROGRAM", "--"), ("--only x: not code or data", "--only=x", "true"),
                             ("--limit 0", "--limit=0", "true"), ("--skip -1: not a number", "--skip=-1", "true"),
                             ("cannot write /none/x", "-o", "/none/x", "true")):
            self.assertIn(error, self.trace(*args, status=125)[1])
        said = self.trace("true", status=125, env={"PATH": self.dir})[1]
        self.assertIn("cannot run valgrind: No such file or directory; install it", said)
        self.assertEqual(os.listdir(self.dir), [])
        self.needs_valgrind()
        said = self.trace("-o", "t.axt", "./none", status=127)[1]
        self.assertIn("./none made no access that was to be recorded", said)
        self.assertEqual(os.listdir(self.dir), [])
