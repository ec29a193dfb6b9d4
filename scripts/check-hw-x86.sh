#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-hw-x86.sh [SEED=N] [STEPS=N] [OPTION]... - an Intel CPU walks our tables
#
#   SEED=N     where chance begins; 0 (the default) takes one and prints it
#   STEPS=N    random steps for each configuration (1000)
#   --config N      only the N-th configuration, counted from 0
#   --no-plants     do not plant faults
#   --log FILE      keep the console there (build/log/hw-x86.log)
#   --timeout SEC   stop after SEC seconds (600)
#
# Builds the module of kunit/hw for a small kernel and runs it in Bochs, whose
# VMX and EPT know nothing of this code: after each step the CPU, the module and
# a model translate the same addresses.  Then each fault that the module can
# plant is planted, and has to be found.  Each configuration, each fault and the
# kernel's log count as a test; the last line is "N passed, N failed", with
# ", N skipped" when some were.

. "$(dirname "$0")/common.sh"
help_wanted "$@"

scripts=$AXAS_TREE/scripts
build=$AXAS_TREE/build
seed=0 steps=1000 config=-1 plants=1 log=$build/log/hw-x86.log limit=600
while [ $# -gt 0 ]; do
	case "$1" in
	SEED=*) seed=${1#*=} ;;
	STEPS=*) steps=${1#*=} ;;
	--no-plants) plants='' ;;
	--config | --log | --timeout)
		[ $# -ge 2 ] || usage_error "$1 needs a value"
		case "$1" in
		--config) config=$2 ;;
		--log) log=$2 ;;
		--timeout) limit=$2 ;;
		esac
		shift
		;;
	*) usage_error "unknown argument '$1'" ;;
	esac
	shift
done
[[ "$seed" =~ ^[0-9]*$ ]] || usage_error "SEED is a number, not '$seed'"
[[ "$steps" =~ ^[0-9]*$ ]] || usage_error "STEPS is a number, not '$steps'"

mkdir -p "$build/log"
kernel=$("$scripts/build-kernel.sh" 6.12 x86_64 bochs)
run_logged "$build/log/module-hw-x86.log" "building the module for Bochs" \
	"$scripts/build-module.sh" "$kernel" "$build/hw-x86" \
	CONFIG_AXAS=n CONFIG_AXAS_HW_TEST=m ||
	die "could not build the module"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/head" <<RUN
#!/bin/sh
run() { # run NAME ARG...
	echo "axas-run: begin \$1"
	shift
	insmod /axas_hw_kunit.ko seed=${seed:-0} "\$@" || return
	rmmod axas_hw_kunit
	echo "axas-run: end"
}
RUN
cp "$work/head" "$work/walks"
cat >>"$work/walks" <<RUN
run walks steps=${steps:-0} config=$config
[ -n "$plants" ] || exit 0
n=1
# The last one is the one that the module refuses.
while run "plant \$n" steps=100 config=8 plant=\$n && dmesg -c | grep -q 'planted: '; do
	n=\$((n + 1))
done
exit 0
RUN
# Two CPUs: slower by far where both wait, so no more than needs them.
cp "$work/head" "$work/stale"
cat >>"$work/stale" <<RUN
run stale steps=1 config=0
[ -n "$plants" ] || exit 0
run "plant 0" steps=1 config=0 mute=1
exit 0
RUN

rc=0
: >"$log"
: >"$work/after"
bochs() { # bochs SCRIPT CPUS
	local start=$SECONDS status=0
	say "$1 in Bochs with $2 CPU; the console is in $log"
	"$scripts/boot-bochs.sh" --kernel "$kernel/image" --init "$work/$1" --smp "$2" --quiet \
		--file "$build/hw-x86/kunit/hw/axas_hw_kunit.ko" --log "$work/console" \
		--append mitigations=off --timeout "$limit" || status=$?
	say "  $((SECONDS - start)) s"
	cat "$work/console" >>"$log"
	# What the kernel has to say about Bochs itself comes before.
	sed -n '/axas-run: begin/,$p' "$work/console" >>"$work/after"
	[ "$status" -eq 0 ] || rc=$status
}
bochs walks 1
bochs stale 2

# ---- what came of it ----

sed 's/^\[ *[0-9.]*\] \{0,1\}//' "$work/after" >"$work/text"

awk -v red="$C_RED" -v off="$C_OFF" '
/^axas-run: begin (walks|stale)/ { walks = 1; stale = $3 == "stale"; next }
/^axas-run: begin plant/ { stale = 0; plant = "plant " $4; name = why = blind = ""; bad = 0; next }
walks && !stale && /# hw_walks_test: .* steps, seed/ { sub(/^.*# hw_walks_test: /, ""); head = $0; next }
walks && !stale && /# hw_walks_test:   / { sub(/^.*# hw_walks_test: /, ""); body = body "\n  " $0; next }
/# hw_stale_test: .* changes/ && (walks || plant == "plant 0") {
	sub(/^.*# hw_stale_test: /, "")
	if (plant) { name = "missing invalidation of what another CPU uses"; why = $0 }
	else head = $0
	next
}
stale && walks && /^ *(not )?ok [0-9]+ hw_stale_test/ {
	if (/# SKIP/) { skipped++; print "skipped: " $0; next }
	if ($1 == "not") { failed++; verdict = red "FAILED" off } else { passed++; verdict = "passed" }
	print verdict ": " head
	head = ""
	next
}
walks && /EXPECTATION FAILED/ { getline line; print red "  " line off; next }
stale { if (!/^axas-run/) next }
walks && /^ *(not )?ok [0-9]+ [0-9]+ bits/ {
	if (/# SKIP another/) next
	if (/# SKIP/) { skipped++; print "skipped: " $0; next }
	if ($1 == "not") { failed++; verdict = red "FAILED" off } else { passed++; verdict = "passed" }
	print verdict ": " head body
	head = body = ""
	next
}
plant && /planted: .*can.t be seen/ { sub(/^.*planted: /, ""); blind = $0; next }
plant && /planted: / { sub(/^.*planted: /, ""); name = $0; next }
plant && /EXPECTATION FAILED/ { getline why; sub(/; gpa .* after step/, "; after step", why)
	sub(/ \(.*/, "", why); next }
plant && /^not ok [0-9]+ axas-hw/ { bad = 1; next }
/^axas-run: end/ {
	if (walks) ended++
	walks = 0
	if (!plant) next
	if (blind != "") { skipped++; print "skipped: planted: " blind }
	else if (bad && name != "") { passed++; print "caught: " name ": " why }
	else if (name != "") { failed++; print red "NOT CAUGHT: " off name }
	plant = 0
}
END {
	if (ended < 2) { failed++; print red "FAILED: not all runs ended" off }
	print passed + 0, failed + 0, skipped + 0 >"/dev/stderr"
}' "$work/text" 2>"$work/sums"
read -r passed failed skipped <"$work/sums"

bad=$(splats "$work/after")
[ "$rc" -eq 0 ] || bad="a guest ended with status $rc${bad:+; $bad}"
if [ -n "$bad" ]; then
	printf '%sFAILED%s: kernel log: %s\n' "$C_RED" "$C_OFF" "$bad"
	failed=$((failed + 1))
else
	echo "passed: kernel log"
	passed=$((passed + 1))
fi
echo "$passed passed, $failed failed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
[ "$failed" -eq 0 ]
