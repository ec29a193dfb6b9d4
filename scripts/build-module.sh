#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# build-module.sh KERNEL OUT [MAKE-ARG]... - build axas for one kernel
#
#   KERNEL    a kernel's build directory, or its installed headers
#   OUT       where the sources are mirrored to and built, so that builds for
#             several kernels stand side by side
#   MAKE-ARG  goes to make as it is: W=1, C=2, CONFIG_AXAS_KUNIT_TEST=m ...
#
# CONFIG_AXAS=m is always given.  The architecture is the one KERNEL was
# configured for.  Only changed files are mirrored, and make rebuilds only what
# changed.  Compiler output goes to stdout and stderr.

. "$(dirname "$0")/common.sh"
help_wanted "$@"
[ $# -ge 2 ] || usage_error "expected KERNEL and OUT"
kernel=$1 out=$2
shift 2
[ -r "$kernel/Makefile" ] ||
	die "no kernel build directory at '$kernel'; scripts/build-kernel.sh and scripts/fetch-distro.sh print one"
[ -r "$kernel/include/config/auto.conf" ] ||
	die "'$kernel' is not prepared for external modules; run make modules_prepare in it"
kernel=$(cd "$kernel" && pwd)

if grep -qx CONFIG_UML=y "$kernel/include/config/auto.conf"; then
	arch=um
elif grep -qx CONFIG_X86_64=y "$kernel/include/config/auto.conf"; then
	arch=x86_64
elif grep -qx CONFIG_ARM64=y "$kernel/include/config/auto.conf"; then
	arch=arm64
else
	die "the kernel in '$kernel' is for neither x86_64 nor arm64"
fi
cross=$(cross_of "$arch")
[ -z "$cross" ] || command -v "${cross}gcc" >/dev/null || need "gcc-${cross%-}"

mkdir -p "$out"
out=$(cd "$out" && pwd)

module_sources | mirror "$out"

# Prepared kernels know no symbols: the linker cannot ask for them there.
[ -s "$kernel/Module.symvers" ] || set -- KBUILD_MODPOST_WARN=1 "$@"
exec make -C "$kernel" M="$out" ARCH="$arch" CROSS_COMPILE="$cross" -j"$(nproc)" \
	CONFIG_AXAS=m "$@" modules
