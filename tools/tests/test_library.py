# SPDX-License-Identifier: GPL-2.0
"""The library, how all is built, and how it is installed."""
import errno
import graphlib
import os
import re
import subprocess
import tempfile
import unittest

from base import HERE, OUT, TOOLS, TREE, read, run


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

    def test_debian_symbols_list_the_same(self):
        """With the version of the first package that has it, or has it as it is."""
        text = read(TREE + "/debian/libaxas0.symbols")
        self.assertEqual(re.findall(r"^ (axas_\w+)@AXAS_0.1 0\.[13]$", text, re.M), self.listed)
        self.assertEqual(text.count("\n"), len(self.listed) + 3)

    def test_header_and_man_page_have_all(self):
        self.assertEqual(sorted(re.findall(r"^[a-z][^(/]*?\*?(axas_\w+)\(", self.header, re.M)),
                         self.listed)
        with open(TOOLS + "/lib/axas.3", encoding="utf-8") as f:
            page = f.read()
        self.assertEqual(sorted(set(re.findall(r'^\.BI ".*?\*?(axas_\w+)\(', page, re.M))),
                         self.listed)

    @staticmethod
    def errors(text):
        return set(re.findall(r"\b[A-Z0-9]+\b", text)) & set(errno.errorcode.values())

    def errors_in_the_header(self):
        """What each structure's comment says, by the names of the structures."""
        text = read(TREE + "/include/uapi/linux/axas.h")
        return {name: self.errors(comment.split(" * Errors", 1)[-1])
                for name, comment in re.findall(r"^ \* struct (axas_\w+) - (.*?)\*/", text, re.M | re.S)
                if " * Errors" in comment}

    def test_man_page_has_each_errno(self):
        """All that the header's comments say, and of the calls' own nothing else."""
        common = {"EBADF", "EFAULT", "EINTR", "EINVAL", "ENOMEM", "ENOTTY", "ERANGE", "E2BIG"}
        # Called otherwise than the function; and what calls more than the ioctl, or less.
        of = {"axas_faults": "axas_fault", "axas_translations": "axas_translate",
              "axas_areas_next": "axas_areas", "axas_dirty_put": "axas_dirty", "axas_device_add": "axas_device",
              "axas_device_del": "axas_device", "axas_map_linear": "axas_map",
              "axas_map_alloc": "axas_map", "axas_map_device": "axas_map",
              "axas_map_alias": "axas_map"}
        parts = {("axas_device_add",): {"ENOENT"}, ("axas_device_del",): {"EEXIST"}}
        header = self.errors_in_the_header()
        self.assertGreater(len(header), 15)
        text = read(TOOLS + "/lib/axas.3").split(".SH ERRORS\n")[1].split(".SH ATTRIBUTES")[0]
        for e in common:
            self.assertIn(f".B {e}\n", text)
        seen = set(re.findall(r"^\.BR? (axas_\w+) \(\)", text, re.M))
        for names, body in re.findall(r"^\.TP\n\.B (axas_.*?)\n(.*?)(?=^\.(?:TP|PP)\n)", text,
                                      re.M | re.S):
            names = tuple(re.findall(r"(axas_\w+)\(\)", names))
            seen.update(names)
            errors = self.errors(body) - common
            for name in names:
                if of.get(name, name) in header:
                    self.assertEqual(errors, header[of.get(name, name)] - common - parts.get(names, set()), name)
        self.assertEqual({name for name in self.listed if not name.endswith("_name")} - seen, set())

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
        for part in ("lib", "migrate", "replay", "ctl", "tests/live"):
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

    def test_builds_without_zstd(self):
        with tempfile.TemporaryDirectory() as tmp:
            out = run("make", "-C", TOOLS, "OUT=" + tmp, "ZSTD_LIBS=-lnone").stdout
            self.assertIn("know no zstd", out)
            with open(tmp + "/t", "wb") as f:
                f.write(b"\x28\xb5\x2f\xfd")
            with open(tmp + "/plain", "w", encoding="ascii") as f:
                f.write(" L 1000,8\n")
            for args, error in (((tmp + "/u", tmp + "/t"), "try: zstdcat"),
                                ((tmp + "/u.zst", tmp + "/plain"), "built without")):
                r = run(tmp + "/axas-replay", "--convert", *args, check=False)
                self.assertEqual(r.returncode, 2)
                self.assertIn(error, r.stderr)
            self.assertFalse(os.path.exists(tmp + "/u.zst"))

    def test_flags_are_honoured(self):
        """Those of the environment, as a distribution gives them."""
        with tempfile.TemporaryDirectory() as tmp:
            out = run("make", "-C", TOOLS, "-n", "-B", "OUT=" + tmp,
                      env={"CPPFLAGS": "-DOF_CPP", "CFLAGS": "-DOF_C", "LDFLAGS": "-Wl,-z,now"}).stdout
        lines = [line for line in out.replace("\\\n", " ").splitlines() if "-o " in line]
        self.assertGreater(len(lines), 20)
        for line in lines:
            self.assertIn("-DOF_C ", line)
            self.assertIn("-DOF_CPP" if " -c " in line else "-Wl,-z,now", line)
            self.assertNotIn("-static", line)


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
        names = ["share/man/man3/axas.3", "lib/libaxas.a", "include/axas.h", "include/linux/axas.h",
                 "lib/python3/dist-packages/axas.py"]
        for name in ("axasctl", "axas-migrate", "axas-replay", "axas-run", "axas-vmm"):
            names += ["bin/" + name, f"share/man/man1/{name}.1",
                      "share/bash-completion/completions/" + name,
                      "share/zsh/site-functions/_" + name,
                      f"share/fish/vendor_completions.d/{name}.fish"]
        for name in names:
            self.assertTrue(os.path.exists(f"{self.usr}/{name}"), name)

    def test_each_function_has_a_page(self):
        for name in re.findall(r"^\t(axas_\w+);", read(TOOLS + "/lib/libaxas.map"), re.M):
            self.assertEqual(read(f"{self.usr}/share/man/man3/{name}.3"), ".so man3/axas.3\n")

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
