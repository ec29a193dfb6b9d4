#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fetch-qemu.sh - fetch the header for plugins of this machine's QEMU
#
# Debian has qemu-plugin.h in QEMU's source package only, which comes through apt
# with a private state; nothing is installed. Prints the directory of the header.
# Fetches once; safe to interrupt and to repeat.

. "$(dirname "$0")/common.sh"
help_wanted "$@"
[ $# -eq 0 ] || usage_error "expected nothing"
need qemu-system-x86 xz-utils

version=$(qemu-system-x86_64 --version | sed -n '1s/^QEMU emulator version \([0-9.]*\).*/\1/p')
[ -n "$version" ] || die "qemu-system-x86_64 doesn't say its version"
dir=$AXAS_CACHE/src/qemu-$version
if [ -s "$dir/qemu-plugin.h" ]; then
	echo "$dir"
	exit 0
fi

lock_cache fetch-qemu
mkdir -p "$dir" "$AXAS_CACHE/log"
tmp=$(mktemp -d "$AXAS_CACHE/src/.tmp-qemu.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
download() {
	cd "$tmp" || return
	suite_apt "$(running_codename)/source" apt-get source --download-only qemu
	tar -xJOf "$tmp"/qemu_*.orig.tar.xz --wildcards '*/include/qemu/qemu-plugin.h' >"$tmp/header"
}
run_logged "$AXAS_CACHE/log/fetch-qemu.log" "downloading QEMU's source for its plugins' header" \
	download || die "could not get qemu-plugin.h; see $AXAS_CACHE/log/fetch-qemu.log"
mv "$tmp/header" "$dir/qemu-plugin.h"
echo "$dir"
