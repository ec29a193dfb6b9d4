#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-walks.sh - axas-replay's walks beside those of CPUs
#
# Replays the trace of tools/traces in guests whose CPUs walk the table: at EL2 on arm64,
# by SVM on x86_64, as QEMU emulates them. Each page is probed, and an address beside it
# at each level. Prints how many walks agree. The last line is "N passed, N failed".

. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/kernels.sh"
help_wanted "$@"

build=$AXAS_TREE/build
passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gzip -dc "$AXAS_TREE/tools/traces/true.trace.gz" >"$work/true.trace"

# walks ARCH FORMAT: with leaves of either size, and two policies; four levels, as
# QEMU's physical addresses have no room for what a probe by SVM puts beside five
walks() {
	local kernel=distro-$1 log=$build/log/walks-$1.log args=() how n
	kernel_describe "$kernel"
	need_for "$k_arch"
	kernel_get "$kernel"
	build_for "$kernel" || die "the module does not build for $1"
	build_programs tools "$k_arch" || die "the tools did not build"
	{
		echo '#!/bin/sh'
		echo 'insmod /axas.ko || exit'
		for how in '--leaf 4K' '--leaf 2M' '--guest-paging 4K --cpu zen' '--policy ingens' '--promote 20'; do
			echo "echo 'walks: begin $how'; axas-replay --probe --format $2 $how /true.trace 2>&1; echo \"walks: end \$?\""
		done
		echo 'rmmod axas'
	} >"$work/run.sh"
	args=(--init "$work/run.sh" --file "$build/$kernel/axas.ko" --file "$work/true.trace"
		--file "$build/tools-$k_arch/axas-replay:/bin/axas-replay" --append "loglevel=4 no5lvl")
	kernel_args loop
	"$AXAS_TREE/scripts/boot.sh" "${args[@]}" --quiet --log "$log" || true
	n=0
	while IFS= read -r how; do
		case "$how" in
		*'walks: begin '*) echo "  $1, $2 ${how#*begin }:" ;;
		probed*) echo "    $how" ;;
		*'walks: end 0'*) n=$((n + 1)) ;;
		esac
	done <"$log"
	passed=$((passed + n)) failed=$((failed + 5 - n))
	[ "$n" -eq 5 ] || echo "  FAILED  $1: $n of 5 runs end well; see $log"
	[ -z "$(splats "$log")" ] || { failed=$((failed + 1)) && echo "  FAILED  $1: the kernel complained; see $log"; }
}

walks arm64 s2
walks x86_64 amd
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
