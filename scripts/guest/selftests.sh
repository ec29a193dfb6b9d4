#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# All programs of selftests/ that there are in /tests.
# shellcheck source=lib.sh
. /guest/lib.sh

cd /tests || exit

# left_out PROGRAM: arguments for it, not to run the variants of AXAS_WITHOUT's formats
left_out() {
	[ -n "$AXAS_WITHOUT" ] || return
	"$1" -l 2>&1 | tr ' ' '\n' | grep -xE "([a-z]+_)*($AXAS_WITHOUT)([0-9_].*)?" |
		sort -u | sed 's/^/-V /'
}

load axas axas_softmmu
for t in /tests/*_test; do
	case "$t" in
	*lockdown_test) ;;
	*compat32_test) program "$t" ;; # it has no options
	*plugins_test)
		plugins insmod
		program "$t"
		plugins rmmod
		;;
	*vcpu*_test)
		load axas_vcpu
		program "$t"
		rmmod axas_vcpu || say "cannot unload axas_vcpu.ko"
		;;
	*)
		# shellcheck disable=SC2046 # words
		program "$t" $(left_out "$t")
		;;
	esac
done
rmmod axas_softmmu || say "cannot unload axas_softmmu.ko"
unload
leaks
counters
# Lockdown also shuts debugfs, and stays: hence last.
for t in /tests/*lockdown_test; do
	[ -e "$t" ] || continue
	load axas
	program "$t"
	unload
done
finish
