#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-tools.sh - test what of libaxas and axasctl needs no module
#
# Runs "make check" in tools/ for this machine. The last line is "N passed, N
# failed, N skipped".

. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/kernels.sh"
help_wanted "$@"

need make gcc libc6-dev g++ pkgconf groff-base libjson-c-dev libzstd-dev python3
log=$AXAS_TREE/build/log/tools-text.log
build_programs tools "$(host_arch)" || die "the tools do not build"
rc=0
{
	echo "axas-run: begin tools-text"
	make -s -C "$AXAS_TREE/tools" OUT="$AXAS_TREE/build/tools-$(host_arch)" check 2>&1 || rc=$?
	echo "axas-run: end tools-text $rc"
} >"$log" </dev/null
"$AXAS_TREE/scripts/ktap.py" "$log" >"$log.counts"
grep -v '^passed ' "$log.counts" || true
read -r _ passed _ failed _ skipped <<<"$(tail -n 1 "$log.counts")"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
