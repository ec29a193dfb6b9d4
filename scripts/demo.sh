#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# demo.sh [PROGRAM [ARG]...] - see axas work on a machine that has none of it
#
# Builds the module and the tools against the distribution's prebuilt kernel,
# records the memory trace of PROGRAM (/bin/true) with valgrind, boots that
# kernel in QEMU and replays the trace in guest physical address spaces: lazily
# allocated memory, four virtual CPUs, and host memory kept from the kernel.
# A picture of one of the spaces is shown, and left in build/demo.svg.  Then it
# unloads the module and looks for complaints in the kernel log.
#
# Needs Debian 12 with make and apt; the packages it lacks it installs, after
# asking if it can.  Uses no KVM and changes nothing outside the cache.

. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/kernels.sh"
help_wanted "$@"
case "${1:-}" in -*) usage_error "unknown option '$1'" ;; esac
[ $# -gt 0 ] || set -- /bin/true
command -v "$1" >/dev/null || usage_error "no program '$1' here"

build=$AXAS_TREE/build
kernel_describe distro
arch=$k_arch
reserved_hpa=0x30000000 reserved_size=0x4000000
mkdir -p "$build/log"
need_for "$arch"
need valgrind libjson-c-dev
kernel_get distro
build_for distro || die "the module did not build"
build_programs tools "$arch" || die "the tools did not build"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trace=$work/trace name="$*"
record() { valgrind --tool=lackey --trace-mem=yes --log-file="$trace" "$@"; }
if ! run_logged "$build/log/trace.log" "recording the memory trace of $name" record "$@" ||
	[ ! -s "$trace" ]; then
	name='/bin/true, recorded earlier'
	say "no trace from valgrind here; taking the one in tools/traces"
	gzip -dc "$AXAS_TREE/tools/traces/true.trace.gz" >"$trace"
fi

linear='' append=''
if [ "$arch" = x86_64 ]; then
	append="memmap=$((reserved_size >> 20))M\$$reserved_hpa"
	linear="--linear-hpa $reserved_hpa --linear-size $reserved_size"
fi
# The guest's console is not this terminal: tell it what there is here.
columns=80 no_color=1
if [ -t 1 ]; then
	columns=$(tput cols 2>/dev/null) || columns=80
	no_color=${NO_COLOR:-}
fi
cat >"$work/run.sh" <<GUEST
#!/bin/sh
export LC_ALL=C.UTF-8 COLUMNS=$columns NO_COLOR=$no_color
bad=0
run() {
	echo
	echo "guest# \$*"
	"\$@" 2>&1 || { echo "(exit status \$?)"; bad=1; }
}
cd /
uname -srm
run insmod axas.ko
run axas-replay $linear --then 'axasctl map \$AXAS_SPACE; axasctl map \$AXAS_SPACE --svg /tmp/demo.svg' /trace
run axas-replay $linear --leaf 2M /trace
run axas-replay $linear --format s2 --threads 2 /trace
run rmmod axas
echo
echo "guest# dmesg | grep axas"
dmesg | grep axas
dmesg | tail -n 100 | grep -q 'axas: unloaded, 0 frames in use' || { echo 'the module did not say that no frame is in use'; bad=1; }
echo
echo "axas-run: picture"
cat /tmp/demo.svg || bad=1
echo "axas-run: dmesg"
dmesg
exit \$bad
GUEST

say "booting $(basename "$k_image") in QEMU (emulated: about 5 s); the trace of $name: $(wc -l <"$trace") lines"
log=$build/log/demo.log rc=0
"$AXAS_TREE/scripts/boot.sh" --kernel "$k_image" --arch "$arch" --init "$work/run.sh" --timeout 300 \
	--file "$build/distro/axas.ko" --file "$build/tools-$arch/axas-replay:/bin/axas-replay" \
	--file "$build/tools-$arch/axasctl:/bin/axasctl" --file "$trace:/trace" --append "loglevel=4 $append" --log "$log" 2>"$work/err" |
	awk '/^axas-run: picture/ { quiet = 1 } !quiet { print; fflush() }' || rc=${PIPESTATUS[0]}

complaints=$(splats "$log")
if [ "$rc" -ne 0 ] || [ -n "$complaints" ]; then
	cat "$work/err" >&2
	[ -z "$complaints" ] || printf 'the kernel complained:\n%s\n' "$complaints" >&2
	die "the demo failed (status $rc); the whole console: $log"
fi
sed -n '/^axas-run: picture$/,/^axas-run: dmesg$/{/^axas-run: /!p;}' "$log" >"$build/demo.svg"
say "the picture as a file: $build/demo.svg"
printf '%sdemo: every byte matched, no frame is left, no complaint in the kernel log%s\n' \
	"$C_GREEN" "$C_OFF"
