#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-demo-guest.sh - the demo with guests, without what it shows
#
# The last line is "N passed, N failed".

. "$(dirname "$0")/common.sh"
help_wanted "$@"

log=$AXAS_TREE/build/log/demo-guest.txt
mkdir -p "$(dirname "$log")"
rc=0
"$AXAS_TREE/scripts/demo-guest.sh" >"$log" 2>&1 </dev/null || rc=$?
grep 'FAILED' "$log" || true
tail -n 1 "$log"
exit "$rc"
