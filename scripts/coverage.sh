#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# coverage.sh [FILE]... - which lines of the module its tests run
#
# Runs KUnit and the self-tests on a kernel with gcov, in which nothing but the
# module is counted, and prints lines and branches per file, and the lines that
# nobody ran: of all files, or of those named (axas_space.c).  KUnit compiles the
# core a second time; a line counts if either copy of it was run, for any format.
# Documentation/testing.rst says why the rest isn't.

. "$(dirname "$0")/common.sh"
help_wanted "$@"

need gcovr gcc python3
build=$AXAS_TREE/build/6.12-gcov
logs=$AXAS_TREE/build/log
"$AXAS_TREE/scripts/check.sh" coverage >&2 || say "some tests failed; what follows is what they ran"

traces=()
for run in kunit-gcov selftests-gcov; do
	[ -s "$logs/$run.tgz" ] || die "no counters came out of $run; see $logs/$run.log"
	find "$build" -name '*.gcda' -delete
	# The names are those of the objects, from the root.
	tar -xzf "$logs/$run.tgz" -C "$build" --strip-components="$(tr -cd / <<<"$build/" | wc -c)"
	run_logged "$logs/gcovr-$run.log" "reading the counters of $run" \
		gcovr -r "$build" --json "$logs/$run.json" --filter "$build/(axas_|include/axas/)" "$build"
	traces+=(-a "$logs/$run.json")
done
gcovr -r "$build" "${traces[@]}" --json "$logs/coverage.json"

python3 - "$logs/coverage.json" "$@" <<'PY'
import json
import sys


def share(part, of):
    return f"{part}/{of}".rjust(12) + (f"{100 * part / of:6.1f} %" if of else "       -")


def ranges(numbers):
    """1 2 3 7 as 1-3,7"""
    runs = []
    for n in numbers:
        if runs and runs[-1][1] == n - 1:
            runs[-1][1] = n
        else:
            runs.append([n, n])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in runs)


print(f"{'':24}{'lines':>12}{'':8}{'branches':>12}{'':8}  not run")
total = [0, 0, 0, 0]
for file in sorted(json.load(open(sys.argv[1]))["files"], key=lambda f: f["file"]):
    lines = [l for l in file["lines"] if not l.get("gcovr/noncode")]
    branches = [b["count"] > 0 for l in lines for b in l["branches"]]
    missed = [l["line_number"] for l in lines if not l["count"]]
    if sys.argv[2:] and file["file"] not in sys.argv[2:]:
        continue
    row = [len(lines) - len(missed), len(lines), sum(branches), len(branches)]
    total = [a + b for a, b in zip(total, row)]
    print(f"{file['file']:24}{share(*row[:2])}{share(*row[2:])}  {ranges(missed)}".rstrip())
print(f"{'all':24}{share(*total[:2])}{share(*total[2:])}")
PY
