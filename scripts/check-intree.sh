#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-intree.sh [SERIES-ARCH]... - build axas inside a kernel's source
#
#   SERIES-ARCH  6.12-x86_64, 6.12-arm64 or newest-um (debug kernels); all three by
#                default
#
# Puts axas into the kernel's source (scripts/into-kernel.sh) and takes it out
# again at the end.  Has that kernel's own kunit.py configure a kernel by the
# .kunitconfig of kunit/, run the tests on a copy of the kernel that the other
# tests run on, then builds axas itself there as a module and built in.  Each case
# of KUnit and each build counts as a test; the last line is "N passed, N failed",
# with ", N skipped" when some were.

. "$(dirname "$0")/common.sh"
help_wanted "$@"
[ $# -gt 0 ] || set -- 6.12-x86_64 6.12-arm64 newest-um
for what; do
	case "$what" in
	6.12-x86_64 | 6.12-arm64 | newest-um) ;;
	*) usage_error "unknown kernel '$what'; use 6.12-x86_64, 6.12-arm64 or newest-um" ;;
	esac
done

scripts=$AXAS_TREE/scripts
logs=$AXAS_TREE/build/log
mkdir -p "$logs"
need make gcc libc6-dev flex bison bc libelf-dev libssl-dev kmod python3

passed=0 failed=0 skipped=0
verdict() { # verdict NAME STATUS LOG
	if [ "$2" -eq 0 ]; then
		echo "passed: $1"
		passed=$((passed + 1))
	else
		printf '%sFAILED%s: %s; see %s\n' "$C_RED" "$C_OFF" "$1" "$3"
		failed=$((failed + 1))
	fi
}

# A newer kunit.py takes KVM where there is one, also where it doesn't work (in a
# guest, say).  This QEMU, first in PATH, emulates.
tcg=$AXAS_TREE/build/tcg
emulate() { # emulate QEMU
	mkdir -p "$tcg"
	cat >"$tcg/$1" <<-'EOF'
		#!/bin/bash
		PATH=${PATH#*:}
		exec "${0##*/}" "${@/#kvm/tcg}"
	EOF
	chmod +x "$tcg/$1"
}

# kunit_cases LOG: count them from what kunit.py says of the kernel's output
kunit_cases() {
	local line n=0
	number() { sed -n "s/.*$1: \([0-9]*\).*/\1/p" <<<"$line"; }
	sed -i 's/\x1b\[[0-9;]*m//g' "$1"
	line=$(grep 'Testing complete' "$1" || true)
	grep -E '^\[[0-9:]*\] (\[FAILED\]|\[ERROR\]|\[CRASHED\])' "$1" || true
	passed=$((passed + $(number passed) + 0))
	skipped=$((skipped + $(number skipped) + 0))
	for what in failed crashed errors; do
		n=$((n + $(number $what) + 0))
	done
	failed=$((failed + n))
	[ -n "$(number passed)" ]
}

# run_kernel SERIES ARCH
run_kernel() {
	local arch=$2 name=$1-$2 src base out options cross log rc args margs f made not=''
	cross=$(cross_of "$arch")
	log=$logs/intree-$name
	case "$arch" in
	x86_64) need qemu-system-x86 && emulate qemu-system-x86_64 ;;
	arm64) need qemu-system-arm && emulate qemu-system-aarch64 ;;
	esac
	src=${source_of[$name]} base=${base_of[$name]}
	"$scripts/into-kernel.sh" "$src"
	mapfile -t margs < <(kernel_make_args debug)
	# These tell make that the kernel goes without sanitizers; axas doesn't.
	find "$src/drivers/virt/axas" -name Kbuild -exec \
		sed -i '$a override KASAN_SANITIZE := y\noverride UBSAN_SANITIZE := y' {} +
	args=(--arch "$arch" --cross_compile "$cross")
	kunit() { (cd "$src" && PATH=$tcg:$PATH tools/testing/kunit/kunit.py "$@"); }

	rc=0
	run_logged "$log.config.log" "kunit.py config, Linux $name" \
		kunit config "${args[@]}" --build_dir "$base-config" --kunitconfig drivers/virt/axas/kunit || rc=$?
	verdict "$name: kunit.py knows all of .kunitconfig" "$rc" "$log.config.log"

	# What is built already stays built if what it is configured as stays, and how
	# it is compiled. Tools of the kernel have the directory in their commands: they
	# would be built again, and all that depends on them.
	out=$base-intree
	if [ ! -e "$out" ]; then
		rm -rf "$out.tmp"
		cp -a "$base" "$out.tmp"
		find "$out.tmp" -name '.*.cmd' -exec sed -i "s|$base/|$out/|g" {} +
		mv "$out.tmp" "$out"
	fi
	# What .kunitconfig leaves out, this kernel leaves out unless it has it. Which
	# consoles there are on arm64 is kunit.py's; um has one CPU.
	[ "$arch" != um ] || not='/^CONFIG_SMP=/d'
	options=$src/drivers/virt/axas/kunit/.kunitconfig
	{
		cat "$options"
		grep -v 'CONFIG_AXAS\|CONFIG_SERIAL_AMBA' "$base/.config"
		grep '^CONFIG_' "$options" | sed "$not"
	} | awk -F'[ =]' '{ name = $1 == "#" ? $2 : $1; line[name] = $0 } END { for (n in line) print line[n] }' |
		sort >"$out/kunitconfig"
	# Two CPUs, so that what races does.
	rm -f "$out/test.log"
	run_logged "$log.log" "kunit.py run, Linux $name" \
		kunit run --jobs "$(nproc)" --timeout 600 --qemu_args '-smp 2' "${args[@]}" \
		"${margs[@]/#/--make_options=}" \
		--build_dir "$out" --kunitconfig "$out/kunitconfig" || true
	rc=0
	kunit_cases "$log.log" || rc=1
	verdict "$name: kunit.py builds and runs the tests" "$rc" "$log.log"
	[ "$rc" -eq 0 ] || return 0
	cp "$out/test.log" "$log.console.log"
	rc=0
	[ -z "$(splats "$log.console.log")" ] || rc=1
	verdict "$name: kernel log" "$rc" "$log.console.log"

	# The same kernel, with axas and its samples instead.  kunit.py puts its own
	# configuration back.
	kmake() { make -C "$src" O="$out" ARCH="$arch" CROSS_COMPILE="$cross" -j"$(nproc)" "${margs[@]}" "$@"; }
	build_as() { # build_as y|m TARGET...
		"$src/scripts/config" --file "$out/.config" -d AXAS_KUNIT_TEST \
			--set-val AXAS "$1" -e AXAS_PROBE -m AXAS_HW_TEST \
			-m AXAS_SAMPLE_VCPU -m AXAS_SAMPLE_SOFTMMU -m AXAS_SAMPLE_PLUGINS
		kmake olddefconfig && grep -qx "CONFIG_AXAS=$1" "$out/.config" && kmake "${@:2}"
	}
	rc=0
	run_logged "$log.m.log" "axas as a module, $name" build_as m vmlinux modules || rc=1
	made=(axas samples/softmmu/axas_softmmu samples/plugins/axas_gstage samples/plugins/axas_pattern)
	[ "$arch" = um ] || made+=(kunit/hw/axas_hw_kunit)
	for f in "${made[@]}"; do
		[ -e "$out/drivers/virt/axas/$f.ko" ] || rc=1
	done
	verdict "$name: builds as a module, with its samples" "$rc" "$log.m.log"
	rc=0
	run_logged "$log.y.log" "axas built in, $name" build_as y vmlinux || rc=1
	grep -q ' axas_space_create$' "$out/System.map" || rc=1
	verdict "$name: builds into the kernel" "$rc" "$log.y.log"
	rc=0
	grep -E 'axas[a-z_0-9/]*\.[chS]:[0-9]+.*warning:' "$log".{log,m.log,y.log} && rc=1
	verdict "$name: without a warning" "$rc" "$log*.log"
}

# The kernels first: their builds take the lock too.
declare -A source_of base_of
for what; do
	source_of[$what]=$("$scripts/fetch-kernel.sh" "${what%-*}")
	base_of[$what]=$("$scripts/build-kernel.sh" "${what%-*}" "${what##*-}" debug)
done
lock_cache build
remove() {
	for what in "${!source_of[@]}"; do "$scripts/into-kernel.sh" --remove "${source_of[$what]}"; done
}
trap remove EXIT
for what; do
	run_kernel "${what%-*}" "${what##*-}"
done
echo "$passed passed, $failed failed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
[ "$failed" -eq 0 ]
