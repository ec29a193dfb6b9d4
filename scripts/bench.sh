#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh [QUICK=1] [native] [calls] [smp] [report] - measure axas and its peers
#
#   QUICK=1  one boot of each kind and fewer repetitions; below five minutes
#            once the kernels are built
#   native   nanoseconds: User Mode Linux, pinned to one CPU
#   calls    instructions: QEMU -icount, with and without erms
#   smp      two threads: QEMU -smp 2
#   report   the table, the JSON and the plots, from what the last runs left
#
# Without a name it does all of them.  What was measured is in build/bench/;
# the results are build/bench.txt, build/bench.json and build/bench-*.svg.
# tools/bench/README says what each row is.  AXAS_BENCH_CPU=N pins the native
# run to CPU N (the last one unless set).

. "$(dirname "$0")/common.sh"
help_wanted "$@"

quick='' what=()
[ "${QUICK:-0}" = 0 ] || quick=1
for arg; do
	case "$arg" in
	QUICK=0) quick='' ;;
	QUICK=*) quick=1 ;;
	native | calls | smp | report) what+=("$arg") ;;
	*) usage_error "unknown argument '$arg'" ;;
	esac
done
[ "${#what[@]}" -gt 0 ] || what=(native calls smp)

if [ -n "$quick" ]; then
	boots=1 reps=5 call_pages=8192 smp_reps=25
else
	boots=5 reps=11 call_pages=16384 smp_reps=61
fi
native_pages=65536 call_reps=3 smp_pages=4096

build=$AXAS_TREE/build
raw=$build/bench
mkdir -p "$raw"
cpu=${AXAS_BENCH_CPU:-$(($(nproc) - 1))}

wanted() { [[ " ${what[*]} " == *" $1 "* ]]; }

# build_bench KERNEL ARCH OUT: axas_bench.ko, from a mirror of the sources
build_bench() {
	local f
	mkdir -p "$3/tools/bench" "$3/include"
	for f in "$AXAS_TREE"/*.[ch] "$AXAS_TREE/core.mk" "$AXAS_TREE"/tools/bench/{Kbuild,*.[ch]}; do
		f=${f#"$AXAS_TREE"/}
		cmp -s "$AXAS_TREE/$f" "$3/$f" || cp "$AXAS_TREE/$f" "$3/$f"
	done
	cp -ru "$AXAS_TREE/include/." "$3/include/"
	make -C "$1" M="$3/tools/bench" ARCH="$2" -j"$(nproc)" modules
}

build_user() {
	gcc -O2 -Wall -static -pthread -I"$AXAS_TREE/include/uapi" \
		-D_GNU_SOURCE -o "$raw/axas-bench" "$AXAS_TREE"/tools/bench/axas-bench{,-track}.c
}

# about FILE: what the figures in FILE depend on
about() {
	{
		echo "AXB-about|commit|$(git -C "$AXAS_TREE" describe --always --dirty 2>/dev/null)"
		echo "AXB-about|kernel|$(cat "$2/include/config/kernel.release")"
		echo "AXB-about|compiler|$(sed -n 's/^CONFIG_CC_VERSION_TEXT="\(.*\)"/\1/p' "$2/.config")"
		echo "AXB-about|cpu|$(sed -n 's/^model name.*: //p;T;q' /proc/cpuinfo)"
		echo "AXB-about|load|$(cut -d' ' -f1-3 /proc/loadavg)"
		echo "AXB-about|date|$(date -u +%Y-%m-%dT%H:%MZ)"
	} >>"$1"
}

# finished FILE N: does FILE hold the figures of N complete lists of rows?
finished() { [ "$(grep -c 'AXB|end|0|' "$1")" -eq "$2" ]; }

native() {
	local kernel i log dir
	kernel=$("$AXAS_TREE/scripts/build-kernel.sh" newest um bench)
	run_logged "$raw/um-module.log" "building the module for User Mode Linux" \
		build_bench "$kernel" um "$raw/um" || die "could not build it"
	cat >"$raw/um.sh" <<-EOF
		#!/bin/sh
		insmod /axas_bench.ko reps=$reps pages=$native_pages
	EOF
	"$AXAS_TREE/scripts/boot.sh" --arch x86_64 --init "$raw/um.sh" --initrd "$raw/um.initrd" \
		--file "$raw/um/tools/bench/axas_bench.ko"
	dir=$raw/um-memory
	mkdir -p "$dir"
	rm -f "$raw"/native-*.log
	for ((i = 1; i <= boots; i++)); do
		log=$raw/native-$i.log
		run_logged "$log" "User Mode Linux, boot $i of $boots, on CPU $cpu" \
			uml "$kernel/image" "$dir" || die "User Mode Linux failed"
		finished "$log" 1 || die "the figures are not complete; see $log"
		about "$log" "$kernel"
	done
}

# uml KERNEL DIR: boot, with 2 MiB pages behind its memory where that is possible
uml() {
	local cmd=(taskset -c "$cpu" "$1" "mem=3G" "initrd=$raw/um.initrd"
		con=null "con0=fd:0,fd:1" console=tty0 loglevel=7 panic=-1)
	# shellcheck disable=SC2016 # for the inner shell
	if unshare -m true 2>/dev/null; then
		TMPDIR=$2 timeout -k 5 1200 unshare -m sh -c '
			mount -t tmpfs -o huge=always,size=3500m axas-bench "$TMPDIR" ||
				echo "AXB-about|memory|4 KiB pages behind the memory"
			exec "$@"' sh "${cmd[@]}"
	else
		echo "AXB-about|memory|4 KiB pages behind the memory"
		timeout -k 5 1200 "${cmd[@]}"
	fi
}

# guest NAME SCRIPT ARG...: boot QEMU for SCRIPT and keep the console
guest() {
	local name=$1 script=$2
	shift 2
	run_logged "$raw/$name.boot.log" "QEMU: $name" \
		"$AXAS_TREE/scripts/boot.sh" --kernel "$kernel/image" --arch x86_64 --init "$script" \
		--file "$raw/x86_64/axas.ko" --file "$raw/axas-bench" \
		--file "$raw/x86_64-bench/tools/bench/axas_bench.ko" \
		--append "loglevel=7 nokaslr" --timeout 1500 --quiet --log "$raw/$name.log" "$@" ||
		die "the guest failed; see $raw/$name.log"
	about "$raw/$name.log" "$kernel"
}

build_x86() {
	kernel=$("$AXAS_TREE/scripts/build-kernel.sh" newest x86_64 bench)
	run_logged "$raw/module.log" "building axas for QEMU" \
		"$AXAS_TREE/scripts/build-module.sh" "$kernel" "$raw/x86_64" ||
		die "could not build it"
	run_logged "$raw/bench-module.log" "building the module that measures" \
		build_bench "$kernel" x86_64 "$raw/x86_64-bench" || die "could not build it"
	run_logged "$raw/user.log" "building the program that measures" build_user ||
		die "could not build it"
}

calls() {
	local f
	cat >"$raw/calls.sh" <<-EOF
		#!/bin/sh
		insmod /axas_bench.ko reps=$call_reps pages=$call_pages
		rmmod axas_bench
		insmod /axas.ko && /axas-bench calls $call_reps $call_pages
	EOF
	guest calls-erms "$raw/calls.sh" --smp 1 --mem 2G \
		--cpu max,+svm,+npt,+erms --qemu "-icount shift=0,sleep=off"
	guest calls-noerms "$raw/calls.sh" --smp 1 --mem 2G \
		--cpu max,+svm,+npt,-erms,-fsrm --qemu "-icount shift=0,sleep=off"
	for f in "$raw"/calls-{erms,noerms}.log; do
		finished "$f" 2 || die "the figures are not complete; see $f"
	done
}

smp() {
	cat >"$raw/smp.sh" <<-EOF
		#!/bin/sh
		insmod /axas.ko && /axas-bench smp $smp_reps $smp_pages
	EOF
	guest smp "$raw/smp.sh" --smp 2 --mem 3G --cpu max,+svm,+npt,-erms,-fsrm
	finished "$raw/smp.log" 1 || die "the figures are not complete; see $raw/smp.log"
}

need gcc libc6-dev python3
if wanted calls || wanted smp; then build_x86; fi
if wanted calls; then calls; fi
if wanted smp; then smp; fi
if wanted native; then native; fi
exec python3 "$AXAS_TREE/tools/bench/report.py" "$raw" "$build"
