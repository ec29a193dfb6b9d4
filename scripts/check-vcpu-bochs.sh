#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-vcpu-bochs.sh [OPTION]... - an Intel CPU runs guests on spaces
#
#   --race N        threads race each other for N percent of their time (20)
#   --timeout SEC   stop after SEC seconds (600)
#
# QEMU emulates SVM and no VMX, Bochs both kinds of CPU, slowly. So the programs over
# samples/vcpu run there a second time, on a small kernel with two CPUs, and after
# them the guest that is built into axas-vmm, which looks at its memory itself. The
# console is build/log/vcpu-bochs.log. The last line is "N passed, N failed,
# N skipped".

. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/kernels.sh"
help_wanted "$@"

race=20 limit=600
while [ $# -gt 0 ]; do
	case "$#,$1" in
	1,*) usage_error "unknown argument '$1', or it needs a value" ;;
	*,--race) race=$2 ;;
	*,--timeout) limit=$2 ;;
	*) usage_error "unknown argument '$1'" ;;
	esac
	shift 2
done

scripts=$AXAS_TREE/scripts
build=$AXAS_TREE/build
log=$build/log/vcpu-bochs.log
mkdir -p "$build/log"
kernel=$("$scripts/build-kernel.sh" 6.12 x86_64 bochs)
run_logged "$build/log/module-vcpu-bochs.log" "building the module for Bochs" \
	"$scripts/build-module.sh" "$kernel" "$build/vcpu-bochs" CONFIG_AXAS_SAMPLE_VCPU=m ||
	die "could not build the module"
need libjson-c-dev
build_programs selftests x86_64 || die "the selftests do not build"
build_programs tools x86_64 || die "the tools do not build"

tests=()
for t in "$AXAS_TREE"/selftests/axas_vcpu*_test.c; do
	t=$(basename "$t" .c)
	tests+=(--file "$build/selftests-x86_64/$t:/tests/$t")
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/run.sh" <<RUN
#!/bin/sh
. /guest/lib.sh
load axas axas_vcpu
for t in /tests/*; do AXAS_RACE=$race program "\$t"; done
axas-vmm --ram 8M </dev/null && say "walker: yes"
rmmod axas_vcpu || say "cannot unload axas_vcpu.ko"
unload
RUN

# Bochs says that its CPU has 3.5 GHz, which it is far from: a second would take minutes.
append="mitigations=off tsc_early_khz=50000"
say "guests in Bochs; the console is in $log"
start=$SECONDS status=0
"$scripts/boot-bochs.sh" --kernel "$kernel/image" --init "$work/run.sh" --smp 2 --quiet \
	--file "$scripts/guest/lib.sh:/guest/lib.sh" \
	--file "$build/vcpu-bochs/axas.ko" --file "$build/vcpu-bochs/samples/vcpu/axas_vcpu.ko" \
	"${tests[@]}" \
	--file "$build/tools-x86_64/axas-vmm:/bin/axas-vmm" \
	--log "$log" --append "$append" --timeout "$limit" || status=$?
say "  $((SECONDS - start)) s"

# ---- verdicts ----

"$scripts/ktap.py" "$log" >"$work/counts" || true
grep -v '^passed ' "$work/counts" || true
read -r _ passed _ failed _ skipped <<<"$(tail -n 1 "$work/counts")"

# so WHAT COMMAND...
so() {
	if "${@:2}"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED  $1: see $log"
	fi
}
walked() { grep -q '^walker: [0-9]* pages .* 0 wrong' "$log" && grep -q '^axas-run: walker: yes' "$log"; }
# What the kernel has to say about Bochs itself comes before.
healthy() {
	sed -n '/axas-run: begin/,$p' "$log" >"$work/after"
	[ "$status" -eq 0 ] && grep -q '^axas-run: unloaded: yes' "$log" &&
		! grep '^axas-run: cannot' "$log" && [ -z "$(splats "$work/after")" ]
}
so "the walker of axas-vmm" walked
so "the kernel afterwards (boot-bochs.sh: status $status)" healthy
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
