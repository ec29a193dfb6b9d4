#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-hw-amd.sh [SEED=N] [STEPS=N] - have an AMD CPU walk our tables
#
#   SEED=N      where chance begins (random; it is printed)
#   STEPS=N     random steps for each configuration (10000)
#   CPU=MODEL   CPU model of QEMU (max,+svm,+npt)
#
# Builds kunit/hw/ and runs it in QEMU on a debug kernel, through SVM, of which
# QEMU's own code is the other opinion: first the steps, in which the CPU, the
# module and a model have to agree on every address, a page that goes while a
# guest on another CPU uses it, and what a guest leaves of the host.  Then the
# same with a fault planted in the table, once for each kind: the CPU has to find
# each of them.  In the end steps while the second CPU goes and comes, and on a
# CPU that KVM has, where the probe has to keep away.  Prints what was done, and
# how each planted fault was found.  The console log stays in build/log/.  The
# last line is "N passed, N failed".

. "$(dirname "$0")/common.sh"
help_wanted "$@"

seed='' steps=10000 cpu=max,+svm,+npt
for arg; do
	case "$arg" in
	SEED=*) seed=${arg#*=} ;;
	STEPS=*) steps=${arg#*=} ;;
	CPU=*) cpu=${arg#*=} ;;
	*) usage_error "unknown argument '$arg'" ;;
	esac
done
[ -n "$seed" ] || seed=$((RANDOM << 15 | RANDOM | 1))
[[ "$seed" =~ ^[1-9][0-9]*$ ]] || usage_error "SEED is a number above 0"
[[ "$steps" =~ ^[1-9][0-9]*$ ]] || usage_error "STEPS is a number above 0"

logs=$AXAS_TREE/build/log
out=$AXAS_TREE/build/hw-amd
log=$logs/hw-amd.log
mkdir -p "$logs"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# With accessed and dirty flags
configs=2
module=$out/kunit/hw/axas_hw_kunit.ko
. "$AXAS_TREE/scripts/hw.sh"

need make gcc qemu-system-x86
kernel=$("$AXAS_TREE/scripts/build-kernel.sh" 6.12 x86_64 debug)
run_logged "$logs/module-hw-amd.log" "building the test" \
	"$AXAS_TREE/scripts/build-module.sh" "$kernel" "$out" CONFIG_AXAS=n CONFIG_AXAS_HW_TEST=m

# shellcheck disable=SC2016 # for the guest's shell
guest_script "$steps" \
	'mark "begin mute"; run seed=$seed steps=1 config=2 mute=1; mark "end mute"' \
	'cd /sys/devices/system/cpu/cpu1' \
	'(while [ ! -e /tmp/enough ]; do echo 0 >online; usleep 50000; echo 1 >online; usleep 50000; done) &' \
	'mark "begin hotplug"; run seed=$seed steps=200 config=2; mark "end hotplug"' \
	'touch /tmp/enough; wait' >"$work/run.sh"
# KVM of this kernel takes all CPUs at boot if it isn't told to wait for a guest.
hw_run amd "$steps" "$log" --kernel "$kernel/image" --cpu "$cpu" --mem 2G --append \
	"loglevel=7 kvm.enable_virt_at_load=0 kmemleak=off no_debug_objects slab_debug=-"

found=$(part "$log" mute | sed -n 's/^stale translations used: //p')
if [ -n "$found" ]; then
	good
	echo "  amd: planted: missing invalidation of what another CPU uses: found, $found"
else
	bad "amd: planted: missing invalidation of what another CPU uses: not found; see $log"
fi
if part "$log" hotplug | grep -qE '^ *ok [0-9]+ axas-hw$'; then
	good
	echo "  amd: $(part "$log" hotplug | grep -c 'CPU 1 is now offline') times the second CPU went during 200 steps"
else
	bad "amd: while the second CPU goes and comes; see $log"
fi

hw_sum
