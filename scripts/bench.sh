#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# bench.sh [QUICK=1] [native] [calls] [smp] [scale] [report] - measure axas and its peers
#
#   QUICK=1  one boot of each kind and fewer repetitions; below five minutes
#            once the kernels are built
#   native   nanoseconds: User Mode Linux, pinned to one CPU
#   calls    instructions: QEMU -icount, with and without erms
#   smp      two threads: QEMU -smp 2
#   scale    counts: which CPU writes which cache line while 1, 2, 8 and 64 fault;
#            the 64 not with QUICK=1
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
	native | calls | smp | scale | report) what+=("$arg") ;;
	*) usage_error "unknown argument '$arg'" ;;
	esac
done
[ "${#what[@]}" -gt 0 ] || what=(native calls smp scale)

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
		-D_GNU_SOURCE -o "$raw/axas-bench" "$AXAS_TREE"/tools/bench/axas-bench{,-guest,-kvm,-track}.c
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
		--file "$raw/x86_64/axas.ko" --file "$raw/x86_64/samples/vcpu/axas_vcpu.ko" \
		--file "$raw/axas-bench" \
		--file "$raw/x86_64-bench/tools/bench/axas_bench.ko" \
		--append "loglevel=7 nokaslr" --timeout 1500 --quiet --log "$raw/$name.log" "$@" ||
		die "the guest failed; see $raw/$name.log"
	about "$raw/$name.log" "$kernel"
}

build_x86() {
	kernel=$("$AXAS_TREE/scripts/build-kernel.sh" newest x86_64 bench)
	run_logged "$raw/module.log" "building axas for QEMU" \
		"$AXAS_TREE/scripts/build-module.sh" "$kernel" "$raw/x86_64" CONFIG_AXAS_SAMPLE_VCPU=m ||
		die "could not build it"
	run_logged "$raw/bench-module.log" "building the module that measures" \
		build_bench "$kernel" x86_64 "$raw/x86_64-bench" || die "could not build it"
	run_logged "$raw/user.log" "building the program that measures" build_user ||
		die "could not build it"
}

calls() {
	# KVM gives the CPU back with its last guest: axas_vcpu has one, too.
	local f append=kvm.enable_virt_at_load=0
	cat >"$raw/calls.sh" <<-EOF
		#!/bin/sh
		insmod /axas_bench.ko reps=$call_reps pages=$call_pages
		rmmod axas_bench
		insmod /axas.ko || exit
		insmod /axas_vcpu.ko
		/axas-bench calls $call_reps $call_pages
	EOF
	guest calls-erms "$raw/calls.sh" --smp 1 --mem 2G --append "$append" \
		--cpu max,+svm,+npt,+erms --qemu "-icount shift=0,sleep=off"
	guest calls-noerms "$raw/calls.sh" --smp 1 --mem 2G --append "$append" \
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

# build_scale KERNEL DIR: axas, and beside it what counts
build_scale() {
	local f m=$2/tools/bench/scale
	"$AXAS_TREE/scripts/build-module.sh" "$1" "$2"
	mkdir -p "$m"
	for f in "$AXAS_TREE"/tools/bench/scale/{Kbuild,*.[ch]}; do
		cmp -s "$f" "$m/${f##*/}" || cp "$f" "$m/"
	done
	make -C "$1" M="$m" ARCH=x86_64 KBUILD_EXTRA_SYMBOLS="$2/Module.symvers" modules
	gcc -O2 -Wall -Wextra -static -pthread -D_GNU_SOURCE -I"$AXAS_TREE/include/uapi" \
		-o "$raw/axas-scale" "$AXAS_TREE/tools/bench/scale/axas-scale.c"
	# shellcheck disable=SC2086 # a list of words
	gcc -O2 -Wall -Wextra -shared -fPIC -fvisibility=hidden -I"$qemu_header" $glib \
		-o "$raw/axas_lines.so" "$m/lines.c"
}

# symbols_of IMAGE: the symbols of a kernel that comes without them, from itself
symbols_of() {
	local dst=$raw/symbols-${1##*/}
	if [ ! -s "$dst" ]; then
		printf '#!/bin/sh\necho; gzip -c /proc/kallsyms | base64\n' >"$raw/symbols.sh"
		run_logged "$raw/symbols.boot.log" "asking the kernel for its symbols" \
			"$AXAS_TREE/scripts/boot.sh" --kernel "$1" --arch x86_64 --init "$raw/symbols.sh" \
			--append "loglevel=0 nokaslr" --quiet --log "$raw/symbols.log"
		grep -xE '[A-Za-z0-9+/=]{70,}|[A-Za-z0-9+/]+={0,2}' "$raw/symbols.log" | base64 -d | gunzip >"$dst.new"
		mv "$dst.new" "$dst"
	fi
	echo "$dst"
}

# scale_guest CPUS KERNEL IMAGE SYMBOLS COUNTS: count in a guest with so many CPUs.
# What is on the command line last keeps CPUs that share a thread from measuring time.
scale_guest() {
	local n=$1 dir=$raw/scale-module-$1
	run_logged "$dir.log" "building what counts" build_scale "$2" "$dir" || die "could not build it"
	cat >"$raw/scale.sh" <<-EOF
		#!/bin/sh
		insmod /axas.ko && insmod /axas_scale.ko || exit
		grep axas /proc/kallsyms | sed 's/^/AXS-sym /'
		/axas-scale $5
	EOF
	run_logged "$raw/scale-$n.boot.log" "QEMU: $n CPUs, counted" \
		"$AXAS_TREE/scripts/boot.sh" --kernel "$3" --arch x86_64 --init "$raw/scale.sh" \
		--file "$dir/axas.ko" --file "$dir/tools/bench/scale/axas_scale.ko" \
		--file "$raw/axas-scale" --smp "$n" --mem 3G --timeout 900 --quiet \
		--log "$raw/scale-$n.console" --cpu max,+svm,+npt,-erms,-fsrm,-la57 \
		--accel tcg,thread=single \
		--qemu "-plugin $raw/axas_lines.so,map=$4,out=$raw/scale-$n.lines" \
		--append "loglevel=4 nokaslr lpj=1000000 tsc=reliable nowatchdog no_timer_check" ||
		die "the guest failed; see $raw/scale-$n.console"
	run_logged "$raw/scale-$n.log" "whose the lines are" \
		python3 "$AXAS_TREE/tools/bench/scale/count.py" "$4" "$raw/scale-$n.console" \
		"$raw/scale-$n.lines" || die "the counts are not right"
	about "$raw/scale-$n.log" "$2"
}

scale() {
	local lines image symbols qemu_header glib=''
	need gcc libc6-dev
	rm -f "$raw"/scale-{8,64}.log
	qemu_header=$("$AXAS_TREE/scripts/fetch-qemu.sh")
	if grep -q '<glib.h>' "$qemu_header/qemu-plugin.h"; then # from QEMU 9 on
		need libglib2.0-dev pkg-config
		glib=$(pkg-config --cflags glib-2.0)
	fi
	kernel=$("$AXAS_TREE/scripts/build-kernel.sh" newest x86_64 bench)
	scale_guest 8 "$kernel" "$kernel/image" "$kernel/System.map" "1 2 8"
	[ -z "$quick" ] || return 0
	# That of the benchmark is for 16 CPUs at most.
	lines=$("$AXAS_TREE/scripts/fetch-distro.sh" x86_64)
	image=$(sed -n 1p <<<"$lines") kernel=$(sed -n 3p <<<"$lines")
	symbols=$(symbols_of "$image")
	scale_guest 64 "$kernel" "$image" "$symbols" "1 64"
}

need gcc libc6-dev python3
if wanted calls || wanted smp; then build_x86; fi
if wanted calls; then calls; fi
if wanted smp; then smp; fi
if wanted scale; then scale; fi
if wanted native; then native; fi
exec python3 "$AXAS_TREE/tools/bench/report.py" "$raw" "$build"
