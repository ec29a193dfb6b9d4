#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""The Python module over a live space. Prints TAP."""
import contextlib
import errno
import io
import os
import re
import sys
import textwrap
import unittest

import axas
import check

PAGE = 4096
GPA = 1 << 32


class Live(unittest.TestCase):
    def setUp(self):
        self.space = axas.create(format=axas.Format.AMD, gpa_bits=48)
        self.addCleanup(self.space.close)

    def raises(self, number, call, *arguments, **more):
        with self.assertRaises(OSError) as raised:
            call(*arguments, **more)
        self.assertEqual(raised.exception.errno, number)
        return raised.exception

    def test_device(self):
        with axas.Device() as device:
            info = device.info(axas.Format.S2)
            self.assertEqual((info.format, info.name), (axas.Format.S2, b"s2"))
            self.assertEqual(info.leaf_sizes, 1 << 12 | 1 << 21 | 1 << 30)
            self.assertEqual(device.format_number("ept"), axas.Format.EPT)
            self.raises(errno.ENOENT, device.format_number, "none")
            self.raises(errno.ERANGE, device.create, format=axas.Format.S2, gpa_bits=32, base=1 << 32)
            with device.create(format=axas.Format.S2, gpa_bits=40, base=GPA, length=PAGE) as space:
                stats = space.stats()
                self.assertEqual((stats.format, stats.gpa_bits, stats.base, stats.length),
                                 (axas.Format.S2, 40, GPA, PAGE))
                self.assertGreater(space.id, self.space.id)

    def test_memory(self):
        self.space.map(GPA, 16 * PAGE)
        self.raises(errno.EEXIST, self.space.map, GPA + PAGE, PAGE)
        data = bytes(range(256)) * 32
        self.space.write(GPA + 100, memoryview(data))
        self.assertEqual(self.space.read(GPA + 100, len(data)), data)
        self.assertEqual(self.space.read(GPA, 0), b"")
        self.raises(errno.EFAULT, self.space.read, GPA + 15 * PAGE, 2 * PAGE)
        self.assertEqual(list(self.space.next()), [(GPA, 3 * PAGE)])
        self.assertEqual(list(self.space.next(GPA + PAGE, PAGE)), [(GPA + PAGE, PAGE)])
        self.assertEqual(list(self.space.next(GPA + 8 * PAGE)), [])
        self.assertEqual(self.space.discard(GPA, 2 * PAGE).freed, 2 * PAGE)
        self.assertEqual(self.space.stats().resident, PAGE)
        self.assertEqual(self.space.read(GPA + 100, 8), bytes(8))
        self.space.populate(GPA, 16 * PAGE)
        self.assertEqual(self.raises(errno.ENOENT, self.space.populate, GPA, 17 * PAGE).done, 16 * PAGE)
        self.space.clear()
        self.assertEqual((self.space.stats().resident, self.space.areas()), (0, []))

    def test_tracker(self):
        self.space.map(GPA, 1024 * PAGE)
        with self.space.track(GPA, 1024 * PAGE) as tracker:
            want = [(GPA + n * PAGE, PAGE) for n in range(0, 1024, 2)]
            for gpa, _ in want:
                self.space.write(gpa, b"x")
            self.assertEqual(list(tracker.dirty(flags=axas.DirtyFlags.PEEK)), want)
            self.assertEqual(list(tracker.dirty(GPA, PAGE)), want[:1])
            self.assertEqual(list(tracker.dirty(GPA + PAGE)), want[1:])
            self.assertEqual(list(tracker.dirty()), [])
            tracker.put(want[:2])
            self.assertEqual(list(tracker.dirty()), want[:2])
            self.raises(errno.ERANGE, tracker.put, [(0, PAGE)])
            self.raises(errno.ERANGE, lambda: list(tracker.dirty(GPA, 1025 * PAGE)))
            self.raises(errno.EINVAL, lambda: list(tracker.dirty(flags=axas.DirtyFlags.PUT)))
        self.raises(errno.EINVAL, self.space.track, GPA + 1, PAGE)

    def test_many_runs(self):
        self.space.map(0, 2048 * PAGE)
        want = [(n * PAGE, PAGE) for n in range(0, 2048, 2)]
        results = self.space.faults(axas.FaultEntry(gpa=gpa, access=axas.Prot.WRITE) for gpa, _ in want)
        self.assertEqual({entry.result for entry in results}, {axas.FaultResult.RESOLVED})
        self.assertEqual(list(self.space.next()), want)

    def test_faults(self):
        self.space.map(GPA, 2 * PAGE, axas.RW, cookie=5)
        self.space.map_device(GPA + 2 * PAGE, PAGE, cookie=7)
        self.space.device_add(axas.Bus.PORT, 0x3f8, 0x3ff, cookie=9)
        self.assertIs(self.space.fault(GPA, axas.Prot.WRITE), axas.FaultResult.RESOLVED)
        self.assertIs(self.space.fault(GPA, axas.Prot.READ), axas.FaultResult.SPURIOUS)
        self.assertIs(self.space.fault(GPA, axas.Prot.EXEC), axas.FaultResult.DENIED)
        self.assertIs(self.space.fault(0, axas.Prot.READ), axas.FaultResult.NO_AREA)
        self.space.protect(GPA, PAGE, axas.Prot.READ)
        entries = self.space.faults([
            axas.FaultEntry(gpa=GPA + 8, access=axas.Prot.WRITE),
            axas.FaultEntry(gpa=GPA + 2 * PAGE + 16, access=axas.Prot.READ, width=4),
            axas.FaultEntry(gpa=0x3fd, access=axas.Prot.READ, width=1, bus=axas.Bus.PORT)])
        self.assertEqual([(e.result, e.cookie, e.offset) for e in entries],
                         [(axas.FaultResult.DENIED, 5, 8), (axas.FaultResult.DEVICE, 7, 16),
                          (axas.FaultResult.DEVICE, 9, 5)])
        self.space.device_del(axas.Bus.PORT, 0x3f8, 0x3ff)
        self.raises(errno.ENOENT, self.space.device_del, axas.Bus.PORT, 0x3f8, 0x3ff)
        self.assertEqual(self.space.faults([]), [])

    def test_areas(self):
        for n in range(100):
            self.space.map(2 * n * PAGE, PAGE, axas.Prot.READ, cookie=n)
        self.assertEqual([(a.gpa, a.length, a.cookie) for a in self.space.areas()],
                         [(2 * n * PAGE, PAGE, n) for n in range(100)])
        self.assertEqual(len(self.space.areas(150 * PAGE)), 25)
        self.space.resize(0, 2 * PAGE)
        self.raises(errno.EEXIST, self.space.resize, 0, 3 * PAGE)
        self.space.unmap(0, 199 * PAGE)
        self.assertEqual(self.space.areas(), [])

    def test_places_and_leaves(self):
        self.space.map(GPA, 1 << 21, max_leaf=1 << 21)
        self.space.write(GPA, b"one")
        self.space.move(GPA, 0, 1 << 21)
        self.raises(errno.ENOENT, self.space.move, GPA, 2 << 21, 1 << 21)
        self.raises(errno.EEXIST, self.space.move, 0, 0x1000, 0x1000)
        self.assertEqual(self.space.read(0, 3), b"one")
        one, none, far = self.space.translations([0, GPA, 1 << 50])
        self.assertEqual((one.state, one.limit, one.prot), (axas.TranslateState.MAPPED, 1 << 21, axas.RWX))
        self.assertEqual((none.state, far.state), (axas.TranslateState.NO_AREA, axas.TranslateState.INVALID))
        self.assertEqual(self.space.collapse(0, 1 << 21, axas.CollapseFlags.COPY).done, 1 << 21)
        self.assertEqual(self.raises(errno.ENOENT, self.space.collapse, 0, 1 << 22).done, 1 << 21)

    def test_window_is_a_buffer(self):
        self.space.map(GPA, 4 * PAGE)
        with self.space.window(GPA, 4 * PAGE) as window:
            with memoryview(window) as view:
                view[10:14] = b"abcd"
                words = view.cast("Q")
                words[PAGE // 8] = 0x1122334455667788
                words.release()
            self.assertEqual(self.space.read(GPA + 10, 4), b"abcd")
            self.assertEqual(self.space.read(GPA + PAGE, 8), bytes.fromhex("8877665544332211"))
            self.space.write(GPA + 3 * PAGE, b"x" * PAGE)
            self.assertEqual(window.find(b"x"), 3 * PAGE)
        with self.space.window(GPA, PAGE, write=False) as window:
            self.assertEqual(window[10:14], b"abcd")
            self.assertRaises(TypeError, window.__setitem__, 0, 1)
        self.raises(errno.EINVAL, self.space.window, GPA, 0)
        self.assertRaises(ValueError, self.space.window, 1 << 48, PAGE)

    def test_ram_file(self):
        self.space.map(GPA, 16 * PAGE)
        with self.space.ram_file(GPA, 4 * PAGE) as ram:
            self.assertEqual(os.fstat(ram.fileno()).st_size, 4 * PAGE)
            ram.write(PAGE, b"ram")
            with ram.window(0, 4 * PAGE) as window:
                self.assertEqual(window[PAGE:PAGE + 3], b"ram")
                window[0:3] = b"win"
        self.assertEqual(self.space.read(GPA, 3) + self.space.read(GPA + PAGE, 3), b"winram")
        with self.space.ram_file(GPA, 4 * PAGE, axas.Prot.READ) as ram:
            self.assertEqual(ram.read(PAGE, 3), b"ram")
            self.raises(errno.EBADF, ram.write, 0, b"x")
            self.raises(errno.EACCES, ram.window, 0, PAGE)
            with open(f"/proc/self/fd/{ram.fileno()}", "rb") as again:
                self.assertEqual(again.read(3), b"win")
        self.raises(errno.EINVAL, self.space.ram_file, GPA, PAGE, axas.Prot.WRITE)

    def test_the_page_says_what_its_script_prints(self):
        with open(os.path.dirname(__file__) + "/monitors.rst", encoding="utf-8") as f:
            script, output = (textwrap.dedent(text) for text in re.search(
                r"code-block:: python\n\n(.*?)\n\.\. code-block:: none\n\n(.*?)\n\w",
                f.read(), re.S).groups())
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(script, {})  # pylint: disable=exec-used
        self.assertEqual(printed.getvalue(), output)

    def test_space_goes_with_its_descriptor(self):
        space = axas.create()
        number = str(space.id)
        self.assertIn(number, os.listdir("/sys/kernel/debug/axas"))
        del space
        self.assertNotIn(number, os.listdir("/sys/kernel/debug/axas"))


def main():
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Live)
    result = check.Tap(suite.countTestCases())
    suite.run(result)
    return not result.wasSuccessful()


if __name__ == "__main__":
    sys.exit(main())
