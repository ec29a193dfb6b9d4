#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-qemu.sh - the distribution's QEMU, unmodified, with its guest's RAM in a space
#
# In a guest of the prebuilt kernel, which has nested KVM and sees this machine's
# programs, axas-run starts QEMU over a RAM file, and QEMU boots the same kernel once
# more. That one fills memory and adds it up; a balloon takes some; it is saved, and
# restored over the RAM file of another space, where it adds up again. Then it boots twice
# more, over a RAM file and over a memfd, with a disk that the storage daemon has
# (vhost-user-blk), and reads it. The outer guest's clock counts its instructions
# (QEMU's -icount), so what both boots took is printed. Each step counts as a test;
# the last line is "N passed, N failed". What all of them printed is in build/log/qemu.log.

. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/kernels.sh"
help_wanted "$@"
[ $# -eq 0 ] || usage_error "expected no argument"

build=$AXAS_TREE/build
log=$build/log/qemu.log
steps=(boots transcript resident balloon save restore same status block memfd)

kernel_describe distro
need_for "$k_arch"
need libjson-c-dev seabios
mkdir -p "$build/log"
rm -f "$log"*
kernel_get distro
build_for distro || die "the module did not build"
build_programs tools "$k_arch" || die "the tools did not build"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
boot=("$AXAS_TREE/scripts/boot.sh" --kernel "$k_image" --arch "$k_arch" --modules "$k_modules")

# The inner guest. Where it is saved it doesn't notice.
cat >"$work/inner.sh" <<'END'
#!/bin/sh
if grep -q inner=disk /proc/cmdline; then
	echo "inner: disk $(md5sum </dev/vda)"
	poweroff -f
fi
dd if=/dev/urandom of=/tmp/a bs=1M count=24 2>/dev/null
cp /tmp/a /tmp/b
sum=$(md5sum </tmp/a)
rm /tmp/b
echo "inner: up"
# Seconds of its own: saving takes none.
for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
	sleep 1
	echo "inner: $i"
done
[ "$(md5sum </tmp/a)" = "$sum" ] && echo "inner: same"
END
"${boot[@]}" --modprobe virtio_pci --modprobe virtio_balloon --modprobe virtio_blk \
	--init "$work/inner.sh" --initrd "$work/inner.img"

# README has a transcript: what begins a machine, and what axasctl says of it then.
transcript() { awk '/^```/ { on = /console/ } on && !/^```/' "$AXAS_TREE/README.md"; }
transcript | sed -n '/^# axas-run/,/&$/ { s/^# //; s/ &$//; p }' >"$work/readme.command"
transcript | sed '1,/^# axasctl list/d; s/[0-9][0-9.]*/N/g; s/  */ /g' >"$work/readme.list"

cat >"$work/outer.sh" <<'END'
#!/bin/sh
lib=/host/lib/x86_64-linux-gnu:/host/usr/lib/x86_64-linux-gnu
mkfifo /tmp/mon.in /tmp/mon.out
: >/tmp/mon.log

# program NAME ARGS: this machine's, with its own libraries, is one of the guest's
program() {
	printf '#!/bin/sh\nexec "/host%s" --library-path %s /host/usr/bin/%s %s "$@"\n' \
		"$LOADER" "$lib" "$1" "$2" >"/bin/$1"
	chmod +x "/bin/$1"
}
program qemu-system-x86_64 '-L /host/usr/share/qemu -L /host/usr/share/seabios -no-reboot'
program qemu-storage-daemon ''
ln -s "/host$IMAGE" /vmlinuz
words="console=ttyS0 panic=-1 random.trust_cpu=on no_timer_check"
ram="-object memory-backend-file,id=m,size=256M,mem-path=/proc/self/fd/10,share=on"

# start LOG [ARG]...: QEMU in the background, as README has it, and what is not to be seen there
start() {
	log=$1
	shift
	: >"$log"
	set -- -append "$words" -device virtio-balloon-pci,id=balloon -monitor pipe:/tmp/mon "$@"
	eval "exec $(cat /readme.command)" '"$@"' >"$log" </dev/null &
	qemu=$!
}

# What README shows axasctl to say, but for numbers.
shown() {
	axasctl list | tee /dev/console | sed 's/[0-9][0-9.]*/N/g; s/  */ /g' >/tmp/list
	cmp /tmp/list /readme.list
}

# Hundredths of a second that the CPU has worked: with -icount ten million instructions each.
worked() { awk '{ print int(($1 - $2) * 100) }' /proc/uptime; }

# with_disk NAME COMMAND...: boot it over a disk of the storage daemon, to the end
with_disk() {
	name=$1
	shift
	rm -f /tmp/vhost
	qemu-storage-daemon --blockdev driver=file,node-name=d,filename=/tmp/disk.img \
		--export type=vhost-user-blk,id=e,node-name=d,addr.type=unix,addr.path=/tmp/vhost &
	daemon=$!
	n=0
	until [ -S /tmp/vhost ] || [ $n -ge 60 ]; do
		n=$((n + 1))
		sleep 1
	done
	before=$(worked)
	"$@" -accel kvm -cpu host -m 256M -machine memory-backend=m -nodefaults -display none \
		-serial stdio -kernel vmlinuz -initrd initrd.img -append "$words inner=disk" \
		-chardev socket,id=d,path=/tmp/vhost -device vhost-user-blk-pci,chardev=d \
		>"/tmp/$name" </dev/null
	echo "count: $name: $(($(worked) - before))0 million instructions"
	kill $daemon
	wait $daemon
	grep -q "inner: disk $(md5sum </tmp/disk.img)" "/tmp/$name"
}

alive() { ! grep -q "^State:.Z" /proc/$qemu/status; }

# wait_for SECONDS WORDS FILE: until FILE has a line with WORDS
wait_for() {
	n=0
	until grep -q "$2" "$3"; do
		n=$((n + 1))
		[ $n -lt "$1" ] && alive || return 1
		sleep 1
	done
}

monitor() { echo "$*" >/tmp/mon.in; }
resident() { axasctl stats "$1" --json | sed -n 's/.*"resident": *\([0-9]*\).*/\1/p'; }
# id: the space that is there
id() { axasctl list --json | sed -n 's/.*"id": *\([0-9]*\).*/\1/p' | head -n 1; }
# step NAME COMMAND...: say whether it went well
step() {
	name=$1
	shift
	if "$@"; then echo "step: $name: ok"; else echo "step: $name: failed"; fi
}

filled() {
	before=$(resident "$space")
	echo "resident: $before"
	[ "$before" -gt $((48 << 20)) ]
}

# It gives back what was there: 24 MiB at least were written and are free.
ballooned() {
	monitor balloon 128
	n=0
	while [ $n -lt 60 ]; do
		now=$(resident "$space")
		[ "$now" -gt $((before - (4 << 20))) ] || break
		n=$((n + 1))
		sleep 1
	done
	echo "resident: $now"
	monitor balloon 256
	[ $n -lt 60 ]
}

saved() {
	monitor 'migrate "exec:cat >/tmp/state"'
	n=0
	while [ $n -lt 120 ] && ! grep -q "Migration status: completed" /tmp/mon.log; do
		sleep 1
		monitor info migrate
		n=$((n + 1))
	done
	monitor quit
	wait $qemu
	[ $n -lt 120 ] && [ -s /tmp/state ]
}

restored() {
	start /tmp/serial2 -incoming "exec:cat /tmp/state"
	wait_for 120 "inner: " /tmp/serial2 && [ "$(id)" != "$space" ]
}

ended() {
	n=0
	while alive && [ $n -lt 60 ]; do
		n=$((n + 1))
		sleep 1
	done
	alive && kill $qemu
	wait $qemu
}

insmod /axas.ko
cat </tmp/mon.out >/tmp/mon.log &
# Somebody has it open for writing, whoever reads.
exec 9<>/tmp/mon.in
start /tmp/serial1
step boots wait_for 240 "inner: up" /tmp/serial1
space=$(id)
step transcript shown
step resident filled
step balloon ballooned
step save saved
cat </tmp/mon.out >>/tmp/mon.log &
step restore restored
step same wait_for 120 "inner: same" /tmp/serial2
step status ended
dd if=/dev/urandom of=/tmp/disk.img bs=1M count=4 2>/dev/null
# shellcheck disable=SC2086
step block with_disk block axas-run --ram 256M -- qemu-system-x86_64 $ram
step memfd with_disk memfd qemu-system-x86_64 -object memory-backend-memfd,id=m,size=256M,share=on
for f in /tmp/serial1 /tmp/serial2 /tmp/block /tmp/memfd /tmp/mon.log; do echo "== $f"; tail -n 30 $f; done
sleep 1
rmmod axas
END
# One CPU: see scripts/guest/hold_kvm.c. A nanosecond of its clock is an instruction.
rc=0
"${boot[@]}" --modprobe kvm_amd --smp 1 --mem 2G --qemu "-icount shift=0,sleep=off" --share / --env "IMAGE=$k_image" \
	--env "LOADER=$(readlink -f /lib64/ld-linux-x86-64.so.2)" \
	--file "$build/distro/axas.ko" --file "$work/inner.img:/initrd.img" \
	--file "$work/readme.command" --file "$work/readme.list" \
	--file "$build/tools-$k_arch/axas-run:/bin/axas-run" \
	--file "$build/tools-$k_arch/axasctl:/bin/axasctl" \
	--init "$work/outer.sh" --timeout 1800 --log "$log" --quiet || rc=$?

passed=0
for step in "${steps[@]}"; do
	if grep -q "^step: $step: ok" "$log"; then
		passed=$((passed + 1))
	else
		echo "FAILED  $step: see $log"
	fi
done
failed=$((${#steps[@]} - passed))
sed -n 's/^count: block: /to the prompt, RAM file: /p; s/^count: memfd: /to the prompt, memfd:    /p' "$log"
complaints=$(splats "$log")
if [ "$rc" -ne 0 ] || [ -n "$complaints" ]; then
	failed=$((failed + 1))
	echo "FAILED  the guest ended with status $rc ${complaints:+and complaints: $complaints}"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
