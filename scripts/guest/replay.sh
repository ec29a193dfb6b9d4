#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Each trace of /traces in each format and leaf size, alone and with two threads.
# shellcheck source=lib.sh
. /guest/lib.sh

linear="--linear-hpa $AXAS_RESERVED_HPA --linear-size $AXAS_RESERVED_SIZE"
i=0
one() {
	i=$((i + 1))
	if "$@" >/tmp/out 2>&1; then
		echo "ok $i $*"
	else
		echo "# exit status $?"
		sed 's/^/# /' /tmp/out
		echo "not ok $i $*"
	fi
}

# shellcheck disable=SC2086 # words
replays() {
	echo "TAP version 13"
	n=0
	for t in /traces/*; do n=$((n + 1)); done
	echo "1..$((n * 19 + 6))"
	for t in /traces/*; do
		for how in "--leaf 4K" "--leaf 2M" "--leaf 4K --threads 2" "--leaf 2M --threads 2"; do
			for format in ept s2 amd; do
				one axas-replay --format $format $how $linear "$t"
			done
		done
		one axas-replay --format 16 --leaf 2M --threads 2 $linear "$t"
		for format in ept s2 amd; do
			one axas-replay --format $format --guest-paging 4K --cpu zen $linear "$t"
			one axas-replay --format $format --guest-paging 2M --guest-format s1 \
				--guest-layout given --leaf 2M --threads 2 --cpu cortex-a55 "$t"
		done
	done
	# Three pages of data and two of the stack are devices.
	mmio="--mmio 0x4a19000,0x3000 --mmio 0x1ffeffe000,0x2000"
	for format in ept s2 amd; do
		one axas-replay --format $format $mmio $linear /traces/true.trace
		one axas-replay --format $format $mmio --leaf 2M --threads 2 /traces/true.trace
	done
}

load axas
plugins insmod
program replays
plugins rmmod
unload
finish
