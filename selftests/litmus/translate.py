#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""translate.py FILE.litmus... - litmus tests as C, for run.c to include

Reads what Documentation/litmus/ uses of herd7's language: two processes, ints
and pointers to them. Each test becomes a function per process, one that sets
up a cell and one that looks for the outcome, and a line of the table tests[].
"""
import re
import sys


class Litmus:
    def __init__(self, path):
        text = open(path).read()
        self.name = re.match(r"C (\S+)", text).group(1)
        self.sometimes = "Result: Sometimes" in text
        self.seen = "On x86: seen" in text
        text = re.sub(r"\(\*.*?\*\)", "", text, flags=re.S)
        self.init = re.search(r"^\{(.*?)^\}", text, re.S | re.M).group(1)
        self.procs = re.findall(r"^P\d\((.*?)\)[^\n]*\n\{\n(.*?)^\}", text, re.S | re.M)
        self.exists = re.search(r"exists \((.*)\)", text).group(1)
        assert len(self.procs) == 2, path
        self.vars = {}
        for args, _ in self.procs:
            for kind, name in re.findall(r"(\w+ \**)(\w+)", args):
                self.vars.setdefault(name, kind)
        for name in re.findall(r"=(\w+);", self.init):
            if not name.isdigit():
                self.vars.setdefault(name, "int *")
        self.regs = [re.findall(r"^\tint \**(\w+);", body, re.M) for _, body in self.procs]

    def var(self, name):
        member = "p" if self.vars[name].endswith("**") else "i"
        return f"c->var[{list(self.vars).index(name)}].{member}"

    def value(self, word):
        return word if word.isdigit() else f"&{self.var(word)}"

    def outcome(self, match):
        negated, proc, name, value = match.groups()
        left = f"c->reg[{proc}][{self.regs[int(proc)].index(name)}]" if proc else self.var(name)
        return f"{negated and '!'}({left} == (long){self.value(value)})"

    def emit(self):
        base = self.name.replace("-", "_")
        print(f"\nstatic void {base}_init(struct cell *c)\n{{")
        for name, value in re.findall(r"(\w+)=(\w+);", self.init):
            print(f"\t{self.var(name)} = {self.value(value)};")
        print("}")
        for n, (args, body) in enumerate(self.procs):
            print(f"\nstatic void {base}_P{n}(struct cell *c)\n{{")
            for kind, name in re.findall(r"(\w+ \**)(\w+)", args):
                print(f"\t{kind}{name} = &{self.var(name)};")
            print(re.sub(r"^(\tint \**\w+);", r"\1 = 0;", body, flags=re.M), end="")
            for i, reg in enumerate(self.regs[n]):
                print(f"\tc->reg[{n}][{i}] = (long){reg};")
            print("}")
        cond = re.sub(r"(~?)(?:(\d):)?(\w+)=(\w+)", self.outcome, self.exists)
        print(f"\nstatic int {base}_exists(struct cell *c)\n{{")
        print(f"\treturn {cond.replace('/' + chr(92), '&&')};\n}}")

    def row(self):
        base = self.name.replace("-", "_")
        flags = f"{int(self.sometimes)}, {int(self.seen)}"
        return f'\t{{ "{self.name}", {flags}, {base}_init, {{ {base}_P0, {base}_P1 }}, {base}_exists }},'


litmus = [Litmus(path) for path in sys.argv[1:]]
for test in litmus:
    test.emit()
print("\nstatic const struct test tests[] = {")
for test in litmus:
    print(test.row())
print("\t{ 0 }\n};")
