#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-demo.sh - the demo ends well, and the picture that it leaves is one
#
# The last line is "N passed, N failed".

. "$(dirname "$0")/common.sh"
help_wanted "$@"

need python3
build=$AXAS_TREE/build
log=$build/log/demo.txt
mkdir -p "$build/log"
rm -f "$build/demo.svg"
passed=0
if "$AXAS_TREE/scripts/demo.sh" >"$log" 2>&1 </dev/null; then
	passed=$((passed + 1))
else
	echo "FAILED  demo: see $log"
fi
if python3 -c 'import sys, xml.etree.ElementTree as e
assert len(list(e.parse(sys.argv[1]).iter("{http://www.w3.org/2000/svg}rect"))) > 50' \
	"$build/demo.svg" 2>>"$log"; then
	passed=$((passed + 1))
else
	echo "FAILED  demo: its picture; see $log and $build/demo.svg"
fi
echo "$passed passed, $((2 - passed)) failed"
[ "$passed" -eq 2 ]
