#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# boot-bochs.sh --kernel IMAGE --init SCRIPT [OPTION]... - run a script in Bochs
#
#   --kernel IMAGE     the kernel to boot (scripts/build-kernel.sh 6.12 x86_64
#                      bochs makes a small one)
#   --init SCRIPT      shell script (busybox) that runs as /run.sh, as in boot.sh
#   --file SRC[:DST]   put the file SRC into the guest as DST (default: /NAME);
#                      repeatable
#   --mem MIB          memory (512)
#   --smp N            CPUs (1)
#   --cpu MODEL        one that "--help cpu" lists (corei7_skylake_x: VMX with EPT,
#                      2M and 1G leaves, execute-only, accessed and dirty, mode-
#                      based execute control)
#   --ips N            emulated instructions in an emulated second
#   --append "ARG..."  more for the kernel's command line
#   --timeout SEC      stop after SEC seconds (300)
#   --log FILE         copy the console to FILE too
#   --bochs-log FILE   copy what Bochs itself has to say to FILE
#   --quiet            do not show the console
#
# Bochs interprets every instruction of a whole PC, VMX included, so what walks
# nested page tables there was written from Intel's manual by someone else.  The
# machine boots from a CD image; its first serial port is the console, which
# goes to stdout.  The exit status is SCRIPT's; 124 when it ran out of time; 125
# when the guest ended without finishing SCRIPT.

. "$(dirname "$0")/common.sh"
help_wanted "$@"

kernel='' mem=512 smp=1 cpu=corei7_skylake_x ips=10000000 append='' limit=300
log='' bochs_log='' quiet='' initrd_args=()
while [ $# -gt 0 ]; do
	case "$1" in
	--quiet)
		quiet=1
		shift
		continue
		;;
	--*) [ $# -ge 2 ] || usage_error "$1 needs a value" ;;
	esac
	case "$1" in
	--kernel) kernel=$2 ;;
	--init | --file) initrd_args+=("$1" "$2") ;;
	--mem) mem=$2 ;;
	--smp) smp=$2 ;;
	--cpu) cpu=$2 ;;
	--ips) ips=$2 ;;
	--append) append="$append $2" ;;
	--timeout) limit=$2 ;;
	--log) log=$2 ;;
	--bochs-log) bochs_log=$2 ;;
	*) usage_error "unknown argument '$1'" ;;
	esac
	shift 2
done
[ -n "$kernel" ] || usage_error "--kernel is missing"
[ -r "$kernel" ] || die "cannot read the kernel image '$kernel'; build it with scripts/build-kernel.sh"

need isolinux syslinux-common xorriso
bochs=$("$AXAS_TREE/scripts/fetch-bochs.sh")

work=$(mktemp -d)
bochs_pid=''
# shellcheck disable=SC2317 # the trap calls it
cleanup() {
	[ -z "$bochs_pid" ] || kill -- "-$bochs_pid" 2>/dev/null || true
	wait 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# ---- the CD ----

mkdir "$work/cd"
cp "$kernel" "$work/cd/linux"
"$AXAS_TREE/scripts/boot.sh" --arch x86_64 ${initrd_args[@]+"${initrd_args[@]}"} --initrd "$work/cd/initrd"
cp /usr/lib/ISOLINUX/isolinux.bin /usr/lib/syslinux/modules/bios/ldlinux.c32 "$work/cd"
cat >"$work/cd/isolinux.cfg" <<CFG
DEFAULT linux
PROMPT 0
TIMEOUT 1
LABEL linux
KERNEL /linux
INITRD /initrd
APPEND console=ttyS0,115200 panic=-1 lpj=1000000 tsc=reliable random.trust_cpu=on$append
CFG
xorriso -as mkisofs -quiet -o "$work/cd.iso" -b isolinux.bin -c boot.cat -no-emul-boot \
	-boot-load-size 4 -boot-info-table "$work/cd" >"$work/xorriso.log" 2>&1 || {
	cat "$work/xorriso.log" >&2
	die "xorriso could not make the CD image"
}

# ---- the machine ----

cat >"$work/bochsrc" <<RC
display_library: term
romimage: file=\$BXSHARE/BIOS-bochs-latest, options=fastboot
vgaromimage: file=\$BXSHARE/VGABIOS-lgpl-latest
cpu: model=$cpu, count=$smp, ips=$ips, reset_on_triple_fault=0, ignore_bad_msrs=1
memory: guest=$mem, host=$mem
ata0-master: type=cdrom, path=$work/cd.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$work/console
clock: sync=none, rtc_sync=0
log: $work/bochs.log
panic: action=fatal
error: action=report
info: action=ignore
debug: action=ignore
RC
# This build has its debugger on: "c" makes it run, "q" leaves it afterwards.
printf 'c\nq\n' >"$work/rc"

[ -n "$log" ] || log=$work/log
touch "$work/console"
: >"$log"
# The display needs a terminal; nobody looks at it. A process group of its own,
# so that all of it ends with this script.
set -m
TERM=xterm timeout -k 5 "$limit" \
	script -qfc "$bochs -q -f $work/bochsrc -rc $work/rc" /dev/null \
	</dev/null >"$work/screen" 2>&1 &
bochs_pid=$!
set +m
# No power button is needed: whoever has said how it ended is done.
(
	while kill -0 "$bochs_pid" 2>/dev/null; do
		! grep -qaE '^boot: /run\.sh ended|end Kernel panic|System halted' "$work/console" || {
			sleep 1
			kill -- "-$bochs_pid"
			break
		}
		sleep 0.3
	done
) 2>/dev/null &
tail -n +1 -s 0.2 -f --pid="$bochs_pid" "$work/console" | sed -u 's/\r//g' | tee "$log" |
	if [ -n "$quiet" ]; then cat >/dev/null; else cat; fi
rc=0
wait "$bochs_pid" || rc=$?
[ -z "$bochs_log" ] || cp "$work/bochs.log" "$bochs_log"

status=$(sed -n 's/^boot: \/run\.sh ended with status \([0-9]*\)$/\1/p' "$log" | tail -n 1)
[ -z "$status" ] || exit "$status"
if [ "$rc" -eq 124 ] || [ "$rc" -eq 137 ]; then
	say "${C_RED}the guest did not finish in $limit s${C_OFF}"
	exit 124
fi
grep -a 'PANIC' "$work/bochs.log" | tail -n 5 | sed 's/^/bochs: /' >&2 || true
say "${C_RED}the guest ended before its script did${C_OFF} (status $rc)"
exit 125
