#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-guide.sh - do what Documentation/guide.rst says, in a fresh clone
#
# Clones what is committed without the samples of samples/plugins, puts them in
# again as the only change, and runs every "sh" block of the guide in order.  The
# last line is "N passed, N failed".

. "$(dirname "$0")/common.sh"
help_wanted "$@"
need git make gcc libc6-dev

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
log=$AXAS_TREE/build/log/guide.log
mkdir -p "$(dirname "$log")"

passed=0 failed=0
verdict() { # verdict NAME COMMAND...
	local name=$1
	shift
	if "$@"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "  FAILED  guide: $name; see $log"
	fi
}

# Only what git knows is there: the guide must not live on what lies about.
git clone -q "$AXAS_TREE" "$work/axas"
cd "$work/axas"
mkdir "$work/new"
cp samples/plugins/axas_{gstage,pattern}.c "$work/new"
git -c user.name=guide -c user.email=guide rm -q samples/plugins/*.c
git -c user.name=guide -c user.email=guide commit -q -m "Without the samples"
cp "$work"/new/*.c samples/plugins/
new=$(git status --porcelain | tr '\n' ' ')

# The blocks as one script; sudo is for who isn't root.
{
	echo 'set -eux'
	[ "$(id -u)" -ne 0 ] || echo 'sudo() { "$@"; }'
	awk '/^\.\. code-block:: sh$/ { on = 1; next } /^[^ \t]/ { on = 0 } on' \
		Documentation/guide.rst | sed 's/^   //'
} >"$work/guide.sh"

rc=0
run_logged "$log" "doing what the guide says" bash "$work/guide.sh" || rc=$?
verdict "every step succeeds" [ "$rc" -eq 0 ]
verdict "one new file each" [ "$new" = "?? samples/plugins/axas_gstage.c ?? samples/plugins/axas_pattern.c " ]
verdict "four replays are right" [ "$(grep -c '^result  *ok$' "$log")" -eq 4 ]
verdict "the pattern is read" grep -qx 'pattern: 0x80001238' "$log"
verdict "nothing stays in use" [ "$(grep -c 'axas: unloaded, 0 frames in use' "$log")" -eq 2 ]
verdict "the kernel is content" [ -z "$(splats "$log")" ]
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
