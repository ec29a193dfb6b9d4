#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# try.sh [OPTION]... [-- COMMAND [ARG]...] - a guest with axas in it
#
#   --kernel KERNEL   distro (the prebuilt one, the default), distro-arm64, newest, or
#                     a debug kernel, um, 6.12-x86_64 or 6.12-arm64; all of them are in
#                     scripts/kernels.sh
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
#   scripts/try.sh --kernel um --kunit 'axas_space*'

. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/kernels.sh"
help_wanted "$@"

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

kernel_describe "$kernel"
[ -z "$kunit" ] || [ -n "$k_kunit" ] ||
	usage_error "KUnit is in the debug kernels only: --kernel um, 6.12-x86_64 or 6.12-arm64"
need_for "$k_arch"
need libjson-c-dev
mkdir -p "$build/log"
kernel_get "$kernel"
build_for "$kernel" || die "the module did not build"
args=(--mem 2G --disk 64M --file "$build/$kernel/axas.ko")
kernel_args
[ "$k_arch" = um ] || args+=(--ivshmem 64M)
[ -z "$k_modules" ] || args+=(--share "$PWD")
[ -z "$k_debug" ] || append="$append page_poison=1"
modules=(axas)

# programs DIR FILE...: build DIR and take FILEs into the guest's PATH
programs() {
	local f
	build_programs "$1" "$k_user" || die "$1 did not build"
	for f in "${@:2}"; do args+=(--file "$build/$1-$k_user/$f:/bin/$f"); done
}

if [ -n "$kunit" ]; then
	args+=(--file "$build/$kernel/kunit/axas_kunit.ko")
	append="$append loglevel=8 kunit.filter_glob=$kunit"
	command='insmod /axas_kunit.ko && ! dmesg | grep "^.\{15\} *not ok"'
else
	append="$append loglevel=4"
	modules+=(axas_softmmu)
	args+=(--file "$build/$kernel/samples/softmmu/axas_softmmu.ko")
	[ "$k_arch" != x86_64 ] || {
		modules+=(axas_vcpu)
		args+=(--file "$build/$kernel/samples/vcpu/axas_vcpu.ko")
	}
	for f in "$AXAS_TREE"/samples/plugins/*.c; do
		f=$(basename "$f" .c)
		modules+=("plugins/$f")
		args+=(--file "$build/$kernel/samples/plugins/$f.ko:/plugins/$f.ko")
	done
	mapfile -t tests < <(cd "$AXAS_TREE/selftests" && printf '%s\n' ./*_test.c | sed 's#^./##; s#\.c$##')
	[ "$k_arch" = x86_64 ] ||
		mapfile -t tests < <(printf '%s\n' "${tests[@]}" | grep -Ev '_(compat32|vcpu.*)_test$')
	# shellcheck disable=SC2068 # one may be empty
	programs selftests ${tests[@]}
	# json-c is there for this machine only.
	tools=(axasctl axas-migrate axas-replay axas-run example)
	[ "$k_arch" != x86_64 ] || tools+=(axas-vmm)
	[ -n "$(cross_of "$k_user")" ] || programs tools "${tools[@]}"
fi
if [ "$k_arch" = x86_64 ]; then
	append="$append memmap=64M\$0x30000000"
	args+=(--env AXAS_RESERVED_HPA=0x30000000 --env AXAS_RESERVED_SIZE=0x4000000)
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck disable=SC2016 # for the guest's shell
{
	echo '#!/bin/sh'
	echo "for m in ${modules[*]}; do insmod /\$m.ko; done"
	if [ -n "$command" ]; then
		printf 'cd /host 2>/dev/null\n( %s )\nstatus=$?\ncd /\n' "$command"
		echo 'for m in /plugins/*.ko axas_kunit axas_softmmu axas_vcpu axas; do'
		echo '	m=$(basename $m .ko); [ ! -d /sys/module/$m ] || rmmod $m'
		echo 'done'
		echo 'exit $status'
	else
		echo 'echo; echo "axas is loaded; exit ends the guest"'
		echo 'cd /host 2>/dev/null; setsid cttyhack sh'
	fi
} >"$work/run.sh"
boot=("$AXAS_TREE/scripts/boot.sh" --init "$work/run.sh" "${args[@]}" --append "$append")
[ -n "$command" ] || exec "${boot[@]}" --interactive

rc=0
"${boot[@]}" --timeout "${AXAS_TIMEOUT:-900}" --log "$work/log" || rc=$?
complaints=$(splats "$work/log")
[ -z "$complaints" ] || die "the kernel complained:"$'\n'"$complaints"
exit "$rc"
