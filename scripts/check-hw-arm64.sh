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

# The faults of kunit/hw/hw.h, and the configurations that they are planted in:
# with and without accessed and dirty flags, with and without FWB.
plants='1 2 3 4 5 6 7 8 9 10 11 12 13 14 15'
plant_configs='6 5 1'
plant_steps=400
# A test of KUnit may take five minutes: more steps make more rounds.
round_steps=20000

guest_script() { # guest_script STEPS: on stdout
	cat <<GUEST
#!/bin/sh
mark() { echo "axas-hw: \$*" >/dev/kmsg; }
run() { insmod /axas_hw_kunit.ko "\$@" && rmmod axas_hw_kunit; }
seed=$seed left=$1 plants="$plants" configs="$plant_configs"
while [ \$left -gt 0 ]; do
	n=\$left
	[ \$n -le $round_steps ] || n=$round_steps
	left=\$((left - n))
	mark "begin clean"
	run seed=\$seed steps=\$n
	mark "end clean"
	seed=\$((seed + 1000))
done
for p in \$plants; do
	mark "begin plant \$p"
	for c in \$configs; do run seed=$seed steps=$plant_steps plant=\$p config=\$c; done
	mark "end plant \$p"
done
mark "all done"
GUEST
}

passed=0 failed=0
good() { passed=$((passed + 1)); }
bad() {
	failed=$((failed + 1))
	printf '%s  FAILED%s  %s\n' "$C_RED" "$C_OFF" "$*"
}

# text LOG: the kernel's lines without their time stamps
text() { sed -E 's/^\[ *[0-9]+\.[0-9]+\](\[ *[TC][0-9]+\])? ?//' "$1"; }

judge_clean() { # judge_clean CPU LOG
	local line n=0
	while IFS= read -r line; do
		case "$line" in
		ok*'# SKIP'*) echo "  $1: skipped: ${line#ok }" ;;
		ok*)
			good
			n=$((n + 1))
			;;
		not*) bad "$1: ${line#not ok }; see $2" ;;
		*) printf '  %s\n' "$line" ;;
		esac
	done < <(text "$2" | sed -n '/^axas-hw: begin clean/,/^axas-hw: end clean/p' |
		grep -E '^ {4,}(not ok|ok) [0-9]+ [0-9]+ bits|hw_walks_test: |^not what the model says' |
		grep -v 'marked slow\|pass:' | sed -E 's/^ *(# hw_walks_test: )?//')
	[ "$n" -gt 0 ] || bad "$1: no configuration was walked; see $2"
}

judge_plants() { # judge_plants CPU LOG
	local p part name found blind
	for p in $plants; do
		part=$(text "$2" | sed -n "/^axas-hw: begin plant $p\$/,/^axas-hw: end plant $p\$/p")
		name=$(sed -n 's/.*planted: \(.*\), [0-9]* times$/\1/p' <<<"$part" | first 1)
		blind=$(sed -n 's/.*planted: .* on this CPU: //p' <<<"$part" | first 1)
		found=$(sed -n 's/^not what the model says: \(.*\); gpa .*/\1/p' <<<"$part" | sort -u | paste -sd '|')
		if [ -n "$found" ]; then
			good
			echo "  $1: planted $p, ${name:-?}: found: ${found//|/ | }"
		elif [ -n "$blind" ]; then
			echo "  $1: planted $p, ${name:-?}: can't be seen on this CPU: $blind"
		else
			bad "$1: planted $p, ${name:-?}: not found; see $2"
		fi
	done
}

run_cpu() { # run_cpu CPU STEPS
	local log=$logs/hw-arm64-$1.log model=$1 sick rc=0 start=$SECONDS
	[ "$1" != max ] || model=max,pauth-impdef=on
	guest_script "$2" >"$work/run.sh"
	say "booting QEMU's $1: $2 steps for each configuration, seed $seed"
	"$AXAS_TREE/scripts/boot.sh" --kernel "$kernel/image" --arch arm64 --cpu "$model" \
		--init "$work/run.sh" --file "$out/kunit/hw/axas_hw_kunit.ko" \
		--append "loglevel=7 $quick" --log "$log" --quiet --timeout $((900 + $2 / 10)) || rc=$?
	judge_clean "$1" "$log"
	judge_plants "$1" "$log"
	sick=$(splats "$log" | first 10)
	grep -q 'axas-hw: all done$' "$log" || sick="the guest did not get to its end (boot.sh: status $rc)
$sick"
	if [ -n "$sick" ]; then
		bad "$1: the kernel: ${sick//$'\n'/$'\n'          }"
	else
		good
	fi
	echo "  $1: $((SECONDS - start)) s"
}

need make gcc qemu-system-arm
[ -z "$(cross_of arm64)" ] || need gcc-aarch64-linux-gnu
kernel=$("$AXAS_TREE/scripts/build-kernel.sh" 6.12 arm64 "$flavour")
run_logged "$logs/module-hw-arm64.log" "building the test" \
	"$AXAS_TREE/scripts/build-module.sh" "$kernel" "$out" CONFIG_AXAS_PROBE=y CONFIG_AXAS_HW_TEST=m
for cpu in $cpus; do
	run_cpu "$cpu" "$steps"
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
