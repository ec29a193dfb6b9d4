#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fetch-kernel.sh SERIES - fetch and unpack a kernel's source
#
#   SERIES   6.1, 6.12 or newest (the highest linux-source-X.Y of Debian
#            unstable)
#
# The source comes as Debian's linux-source package through apt with a private
# state; nothing is installed.  Prints the directory of the unpacked source.
# Unpacks once; safe to interrupt and to repeat.

. "$(dirname "$0")/common.sh"
help_wanted "$@"
[ $# -eq 1 ] || usage_error "expected one SERIES"

case "$1" in
6.1) suite=bookworm series=6.1 ;;
6.12) suite=trixie series=6.12 ;;
newest) suite=sid series='' ;;
*) usage_error "unknown series '$1'; use 6.1, 6.12 or newest" ;;
esac
need xz-utils

if [ -z "$series" ]; then
	series=$(suite_apt "$suite" apt-cache pkgnames linux-source- |
		sed -n 's/^linux-source-\([0-9]\{1,\}\.[0-9]\{1,\}\)$/\1/p' | sort -V | tail -n 1)
	[ -n "$series" ] || die "the suite '$suite' has no linux-source-X.Y package"
fi

dir=$AXAS_CACHE/src/linux-source-$series
if [ -e "$dir/.axas-version" ]; then
	echo "$dir"
	exit 0
fi

lock_cache "fetch-$series"
if [ ! -e "$dir/.axas-version" ]; then
	# The machine's own apt also knows its suite's security updates.
	[ "$suite" != "$(running_codename)" ] || suite=-
	deb=$(suite_download "$suite" "linux-source-$series")
	version=$(dpkg-deb -f "$deb" Version)
	mkdir -p "$AXAS_CACHE/src" "$AXAS_CACHE/log"
	rm -rf "$AXAS_CACHE/src/.tmp-$series".*
	tmp=$(mktemp -d "$AXAS_CACHE/src/.tmp-$series.XXXXXX")
	unpack() {
		dpkg-deb --fsys-tarfile "$deb" |
			tar -xO "./usr/src/linux-source-$series.tar.xz" | tar -xJ -C "$tmp"
	}
	run_logged "$AXAS_CACHE/log/unpack-$series.log" "unpacking linux-source-$series" unpack ||
		die "could not unpack $deb; delete it and run this again"
	echo "$version" >"$tmp/linux-source-$series/.axas-version"
	rm -rf "$dir"
	mv "$tmp/linux-source-$series" "$dir"
	rm -rf "$tmp" "$deb"
fi
echo "$dir"
