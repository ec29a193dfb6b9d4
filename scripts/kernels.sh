# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# kernels.sh - the kernels that tests run on, by name, with axas built for each;
# sourced after common.sh, never run.
#
#   distro        the distribution's prebuilt one, of this machine's architecture
#   distro-ARCH   ... of x86_64 or arm64
#   distro-rt     ... with PREEMPT_RT
#   newest        the newest one, without debugging, x86_64
#   um            the newest as User Mode Linux, a process of an x86_64 machine, with
#                 KASAN, lockdep, kmemleak, fault injection
#   6.12-ARCH     a debug kernel with the same
#   6.12-rt 6.12-kcsan 6.12-gcov
#                 other flavours of build-kernel.sh, x86_64
#   SERIES-ARCH-prepare
#                 nothing that boots: what a module is compiled against
#
# Gives: kernel_names kernel_describe kernel_get kernel_args build_for
#        build_programs need_for

kernel_names='distro distro-x86_64 distro-arm64 distro-rt newest um 6.12-x86_64 6.12-arm64 6.12-rt 6.12-kcsan 6.12-gcov'

# kernel_describe NAME: sets k_arch, k_user (the architecture of its programs),
# k_debug (finds leaks, knows lockdep) and k_kunit (has KUnit); builds nothing
# shellcheck disable=SC2034 # for who sources this
kernel_describe() {
	k_arch=x86_64 k_debug='' k_kunit=''
	case "$1" in
	distro | distro-rt) k_arch=$(host_arch) ;;
	distro-x86_64 | newest) ;;
	distro-arm64) k_arch=arm64 ;;
	um) k_arch=um k_debug=1 k_kunit=1 ;;
	6.12-x86_64 | 6.12-rt) k_debug=1 k_kunit=1 ;;
	6.12-arm64) k_arch=arm64 k_debug=1 k_kunit=1 ;;
	6.12-kcsan | 6.12-gcov) k_kunit=1 ;;
	*-x86_64-prepare) ;;
	*-arm64-prepare) k_arch=arm64 ;;
	*) usage_error "unknown kernel '$1'; one of: $kernel_names" ;;
	esac
	k_user=${k_arch/um/x86_64}
}

# kernel_get NAME: fetch or build it; sets k_image, k_hdrs (what modules are
# built against) and k_modules (the directory of its own; empty: it has none)
kernel_get() {
	local lines
	kernel_describe "$1"
	k_modules=''
	case "$1" in
	distro*)
		case "$1" in
		distro-rt) lines=$("$AXAS_TREE/scripts/fetch-distro.sh" rt) || return ;;
		*) lines=$("$AXAS_TREE/scripts/fetch-distro.sh" "$k_arch") || return ;;
		esac
		k_image=$(sed -n 1p <<<"$lines")
		k_modules=$(sed -n 2p <<<"$lines")
		k_hdrs=$(sed -n 3p <<<"$lines")
		return
		;;
	um) k_hdrs=$("$AXAS_TREE/scripts/build-kernel.sh" newest um debug) || return ;;
	newest) k_hdrs=$("$AXAS_TREE/scripts/build-kernel.sh" newest x86_64 plain) || return ;;
	6.12-x86_64 | 6.12-arm64) k_hdrs=$("$AXAS_TREE/scripts/build-kernel.sh" 6.12 "$k_arch" debug) || return ;;
	*-prepare) k_hdrs=$("$AXAS_TREE/scripts/build-kernel.sh" "${1%%-*}" "$k_arch" prepare) || return ;;
	6.12-*) k_hdrs=$("$AXAS_TREE/scripts/build-kernel.sh" 6.12 x86_64 "${1#6.12-}") || return ;;
	esac
	k_image=$k_hdrs/image
}

# kernel_args [MODULE]...: what boot.sh needs to know of the kernel that kernel_get
# was asked for, in args; with a file system for O_DIRECT and with KVM, or with
# other modules of its own
kernel_args() {
	local m
	args+=(--kernel "$k_image" --arch "$k_arch")
	[ -n "$k_modules" ] || return 0
	if [ $# -eq 0 ]; then
		set -- loop ext4
		[ "$k_arch" != x86_64 ] || set -- "$@" kvm_amd
	fi
	args+=(--modules "$k_modules")
	for m; do args+=(--modprobe "$m"); done
}

# alone NAME COMMAND...: run COMMAND while nobody else builds NAME in this tree
alone() {
	local fd
	mkdir -p "$AXAS_TREE/build/log"
	exec {fd}>"$AXAS_TREE/build/log/.lock-$1"
	flock "$fd"
	"${@:2}" || { exec {fd}>&- && return 1; }
	exec {fd}>&-
}

# same_as NAME OTHER: build/NAME is build/OTHER
same_as() {
	[ "$(readlink "$AXAS_TREE/build/$1")" != "$2" ] || return 0
	rm -rf "${AXAS_TREE:?}/build/$1"
	ln -s "$2" "$AXAS_TREE/build/$1"
}

# build_for NAME: the module, its samples and, where there is KUnit, its tests, in
# build/NAME; after kernel_get NAME
build_for() {
	local build=$AXAS_TREE/build config=(CONFIG_AXAS_SAMPLE_SOFTMMU=m CONFIG_AXAS_SAMPLE_PLUGINS=m
		CONFIG_AXAS_SAMPLE_VCPU=m)
	[ -z "$k_kunit" ] || config+=(CONFIG_AXAS_KUNIT_TEST=m)
	[ "$1" != 6.12-gcov ] || config+=(GCOV_PROFILE=y)
	# A CPU can walk the tables there; elsewhere it is as people build it.
	[[ "$1" != distro* ]] || config+=(CONFIG_AXAS_PROBE=y)
	if [ "$1" = distro ]; then # one kernel with two names
		alone "module-$1" same_as "$1" "distro-$k_arch"
		set -- "distro-$k_arch"
	fi
	alone "module-$1" run_logged "$build/log/module-$1.log" "building the module for $1" \
		"$AXAS_TREE/scripts/build-module.sh" "$k_hdrs" "$build/$1" "${config[@]}"
}

# build_programs tools|selftests ARCH: in build/DIR-ARCH
build_programs() {
	local out=$AXAS_TREE/build/$1-$2
	alone "$1-$2" run_logged "$AXAS_TREE/build/log/$1-$2.log" "building $1 for $2" \
		make -j"$(nproc)" -C "$AXAS_TREE/$1" OUT="$out" CROSS_COMPILE="$(cross_of "$2")"
}

# need_for ARCH: the packages that building for it and booting it take
need_for() {
	need make gcc libc6-dev python3 kmod cpio busybox-static
	case "$1" in
	x86_64) need qemu-system-x86 ;;
	um) [ "$(host_arch)" = x86_64 ] || die "User Mode Linux takes an x86_64 machine" ;;
	arm64) need qemu-system-arm ;;
	esac
	case "$(cross_of "$1")" in
	'') ;;
	aarch64*) need gcc-aarch64-linux-gnu libc6-dev-arm64-cross ;;
	x86_64*) need gcc-x86-64-linux-gnu libc6-dev-amd64-cross ;;
	esac
}
