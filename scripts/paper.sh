#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# paper.sh - from programs to a paper's table and figures
#
# Records a trace of each program, runs it in guests with each policy in each format,
# and leaves build/paper/table.txt, table.tex, matrix.csv, and figures as SVG and PDF.
# What it goes by is in the environment, and `make paper NAME=VALUE` puts it there:
#
#   PROGRAMS  programs to record (cc1 sqlite3 python3 sort xz glpsol); another name is
#             a program that runs without arguments
#   TRACES    files to take instead of, or with, PROGRAMS="", programs: whatever
#             axas-replay reads
#   POLICIES  policies of axas-replay (base thp ingens); N for --promote N
#   FORMATS   formats of the tables (ept s2); what is in samples/plugins is there, too
#   CPU       the CPU that is modelled (zen)
#   GUEST     leaves of the guest's own tables: 4K, 2M or off (2M)
#   OPTIONS   more for axas-replay (--no-data)
#   ACCESSES  accesses of each program (30000000), and
#   SKIP      accesses before them, its start (40000000)
#   SEED      of the programs' inputs (1)
#   JOBS      guests at the same time (as many as CPUs)
#   OUT       where all of it goes (build/paper)
#
# The same SEED gives the same table, on the same distribution. Traces are kept, and
# recorded again when anything that they depend on has changed.

. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/kernels.sh"
help_wanted "$@"
[ $# -eq 0 ] || usage_error "what it goes by is in the environment"

traces=${TRACES:-} policies=${POLICIES:-base thp ingens} formats=${FORMATS:-ept s2}
programs=${PROGRAMS-cc1 sqlite3 python3 sort xz glpsol}
cpu=${CPU:-zen} guest=${GUEST:-2M} options=${OPTIONS---no-data}
accesses=${ACCESSES:-30000000} skip=${SKIP:-40000000} seed=${SEED:-1}
jobs=${JOBS:-$(nproc)} out=${OUT:-$AXAS_TREE/build/paper}
[ -n "$programs$traces" ] || usage_error "neither PROGRAMS nor TRACES"
for n in "$accesses" "$skip" "$seed" "$jobs"; do
	[[ "$n" =~ ^[0-9]+$ ]] || usage_error "ACCESSES, SKIP, SEED and JOBS are numbers, not '$n'"
done

build=$AXAS_TREE/build
work=$(mktemp -d)
pids=()
finish() {
	[ "${#pids[@]}" -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM
kernel_describe "distro-$(host_arch)"
need_for "$k_arch"
need valgrind python3-matplotlib libjson-c-dev libzstd-dev
mkdir -p "$build/log" "$out"/{inputs,traces,log}
kernel_get "distro-$k_arch"
build_for "distro-$k_arch" || die "the module did not build"
build_programs tools "$k_arch" || die "the tools did not build"
bin=$build/tools-$k_arch

# ---- traces ----

# command_of PROGRAM: sets cmd and input, and perhaps skipping
command_of() {
	input=/dev/null package=''
	case "$1" in
	cc1)
		need gcc
		cmd=("$(gcc -print-prog-name=cc1)" -quiet -O2 -frandom-seed=1 cc1.c -o /dev/null)
		;;
	sqlite3)
		package=sqlite3 input=sqlite3.sql
		cmd=(sqlite3 -batch :memory:)
		;;
	python3)
		cmd=(python3 -S -E -s python3.py)
		# It imports, and makes its array, for some 60 million accesses.
		skipping=(--skip $((skip + 20000000)))
		;;
	sort) cmd=(sort -S 64M --parallel=1 -o /dev/null sort.txt) ;;
	xz)
		package=xz-utils
		cmd=(xz -6 -T1 -c xz.txt)
		;;
	glpsol)
		package=glpk-utils
		cmd=(glpsol --lp glpsol.lp)
		;;
	*) cmd=("$1") ;;
	esac
	[ -z "$package" ] || need "$package"
	cmd[0]=$(PATH=/usr/bin:/bin type -P "${cmd[0]}") || die "no program '$1' in /usr/bin"
}

# Nothing of this machine's environment: it lies on the program's stack.
record() {
	(
		cd "$out/inputs" || exit
		env -i PATH=/usr/bin:/bin LC_ALL=C PYTHONHASHSEED=0 "$bin/axas-trace" \
			--limit "$accesses" "${skipping[@]}" -o "$1.tmp" -- "${cmd[@]}" <"$input" >/dev/null
		mv "$1.tmp" "$1"
	)
}

# trace_of PROGRAM: record it, unless that was done; adds to names and files
trace_of() {
	local key file
	skipping=(--skip "$skip")
	command_of "$1"
	# What has no arguments may end before that.
	[ "${#cmd[@]}" -gt 1 ] || skipping=()
	key=$({
		echo "$accesses ${skipping[*]} ${cmd[*]}"
		cat "${cmd[0]}" "$out/inputs/$1".* 2>/dev/null || true
	} | sha256sum | first 1 | cut -c 1-12)
	file=$out/traces/$1-$key.axt
	[ -e "$file" ] ||
		run_logged "$out/log/trace-$1.log" "recording $1" record "$file" || return
	names+=("$1")
	files+=("traces/$(basename "$file")")
}

names=() files=()
/usr/bin/python3 "$AXAS_TREE/tools/lab/inputs.py" "$seed" "$out/inputs"
for p in $programs; do
	trace_of "$p" || die "no trace of $p"
done
for t in $traces; do
	[ -r "$t" ] || die "cannot read the trace '$t'"
	name=$(basename "$t")
	case "$t" in
	*.gz) gzip -dc "$t" >"$work/plain" ;;
	*) cat "$t" >"$work/plain" ;;
	esac
	names+=("${name%%.*}")
	files+=("traces/given-${name%%.*}.axt")
	"$bin/axas-replay" --convert "$out/${files[-1]}" "$work/plain" || die "$t isn't a trace"
done

# ---- the matrix ----

guest_options="--cpu $cpu"
[ "$guest" = off ] || guest_options="$guest_options --guest-paging $guest --guest-layout given"
nr=0
: >"$work/runs"
for i in "${!names[@]}"; do
	for format in $formats; do
		for policy in $policies; do
			case "$policy" in
			*[!0-9]*) how="--policy $policy" ;;
			*) how="--promote $policy" ;;
			esac
			echo "$nr ${names[i]} $policy /host/${files[i]} --format $format $how $guest_options $options" >>"$work/runs"
			nr=$((nr + 1))
		done
	done
done
[ "$jobs" -le "$nr" ] || jobs=$nr

plugins=()
for p in "$AXAS_TREE"/samples/plugins/*.c; do
	p=$(basename "$p" .c).ko
	plugins+=(--file "$build/distro-$k_arch/samples/plugins/$p:/plugins/$p")
done

# The guest's side: a run is between two marks, with its figures over time.
for ((j = 0; j < jobs; j++)); do
	{
		echo '#!/bin/sh'
		# shellcheck disable=SC2016 # for the guest's shell
		echo 'insmod /axas.ko && for m in /plugins/*; do insmod $m || exit; done || exit'
		while read -r n name policy trace how; do
			[ $((n % jobs)) -eq "$j" ] || continue
			echo "echo 'paper: begin $n $name $policy'"
			echo "axas-replay --csv $how --series /tmp/series $trace 2>&1; s=\$?"
			echo 'echo "paper: series"; cat /tmp/series'
			echo "echo \"paper: end $n \$s\""
		done <"$work/runs"
		# shellcheck disable=SC2016 # the same
		echo 'for m in /plugins/*; do rmmod $m; done; rmmod axas; dmesg | grep "axas: unloaded"'
	} >"$work/run-$j.sh"
	"$AXAS_TREE/scripts/boot.sh" --kernel "$k_image" --arch "$k_arch" --init "$work/run-$j.sh" --quiet \
		--mem 2G --smp 1 --modules "$k_modules" --share "$out" --append loglevel=1 --timeout 7200 \
		--file "$build/distro-$k_arch/axas.ko" "${plugins[@]}" --file "$bin/axas-replay:/bin/axas-replay" \
		--log "$out/log/guest-$j.log" 2>"$out/log/guest-$j.err" &
	pids+=($!)
done

# ended: how many runs are through
ended() { cat "$out"/log/guest-*.log 2>/dev/null | grep -c '^paper: end' || true; }

rm -f "$out"/log/guest-*.log
say "$nr runs: ${#names[@]} traces x $(wc -w <<<"$formats") formats x $(wc -w <<<"$policies") policies, in $jobs guests"
start=$SECONDS next=$((SECONDS + 15)) fails=0
while [ -n "$(jobs -rp)" ]; do
	sleep 1
	n=$(ended)
	left='' t=$((SECONDS - start))
	[ "$n" -eq 0 ] || left=", about $(((t * (nr - n) / n + 59) / 60)) min left"
	if [ -t 2 ]; then
		printf '\r%s%d of %d done%s%s\e[K' "$C_DIM" "$n" "$nr" "$left" "$C_OFF" >&2
	elif [ "$SECONDS" -ge "$next" ]; then
		say "$n of $nr done$left"
		next=$((SECONDS + 15))
	fi
done
[ ! -t 2 ] || printf '\r\e[K' >&2
for j in "${!pids[@]}"; do wait "${pids[j]}" || fails=$((fails + 1)); done
pids=()
for log in "$out"/log/guest-*.log; do
	complaints=$(splats "$log")
	[ -z "$complaints" ] || die "the kernel complained:"$'\n'"$complaints"
done
[ "$fails" -eq 0 ] || die "a guest did not get to its end; see $out/log"

# ---- what came of it ----

# The distribution's Python, as matplotlib is.
/usr/bin/python3 "$AXAS_TREE/tools/lab/paper.py" "$out" "$out"/log/guest-*.log || die "a run failed"
say "the table, its CSV and its LaTeX, and figures: $out"
