# SPDX-License-Identifier: GPL-2.0
"""The model of a machine in axas-replay, beside small ones that know nothing of it."""
import collections
import random
import re
import shutil
import subprocess
import tempfile
import unittest

from base import LEAF, OUT, read, run

SIDES = ("code", "data")


def model(*args, text="", check=True):
    return run(OUT + "/model", *args, input=text, check=check)


class Lru:
    """One cache: a dictionary per set, in the order of last use."""

    def __init__(self, sets, ways):
        self.sets = [collections.OrderedDict() for _ in range(sets)]
        self.ways = ways

    def has(self, size, page):
        line = self.sets[page % len(self.sets)]
        if (size, page) not in line:
            return False
        line.move_to_end((size, page))
        return True

    def put(self, size, page):
        line = self.sets[page % len(self.sets)]
        line[size, page] = True
        if len(line) > self.ways:
            line.popitem(last=False)


class Tlbs:
    """Levels, each a list of (sides, sizes, sets, ways)."""

    def __init__(self, levels):
        self.levels = [[(sides, sizes, Lru(sets, ways)) for sides, sizes, sets, ways in level]
                       for level in levels]

    @staticmethod
    def place(level, side, leaf):
        """The largest size, up to that of the leaf, that the level has place for."""
        for size in sorted(LEAF, key=LEAF.get, reverse=True):
            for sides, sizes, cache in level:
                if LEAF[size] <= LEAF[leaf] and side in sides and size in sizes:
                    return cache, LEAF[size]
        return None, 0

    def access(self, side, addr, leaf):
        missed = []
        hit = 0
        for n, level in enumerate(self.levels):
            cache, size = self.place(level, side, leaf)
            if cache and cache.has(size, addr // size):
                hit = n + 1
                break
            if cache:
                missed.append((cache, size))
        for cache, size in missed:
            cache.put(size, addr // size)
        return hit


# What is given, and what it means.
CACHES = {
    "64": [[(SIDES, ("4K", "2M", "1G"), 16, 4)]],
    "4K:4x2": [[(SIDES, ("4K",), 4, 2)]],
    "i4K:2x1,d4K+2M:2x3": [[(("code",), ("4K",), 2, 1), (("data",), ("4K", "2M"), 2, 3)]],
    "2M:2x2/4K:8x2": [[(SIDES, ("2M",), 2, 2)], [(SIDES, ("4K",), 8, 2)]],
    "i4K:16x8,i2M:1x8,d4K:16x4,d2M:8x4,d1G:1x4/4K+2M:128x12,1G:4x4": [
        [(("code",), ("4K",), 16, 8), (("code",), ("2M",), 1, 8), (("data",), ("4K",), 16, 4),
         (("data",), ("2M",), 8, 4), (("data",), ("1G",), 1, 4)],
        [(SIDES, ("4K", "2M"), 128, 12), (SIDES, ("1G",), 4, 4)]],
}
CPUS = {
    "skylake": CACHES["i4K:16x8,i2M:1x8,d4K:16x4,d2M:8x4,d1G:1x4/4K+2M:128x12,1G:4x4"],
    "zen": [[(("code",), LEAF, 1, 64), (("data",), LEAF, 1, 64)],
            [(("code",), ("4K", "2M"), 64, 8), (("data",), ("4K", "2M"), 128, 12)]],
    "cortex-a55": [[(("code",), ("4K", "2M"), 1, 15), (("data",), ("4K", "2M"), 1, 16)],
                   [(SIDES, LEAF, 256, 4)]],
}


def some_accesses(seed, nr, leaves):
    """Near ones, far ones and loops, whose leaf goes by the address."""
    rng = random.Random(seed)
    at = {side: 0 for side in SIDES}
    for n in range(nr):
        side = rng.choice(SIDES)
        step = rng.random()
        if step < 0.5:
            at[side] += rng.randrange(64)
        elif step < 0.8:
            at[side] = rng.randrange(40) << 12 | rng.randrange(3) << 21
        elif step < 0.9:
            at[side] = (n % 150) << 12
        else:
            at[side] = rng.randrange(1 << 36)
        yield side, at[side], leaves[(at[side] >> 30) % len(leaves)]


def valgrind(tmp, *args):
    """Of a program that is the same each time, in the same environment."""
    subprocess.run(["valgrind", *args, "true"], check=True, cwd=tmp, env={"PATH": "/usr/bin:/bin"},
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def cachegrind(tmp, *args):
    valgrind(tmp, "--tool=cachegrind", "--cache-sim=yes", f"--cachegrind-out-file={tmp}/out", *args)
    text = read(tmp + "/out")
    events, summary = (re.search(f"^{what}: (.*)$", text, re.M).group(1).split() for what in ("events", "summary"))
    return dict(zip(events, map(int, summary)))


def lackey(tmp):
    """Accesses: side, what lackey calls it, address and size."""
    valgrind(tmp, "--tool=lackey", "--trace-mem=yes", f"--log-file={tmp}/log")
    return [("code" if kind == "I" else "data", kind, int(addr, 16), int(size)) for kind, addr, size in
            re.findall(r"^(?:(?=I)| )([ILSM])  ?([0-9a-f]+),([0-9]+)$", read(tmp + "/log"), re.M)]


class Tlb(unittest.TestCase):
    def same(self, what, given, levels, leaves, nr=3000):
        accesses = list(some_accesses(nr, nr, leaves))
        text = "".join(f"{side} {addr:#x} {leaf}\n" for side, addr, leaf in accesses)
        got = [int(line) for line in model(what, given, text=text).stdout.split()]
        tlbs = Tlbs(levels)
        want = [tlbs.access(*a) for a in accesses]
        self.assertEqual(len(got), nr)
        # Not the lists: to show how they differ takes minutes.
        self.assertIsNone(next((n for n in range(nr) if got[n] != want[n]), None), given)
        return got

    def test_least_recently_used_gives_way(self):
        for given, levels in CACHES.items():
            for leaves in (["4K"], ["2M"], ["1G"], ["4K", "2M", "1G"]):
                self.same("tlb", given, levels, leaves)

    def test_known_cpus(self):
        for name, levels in CPUS.items():
            got = self.same("cpu", name, levels, ["4K", "2M", "1G"], 20000)
            self.assertEqual(set(got), {0, 1, 2}, name)

    def test_misses_are_those_of_cachegrind(self):
        """A cache with lines of a page is a TLB; of code and of data, read and write, to the last one."""
        if not shutil.which("valgrind"):
            self.skipTest("no valgrind here")
        tmp = tempfile.TemporaryDirectory()
        self.addCleanup(tmp.cleanup)
        accesses = lackey(tmp.name)
        parts = [(n, side, page) for n, (side, _, addr, size) in enumerate(accesses)
                 for page in range(addr >> 12, ((addr + size - 1) >> 12) + 1)]
        text = "".join(f"{side} {page << 12:#x} 4K\n" for _, side, page in parts)
        for sets, ways in ((16, 4), (4, 4), (1, 16), (1, 64), (8, 1)):
            shape = f"{sets * ways << 12},{ways},4096"
            events = cachegrind(tmp.name, "--I1=" + shape, "--D1=" + shape)
            got = model("tlb", f"i4K:{sets}x{ways},d4K:{sets}x{ways}", text=text).stdout.split()
            # Of an access to two pages cachegrind counts one.
            missed = {n for (n, _, _), hit in zip(parts, got) if hit == "0"}
            want = collections.Counter(accesses[n][1] for n in missed)
            self.assertEqual((events["Ir"], events["Dr"] + events["Dw"]),
                             tuple(sum(a[0] == side for a in accesses) for side in SIDES))
            self.assertEqual((events["I1mr"], events["D1mr"], events["D1mw"]),
                             (want["I"], want["L"] + want["M"], want["S"]), shape)

    def test_a_leaf_of_2m_misses_once(self):
        """Where 512 pages did, one by one."""
        text = {leaf: "".join(f"data {n << 12:#x} {leaf}\n" for n in range(512))
                for leaf in ("4K", "2M")}
        self.assertEqual(model("tlb", "64", text=text["4K"]).stdout, "0\n" * 512)
        self.assertEqual(model("tlb", "64", text=text["2M"]).stdout, "0\n" + "1\n" * 511)

    def test_mistakes_are_named(self):
        for given, error in (("63", "power of two"), ("2", "power of two"), ("4K:3x4", "power of two"),
                             ("4K:4x0", "SETSxWAYS"), ("4K:x4", "SETSxWAYS"), ("4K:4", "SETSxWAYS"),
                             ("4K:4x257", "SETSxWAYS"), ("4K", "SETSxWAYS"), ("8K:4x4", "unknown name"),
                             ("", "unknown name"), ("4K:4x4,", "unknown name"), ("4K+:4x4", "unknown name"),
                             ("4K:4x4/4K:4x4/4K:4x4", "levels"), ("4K:4x4 ", "comma"),
                             ("4K:4x4,i4K+2M:4x4", "hold the same")):
            r = model("tlb", given, check=False)
            self.assertEqual(r.returncode, 2, given)
            self.assertIn(error, r.stderr, given)
        self.assertEqual(model("tlb", "i4K:4x4,d4K:4x4/4K:4x4").stdout, "")
        self.assertIn("no such CPU", model("cpu", "z80", check=False).stderr)


BASE = 0x10000000       # the root of the guest's tables
LEVELS = {"x86-64": 4, "x86-64-la57": 5, "s1": 4}
READ, WRITE, EXEC = 1, 2, 4


class Walks:
    """Walks as a CPU makes them, over the words of the guest's tables."""

    def __init__(self, words, fmt, levels, leaf, pwc=None, nested_pwc=None, nested_tlb=None):
        self.words, self.fmt, self.levels = words, fmt, levels
        self.leaf = sorted(LEAF, key=LEAF.get).index(leaf)
        # Of the caches, one for each level that they name.
        self.pwc, self.nested_pwc = self.caches(pwc), self.caches(nested_pwc)
        self.nested_tlb = Lru(*nested_tlb) if nested_tlb else None

    @staticmethod
    def caches(given):
        made = [(levels, Lru(sets, ways)) for levels, sets, ways in given or ()]
        return {level: cache for levels, cache in made for level in levels}

    @staticmethod
    def shift(level):
        return 12 + 9 * (level - 1)

    def start(self, caches, addr, top, bottom):
        for level in range(bottom + 1, top + 1):
            if level in caches and caches[level].has(level, addr >> self.shift(level)):
                return level - 1
        return top

    def nested(self, gpa):
        """Levels that are read, from the top."""
        bottom = self.leaf + 1
        page = gpa >> self.shift(bottom)
        if self.nested_tlb:
            if self.nested_tlb.has(bottom, page):
                return []
            self.nested_tlb.put(bottom, page)
        levels = range(self.start(self.nested_pwc, gpa, self.levels, bottom), bottom - 1, -1)
        for level in levels:
            if level > bottom and level in self.nested_pwc:
                self.nested_pwc[level].put(level, gpa >> self.shift(level))
        return list(levels)

    def is_leaf(self, entry, level):
        if level == 1:
            return True
        return bool(entry & 0x80) if self.fmt.startswith("x86") else not entry & 2

    def path(self, va):
        """The tables of a walk from the top, and where it ends."""
        table, tables, level = BASE, [], LEVELS[self.fmt]
        while True:
            tables.append((level, table))
            entry = self.words[table + 8 * (va >> self.shift(level) & 511)]
            assert entry & 1
            table = entry & 0x000ffffffffff000
            if self.is_leaf(entry, level):
                return tables, table | va & (1 << self.shift(level)) - 1
            level -= 1

    def walk(self, va):
        refs = [[0] * 6 for _ in range(3)]

        def nested(dim, gpa):
            for level in self.nested(gpa):
                refs[dim][level] += 1

        if self.fmt == "off":
            nested(2, va)
            return refs, va
        tables, gpa = self.path(va)
        top, bottom = tables[0][0], tables[-1][0]
        first = self.start(self.pwc, va, top, bottom)
        for level, table in tables:
            if level > first:
                continue
            if level < first or first == top:
                nested(1, table)
            refs[0][level] += 1
            if level > bottom and level in self.pwc:
                self.pwc[level].put(level, va >> self.shift(level))
        nested(2, gpa)
        return refs, gpa


class Walk(unittest.TestCase):
    def ask(self, lines, *args):
        out = model("walk", *args, text="".join(line + "\n" for line in lines)).stdout
        dump, _, walks = out.rpartition("end\n")
        words = dict([int(n, 16) for n in line.split()] for line in dump.splitlines())
        return words, [[int(n) for n in line.split()] for line in walks.splitlines()]

    def test_references_are_those_of_the_formula(self):
        """(n + 1) * (m + 1) - 1, for n levels over m, whatever leads there."""
        for fmt, n in LEVELS.items():
            for guest_leaf in ("4K", "2M"):
                for m in (3, 4, 5):
                    for i, leaf in enumerate(LEAF):
                        lines = ["map 0x7ffe00000000 0x40000000 7", "dump", "walk 0x7ffe00000abc"]
                        _, walks = self.ask(lines, fmt, guest_leaf, str(m), leaf, "off", "off", "off")
                        want = (n - (guest_leaf == "2M") + 1) * (m - i + 1) - 1
                        self.assertEqual((sum(walks[0][:15]), walks[0][15]), (want, want))

    def test_published_references(self):
        """Of x86-64: four levels over four, five over five, and leaves of 2 MiB."""
        for fmt, guest_leaf, m, leaf, want in (
                ("x86-64", "4K", 4, "4K", 24), ("x86-64-la57", "4K", 5, "4K", 35),
                ("x86-64", "4K", 4, "2M", 19), ("x86-64", "2M", 4, "4K", 19),
                ("x86-64", "2M", 4, "2M", 15), ("off", "4K", 4, "4K", 4)):
            lines = ["walk 0x200000"]
            if fmt != "off":
                lines = ["map 0x200000 0x40000000 3", "dump"] + lines
            _, walks = self.ask(lines, fmt, guest_leaf, str(m), leaf, "off", "off", "off")
            self.assertEqual(sum(walks[0][:15]), want, (fmt, guest_leaf, m, leaf))

    def test_entries(self):
        """As the manuals have them, worked out by hand."""
        for fmt, leaf, prot, table, end in (
                ("x86-64", "4K", READ, 0x27, 0x8000000000000025), ("x86-64", "4K", READ | EXEC, 0x27, 0x25),
                ("x86-64", "2M", READ | WRITE, 0x27, 0x80000000000000e7),
                ("s1", "4K", READ, 0x3, 0x600000000007c3), ("s1", "4K", READ | WRITE, 0x3, 0x60000000000743),
                ("s1", "2M", READ | EXEC, 0x3, 0x200000000007c1)):
            words, _ = self.ask([f"map 0x8080600000 0x40000000 {prot}", "dump"],
                                fmt, leaf, "4", "4K", "off", "off", "off")
            # One index at each level: 1, 2, 3, and 0 in the last table.
            want = {BASE + 8: BASE + 0x1000 | table, BASE + 0x1000 + 16: BASE + 0x2000 | table}
            if leaf == "4K":
                want[BASE + 0x2000 + 24] = BASE + 0x3000 | table
            want[BASE + (0x3000 if leaf == "4K" else 0x2000 + 24)] = 0x40000000 | end
            self.assertEqual(words, want, (fmt, leaf, prot))

    def test_rights_of_a_leaf_follow_the_last_map(self):
        words, _ = self.ask(["map 0x1000 0x1000 1", "map 0x1000 0x1000 3", "dump"],
                            "x86-64", "4K", "4", "4K", "off", "off", "off")
        self.assertEqual(words[BASE + 0x3008], 0x8000000000001067)

    def test_caches_save_what_they_hold(self):
        """Walk by walk, level by level, beside the model above."""
        rng = random.Random(5)
        pages = [rng.randrange(1 << 8) << 39 | rng.randrange(4) << 30 | rng.randrange(8) << 21
                 | rng.randrange(8) << 12 for _ in range(300)]
        pages = [page for page in pages for _ in range(rng.randrange(1, 4))]
        rng.shuffle(pages)
        caches = {"off": None, "2:4x2": [((2,), 4, 2)], "2:8x4,3+4:1x6": [((2,), 8, 4), ((3, 4), 1, 6)],
                  "2+3+4+5:1x32": [((2, 3, 4, 5), 1, 32)]}
        tlbs = {"off": None, "4x4": (4, 4)}
        saved = set()
        for fmt in ("x86-64", "x86-64-la57", "s1", "off"):
            for guest_leaf in ("4K", "2M"):
                size = LEAF[guest_leaf]
                lines = [f"map {page & -size:#x} {(n + 1) * size:#x} 3"
                         for n, page in enumerate(sorted({p & -size for p in pages}))]
                lines = [] if fmt == "off" else lines + ["dump"]
                lines += [f"walk {page + n:#x}" for n, page in enumerate(pages)]
                for pwc, nested_pwc, tlb, leaf in (("2:4x2", "off", "off", "4K"), ("off", "2:4x2", "off", "4K"),
                                                   ("off", "off", "4x4", "4K"), ("2:8x4,3+4:1x6",) * 2 + ("off", "2M"),
                                                   ("2+3+4+5:1x32", "2:8x4,3+4:1x6", "4x4", "4K"),
                                                   ("2+3+4+5:1x32", "2+3+4+5:1x32", "4x4", "2M")):
                    words, got = self.ask(lines, fmt, guest_leaf, "4", leaf, pwc, nested_pwc, tlb)
                    walks = Walks(words, fmt, 4, leaf, caches[pwc], caches[nested_pwc], tlbs[tlb])
                    for n, page in enumerate(pages):
                        refs, gpa = walks.walk(page + n)
                        want = sum((r[1:] for r in refs), [])
                        self.assertEqual(got[n][:15] + got[n][16:], want + [gpa], (fmt, guest_leaf, pwc, nested_pwc, tlb, n))
                        saved.add(sum(want) < got[n][15])
        self.assertEqual(saved, {True, False})

    def test_mistakes_are_named(self):
        for n, given, error in ((5, "1:4x4", "unknown name"), (5, "i2:4x4", "unknown name"),
                                (5, "2:4x4/3:4x4", "levels"), (6, "2:4x4,2+3:4x4", "hold the same"),
                                (7, "2:4x4", "SETSxWAYS"), (7, "4x4,4x4", "one cache"), (7, "3x4", "power of two")):
            args = ["walk", "x86-64", "4K", "4", "4K", "off", "off", "off"]
            args[n] = given
            r = model(*args, check=False)
            self.assertEqual(r.returncode, 2, given)
            self.assertIn(error, r.stderr, given)


class Options(unittest.TestCase):
    def test_leaves_of_1g_are_explained(self):
        """Neither taken nor only refused."""
        r = run(OUT + "/axas-replay", "--leaf", "1G", "-", check=False)
        self.assertEqual(r.returncode, 2)
        self.assertIn("allocates no frames of 1 GiB", r.stderr)
        self.assertIn("linear memory (--linear-hpa) has larger ones", r.stderr)
