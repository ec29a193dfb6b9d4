# SPDX-License-Identifier: GPL-2.0
"""What axas-vmm knows of instructions and page tables: expected values are those of the Intel
SDM, volume 2, and of the AMD64 Architecture Programmer's Manual, volume 2, chapter 5."""
import os
import random
import tempfile
import unittest

from base import OUT, run

# Bits of the code, bytes, and what they are: length, operation, direction and bytes in memory,
# SEGMENT:BASE+INDEX*SCALE+DISPLACEMENT:BYTES, and a register:BYTES or a number.
INSTRUCTIONS = """
64  88 08                    2 mov to 1 ds:r0+0:8 r1:1
64  89 08                    2 mov to 4 ds:r0+0:8 r1:4
64  66 89 08                 3 mov to 2 ds:r0+0:8 r1:2
64  48 89 08                 3 mov to 8 ds:r0+0:8 r1:8
64  66 48 89 08              4 mov to 8 ds:r0+0:8 r1:8
64  48 66 89 08              4 mov to 2 ds:r0+0:8 r1:2
64  8a 08                    2 mov from 1 ds:r0+0:8 r1:1
64  8b 08                    2 mov from 4 ds:r0+0:8 r1:4
64  4c 8b 38                 3 mov from 8 ds:r0+0:8 r15:8
16  8b 07                    2 mov from 2 ds:r3+0:2 r0:2
16  66 8b 07                 3 mov from 4 ds:r3+0:2 r0:4
32  8b 07                    2 mov from 4 ds:r7+0:4 r0:4
32  66 8b 07                 3 mov from 2 ds:r7+0:4 r0:2

64  88 20                    2 mov to 1 ds:r0+0:8 r0h:1
64  40 88 20                 3 mov to 1 ds:r0+0:8 r4:1
64  44 88 38                 3 mov to 1 ds:r0+0:8 r15:1
32  8a 3f                    2 mov from 1 ds:r7+0:4 r3h:1

64  c6 00 80                 3 mov to 1 ds:r0+0:8 -128
64  c7 00 78 56 34 12        6 mov to 4 ds:r0+0:8 305419896
64  66 c7 00 34 12           5 mov to 2 ds:r0+0:8 4660
64  48 c7 00 ff ff ff ff     7 mov to 8 ds:r0+0:8 -1
64  c6 08 80                 none

64  a0 08 07 06 05 04 03 02 01   9 mov from 1 ds:72623859790382856:8 r0:1
64  48 a3 08 00 00 00 00 00 00 00  10 mov to 8 ds:8:8 r0:8
64  67 a1 08 00 00 00        6 mov from 4 ds:8:4 r0:4
32  a3 00 04 00 e0           5 mov to 4 ds:-536869888:4 r0:4
16  a0 00 04                 3 mov from 1 ds:1024:2 r0:1
16  66 67 a3 00 04 00 00     7 mov to 4 ds:1024:4 r0:4

64  0f b6 08                 3 mov from 1 ds:r0+0:8 r1:4
64  66 0f b6 20              4 mov from 1 ds:r0+0:8 r4:2
64  48 0f b7 08              4 mov from 2 ds:r0+0:8 r1:8
64  0f be 08                 3 mov from signed 1 ds:r0+0:8 r1:4
64  4c 0f bf 08              4 mov from signed 2 ds:r0+0:8 r9:8
64  48 63 08                 3 mov from signed 4 ds:r0+0:8 r1:8
64  63 08                    2 mov from signed 4 ds:r0+0:8 r1:4
64  66 63 08                 none
32  63 08                    none

64  8b 41 08                 3 mov from 4 ds:r1+8:8 r0:4
64  8b 41 f8                 3 mov from 4 ds:r1+-8:8 r0:4
64  41 8b 81 00 01 00 00     7 mov from 4 ds:r9+256:8 r0:4
64  8b 05 10 00 00 00        6 mov from 4 ds:rip+16:8 r0:4
32  8b 05 10 00 00 00        6 mov from 4 ds:16:4 r0:4
64  67 8b 00                 3 mov from 4 ds:r0+0:4 r0:4
64  8b 04 25 00 10 00 00     7 mov from 4 ds:4096:8 r0:4
64  8b 04 91                 3 mov from 4 ds:r1+r2*4+0:8 r0:4
64  43 8b 04 e1              4 mov from 4 ds:r9+r12*8+0:8 r0:4
64  41 8b 04 24              4 mov from 4 ds:r12+0:8 r0:4
64  41 8b 45 00              4 mov from 4 ds:r13+0:8 r0:4
64  41 8b 04 cd 08 00 00 00  8 mov from 4 ds:r1*8+8:8 r0:4
64  8b 04 24                 3 mov from 4 ss:r4+0:8 r0:4
64  8b 45 fc                 3 mov from 4 ss:r5+-4:8 r0:4
64  65 8b 04 25 08 00 00 00  8 mov from 4 gs:8:8 r0:4
64  64 8b 04 25 08 00 00 00  8 mov from 4 fs:8:8 r0:4
64  2e 8b 00                 3 mov from 4 ds:r0+0:8 r0:4
32  26 8b 00                 3 mov from 4 es:r0+0:4 r0:4
32  3e 8b 45 00              4 mov from 4 ds:r5+0:4 r0:4
16  8b 00                    2 mov from 2 ds:r3+r6*1+0:2 r0:2
16  8b 43 04                 3 mov from 2 ss:r5+r7*1+4:2 r0:2
16  8b 06 34 12              4 mov from 2 ds:4660:2 r0:2
16  8b 46 00                 3 mov from 2 ss:r5+0:2 r0:2
16  8b 87 00 80              4 mov from 2 ds:r3+-32768:2 r0:2
16  67 8b 04 88              4 mov from 2 ds:r0+r1*4+0:4 r0:2

64  aa                       1 stos to 1 es:r7+0:8 r0:1
64  f3 48 ab                 3 rep stos to 8 es:r7+0:8 r0:8
32  67 ab                    2 stos to 4 es:r7+0:2 r0:4
64  65 ab                    2 stos to 4 es:r7+0:8 r0:4

64  00 08                    2 add to 1 ds:r0+0:8 r1:1
64  03 08                    2 add from 4 ds:r0+0:8 r1:4
64  f0 48 09 08              4 or to 8 ds:r0+0:8 r1:8
64  11 08                    2 adc to 4 ds:r0+0:8 r1:4
64  1a 08                    2 sbb from 1 ds:r0+0:8 r1:1
64  21 08                    2 and to 4 ds:r0+0:8 r1:4
64  29 08                    2 sub to 4 ds:r0+0:8 r1:4
64  33 08                    2 xor from 4 ds:r0+0:8 r1:4
64  39 08                    2 cmp to 4 ds:r0+0:8 r1:4
64  3b 08                    2 cmp from 4 ds:r0+0:8 r1:4
64  85 08                    2 test to 4 ds:r0+0:8 r1:4
64  80 08 01                 3 or to 1 ds:r0+0:8 1
64  81 20 00 00 00 80        6 and to 4 ds:r0+0:8 -2147483648
64  66 81 30 ff 00           5 xor to 2 ds:r0+0:8 255
64  48 83 38 ff              4 cmp to 8 ds:r0+0:8 -1
64  f6 40 05 20              4 test to 1 ds:r0+5:8 32
64  f7 00 00 01 00 00        6 test to 4 ds:r0+0:8 256
64  f7 10                    none

64  88 c8                    none
64  0f 11 00                 none
64  c5 f8 29 00              none
64  a5                       none
64  04 01                    none
64  87 08                    none
64  ff 00                    none
64  50                       none

64  8b                       none
64  8b 41                    none
64  c7 00 78 56 34           none
64  66 66 66 66 66 66 66 66 66 c7 00 34 12  13 mov to 2 ds:r0+0:8 4660
64  66 66 66 66 66 66 66 66 66 66 66 66 c7 00 34 12  none
"""

# Operation, bytes, operands, flags before; result and flags. Vol. 1, 3.4.3.1, and the
# operations' own pages; what those leave undefined (AF of AND, OR, XOR, TEST) is clear.
SUMS = """
add 1 ff 01 2        00 57
add 1 7f 01 2        80 892
add 1 0f 01 2        10 12
add 2 8000 8000 2    0000 847
add 8 ffffffffffffffff 1 2  0000000000000000 57
add 4 1 2 8d7        00000003 6
adc 1 ff 00 3        00 57
adc 1 10 01 2        11 6
sub 1 00 01 2        ff 97
sub 1 80 01 2        7f 812
sub 4 5 5 2          00000000 46
sbb 1 00 ff 3        00 57
cmp 2 1 2 2          ffff 97
cmp 8 8000000000000000 1 2  7fffffffffffffff 816
and 1 f0 0f 8d7      00 46
test 1 60 20 2       20 2
or 1 80 01 3         81 86
xor 4 ff ff 2        00000000 46
add 1 1 2 10246      03 10206
"""

PG, PSE, PAE, LA57, LMA = 1 << 31, 1 << 4, 1 << 5, 1 << 12, 1 << 10
# CR4 and EFER; bytes of an entry; which bits of an address are each table's, from the root
# down; and where leaves may be, by the lowest bit that a table takes.
MODES = {
    "32 bits": (0, 0, 4, ((31, 22), (21, 12)), (12,)),
    "32 bits, PSE": (PSE, 0, 4, ((31, 22), (21, 12)), (22, 12)),
    "PAE": (PAE, 0, 8, ((31, 30), (29, 21), (20, 12)), (21, 12)),
    "4 levels": (PAE, LMA, 8, ((47, 39), (38, 30), (29, 21), (20, 12)), (30, 21, 12)),
    "5 levels": (PAE | LA57, LMA, 8, ((56, 48), (47, 39), (38, 30), (29, 21), (20, 12)),
                 (30, 21, 12)),
}
PAGES = 64


class Tables:
    """A guest's memory with page tables that lead to one page, and noise in all bits that
    mean no address."""

    def __init__(self, rnd, mode, leaf):
        self.rnd = rnd
        cr4, efer, self.size, levels, _ = MODES[mode]
        self.memory = bytearray(PAGES * 4096)
        self.linear = rnd.getrandbits(levels[0][0] + 1)
        pages = rnd.sample(range(PAGES), len(levels))
        table = pages[0] * 4096 + (rnd.randrange(128) * 32 if mode == "PAE" else 0)
        # CR3 has flags, or a PCID; in PAE's bits 4 to 0 is nothing.
        self.regs = (PG, table | (0 if mode == "PAE" else 0xfff if efer else 0x18), cr4, efer)
        self.entries = []
        for (high, low), page in zip(levels, pages[1:] + [None]):
            where = table + (self.linear >> low & (1 << (high - low + 1)) - 1) * self.size
            if low == leaf:
                self.put(where, self.leaf(low))
                break
            table = page * 4096
            self.put(where, table | self.noise(0x80 if low > 30 or low not in MODES[mode][4] else 0))
        self.gpa |= self.linear & (1 << leaf) - 1

    def put(self, where, entry):
        self.entries.append(where)
        self.memory[where:where + self.size] = entry.to_bytes(self.size, "little")

    def noise(self, also=0):
        """Flags that lead nowhere: present, whatever the rights; NX and what is ignored."""
        high = self.rnd.getrandbits(12) << 52 if self.size == 8 else 0
        return 1 | self.rnd.getrandbits(12) & (0xf7e & ~0x80 | also) | high

    def leaf(self, low):
        if low == 22:	# bits 39:32 are at 20:13
            self.gpa = self.rnd.getrandbits(18) << 22
            return self.gpa & 0xffffffff | self.gpa >> 32 << 13 | self.noise() | 0x80
        self.gpa = self.rnd.getrandbits((52 if self.size == 8 else 32) - low) << low
        pat = self.rnd.getrandbits(1) << 12 if low > 12 else 0
        return self.gpa | self.noise(0x80 if low == 12 else 0) | pat | (0x80 if low > 12 else 0)


def rows(text):
    return [row.split("  ", 1) for row in text.splitlines() if row]


@unittest.skipUnless(os.path.exists(OUT + "/insn"), "its guests are x86's")
class Insn(unittest.TestCase):
    def ask(self, verb, table):
        asked, expected = [], []
        for row in table:
            asked.append(row[0].strip())
            expected.append(row[1].strip())
        got = run(OUT + "/insn", input="".join(f"{verb} {row}\n" for row in asked)).stdout.splitlines()
        self.assertEqual(list(zip(asked, got)), list(zip(asked, expected)))

    def test_what_an_instruction_is(self):
        table = []
        for bits, rest in rows(INSTRUCTIONS):
            code, _, answer = rest.strip().partition("  ")
            table.append((f"{bits} {code}", answer))
        self.assertGreater(len(table), 90)
        self.ask("decode", table)

    def test_what_an_operation_gives(self):
        self.ask("compute", rows(SUMS))

    def walk(self, tables, linear, regs=None):
        with tempfile.NamedTemporaryFile() as f:
            f.write(tables.memory)
            f.flush()
            line = " ".join(f"{n:x}" for n in (*(regs or tables.regs), linear))
            return run(OUT + "/insn", f.name, input=f"walk {line}\n").stdout.strip()

    def test_where_an_address_leads(self):
        seed = int(os.environ.get("SEED", random.getrandbits(32)))
        rnd = random.Random(seed)
        for mode, (*_, leaves) in MODES.items():
            for leaf in leaves * 8:
                tables = Tables(rnd, mode, leaf)
                what = (mode, leaf, f"SEED={seed}")
                self.assertEqual(self.walk(tables, tables.linear), f"{tables.gpa:x}", what)
                # One that isn't present, or a root that isn't in memory
                nowhere = list(tables.regs)
                nowhere[1] += PAGES * 4096
                self.assertEqual(self.walk(tables, tables.linear, nowhere), "none", what)
                tables.memory[rnd.choice(tables.entries)] &= 0xfe
                self.assertEqual(self.walk(tables, tables.linear), "none", what)

    def test_without_paging_an_address_is_its_own(self):
        tables = Tables(random.Random(1), "PAE", 12)
        self.assertEqual(self.walk(tables, 0x12345678, (0, 0, PAE, 0)), "12345678")
