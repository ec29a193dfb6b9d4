# SPDX-License-Identifier: GPL-2.0
"""The model of a machine in axas-replay, beside small ones that know nothing of it."""
import collections
import random
import unittest

from base import LEAF, OUT, run

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
