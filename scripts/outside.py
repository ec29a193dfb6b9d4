#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""outside.py SERIAL MONITOR MIB MEMORY - tables of axas, read from outside of the machine

SERIAL and MONITOR are sockets: scripts/guest/outside.c says at one what its spaces are, and
at the other QEMU saves the machine's memory, MIB of it, in the file MEMORY. Tables are read from their roots alone, by what the manuals
say of entries: Intel SDM volume 3C, tables 29-1 to 29-7; AMD64 APM volume 2, 5.3 and 7.8;
Arm ARM DDI 0487, D8.3. No line of it is the module's. Then single bits of entries are
turned round in this copy: each time something else has to be found. Prints a line for each
space and check; the last one is "N passed, N failed".
"""
import mmap
import random
import socket
import struct
import sys
import time

EPT, S2, AMD = 1, 2, 3
NAMES = {EPT: "EPT", S2: "stage 2", AMD: "AMD"}
# enum axas_prot, axas_memtype, axas_feature
R, W, X, U = 1, 2, 4, 8
WB, WT, WP, NC, UC, DEVICE = range(6)
AD, FWB, LPA2, EXEC_USER = 2, 4, 8, 16
MARK = 0x6f75747369646500


class Wrong(Exception):
    """An entry that no manual allows."""


def bits(value, high, low):
    return value >> low & (1 << high - low + 1) - 1


class Format:
    """How entries look; root() says where the walk begins."""

    def __init__(self, space):
        self.features = space.features


class X86(Format):
    """What EPT and AMD's entries have in common."""

    ADDRESS = 0x000f_ffff_ffff_f000

    def root(self, space):
        return space.control & self.ADDRESS, 1

    @staticmethod
    def is_leaf(entry, level):
        return level == 1 or entry & 0x80


class Ept(X86):
    MEMTYPES = {0: UC, 1: NC, 4: WT, 5: WP, 6: WB}

    def present(self, entry):
        return entry & 7 or self.features & EXEC_USER and entry & 0x400

    def table(self, entry):
        if entry & 0xf8:
            raise Wrong("reserved bits of a table")
        if entry & 7 != 7 or self.features & EXEC_USER and not entry & 0x400:
            raise Wrong("a table without all rights")
        return entry & self.ADDRESS

    def leaf(self, entry, level):
        if entry & 3 == 2 or level > 3:
            raise Wrong("a leaf that can't be")
        prot = entry & 7 | (U if self.features & EXEC_USER and entry & 0x400 else 0)
        return entry & self.ADDRESS, prot, self.MEMTYPES.get(bits(entry, 5, 3))


class Amd(X86):
    # Linux's PAT register, by its fields
    MEMTYPES = {0: WB, 1: NC, 3: UC, 5: WP, 7: WT}

    def present(self, entry):
        return entry & 1

    def table(self, entry):
        if not entry & 2 or not entry & 4 or entry >> 63:
            raise Wrong("a table without all rights")
        return entry & self.ADDRESS

    def leaf(self, entry, level):
        if not entry & 4 or level > 3:
            raise Wrong("a leaf that can't be")
        pat = bits(entry, 12, 12) if level > 1 else bits(entry, 7, 7)
        addr = entry & self.ADDRESS
        if level > 1:
            addr &= ~0x1000
        prot = R | entry & W | (0 if entry >> 63 else X)
        return addr, prot, self.MEMTYPES.get(bits(entry, 4, 3) | pat << 2)


class Stage2(Format):
    MEMTYPES = {0: UC, 1: DEVICE, 5: NC, 15: WB}
    FETCH = {0: X | U, 1: U, 2: 0, 3: X}

    def address(self, entry):
        if self.features & LPA2:
            return entry & 0x0003_ffff_ffff_f000 | bits(entry, 9, 8) << 50
        return entry & 0x0000_ffff_ffff_f000

    def root(self, space):
        # D24.2, VTCR_EL2: T0SZ, SL0, and SL2 for level -1; VTTBR_EL2: 51:48 in 5:2
        start = {2: 4, 1: 3, 0: 2}[bits(space.vtcr, 7, 6)]
        if bits(space.vtcr, 33, 33):
            start = 5
        width = 64 - bits(space.vtcr, 5, 0)
        if start != space.levels or width != space.gpa_bits:
            raise Wrong("VTCR_EL2 says something else")
        above = width - 12 - 9 * start
        return space.control & 0x0000_ffff_ffff_f000 | bits(space.control, 5, 2) << 48, \
            1 << max(above, 0)

    def present(self, entry):
        return entry & 1

    def table(self, entry):
        return self.address(entry)

    @staticmethod
    def is_leaf(entry, level):
        return level == 1 or not entry & 2

    def leaf(self, entry, level):
        if level == 1 and not entry & 2 or level > 3:
            raise Wrong("a leaf that can't be")
        prot = (R if entry & 0x40 else 0) | (W if entry & 0x80 or bits(entry, 51, 51) else 0)
        if self.features & EXEC_USER:
            prot |= self.FETCH[bits(entry, 54, 53)]
        elif bits(entry, 53, 53):
            raise Wrong("XN[0]")
        else:
            prot |= 0 if bits(entry, 54, 54) else X
        types = dict(self.MEMTYPES)
        if self.features & FWB:
            types[6] = types.pop(15)
        memtype = types.get(bits(entry, 5, 2))
        if not self.features & LPA2 and bits(entry, 9, 8) != (3 if memtype == WB else 2):
            raise Wrong("other shareability")
        return self.address(entry), prot, memtype


FORMATS = {EPT: Ept, S2: Stage2, AMD: Amd}


class Space:
    """One that was listed, and what was read of it."""

    def __init__(self, words):
        self.id, self.format, self.gpa_bits, self.levels, self.features = map(int, words[:5])
        self.root, self.control, self.vtcr = (int(w, 0) for w in words[5:])
        self.tables, self.leaves, self.listed, self.owned = [], [], {}, set()

    def name(self):
        return "%s, %d bits, %d levels, features %#x" % (NAMES[self.format], self.gpa_bits, self.levels,
                                                        self.features)

    def read(self, memory):
        """What a CPU finds: leaves by GPA; tables by level; where each entry of a leaf is."""
        self.found, self.where, self.pages = {}, {}, []
        self.counts = [0] * 5
        how = FORMATS[self.format](self)
        root, concatenated = how.root(self)
        if root != self.root:
            raise Wrong("the register has another root")
        self.how = how
        for i in range(concatenated):
            self.table(memory, root + i * 4096, self.levels, i << 12 + 9 * self.levels)

    def table(self, memory, hpa, level, gpa):
        if hpa + 4096 > len(memory):
            raise Wrong("a table where no memory is")
        self.counts[level - 1] += 1
        self.pages.append(hpa)
        size = 1 << 12 + 9 * (level - 1)
        for i, entry in enumerate(struct.unpack_from("<512Q", memory, hpa)):
            if not self.how.present(entry):
                continue
            at = gpa + i * size
            if not self.how.is_leaf(entry, level):
                self.table(memory, self.how.table(entry), level - 1, at)
                continue
            addr, prot, memtype = self.how.leaf(entry, level)
            if addr % size or memtype is None:
                raise Wrong("a leaf's address or memory type")
            self.found[at] = addr, size, prot, memtype
            self.where[at] = hpa + 8 * i

    def differs(self, memory):
        """Why it isn't what the space says, or None."""
        try:
            self.read(memory)
        except Wrong as why:
            return str(why)
        if self.found != self.listed:
            at = min(a for a in self.found.keys() | self.listed.keys()
                     if self.found.get(a) != self.listed.get(a))
            return "at %#x the table has %s, the space %s" % (at, self.found.get(at), self.listed.get(at))
        if self.counts != self.tables:
            return "the table has %s tables, the space %s" % (self.counts, self.tables)
        sizes = [leaf[1] for leaf in self.found.values()]
        leaves = [sizes.count(1 << 12 + 9 * i) for i in range(3)]
        return None if leaves == self.leaves else "other leaves: %s" % leaves

    def contents(self, memory):
        """Pages whose first word is what was written, is zero, and is something else."""
        counts = [0, 0, 0]
        for gpa in self.owned:
            word, = struct.unpack_from("<Q", memory, self.found[gpa][0])
            counts[0 if word == gpa ^ MARK ^ self.id else 2 if word else 1] += 1
        return counts


def connect(path):
    """As soon as somebody is there."""
    for _ in range(300):
        try:
            peer = socket.socket(socket.AF_UNIX)
            peer.connect(path)
            return peer
        except OSError:
            peer.close()
            time.sleep(0.1)
    sys.exit("outside.py: nobody is at %s" % path)


def until(peer, end):
    """What comes, up to a text in it."""
    text = b""
    while end not in text:
        part = peer.recv(65536)
        if not part:
            sys.exit("outside.py: the machine went away; last: %s" % text[-200:].decode(errors="replace"))
        text += part
    return text.decode(errors="replace")


def save_memory(path, mib, name):
    with connect(path) as monitor:
        until(monitor, b"(qemu) ")
        monitor.sendall(b'pmemsave 0 %d "%s"\n' % (mib << 20, name.encode()))
        until(monitor, b"(qemu) ")


def parse(listing):
    spaces = []
    for line in listing.splitlines():
        words = line.split()
        if line.startswith("space "):
            spaces.append(Space(words[1:]))
        elif line.startswith("tables "):
            spaces[-1].tables = [int(w) for w in words[1:]]
        elif line.startswith("leaves "):
            spaces[-1].leaves = [int(w) for w in words[1:]]
        elif line.startswith("leaf "):
            gpa, hpa, size = (int(w, 0) for w in words[1:4])
            spaces[-1].listed[gpa] = hpa, size, int(words[4]), int(words[5])
            if words[6] == "1":
                spaces[-1].owned.add(gpa)
    return spaces


class Verdicts:
    def __init__(self):
        self.passed = self.failed = 0

    def say(self, what, why):
        self.passed += why is None
        self.failed += why is not None
        print("  %s  %s%s" % ("ok    " if why is None else "FAILED", what, "" if why is None else ": " + why))


def shared(spaces):
    """A page that is a table and something else, or None."""
    tables = [hpa for s in spaces for hpa in s.pages]
    frames = [s.found[gpa][0] for s in spaces for gpa in s.owned]
    everything = set(tables)
    if len(everything) < len(tables):
        return "a page is two tables"
    if len(set(frames)) < len(frames):
        return "two leaves own a frame"
    for s in spaces:
        for gpa, (hpa, size, _, _) in s.found.items():
            if any(hpa <= table < hpa + size for table in everything):
                return "%#x of space %d leads to a table" % (gpa, s.id)
    return None


# Of a leaf: present, a right, the memory type, an address bit; each bit means something else.
PLANTS = {EPT: (0, 1, 2, 3, 4, 5, 21, 39), AMD: (0, 1, 63, 3, 4, 21, 39), S2: (0, 6, 54, 2, 4, 21, 39)}


def plant(spaces, memory, rounds):
    """How many planted bits weren't found, or None."""
    missed = 0
    copy = bytearray(memory[:])
    for _ in range(rounds):
        space = random.choice([s for s in spaces if s.where])
        at = space.where[random.choice(sorted(space.where))]
        byte, bit = divmod(random.choice(PLANTS[space.format]), 8)
        copy[at + byte] ^= 1 << bit
        missed += space.differs(copy) is None
        copy[at + byte] ^= 1 << bit
    return "%d of %d" % (missed, rounds) if missed else None


def judge(spaces, memory):
    verdicts = Verdicts()
    for s in spaces:
        why = s.differs(memory)
        verdicts.say("%s: %d leaves in %d tables" % (s.name(), len(s.listed), sum(s.tables)), why)
    if not verdicts.failed:
        written, zero, other = map(sum, zip(*(s.contents(memory) for s in spaces)))
        verdicts.say("contents: %d pages that were written, %d of zeros" % (written, zero),
                     "%d of something else" % other if other or not written or not zero else None)
        verdicts.say("no table is a guest's page, no frame is two guests'", shared(spaces))
        verdicts.say("bits that are turned round are found", plant(spaces, memory, 60))
    return verdicts


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    serial, monitor, mib, name = sys.argv[1:]
    with connect(serial) as peer:
        spaces = parse(until(peer, b"outside: ready"))
        save_memory(monitor, int(mib), name)
        peer.sendall(b"\n")
    with open(name, "rb") as dump:
        memory = mmap.mmap(dump.fileno(), 0, access=mmap.ACCESS_READ)
    random.seed(len(spaces))
    verdicts = judge(spaces, memory)
    print("%d passed, %d failed" % (verdicts.passed, verdicts.failed))
    sys.exit(verdicts.failed > 0 or not spaces)


main()
