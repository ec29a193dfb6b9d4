#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-guest.sh RUN [OPTION]... - run tests in a guest, and judge them
#
#   RUN          kunit-KERNEL, selftests-KERNEL, fuzz-KERNEL (scripts/kernels.sh
#                lists the kernels), replay, tools-live; odd-end, odd-hole and
#                odd-nodes: programs that depend on the machine's memory, with its
#                end amid a section and one CPU, with some kept from the kernel and
#                four, and with two NUMA nodes; vcpu-KERNEL: those that run guests,
#                where KVM leaves the CPUs free
#   --only NAME  of KUnit the suites, of the selftests the programs of that name;
#                * stands for anything
#   --race N     threads of the selftests race each other, and the fuzzer runs, for N
#                percent of their time (100)
#   --without F  of the selftests' variants not those of format F, or F,F (ept, s2, amd)
#
# Fetches or builds the kernel, builds for it what runs, and boots it in QEMU. The
# console stays in build/log/RUN.log. After its tests every guest unloads the
# module, which must have no frame left; the kernel log must hold no warning; on a
# debug kernel kmemleak must find nothing and lockdep still be on. That counts as
# one more test. The last line is "N passed, N failed, N skipped".
#
# AXAS_FUZZ_TIME is how long the fuzzer runs, in seconds (60), and AXAS_FUZZ_ARGS
# more options of it. AXAS_TIMEOUT is the limit of a guest (2400 s).

. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/kernels.sh"
help_wanted "$@"
[ $# -ge 1 ] || usage_error "expected RUN"
run=$1 only='' race=100 without=''
shift
while [ $# -gt 0 ]; do
	case "$#,$1" in
	1,*) usage_error "unknown argument '$1', or it needs a value" ;;
	*,--only) only=$2 ;;
	*,--race) race=$2 ;;
	*,--without) without=$2 ;;
	*) usage_error "unknown argument '$1'" ;;
	esac
	shift 2
done

# what: the script in scripts/guest/; kname: the kernel
case "$run" in
kunit-um) what=kunit kname=um ;;
kunit-formats-arm64) what=kunit kname=6.12-arm64 ;;
kunit-x86_64 | kunit-arm64 | kunit-rt | kunit-kcsan | kunit-gcov)
	what=kunit kname=6.12-${run#kunit-}
	;;
selftests-kcsan | selftests-gcov) what=selftests kname=6.12-${run#selftests-} ;;
selftests-rt) what=selftests kname=distro-rt ;;
vcpu-*) what=selftests kname=${run#vcpu-} ;;
selftests-* | fuzz-*) what=${run%%-*} kname=${run#*-} ;;
odd-end | odd-hole | odd-nodes) what=selftests kname=distro ;;
replay) what=replay kname=distro ;;
tools-live) what=tools kname=distro ;;
*) usage_error "unknown run '$run'" ;;
esac
kernel_describe "$kname"
[ "$what" != kunit ] || [ -n "$k_kunit" ] || usage_error "no KUnit in the kernel $kname"

build=$AXAS_TREE/build
logs=$build/log
log=$logs/$run.log
mkdir -p "$logs"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# ---- what the guest gets ----

need_for "$k_arch"
kernel_get "$kname"
build_for "$kname" || die "the module does not build for $kname"

args=(--quiet --log "$log" --init "$work/run.sh")
append='printk.devkmsg=on kasan_multi_shot'
limit=${AXAS_TIMEOUT:-2400} mem=2G
# What is kept from the kernel for linear areas.
reserved_hpa=0x30000000 reserved_size=0x4000000
files() { # files DIR FILE...: from build/
	local f
	for f in "${@:2}"; do args+=(--file "$build/$f:$1/$(basename "$f")"); done
}

# Only what has a source: older files may lie about.
sources() { # sources DIR PATTERN: names without .c
	local f
	for f in "$AXAS_TREE/$1"/$2.c; do basename "$f" .c; done
}

# A machine of KVM's own that stays; see there.
keep_kvm() {
	[ "$k_arch" = x86_64 ] || return 0
	"$(cross_of x86_64)gcc" -static -o "$work/hold_kvm" "$AXAS_TREE/scripts/guest/hold_kvm.c"
	args+=(--file "$work/hold_kvm:/guest/hold_kvm")
}

guest_kunit() {
	files '' "$kname/kunit/axas_kunit.ko"
	append="$append loglevel=8"
	[ -n "$only" ] || [ "$run" != kunit-kcsan ] || only=axas_race
	[ -z "$only" ] || append="$append kunit.filter_glob=$only"
}

# The programs that a run is about, unless --only names others.
programs() {
	case "${only:+only}$run" in
	odd-nodes) echo axas_{numa,uapi,memory}_test ;;
	odd-*) echo axas_{linear,linear_window,memory,gup,stress}_test ;;
	vcpu-*) sources selftests 'axas_vcpu*_test' ;;
	selftests-kcsan) echo axas_{stress,memory,gup,softmmu,debugfs_file,device}_test ;;
	*) sources selftests '*_test' ;;
	esac
}

guest_selftests() {
	local f n=0
	build_programs selftests "$k_user" || die "the selftests do not build for $k_user"
	for f in $(programs); do
		# shellcheck disable=SC2053 # a pattern
		[ -z "$only" ] || [[ $f == $only ]] || continue
		# For machines that run 32-bit programs, have a clock, several CPUs, and
		# some for guests.
		[[ "$k_arch" != um || $f != *_@(compat32|trace|track_race|vcpu*)_test ]] ||
			continue
		[ -x "$build/selftests-$k_user/$f" ] || continue
		files /tests "selftests-$k_user/$f"
		n=$((n + 1))
	done
	[ "$n" -gt 0 ] || die "no program '$only' in selftests/"
	files '' "$kname/samples/softmmu/axas_softmmu.ko"
	[ "$k_arch" != x86_64 ] || files '' "$kname/samples/vcpu/axas_vcpu.ko"
	[[ "$run" == vcpu-* ]] || keep_kvm
	args+=(--disk 64M --env "AXAS_RACE=$race" --env "AXAS_WITHOUT=${without//,/|}")
	append="$append loglevel=5"
}

guest_fuzz() {
	local time=${AXAS_FUZZ_TIME:-$((60 * race / 100))}
	limit=$((600 + 2 * time))
	build_programs selftests "$k_user" || die "the fuzzer does not build for $k_user"
	files /tests "selftests-$k_user/axas_fuzz"
	keep_kvm
	args+=(--disk 64M --env "AXAS_FUZZ=--time $time ${AXAS_FUZZ_ARGS:-}")
	append="$append loglevel=5"
}

guest_tools() {
	local f
	need g++ pkgconf libjson-c-dev python3
	build_programs tools "$k_user" || die "the tools do not build"
	files /bin "tools-$k_user/"{axasctl,axas-migrate,axas-replay,axas-run,example,live}
	awk '/^```c$/ { on = 1; next } /^```$/ { on = 0 } on' "$AXAS_TREE/README.md" >"$work/readme.c"
	"$(cross_of "$k_user")gcc" -static -I "$AXAS_TREE/tools/lib" -I "$AXAS_TREE/include/uapi" \
		-o "$work/readme_example" "$work/readme.c" "$build/tools-$k_user/libaxas.a"
	args+=(--file "$work/readme_example:/bin/readme_example")
	# Python is this machine's.
	args+=(--share / --env "LOADER=$(readlink -f /lib64/ld-linux-x86-64.so.2)"
		--file "$build/tools-$k_user/libaxas.so:/python/libaxas.so")
	for f in tools/python/axas.py tools/tests/check.py tools/tests/live/axas_live.py Documentation/monitors.rst; do
		args+=(--file "$AXAS_TREE/$f:/python/$(basename "$f")")
	done
	append="$append loglevel=5"
}

guest_replay() {
	local f name
	need libjson-c-dev
	build_programs tools "$k_user" || die "the tools do not build"
	files /bin "tools-$k_user/axas-replay"
	for f in "$AXAS_TREE"/tools/traces/*.gz; do
		name=$(basename "$f" .gz)
		gzip -dc "$f" >"$work/$name"
		args+=(--file "$work/$name:/traces/$name")
	done
	append="$append loglevel=5"
}

# What is special about the machine of a run.
machine() {
	case "$run" in
	odd-end)
		mem=1G limit=${AXAS_TIMEOUT:-600} reserved_hpa=0x3b600000 # what mem=950M leaves out
		args+=(--smp 1)
		append="$append mem=950M"
		;;
	odd-hole)
		mem=1G limit=${AXAS_TIMEOUT:-600} reserved_hpa=0x3c000000
		args+=(--smp 4)
		;;
	odd-nodes)
		mem=1536M
		args+=(--smp "2,sockets=2" --qemu "-object memory-backend-ram,id=n0,size=1280M -numa node,cpus=0,memdev=n0
			-object memory-backend-ram,id=n1,size=256M -numa node,cpus=1,memdev=n1")
		;;
	*-kcsan) args+=(--smp 4) ;;
	# KVM of newer kernels takes all CPUs when it is loaded, if it isn't told to wait.
	vcpu-*) append="$append kvm.enable_virt_at_load=0" ;;
	*-gcov) args+=(--qemu "-serial file:$logs/$run.tgz") ;;
	selftests-distro-x86_64)
		# A driver that shares nothing; memory that the guest plugs in.
		mem="2G,slots=1,maxmem=4G"
		args+=(--modprobe e1000e --qemu "-device e1000e,netdev=n0
			-netdev hubport,id=n0,hubid=0
			-object memory-backend-ram,id=m0,size=128M -mon chardev=mon
			-chardev socket,id=mon,path=$work/mon,server=on,wait=off
			-chardev socket,id=tty,path=$work/mon -serial chardev:tty"
			--env "AXAS_HOTADD=/dev/ttyS1 device_add pc-dimm,id=d0,memdev=m0"
			--env AXAS_HOTADD_HPA=0x100000000)
		;;
	esac
	if [ "$k_arch" = x86_64 ]; then
		[ "$run" = odd-end ] || append="$append memmap=$((reserved_size >> 20))M\$$reserved_hpa"
		args+=(--env "AXAS_RESERVED_HPA=$reserved_hpa" --env "AXAS_RESERVED_SIZE=$reserved_size")
	fi
	[ -z "$k_debug" ] || append="$append page_poison=1"
	[ "$k_arch" = um ] || args+=(--ivshmem 64M)
	args+=(--mem "$mem" --timeout "$limit" --append "$append")
}

args+=(--file "$AXAS_TREE/scripts/guest/lib.sh:/guest/lib.sh")
cp "$AXAS_TREE/scripts/guest/$what.sh" "$work/run.sh"
files '' "$kname/axas.ko"
for f in $(sources samples/plugins '*'); do files /plugins "$kname/samples/plugins/$f.ko"; done
"guest_$what"
machine
# Of four emulated CPUs one was lost once in SVM's own business: no KVM there.
case "$run" in
odd-*) kernel_args loop ext4 ;;
*) kernel_args ;;
esac

say "booting $run"
rm -f "$log"
start=$SECONDS status=0
"$AXAS_TREE/scripts/boot.sh" "${args[@]}" || status=$?
say "  done in $((SECONDS - start))s"
[ -s "$log" ] || die "the guest said nothing (status $status)"

# ---- verdicts ----

# races yes|no LOG: reports of data races of axas; or all of the log but reports,
# of axas or not. An access is that of axas if axas makes it, or what it calls, two
# calls deep. What is deeper, or came by an interrupt, is between the kernel and the
# kernel: page flags, the queue for a mutex, timers. So are nodes of a maple tree:
# its readers meet what is changed or freed beside them, and look whether it was.
races() {
	awk -v ours="$1" '
	/BUG: KCSAN: / { report = 1; text = ""; axas = 0; foreign = / (mas|mt|mte|mtree|ma)_/ }
	report {
		text = text $0 "\n"
		if (/ by (task|interrupt) /) depth = 0
		if (/\+0x/ && ++depth <= 3 && /\[axas/) axas = 1
		if (!/======/) next
		report = 0
		if (ours == "yes" && !foreign && axas) printf "%s", text
		next
	}
	ours == "no"' "$2"
}

# not_um LOG: all of it but reports that are User Mode Linux's own: its flush_tlb_mm()
# walks a process's areas and holds nothing that keeps them.
not_um() {
	awk '
	/WARNING: suspicious RCU usage/ { printf "%s", text; text = ""; report = 1; trace = own = 0 }
	report && trace && !/\[<[0-9a-f]+>\]/ { if (!own) printf "%s", text; text = ""; report = 0 }
	!report { print; next }
	{
		text = text $0 "\n"
		if (/Call Trace:/) trace = 1
		if (/ flush_tlb_mm\+/) own = 1
	}
	END { if (!own) printf "%s", text }' "$1"
}

# health: print what is wrong with the guest, nothing if it is well
health() {
	local v rest=$log
	grep -q '^axas-run: all done$' "$log" || echo "the guest did not get to its end"
	grep -q '^axas-run: unloaded: ' "$log" || echo "the module was not unloaded"
	grep '^axas-run: unloaded: ' "$log" | grep -v ': yes$' | sed 's/^axas-run: /unloading: /' || true
	grep '^axas-run: cannot' "$log" || true
	v=$(sed -n 's/^axas-run: tainted: //p' "$log")
	# 5: bad page, 7: died, 9: warned, 14: soft lockup
	if [ -n "$v" ] && [ $((v & (1 << 5 | 1 << 7 | 1 << 9 | 1 << 14))) -ne 0 ]; then
		echo "the kernel is tainted by a warning or worse ($v)"
	fi
	if [ -n "$k_debug" ]; then
		grep -q '^axas-run: debug_locks: 1$' "$log" || echo "lockdep turned itself off"
		v=$(sed -n 's/^axas-run: leaks: //p' "$log")
		if [ "${v:-none}" != 0 ]; then
			echo "kmemleak: ${v:-no} unreferenced objects counted"
			grep -A 12 '^unreferenced object' "$log" | first 40 || true
		fi
	fi
	if [[ "$run" == *-kcsan ]]; then
		grep -q '^axas-run: kcsan: 1$' "$log" || echo "nobody looks for data races"
		races yes "$log" | first 60
		rest=$work/rest
		races no "$log" >"$rest"
	fi
	if [ "$k_arch" = um ]; then
		rest=$work/rest
		not_um "$log" >"$rest"
	fi
	splats "$rest" | first 20
}

passed=0 failed=0 skipped=0

# The kernel's own parser counts; ktap.py shows.
count_kunit() {
	local parser line f
	parser=$("$AXAS_TREE/scripts/fetch-kernel.sh" 6.12)/tools/testing/kunit/kunit.py
	awk '/axas-run: begin kunit/ { on = 1 } on { print } /axas-run: end kunit/ { exit }' \
		"$log" >"$log.ktap"
	python3 "$parser" parse <"$log.ktap" >"$log.kunit" 2>&1 || true
	line=$(sed 's/\x1b\[[0-9;]*m//g' "$log.kunit" | grep 'Testing complete\|Ran [0-9]* tests' | tail -n 1 || true)
	number() { sed -n "s/.*$1: \([0-9]*\).*/\1/p" <<<"$line"; }
	passed=$(($(number passed) + 0)) skipped=$(($(number skipped) + 0))
	for f in failed crashed errors; do failed=$((failed + $(number $f) + 0)); done
	"$AXAS_TREE/scripts/ktap.py" --list "$log.ktap"
}

count_programs() {
	"$AXAS_TREE/scripts/ktap.py" "$log" >"$work/counts" || true
	grep -v '^passed ' "$work/counts" || true
	read -r _ passed _ failed _ skipped <<<"$(tail -n 1 "$work/counts")"
}

if [ "$what" = kunit ]; then count_kunit; else count_programs; fi
if [ $((passed + failed + skipped)) -eq 0 ]; then
	echo "FAILED  $run: no result in $log"
	failed=1
fi
sick=$(health)
if [ -n "$sick" ] || [ "$status" -ne 0 ]; then
	failed=$((failed + 1))
	echo "FAILED  $run: the kernel afterwards (boot.sh: status $status)"
	[ -z "$sick" ] || echo "        ${sick//$'\n'/$'\n        '}"
	echo "        the whole console: $log"
else
	passed=$((passed + 1))
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
