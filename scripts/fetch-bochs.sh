#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# fetch-bochs.sh - unpack a Bochs whose CPUs have all that the tests ask for
#
# Bochs 2.7, which Debian 12 has, knows no mode-based execute control for EPT; Bochs
# 3.0 does. So Bochs comes from Debian 13 on every machine, with the libraries that
# it runs on, down to its C library. apt finds out which those are, with a private
# state as on a machine that has nothing; they are unpacked below the cache, and
# nothing is installed. Prints the command, which takes Bochs' own arguments ("--help
# cpu" lists its CPUs) and has BXSHARE set for what it reads. Unpacks once; safe to
# interrupt and to repeat.

. "$(dirname "$0")/common.sh"
help_wanted "$@"
[ $# -eq 0 ] || usage_error "expected nothing"

suite=trixie
version=$(suite_apt "$suite" apt-cache show bochs | awk '/^Version:/ && !n++ { print $2 }')
[ -n "$version" ] || die "the suite '$suite' of this machine's archive has no Bochs"
dir=$AXAS_CACHE/bochs/$version
if [ -e "$dir/.done" ]; then
	echo "$dir/bochs"
	exit 0
fi

lock_cache bochs
if [ ! -e "$dir/.done" ]; then
	mkdir -p "$AXAS_CACHE/bochs" "$AXAS_CACHE/log"
	rm -rf "$AXAS_CACHE/bochs"/.tmp.*
	tmp=$(mktemp -d "$AXAS_CACHE/bochs/.tmp.XXXXXX")
	mkdir -p "$tmp/deb/partial"
	: >"$tmp/deb/status"
	run_logged "$AXAS_CACHE/log/get-bochs.log" "downloading Bochs $version and its libraries" \
		suite_apt "$suite" apt-get -o Dir::State::status="$tmp/deb/status" \
		-o Dir::Cache::archives="$tmp/deb" -o Debug::NoLocking=1 --no-install-recommends \
		--download-only --yes install bochs bochs-term bochsbios vgabios ||
		die "could not download Bochs; see $AXAS_CACHE/log/get-bochs.log"
	unpack() {
		local deb
		for deb in "$tmp"/deb/{bochs,vgabios,lib}*.deb; do
			dpkg -x "$deb" "$tmp" || return
		done
		# What it reads is programs, libraries and these.
		find "$tmp" "$tmp/usr/share" -mindepth 1 -maxdepth 1 ! -name usr ! -name share \
			! -name bochs ! -name vgabios -exec rm -rf {} +
	}
	run_logged "$AXAS_CACHE/log/unpack-bochs.log" "unpacking Bochs $version" unpack ||
		die "could not unpack Bochs; see $AXAS_CACHE/log/unpack-bochs.log"
	cat >"$tmp/bochs" <<'RUN'
#!/bin/sh
# The newer C library has to be loaded by its own loader.
top=$(dirname "$0")
loader=$(echo "$top"/usr/lib/*/ld-linux-*.so.*)
lib=$(dirname "$loader")
export BXSHARE="$top/usr/share/bochs" LTDL_LIBRARY_PATH="$lib/bochs/plugins"
exec "$loader" --library-path "$lib" "$top/usr/bin/bochs-bin" "$@"
RUN
	chmod +x "$tmp/bochs"
	[[ "$("$tmp/bochs" --help cpu 2>&1)" == *corei7_skylake_x* ]] ||
		die "Bochs $version doesn't run on this machine: $tmp/bochs --help cpu"
	touch "$tmp/.done"
	rm -rf "$dir"
	mv "$tmp" "$dir"
fi
echo "$dir/bochs"
