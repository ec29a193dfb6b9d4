# SPDX-License-Identifier: GPL-2.0
"""What the tests share: commands, spaces of text, and what they should look like."""
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

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
