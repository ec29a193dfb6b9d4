#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fetch-distro.sh [x86_64|arm64|rt] - unpack the distribution's own prebuilt kernel
#
# Downloads the running suite's linux-image and matching linux-headers and
# linux-kbuild packages and unpacks them below the cache; nothing is installed.
# Absolute paths in the headers are changed, so that make -C HEADERS M=... works
# from there.  The kernel is that of an architecture (this machine's), or with
# PREEMPT_RT.  Prints three lines: the kernel image, the modules directory
# (lib/modules/ABI, with its dependency lists made) and the headers directory.
# Unpacks once; safe to interrupt and to repeat.

. "$(dirname "$0")/common.sh"
help_wanted "$@"
flavour='' arch=$(host_arch)
case "$*" in
'') ;;
x86_64 | arm64) arch=$1 ;;
rt) flavour=rt- ;;
*) usage_error "expected x86_64, arm64, rt or nothing" ;;
esac
is_debian || die "this needs a Debian machine; elsewhere use scripts/build-kernel.sh"
need kmod make gcc libc6-dev libelf1

deb_arch=${arch/x86_64/amd64}
want_lists

# of APT-TOOL ARG...: ask the lists of that architecture
from=-
[ "$arch" = "$(host_arch)" ] || from=$(running_codename)/$deb_arch
of() { if [ "$from" = - ]; then "$@"; else suite_apt "$from" "$@"; fi; }
depends_of() { of apt-cache depends "$1" | sed -n 's/^ *Depends: //p'; }
image_pkg=$(depends_of "linux-image-$flavour$deb_arch" | grep '^linux-image-[0-9]' || true)
[ -n "$image_pkg" ] || die "apt knows no linux-image-$flavour$deb_arch here; run apt-get update"
abi=${image_pkg#linux-image-}
version=$(of apt-cache show "$image_pkg" | awk '/^Version:/ && !n++ { print $2 }')
dir=$AXAS_CACHE/distro/$abi-$version

result() {
	echo "$dir/boot/vmlinuz-$abi"
	echo "$dir/lib/modules/$abi"
	echo "$dir/usr/src/linux-headers-$abi"
}
if [ -e "$dir/.done" ]; then
	result
	exit 0
fi
lock_cache distro
if [ ! -e "$dir/.done" ]; then
	headers_pkg=linux-headers-$abi
	mapfile -t pkgs < <(depends_of "$headers_pkg" | grep -E '^linux-(headers-.*common|kbuild-)' || true)
	[ "${#pkgs[@]}" -ge 2 ] || die "apt does not know what $headers_pkg depends on; run apt-get update"
	mkdir -p "$AXAS_CACHE/distro" "$AXAS_CACHE/log"
	rm -rf "$AXAS_CACHE/distro"/.tmp.*
	tmp=$(mktemp -d "$AXAS_CACHE/distro/.tmp.XXXXXX")
	for pkg in "$image_pkg" "$headers_pkg" "${pkgs[@]}"; do
		# What runs at a build is this machine's own.
		case "$pkg" in
		linux-kbuild-*) deb=$(suite_download - "$pkg") ;;
		*) deb=$(suite_download "$from" "$pkg") ;;
		esac
		run_logged "$AXAS_CACHE/log/unpack-$pkg.log" "unpacking $pkg" dpkg -x "$deb" "$tmp" ||
			die "could not unpack $deb; delete it and run this again"
		rm -f "$deb"
	done
	# The unpacked files name each other by where they would be installed.
	grep -rlE '/usr/(src|lib)/linux-' "$tmp/usr/src/linux-headers-$abi/Makefile" \
		"$tmp/usr/src/linux-headers-$abi/.kernelvariables" 2>/dev/null |
		xargs -r sed -i -E "s#(^|[^A-Za-z0-9_./-])(/usr/(src|lib)/linux-)#\\1$dir\\2#g"
	rm -f "$tmp/lib/modules/$abi/build" "$tmp/lib/modules/$abi/source"
	ln -s "../../../usr/src/linux-headers-$abi" "$tmp/lib/modules/$abi/build"
	find "$tmp/usr/src" -type l -lname '/usr/*' | while read -r link; do
		ln -sfn "$dir$(readlink "$link")" "$link"
	done
	run_logged "$AXAS_CACHE/log/depmod.log" "listing the modules of $abi" \
		depmod -b "$tmp" "$abi" || die "depmod failed over $tmp"
	touch "$tmp/.done"
	rm -rf "$dir"
	mv "$tmp" "$dir"
fi
result
