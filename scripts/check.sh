#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh [WHAT]... - build axas and run its tests in QEMU
#
#   all                   everything (the default)
#   kunit                 KUnit, on both architectures
#   kunit-ARCH            ... on x86_64 or arm64
#   kunit-rt              ... on a debug kernel with PREEMPT_RT; not in "all"
#   selftests             the programs over /dev/axas (selftests/*_test), on
#                         every kernel
#   selftests-KERNEL      ... on one: 6.12-x86_64, 6.12-arm64 (both debug
#                         kernels), distro (the prebuilt one), rt (the
#                         prebuilt one with PREEMPT_RT), newest
#   kcsan                 races of KUnit and of the programs with threads, on a
#                         kernel that reports data races; not in "all"
#   coverage              KUnit and the programs, on a kernel that counts what is
#                         run, for scripts/coverage.sh; not in "all"
#   odd                   programs that depend on the machine's memory, with its
#                         end amid a section and one CPU (odd-end), and with
#                         some kept from the kernel and four CPUs (odd-hole)
#   litmus                the litmus tests, on this machine
#   fuzz                  selftests/fuzz for a while, on two kernels
#   fuzz-KERNEL           ... on one: distro or 6.12-x86_64 (the debug kernel)
#   hw                    CPUs walk the tables, on both architectures
#   hw-ARCH               ... arm64 in QEMU, x86 in Bochs
#   demo                  make demo, and the picture that it leaves
#   guide                 what Documentation/guide.rst says, step by step
#   replay                a real program's memory trace, on the prebuilt kernel
#   tools                 libaxas and axasctl: over text on this machine, and
#                         over a live space on the prebuilt kernel
#   install               make install, dkms, the Debian packages
#   intree                inside a kernel's source, where kunit.py runs
#   intree-KERNEL         ... of one: 6.12 or newest, -x86_64 or -arm64
#
#   --list                list the runs these words stand for, and stop
#
# AXAS_FUZZ_TIME is how long the fuzzer runs on each kernel, in seconds (30), and
# AXAS_FUZZ_ARGS more options of it.
# AXAS_JOBS=N runs N guests at a time (default: half as many as CPUs, at least
# 2).  Kernels come from scripts/build-kernel.sh and are cached.  A run's
# console log stays in build/log/.  After its tests every guest unloads the
# module, which must have no frame left; the kernel log must hold no warning;
# on a debug kernel kmemleak must find nothing and lockdep still be on.  That
# counts as one more test.  The last line is "N passed, N failed", with
# ", N skipped" when some were.

. "$(dirname "$0")/common.sh"
help_wanted "$@"

scripts=$AXAS_TREE/scripts
build=$AXAS_TREE/build
logs=$build/log
reserved_hpa=0x30000000 reserved_size=0x4000000
fuzz_time=${AXAS_FUZZ_TIME:-30}

list=''
runs=() others=()
add_to() { # add_to ARRAY RUN...
	local -n array=$1
	local r
	for r in "${@:2}"; do [[ " ${array[*]-} " == *" $r "* ]] || array+=("$r"); done
}
add() { add_to runs "$@"; }
also() { add_to others "$@"; }
[ $# -gt 0 ] || set -- all
[ "$*" != --list ] || set -- all --list
for what; do
	case "$what" in
	--list) list=1 ;;
	all)
		add kunit-x86_64 kunit-arm64 selftests-6.12-x86_64 selftests-6.12-arm64 \
			selftests-distro selftests-rt selftests-newest odd-end odd-hole \
			fuzz-distro fuzz-6.12-x86_64 replay tools-live
		also litmus tools-text hw-arm64 hw-x86 demo guide install \
			intree-{6.12,newest}-{x86_64,arm64}
		;;
	tools)
		add tools-live
		also tools-text
		;;
	hw) also hw-arm64 hw-x86 ;;
	intree) also intree-{6.12,newest}-{x86_64,arm64} ;;
	litmus | tools-text | hw-arm64 | hw-x86 | demo | guide | install | intree-6.12-x86_64 | \
		intree-6.12-arm64 | intree-newest-x86_64 | intree-newest-arm64) also "$what" ;;
	kunit) add kunit-x86_64 kunit-arm64 ;;
	fuzz) add fuzz-distro fuzz-6.12-x86_64 ;;
	selftests)
		add selftests-{6.12-x86_64,6.12-arm64,distro,rt,newest}
		;;
	kcsan) add kunit-kcsan selftests-kcsan ;;
	coverage) add kunit-gcov selftests-gcov ;;
	odd) add odd-end odd-hole ;;
	kunit-x86_64 | kunit-arm64 | kunit-rt | kunit-kcsan | kunit-gcov | replay | \
		selftests-kcsan | selftests-gcov | selftests-6.12-x86_64 | selftests-6.12-arm64 | selftests-distro | \
		selftests-rt | selftests-newest | odd-end | odd-hole | fuzz-distro | fuzz-6.12-x86_64 | \
		tools-live) add "$what" ;;
	*) usage_error "unknown test '$what'" ;;
	esac
done
if [ -n "$list" ]; then
	printf '%s\n' ${runs[@]+"${runs[@]}"} ${others[@]+"${others[@]}"}
	exit 0
fi

need make gcc libc6-dev python3 cpio busybox-static qemu-system-x86
if [[ "${runs[*]-}" == *arm64* ]]; then
	need qemu-system-arm
	[ -z "$(cross_of arm64)" ] || need gcc-aarch64-linux-gnu libc6-dev-arm64-cross
fi
[[ "${runs[*]-} ${others[*]-}" != *tools* ]] || need g++ pkgconf groff-base libjson-c-dev
mkdir -p "$logs"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# ---- kernels, the module and programs for each ----

# kernel_of RUN: sets kname, karch, kdebug
kernel_of() {
	kdebug=''
	case "$1" in
	kunit-x86_64 | selftests-6.12-x86_64 | fuzz-6.12-x86_64) kname=6.12-x86_64 karch=x86_64 kdebug=1 ;;
	kunit-arm64 | selftests-6.12-arm64) kname=6.12-arm64 karch=arm64 kdebug=1 ;;
	selftests-newest) kname=newest karch=x86_64 ;;
	kunit-rt) kname=6.12-rt karch=x86_64 kdebug=1 ;;
	*-kcsan | *-gcov) kname=6.12-${1##*-} karch=x86_64 ;;
	selftests-rt) kname=distro-rt karch=$(host_arch) ;;
	*) kname=distro karch=$(host_arch) ;;
	esac
}

declare -A image hdrs moddir ready programs
fetch() { # fetch NAME: the kernel NAME
	local lines
	[ -z "${hdrs[$1]-}" ] || return 0
	case "$1" in
	6.12-rt | 6.12-kcsan | 6.12-gcov)
		hdrs[$1]=$("$scripts/build-kernel.sh" 6.12 x86_64 "${1#6.12-}")
		;;
	6.12-*) hdrs[$1]=$("$scripts/build-kernel.sh" 6.12 "${1#6.12-}" debug) ;;
	newest) hdrs[$1]=$("$scripts/build-kernel.sh" newest x86_64 plain) ;;
	distro) lines=$("$scripts/fetch-distro.sh") ;;
	distro-rt) lines=$("$scripts/fetch-distro.sh" rt) ;;
	esac
	if [[ "$1" == distro* ]]; then
		image[$1]=$(sed -n 1p <<<"$lines")
		moddir[$1]=$(sed -n 2p <<<"$lines")
		hdrs[$1]=$(sed -n 3p <<<"$lines")
	fi
	[ -n "${image[$1]-}" ] || image[$1]=${hdrs[$1]}/image
}
build_module() { # build_module NAME: yes or no in ready[NAME]
	local args=(CONFIG_AXAS_SAMPLE_PLUGINS=m)
	[ -z "${ready[$1]-}" ] || return 0
	case "$1" in 6.12-*) args+=(CONFIG_AXAS_KUNIT_TEST=m) ;; esac
	[ "$1" != 6.12-gcov ] || args+=(GCOV_PROFILE=y)
	args+=(CONFIG_AXAS_SAMPLE_SOFTMMU=m)
	if run_logged "$logs/module-$1.log" "building the module for $1" \
		"$scripts/build-module.sh" "${hdrs[$1]}" "$build/$1" "${args[@]}"; then
		ready[$1]=yes
	else
		ready[$1]=no
	fi
}
build_programs() { # build_programs DIR ARCH: tools or selftests
	[ -z "${programs[$1-$2]-}" ] || return 0
	programs[$1-$2]=no
	run_logged "$logs/$1-$2.log" "building $1 for $2" \
		make -C "$AXAS_TREE/$1" OUT="$build/$1-$2" CROSS_COMPILE="$(cross_of "$2")" || return 0
	programs[$1-$2]=yes
}

build_readme_example() { # build_readme_example ARCH: $work/readme_example
	awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' "$AXAS_TREE/README.md" >"$work/readme.c"
	"$(cross_of "$1")gcc" -static -I "$AXAS_TREE/tools/lib" -I "$AXAS_TREE/include/uapi" \
		-o "$work/readme_example" "$work/readme.c" "$build/tools-$1/libaxas.a"
}

# ---- what runs in the guest ----

# programs_of RUN: the programs of selftests/ that it runs; all if it says none
programs_of() {
	case "$1" in
	odd-*) echo axas_{linear,linear_window,memory,gup,stress}_test ;;
	*-kcsan) echo axas_{stress,memory,gup,softmmu,debugfs,device}_test ;;
	esac
}

# shellcheck disable=SC2016 # for the guest's shell
guest_head='#!/bin/sh
say() { echo "axas-run: $*"; }
for v in /sys/kernel/debug/fail*/verbose; do [ ! -e "$v" ] || echo 0 >"$v"; done
for v in /sys/kernel/debug/fail*/ignore-gfp-wait; do [ ! -e "$v" ] || echo N >"$v"; done
for v in /sys/kernel/debug/fail*/min-order; do [ ! -e "$v" ] || echo 0 >"$v"; done
k=/sys/kernel/debug/kcsan
[ ! -e $k ] || { echo on >$k; say "kcsan: $(sed -n "s/^enabled: //p" $k)"; }
'
# shellcheck disable=SC2016
guest_tail='
plugins() { # plugins insmod|rmmod: all of samples/plugins
	for m in /plugins/*.ko; do $1 "$m" || say "cannot $1 $m"; done
}
unload() {
	if ! rmmod axas; then say "unloaded: rmmod failed"
	elif dmesg | grep "axas: unloaded" | tail -n 1 | grep -q "axas: unloaded, 0 frames in use"; then say "unloaded: yes"
	else say "unloaded: $(dmesg | grep "axas: unloaded" | tail -n 1)"; fi
}
leaks() {
	k=/sys/kernel/debug/kmemleak
	[ -e $k ] || return
	sleep 6 # younger objects are not looked at
	echo scan >$k && echo scan >$k
	if [ -s $k ]; then sleep 5; echo scan >$k; fi
	say "leaks: $(grep -c "unreferenced object" $k)"
	cat $k
}
counters() { # what gcov has counted, out through the second serial port
	[ -d /sys/kernel/debug/gcov ] || return
	cd /sys/kernel/debug/gcov
	find . -name "*.gcda" | while read -r f; do
		mkdir -p "/tmp/gcov/${f%/*}"
		cat "$f" >"/tmp/gcov/$f"
	done
	stty -F /dev/ttyS1 raw
	tar -C /tmp/gcov -cz . >/dev/ttyS1
}
finish() {
	say "tainted: $(cat /proc/sys/kernel/tainted)"
	[ ! -e /proc/lockdep_stats ] || say "debug_locks: $(sed -n "s/^ *debug_locks: *//p" /proc/lockdep_stats)"
	echo "axas-run: dmesg"
	dmesg
	echo
	say "all done"
}
'

guest_script() { # guest_script RUN: on stdout
	echo "$guest_head"
	echo "$guest_tail"
	case "$1" in
	kunit-*)
		# KUnit speaks through the kernel log: so do the marks around it.
		cat <<'GUEST'
insmod /axas.ko || say "cannot load axas.ko"
echo "axas-run: begin kunit" >/dev/kmsg
insmod /axas_kunit.ko || say "cannot load axas_kunit.ko"
echo "axas-run: end kunit 0" >/dev/kmsg
rmmod axas_kunit
unload
leaks
counters
finish
GUEST
		;;
	selftests-* | odd-*)
		cat <<'GUEST'
run() {
	[ -x "$1" ] || return
	name=$(basename "$1")
	echo "axas-run: begin $name"
	"$1" </dev/null 2>&1
	status=$?
	printf '\naxas-run: end %s %d\n' "$name" $status
}
cd /tests
insmod /axas.ko || say "cannot load axas.ko"
insmod /axas_softmmu.ko || say "cannot load axas_softmmu.ko"
for t in /tests/*_test; do
	case "$t" in
	*lockdown_test) ;;
	*plugins_test)
		plugins insmod
		run "$t"
		plugins rmmod
		;;
	*) run "$t" ;;
	esac
done
rmmod axas_softmmu || say "cannot unload axas_softmmu.ko"
unload
leaks
counters
# Lockdown also shuts debugfs, and stays: hence last.
for t in /tests/*lockdown_test; do
	[ -e "$t" ] || continue
	insmod /axas.ko
	run "$t"
	unload
done
finish
GUEST
		;;
	fuzz-*)
		echo "fuzz='/tests/axas_fuzz --time $fuzz_time ${AXAS_FUZZ_ARGS:-}'"
		cat <<'GUEST'
insmod /axas.ko || say "cannot load axas.ko"
plugins insmod
echo "axas-run: begin axas_fuzz"
$fuzz </dev/null 2>&1
printf '\naxas-run: end axas_fuzz %d\n' $?
plugins rmmod
unload
leaks
finish
GUEST
		;;
	tools-live)
		cat <<'GUEST'
insmod /axas.ko || say "cannot load axas.ko"
plugins insmod
echo "axas-run: begin tools-live"
live 2>&1
printf '\naxas-run: end tools-live %d\n' $?
plugins rmmod
unload
finish
GUEST
		;;
	replay)
		cat <<'GUEST'
insmod /axas.ko || say "cannot load axas.ko"
plugins insmod
linear="--linear-hpa $AXAS_RESERVED_HPA --linear-size $AXAS_RESERVED_SIZE"
n=0
for t in /traces/*; do
	n=$((n + 1))
done
echo "axas-run: begin replay"
echo "TAP version 13"
echo "1..$((n * 9 + 4))"
i=0
one() {
	i=$((i + 1))
	if "$@" >/tmp/out 2>&1; then echo "ok $i $*"; else echo "# exit status $?"; sed 's/^/# /' /tmp/out; echo "not ok $i $*"; fi
}
for t in /traces/*; do
	for how in "--leaf 4K" "--leaf 2M" "--leaf 4K --threads 2" "--leaf 2M --threads 2"; do
		for format in ept s2; do
			one axas-replay --format $format $how $linear "$t"
		done
	done
	one axas-replay --format 16 --leaf 2M --threads 2 $linear "$t"
done
# Three pages of data and two of the stack are devices.
mmio="--mmio 0x4a19000,0x3000 --mmio 0x1ffeffe000,0x2000"
for format in ept s2; do
	one axas-replay --format $format $mmio $linear /traces/true.trace
	one axas-replay --format $format $mmio --leaf 2M --threads 2 /traces/true.trace
done
printf '\naxas-run: end replay 0\n'
plugins rmmod
unload
finish
GUEST
		;;
	esac
}

boot() { # boot RUN: console in $logs/RUN.log
	local run=$1 args append='printk.devkmsg=on kasan_multi_shot' f wanted mem=2G hpa=$reserved_hpa limit=1500
	kernel_of "$run"
	case "$run" in
	odd-end) mem=1G args=(--smp 1) append="$append mem=950M" ;;
	odd-hole) mem=1G args=(--smp 4) ;;
	fuzz-*) args=() limit=$((600 + 2 * fuzz_time)) ;;
	*-kcsan) args=(--smp 4) ;;
	*-gcov) args=(--qemu "-serial file:$logs/$run.tgz") ;;
	*) args=() ;;
	esac
	args+=(--kernel "${image[$kname]}" --arch "$karch" --mem "$mem" --log "$logs/$run.log" --quiet
		--timeout "${AXAS_TIMEOUT:-$limit}" --ivshmem 64M --file "$build/$kname/axas.ko:/axas.ko")
	[ -z "$kdebug" ] || append="$append page_poison=1"
	# Only what has a source: older files may lie about.
	for f in "$AXAS_TREE"/samples/plugins/*.c; do
		f=$(basename "$f" .c).ko
		args+=(--file "$build/$kname/samples/plugins/$f:/plugins/$f")
	done
	case "$run" in
	kunit-*)
		args+=(--file "$build/$kname/kunit/axas_kunit.ko:/axas_kunit.ko")
		append="$append loglevel=8"
		[ "$run" != kunit-kcsan ] || append="$append kunit.filter_glob=axas_race"
		;;
	selftests-* | odd-*)
		wanted=$(programs_of "$run")
		for f in "$AXAS_TREE"/selftests/*_test.c; do
			f=$build/selftests-$karch/$(basename "$f" .c)
			[ -z "$wanted" ] || [[ " $wanted " == *" $(basename "$f") "* ]] || continue
			[ ! -x "$f" ] || args+=(--file "$f:/tests/$(basename "$f")")
		done
		args+=(--ext4 64M --file "$build/$kname/samples/softmmu/axas_softmmu.ko:/axas_softmmu.ko")
		append="$append loglevel=5"
		;;
	fuzz-*)
		args+=(--ext4 64M --file "$build/selftests-$karch/axas_fuzz:/tests/axas_fuzz")
		append="$append loglevel=5"
		;;
	tools-live)
		for f in axasctl axas-replay example live; do
			args+=(--file "$build/tools-$karch/$f:/bin/$f")
		done
		build_readme_example "$karch"
		args+=(--file "$work/readme_example:/bin/readme_example")
		append="$append loglevel=5"
		;;
	replay)
		args+=(--file "$build/tools-$karch/axas-replay:/bin/axas-replay")
		for f in "$AXAS_TREE"/tools/traces/*; do
			case "$f" in *.gz)
				gzip -dc "$f" >"$work/$(basename "$f" .gz)"
				args+=(--file "$work/$(basename "$f" .gz):/traces/$(basename "$f" .gz)")
				;;
			esac
		done
		append="$append loglevel=5"
		;;
	esac
	guest_script "$run" >"$work/$run.sh"
	case "$run" in
	odd-end) hpa=0x3b600000 ;; # what mem=950M leaves out
	odd-hole) hpa=0x3c000000 ;;
	esac
	if [ "$karch" = x86_64 ]; then
		[ "$run" = odd-end ] || append="$append memmap=$((reserved_size >> 20))M\$$hpa"
		sed -i "2i export AXAS_RESERVED_HPA=$hpa AXAS_RESERVED_SIZE=$reserved_size" "$work/$run.sh"
	fi
	if [[ "$kname" == distro* ]]; then
		args+=(--modules "${moddir[$kname]}")
		case "$run" in selftests-* | fuzz-* | odd-*) args+=(--modprobe loop --modprobe ext4 --modprobe kvm_amd) ;; esac
	fi
	if [ "$run" = selftests-distro ]; then
		# A driver that shares nothing; memory that the guest plugs in.
		args+=(--modprobe e1000e --mem "2G,slots=1,maxmem=4G" --qemu "-device e1000e,netdev=n0
			-netdev hubport,id=n0,hubid=0
			-object memory-backend-ram,id=m0,size=128M -mon chardev=mon
			-chardev socket,id=mon,path=$work/mon,server=on,wait=off
			-chardev socket,id=tty,path=$work/mon -serial chardev:tty")
		sed -i '2i export AXAS_HOTADD="/dev/ttyS1 device_add pc-dimm,id=d0,memdev=m0" AXAS_HOTADD_HPA=0x100000000' \
			"$work/$run.sh"
	fi
	"$scripts/boot.sh" "${args[@]}" --append "$append" --init "$work/$run.sh"
}

# ---- verdicts ----

# races yes|no LOG: reports of data races that have axas in them; or all of the
# log but reports, with or without
races() {
	awk -v ours="$1" '
	/BUG: KCSAN: / { report = 1; text = "" }
	report {
		text = text $0 "\n"
		if (!/======/) next
		report = 0
		if (ours == "yes" && text ~ /\[axas/) printf "%s", text
		next
	}
	ours == "no"' "$2"
}

# health RUN LOG: print what is wrong with the guest, nothing if it is well
health() {
	local log=$2 v
	grep -q '^axas-run: all done$' "$log" || echo "the guest did not get to its end"
	if ! grep -q '^axas-run: unloaded: ' "$log"; then
		echo "the module was not unloaded"
	fi
	grep '^axas-run: unloaded: ' "$log" | grep -v ': yes$' | sed 's/^axas-run: /unloading: /' || true
	grep '^axas-run: cannot' "$log" || true
	v=$(sed -n 's/^axas-run: tainted: //p' "$log")
	# 5: bad page, 7: died, 9: warned, 14: soft lockup
	if [ -n "$v" ] && [ $((v & (1 << 5 | 1 << 7 | 1 << 9 | 1 << 14))) -ne 0 ]; then
		echo "the kernel is tainted by a warning or worse ($v)"
	fi
	if [ -n "$kdebug" ]; then
		grep -q '^axas-run: debug_locks: 1$' "$log" || echo "lockdep turned itself off"
		v=$(sed -n 's/^axas-run: leaks: //p' "$log")
		if [ "${v:-none}" != 0 ]; then
			echo "kmemleak: ${v:-no} unreferenced objects counted"
			grep -A 12 '^unreferenced object' "$log" | head -n 40 || true
		fi
	fi
	if [[ "$1" == *-kcsan ]]; then
		grep -q '^axas-run: kcsan: 1$' "$log" || echo "nobody looks for data races"
		races yes "$log" | head -n 60
		races no "$log" >"$log.rest"
		log=$log.rest
	fi
	splats "$log" | head -n 20
}

passed=0 failed=0 skipped=0
counted() { # counted RUN P F S TEXT
	local colour=$C_GREEN
	passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
	[ "$3" -eq 0 ] || colour=$C_RED
	printf '%s%-24s%s %d passed, %d failed%s%s\n' "$colour" "$1" "$C_OFF" "$2" "$3" \
		"$([ "$4" -eq 0 ] || echo ", $4 skipped")" "${5:+  ($5)}"
}

judge() { # judge RUN STATUS SECONDS
	local run=$1 status=$2 log=$logs/$1.log out p=0 f=0 s=0 sick
	kernel_of "$run"
	if [ ! -s "$log" ]; then
		echo "  FAILED  $run: no console log"
		counted "$run" 0 1 0 "did not start"
		return
	fi
	case "$run" in
	kunit-*)
		awk '/axas-run: begin kunit/ { on = 1 } on { print } /axas-run: end kunit/ { exit }' \
			"$log" >"$log.ktap"
		python3 "$kunit_py" parse <"$log.ktap" >"$log.kunit" 2>&1 || true
		out=$(sed 's/\x1b\[[0-9;]*m//g' "$log.kunit" | grep 'Testing complete\|Ran [0-9]* tests' | tail -n 1 || true)
		number() { sed -n "s/.*$1: \([0-9]*\).*/\1/p" <<<"$out"; }
		p=$(number passed) s=$(number skipped)
		f=$(($(number failed || true) + $(number crashed || true) + $(number errors || true) + 0))
		p=${p:-0} s=${s:-0}
		if [ "$p" -eq 0 ] && [ "$f" -eq 0 ]; then
			echo "  FAILED  $run: no result of KUnit in $log"
			f=1
		fi
		"$scripts/ktap.py" --list "$log.ktap"
		;;
	*)
		out=$("$scripts/ktap.py" "$log")
		grep -v '^passed ' <<<"$out" || true
		read -r _ p _ f _ s <<<"$(tail -n 1 <<<"$out")"
		if [ $((p + f + s)) -eq 0 ]; then
			echo "  FAILED  $run: no test ran; see $log"
			f=1
		fi
		;;
	esac
	sick=$(health "$run" "$log")
	if [ -n "$sick" ] || [ "$status" -ne 0 ]; then
		f=$((f + 1))
		echo "  FAILED  $run: the kernel afterwards (boot.sh: status $status)"
		[ -z "$sick" ] || echo "          ${sick//$'\n'/$'\n          '}"
		echo "          the whole console: $log"
	else
		p=$((p + 1))
	fi
	counted "$run" "$p" "$f" "$s" "$3 s"
}

# other RUN: another script's run, whose last line counts
other() {
	local run=$1 out=$logs/$1.out p f s start=$SECONDS cmd
	say "running $run"
	case "$run" in
	intree-*) cmd=(check-intree.sh "${run#intree-}") ;;
	*) cmd=("check-$run.sh") ;;
	esac
	"$scripts/${cmd[0]}" "${cmd[@]:1}" >"$out" 2>"$logs/$run.err" || true
	grep -E 'FAILED|NOT CAUGHT|^ *skipped' "$out" | sed 's/^/  /' || true
	read -r p _ f _ s _ < <(tail -n 1 "$out" | tr -d ,) || true
	if ! [[ "${p-} ${f-}" =~ ^[0-9]+\ [0-9]+$ ]]; then
		echo "  FAILED  $run did not get to its end; see $out and $logs/$run.err"
		p=0 f=1 s=0
	fi
	counted "$run" "$p" "$f" "${s:-0}" "$((SECONDS - start)) s"
}

# tools_text: what of the tools needs no module
tools_text() {
	local log=$logs/tools-text.log rc out p f s start=$SECONDS
	say "testing the tools over text"
	{
		echo "axas-run: begin tools-text"
		make -s -C "$AXAS_TREE/tools" OUT="$build/tools-$(host_arch)" check 2>&1 && rc=0 || rc=$?
		echo "axas-run: end tools-text $rc"
	} >"$log" </dev/null
	out=$("$scripts/ktap.py" "$log")
	grep -v '^passed ' <<<"$out" || true
	read -r _ p _ f _ s <<<"$(tail -n 1 <<<"$out")"
	counted tools-text "$p" "$f" "$s" "$((SECONDS - start)) s"
}

# demo: it ends well, and its picture is one
demo() {
	local log=$logs/demo.out start=$SECONDS p=0
	say "running the demo"
	rm -f "$build/demo.svg"
	if "$scripts/demo.sh" >"$log" 2>&1 </dev/null; then p=1; fi
	[ "$p" -eq 1 ] || echo "  FAILED  demo: see $log"
	if python3 -c 'import sys, xml.etree.ElementTree as e
assert len(list(e.parse(sys.argv[1]).iter("{http://www.w3.org/2000/svg}rect"))) > 50' \
		"$build/demo.svg" 2>>"$log"; then
		p=$((p + 1))
	else
		echo "  FAILED  demo: its picture; see $log and $build/demo.svg"
	fi
	counted demo "$p" $((2 - p)) 0 "$((SECONDS - start)) s"
}

# ---- go ----

for run in ${runs[@]+"${runs[@]}"}; do
	kernel_of "$run"
	fetch "$kname"
done
[[ "${runs[*]-}" != *kunit* ]] || kunit_py=$("$scripts/fetch-kernel.sh" 6.12)/tools/testing/kunit/kunit.py

bootable=()
for run in ${runs[@]+"${runs[@]}"}; do
	kernel_of "$run"
	build_module "$kname"
	ok=${ready[$kname]} why="the module does not build for $kname; see $logs/module-$kname.log"
	case "$run" in
	kunit-*) part='' ;;
	selftests-* | fuzz-* | odd-*) part=selftests ;;
	replay | tools-live) part=tools ;;
	esac
	if [ -n "$part" ]; then
		build_programs "$part" "$karch"
		if [ "${programs[$part-$karch]}" = no ]; then
			ok=no why="$part: does not build; see $logs/$part-$karch.log"
		fi
	fi
	rm -f "$logs/$run.log"
	if [ "$ok" = yes ]; then
		bootable+=("$run")
	else
		echo "  FAILED  $run: $why"
		counted "$run" 0 1 0 "not built"
	fi
done

jobs_max=${AXAS_JOBS:-$((($(nproc) + 1) / 2))}
[ -n "${AXAS_JOBS:-}" ] || [ "$jobs_max" -ge 2 ] || jobs_max=2
declare -A pid_of
in_flight() { jobs -rp | wc -l; }
for run in ${bootable[@]+"${bootable[@]}"}; do
	while [ "$(in_flight)" -ge "$jobs_max" ]; do sleep 0.3; done
	say "booting $run"
	(
		trap - EXIT
		start=$SECONDS rc=0
		boot "$run" 2>"$logs/$run.err" || rc=$?
		echo "$rc $((SECONDS - start))" >"$work/$run.rc"
	) &
	pid_of[$run]=$!
done
for run in ${bootable[@]+"${bootable[@]}"}; do
	wait "${pid_of[$run]}" || true
	read -r status seconds <"$work/$run.rc" || { status=1 seconds=0; }
	[ "$status" -eq 0 ] || sed 's/^/  /' "$logs/$run.err" >&2
	judge "$run" "$status" "$seconds"
done

for run in ${others[@]+"${others[@]}"}; do
	case "$run" in
	tools-text) tools_text ;;
	demo) demo ;;
	*) other "$run" ;;
	esac
done

echo "$passed passed, $failed failed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
[ "$failed" -eq 0 ]
