# SPDX-License-Identifier: GPL-2.0
"""What axasctl prints of spaces of text, and when it refuses."""
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from base import HERE, LEAF, Model, OUT, SPACES, area_line, ctl, make_space, read


class Show(unittest.TestCase):
    def test_list(self):
        rows = ctl("list").stdout.splitlines()
        self.assertEqual(rows[1].split()[:6], ["3", "ept", "48", "7", "393.0M", "816K"])
        self.assertEqual(len(rows), 2)

    def test_figures(self):
        space, = json.loads(ctl("list", "--json").stdout)
        self.assertEqual(space, json.loads(ctl("stats", "3", "--json").stdout))
        self.assertEqual([space], json.loads(ctl("stats", "--json").stdout))
        with open(HERE + "/spaces/3/stats", encoding="utf-8") as f:
            want = dict(line.strip().split(" ", 1) for line in f)
        for key in ("id", "gpa-bits", "levels", "areas", "resident"):
            self.assertEqual(space[key.replace("-", "_")], int(want[key]))
        self.assertEqual(list(space["leaves"].values()), [int(n) for n in want["leaves"].split()])
        self.assertEqual(space["tables"], [int(n) for n in want["tables"].split()])
        faults = want["faults"].split()
        self.assertEqual(space["faults"], dict(zip(faults[::2], map(int, faults[1::2]))))
        self.assertEqual((space["pid"], space["comm"]), (812, 'a<b> & "vmm"'))
        self.assertEqual(int(space["length"]), int(want["length"], 16))
        self.assertEqual(space["features"], json.loads(ctl("map", "3", "--json").stdout)["features"])

    def test_features(self):
        """Names, as axasctl info has them; of a newer module's there is a word."""
        names = {1: "exec-only", 2: "ad", 4: "fwb", 8: "lpa2", 16: "exec-user", 64: "unknown"}
        for bits in (0, 2, 5, 8, 66):
            with tempfile.TemporaryDirectory() as tmp:
                spaces = make_space(tmp + "/s", [], features=hex(bits))
                want = [name for bit, name in names.items() if bits & bit]
                for args in (["stats", "1"], ["map", "1"]):
                    self.assertEqual(json.loads(ctl(*args, "--json", spaces=spaces).stdout)["features"],
                                     want)
                self.assertIn(f"  features  {' '.join(want) or 'none'}\n",
                              ctl("stats", "1", spaces=spaces).stdout)

    def test_stats_text(self):
        out = ctl("stats", "3").stdout
        for part in ("ept, 48 bits, 4 levels", "0x000000000000 to 0xffffffffffff",
                     "1 at level 4, 7 at level 3, 9 at level 2, 187 at level 1", "17 device"):
            self.assertIn(part, out)

    def test_dump(self):
        with open(HERE + "/spaces/3/table", encoding="utf-8") as f:
            text = f.read()
        self.assertEqual(ctl("dump", "3").stdout, text)
        runs = json.loads(ctl("dump", "3", "--json").stdout)
        model = Model(HERE + "/spaces/3").runs
        self.assertEqual(len(runs), len(model))
        for got, want in zip(runs, model):
            self.assertEqual((int(got["start"], 16), int(got["end"], 16)), Model.span(want[0]))
            self.assertEqual([got["leaf"], got["prot"], got["memtype"], *got["flags"]], want[2:])

    @staticmethod
    def resident(path):
        """Pages that are there and whether they are owned; then runs of them."""
        pages = {page: "owned" in r[5:] for r in Model(path).runs
                 for page in range(Model.span(r[0])[0] >> 12, Model.span(r[0])[1] >> 12)}
        starts = [p for p in sorted(pages) if p - 1 not in pages]
        ends = [p + 1 for p in sorted(pages) if p + 1 not in pages]
        return [(s << 12, e << 12, sum(pages[p] for p in range(s, e)) << 12)
                for s, e in zip(starts, ends)]

    def test_resident(self):
        for spaces, number in SPACES:
            want = self.resident(f"{spaces}/{number}")
            got = json.loads(ctl("resident", number, "--json", spaces=spaces).stdout)
            self.assertEqual([(int(r["start"], 16), int(r["end"], 16), r["owned"]) for r in got],
                             want)
            lines = ctl("resident", number, spaces=spaces).stdout.splitlines()
            self.assertEqual(len(lines), len(want) + 2)
            self.assertTrue(all(len(line) <= 80 for line in lines))
            for line, run in zip(lines[1:], want):
                self.assertEqual(Model.span(line.split()[0]), run[:2])
            self.assertTrue(lines[-1].startswith(f"{len(want)} runs of "))

    def test_resident_side_by_side(self):
        """Of other rights, leaves and owners: one run all the same."""
        table = ["0x0000000000001000-0x0000000000002000 4K 4K rw- wb owned a d",
                 "0x0000000000002000-0x0000000000003000 4K 4K r-- wb",
                 "0x0000000000200000-0x0000000000400000 2M 2M rw- wb owned",
                 "0x0000000000400000-0x0000000000401000 4K 4K rwx uc owned"]
        with tempfile.TemporaryDirectory() as tmp:
            out = ctl("resident", "1", spaces=make_space(tmp + "/s", [], table)).stdout
            self.assertEqual([line.split() for line in out.splitlines()[1:]], [
                ["0x000000001000-0x000000003000", "8K", "4K"],
                ["0x000000200000-0x000000401000", "2.0M", "2.0M"],
                ["2", "runs", "of", "2.0M,", "2.0M", "the", "space's", "own"]])
            spaces = make_space(tmp + "/none", [])
            self.assertEqual(json.loads(ctl("resident", "1", "--json", spaces=spaces).stdout), [])
            self.assertIn("0 runs of 0", ctl("resident", "1", spaces=spaces).stdout)

    @staticmethod
    def tree(path):
        """Tables by level and address: entries that are tables, and those that are leaves."""
        stats = dict(line.split(" ", 1) for line in read(path + "/stats").splitlines())
        bits, levels = int(stats["gpa-bits"]), int(stats["levels"])
        tables, leaves = {}, {}
        for r in Model(path).runs:
            start, end = Model.span(r[0])
            level = list(LEAF).index(r[2])
            for gpa in range(start, end, LEAF[r[2]]):
                for n in range(level, levels):
                    shift = 12 + 9 * n
                    begin = gpa >> shift + 9 << shift + 9 if n + 1 < levels else 0
                    kind = leaves if n == level else tables
                    kind.setdefault((n + 1, begin), set()).add(gpa >> shift)
        return {at: (512 if at[0] < levels else 1 << bits - 3 - 9 * levels,
                     len(tables.get(at, ())), len(leaves.get(at, ())))
                for at in sorted({*tables, *leaves}, key=lambda at: (-at[0], at[1]))}

    @staticmethod
    def write_tables(path, want):
        """As the module lists them: a table, then what it leads to."""
        with open(path + "/tables", "w", encoding="utf-8") as f:
            f.write("# level gpa entries tables leaves hpa\n")
            for n, at in enumerate(sorted(want, key=lambda at: (at[1], -at[0]))):
                f.write(f"{at[0]} 0x{at[1]:016x} {want[at][0]} {want[at][1]} {want[at][2]} "
                        f"0x{n * 0x3000:x}\n")

    def trees(self, spaces, number):
        want = self.tree(f"{spaces}/{number}")
        self.write_tables(f"{spaces}/{number}", want)
        got = json.loads(ctl("dump", number, "--tree", "--json", spaces=spaces).stdout)
        self.assertEqual([((t["level"], int(t["start"], 16)),
                           (t["entries"], t["tables"], t["leaves"])) for t in got],
                         list(want.items()))
        for t in got:
            self.assertEqual(t["entry_size"], 1 << 3 + 9 * t["level"])
        # The first is the root's, which isn't told here.
        self.assertEqual(sorted(int(t["hpa"], 16) for t in got if "hpa" in t),
                         [n * 0x3000 for n in range(1, len(want))])
        tables = {}
        for line in ctl("dump", number, "--tree", spaces=spaces).stdout.splitlines()[1:]:
            m = re.fullmatch(r"((?:\|  |   )*)([|`]- )?L(\d) (0x\w+)(?: to (0x\w+)  (\d+) tables, each"
                             r"| ) (\d+) of (\d+), \w+ an entry(?:: (\d+) tables?)?"
                             r"(?:[:,] (\d+) leaves)?(?:, at 0x[0-9a-f]+000)?", line)
            self.assertTrue(m, line)
            level, start = int(m[3]), int(m[4], 16)
            self.assertEqual(len(m[1]) // 3 + bool(m[2]), max(at[0] for at in want) - level)
            step = 1 << 12 + 9 * level
            if m[5]:
                self.assertEqual(int(m[5], 16), start + int(m[6]) * step - 1)
            for n in range(int(m[6] or 1)):
                self.assertNotIn((level, start + n * step), tables)
                tables[level, start + n * step] = (int(m[8]), int(m[9] or 0),
                                                   int(m[7]) - int(m[9] or 0))
        self.assertEqual(tables, want)

    def test_tree(self):
        for n, (spaces, number) in enumerate(SPACES):
            with tempfile.TemporaryDirectory() as tmp:
                shutil.copytree(f"{spaces}/{number}", f"{tmp}/{n}/{number}")
                self.trees(f"{tmp}/{n}", number)
        with tempfile.TemporaryDirectory() as tmp:
            # Side by side and full; a root of two pages, and one of four entries.
            for bits, levels, last in ((40, 3, 1 << 40), (32, 3, 1 << 32), (48, 4, 1 << 40)):
                table = ["0x%016x-0x%016x 6M 4K rw- wb" % (1 << 21, 4 << 21),
                         "0x%016x-0x%016x 4K 4K rw- wb" % (4 << 21, (4 << 21) + 4096),
                         "0x%016x-0x%016x 4M 2M rw- wb" % (10 << 21, 12 << 21),
                         "0x%016x-0x%016x 4K 4K rw- wb" % (last - 4096, last)]
                spaces = make_space(f"{tmp}/{bits}", [], table, gpa_bits=bits, levels=levels)
                self.trees(spaces, "1")
                out = ctl("dump", "1", "--tree", spaces=spaces).stdout
                self.assertIn("to " + f"0x{(4 << 21) - 1:0{-(-bits // 4)}x}"
                              + "  3 tables, each 512 of 512, 4K an entry\n", out)
            # One without anything in it, and one that came after its parent had been listed.
            spaces = make_space(tmp + "/late", [])
            with open(spaces + "/1/tables", "w", encoding="utf-8") as f:
                f.write("4 0x0000000000000000 512 1 0 0x0\n3 0x0000000000000000 512 1 0 0x0\n"
                        "2 0x0000000000000000 512 1 0 0x0\n1 0x0000000000200000 512 0 0 0x0\n"
                        "1 0x0000008000000000 512 0 1 0x0\n")
            out = ctl("dump", "1", "--tree", spaces=spaces).stdout.splitlines()
            self.assertEqual(out[-1], "      `- L1 0x000000200000  0 of 512, 4K an entry")
            self.assertEqual(len(out), 5)

    def map_json(self, spaces, number):
        model = Model(f"{spaces}/{number}")
        space = json.loads(ctl("map", number, "--json", spaces=spaces).stdout)
        self.assertEqual(len(space["map"]), len(model.areas))
        for got, want in zip(space["map"], model.areas):
            start, end = Model.span(want[0])
            self.assertEqual((int(got["start"], 16), int(got["end"], 16)), (start, end))
            self.assertEqual([got[k] for k in ("prot", "backend", "memtype", "max_leaf", "cookie")],
                             want[1:6])
            self.assertEqual(got.get("hpa", "-"), want[6])
            self.assertEqual(got["flags"], [] if want[7] == "-" else want[7].split(","))
            size, cells = model.cells(want, 256)
            self.assertEqual(got["cell_size"], size)
            for leaf in LEAF:
                self.assertEqual(got["mapped"][leaf], model.mapped(start, end, leaf))
                if got["mapped"][leaf]:
                    self.assertEqual(got["cells"][leaf],
                                     [model.mapped(s, e, leaf) for s, e in cells])
                else:
                    self.assertEqual(got["cells"][leaf], [])
        self.assertEqual([[d["bus"], d["first"] + "-" + d["last"], "cookie", d["cookie"]]
                          for d in space["devices"]], model.devices)

    def test_map_json(self):
        for spaces, number in SPACES:
            self.map_json(spaces, number)

    def test_hostile_owner(self):
        with tempfile.TemporaryDirectory() as tmp:
            spaces = make_space(tmp + "/s", [], owner="5 \033[31m\x7f\xff")
            for args in (["list"], ["stats"], ["map", "1"], ["map", "1", "--svg", "-"]):
                out = ctl(*args, spaces=spaces).stdout
                self.assertIn("?[31m??", out)
                self.assertFalse(re.search(r"[^\n -~\u2013]", out))
            self.assertEqual(json.loads(ctl("list", "--json", spaces=spaces).stdout)[0]["comm"],
                             "?[31m??")

    def test_newer_module(self):
        """Keys, flags and results that this axasctl doesn't know."""
        with tempfile.TemporaryDirectory() as tmp:
            spaces = make_space(tmp + "/s", [area_line(0, 8192) + " news"], news=3,
                                faults="resolved 9 news 1")
            space = json.loads(ctl("stats", "1", "--json", spaces=spaces).stdout)
            self.assertEqual(space["faults"]["resolved"], 9)
            ctl("map", "1", spaces=spaces)

    def test_names_of_modules(self):
        """The kernel cuts names of formats and backends after 15 bytes."""
        with tempfile.TemporaryDirectory() as tmp:
            spaces = make_space(tmp + "/s", [area_line(0, 8192, "a-long-backends")],
                                format="a-long-format-s")
            space = json.loads(ctl("map", "1", "--json", spaces=spaces).stdout)
            self.assertEqual(space["format"], "a-long-format-s")
            self.assertEqual(space["map"][0]["backend"], "a-long-backends")


class Errors(unittest.TestCase):
    def fails(self, *args, status=1, **kw):
        r = ctl(*args, check=False, **kw)
        self.assertEqual((r.returncode, r.stdout), (status, ""))
        return r.stderr

    def test_no_such_space(self):
        for args in (["stats", "9"], ["dump", "9"], ["map", "9"], ["dump", "9", "--json"],
                     ["watch", "9"], ["heat", "9"]):
            r = ctl(*args, check=False)
            self.assertEqual(r.returncode, 1)
            self.assertIn("no space 9; alive: 3", r.stderr)

    def test_large_number(self):
        """Numbers of spaces have 64 bits."""
        number = str(2**32 + 3)
        with tempfile.TemporaryDirectory() as tmp:
            spaces = make_space(tmp + "/s", [])
            os.rename(spaces + "/1", spaces + "/" + number)
            alive = json.loads(ctl("list", "--json", spaces=spaces).stdout)
            self.assertEqual([space["id"] for space in alive], [int(number)])
            self.assertIn("space " + number, ctl("stats", number, spaces=spaces).stdout)
            self.assertIn("no space 3; alive: " + number, self.fails("stats", "3", spaces=spaces))

    def test_space_that_ends(self):
        """Its files are gone, or end in EIO as this one of /proc does."""
        with tempfile.TemporaryDirectory() as tmp:
            spaces = make_space(tmp + "/s", [])
            shutil.copytree(spaces + "/1", spaces + "/5")
            os.makedirs(spaces + "/2")
            os.makedirs(spaces + "/4")
            os.symlink("/proc/self/mem", spaces + "/4/stats")
            os.symlink("/proc/self/mem", spaces + "/4/table")
            for command in ("list", "stats"):
                alive = json.loads(ctl(command, "--json", spaces=spaces).stdout)
                self.assertEqual([space["id"] for space in alive], [1, 5])
            self.assertEqual(len(ctl("list", spaces=spaces).stdout.splitlines()), 3)
            self.assertIn("no space 4; alive: 1, 2, 5\n", self.fails("stats", "4", spaces=spaces))
            self.assertIn("no space 4; alive: 1, 2, 5\n", self.fails("dump", "4", spaces=spaces))

    def test_missing_file(self):
        with tempfile.TemporaryDirectory() as tmp:
            spaces = make_space(tmp + "/s", [])
            os.remove(spaces + "/1/devices")
            ctl("stats", "1", spaces=spaces)
            self.assertIn("/1 has no file devices; are module and axasctl of one version?",
                          self.fails("map", "1", spaces=spaces))

    def test_no_space_alive(self):
        with tempfile.TemporaryDirectory() as tmp:
            self.assertIn("no space is alive", ctl("list", spaces=tmp).stdout)
            self.assertEqual(json.loads(ctl("list", "--json", spaces=tmp).stdout), [])
            self.assertIn("no space 3: none is alive", self.fails("map", "3", spaces=tmp))

    @unittest.skipIf(os.path.exists("/sys/module/axas"), "the module is loaded")
    def test_no_module(self):
        for args in (["list"], ["map", "3"], ["info"]):
            self.assertIn("the module isn't loaded: sudo modprobe axas",
                          self.fails(*args, spaces="/nonexistent"))

    def test_heat_of_nobody(self):
        """It takes a descriptor, which nobody has of these; and some memory."""
        self.assertIn("no process here has space 3 open", self.fails("heat", "3"))
        with tempfile.TemporaryDirectory() as tmp:
            spaces = make_space(tmp + "/s", [])
            self.assertIn("space 1 has no memory yet", self.fails("heat", "1", spaces=spaces))

    def test_usage(self):
        for args in ([], ["nothing"], ["map"], ["map", "x"], ["map", "0"], ["map", "-1"],
                     ["map", "3", "4"], ["map", "3", "--json", "--svg", "f"], ["list", "3"],
                     ["list", "--svg", "f"], ["watch", "--count", "0"],
                     ["watch", "--interval", "nan"],
                     ["map", "3", "--svg", "f", "--width", "40"],
                     ["map", "3", "--svg", "f", "--width", "3.3in", "--font-size", "12"],
                     ["map", "3", "--svg", "f", "--width", "3miles"],
                     ["map", "3", "--svg", "f", "--font-size", "nan"],
                     ["map", "3", "--svg", "f", "--scale", "none"],
                     ["map", "3", "--svg", "f", "--title", "t", "--no-title"],
                     ["heat"], ["heat", "3", "--csv", "--json"],
                     ["heat", "3", "--csv", "--svg", "f"], ["heat", "3", "--scale", "log"],
                     ["heat", "3", "--no-title"], ["heat", "3", "--interval", "0"],
                     ["map", "3", "--csv"], ["map", "3", "--width", "500"], ["map", "3", "--json", "--no-title"]):
            self.assertIn("axasctl", self.fails(*args, status=2))

    def test_damaged_text(self):
        with tempfile.TemporaryDirectory() as tmp:
            areas = [area_line(0, 8192), "0x3000-0x2000 rw- alloc wb 4K 0x0 - -"]
            spaces = make_space(tmp + "/s", areas)
            self.assertIn("1/areas, line 2: cannot read", self.fails("map", "1", spaces=spaces))

    def test_watch_without_tracefs(self):
        with tempfile.TemporaryDirectory() as tmp:
            env = {"AXAS_TRACEFS": tmp}
            self.assertIn("tracefs isn't mounted", self.fails("watch", env=env))
            os.mkdir(tmp + "/instances")
            self.assertIn("axasctl: the module ", self.fails("watch", env=env))
            self.assertEqual(os.listdir(tmp + "/instances"), [])

    def test_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        with open("/dev/full", "w", encoding="utf-8") as full:
            r = subprocess.run([OUT + "/axasctl", "list"], stdout=full, stderr=subprocess.PIPE,
                               env={"AXAS_DEBUGFS": HERE + "/spaces"}, text=True, check=False)
        self.assertEqual(r.returncode, 1)
        self.assertIn("No space left", r.stderr)
        self.assertIn("No space left", self.fails("map", "3", "--svg", "/dev/full"))
