#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""inputs.py SEED DIR - inputs of the default programs of make paper

The same seed gives the same bytes.
"""
import random
import sys


def compiler(rng):
    """Functions that a compiler has something to do with."""
    yield "unsigned g[4096];\n"
    for n in range(400):
        ops = "".join(f"\tx = (x {rng.choice('+-^*')} {rng.randrange(1, 1 << 16)}u) {rng.choice('+^|')} "
                      f"g[(x + {rng.randrange(4096)}) & 4095];\n" for _ in range(rng.randrange(4, 12)))
        yield (f"unsigned f{n}(unsigned x)\n{{\n\tunsigned i;\n\n"
               f"\tfor (i = 0; i < {rng.randrange(2, 64)}; i++) {{\n{ops}\t\tg[i] += x;\n\t}}\n"
               f"\treturn x{f' + f{rng.randrange(n)}(x >> 1)' if n else ''};\n}}\n")


def database(rng):
    """Rows of half a page, and a walk through them at random."""
    step = rng.randrange(1001, 4000) * 4 + 1
    yield f"""create table a (k integer primary key, b blob);
begin;
with recursive c(x) as (values(0) union all select x + 1 from c where x < 8191)
insert into a select x, zeroblob(2000) from c;
commit;
with recursive r(n, k) as (values(0, 1) union all select n + 1, (k * {step} + 12345) % 8192 from r limit 1000000)
select count(*), sum(length(a.b)) from r join a on a.k = r.k;
"""


def interpreter(rng):
    """Counters in an array, at random."""
    yield f"""
n = 3 << 20
a = [0] * n
x = {rng.randrange(1, 1 << 20)}
while True:
    x = (x * 1103515245 + 12345) & 0x7fffffff
    a[x % n] ^= 1
"""


def records(rng):
    """Long ones, of which sorting looks at a few bytes."""
    for n in range(60000):
        yield f"{rng.getrandbits(40):010x} {n:0400d}\n"


def text(rng):
    words = [f"{rng.getrandbits(rng.randrange(8, 48)):x}" for _ in range(30000)]
    for _ in range(400000):
        yield words[min(rng.randrange(30000), rng.randrange(30000))] + " "


def matrix(rng):
    """A linear program of a sparse matrix."""
    cols, rows = 3000, 1500
    yield "Minimize\n obj: " + "\n + ".join(f"{rng.randrange(1, 100)} x{n}" for n in range(cols)) + "\nSubject To\n"
    for n in range(rows):
        some = sorted(rng.sample(range(cols), 10))
        yield f" c{n}: " + " + ".join(f"{rng.randrange(1, 20)} x{c}" for c in some) + f" >= {rng.randrange(50, 500)}\n"
    yield "End\n"


def main():
    seed, where = sys.argv[1:]
    for name, make in (("cc1.c", compiler), ("sqlite3.sql", database), ("python3.py", interpreter),
                       ("sort.txt", records), ("xz.txt", text), ("glpsol.lp", matrix)):
        with open(f"{where}/{name}", "w", encoding="ascii") as f:
            f.writelines(make(random.Random(f"{seed} {name}")))


if __name__ == "__main__":
    main()
