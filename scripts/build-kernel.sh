#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# build-kernel.sh SERIES ARCH FLAVOUR - build a kernel for the tests
#
#   SERIES   6.1, 6.12 or newest
#   ARCH     x86_64 or arm64; um (User Mode Linux) for the flavours debug and bench
#   FLAVOUR  debug    bootable, with KASAN, lockdep, kmemleak, fault injection
#            plain    bootable, without them
#            bochs    x86_64 only: small, for a CPU that is interpreted
#            bench    x86_64 and um: for measuring, with the peers of axas
#            rt       debug, with PREEMPT_RT
#            kcsan    plain, with the data race detector
#            gcov     plain, with fault injection and counters of what was run
#            prepare  only what compiling an external module needs
#
# The configuration is tinyconfig and the fragments in scripts/kconfig/.  The
# last line on stdout is the build directory, below the cache and keyed by
# version, architecture, flavour and configuration; it is reused when complete.
# The image is the file "image" in it.  Everything else goes to a log.

. "$(dirname "$0")/common.sh"
help_wanted "$@"
[ $# -eq 3 ] || usage_error "expected SERIES ARCH FLAVOUR"
series=$1 arch=$2 flavour=$3

frags=("$AXAS_TREE/scripts/kconfig/base.config" "$AXAS_TREE/scripts/kconfig/$arch.config")
# These are for what the tests ask of them, and no more.
[ "$arch" = x86_64 ] || frags+=("$AXAS_TREE/scripts/kconfig/small.config")
mapfile -t margs < <(kernel_make_args "$flavour")
case "$flavour" in
debug) frags+=("$AXAS_TREE/scripts/kconfig/debug.config") ;;
rt) frags+=("$AXAS_TREE/scripts/kconfig/"{debug,rt}.config) ;;
kcsan | gcov) frags+=("$AXAS_TREE/scripts/kconfig/$flavour.config") ;;
bochs) # stands alone
	[ "$arch" = x86_64 ] || usage_error "the flavour bochs is for x86_64"
	frags=("$AXAS_TREE/scripts/kconfig/bochs.config")
	;;
bench)
	case "$arch" in
	um) frags=() ;; # stands alone
	x86_64) ;;
	*) usage_error "the flavour bench is for x86_64 and um" ;;
	esac
	frags+=("$AXAS_TREE/scripts/kconfig/bench-$arch.config")
	;;
plain | prepare) ;;
*) usage_error "unknown flavour '$flavour'; see --help" ;;
esac
case "$arch" in
x86_64) target=bzImage image=arch/x86/boot/bzImage pkgs='' ;;
arm64) target=Image image=arch/arm64/boot/Image pkgs='' ;;
um)
	case "$flavour" in
	bench | debug) ;;
	*) usage_error "um has the flavours bench and debug only" ;;
	esac
	target=linux image=linux pkgs=''
	;;
*) usage_error "unknown architecture '$arch'; use x86_64 or arm64" ;;
esac
cross=$(cross_of "$arch")
case "$cross" in
'') ;;
aarch64*) pkgs=gcc-aarch64-linux-gnu ;;
x86_64*) pkgs=gcc-x86-64-linux-gnu ;;
esac
# shellcheck disable=SC2086 # none or one word
need make gcc libc6-dev flex bison bc libelf-dev libssl-dev kmod cpio python3 $pkgs

src=$("$AXAS_TREE/scripts/fetch-kernel.sh" "$series")
version=$(cat "$src/.axas-version")
hash=$({ sed '/^# SPDX/d' "${frags[@]}"; echo "$version"; } | sha256sum | cut -c1-12)
out=$AXAS_CACHE/build/${version%%-*}-$arch-$flavour-$hash
log=$out.log

if [ -e "$out/.done" ]; then
	echo "$out"
	exit 0
fi

lock_cache build
if [ -e "$out/.done" ]; then # built while we waited
	echo "$out"
	exit 0
fi
mkdir -p "$out"
what="Linux ${version%%-*} $arch $flavour"

kmake() {
	make -C "$src" O="$out" ARCH="$arch" CROSS_COMPILE="$cross" -j"$(nproc)" "$@"
}

configure() {
	kmake tinyconfig &&
		(cd "$out" && "$src/scripts/kconfig/merge_config.sh" -m -O "$out" "$out/.config" "${frags[@]}") &&
		kmake olddefconfig
}

run_logged "$out.config.log" "configuring $what" configure || die "could not configure $what"

# An option that did not survive is renamed, always on or unmet here: name it, but
# for those that a fragment takes out again.
dropped=$(sed -n '/^CONFIG_[A-Z0-9_]*=/p' "${frags[@]}" | grep -vxFf "$out/.config" | cut -d= -f1 |
	grep -vxFf <(sed -n 's/^# \(CONFIG_[A-Z0-9_]*\) is not set$/\1/p' "${frags[@]}") | tr '\n' ' ' || true)
[ -z "$dropped" ] || say "  not in this kernel's configuration: $dropped"

case "$flavour" in
prepare)
	run_logged "$log" "preparing $what for external modules" \
		kmake modules_prepare || die "could not prepare $what"
	;;
*)
	run_logged "$log" "building $what (a few minutes, once)" \
		kmake "${margs[@]}" "$target" modules_prepare || die "could not build $what"
	# No module of the kernel's own is built: vmlinux exports everything.
	cp "$out/vmlinux.symvers" "$out/Module.symvers"
	ln -sf "$image" "$out/image"
	;;
esac
touch "$out/.done"
echo "$out"
