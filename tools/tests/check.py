#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""check.py OUT - test the programs and the library in OUT without a module

axasctl reads spaces/ here instead of debugfs. What it should show is worked out
in this file, from the same text, page by page. Prints TAP.
"""
import fcntl
import graphlib
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import unittest
import xml.etree.ElementTree as xml

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.path.dirname(HERE)
TREE = os.path.dirname(TOOLS)
OUT = os.path.abspath(sys.argv[1])
LEAF = {"4K": 1 << 12, "2M": 1 << 21, "1G": 1 << 30}
# A space of all kinds; and one whose areas and cells don't end together.
SPACES = ((HERE + "/spaces", "3"), (HERE + "/odd", "1"))


def run(*args, env=None, check=True, **kw):
    """Run a command; its output as text."""
    r = subprocess.run(args, env={**os.environ, **(env or {})}, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                       timeout=180, **kw)
    if check and r.returncode:
        raise AssertionError(f"{args}: status {r.returncode}\n{r.stdout}{r.stderr}")
    return r


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def ctl(*args, spaces=HERE + "/spaces", check=True, env=None):
    return run(OUT + "/axasctl", *args, check=check,
               env={"AXAS_DEBUGFS": spaces, "LC_ALL": "C.UTF-8", **(env or {})})


def on_terminal(columns, *args, spaces=HERE + "/spaces", **env):
    """What axasctl prints on a terminal of so many columns."""
    pid, fd = pty.fork()
    if not pid:
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        for name in ("NO_COLOR", "TERM", "COLUMNS"):
            os.environ.pop(name, None)
        os.environ.update({"AXAS_DEBUGFS": spaces, "LC_ALL": "C.UTF-8", **env})
        os.execv(OUT + "/axasctl", ["axasctl", *args])
    data = b""
    while True:
        try:
            part = os.read(fd, 65536)
        except OSError:
            break
        if not part:
            break
        data += part
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(fd)
    assert status == 0, data
    return data.decode().replace("\r\n", "\n")


def plain(text):
    return re.sub(r"\033\[[0-9;]*m", "", text)


class Model:
    """A space as its text says, the slow way."""

    def __init__(self, path):
        with open(path + "/areas", encoding="utf-8") as f:
            self.areas = [line.split() for line in f if line[0] != "#"]
        with open(path + "/table", encoding="utf-8") as f:
            self.runs = [line.split() for line in f if line[0] != "#"]
        with open(path + "/devices", encoding="utf-8") as f:
            self.devices = [line.split() for line in f]

    @staticmethod
    def span(text):
        start, end = text.split("-")
        return int(start, 16), int(end, 16)

    def mapped(self, start, end, leaf):
        """Bytes from start to end that leaves of this size map."""
        total = 0
        for r in self.runs:
            s, e = self.span(r[0])
            if r[2] == leaf:
                total += max(0, min(e, end) - max(s, start))
        return total

    def cells(self, area, most):
        """Cell size, and the addresses that each cell has of the area."""
        start, end = self.span(area[0])
        size = 4096
        while (end - 1) // size - start // size + 1 > most:
            size *= 2
        first = start // size
        return size, [(max(start, n * size), min(end, (n + 1) * size))
                      for n in range(first, (end - 1) // size + 1)]


def heat(part, whole):
    if not part:
        return "."
    if part == whole:
        return "#"
    for n in range(1, 7):
        if part << n >= whole:
            return str(8 - n)
    return "1"


def make_space(path, areas, table=(), devices=(), **stats):
    """A space of text; returns the directory to give to axasctl."""
    figures = {"id": 1, "format": "ept", "gpa-bits": 48, "levels": 4, "areas": len(areas),
               "resident": 0, "tables": "0 0 0 1 0", "leaves": "0 0 0",
               "faults": "resolved 0 spurious 0 no-area 0 denied 0 no-memory 0 invalid 0 device 0 "
                         "poisoned 0",
               "base": "0x0", "length": "0x1000000000000", "features": "0x0", "owner": "7 vmm"}
    figures.update({k.replace("_", "-"): v for k, v in stats.items()})
    os.makedirs(path + "/1")
    for name, lines in (("areas", areas), ("table", table), ("devices", devices),
                        ("stats", [f"{k} {v}" for k, v in figures.items()])):
        with open(f"{path}/1/{name}", "w", encoding="latin-1") as f:
            f.write("".join(line + "\n" for line in lines))
    return path


def area_line(start, length, backend="alloc", leaf="4K"):
    return (f"0x{start:016x}-0x{start + length:016x} rw- {backend} wb {leaf} 0x1 "
            f"{'0x1000' if backend == 'linear' else '-'} -")


class Library(unittest.TestCase):
    def setUp(self):
        with open(TOOLS + "/lib/libaxas.map", encoding="utf-8") as f:
            self.listed = sorted(re.findall(r"^\t(axas_\w+);", f.read(), re.M))
        with open(TOOLS + "/lib/axas.h", encoding="utf-8") as f:
            self.header = f.read()

    def test_exports_what_the_version_script_lists(self):
        out = run("nm", "-D", "--defined-only", OUT + "/libaxas.so").stdout
        names = sorted(line.split()[2] for line in out.splitlines() if " A " not in line)
        self.assertEqual(names, [n + "@@AXAS_0.1" for n in self.listed])

    def test_static_exports_the_same(self):
        out = run("nm", "-g", "--defined-only", OUT + "/libaxas.a").stdout
        names = sorted(re.findall(r"^[0-9a-f]+ [A-Z] (\w+)$", out, re.M))
        self.assertEqual(names, self.listed)

    def test_header_and_man_page_have_all(self):
        self.assertEqual(sorted(re.findall(r"^[a-z][^(/]*?\*?(axas_\w+)\(", self.header, re.M)),
                         self.listed)
        with open(TOOLS + "/lib/axas.3", encoding="utf-8") as f:
            page = f.read()
        self.assertEqual(sorted(set(re.findall(r'^\.BI ".*?\*?(axas_\w+)\(', page, re.M))),
                         self.listed)

    def test_soname(self):
        out = run("readelf", "-d", OUT + "/libaxas.so").stdout
        self.assertIn("soname: [libaxas.so.0]", out)

    def user(self, compiler, *flags, libs):
        with tempfile.TemporaryDirectory() as tmp:
            run(*compiler, "-pthread", "-Wall", "-Wextra", "-Wpedantic", "-Werror", *flags,
                "-I", TREE + "/include/uapi", "-I", TOOLS + "/lib",
                "-o", tmp + "/user", HERE + "/user.c", *libs)
            r = run(tmp + "/user", check=False, env={"LD_LIBRARY_PATH": OUT},
                    stdin=subprocess.DEVNULL)
            self.assertEqual((r.returncode, r.stdout), (0, ""))

    def test_c11_shared(self):
        self.user(["gcc", "-std=c11"], libs=["-L" + OUT, "-laxas"])

    def test_c11_static(self):
        self.user(["gcc", "-std=c11"], "-static", libs=[OUT + "/libaxas.a"])

    def test_cxx11_shared(self):
        self.user(["g++", "-std=c++11", "-x", "c++"], libs=["-x", "none", "-L" + OUT, "-laxas"])

    def test_cxx20_static(self):
        self.user(["g++", "-std=c++20", "-x", "c++"], libs=["-x", "none", OUT + "/libaxas.a"])

    def test_offsets_on_32_bit(self):
        """They are guest physical addresses. The C library's headers will do."""
        multiarch = run("gcc", "-print-multiarch").stdout.strip()
        if multiarch != "x86_64-linux-gnu":
            self.skipTest(f"gcc -m32 is not for {multiarch}")
        flags = re.search(r"^override CPPFLAGS \+= (\S+)", read(TOOLS + "/Makefile"), re.M).group(1)
        with tempfile.TemporaryDirectory() as tmp:
            os.mkdir(tmp + "/gnu")
            with open(tmp + "/gnu/stubs-32.h", "w", encoding="utf-8"):
                pass
            for name in ("lib/axas.c", "lib/areas.c", "lib/names.c", "replay/space.c"):
                run("gcc", "-m32", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                    flags, "-I", tmp, "-isystem", "/usr/include/" + multiarch,
                    "-I", TREE + "/include/uapi", "-I", TOOLS + "/lib", f"{TOOLS}/{name}")

    def test_objects_follow_the_version(self):
        for name in ("ctl/axasctl.o", "replay/axas-replay.o", "lib/axas.o", "lib/axas.pic.o", "libaxas.pc"):
            for changed, status in ((TOOLS + "/../VERSION", 1), (TOOLS + "/ctl/axasctl.1", 0)):
                r = run("make", "-C", TOOLS, "-q", "-W", os.path.relpath(changed, TOOLS),
                        "OUT=" + OUT, f"{OUT}/{name}", check=False)
                self.assertEqual(r.returncode, status, (name, changed))

    def test_no_files_need_each_other(self):
        for part in ("lib", "replay", "ctl", "tests/live"):
            objects = [o for o in sorted(os.listdir(f"{OUT}/{part}"))
                       if o.endswith(".o") and not o.endswith(".pic.o")]
            self.assertTrue(objects)
            symbols = {o: run("nm", "-g", f"{OUT}/{part}/{o}").stdout for o in objects}
            home = {name: o for o in objects
                    for name in re.findall(r"^\w+ [^U] (\S+)$", symbols[o], re.M)
                    if name != "main"}
            graphlib.TopologicalSorter(
                {o: {home[name] for name in re.findall(r" U (\S+)$", symbols[o], re.M)
                     if name in home} for o in objects}).prepare()

    def test_builds_without_json_c(self):
        with tempfile.TemporaryDirectory() as tmp:
            out = run("make", "-C", TOOLS, "OUT=" + tmp, "JSON_C_LIBS=-lnone").stdout
            self.assertIn("axasctl is left out", out)
            self.assertTrue(os.path.exists(tmp + "/axas-replay"))
            self.assertFalse(os.path.exists(tmp + "/axasctl"))


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tmp = tempfile.TemporaryDirectory()
        cls.usr = cls.tmp.name + "/usr"
        cls.make("install")

    @classmethod
    def tearDownClass(cls):
        cls.tmp.cleanup()

    @classmethod
    def make(cls, target):
        run("make", "-C", TOOLS, target, f"OUT={cls.tmp.name}/build", "PREFIX=" + cls.usr)

    def test_files(self):
        for name in ("bin/axasctl", "bin/axas-replay", "share/man/man3/axas.3",
                     "share/man/man1/axasctl.1", "share/man/man1/axas-replay.1",
                     "share/bash-completion/completions/axasctl", "lib/libaxas.a",
                     "include/axas.h", "include/linux/axas.h"):
            self.assertTrue(os.path.exists(f"{self.usr}/{name}"), name)

    def test_an_older_axasctl_goes(self):
        old = [self.usr + "/sbin/axasctl", self.usr + "/share/man/man8/axasctl.8"]
        for name in old:
            os.makedirs(os.path.dirname(name), exist_ok=True)
            with open(name, "w", encoding="utf-8"):
                pass
        self.make("install")
        self.assertFalse([name for name in old if os.path.exists(name)])

    def build_readme_example(self):
        example = self.tmp.name + "/example"
        with open(example + ".c", "w", encoding="utf-8") as f:
            f.write(re.search(r"```c\n(.*?)```", read(TREE + "/README.md"), re.S).group(1))
        flags = run("pkg-config", "--cflags", "--libs", "libaxas",
                    env={"PKG_CONFIG_PATH": self.usr + "/lib/pkgconfig",
                         "PKG_CONFIG_SYSROOT_DIR": ""}).stdout.split()
        run("gcc", "-Wall", "-Wextra", "-Werror", example + ".c", "-o", example, *flags)
        return example

    def test_readme_example_builds_with_pkg_config(self):
        self.build_readme_example()

    @unittest.skipIf(os.access("/dev/axas", os.R_OK | os.W_OK), "/dev/axas can be opened")
    def test_readme_example_without_a_module(self):
        r = run(self.build_readme_example(), check=False,
                env={"LD_LIBRARY_PATH": self.usr + "/lib"})
        self.assertEqual(r.returncode, 1)
        self.assertRegex(r.stderr, r"^/dev/axas: [A-Z].+\n$")

    def test_uninstall(self):
        others = {"libaxas.so.00", "libaxas.so.01.2", "libaxas.so.1", "libother.so.0.1"}
        try:
            for name in others | {"libaxas.so.0.0.1", "libaxas.so.0.9"}:
                with open(f"{self.usr}/lib/{name}", "w", encoding="utf-8"):
                    pass
            self.make("uninstall")
            left = {name for _, _, names in os.walk(self.usr) for name in names}
            self.assertEqual(left, others)
        finally:
            self.make("install")


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
        names = {1: "exec-only", 2: "ad", 4: "fwb", 64: "unknown"}
        for bits in (0, 2, 5, 66):
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

    def trees(self, spaces, number):
        want = self.tree(f"{spaces}/{number}")
        got = json.loads(ctl("dump", number, "--tree", "--json", spaces=spaces).stdout)
        self.assertEqual([((t["level"], int(t["start"], 16)),
                           (t["entries"], t["tables"], t["leaves"])) for t in got],
                         list(want.items()))
        for t in got:
            self.assertEqual(t["entry_size"], 1 << 3 + 9 * t["level"])
        tables = {}
        for line in ctl("dump", number, "--tree", spaces=spaces).stdout.splitlines()[1:]:
            if line.startswith("and "):
                continue
            m = re.fullmatch(r"((?:\|  |   )*)([|`]- )?L(\d) (0x\w+)(?: to (0x\w+)  (\d+) tables, each"
                             r"| ) (\d+) of (\d+), \w+ an entry(?:: (\d+) tables?)?"
                             r"(?:[:,] (\d+) leaves)?", line)
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
        for spaces, number in SPACES:
            self.trees(spaces, number)
        with tempfile.TemporaryDirectory() as tmp:
            # Side by side and full; a root of two pages, and one of four entries.
            for bits, levels, last in ((40, 3, 1 << 40), (32, 3, 1 << 32), (48, 4, 1 << 40)):
                table = ["0x%016x-0x%016x 6M 4K rw- wb" % (1 << 21, 4 << 21),
                         "0x%016x-0x%016x 4K 4K rw- wb" % (4 << 21, (4 << 21) + 4096),
                         "0x%016x-0x%016x 4M 2M rw- wb" % (10 << 21, 12 << 21),
                         "0x%016x-0x%016x 4K 4K rw- wb" % (last - 4096, last)]
                spaces = make_space(f"{tmp}/{bits}", [], table, gpa_bits=bits, levels=levels,
                                    tables="9 2 1 0 0")
                self.trees(spaces, "1")
                out = ctl("dump", "1", "--tree", spaces=spaces).stdout
                self.assertIn("to " + f"0x{(4 << 21) - 1:0{-(-bits // 4)}x}"
                              + "  3 tables, each 512 of 512, 4K an entry\n", out)
                self.assertIn("\nand 4 of level 1 without a leaf\n", out)

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
                     ["watch", "9"]):
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
                     ["map", "3", "--width", "500"], ["map", "3", "--json", "--no-title"]):
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


class Terminal(unittest.TestCase):
    def cells(self, spaces, number):
        model = Model(f"{spaces}/{number}")
        lines = ctl("map", number, spaces=spaces).stdout.splitlines()
        for area in model.areas:
            if area[3] == "device":
                continue
            start, end = Model.span(area[0])
            at = next(i for i, line in enumerate(lines)
                      if re.match(f"0x0*{start:x}-0x0*{end:x} ", line))
            size, cells = model.cells(area, 80 - 15)
            for leaf in ("1G", "2M", "4K"):
                want = "".join(heat(model.mapped(s, e, leaf), e - s) for s, e in cells)
                if want.strip("."):
                    at += 1
                    self.assertEqual(lines[at].split()[:2], [leaf, want])

    def test_cells(self):
        for spaces, number in SPACES:
            self.cells(spaces, number)

    def test_devices(self):
        for spaces, number in SPACES:
            lines = ctl("map", number, spaces=spaces).stdout.splitlines()
            for device in Model(f"{spaces}/{number}").devices:
                self.assertEqual(sum(line.split() == device for line in lines), 1, device)

    def test_pipe_is_plain(self):
        out = ctl("map", "3").stdout
        self.assertTrue(out.isascii())
        self.assertNotIn("\033", out)

    def test_widths(self):
        with tempfile.TemporaryDirectory() as tmp:
            areas = [area_line(0, 1 << 56), area_line(1 << 56, 4096, "device")]
            wide = make_space(tmp + "/s", areas, gpa_bits=57, levels=5, length="0x200000000000000")
            for columns, number, spaces in ((78, "3", SPACES[0][0]), (80, "3", SPACES[0][0]),
                                            (160, "3", SPACES[0][0]), (80, "1", wide),
                                            (100, "1", wide)):
                out = on_terminal(columns, "map", number, spaces=spaces)
                for line in plain(out).splitlines():
                    self.assertLessEqual(len(line), columns, line)
        # a line of 2 GiB takes most of what there is
        self.assertIn("█" * 64 + "  32M each", plain(on_terminal(80, "map", "3")))
        self.assertIn("█" * 128 + "  16M each", plain(on_terminal(160, "map", "3")))

    def test_colours(self):
        self.assertIn("\033[38;5;", on_terminal(80, "map", "3"))
        for env in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            out = on_terminal(80, "map", "3", **env)
            self.assertNotIn("\033", out)
            self.assertIn("█", out)

    def test_no_utf8(self):
        self.assertTrue(on_terminal(80, "map", "3", LC_ALL="C").isascii())

    def test_many_areas(self):
        with tempfile.TemporaryDirectory() as tmp:
            areas = [area_line(n << 20, 8192) for n in range(30)]
            table = ["0x0000000000000000-0x0000000000001000 4K 4K rw- wb owned"]
            out = ctl("map", "1", spaces=make_space(tmp + "/s", areas, table)).stdout
            rows = [line for line in out.splitlines() if line.startswith("0x")]
            self.assertEqual(len(rows), 30)
            self.assertTrue(rows[0].endswith(" #."))
            self.assertTrue(all(row.endswith(" ..") for row in rows[1:]))
            self.assertEqual(out.count(": 1016K nothing"), 29)


def luminance(colour):
    r, g, b = (int(colour[i:i + 2], 16) for i in (1, 3, 5))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


class Svg(unittest.TestCase):
    NS = "{http://www.w3.org/2000/svg}"
    # Widths and sizes of text, the narrowest last.
    SIZES = ((), ("--width", "1200", "--font-size", "16"), ("--width", "3.3in", "--font-size", "9"),
             ("--width", "8.4cm"), ("--width", "112", "--font-size", "4"))

    def parse(self, *args, spaces=HERE + "/spaces"):
        return xml.fromstring(ctl("map", *args, "--svg", "-", spaces=spaces).stdout)

    def boxes(self, root):
        """Where each text is, with the widest letters that fonts have on average."""
        style = root.find(self.NS + "style").text
        sizes = {name: float(size) for name, size in
                 re.findall(r"^\.?(\w+) {[^}]*?font(?:-size)?: ([0-9.]+)px", style, re.M)}
        for t in root.iter(self.NS + "text"):
            classes = t.get("class").split()
            size = sizes.get(classes[-1], sizes["text"])
            width = len(t.text) * size * (0.61 if "range" in classes else 0.53)
            x, y = float(t.get("x")), float(t.get("y"))
            if classes[0] in ("what", "lane", "last"):
                x -= width
            elif classes[0] in ("tick", "nothing"):
                x -= width / 2
            yield x, y - size, x + width, y + size * 0.25, t.text

    def inside(self, root):
        _, _, width, height = map(float, root.get("viewBox").split())
        texts = list(self.boxes(root))
        for i, (x1, y1, x2, y2, text) in enumerate(texts):
            self.assertTrue(0 <= x1 and x2 <= width and 0 <= y1 and y2 <= height, text)
            for a1, b1, a2, b2, other in texts[:i]:
                self.assertFalse(x1 < a2 and a1 < x2 and y1 < b2 and b1 < y2,
                                 f"'{text}' over '{other}'")
        for r in root.iter(self.NS + "rect"):
            x, y, w, h = (float(r.get(k, 0)) for k in ("x", "y", "width", "height"))
            self.assertTrue(0 <= x and x + w <= width + 0.1 and 0 <= y and y + h <= height)
        return texts

    def frames(self, root):
        """Bars of lanes, from above, as rectangles."""
        frames = [r for r in root.iter(self.NS + "rect") if r.get("class") == "frame"]
        lane = frames[0].get("height")
        return [r for r in frames if r.get("height") == lane]

    def test_nothing_clipped_or_overlapping(self):
        texts = " ".join(t[4] for t in self.inside(self.parse("3")))
        for part in ('a<b> & "vmm"', "64 TiB, rw- alloc wb", "cookie 0x3", "128 TiB of nothing",
                     "+1.25 GiB"):
            self.assertIn(part, texts)
        with tempfile.TemporaryDirectory() as tmp:
            odd = [area_line((1 << 56) - 4096, 4096), area_line(1 << 56, (1 << 55) - (3 << 12)),
                   area_line((1 << 56) + (1 << 55), 5 << 20, "linear", "1G"),
                   area_line((1 << 56) + (1 << 55) + (6 << 20), 9 * 4096, "device", "-")]
            table = ["0x%016x-0x%016x 5M 4K rw- wb" % ((3 << 55), (3 << 55) + (5 << 20))]
            wide = make_space(tmp + "/s", odd, table, gpa_bits=57, levels=5,
                              length="0x200000000000000", owner="4194304 " + "M" * 15,
                              devices=["sysreg 0xfffffff0-0xffffffff cookie 0xffffffffffffffff"])
            many = make_space(tmp + "/m", odd[:2] + [area_line((3 << 55) + (n << 30), 8192)
                                                     for n in range(30)],
                              gpa_bits=57, levels=5, length="0x200000000000000")
            for size in self.SIZES:
                for scale in ("own", "common", "log"):
                    self.inside(self.parse("3", *size, "--scale", scale))
                    self.inside(self.parse("1", *size, "--scale", scale, spaces=wide))
                    self.inside(self.parse("1", *size, "--scale", scale, spaces=many))

    def test_width_and_font(self):
        for width, pixels in (("500", 500), ("500px", 500), ("3.3in", 316.8), ("84mm", 317.5),
                              ("8.4cm", 317.5), ("250pt", 333.3)):
            root = self.parse("3", "--width", width, "--font-size", "9")
            self.assertAlmostEqual(float(root.get("width")), pixels, delta=0.1)
            self.assertIn("text { font: 9.00px", root.find(self.NS + "style").text)

    def test_title(self):
        for args, want in (((), "Guest physical address space 3"),
                           (("--title", "a <b> & \u00e9"), "a <b> & \u00e9")):
            root = self.parse("3", *args)
            titles = [t.text for t in root.iter(self.NS + "text") if t.get("class") == "title"]
            self.assertEqual(titles, [want])
            self.assertEqual(root.find(self.NS + "title").text, want)
        words = "word " * 40
        root = self.parse("3", "--title", words)
        lines = [t.text for t in root.iter(self.NS + "text") if t.get("class") == "title"]
        self.assertGreater(len(lines), 1)
        self.assertEqual(" ".join(lines).split(), words.split())
        self.inside(root)
        none = self.parse("3", "--no-title")
        self.assertLess(float(none.get("height")), float(self.parse("3").get("height")) - 40)
        self.assertFalse([t.text for t in none.iter(self.NS + "text") if "process" in t.text])

    def test_scales(self):
        """A bar's length, against the size of its area in pages."""
        model = Model(HERE + "/spaces/3")
        pages = [(e - s) >> 12 for s, e in (Model.span(a[0]) for a in model.areas)]
        lanes = [max(1, sum(model.mapped(*Model.span(a[0]), leaf) > 0 for leaf in LEAF))
                 for a in model.areas]
        room = float(self.frames(self.parse("3"))[0].get("width"))
        for scale, share in (("own", lambda n: 1), ("common", lambda n: n / max(pages)),
                             ("log", lambda n: self.log(n) / self.log(max(pages)))):
            frames = self.frames(self.parse("3", "--scale", scale))
            want = [max(2, room * share(n)) for n, k in zip(pages, lanes) for _ in range(k)]
            self.assertEqual(len(frames), len(want))
            for frame, width in zip(frames, want):
                self.assertAlmostEqual(float(frame.get("width")), width, delta=0.02)

    @staticmethod
    def log(pages):
        """To the base of 2, but linear in between; from 1 on."""
        n = pages.bit_length() - 1
        return n + pages / (1 << n)

    def cells(self, spaces, number):
        """The dark part of each lane is what the model has there."""
        model = Model(f"{spaces}/{number}")
        root = self.parse(number, spaces=spaces)
        frames = self.frames(root)
        left, bar = float(frames[0].get("x")), float(frames[0].get("width"))
        lanes = {}
        for r in root.iter(self.NS + "rect"):
            if r.get("height") == frames[0].get("height") and (r.get("fill") or "#").startswith("#"):
                lanes.setdefault(float(r.get("y")), []).append(r)
        lanes = [lanes[y] for y in sorted(lanes)]
        want = []
        for area in model.areas:
            start, end = Model.span(area[0])
            _, cells = model.cells(area, int(bar) // 2)
            for leaf in ("1G", "2M", "4K"):
                heats = [heat(model.mapped(s, e, leaf), e - s) for s, e in cells]
                if set(heats) != {"."}:
                    want.append([((s - start) / (end - start) * bar, leaf + h)
                                 for (s, e), h in zip(cells, heats)])
        lanes = [[r for r in lane if r.get("fill")] for lane in lanes]
        lanes = [lane for lane in lanes if lane]
        self.assertEqual(len(lanes), len(want))
        shades = {}
        for lane, cells in zip(lanes, want):
            ends = [x for x, _ in cells[1:]] + [bar]
            for (x, h), end in zip(cells, ends):
                if end - x < 0.1:
                    continue    # not to be seen
                hit = [r for r in lane if float(r.get("x")) - left <= x + 0.02 <
                       float(r.get("x")) - left + float(r.get("width"))]
                self.assertEqual(len(hit), h[-1] != ".")
                if hit:
                    self.assertEqual(shades.setdefault(h, hit[0].get("fill")), hit[0].get("fill"))
        self.assertEqual(len(set(shades.values())), len(shades))

    def test_cells(self):
        for spaces, number in SPACES:
            self.cells(spaces, number)

    def test_readable_in_grayscale(self):
        """Whatever the size of the leaves, a step is as dark, and darker than the last."""
        rows = {}
        root = self.parse("3")
        lane = self.frames(root)[0].get("height")
        for r in root.iter(self.NS + "rect"):
            if r.get("x") and r.get("height") != lane and (r.get("fill") or "").startswith("#"):
                rows.setdefault(r.get("y"), []).append(luminance(r.get("fill")))
        self.assertEqual([len(row) for row in rows.values()], [9, 9, 9])
        for row in rows.values():
            self.assertGreater(min(a - b for a, b in zip(row, row[1:])), 15)
        for step in zip(*rows.values()):
            self.assertLess(max(step) - min(step), 3)

    def test_many_areas(self):
        """Each in a line: where it is, and what is most in each cell."""
        with tempfile.TemporaryDirectory() as tmp:
            areas = [area_line(n << 21, 1 << 21) for n in range(25)]
            table = ["0x%016x-0x%016x 2M 2M rw- wb" % (3 << 21, 4 << 21),
                     "0x%016x-0x%016x 4K 4K rw- wb" % (5 << 21, (5 << 21) + (1 << 20))]
            root = self.parse("1", spaces=make_space(tmp + "/s", areas, table))
            texts = [t[4] for t in self.inside(root)]
            self.assertEqual([t for t in texts if t.startswith("0x")],
                             [f"0x{n << 21:012x}" for n in range(25)])
            frames = self.frames(root)
            self.assertEqual(len(frames), 25)
            width = float(frames[0].get("width"))
            for n, part in ((3, 1), (5, 0.5)):
                fills = [r for r in root.iter(self.NS + "rect")
                         if r.get("y") == frames[n].get("y") and r.get("fill")]
                self.assertEqual(len(fills), 1)
                self.assertAlmostEqual(float(fills[0].get("width")), width * part, delta=2)
            areas = [area_line(n << 20, 8192) for n in range(430)]
            root = self.parse("1", spaces=make_space(tmp + "/m", areas))
            self.assertIn("30 more areas are not drawn", [t[4] for t in self.inside(root)])

    def test_devices(self):
        with tempfile.TemporaryDirectory() as tmp:
            devices = [f"port 0x{8 * n:x}-0x{8 * n + 7:x} cookie 0x{n:x}" for n in range(32)]
            for more in ([], ["sysreg 0xfffffff0-0xffffffff cookie 0xffffffffffffffff"] * 3):
                texts = [t[4] for t in self.inside(self.parse("1", spaces=make_space(
                    tmp + f"/{len(more)}", [], devices=devices + more)))]
                for n in range(32):
                    self.assertIn(f"port 0x{8 * n:x}\u20130x{8 * n + 7:x}", texts)
                    self.assertIn(f"cookie 0x{n:x}", texts)
                self.assertEqual("3 more ranges of ports and registers are not drawn" in texts,
                                 bool(more))
        texts = [t[4] for t in self.inside(self.parse("3"))]
        self.assertIn("sysreg 0xc0000080\u20130xc0000084", texts)

    def test_no_areas(self):
        with tempfile.TemporaryDirectory() as tmp:
            self.inside(self.parse("1", spaces=make_space(tmp + "/s", [])))


class Pages(unittest.TestCase):
    def test_man_pages_are_clean(self):
        for page in ("ctl/axasctl.1", "replay/axas-replay.1", "lib/axas.3"):
            r = run("groff", "-man", "-ww", "-z", "-Tutf8", f"{TOOLS}/{page}")
            self.assertEqual(r.stderr, "", page)

    def test_man_page_and_completion_have_all_options(self):
        with open(TOOLS + "/ctl/axasctl.1", encoding="utf-8") as f:
            page = f.read().replace("\\-", "-")
        with open(TOOLS + "/ctl/axasctl.bash", encoding="utf-8") as f:
            completion = f.read()
        for command in ("info", "list", "stats", "dump", "map", "watch"):
            out = ctl(command, "--help").stdout
            for option in re.findall(r"--[a-z][a-z-]*", out):
                self.assertIn(option, page)
                if option != "--usage":
                    self.assertIn(option, completion)

    def complete(self, *words, **kw):
        script = ('. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _axasctl; '
                  'echo "${COMPREPLY[*]}"')
        return run("bash", "-c", script, "-", TOOLS + "/ctl/axasctl.bash", "axasctl", *words,
                   env={"AXAS_DEBUGFS": HERE + "/spaces"}, **kw).stdout.split()

    def test_completion(self):
        self.assertEqual(self.complete("wa"), ["watch"])
        self.assertEqual(self.complete("map", ""),
                         ["--json", "--help", "--svg", "--width", "--font-size", "--title",
                          "--no-title", "--scale", "3"])
        self.assertEqual(self.complete("map", "--scale", "=", "l"), ["log"])
        self.assertEqual(self.complete("map", "--title", ""), [])
        self.assertEqual(self.complete("watch", "--c"), ["--count"])
        self.assertEqual(self.complete("info", "3"), [])
        with tempfile.TemporaryDirectory() as tmp:
            for name in ("a.svg", "also", "b"):
                os.mkdir(f"{tmp}/{name}")
            for before in (["--svg"], ["--svg", "="], ["3", "--svg", "="]):
                self.assertEqual(self.complete("map", *before, "a", cwd=tmp), ["a.svg", "also"])
            self.assertEqual(sorted(self.complete("map", "--svg", "=", cwd=tmp)),
                             ["a.svg", "also", "b"])
        self.assertEqual(self.complete("watch", "--count", "="), [])
        self.assertEqual(self.complete("watch", "--count", "=", "3"), [])


class Tap(unittest.TestResult):
    """Results as TAP."""

    def __init__(self, nr):
        super().__init__()
        self.n = 0
        print(f"TAP version 13\n1..{nr}")

    def line(self, test, ok, note=""):
        self.n += 1
        name = ".".join(test.id().split(".")[-2:])
        print(f"{'ok' if ok else 'not ok'} {self.n} {name}{note}", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.line(test, True)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line(test, True, f" # SKIP {reason}")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        for text in self.failures[-1][1].splitlines():
            print("# " + text)
        self.line(test, False)

    addError = addFailure


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = Tap(suite.countTestCases())
    suite.run(result)
    return not result.wasSuccessful()


if __name__ == "__main__":
    sys.exit(main())
