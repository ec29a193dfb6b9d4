# SPDX-License-Identifier: GPL-2.0
"""axasctl map, in the terminal and as SVG."""
import re
import tempfile
import unittest
import xml.etree.ElementTree as xml

from base import HERE, LEAF, Model, SPACES, area_line, ctl, heat, make_space, on_terminal, plain


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

    def test_rom(self):
        """Whose rights are those of guests alone."""
        for spaces, number in SPACES:
            lines = ctl("map", number, spaces=spaces).stdout.splitlines()
            for area in Model(f"{spaces}/{number}").areas:
                start, end = Model.span(area[0])
                line = next(line for line in lines
                            if re.match(f"0x0*{start:x}-0x0*{end:x} ", line))
                self.assertEqual(line.endswith(", rom"), "rom" in area[7].split(","), line)

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
