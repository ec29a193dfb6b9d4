#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-litmus.sh [SECONDS] - the litmus tests of Documentation/litmus/
#
# Each is run for SECONDS (0.25) by two threads on this machine.  An outcome that
# must never be is a failure; so is one that this machine ought to show and
# doesn't, since then nothing is shown by the others either.  Where herd7 is
# installed it is asked too, by the kernel's memory model.  The last line is
# "N passed, N failed, N skipped".

. "$(dirname "$0")/common.sh"
help_wanted "$@"

need gcc libc6-dev python3
src=$AXAS_TREE/selftests/litmus
out=$AXAS_TREE/build/litmus
mkdir -p "$out"
python3 "$src/translate.py" "$AXAS_TREE"/Documentation/litmus/*.litmus >"$out/tests.inc"
gcc -O2 -D_GNU_SOURCE -Wall -Wextra -Wno-unused-but-set-variable -pthread -I "$out" \
	-o "$out/run" "$src/run.c"

rc=0
"$out/run" "$@" >"$out/result" || rc=$?
sed '$d' "$out/result"
read -r passed _ failed _ skipped _ <<<"$(tail -n 1 "$out/result")"
[[ "${skipped-}" =~ ^[0-9]+$ ]] || die "the program of the tests ended early (status $rc)"

if command -v herd7 >/dev/null; then
	cd "$("$AXAS_TREE/scripts/fetch-kernel.sh" 6.12)/tools/memory-model"
	for f in "$AXAS_TREE"/Documentation/litmus/*.litmus; do
		name=$(basename "$f" .litmus)
		want=$(sed -n 's/^ \* Result: //p' "$f")
		herd7 -conf linux-kernel.cfg "$f" >"$out/herd7" 2>&1 || true
		if grep -q "^Observation $name $want " "$out/herd7"; then
			passed=$((passed + 1)) verdict=ok
		else
			failed=$((failed + 1)) verdict=FAILED
		fi
		printf '%-8s%-26sherd7: %s\n' "$verdict" "$name" "$want"
	done
fi

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
