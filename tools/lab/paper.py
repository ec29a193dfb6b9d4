#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""paper.py DIR LOG... - tables and figures of what axas-replay printed in guests

Writes DIR/matrix.csv, series.csv, table.txt, table.tex, and figures as .svg and .pdf;
prints the table. What takes time is in matrix.csv only: the rest is the same each time.
"""
import csv
import os
import re
import sys

import matplotlib

matplotlib.use("Agg")
# The same bytes each time, and text as text.
matplotlib.rcParams.update({
    "svg.hashsalt": "axas", "svg.fonttype": "none", "font.size": 7, "axes.linewidth": 0.5,
    "font.family": "sans-serif", "axes.spines.top": False, "axes.spines.right": False,
    "xtick.major.width": 0.5, "ytick.major.width": 0.5, "legend.frameon": False, "pdf.fonttype": 42,
    "path.simplify_threshold": 1})
import matplotlib.pyplot as plt  # noqa: E402

WIDTH = 3.3     # inches: a column
PAGE = 4096
# Told apart without colour too, by lightness.
COLOURS = ("#1b2a49", "#e07a2f", "#7fb7be", "#9c3d54", "#b8b8b8", "#5a8f3c", "#d9c36a")


def read_logs(paths):
    """Runs in their order: a row of the result, and the series behind it."""
    runs = {}
    for path in paths:
        with open(path, encoding="utf-8", errors="replace") as f:
            text = f.read()
        for n, name, policy, body, status in re.findall(
                r"^paper: begin (\d+) (\S+) (\S+)\n(.*?)^paper: end \1 (\d+)$", text, re.M | re.S):
            result, _, series = body.partition("paper: series\n")
            rows = list(csv.DictReader(result[result.find("version,"):].splitlines()))
            if status != "0" or len(rows) != 1 or rows[0].get("ok") != "1":
                sys.exit(f"{name}, {policy}: status {status}:\n{result}")
            runs[int(n)] = ({"program": name, "as": policy, **rows[0]}, list(csv.DictReader(series.splitlines())))
    if sorted(runs) != list(range(len(runs))) or not runs:
        sys.exit("runs are missing")
    return [runs[n] for n in sorted(runs)]


def figures_of(row):
    """What the table has of a run."""
    def get(name):
        return float(row[name])

    return {
        "misses": 1000 * get("walks") / get("accesses"),
        "each": get("refs_per_walk"),
        "refs": 1000 * get("refs") / get("accesses"),
        "tables": sum(get(f"tables_{n}") for n in range(1, 6)) * PAGE / 1024,
        "touched": (get("pages") + get("guest_tables")) * PAGE / 2**20,
        "resident": get("resident") / 2**20,
        "faults": sum(int(row[n]) for n in row if n.startswith("faults_")),
        "made": get("promotions"),
    }


COLUMNS = (     # name, key, how it is written, what it is
    ("misses", "misses", "{:.3f}", "TLB misses of 1000 accesses"),
    ("refs/miss", "each", "{:.3f}", "table entries read for each"),
    ("refs", "refs", "{:.3f}", "... and for 1000 accesses"),
    ("tables", "tables", "{:.0f}", "KiB of nested tables"),
    ("touched", "touched", "{:.2f}", "MiB that the guest uses, its page tables with it"),
    ("resident", "resident", "{:.2f}", "MiB that it has"),
    ("faults", "faults", "{:.0f}", "nested page faults"),
    ("made", "made", "{:.0f}", "leaves of 2 MiB that the policy has made of small ones"),
)


def table_rows(rows):
    for row in rows:
        f = figures_of(row)
        yield [row["program"], row["format"], row["as"]] + [how.format(f[key]) for _, key, how, _ in COLUMNS]


def write_text(path, rows):
    head = ["program", "format", "policy"] + [c[0] for c in COLUMNS]
    lines = [head] + list(table_rows(rows))
    wide = [max(len(line[n]) for line in lines) for n in range(len(head))]
    text = "".join(" ".join(cell.ljust(w) if n < 3 else cell.rjust(w) for n, (cell, w) in
                            enumerate(zip(line, wide))).rstrip() + "\n" for line in lines)
    first = rows[0]
    text += "\n" + "".join(f"{name}: {what}\n" for name, _, _, what in COLUMNS)
    text += (f"\naxas {first['version']}, kernel {first['kernel']}, CPU {first['cpu']}; guest: "
             f"{first['guest_format'] or 'no paging'}{' ' + first['guest_leaf'] if first['guest_leaf'] else ''}\n")
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    return text


def latex(cell):
    return re.sub(r"([_#%&$])", r"\\\1", cell)


def write_latex(path, rows):
    with open(path, "w", encoding="ascii") as f:
        f.write(f"% axas {rows[0]['version']}, kernel {rows[0]['kernel']}, CPU {rows[0]['cpu']}\n")
        f.write("\\begin{tabular}{lll" + "r" * len(COLUMNS) + "}\n\\hline\n")
        f.write("Program & Format & Policy & " + " & ".join(c[0].capitalize() for c in COLUMNS) + " \\\\\n")
        last = [None, None]
        for line in table_rows(rows):
            if line[0] != last[0]:
                f.write("\\hline\n")
                last = [None, None]
            show = [cell if cell != old else "" for cell, old in zip(line[:2], last)]
            last = line[:2]
            f.write(" & ".join(latex(cell) for cell in show + line[2:]) + " \\\\\n")
        f.write("\\hline\n\\end{tabular}\n")


def write_csv(path, rows):
    with open(path, "w", encoding="utf-8", newline="") as f:
        out = csv.DictWriter(f, list(rows[0]))
        out.writeheader()
        out.writerows(rows)


def unique(values):
    return list(dict.fromkeys(values))


class Plots:
    """Figures of a matrix of runs, as wide as a column."""

    def __init__(self, where, runs):
        self.where = where
        self.rows = [row for row, _ in runs]
        self.series = {self.key(row): series for row, series in runs}
        self.figures = {self.key(row): figures_of(row) for row in self.rows}
        self.programs = unique(row["program"] for row in self.rows)
        self.formats = unique(row["format"] for row in self.rows)
        self.policies = unique(row["as"] for row in self.rows)

    @staticmethod
    def key(row):
        return row["program"], row["format"], row["as"]

    def colour(self, policy):
        return COLOURS[self.policies.index(policy) % len(COLOURS)]

    def save(self, fig, name):
        fig.savefig(f"{self.where}/{name}.svg", metadata={"Date": None})
        fig.savefig(f"{self.where}/{name}.pdf", metadata={"CreationDate": None})
        plt.close(fig)

    @staticmethod
    def legend(fig, handles, names):
        """Above all else, in a line of its own."""
        fig.get_layout_engine().set(rect=(0, 0, 1, 1 - 0.17 / fig.get_figheight()))
        fig.legend(handles, names, loc="upper center", ncol=min(5, len(names)), handlelength=1, columnspacing=1)

    def groups(self, ax, values):
        """A group of bars for each program, a bar of it for each policy."""
        width = 0.8 / len(self.policies)
        ax.set_xticks(range(len(self.programs)), self.programs)
        ax.tick_params(axis="x", length=0)
        return [ax.bar([x + (n + 0.5) * width - 0.4 for x in range(len(self.programs))], v, width,
                       color=self.colour(self.policies[n])) for n, v in enumerate(values)]

    def bars(self, name, key, what):
        """By program and policy; one panel where all formats have the same."""
        def values(fmt):
            return [[self.figures[p, fmt, policy][key] for p in self.programs] for policy in self.policies]

        formats = self.formats
        if all(values(fmt) == values(formats[0]) for fmt in formats):
            formats = formats[:1]
        fig, axes = plt.subplots(len(formats), 1, figsize=(WIDTH, 0.55 + 1.25 * len(formats)), sharex=True,
                                 sharey=True, squeeze=False, layout="constrained")
        for ax, fmt in zip(axes[:, 0], formats):
            handles = self.groups(ax, values(fmt))
            if len(formats) > 1:
                ax.set_title(fmt, fontsize=7, loc="left", pad=2)
        fig.supylabel(what, fontsize=7)
        self.legend(fig, handles, self.policies)
        self.save(fig, name)

    def resident(self):
        """What is there, and a mark at what is used; memory for nothing is above it."""
        fig, ax = plt.subplots(figsize=(WIDTH, 1.8), layout="constrained")
        fmt = self.formats[0]
        handles = self.groups(ax, [[self.figures[p, fmt, policy]["resident"] for p in self.programs]
                                   for policy in self.policies])
        touched = ax.hlines([self.figures[p, fmt, self.policies[0]]["touched"] for p in self.programs],
                            [x - 0.46 for x in range(len(self.programs))],
                            [x + 0.46 for x in range(len(self.programs))], color="#d40000", lw=1)
        fig.supylabel("resident, MiB", fontsize=7)
        self.legend(fig, handles + [touched], self.policies + ["touched"])
        self.save(fig, "resident")

    def faults(self):
        """A panel for each program, over its accesses."""
        cols = min(3, len(self.programs))
        lines = -(-len(self.programs) // cols)
        fig, axes = plt.subplots(lines, cols, figsize=(WIDTH, 0.5 + 0.95 * lines), squeeze=False,
                                 layout="constrained")
        for ax in axes.flat[len(self.programs):]:
            ax.remove()
        for ax, p in zip(axes.flat, self.programs):
            handles = []
            for policy in self.policies:
                series = self.series[p, self.formats[0], policy]
                series = series[1::2] + series[-1:]
                handles += ax.plot([0] + [float(row["accesses"]) / 1e6 for row in series],
                                   [0] + [float(row["faults"]) for row in series], lw=0.9,
                                   color=self.colour(policy))
            ax.set_title(p, fontsize=7, pad=2)
            ax.tick_params(labelsize=6, pad=1, length=2)
        fig.supylabel("nested page faults", fontsize=7)
        fig.supxlabel("accesses, millions", fontsize=7)
        self.legend(fig, handles, self.policies)
        self.save(fig, "faults")


def main():
    where, *logs = sys.argv[1:]
    runs = read_logs(logs)
    rows = [row for row, _ in runs]
    write_csv(where + "/matrix.csv", rows)
    write_csv(where + "/series.csv", [{"program": row["program"], "format": row["format"], "policy": row["as"], **s}
                                      for row, series in runs for s in series])
    write_latex(where + "/table.tex", rows)
    print(write_text(where + "/table.txt", rows), end="")
    plots = Plots(where, runs)
    plots.bars("misses", "misses", "TLB misses / 1000 accesses")
    plots.bars("refs", "refs", "entries read / 1000 accesses")
    plots.bars("tables", "tables", "nested tables, KiB")
    plots.resident()
    plots.faults()


if __name__ == "__main__":
    os.umask(0o022)
    main()
