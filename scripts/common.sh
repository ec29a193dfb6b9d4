# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# common.sh - what every script here shares; sourced, never run.
#
# Sets:   AXAS_TREE   the checkout
#         AXAS_CACHE  where downloads and built kernels live, outside the
#                     checkout; ${XDG_CACHE_HOME:-$HOME/.cache}/axas unless set
# Gives:  say die usage_from_header need as_root run_logged lock_cache
#         running_codename suite_apt suite_download host_arch cross_of
#         kernel_make_args module_sources mirror first splats

set -euo pipefail
export LC_ALL=C
# Started by make, the makes below are not its children: no job server, and no
# ARCH= of the command line.
unset MAKEFLAGS MFLAGS MAKELEVEL ARCH CROSS_COMPILE

# shellcheck disable=SC2034 # for the scripts that source this
AXAS_TREE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
AXAS_CACHE=${AXAS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/axas}
AXAS_ME=$(basename "$0")
mkdir -p "$AXAS_CACHE"

# What was compiled before, also in another checkout or for a kernel that has changed a
# little, comes from ccache where that is installed (check.sh installs it). What it needs
# to know of headers the compiler tells: a preprocessor of its own takes a third as long
# as the compiler does.
if [ -d /usr/lib/ccache ]; then
	export PATH=/usr/lib/ccache:$PATH CCACHE_DIR=$AXAS_CACHE/ccache CCACHE_NOHASHDIR=1
	export CCACHE_DEPEND=1 CCACHE_BASEDIR=$AXAS_TREE
fi

if [ -t 2 ] && [ -z "${NO_COLOR:-}" ]; then
	C_RED=$'\e[31m' C_GREEN=$'\e[32m' C_DIM=$'\e[2m' C_OFF=$'\e[0m'
else
	C_RED='' C_GREEN='' C_DIM='' C_OFF=''
fi
# shellcheck disable=SC2034 # for the scripts that source this
readonly C_RED C_GREEN C_DIM C_OFF

# say TEXT...: a progress line, on stderr so that stdout stays a result
say() { printf '%s%s:%s %s\n' "$C_DIM" "${AXAS_ME%.sh}" "$C_OFF" "$*" >&2; }

# die TEXT...: name what went wrong and how to mend it, and stop
die() {
	printf '%s%s: error:%s %s\n' "$C_RED" "${AXAS_ME%.sh}" "$C_OFF" "$*" >&2
	exit 1
}

# usage_from_header: print the comment at the top of the calling script
usage_from_header() {
	sed -n '2,/^[^#]/{/^# \{0,1\}SPDX/d;/^#$/{s/.*//;p;};s/^# //p;}' "$0" | sed '1{/^$/d;}'
}

# help_wanted "$@": with -h or --help first, print the usage and stop
help_wanted() {
	case "${1:-}" in
	-h | --help)
		usage_from_header
		exit 0
		;;
	esac
}

# usage_error TEXT: a wrong command line
usage_error() {
	printf '%s%s: error:%s %s\n' "$C_RED" "${AXAS_ME%.sh}" "$C_OFF" "$*" >&2
	printf 'Try: %s --help\n' "$0" >&2
	exit 2
}

# as_root CMD...: run CMD as root
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "'$*' needs root: run it as root, or install sudo"
	fi
}

# run_logged LOG LABEL CMD...: run CMD with its output in LOG and a progress
# line on stderr; on failure show the end of LOG and return CMD's status
run_logged() {
	local log=$1 label=$2 start pid rc=0 next=15 t
	shift 2
	start=$SECONDS
	say "$label"
	set -m # a process group of its own, so that an interrupt ends all of it
	"$@" >"$log" 2>&1 </dev/null &
	pid=$!
	set +m
	trap 'kill -- "-$pid" 2>/dev/null; exit 130' INT TERM
	while kill -0 "$pid" 2>/dev/null; do
		sleep 0.5
		t=$((SECONDS - start))
		if [ -t 2 ]; then
			printf '\r%s  %ds, %d lines%s\e[K' "$C_DIM" "$t" "$(wc -l <"$log")" "$C_OFF" >&2
		elif [ "$t" -ge "$next" ]; then
			say "  ... ${t}s, $(wc -l <"$log") lines"
			next=$((t + 15))
		fi
	done
	wait "$pid" || rc=$?
	trap - INT TERM
	[ ! -t 2 ] || printf '\r\e[K' >&2
	if [ "$rc" -ne 0 ]; then
		tail -n 30 "$log" | sed 's/^/  | /' >&2
		say "${C_RED}failed${C_OFF} (status $rc): $label; the whole log: $log"
		return "$rc"
	fi
	t=$((SECONDS - start))
	[ "$t" -lt 3 ] || say "  done in ${t}s"
}

# lock_cache NAME: hold the lock NAME of the cache until this shell ends
lock_cache() {
	local fd
	mkdir -p "$AXAS_CACHE/lock"
	exec {fd}>"$AXAS_CACHE/lock/$1"
	if ! flock -n "$fd"; then
		say "waiting for another run that holds '$1'"
		flock "$fd"
	fi
}

is_debian() { [ -r /etc/debian_version ] && command -v apt-get >/dev/null; }

# need PACKAGE...: install the Debian packages that are missing.  On a terminal
# it asks first; elsewhere it says what it does and does it.
need() {
	local p missing=() answer
	is_debian || { say "not a Debian system; assuming these are installed: $*"; return 0; }
	for p; do
		dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null |
			grep -qx installed || missing+=("$p")
	done
	[ "${#missing[@]}" -gt 0 ] || return 0
	if [ -t 0 ] && [ -t 2 ]; then
		printf '%s: needs these Debian packages: %s\nInstall them now? [Y/n] ' \
			"${AXAS_ME%.sh}" "${missing[*]}" >&2
		read -r answer
		case "$answer" in
		'' | y | Y | yes) ;;
		*) die "missing packages; install them with: apt-get install ${missing[*]}" ;;
		esac
	fi
	mkdir -p "$AXAS_CACHE/log"
	want_lists
	run_logged "$AXAS_CACHE/log/apt-install.log" "installing ${missing[*]}" \
		as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600 install -y \
		--no-install-recommends "${missing[@]}" ||
		die "apt-get could not install: ${missing[*]}"
}

have_lists() {
	[[ "$(apt-cache policy libc6 2>/dev/null)" == *"Candidate: "[0-9]* ]] &&
		[ -n "$(suite_uri 2>/dev/null)" ]
}

# want_lists: apt's lists, by one at a time: apt-get update waits for nobody
want_lists() { (lock_cache apt && { have_lists || update_lists; }) || exit; }

update_lists() {
	mkdir -p "$AXAS_CACHE/log"
	run_logged "$AXAS_CACHE/log/apt-update.log" "apt-get update" as_root apt-get update ||
		die "apt-get update failed; check this machine's apt sources and network"
}

running_codename() {
	# shellcheck disable=SC1091 # a file of the system
	(. /etc/os-release && echo "${VERSION_CODENAME:?}")
}

# suite_uri: the archive this machine itself uses, for other suites of it
suite_uri() {
	local code uri
	code=$(running_codename)
	# No pipe to a reader that leaves early: apt-get would see SIGPIPE.
	# shellcheck disable=SC2016 # apt's own variables
	uri=$(apt-get indextargets --format '$(REPO_URI) $(CODENAME)' |
		awk -v c="$code" '$2 == c && !n++ { print $1 }')
	[ -n "$uri" ] && echo "$uri"
}

# suite_apt SUITE[/ARCH|/source] apt-get|apt-cache ARGS...: run apt over another
# suite (or architecture, or source packages) of this machine's archive with a
# private state in the cache; the machine's own apt configuration is not touched
suite_apt() {
	local suite=${1%%/*} arch='' type=deb dir tool=$2 uri opts
	case "$1" in
	*/source) type="deb-src" ;;
	*/*) arch=${1#*/} ;;
	esac
	dir=$AXAS_CACHE/apt/${1//\//-}
	shift 2
	mkdir -p "$dir/none"
	opts=(-o "Dir::Etc::sourcelist=$dir/sources.list" -o "Dir::Etc::sourceparts=$dir/none"
		-o "Dir::Etc::preferencesparts=$dir/none" -o "Dir::State::Lists=$dir/lists"
		-o "Dir::Cache=$dir/cache" -o APT::Get::List-Cleanup=0
		-o APT::Default-Release= -q)
	[ -z "$arch" ] || opts+=(-o "APT::Architecture=$arch" -o "APT::Architectures=$arch")
	[ "$(id -u)" -ne 0 ] || opts+=(-o APT::Sandbox::User=root)
	if [ ! -e "$dir/.done" ]; then
		is_debian || die "needs Debian's apt to fetch from the suite '$suite'"
		uri=$(suite_uri) || { want_lists && uri=$(suite_uri); } ||
			die "this machine's apt has no source for its own suite; add one to /etc/apt"
		mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial" "$AXAS_CACHE/log"
		echo "$type [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $suite main" \
			>"$dir/sources.list"
		run_logged "$AXAS_CACHE/log/apt-$suite.log" \
			"reading the package lists of $suite${arch:+ ($arch)}" \
			apt-get "${opts[@]}" update ||
			die "no package lists for the suite '$suite' from this machine's archive"
		touch "$dir/.done"
	fi
	"$tool" "${opts[@]}" "$@"
}

# suite_download SUITE[/ARCH]|- PACKAGE: download PACKAGE's .deb into the cache
# (never installs) and print its path; "-" is the machine's own apt
suite_download() {
	local suite=$1 pkg=$2 tmp deb opts=()
	mkdir -p "$AXAS_CACHE/deb" "$AXAS_CACHE/log"
	tmp=$(mktemp -d "$AXAS_CACHE/deb/.get.XXXXXX")
	[ "$(id -u)" -ne 0 ] || opts=(-o APT::Sandbox::User=root)
	if ! (
		cd "$tmp"
		if [ "$suite" = - ]; then
			want_lists
			run_logged "$AXAS_CACHE/log/get-$pkg.log" "downloading $pkg" \
				apt-get -q "${opts[@]}" download "$pkg"
		else
			suite_apt "$suite" apt-cache show "$pkg" >/dev/null
			run_logged "$AXAS_CACHE/log/get-$pkg.log" "downloading $pkg ($suite)" \
				suite_apt "$suite" apt-get download "$pkg"
		fi
	); then
		rm -rf "$tmp"
		die "could not download the package $pkg; see $AXAS_CACHE/log/get-$pkg.log"
	fi
	deb=$(basename "$tmp"/*.deb)
	mv "$tmp/$deb" "$AXAS_CACHE/deb/$deb"
	rm -rf "$tmp"
	echo "$AXAS_CACHE/deb/$deb"
}

host_arch() {
	case "$(uname -m)" in
	aarch64) echo arm64 ;;
	*) uname -m ;;
	esac
}

# cross_of ARCH: the CROSS_COMPILE prefix for ARCH, empty for the host's own, which
# User Mode Linux takes
cross_of() {
	if [ "$1" = "$(host_arch)" ] || [ "$1" = um ]; then
		echo
	elif [ "$1" = arm64 ]; then
		echo aarch64-linux-gnu-
	elif [ "$1" = x86_64 ]; then
		echo x86_64-linux-gnu-
	else
		die "unknown architecture '$1'; use x86_64 or arm64"
	fi
}

# kernel_make_args FLAVOUR: what make gets for a kernel of build-kernel.sh, one
# argument a line.  Sanitizers are there for the module, which is compiled with
# them, and for what becomes of its memory.  With all of the kernel instrumented
# its build would take longer by half, and its guests too.
kernel_make_args() {
	echo UBSAN_SANITIZE=n
	[ "$1" = debug ] || return 0
	# FORTIFY is off where KASAN could be and isn't; that file is FORTIFY's own.
	printf '%s\n' KASAN_SANITIZE=n KASAN_SANITIZE_string_helpers.o=y
}

# module_sources: what the module is made of, as paths in the checkout
module_sources() {
	(
		cd "$AXAS_TREE"
		{
			find . -maxdepth 1 -type f \( -name '*.[chS]' -o -name Kbuild -o -name core.mk -o -name 'Kconfig*' \
				-o -name VERSION \)
			for d in include kunit probe samples; do
				[ ! -d "$d" ] || find "./$d" -type f \( -name '*.[chS]' -o -name Kbuild \
					-o -name Makefile -o -name 'Kconfig*' -o -name .kunitconfig \)
			done
		} | grep -v '\.mod\.c$' | sort
	)
}

# mirror DIR: copy the files of the checkout that stdin lists to DIR; a file that
# was listed the last time goes.  What stays the same keeps its time, so that
# make sees nothing to do.
mirror() {
	local dir=$1 list f
	list=$(sort)
	[ ! -e "$dir/.manifest" ] ||
		comm -13 <(echo "$list") "$dir/.manifest" | while read -r f; do rm -f "$dir/$f"; done
	while read -r f; do
		cmp -s "$AXAS_TREE/$f" "$dir/$f" || {
			mkdir -p "$dir/$(dirname "$f")"
			cp "$AXAS_TREE/$f" "$dir/$f"
		}
	done <<<"$list"
	echo "$list" >"$dir/.manifest"
}

# first N: the first N lines; reads all, so that nobody writes to a closed pipe
first() { awk -v n="$1" 'NR <= n'; }

# splats LOG: the lines of the kernel that no healthy run prints
splats() {
	awk '
	!/^\[ *[0-9]+\.[0-9]+\]/ && !/.\[ *[0-9]+\.[0-9][0-9][0-9][0-9][0-9][0-9]\]/ { next }
	# traces that the tests ask for: injected failures, a full memory cgroup
	/FAULT_INJECTION: forcing a failure|invoked oom-killer/ { quiet = 60 }
	quiet > 0 { quiet--; if (/<\/TASK>/) quiet = 0; next }
	BEGIN {
		bad = "WARNING:|BUG:|KASAN:|UBSAN:|possible (recursive|circular)|suspicious RCU"
		bad = bad "|inconsistent lock state|lock held when returning|DEBUG_LOCKS_WARN_ON"
		bad = bad "|new suspected memory leaks|Bad page|page allocation failure|Oops"
		bad = bad "|Call [Tt]race|general protection|Unable to handle kernel|Internal error"
		bad = bad "|Kernel panic|ODEBUG|refcount_t:|usercopy: Kernel memory"
		bad = bad "|(list_add|list_del) corruption|detected stall|blocked for more than"
		bad = bad "|soft lockup|hard LOCKUP|scheduling while atomic|sleeping function"
	}
	$0 ~ bad {
		sub(/^.*\[ *[0-9]+\.[0-9]+\](\[ *[TC][0-9]+\])? */, "")
		if (!seen[$0]++) print
	}' "$1"
}
