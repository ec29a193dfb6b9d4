# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# hw.sh - what the scripts share that have a CPU of QEMU walk our tables; sourced
# after common.sh, never run.
#
# Wants: seed      where chance begins
#        configs   the configurations that faults are planted in
#        module    axas_hw_kunit.ko
#        work      a directory for what is made
# Gives: hw_run hw_sum; passed and failed count

passed=0 failed=0
good() { passed=$((passed + 1)); }
bad() {
	failed=$((failed + 1))
	printf '%s  FAILED%s  %s\n' "$C_RED" "$C_OFF" "$*"
}

# The faults of kunit/hw/hw.h
plants='1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17'
plant_steps=400
# A test of KUnit may take five minutes: more steps make more rounds.
round_steps=20000

# shellcheck disable=SC2154 # by whoever sources this
guest_script() { # guest_script STEPS [LINE]...: on stdout; the LINEs come last
	cat <<GUEST
#!/bin/sh
mark() { echo "axas-hw: \$*" >/dev/kmsg; }
run() { insmod /axas_hw_kunit.ko "\$@" && rmmod axas_hw_kunit; }
seed=$seed left=$1 plants="$plants" configs="$configs"
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
GUEST
	printf '%s\n' "${@:2}" 'mark "all done"'
}

# text LOG: the kernel's lines without their time stamps
text() { sed -E 's/^\[ *[0-9]+\.[0-9]+\](\[ *[TC][0-9]+\])? ?//' "$1"; }

# part LOG NAME: the lines between the marks of that name
part() { text "$1" | sed -n "/^axas-hw: begin $2\$/,/^axas-hw: end $2\$/p"; }

judge_clean() { # judge_clean CPU LOG
	local line n=0
	while IFS= read -r line; do
		case "$line" in
		ok*'# SKIP'*) echo "  $1: skipped: ${line#ok }" ;;
		ok*' hw_'*)
			good
			echo "  $1: ${line#ok [0-9]* }"
			;;
		ok*)
			good
			n=$((n + 1))
			;;
		not*) bad "$1: ${line#not ok }; see $2" ;;
		*) printf '  %s\n' "$line" ;;
		esac
	done < <(part "$2" clean |
		grep -E '^ {4,}(not ok|ok) [0-9]+ ([0-9]+ bits|hw_(stale|host))|hw_(walks|tracks|stale)_test: |^not what the model says' |
		grep -v 'marked slow\|pass:' | sed -E 's/^ *(# hw_(walks|tracks|stale)_test: )?//')
	[ "$n" -gt 0 ] || bad "$1: no configuration was walked; see $2"
}

judge_plants() { # judge_plants CPU LOG
	local p lines name found blind
	for p in $plants; do
		lines=$(part "$2" "plant $p")
		name=$(sed -n 's/.*planted: \(.*\), [0-9]* times$/\1/p' <<<"$lines" | first 1)
		blind=$(sed -n "s/.*planted: \(.*\): can't be seen on this CPU: \(.*\)/\1: can't be seen on this CPU: \2/p" <<<"$lines" | first 1)
		found=$(sed -n 's/^not what the model says: \(.*\); gpa .*/\1/p' <<<"$lines" | sort -u | paste -sd '|')
		if [ -n "$found" ]; then
			good
			echo "  $1: planted $p, ${name:-?}: found: ${found//|/ | }"
		elif [ -n "$blind" ]; then
			echo "  $1: planted $p, $blind"
		else
			bad "$1: planted $p, ${name:-?}: not found; see $2"
		fi
	done
}

# shellcheck disable=SC2154 # by whoever sources this
# hw_run CPU STEPS LOG BOOT-ARG...: boot with $work/run.sh and judge
hw_run() {
	local cpu=$1 steps=$2 log=$3 sick rc=0
	shift 3
	say "booting QEMU's $cpu: $steps steps for each configuration, seed $seed"
	"$AXAS_TREE/scripts/boot.sh" --init "$work/run.sh" --file "$module" --log "$log" \
		--quiet --timeout $((900 + steps / 10)) "$@" || rc=$?
	judge_clean "$cpu" "$log"
	judge_plants "$cpu" "$log"
	sick=$(splats "$log" | first 10)
	grep -q 'axas-hw: all done$' "$log" || sick="the guest did not get to its end (boot.sh: status $rc)
$sick"
	if [ -n "$sick" ]; then
		bad "$cpu: the kernel: ${sick//$'\n'/$'\n'          }"
	else
		good
	fi
}

hw_sum() {
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}
