# SPDX-License-Identifier: GPL-2.0
"""The Python module without a device: is it what the headers say, and what it refuses."""
import ctypes
import enum
import errno
import os
import re
import sys
import tempfile
import unittest

from base import OUT, TOOLS, TREE, read, run

os.environ["AXAS_LIBRARY"] = OUT + "/libaxas.so"
sys.path.insert(0, TOOLS + "/python")
# pylint: disable=wrong-import-position
import axas  # noqa: E402

UAPI = read(TREE + "/include/uapi/linux/axas.h")
# What is called otherwise than the header's names have it.
NAMES = {"axas_memtype": "MemType", "axas_backend_id": "Backend"}
PREFIXES = {"axas_memtype": "AXAS_MEM_", "axas_feature": "AXAS_FEAT_", "axas_backend_id": "AXAS_BACKEND_",
            "axas_map_flags": "AXAS_MAP_", "axas_move_flags": "AXAS_MOVE_", "axas_ram_flags": "AXAS_RAM_",
            "axas_collapse_flags": "AXAS_COLLAPSE_", "axas_fault_result": "AXAS_FAULT_",
            "axas_translate_state": "AXAS_TRANSLATE_", "axas_translate_flags": "AXAS_TRANSLATE_",
            "axas_track_what": "AXAS_TRACK_", "axas_track_flags": "AXAS_TRACK_",
            "axas_dirty_flags": "AXAS_DIRTY_", "axas_probe_kind": "AXAS_PROBE_"}


def python_name(name):
    return NAMES.get(name) or "".join(part.capitalize() for part in name.split("_")[1:])


def print_by_c(lines):
    """What a program prints that includes the header: integers, one a line."""
    with tempfile.TemporaryDirectory() as tmp:
        with open(tmp + "/a.c", "w", encoding="utf-8") as f:
            f.write("#include <stddef.h>\n#include <stdio.h>\n#include <linux/axas.h>\n"
                    "int main(void)\n{\n" +
                    "".join(f'\tprintf("%llu\\n", (unsigned long long)({line}));\n' for line in lines) +
                    "\treturn 0;\n}\n")
        run("gcc", "-I", TREE + "/include/uapi", "-o", tmp + "/a", tmp + "/a.c")
        return [int(n) for n in run(tmp + "/a").stdout.split()]


class Python(unittest.TestCase):
    def setUp(self):
        read_end, write_end = os.pipe()
        os.close(write_end)
        self.space = axas.Space(read_end)
        self.addCleanup(self.space.close)

    def test_structures_are_those_of_the_header(self):
        structures = {name: body for name, body in
                      re.findall(r"^struct (axas_\w+) \{\n(.*?)^\};", UAPI, re.M | re.S)}
        classes = [c for c in vars(axas).values() if isinstance(c, type) and issubclass(c, ctypes.Structure) and
                   c.__name__[0] != "_"]
        by_name = {python_name(name): name for name in structures}
        asked, got = [], []
        for c in classes:
            name = by_name[c.__name__]
            members = re.findall(r"(\w+)(?:\[\w+\])?;", structures[name])
            self.assertEqual(c.names(), members, name)
            asked.append(f"sizeof(struct {name})")
            got.append(ctypes.sizeof(c))
            for member in members:
                asked += [f"offsetof(struct {name}, {member})",
                          f"sizeof(((struct {name} *)0)->{member})"]
                got += [getattr(c, member).offset, getattr(c, member).size]
        self.assertGreater(len(asked), 100)
        self.assertEqual(list(zip(asked, got)), list(zip(asked, print_by_c(asked))))

    def test_enumerations_are_those_of_the_header(self):
        classes = {c.__name__ for c in vars(axas).values() if isinstance(c, type) and
                   issubclass(c, enum.IntEnum) | issubclass(c, enum.IntFlag)}
        enums = [(name, body) for name, body in
                 re.findall(r"^enum (axas_\w+) \{\n(.*?)^\};", UAPI, re.M | re.S)]
        self.assertEqual({python_name(name) for name, _ in enums}, classes)
        for name, body in enums:
            constants = re.findall(r"^\t(AXAS_\w+)", body, re.M)
            prefix = PREFIXES.get(name, name.upper() + "_")
            values = dict(zip(constants, print_by_c(constants)))
            self.assertEqual({prefix + k: int(v) for k, v in getattr(axas, python_name(name)).__members__.items()},
                             values)

    def test_functions_are_those_of_the_library(self):
        """All but those that are short for others, or of which Python has no need."""
        without = {"axas_areas_changed", "axas_fault", "axas_translate", "axas_window", "axas_map_alloc",
                   "axas_map_linear", "axas_map_device", "axas_map_alias"}
        types = {"int": ctypes.c_int, "uint32_t": ctypes.c_uint32, "uint64_t": ctypes.c_uint64,
                 "int64_t": ctypes.c_int64, "size_t": ctypes.c_size_t, "unsigned int": ctypes.c_uint,
                 "void": None}
        table = {}
        header = read(TOOLS + "/lib/axas.h")
        for result, name, arguments in re.findall(r"^([a-z][\w ]*?\*?)\b ?(axas_\w+)\(([^)]*)\);", header, re.M):
            if name in without or name.endswith("_name"):
                continue
            kinds = [types[result]]
            for argument in re.sub(r"\s+", " ", arguments).split(", "):
                kind = argument.rpartition(" ")[0]
                kinds.append(axas._PTR if "*" in argument else types[kind])
            table[name] = kinds
        table["axas_open"][1] = table["axas_format_number"][2] = axas._TEXT
        table["axas_write"][3] = axas._TEXT
        self.assertEqual({name: list(kinds) for name, kinds in axas._FUNCTIONS.items()}, table)

    def test_errors_have_an_errno(self):
        with self.assertRaises(FileNotFoundError):
            axas.create(path="/nowhere")
        for call in (self.space.stats, self.space.root, self.space.areas, self.space.clear,
                     lambda: self.space.map(0, 4096), lambda: self.space.unmap(0, 4096),
                     lambda: self.space.translate(0), lambda: self.space.fault(0, axas.Prot.READ),
                     lambda: list(self.space.next()), lambda: self.space.id,
                     lambda: self.space.ram_file(0, 4096), lambda: self.space.track(0, 4096)):
            with self.assertRaises(OSError) as raised:
                call()
            self.assertEqual(raised.exception.errno, errno.ENOTTY)
        for call in (self.space.populate, self.space.collapse):
            with self.assertRaises(OSError) as raised:
                call(0, 4096)
            self.assertEqual((raised.exception.errno, raised.exception.done), (errno.ENOTTY, 0))
        with self.assertRaises(OSError) as raised:
            self.space.read(0, 1)
        self.assertEqual(raised.exception.errno, errno.ESPIPE)

    def test_no_number_is_cut(self):
        for call in (lambda: self.space.unmap(1 << 64, 4096), lambda: self.space.unmap(-1, 4096),
                     lambda: self.space.map(0, 1 << 64), lambda: self.space.map(0, 4096, prot=1 << 32),
                     lambda: self.space.protect(0, 4096, 1 << 32), lambda: self.space.fault(0, 1 << 16),
                     lambda: self.space.translate(1 << 64), lambda: list(self.space.next(0, 1 << 64)),
                     lambda: axas.FaultEntry(gpa=0, width=256)):
            with self.assertRaises(OverflowError):
                call()

    def test_what_is_no_number_and_no_field(self):
        for call in (lambda: self.space.unmap("0", 4096), lambda: self.space.map(0, 4096.0),
                     lambda: self.space.map(0, 4096, colour=1), lambda: self.space.write(0, "text"),
                     lambda: axas.Create(size=None), lambda: axas.Map(names=1)):
            with self.assertRaises(TypeError):
                call()

    def test_a_closed_one_is_no_descriptor(self):
        fd = self.space.fileno()
        with self.space as space:
            self.assertEqual(space.fileno(), fd)
        self.assertRaises(OSError, os.fstat, fd)
        self.space.close()
        for call in (self.space.stats, self.space.fileno, self.space.detach, self.space.__enter__):
            self.assertRaises(ValueError, call)

    def test_goes_with_its_last_reference(self):
        space = axas.Space(os.dup(self.space.fileno()))
        fd = space.fileno()
        del space
        self.assertRaises(OSError, os.fstat, fd)
        space = axas.Space(os.dup(self.space.fileno()))
        fd = space.detach()
        del space
        os.close(fd)

    def test_figures_are_shown(self):
        self.assertEqual(repr(axas.NextEntry(gpa=1)), "NextEntry(gpa=1, length=0)")
        self.assertIn("faults=[0, 0, 0, 0, 0, 0, 0, 0]", repr(axas.Stats()))

    def test_what_a_newer_module_says_is_a_number(self):
        self.assertIs(axas._named(axas.FaultResult, 6), axas.FaultResult.DEVICE)
        self.assertEqual(axas._named(axas.FaultResult, 77), 77)
