#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-guide.sh [PAGE]... - do what pages of Documentation/ say, in a fresh clone
#
# PAGE is guide, tutorial-vmm, tutorial-research, tutorial-kernel, monitors, tracking or
# paper; all of them unless given.  Clones what is committed, without the two samples that the guide
# says it adds; they are put in again as the only change.  Then every "sh" block of
# a page is run in order, and what its "output" blocks show has to be printed, line
# by line and in their order: exactly, or but for the numbers where the block is of
# the class "figures".  "..." stands for anything.  The last line is
# "N passed, N failed".

. "$(dirname "$0")/common.sh"
help_wanted "$@"
pages=("$@")
[ $# -gt 0 ] || pages=(guide tutorial-vmm tutorial-research tutorial-kernel monitors tracking paper)
for page in "${pages[@]}"; do
	[ -r "$AXAS_TREE/Documentation/$page.rst" ] || usage_error "no page '$page'"
done
need git make gcc libc6-dev

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
logs=$AXAS_TREE/build/log
mkdir -p "$logs"

passed=0 failed=0
verdict() { # verdict NAME COMMAND...
	local name=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "  FAILED  $page: $name; see $log"
	fi
}

# Only what git knows is there: a page must not live on what lies about.
git clone -q "$AXAS_TREE" "$work/axas"
cd "$work/axas"
mkdir "$work/new"
cp samples/plugins/axas_{gstage,pattern}.c "$work/new"
git -c user.name=guide -c user.email=guide rm -q samples/plugins/axas_{gstage,pattern}.c
git -c user.name=guide -c user.email=guide commit -q -m "Without the samples"
cp "$work"/new/*.c samples/plugins/
new=$(git status --porcelain | tr '\n' ' ')

# steps PAGE: its blocks as one script; sudo is for who isn't root
steps() {
	echo 'set -eux'
	[ "$(id -u)" -ne 0 ] || echo 'sudo() { "$@"; }'
	awk '/^\.\. code-block:: sh$/ { on = 1; next } /^[^ \t]/ { on = 0 } on' \
		"Documentation/$1.rst" | sed 's/^   //'
}

# outputs PAGE: the lines of its output blocks, each after "=", or "~" for figures
outputs() {
	awk '/^\.\. code-block:: output$/ { on = 1; how = "="; next }
	     /^[^ \t]/ { on = 0 }
	     on && /^   :class: figures$/ { how = "~"; next }
	     on && NF && $0 != "   ..." { print how substr($0, 4) }' "Documentation/$1.rst"
}

# missing LOG: the first line of stdin, from outputs(), that LOG lacks
missing() {
	awk -v printed="$1" 'BEGIN { k = n = 0 }
	     function figures(s) {
		gsub(/[0-9]+([.:][0-9]+)*/, "0", s)
		gsub(/[ \t]+/, " ", s)
		return s
	     }
	     FILENAME != printed { want[n++] = $0; next }
	     { sub(/[ \t]+$/, "") }
	     k < n {
		line = substr(want[k], 2)
		if ($0 == line || want[k] ~ /^~/ && figures($0) == figures(line))
			k++
	     }
	     END { if (k < n) print substr(want[k], 2) }' - "$1"
}

for page in "${pages[@]}"; do
	log=$logs/$page.log rc=0
	steps "$page" >"$work/steps.sh"
	run_logged "$log" "doing what $page says" bash "$work/steps.sh" || rc=$?
	verdict "every step succeeds" [ "$rc" -eq 0 ]
	verdict "the kernel is content" [ -z "$(splats "$log")" ]
	line=$(outputs "$page" | missing "$log")
	[ "$(host_arch)" != x86_64 ] || verdict "prints '$line'" [ -z "$line" ]
	[ "$page" = guide ] || continue
	verdict "one new file each" [ "$new" = "?? samples/plugins/axas_gstage.c ?? samples/plugins/axas_pattern.c " ]
	verdict "four replays are right" [ "$(grep -c '^result  *ok$' "$log")" -eq 4 ]
	verdict "the pattern is read" grep -qx 'pattern: 0x80001238' "$log"
	verdict "nothing stays in use" [ "$(grep -c 'axas: unloaded, 0 frames in use' "$log")" -eq 2 ]
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
