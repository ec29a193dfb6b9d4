#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check-install.sh - install axas in every way there is, and remove it again
#
#   make install   into a DESTDIR, for the distribution's kernel; uninstall; and
#                  without one, in a throw-away copy of this machine's root (an
#                  overlay; takes root)
#   dkms           in a private tree: build, install, upgrade, remove
#   packages       build, lintian, and what is in them
#   apt            install, upgrade and purge them, in another such copy
#   outside        a module and a format are built against what dkms has installed,
#                  and loaded beside the axas that it has built
#   guest          the distribution's kernel loads what dkms has built; udev and
#                  the rule give /dev/axas to a group
#
# This machine is left as it is.  Each step counts as a test; the last line is
# "N passed, N failed", with ", N skipped" when some were.  Logs stay in
# build/log/install-*.log.

. "$(dirname "$0")/common.sh"
help_wanted "$@"
[ $# -eq 0 ] || usage_error "expected no argument"

scripts=$AXAS_TREE/scripts
logs=$AXAS_TREE/build/log
version=$(cat "$AXAS_TREE/VERSION")
newer=$version.1
mkdir -p "$logs"
rm -f "$logs"/install-*.log
need make gcc libc6-dev kmod dpkg-dev debhelper dh-dkms dh-python dkms lintian fakeroot libjson-c-dev libzstd-dev \
	pkg-config python3 groff-base python3-sphinx furo mandoc
want_lists
distro=$("$scripts/fetch-distro.sh")
{
	read -r image
	read -r moddir
	read -r headers
} <<<"$distro"
kernel=$("$scripts/fetch-kernel.sh" 6.12)
release=$(basename "$moddir")
arch=$(dpkg --print-architecture)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/axas
mkdir "$tree"
(cd "$AXAS_TREE" && tar -c --exclude=./.git --exclude=./build .) | tar -x -C "$tree"
make -s -C "$tree" clean

passed=0 failed=0 skipped=0
# check NAME WORD [ARG]: run the function check_WORD, which stops at what fails
check() {
	local name=$1 log rc=0
	log=$logs/install-$2.log
	say "$name"
	# Not in a condition: there "set -e" would mean nothing.
	("check_$2" "${@:3}") >"$log" 2>&1 &
	wait $! || rc=$?
	case "$rc" in
	0) echo "passed: $name" && passed=$((passed + 1)) ;;
	77) echo "skipped: $name: $(tail -n 1 "$log")" && skipped=$((skipped + 1)) ;;
	*)
		printf '%sFAILED%s: %s\n' "$C_RED" "$C_OFF" "$name"
		tail -n 20 "$log" | sed 's/^/  | /'
		echo "  the whole log: $log"
		failed=$((failed + 1))
		;;
	esac
}

# same FILE WHAT: FILE has the lines on stdin, in any order; WHAT is expected
same() { diff -u --label expected --label "$2" <(sort) <(sort "$1"); }

# is WHAT EXPECTED GOT
is() { [ "$2" = "$3" ] || { echo "$1: expected '$2', got '$3'" && return 1; }; }

# ---- make ----

check_versions() {
	is VERSION "$version" "$(sed -n '/^[0-9.]*$/p' "$tree/VERSION")"
	is dkms.conf "$version" "$(sed -n 's/^PACKAGE_VERSION="\(.*\)"$/\1/p' "$tree/dkms.conf")"
	is debian/changelog "$version" "$(dpkg-parsechangelog -l "$tree/debian/changelog" -S Version)"
}

# What make install gives, below PREFIX
installed_files() {
	cat <<-END
		bin/axas-migrate
		bin/axas-replay
		bin/axas-run
		bin/axas-trace
		bin/axas-vmm
		include/axas.h
		include/linux/axas.h
		lib/libaxas.a
		lib/libaxas.so
		lib/libaxas.so.0
		lib/libaxas.so.$version
		lib/pkgconfig/libaxas.pc
		lib/python3/dist-packages/axas.py
		lib/sysusers.d/axas.conf
		lib/udev/rules.d/65-axas.rules
		bin/axasctl
		share/bash-completion/completions/axas-migrate
		share/bash-completion/completions/axas-replay
		share/bash-completion/completions/axas-run
		share/bash-completion/completions/axas-trace
		share/bash-completion/completions/axas-vmm
		share/bash-completion/completions/axasctl
		share/fish/vendor_completions.d/axas-migrate.fish
		share/fish/vendor_completions.d/axas-replay.fish
		share/fish/vendor_completions.d/axas-run.fish
		share/fish/vendor_completions.d/axas-trace.fish
		share/fish/vendor_completions.d/axas-vmm.fish
		share/fish/vendor_completions.d/axasctl.fish
		share/man/man1/axas-migrate.1
		share/man/man1/axas-replay.1
		share/man/man1/axas-run.1
		share/man/man1/axas-trace.1
		share/man/man1/axas-vmm.1
		share/man/man1/axasctl.1
		share/man/man3/axas.3
		share/zsh/site-functions/_axas-migrate
		share/zsh/site-functions/_axas-replay
		share/zsh/site-functions/_axas-run
		share/zsh/site-functions/_axas-trace
		share/zsh/site-functions/_axas-vmm
		share/zsh/site-functions/_axasctl
	END
	sed -n 's#^\t\(axas_[a-z_]*\);$#share/man/man3/\1.3#p' "$tree/tools/lib/libaxas.map"
}

files_in() { (cd "$1" && find . ! -type d ! -name 'modules.*' | sed 's#^\./##') >"$work/files"; }

check_no-headers() {
	make -C "$tree" KDIR="$work/nowhere" 2>&1 | tee "$work/make.out"
	[ -x "$tree/tools/axasctl" ]
	grep "no kernel headers at $work/nowhere" "$work/make.out"
	grep 'the tools are built, the module is left out' "$work/make.out"
	! make -C "$tree" modules KDIR="$work/nowhere"
}

check_make() {
	make -C "$tree" install KDIR="$headers" DESTDIR="$work/dest" PREFIX=/usr
	files_in "$work/dest"
	{
		installed_files | sed 's#^#usr/#'
		find "$work/dest/lib/modules/$release" -name axas.ko -printf 'lib/modules/%P\n'
	} | sed "s#^lib/modules/#&$release/#" | same "$work/files" "make install"
	is "modinfo" "$version" "$(modinfo -F version "$work/dest/lib/modules/$release"/*/axas.ko)"
	is "axas-replay" "axas-replay $version" "$("$work/dest/usr/bin/axas-replay" --version)"
}

check_uninstall() {
	make -C "$tree" uninstall KDIR="$headers" DESTDIR="$work/dest" PREFIX=/usr
	files_in "$work/dest"
	same "$work/files" "make uninstall" </dev/null
}

# ---- dkms ----

mkdir -p "$work/dkms" "$work/installed/$release"
dkms_run() {
	local root=()
	[ "$(id -u)" -eq 0 ] || root=(fakeroot)
	"${root[@]}" dkms "$1" --dkmstree "$work/dkms" --sourcetree "$work/usr/src" \
		--installtree "$work/installed" --kernelsourcedir "$headers" \
		-k "$release" -a "$(uname -m)" --no-depmod "${@:2}"
}
dkms_module() { find "$work/installed" -name 'axas.ko*'; }

# dkms_install VERSION: as a package does it
dkms_install() {
	make -C "$tree" dkms-source DESTDIR="$work"
	dkms_run add axas/"$1"
	dkms_run build axas/"$1" >"$work/dkms.out" ||
		{ cat "$work/dkms.out" "$work/dkms/axas/$1/build/make.log" && return 1; }
	is "what dkms calls bad" '' "$(grep bad "$work/dkms.out" || true)"
	dkms_run install axas/"$1"
	is "the module's version" "$1" "$(modinfo -F version "$(dkms_module)")"
	dkms_run status axas/"$1" | grep -w installed
}

# bump: the tree becomes the next version
bump() {
	echo "$newer" >"$tree/VERSION"
	sed -i "s/^PACKAGE_VERSION=.*/PACKAGE_VERSION=\"$newer\"/" "$tree/dkms.conf"
	sed -i "1s/(.*)/($newer)/" "$tree/debian/changelog"
}

check_dkms-install() {
	dkms_install "$version"
	is "vermagic" "$release" "$(modinfo -F vermagic "$(dkms_module)" | cut -d' ' -f1)"
	cp "$(dkms_module)" "$work"
}

check_dkms-upgrade() {
	dkms_install "$newer"
	dkms_run remove axas/"$version"
	is "the module's version" "$newer" "$(modinfo -F version "$(dkms_module)")"
}

# A kernel with large pages is left alone: 77 is not an error for a package.
check_dkms-pages() {
	local size rc
	for size in 16 64; do
		mkdir -p "$work/headers-$size"
		echo "CONFIG_ARM64_${size}K_PAGES=y" >"$work/headers-$size/.config"
		rc=0
		headers=$work/headers-$size release=$release-${size}k \
			dkms_run build axas/"$newer" >"$work/dkms.out" 2>&1 || rc=$?
		cat "$work/dkms.out"
		is "status for ${size}K pages" 77 "$rc"
		grep 'BUILD_EXCLUSIVE directive which does not match' "$work/dkms.out"
	done
}

check_dkms-remove() {
	dkms_run remove axas/"$newer"
	is "modules left" '' "$(dkms_module)"
	is "dkms status" '' "$(dkms_run status)"
}

# ---- packages ----

# The kernel's source, which is large, need not be a package here.
check_packages() {
	local missing
	missing=$(cd "$tree" && dpkg-checkbuilddeps 2>&1 | sed 's/.*: //; s/\blinux-source\b//') || true
	is "build dependencies that are missing" '' "${missing// /}"
	(cd "$tree" && AXAS_KERNEL=$kernel dpkg-buildpackage -us -uc -b -d)
	mkdir -p "$work/$1"
	mv "$work"/*.deb "$work"/*.changes "$work"/*.buildinfo "$work/$1"
}

check_full() {
	check_packages old | tee "$work/build.out"
	grep '^ok 1 ' "$work/build.out"
}

# Without tests and without the book.
check_lean() {
	export DEB_BUILD_PROFILES='nocheck nodoc' DEB_BUILD_OPTIONS='nocheck nodoc'
	check_packages new | tee "$work/build.out"
	is "tests that ran" '' "$(grep 'TAP version' "$work/build.out" || true)"
	is "packages" 'axas-dkms axas-tools libaxas-dev libaxas0 python3-axas' \
		"$(cd "$work/new" && printf '%s\n' *.deb | grep -v dbgsym | sed 's/_.*//' | paste -sd ' ')"
}

check_lintian() {
	lintian --allow-root --fail-on error,warning "$work/old/"*.changes
}

contents() { # contents PACKAGE: its files but those that all packages have
	dpkg-deb --fsys-tarfile "$work/old/$1_${version}_"*.deb | tar -t |
		sed -n 's#^\./##; /^$/d; /\/$/d; /^usr\/share\/doc\//d; p' >"$work/files"
}

# in_package PACKAGE PATTERN: it has those of installed_files, and no more
in_package() {
	contents "$1"
	sed -i "s#^usr/##; s#^lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)/#lib/#; s#\(/man/.*\)\.gz\$#\1#" "$work/files"
	sed -i 's#zsh/vendor-completions#zsh/site-functions#' "$work/files"
	installed_files | grep -E "$2" | same "$work/files" "$1"
}

check_contents() {
	contents axas-dkms
	{
		# Nothing that the sources include is left out.
		cd "$tree"
		find . \( -path ./kunit -o -path ./samples -o -path ./selftests -o -path ./tools \
			-o -path ./debian -o -path ./scripts -o -name '*.mod.c' \) \
			-prune -o \( -name '*.[chS]' -o -name Kbuild -o -name core.mk -o -name VERSION -o -name dkms.conf \) -print |
			sed "s#^\.#usr/src/axas-$version#"
	} | same "$work/files" axas-dkms
	# Each file is in the one package where it belongs.
	in_package axas-tools '^(bin|lib/[a-z]*\.d|lib/udev)/|completion|site-functions|man1/'
	in_package libaxas0 '^lib/libaxas\.so\.'
	in_package python3-axas 'python3/'
	in_package libaxas-dev '^include/|^lib/libaxas\.(a|so)$|pkgconfig/|man3/'
	dpkg-deb --fsys-tarfile "$work/old/axas-doc_${version}_all.deb" | tar -t >"$work/files"
	for f in html/index.html html/uapi.html examples/example.c examples/samples/plugins/axas_gstage.c; do
		grep -x "./usr/share/doc/axas-doc/$f" "$work/files"
	done
}

# What dpkg-buildflags asks for is in the programs and in the library.
check_hardening() {
	local f
	for f in axas-tools libaxas0; do
		dpkg-deb -x "$work/old/${f}_${version}_"*.deb "$work/hard"
	done
	for f in "$work/hard/usr/bin"/* "$work/hard/usr/lib"/*/libaxas.so."$version"; do
		readelf -dW "$f" | grep BIND_NOW
		readelf -lW "$f" | grep GNU_RELRO
		readelf -hW "$f" | grep 'Type: *DYN'
		readelf -sW "$f" | grep -E '__[a-z]+_chk'
	done
}

# ---- in a copy of the root ----

# Runs $inside in a mount namespace of its own, as root.
root_script() {
	cat <<-'END'
		set -ex
		mount -t tmpfs tmpfs "$work/overlay"
		cd "$work/overlay"
		mkdir upper work root
		mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root || exit 77
		mount -t proc proc root/proc
		mount --rbind /dev root/dev
		mkdir -p "root$headers" root/debs
		mount --rbind "$AXAS_CACHE" "root$AXAS_CACHE"
		cp -r "$work/old" "$work/new" root/debs
		# This machine has the distribution's kernel and no other.
		rm -rf root/lib/modules/* root/boot/config-* root/var/lib/dkms/axas root/usr/src/axas-*
		mkdir -p "root/lib/modules/$release"
		ln -s "$headers" "root/lib/modules/$release/build"
		cp "$headers/.config" "root/boot/config-$release"
		printf '#!/bin/sh\nexit 101\n' >root/usr/sbin/policy-rc.d
		chmod +x root/usr/sbin/policy-rc.d
		# Nor do others see what comes of a module's name in the host's kernel.
		exec chroot root bash -exc "$inside"
	END
}

# shellcheck disable=SC2016 # for the shell inside
make_inside='
command -v systemd-sysusers || apt-get install -y --no-install-recommends systemd-standalone-sysusers
names() { find /lib/modules /usr /etc -name "*axas*" | sort; }
before=$(names)
make -C "$work/axas" install KDIR="/lib/modules/$release/build"
ldconfig
modprobe --set-version "$release" --show-depends axas | grep -F axas.ko
systemd-sysusers
getent group axas
[ "$(axas-replay --version)" = "axas-replay $newer" ]
[ "$(axasctl --version)" = "axasctl $newer" ]
gcc -Wall -Werror $(pkg-config --cflags libaxas) "$work/axas/tools/lib/example.c" $(pkg-config --libs libaxas) -o /tmp/example
ldd /tmp/example | grep /usr/local/lib/libaxas.so.0
make -C "$work/axas" uninstall KDIR="/lib/modules/$release/build"
[ "$(names)" = "$before" ]
! modprobe --set-version "$release" --show-depends axas
'

# shellcheck disable=SC2016 # for the shell inside
apt_inside='
ko() { find /lib/modules -name "axas.ko*"; }
install() { apt-get -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 install -y --no-install-recommends "$@"; }
install $(ls /debs/old/*.deb | grep -v dbgsym)
[ "$(modinfo -F version "$(ko)")" = "$version" ]
getent group axas
[ "$(axas-replay --version)" = "axas-replay $version" ]
[ "$(axasctl --version)" = "axasctl $version" ]
[ "$(pkg-config --modversion libaxas)" = "$version" ]
gcc -Wall -Werror $(pkg-config --cflags libaxas) "$work/axas/tools/lib/example.c" $(pkg-config --libs libaxas) -o /tmp/example
ldd /tmp/example | grep libaxas.so.0
install $(ls /debs/new/*.deb | grep -v dbgsym)
[ "$(modinfo -F version "$(ko)")" = "$newer" ]
[ "$(axas-replay --version)" = "axas-replay $newer" ]
[ ! -e "/usr/src/axas-$version" ]
dkms status | grep -x "axas/$newer, .*: installed"
apt-get purge -y axas-dkms axas-tools axas-doc libaxas0 libaxas-dev python3-axas
[ -z "$(ko)" ]
[ -z "$(dkms status axas)" ]
[ -z "$(find /usr /etc /var/lib/dkms -path /usr/local -prune -o -name "*axas*" -print)" ]
'

# in_root SCRIPT
in_root() {
	mkdir -p "$work/overlay"
	export work headers release version newer AXAS_CACHE inside=$1
	export DEBIAN_FRONTEND=noninteractive
	if [ "$(id -u)" -ne 0 ] && ! sudo -n true; then
		echo "needs root, for a mount of its own"
		exit 77
	fi
	as_root unshare -m true || { echo "no mount namespace here" && exit 77; }
	as_root unshare -m bash -c "$(root_script)"
}

check_make-root() { in_root "$make_inside"; }
check_apt() { in_root "$apt_inside"; }

# ---- the guest ----

guest_script() {
	cat <<-'END'
		#!/bin/sh
		mkdir -p /run/udev
		/bin/udevadm --version && ln -s /bin/udevadm /bin/systemd-udevd
		systemd-udevd --daemon || exit 1
		insmod /axas.ko || exit 1
		/bin/udevadm settle
		echo "version: $(cat /sys/module/axas/version)"
		echo "device: $(stat -c '%U:%G %a' /dev/axas)"
		for u in member other; do
			echo "$u: $(su $u -c 'exec 3<>/dev/axas && echo opens' 2>&1 | tail -n 1)"
		done
		rmmod axas
	END
}

# As Documentation/tutorial-kernel.rst says.
check_outside() {
	local source=$work/usr/src/axas-$version dir=$work/outside
	cp -r "$source" "$work/symbols"
	make -C "$headers" M="$work/symbols" CONFIG_AXAS=m modules
	mkdir "$dir"
	cp "$tree"/samples/hello/{Kbuild,axas_hello.c} "$tree/samples/plugins/axas_gstage.c" "$dir"
	echo 'obj-m += axas_gstage.o' >>"$dir/Kbuild"
	make -C "$headers" M="$dir" AXAS="$source" \
		KBUILD_EXTRA_SYMBOLS="$work/symbols/Module.symvers" modules
	cat >"$work/run.sh" <<-'END'
		#!/bin/sh
		for m in axas axas_hello axas_gstage; do insmod /$m.ko || exit; done
		rmmod axas_gstage axas_hello axas && dmesg
	END
	"$scripts/boot.sh" --kernel "$image" --arch "$(host_arch)" --init "$work/run.sh" \
		--file "$work/axas.ko" --file "$dir/axas_hello.ko" --file "$dir/axas_gstage.ko" \
		--log "$work/console"
	grep 'axas_hello: fault at 0x80001234: resolved' "$work/console"
	grep 'axas: unloaded, 0 frames in use' "$work/console"
	is "symbols without a version" '' "$(grep 'symbol version' "$work/console" || true)"
	is "kernel log" '' "$(splats "$work/console")"
}

check_guest() {
	local files=() lib deb
	deb=$(suite_download - udev)
	dpkg -x "$deb" "$work/udev"
	rm -f "$deb"
	guest_script >"$work/run.sh"
	printf '%s\n' root:x:0:0::/root:/bin/sh member:x:1000:990::/:/bin/sh other:x:1001:1001::/:/bin/sh >"$work/passwd"
	printf '%s\n' root:x:0: axas:x:990: other:x:1001: >"$work/group"
	for lib in $(ldd "$work/udev/bin/udevadm" | grep -oE '/[^ ]+'); do
		files+=(--file "$lib:$lib")
	done
	"$scripts/boot.sh" --kernel "$image" --arch "$(host_arch)" --init "$work/run.sh" \
		--file "$work/axas.ko:/axas.ko" --file "$work/udev/bin/udevadm:/bin/udevadm" \
		--file "$work/passwd:/etc/passwd" --file "$work/group:/etc/group" \
		--file "$tree/install/65-axas.rules:/lib/udev/rules.d/65-axas.rules" \
		"${files[@]}" --log "$work/console"
	is version "version: $version" "$(grep '^version: ' "$work/console")"
	is owner "device: root:axas 660" "$(grep '^device: ' "$work/console")"
	is "a member" "member: opens" "$(grep '^member: ' "$work/console")"
	grep '^other: .*Permission denied' "$work/console"
	grep 'axas: unloaded, 0 frames in use' "$work/console"
	is "kernel log" '' "$(splats "$work/console")"
}

# ---- go ----

check "one version everywhere ($version)" versions
check "make without headers builds the tools" no-headers
check "make install" make
check "make uninstall" uninstall
check "packages are built, and tested" full
check "lintian" lintian
check "what is in the packages" contents
check "hardening" hardening
check "dkms: build and install for $release" dkms-install
check "modules built outside of the tree load beside it" outside
check "the guest loads it, and the rule gives it to a group" guest
bump
check "dkms: upgrade to $newer" dkms-upgrade
check "dkms: no build for pages of 16 or 64 KiB" dkms-pages
check "dkms: remove" dkms-remove
check "packages of $newer are built without tests and the book" lean
check "make install and uninstall without DESTDIR" make-root
check "apt: install, upgrade, purge" apt

echo "$passed passed, $failed failed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
[ "$failed" -eq 0 ]
