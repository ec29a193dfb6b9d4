#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-hw-arm64.sh [SEED=N] [STEPS=N] - have an Arm CPU walk our tables
#
#   SEED=N      where chance begins (random; it is printed)
#   STEPS=N     random steps for each configuration (10000)
#   KERNEL=K    plain (the default) or debug, which is several times slower
#   CPUS="C.."  CPU models of QEMU (max, and cortex-a76, whose addresses have
#               40 bits)
#
# Builds kunit/hw/ and runs it in QEMU, in a kernel at EL2: first the steps, in
# which the CPU, the module and a model have to agree on every address, then the
# same with a fault planted in the table, once for each kind: the CPU has to
# find each of them.  Prints what was done for each configuration, and how each
# planted fault was found.  The console log stays in build/log/.  The last line
# is "N passed, N failed"; a configuration and a planted fault count one each.

. "$(dirname "$0")/common.sh"
help_wanted "$@"

seed='' steps=10000 flavour=plain cpus='max cortex-a76'
for arg; do
	case "$arg" in
	SEED=*) seed=${arg#*=} ;;
	STEPS=*) steps=${arg#*=} ;;
	KERNEL=*) flavour=${arg#*=} ;;
	CPUS=*) cpus=${arg#*=} ;;
	*) usage_error "unknown argument '$arg'" ;;
	esac
done
[ -n "$seed" ] || seed=$((RANDOM << 15 | RANDOM | 1))
[[ "$seed" =~ ^[1-9][0-9]*$ ]] || usage_error "SEED is a number above 0"
[[ "$steps" =~ ^[1-9][0-9]*$ ]] || usage_error "STEPS is a number above 0"
quick=''
case "$flavour" in
plain) ;;
# What costs most and is looked for elsewhere.
debug) quick='kmemleak=off no_debug_objects slab_debug=- sysctl.kernel.prove_locking=0' ;;
*) usage_error "KERNEL is plain or debug" ;;
esac

build=$AXAS_TREE/build
logs=$build/log
out=$build/hw-arm64-$flavour
mkdir -p "$logs"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# With and without accessed and dirty flags, with and without FWB; a right for EL0; LPA2, and with
# addresses that have fewer bits than its entries.
configs='24 5 1 19 22'
module=$out/kunit/hw/axas_hw_kunit.ko
. "$AXAS_TREE/scripts/hw.sh"

run_cpu() { # run_cpu CPU
	local model=$1 start=$SECONDS
	[ "$1" != max ] || model=max,pauth-impdef=on
	guest_script "$steps" >"$work/run.sh"
	hw_run "$1" "$steps" "$logs/hw-arm64-$1.log" --kernel "$kernel/image" --arch arm64 --cpu "$model" \
		--append "loglevel=7 $quick"
	echo "  $1: $((SECONDS - start)) s"
}

need make gcc qemu-system-arm
[ -z "$(cross_of arm64)" ] || need gcc-aarch64-linux-gnu
kernel=$("$AXAS_TREE/scripts/build-kernel.sh" 6.12 arm64 "$flavour")
run_logged "$logs/module-hw-arm64.log" "building the test" \
	"$AXAS_TREE/scripts/build-module.sh" "$kernel" "$out" CONFIG_AXAS=n CONFIG_AXAS_HW_TEST=m
for cpu in $cpus; do
	run_cpu "$cpu"
done

hw_sum
