# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# lib.sh - what the scripts that run in a guest share; sourced there, by busybox.
# Lines that begin with "axas-run:" are read by check-guest.sh and ktap.py.

say() { echo "axas-run: $*"; }

for v in /sys/kernel/debug/fail*/verbose; do [ ! -e "$v" ] || echo 0 >"$v"; done
for v in /sys/kernel/debug/fail*/ignore-gfp-wait; do [ ! -e "$v" ] || echo N >"$v"; done
for v in /sys/kernel/debug/fail*/min-order; do [ ! -e "$v" ] || echo 0 >"$v"; done
k=/sys/kernel/debug/kcsan
[ ! -e $k ] || { echo on >$k; say "kcsan: $(sed -n "s/^enabled: //p" $k)"; }

[ ! -x /guest/hold_kvm ] || [ ! -e /dev/kvm ] || /guest/hold_kvm &

# load MODULE...
load() {
	for m; do
		insmod "/$m.ko" || say "cannot load $m.ko"
	done
}

# plugins insmod|rmmod: all of samples/plugins
plugins() {
	for m in /plugins/*.ko; do
		$1 "$m" || say "cannot $1 $m"
	done
}

# program COMMAND...: run it, with marks around its results
program() {
	name=$(basename "$1")
	say "begin $name"
	read -r begun _ </proc/uptime
	"$@" </dev/null 2>&1
	status=$?
	read -r now _ </proc/uptime
	printf '\naxas-run: end %s %d %d\n' "$name" $status $((${now%.*} - ${begun%.*}))
}

unload() {
	if ! rmmod axas; then
		say "unloaded: rmmod failed"
	elif dmesg | grep "axas: unloaded" | tail -n 1 | grep -q "axas: unloaded, 0 frames in use"; then
		say "unloaded: yes"
	else
		say "unloaded: $(dmesg | grep "axas: unloaded" | tail -n 1)"
	fi
}

leaks() {
	k=/sys/kernel/debug/kmemleak
	[ -e $k ] || return
	sleep 6 # younger objects are not looked at
	echo scan >$k && echo scan >$k
	if [ -s $k ]; then
		sleep 5
		echo scan >$k
	fi
	say "leaks: $(grep -c "unreferenced object" $k)"
	cat $k
}

# counters: what gcov has counted, out through the second serial port
counters() {
	[ -d /sys/kernel/debug/gcov ] || return
	cd /sys/kernel/debug/gcov || return
	find . -name "*.gcda" | while read -r f; do
		mkdir -p "/tmp/gcov/${f%/*}"
		cat "$f" >"/tmp/gcov/$f"
	done
	stty -F /dev/ttyS1 raw
	tar -C /tmp/gcov -cz . >/dev/ttyS1
}

finish() {
	say "tainted: $(cat /proc/sys/kernel/tainted)"
	[ ! -e /proc/lockdep_stats ] || say "debug_locks: $(sed -n "s/^ *debug_locks: *//p" /proc/lockdep_stats)"
	echo "axas-run: dmesg"
	dmesg
	echo
	say "all done"
}
