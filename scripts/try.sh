#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# try.sh [OPTION]... [-- COMMAND [ARG]...] - a guest with axas in it
#
#   --kernel KERNEL   distro (the prebuilt one, the default), newest, or the debug
#                     kernels 6.12-x86_64 and 6.12-arm64
#   --kunit GLOB      run the KUnit suites whose names match, on a debug kernel
#   --append "ARG..." more for the kernel's command line
#
# Builds the module, its samples, the tools and the selftests for KERNEL, boots it
# in QEMU and loads them. COMMAND runs there by the shell, with its exit status as
# this script's; without one there is a shell on this terminal (Ctrl-a x ends it).
# The tools and the selftests are in its PATH, and on the prebuilt kernel the
# current directory is at /host. After a COMMAND the module is unloaded and the
# kernel log searched for complaints, which then are shown.
#
#   scripts/try.sh -- axas_memory_test
#   scripts/try.sh --kernel 6.12-x86_64 --kunit 'axas_space*'

. "$(dirname "$0")/common.sh"
help_wanted "$@"

scripts=$AXAS_TREE/scripts
build=$AXAS_TREE/build
kernel=distro kunit='' append='' command=''
while [ $# -gt 0 ]; do
	case "$1" in
	--)
		shift
		command=$*
		break
		;;
	--kernel | --kunit | --append) [ $# -ge 2 ] || usage_error "$1 needs a value" ;;
	*) usage_error "unknown argument '$1'; a command comes after --" ;;
	esac
	case "$1" in
	--kernel) kernel=$2 ;;
	--kunit) kunit=$2 ;;
	--append) append="$append $2" ;;
	esac
	shift 2
done

arch=$(host_arch) hdrs='' image='' more=()
case "$kernel" in
distro)
	distro=$("$scripts/fetch-distro.sh")
	image=$(sed -n 1p <<<"$distro") hdrs=$(sed -n 3p <<<"$distro")
	more=(--modules "$(sed -n 2p <<<"$distro")" --modprobe loop --modprobe ext4 --share "$PWD")
	[ "$arch" != x86_64 ] || more+=(--modprobe kvm_amd)
	;;
newest) arch=x86_64 hdrs=$("$scripts/build-kernel.sh" newest x86_64 plain) ;;
6.12-x86_64 | 6.12-arm64)
	arch=${kernel#6.12-}
	hdrs=$("$scripts/build-kernel.sh" 6.12 "$arch" debug)
	append="$append page_poison=1"
	;;
*) usage_error "unknown kernel '$kernel'; use distro, newest, 6.12-x86_64 or 6.12-arm64" ;;
esac
[ -n "$image" ] || image=$hdrs/image
case "$kunit,$kernel" in
,* | *,6.12-*) ;;
*) usage_error "KUnit is in the debug kernels only: --kernel 6.12-x86_64 or 6.12-arm64" ;;
esac

need make gcc libc6-dev kmod cpio busybox-static libjson-c-dev
[ -z "$(cross_of "$arch")" ] || need gcc-aarch64-linux-gnu libc6-dev-arm64-cross
mkdir -p "$build/log"
modules=(axas)
config=(CONFIG_AXAS_SAMPLE_SOFTMMU=m CONFIG_AXAS_SAMPLE_PLUGINS=m)
[ -z "$kunit" ] || config+=(CONFIG_AXAS_KUNIT_TEST=m)
run_logged "$build/log/module-$kernel.log" "building the module for $kernel" \
	"$scripts/build-module.sh" "$hdrs" "$build/$kernel" "${config[@]}" || die "the module did not build"
files=(--file "$build/$kernel/axas.ko")

# programs DIR FILE...: build DIR and take FILEs into the guest's PATH
programs() {
	local f out=$build/$1-$arch
	run_logged "$build/log/$1-$arch.log" "building $1 for $arch" \
		make -C "$AXAS_TREE/$1" OUT="$out" CROSS_COMPILE="$(cross_of "$arch")" ||
		die "$1 did not build"
	for f in "${@:2}"; do files+=(--file "$out/$f:/bin/$f"); done
}

if [ -n "$kunit" ]; then
	files+=(--file "$build/$kernel/kunit/axas_kunit.ko")
	append="$append loglevel=8 kunit.filter_glob=$kunit"
	command='insmod /axas_kunit.ko && ! dmesg | grep "^.\{15\} *not ok"'
else
	append="$append loglevel=4"
	modules+=(axas_softmmu axas_gstage axas_pattern)
	files+=(--file "$build/$kernel/samples/softmmu/axas_softmmu.ko")
	files+=(--file "$build/$kernel/samples/plugins/axas_gstage.ko")
	files+=(--file "$build/$kernel/samples/plugins/axas_pattern.ko")
	mapfile -t tests < <(cd "$AXAS_TREE/selftests" && printf '%s\n' ./*_test.c | sed 's#^./##; s#\.c$##')
	[ "$arch" = x86_64 ] || tests=("${tests[@]/axas_compat32_test/}")
	# shellcheck disable=SC2068 # one may be empty
	programs selftests ${tests[@]}
	# json-c is there for this machine only.
	[ -n "$(cross_of "$arch")" ] || programs tools axasctl axas-replay example
fi
if [ "$arch" = x86_64 ]; then
	append="$append memmap=64M\$0x30000000"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck disable=SC2016 # for the guest's shell
{
	echo '#!/bin/sh'
	[ "$arch" != x86_64 ] || echo 'export AXAS_RESERVED_HPA=0x30000000 AXAS_RESERVED_SIZE=0x4000000'
	echo "for m in ${modules[*]}; do insmod /\$m.ko; done"
	if [ -n "$command" ]; then
		printf 'cd /host 2>/dev/null\n( %s )\nstatus=$?\ncd /\n' "$command"
		echo 'for m in axas_kunit axas_pattern axas_gstage axas_softmmu axas; do'
		echo '	[ ! -d /sys/module/$m ] || rmmod $m'
		echo 'done'
		echo 'exit $status'
	else
		echo 'echo; echo "axas is loaded; exit ends the guest"'
		echo 'cd /host 2>/dev/null; setsid cttyhack sh'
	fi
} >"$work/run.sh"
boot=("$scripts/boot.sh" --kernel "$image" --arch "$arch" --mem 2G --init "$work/run.sh"
	--ext4 64M --ivshmem 64M "${files[@]}" ${more[@]+"${more[@]}"} --append "$append")
[ -n "$command" ] || exec "${boot[@]}" --interactive

rc=0
"${boot[@]}" --timeout "${AXAS_TIMEOUT:-900}" --log "$work/log" || rc=$?
complaints=$(splats "$work/log")
[ -z "$complaints" ] || die "the kernel complained:"$'\n'"$complaints"
exit "$rc"
