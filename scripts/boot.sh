#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# boot.sh --kernel IMAGE --init SCRIPT [OPTION]... - run a script in a guest
#
#   --kernel IMAGE     the kernel to boot
#   --init SCRIPT      shell script (busybox) that runs as /run.sh once proc,
#                      sys, dev, tmp, debugfs, tracefs, securityfs and cgroup2
#                      (/sys/fs/cgroup) are mounted
#   --arch ARCH        x86_64, arm64 or um (default: this machine's)
#   --file SRC[:DST]   put the file SRC into the guest as DST (default: /NAME);
#                      repeatable
#   --env NAME=VALUE   in SCRIPT's environment; repeatable
#   --modules DIR      a lib/modules/VERSION directory on this machine, and
#   --modprobe NAME    a module out of it to load, with what it depends on,
#                      before SCRIPT runs; repeatable
#   --disk SIZE        make and mount a file system of SIZE at /mnt, for O_DIRECT
#   --ivshmem SIZE     a PCI device (1af4:1110) whose BAR 2 is SIZE of memory
#                      the kernel does not own
#   --mem SIZE         memory (1G)
#   --smp N            CPUs (2)
#   --cpu MODEL        CPU model (the largest QEMU emulates, with EL2 or SVM)
#   --accel ACCEL      how QEMU emulates (tcg; tcg,thread=single for one CPU after
#                      the other)
#   --append "ARG..."  more for the kernel's command line
#   --qemu "ARG..."    more for QEMU's
#   --timeout SEC      stop after SEC seconds (300)
#   --log FILE         copy the console to FILE too
#   --quiet            do not show the console
#   --interactive      connect this terminal to the console; no log, no time limit.
#                      Ctrl-a x ends QEMU.
#   --share DIR        the directory DIR, read-only, at /host in the guest (needs
#                      --modules, or 9p in the kernel)
#   --initrd FILE      boot nothing: leave the initramfs that would be booted in
#                      FILE
#
# QEMU emulates every instruction (TCG); /dev/kvm is not used.  User Mode Linux
# (um) runs as a process of this machine's, without QEMU and what is QEMU's above.
# The console goes to stdout, without carriage returns.  The exit status is SCRIPT's; 124
# when it ran out of time; 125 when the guest ended without finishing SCRIPT.

. "$(dirname "$0")/common.sh"
help_wanted "$@"

kernel='' init='' arch=$(host_arch) mem=1G smp=2 cpu='' accel=tcg append='' qemu_extra='' limit=300
log='' quiet='' interactive='' share='' disk='' ivshmem='' moddir='' initrd='' files=() modprobe=() env=()
while [ $# -gt 0 ]; do
	case "$1" in
	--quiet)
		quiet=1
		shift
		continue
		;;
	--interactive)
		interactive=1
		shift
		continue
		;;
	--*) [ $# -ge 2 ] || usage_error "$1 needs a value" ;;
	esac
	case "$1" in
	--kernel) kernel=$2 ;;
	--init) init=$2 ;;
	--arch) arch=$2 ;;
	--file) files+=("$2") ;;
	--env) env+=("$2") ;;
	--modules) moddir=$2 ;;
	--modprobe) modprobe+=("$2") ;;
	--disk) disk=$2 ;;
	--ivshmem) ivshmem=$2 ;;
	--mem) mem=$2 ;;
	--smp) smp=$2 ;;
	--cpu) cpu=$2 ;;
	--accel) accel=$2 ;;
	--append) append="$append $2" ;;
	--qemu) qemu_extra="$qemu_extra $2" ;;
	--timeout) limit=$2 ;;
	--log) log=$2 ;;
	--share) share=$2 ;;
	--initrd) initrd=$2 ;;
	*) usage_error "unknown argument '$1'" ;;
	esac
	shift 2
done
[ -n "$kernel$initrd" ] || usage_error "--kernel is missing"
[ -n "$init" ] || usage_error "--init is missing"
[ -n "$initrd" ] || [ -r "$kernel" ] || die "cannot read the kernel image '$kernel'; build it with scripts/build-kernel.sh"
[ -r "$init" ] || die "cannot read the script '$init'"

case "$arch" in
x86_64)
	need qemu-system-x86 busybox-static cpio
	cmd=(qemu-system-x86_64 -machine pc -cpu "${cpu:-max,+svm,+npt}")
	console=ttyS0
	;;
arm64)
	need qemu-system-arm cpio
	cmd=(qemu-system-aarch64 -machine "virt,virtualization=on,gic-version=3"
		-cpu "${cpu:-max,pauth-impdef=on}")
	console=ttyAMA0
	;;
um)
	need busybox-static cpio
	[ -z "$cpu$ivshmem$share$qemu_extra" ] || usage_error "User Mode Linux has no such device"
	;;
*) usage_error "unknown architecture '$arch'; use x86_64 or arm64" ;;
esac

# busybox_of ARCH: print the path of a static busybox for ARCH
busybox_of() {
	local dst=$AXAS_CACHE/busybox/$1/busybox deb tmp
	if [ "$1" = "$(host_arch)" ] || [ "$1" = um ]; then
		need busybox-static
		echo /bin/busybox
		return
	fi
	if [ ! -x "$dst" ]; then
		tmp=$(mktemp -d "$AXAS_CACHE/.busybox.XXXXXX")
		deb=$(suite_download "$(running_codename)/${1/x86_64/amd64}" busybox-static)
		dpkg -x "$deb" "$tmp"
		mkdir -p "$(dirname "$dst")"
		mv "$(find "$tmp" -type f -path '*bin/busybox')" "$dst"
		rm -rf "$tmp" "$deb"
	fi
	echo "$dst"
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
mkdir -p "$root"/{bin,sbin,proc,sys,dev,tmp,mnt,etc,root,lib/modules}
busybox=$(busybox_of "$arch")
cp "$busybox" "$root/bin/busybox"
install -m 755 "$init" "$root/run.sh"
echo "root:x:0:0::/root:/bin/sh" >"$root/etc/passwd"
echo "nobody:x:65534:65534::/:/bin/sh" >>"$root/etc/passwd"
for v in ${env[@]+"${env[@]}"}; do printf 'export %q\n' "$v"; done >"$root/etc/environment"

for f in ${files[@]+"${files[@]}"}; do
	from=${f%%:*} to=/$(basename "${f%%:*}")
	case "$f" in *:*) to=${f#*:} ;; esac
	[ -r "$from" ] || die "cannot read '$from' for the guest; build it first"
	case "$to" in */) to=$to$(basename "$from") ;; esac
	mkdir -p "$root/$(dirname "$to")"
	cp "$from" "$root/$to"
done

if [ -n "$share" ]; then
	[ -d "$share" ] || die "no directory '$share' to share"
	mkdir "$root/host"
	[ -z "$moddir" ] || modprobe+=(9p 9pnet_virtio virtio_pci)
fi
if [ "${#modprobe[@]}" -gt 0 ]; then
	[ -d "$moddir" ] || die "--modprobe needs --modules with an existing directory"
	n=0
	for m in "${modprobe[@]}"; do
		while read -r verb path _; do
			[ "$verb" = insmod ] || continue
			name=$(basename "$path")
			[ ! -e "$root/lib/modules/$name" ] || continue
			cp "$path" "$root/lib/modules/$name"
			echo "/lib/modules/$name" >>"$root/etc/modules"
			n=$((n + 1))
		done < <(modprobe -d "${moddir%/lib/modules/*}" -S "$(basename "$moddir")" --show-depends "$m" ||
			die "the module '$m' is not in $moddir")
	done
fi
[ -z "$disk" ] || echo "$disk" >"$root/etc/disk"

cat >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin HOME=/root
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec </dev/console >/dev/console 2>&1
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts 2>/dev/null
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
mount -t debugfs debugfs /sys/kernel/debug 2>/dev/null
mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null
mount -t securityfs securityfs /sys/kernel/security 2>/dev/null
mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null
[ ! -e /etc/modules ] || while read -r m; do
	insmod "$m" || echo "boot: cannot load $m"
done </etc/modules
. /etc/environment
[ ! -d /host ] || mount -t 9p -o ro,trans=virtio,version=9p2000.L host /host ||
	echo "boot: cannot mount /host"
if [ -e /etc/disk ]; then
	dd if=/dev/zero of=/tmp/disk.img bs=1 count=0 seek="$(cat /etc/disk)" 2>/dev/null
	mke2fs -F /tmp/disk.img >/dev/null 2>&1 && mount -t ext2 -o loop /tmp/disk.img /mnt ||
		echo "boot: cannot make the file system"
fi
/run.sh
status=$?
sync
sleep 0.1
printf '\nboot: /run.sh ended with status %d\n' "$status"
sleep 0.1
poweroff -f
INIT
chmod 755 "$root/init"

(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) >"$work/initrd"
if [ -n "$initrd" ]; then
	cp "$work/initrd" "$initrd"
	exit 0
fi

append="panic=-1 rcupdate.rcu_cpu_stall_timeout=120 random.trust_cpu=on$append"
if [ "$arch" = um ]; then
	# Its memory is a file. By seccomp its programs are held up less than by ptrace.
	export TMPDIR=$work
	# shellcheck disable=SC2206 # a list of words
	cmd=("$kernel" "mem=$mem" seccomp=on "initrd=$work/initrd" "uml_dir=$work"
		con=null "con0=fd:0,fd:1" console=tty0 $append)
else
	cmd+=(-accel "$accel" -nodefaults -no-user-config -display none -no-reboot
		-serial "${interactive:+mon:}stdio" -m "$mem" -smp "$smp"
		-kernel "$kernel" -initrd "$work/initrd" -append "console=$console $append")
	[ -z "$ivshmem" ] || cmd+=(-object "memory-backend-ram,id=shmem,size=$ivshmem,share=on"
		-device "ivshmem-plain,memdev=shmem")
	[ -z "$share" ] || cmd+=(-virtfs "local,path=$share,mount_tag=host,security_model=none,readonly=on")
	# shellcheck disable=SC2206 # a list of words
	cmd+=($qemu_extra)
fi
if [ -n "$interactive" ]; then
	"${cmd[@]}"
	exit
fi

[ -n "$log" ] || log=$work/console
show() { if [ -n "$quiet" ]; then cat >/dev/null; else cat; fi; }

rc=0
timeout -k 5 "$limit" "${cmd[@]}" </dev/null 2>"$work/qemu.err" |
	sed -u 's/\r//g' | tee "$log" | show || rc=${PIPESTATUS[0]}
status=$(sed -n 's/^boot: \/run\.sh ended with status \([0-9]*\)$/\1/p' "$log" | tail -n 1)
# User Mode Linux always has something to say.
if [ -s "$work/qemu.err" ] && { [ "$arch" != um ] || [ -z "$status" ]; }; then
	sed "s/^/$(basename "${cmd[0]}"): /" "$work/qemu.err" >&2
fi
[ -z "$status" ] || exit "$status"
if [ "$rc" -eq 124 ] || [ "$rc" -eq 137 ]; then
	say "${C_RED}the guest did not finish in $limit s${C_OFF}"
	exit 124
fi
say "${C_RED}the guest ended before its script did${C_OFF} (status $rc)"
exit 125
