#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# demo-guest.sh - see guests run whose memory is a space of axas
#
# Builds the module, its sample of virtual CPUs and the tools against the
# distribution's prebuilt kernel, and boots that kernel in QEMU, whose emulated CPU
# has AMD SVM.  There axas-vmm runs guests on spaces: one that walks over all of its
# memory, the same kernel once more, unmodified, to a shell that is spoken to, and
# again with its console in memory.  All that they touch comes in by nested page
# faults.  Kernels of a few instructions access the console's device in each mode of
# the CPU, and as nobody should.  A picture of Linux's memory is left in
# build/demo-guest.svg.
#
# What has to be so is looked at afterwards; the last line is "N passed, N failed".

. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/kernels.sh"
help_wanted "$@"
[ $# -eq 0 ] || usage_error "unexpected argument '$1'"

build=$AXAS_TREE/build
log=$build/log/demo-guest.log
# Its own: this machine's may be another one, whose guests these are not.
kernel=distro-x86_64
kernel_describe "$kernel"
mkdir -p "$build/log"
need_for "$k_arch"
need python3 libjson-c-dev
kernel_get "$kernel"
build_for "$kernel" || die "the module did not build"
build_programs tools "$k_arch" || die "the tools did not build"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
boot=("$AXAS_TREE/scripts/boot.sh" --arch "$k_arch")

# ---- the guest's guest ----

walked=64 # MiB
typed='uname -srm; grep MemTotal /proc/meminfo; grep -o ^0:.*irq:4 /proc/tty/driver/serial; reboot -f'
cat >"$work/inner.sh" <<'GUEST'
#!/bin/sh
echo "Linux is up, on a space of axas."
setsid cttyhack sh
GUEST
"${boot[@]}" --init "$work/inner.sh" --initrd "$work/inner.img"

# kernel NAME: of a few instructions, which are standard input: a bzImage as the boot protocol
# has it, without what only Linux needs
kernel() {
	"$(cross_of "$k_arch")gcc" -c -x assembler-with-cpp -o "$work/$1.o" - &&
		"$(cross_of "$k_arch")objcopy" -O binary -j .text "$work/$1.o" "$work/$1.bin" &&
		python3 - "$work/$1.bin" >"$work/$1.img" <<-'END'
			import struct, sys
			fields = ((0x1f1, "B", 1), (0x202, "4s", b"HdrS"), (0x206, "H", 0x20c), (0x211, "B", 1),
			(0x236, "H", 1), (0x238, "I", 2047), (0x258, "Q", 0x1000000), (0x260, "I", 0x100000))
			setup = bytearray(1024)
			for at, form, value in fields: struct.pack_into("<" + form, setup, at, value)
			sys.stdout.buffer.write(setup + bytes(512) + open(sys.argv[1], "rb").read())
		END
}
kernel modes <"$AXAS_TREE/tools/tests/modes.S"
# What a device in memory is not for.
kernel unknown <<'END'
	mov	$0xe0000400, %eax
	movups	%xmm0, (%rax)
END
kernel across <<'END'
	mov	0xe0000ffe, %eax
END
kernel code <<'END'
	mov	$0xe0000400, %eax
	jmp	*%rax
END
# The page fault's gate, not what faults, is in the device.
kernel gate <<'END'
	lidt	1f(%rip)
	movabs	0x100000000, %eax
1:	.word	0xfff
	.quad	0xe0000000
END
# The CPU still has the translation of 16 MiB, where this is.
kernel gone <<'END'
	mov	$0xe0000400, %eax
	movq	$0, 0x12040
	mov	(%rax), %cl
END
kernel tables <<'END'
	mov	$0xe0000000, %eax
	mov	%rax, %cr3
END

kernels='modes unknown across gate gone code tables' images=()
for k in $kernels; do
	images+=(--file "$work/$k.img:/$k")
done

# ---- the guest ----

cat >"$work/run.sh" <<GUEST
#!/bin/sh
export LC_ALL=C.UTF-8 COLUMNS=80
walk() { axas-vmm --ram ${walked}M "\$@" </dev/null; }
show() { echo; echo "guest# \$*"; }

# linux ARG...: at the prompt somebody types
linux() {
	rm -f /tmp/keyboard
	mkfifo /tmp/keyboard
	axas-vmm --initrd /initrd.img --append quiet "\$@" /vmlinuz </tmp/keyboard >/tmp/linux 2>&1 &
	exec 3>/tmp/keyboard
	tail -f /tmp/linux &
	n=0
	until grep -q '^/ # ' /tmp/linux || [ \$n -ge 600 ]; do
		n=\$((n + 1))
		sleep 0.2
	done
	echo '$typed' >&3
	wait %1
	status=\$?
	sleep 1.5
	kill %2
	exec 3>&-
	return \$status
}

uname -srm
insmod /axas.ko
insmod /axas_vcpu.ko
show axas-vmm --ram ${walked}M
walk
echo "demo: walker \$?"
walk --json >/tmp/walk4k 2>/dev/null
walk --json --leaf 2M >/tmp/walk2m 2>/dev/null
echo "demo: leaves \$?"
walk --serial mmio --json >/tmp/walkmmio 2>/dev/null
echo "demo: mmio \$?"
for k in $kernels; do
	show axas-vmm --serial mmio \$k
	axas-vmm --serial mmio /\$k </dev/null
	echo "demo: \$k \$?"
done
show 'axas-vmm --initrd initrd.img vmlinuz'
linux --then 'axasctl map \$AXAS_SPACE; axasctl map \$AXAS_SPACE --svg /tmp/map.svg;
	axasctl stats \$AXAS_SPACE --json >/tmp/stats'
echo "demo: linux \$?"
show 'axas-vmm --serial mmio --initrd initrd.img vmlinuz'
linux --serial mmio
echo "demo: linux-mmio \$?"
show "axas-vmm --append 'memmap=exactmap memmap=640K@0 memmap=511M@1M' vmlinuz"
axas-vmm --append 'quiet memmap=exactmap memmap=640K@0 memmap=511M@1M' /vmlinuz </dev/null
echo "demo: beyond \$?"
rmmod axas_vcpu
rmmod axas
dmesg | tail -n 100 | grep -q 'axas: unloaded, 0 frames in use' && echo "demo: unloaded 0"
for f in walk4k walk2m walkmmio stats map.svg; do
	echo "axas-run: file \$f"
	cat /tmp/\$f
	echo
done
echo "axas-run: dmesg"
dmesg
GUEST

say "booting $(basename "$k_image") in QEMU, and guests in it (emulated twice: about a minute)"
rc=0
"${boot[@]}" --kernel "$k_image" --init "$work/run.sh" --mem 1G --timeout 300 \
	--file "$build/$kernel/axas.ko" --file "$build/$kernel/samples/vcpu/axas_vcpu.ko" \
	--file "$build/tools-$k_arch/axas-vmm:/bin/axas-vmm" --file "$build/tools-$k_arch/axasctl:/bin/axasctl" \
	--file "$k_image:/vmlinuz" --file "$work/inner.img:/initrd.img" \
	"${images[@]}" --append loglevel=4 --log "$log" 2>"$work/err" |
	awk '/^axas-run: / { quiet = 1 } !quiet && !/^demo: / { print; fflush() }' || rc=${PIPESTATUS[0]}

# ---- was it so? ----

passed=0 failed=0
# so WHAT COMMAND...
so() {
	if "${@:2}"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "${C_RED}FAILED${C_OFF}  $1: see $log"
	fi
}
ended() { grep -q "^demo: $1 ${2:-0}\$" "$log"; }
# file NAME: what the guest has left
file() { sed -n "/^axas-run: file $1\$/,/^axas-run: /{/^axas-run: /!p;}" "$log"; }

pages=$(((0xa0000 - 0x40000) / 4096 + (walked - 1) * 256))
# The walker says so itself, and axas-vmm that the space has counted the same.
walker() { ended walker && grep -q "^walker: $pages pages written and read back, 0 wrong$" "$log"; }
# Leaves of 2 MiB take a hundredth of the faults, but where there are none.
leaves() {
	ended leaves && python3 - <(file walk4k) <(file walk2m) <<-'END'
		import json, sys
		small, large = (json.load(open(name)) for name in sys.argv[1:])
		assert small["agrees"] and large["agrees"]
		assert small["leaves"][1] == 0 and large["leaves"][1] == 31, large["leaves"]
		assert small["exits"]["fault"] > 20 * large["exits"]["fault"] > 0
	END
}
# 17 reads and 14 writes, three of each at once, and each byte that is said
mmio() {
	ended mmio && python3 - <(file walkmmio) <<-END
		import json, sys
		all = json.load(open(sys.argv[1]))
		said = len("walker: $pages pages written and read back, 0 wrong\n")
		assert all["agrees"] and all["ports"]["no-area"] == 0, all
		assert all["mmio"] == {"reads": 17 + said, "writes": 14 + said}, all["mmio"]
		assert all["faults"]["device"] == 28 + 2 * said, all["faults"]
	END
}
# refused NAME WHAT
refused() { ended "$1" 125 && grep -q "^axas-vmm: 0x$2 (rip 0x[0-9a-f]*)" "$log"; }
refusals() {
	refused unknown "e0000400 (serial port): an instruction that isn't known here: 0f 11 00\( 00\)*" &&
		refused across "e0000ffe (serial port): the operand goes on in another page: a1 fe 0f 00 e0\( 00\)*" &&
		refused gate "e00000e[0-9a-f] (serial port): not the operand of the instruction: a1 [0-9a-f ]*" &&
		refused gone "e0000400 (serial port): the guest's page tables no longer lead to the instruction:" &&
		refused tables "e0000[0-9a-f]* (serial port): the guest's page tables are there:[0-9a-f ]*" &&
		refused code "e0000400 can't be run by the guest"
}
answered() {
	ended linux && grep -q '^/ # .*uname -srm' "$log" &&
		[ "$(grep -c "^Linux $(basename "$k_image" | sed 's/vmlinuz-//') x86_64$" "$log")" -eq 3 ] &&
		grep -q '^MemTotal: *2[0-9]\{5\} kB' "$log" && grep -q '^0: uart:16550A port:000003F8 irq:4' "$log"
}
# What it says by the port in memory, and nothing by another, from its first line on
answered_mmio() {
	ended linux-mmio &&
		sed -n '/^guest# axas-vmm --serial mmio --initrd/,/^demo: linux-mmio/p' "$log" >"$work/mmio" &&
		grep -q 'bootconsole \[uart8250\] enabled' "$work/mmio" &&
		grep -q '^/ # .*uname -srm' "$work/mmio" &&
		grep -q '^0: uart:16550A mmio:0xE0000400 irq:4' "$work/mmio" &&
		[ "$(sed -n 's/^  \.\.\. emulated writes *//p' "$work/mmio")" -gt 1000 ] &&
		grep -q '^the space has counted the same' "$work/mmio"
}
# All three have it: the CPU's exits, the answers to them, and what axasctl reads of the space.
counted() {
	file stats | python3 -c '
import json, re, sys
text = open(sys.argv[1]).read()
text = text[text.index("guest# axas-vmm --initrd"):text.index("demo: linux")]
def number(what): return int(re.search(r"^  " + what + r" +(\d+)$", text, re.M)[1])
faults = json.load(sys.stdin)["faults"]
assert number("nested fault") == number("resolved") == faults["resolved"] > 10000, faults
assert number("port") == sum(map(int, re.findall(r"^  (?:device|no-area) +(\d+)$", text.split("\nports\n")[1].split("\nMSRs\n")[0], re.M)))
assert "the space has counted the same" in text' "$log"
}
# It believes in memory that it doesn't have.
beyond() { ended beyond 125 && grep -q "^axas-vmm: 0x[0-9a-f]* can't be .* by the guest.*: no-area" "$log"; }
picture() {
	file map.svg | sed '/^$/d' >"$build/demo-guest.svg" &&
		python3 -c 'import sys, xml.etree.ElementTree as e
assert len(list(e.parse(sys.argv[1]).iter("{http://www.w3.org/2000/svg}rect"))) > 20' "$build/demo-guest.svg"
}
quiet() { [ "$rc" -eq 0 ] && ended unloaded && [ -z "$(splats "$log")" ]; }

so "the walker" walker
so "leaves of 2 MiB" leaves
so "a serial port in memory" mmio
so "... in all modes" ended modes
so "what a device in memory is not for" refusals
so "Linux answers" answered
so "... by a serial port in memory" answered_mmio
so "all have counted the same" counted
so "memory that isn't there" beyond
so "a picture of Linux's memory" picture
so "the kernel afterwards" quiet
[ "$failed" -eq 0 ] || cat "$work/err" >&2
say "Linux's memory as a picture: $build/demo-guest.svg"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
