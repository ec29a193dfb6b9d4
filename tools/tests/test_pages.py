# SPDX-License-Identifier: GPL-2.0
"""Manual pages and completions."""
import fcntl
import os
import pty
import re
import select
import shutil
import struct
import tempfile
import termios
import unittest

from base import HERE, OUT, TOOLS, read, run


class Pages(unittest.TestCase):
    def test_man_pages_are_clean(self):
        for page in ("ctl/axasctl.1", "migrate/axas-migrate.1", "replay/axas-replay.1",
                     "run/axas-run.1", "trace/axas-trace.1", "vmm/axas-vmm.1", "lib/axas.3"):
            r = run("groff", "-man", "-ww", "-z", "-Tutf8", f"{TOOLS}/{page}")
            self.assertEqual(r.stderr, "", page)

    def options(self, program, *command):
        text = run(f"{OUT}/{program}", *command, "--help").stdout
        return set(re.findall(r"^ +(?:-., )?(--[a-z][a-z-]*)", text, re.M)) - {"--usage"}

    def test_all_options_are_everywhere(self):
        """In the manual page, and in the completion of each shell."""
        for program, part, commands in (
                ("axasctl", "ctl", [[c] for c in ("info", "list", "stats", "dump", "resident", "map", "watch",
                                                       "heat")]),
                ("axas-migrate", "migrate", [[]]), ("axas-replay", "replay", [[]]),
                ("axas-run", "run", [[]]), ("axas-trace", "trace", [[]]), ("axas-vmm", "vmm", [[]])):
            texts = [read(f"{TOOLS}/{part}/{name}").replace("\\-", "-")
                     for name in (program + ".1", program + ".bash", "_" + program)]
            # --font-size is "-l font-size" there
            texts.append(read(f"{TOOLS}/{part}/{program}.fish").replace(" -l ", " --"))
            for command in commands:
                options = self.options(program, *command)
                self.assertIn("--help", options)
                for text in texts:
                    for option in options:
                        self.assertRegex(text, re.escape(option) + r"\b(?!-)")


    def test_all_policies_are_in_the_page(self):
        page = read(TOOLS + "/replay/axas-replay.1")
        policies = re.findall(r"^(\S+) +\S", run(OUT + "/axas-replay", "--policy", "list").stdout, re.M)
        self.assertGreaterEqual(len(policies), 7)
        for policy in policies:
            self.assertIn(f"\n.TP\n.B {policy}\n", page)


# A line, what it may go on with, and what it may not.
LINES = (
    ("axasctl ", "info list stats dump resident map watch heat", "3 --json"),
    ("axasctl wa", "watch", "map"),
    ("axasctl stats ", "3", "info"),
    ("axasctl stats --", "--json --help", "--svg --tree"),
    ("axasctl resident ", "3", "info"),
    ("axasctl resident --", "--json --help", "--svg --tree"),
    ("axasctl info --", "--json --help", "--svg --count"),
    ("axasctl dump --", "--json --tree", "--svg"),
    ("axasctl map ", "3", "own"),
    ("axasctl map --", "--json --svg --width --font-size --title --no-title --scale", "--count"),
    ("axasctl map --scale ", "own common log", "3 --svg"),
    ("axasctl map --scale=", "own common log", ""),
    ("axasctl watch --", "--json --latency --count --interval", "--svg"),
    ("axasctl watch --count ", "", "3 --json"),
    ("axas-replay --", "--device --format --gpa-bits --leaf --linear-hpa --linear-size --mmio "
     "--threads --batch --cpu --tlb --limit --no-data --convert --json --csv --then --help --version", "3"),
    ("axas-replay --cpu ", "skylake zen cortex-a55", "4K --json"),
    ("axas-replay --pro", "--promote", "--json"),
    ("axas-replay --policy ", "list base thp hint reservation ingens quicksilver hawkeye", "--json"),
    ("axas-replay --policy=", "ingens", ""),
    ("axas-replay --series trace", "trace.txt", "--json"),
    ("axas-replay --guest-", "--guest-paging --guest-format --guest-layout", "--json"),
    ("axas-replay --guest-paging=", "off 4K 2M", "dense"),
    ("axas-replay --guest-format ", "x86-64 x86-64-la57 s1", "ept"),
    ("axas-replay --format ", "host ept s2", "4K --json"),
    ("axas-replay --format=", "host ept s2", ""),
    ("axas-replay --leaf ", "4K 2M", "host"),
    ("axas-replay trace", "trace.txt", "--json"),
    ("axas-replay --convert trace", "trace.txt", "--json"),
    ("axasctl heat ", "3", "info"),
    ("axasctl heat --", "--json --csv --used --svg --width --font-size --title --no-title --count --interval",
     "--scale --latency"),
    ("axasctl heat --interval ", "", "3 --csv"),
    ("axas-migrate ", "send receive", "--then"),
    ("axas-migrate send --", "--pid --stop --load --rate --size --rounds --downtime --retry --json",
     "--then --cut"),
    ("axas-migrate receive --", "--then --cut --retry --json --help", "--pid --rounds"),
    ("axas-migrate send --rounds ", "", "--json trace.txt"),
    ("axas-migrate receive trace", "trace.txt", "--json"),
    ("axas-trace --", "--output --only --skip --limit --help --version", "--json ls"),
    ("axas-trace --only ", "code data", "--skip"),
    ("axas-trace --only=", "code data", ""),
    ("axas-trace --output trace", "trace.txt", "--skip"),
    ("axas-trace --skip 5 mktem", "mktemp", "trace.txt"),
    ("axas-trace -- cat trace", "trace.txt", "--skip"),
    ("axas-run --", "--ram --leaf --format --help --version", "--json ls"),
    ("axas-run --ram ", "", "--leaf ls"),
    ("axas-run --format ", "host ept s2", "ls"),
    ("axas-run --leaf=", "4K 2M", "host"),
    ("axas-run --ram 4K --leaf 4K mktem", "mktemp", "trace.txt 4K"),
    ("axas-run --ram 4K -- mktem", "mktemp", "--leaf"),
    ("axas-run --ram 4K -- cat trace", "trace.txt", "--leaf"),
    ("axas-vmm --", "--ram --leaf --serial --initrd --append --then --json --help --version", "--format"),
    ("axas-vmm --leaf=", "4K 2M", "trace.txt"),
    ("axas-vmm --serial=", "port mmio", "trace.txt"),
    ("axas-vmm --initrd trace", "trace.txt", "--json"),
    ("axas-vmm --ram 64M trace", "trace.txt", "--json"),
)


class Completion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tmp = tempfile.TemporaryDirectory()
        for name in ("trace.txt", "a.svg", "also", "b"):
            os.mkdir(f"{cls.tmp.name}/{name}")

    @classmethod
    def tearDownClass(cls):
        cls.tmp.cleanup()

    def environment(self):
        return {"AXAS_DEBUGFS": HERE + "/spaces", "PATH": OUT + ":" + os.environ["PATH"],
                "HOME": self.tmp.name, "TERM": "dumb"}

    def all_lines(self, shell, complete):
        if not shutil.which(shell):
            self.skipTest(f"no {shell} here")
        for line, has, has_not in LINES:
            got = {re.sub("^--[a-z-]*=|/$", "", word) for word in complete(line)}
            self.assertLessEqual(set(has.split()), got, line)
            self.assertFalse(set(has_not.split()) & got, line)

    def bash(self, line):
        """As bash does, which parts words at "=" too."""
        program, *words = re.findall(r"=|[^ =]+", line) + [""] * (line[-1] == " ")
        name = program.replace("-", "_")
        script = f'. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _{name}; ' \
            'printf "%s\\n" "${COMPREPLY[@]}"'
        part = program.replace("axas-", "").replace("axas", "")
        return run("bash", "-c", script, "-", f"{TOOLS}/{part}/{program}.bash", program, *words,
                   env=self.environment(), cwd=self.tmp.name).stdout.split()

    def test_bash(self):
        self.all_lines("bash", self.bash)
        for before in ("--svg ", "--svg=", "3 --svg="):
            self.assertEqual(self.bash(f"axasctl map {before}a"), ["a.svg", "also"])
        self.assertEqual(self.bash("axasctl watch --count=3"), [])

    def fish(self, line):
        script = f"source {TOOLS}/ctl/axasctl.fish; source {TOOLS}/replay/axas-replay.fish; " \
            f"source {TOOLS}/migrate/axas-migrate.fish; " \
            f"source {TOOLS}/run/axas-run.fish; source {TOOLS}/trace/axas-trace.fish; " \
            f"source {TOOLS}/vmm/axas-vmm.fish; complete -C $argv[1]"
        out = run("fish", "-N", "-c", script, line, env=self.environment(), cwd=self.tmp.name).stdout
        return [word.split("\t")[0] for word in out.splitlines()]

    def test_fish(self):
        self.all_lines("fish", self.fish)
        self.assertIn("a.svg/", self.fish("axasctl map --svg a"))

    def zsh(self, line):
        """What it lists on a terminal, without what is explained behind "--"."""
        env = self.environment()
        pid, fd = pty.fork()
        if not pid:
            os.environ.update(env)
            os.chdir(self.tmp.name)
            os.execvp("zsh", ["zsh", "-f", "-i"])
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        os.write(fd, f"fpath=({TOOLS}/ctl {TOOLS}/migrate {TOOLS}/replay {TOOLS}/run {TOOLS}/trace {TOOLS}/vmm $fpath) PS1= LISTMAX=0\n"
                     "autoload -Uz compinit; compinit -u -D; bindkey '^T' list-choices\n"
                     "zle-line-init() { print RE''ADY }; zle -N zle-line-init\n".encode())
        # Now it reads keys itself: the terminal echoes none.
        self.until(fd, "READY\r\n")
        # The same line stands before the list and behind it.
        os.write(fd, f": B''EGIN; {line}\x14\x05 E''ND".encode())
        text = self.until(fd, "E''ND").split("B''EGIN; " + line)
        os.close(fd)
        os.waitpid(pid, 0)
        words = [re.sub(" +-- .*", "", row).split() for row in "".join(text[1:-1]).splitlines()]
        return sum(words, [])

    @staticmethod
    def until(fd, end):
        data = ""
        while end not in data:
            if not select.select([fd], [], [], 60)[0]:
                raise AssertionError(f"zsh says no {end!r}: {data!r}")
            data += os.read(fd, 65536).decode()
            data = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>]", "", data)
        return data

    def test_zsh(self):
        self.all_lines("zsh", self.zsh)
        self.assertLessEqual({"a.svg/", "also/"}, set(self.zsh("axasctl map --svg a")))
