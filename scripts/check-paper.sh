#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-paper.sh - make paper, of one small program and one policy, twice
#
# Both times all there is to be comes out, and it is the same to the last byte, with the
# trace recorded again.  The last line is "N passed, N failed".

. "$(dirname "$0")/common.sh"
help_wanted "$@"

need python3
log=$AXAS_TREE/build/log/paper.txt
mkdir -p "$AXAS_TREE/build/log"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
: >"$log"
verdict() { # verdict NAME COMMAND...
	if "${@:2}" >>"$log" 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED  paper: $1; see $log"
	fi
}

paper() {
	PROGRAMS=true POLICIES=ingens FORMATS=ept GUEST=4K OUT=$work/$1 "$AXAS_TREE/scripts/paper.sh" </dev/null
}

# The figures are SVG with lines in them, and PDF.
figures() {
	python3 -c 'import sys, xml.etree.ElementTree as e
for f in sys.argv[1:]:
    svg = len(list(e.parse(f).iter("{http://www.w3.org/2000/svg}path")))
    assert svg > 4, f
    with open(f[:-3] + "pdf", "rb") as pdf:
        assert pdf.read(5) == b"%PDF-", f' "$work"/one/{misses,refs,tables,resident,faults}.svg
}

# Every option is in the CSV, and the walks are those of its references.
matrix() {
	python3 -c 'import csv, sys
(row,) = csv.DictReader(open(sys.argv[1]))
assert "--policy ingens" in row["options"] and "--guest-paging 4K" in row["options"], row
assert row["version"] == sys.argv[2] and row["kernel"] and row["clock"] == "emulated", row
assert row["ok"] == "1" and int(row["accesses"]) > 100000, row
refs = sum(int(row[n]) for n in row if "_refs_" in n and n[-1].isdigit())
assert refs == int(row["refs"]) and int(row["walks"]) > 0, row
(*_, last) = csv.DictReader(open(sys.argv[3]))
assert last["walks"] == row["walks"] and last["accesses"] == row["accesses"], last' \
		"$work/one/matrix.csv" "$(cat "$AXAS_TREE/VERSION")" "$work/one/series.csv"
}

same() {
	local f
	for f in "$work"/one/*.{txt,tex,svg,pdf}; do cmp "$f" "$work/two/$(basename "$f")" || return; done
}

verdict "the first run ends well" paper one
verdict "the second one, too" paper two
verdict "both have the same table and figures" same
verdict "the figures are there" figures
verdict "the matrix says what it is of" matrix
verdict "the table is printed" grep -q '^true  *ept  *ingens  *[0-9.]* ' "$log"
verdict "the LaTeX table has its row" grep -q '^true & ept & ingens & [0-9.& ]* \\\\$' "$work/one/table.tex"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
