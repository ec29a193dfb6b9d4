#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-outside.sh [SEED=N] - tables are read from outside of the machine
#
#   SEED=N     where chance begins (random; it is printed)
#
# A guest makes spaces of all formats by chance, says what is in them, and waits. Meanwhile
# QEMU's monitor saves all of the machine's memory, and scripts/outside.py reads the tables
# from their roots on, by what the manuals say of entries, and compares. The last line is
# "N passed, N failed".

. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/kernels.sh"
help_wanted "$@"

seed=$((RANDOM << 15 | RANDOM | 1))
for arg; do
	case "$arg" in
	SEED=*) seed=${arg#*=} ;;
	*) usage_error "unknown argument '$arg'" ;;
	esac
done
[[ "$seed" =~ ^[1-9][0-9]*$ ]] || usage_error "SEED is a number above 0"

scripts=$AXAS_TREE/scripts
log=$AXAS_TREE/build/log/outside.log
work=$(mktemp -d)
boot=''
# shellcheck disable=SC2317 # the trap calls it
cleanup() {
	[ -z "$boot" ] || kill "$boot" 2>/dev/null || true
	wait 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT

kernel_get distro-x86_64
need_for x86_64
build_for distro-x86_64
"$(cross_of x86_64)gcc" -O2 -static -D_GNU_SOURCE -I"$AXAS_TREE/include/uapi" -o "$work/outside" \
	"$scripts/guest/outside.c"
cat >"$work/run.sh" <<'RUN'
#!/bin/sh
stty -F /dev/ttyS1 raw -echo
insmod /axas.ko && /outside "$SEED" </dev/ttyS1 >/dev/ttyS1 && rmmod axas
RUN
args=(--init "$work/run.sh" --file "$AXAS_TREE/build/distro-x86_64/axas.ko" --file "$work/outside"
	--env "SEED=$seed" --mem 512M --append loglevel=4 --quiet --log "$log"
	--qemu "-monitor unix:$work/monitor,server=on,wait=off -chardev socket,id=other,path=$work/other,server=on,wait=off -serial chardev:other")
kernel_args loop
say "spaces by chance, seed $seed; the console is in $log"
"$scripts/boot.sh" "${args[@]}" &
boot=$!
rc=0
python3 "$scripts/outside.py" "$work/other" "$work/monitor" 512 "$work/memory" || rc=$?
wait "$boot" || rc=$?
boot=''
bad=$(splats "$log")
[ -z "$bad" ] || { rc=1 && echo "  FAILED  kernel log: $bad"; }
exit "$rc"
