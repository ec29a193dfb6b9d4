#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# check.sh [OPTION]... [WHAT]... - build axas and run its tests
#
#   check          what every change has to pass (the default)
#   rest           what there is besides, but for what only goes by its name
#   all            both
#   RUN            a run by its name, as --list and the output have it, or by the
#                  beginning of it: kunit, kunit-arm64, selftests, odd, intree ...
#   NAME_test      one program of selftests/, on the prebuilt kernel
#   SUITE          the suites of KUnit of that name (axas-hold, axas*)
#
#   --within SEC   of what is not of "check", begin no run that would not have ended
#                  SEC seconds from now, its kernel counted, at the pace so far
#   --list         list the runs, and stop
#
# A run is a script of its own, scripts/check-*.sh or lint.sh, whose last line is "N
# passed, N failed, N skipped"; what it printed is in build/log/RUN.out. Kernels come from
# scripts/build-kernel.sh and fetch-distro.sh and are cached; guests run while
# they are built. The last line is the sum, in the same form.
#
# AXAS_JOBS=N runs N runs at a time (default: one more than CPUs, since each waits for a
# third of its time).

. "$(dirname "$0")/common.sh"
help_wanted "$@"

scripts=$AXAS_TREE/scripts
logs=$AXAS_TREE/build/log

# RUN | SET | KERNEL | SECONDS | SCRIPT | WHAT
# What is longest comes first, in the rest what finds most. SECONDS are those of two CPUs of 2026 with nothing
# beside, kernel not counted; "named" is run only by its name. KERNEL is one of
# scripts/kernels.sh, bochs, or none: "-", or "alone" with nothing beside.
# The pattern of kunit-arm64 takes all suites but those that end in ept and amd, that of
# kunit-formats-arm64 these.
table() {
	cat <<'TABLE'
kunit-um                | check | um            | 110 | guest | KUnit on a debug kernel, User Mode Linux
kunit-arm64             | check | 6.12-arm64    | 130 | guest --only axas_*[!mp]? | the same on arm64, with two CPUs; not the suites of EPT and AMD's tables
selftests-um            | check | um            | 260 | guest --race 15 --without amd | the programs over /dev/axas, on that debug kernel
selftests-distro-x86_64 | check | distro-x86_64 | 150 | guest --race 15 --without s2 | ... on the prebuilt kernel
selftests-distro-arm64  | check | distro-arm64  | 130 | guest --race 15 --without ept,amd | ... on that of arm64
walks                   | check | distro        |  60 | walks | an emulated CPU walks the tables at EL2 and by SVM, beside axas-replay's model
vcpu-distro             | check | distro-x86_64 |  60 | guest | guests run on spaces, by QEMU's SVM
fuzz-distro             | check | distro        |  60 | guest --race 50 | all of the interface at random, for half a minute
replay                  | check | distro        |  10 | guest | a real program's memory trace
tools-live              | check | distro        | 110 | guest | axasctl, axas-migrate, axas-run, axas-replay and Python over live spaces
tools-text              | check | -             |  30 | tools | libaxas and axasctl over text
outside                 | check | distro-x86_64 |  25 | outside | tables, read from outside of the machine
litmus                  | check | alone         |   6 | litmus | the litmus tests, on this machine
demo                    | check | distro        |  20 | demo | make demo, and the picture that it leaves
lint-style              | rest  | -             | 100 | lint style | checkpatch, kernel-doc, shellcheck, licences
lint-6.12-arm64         | rest  | 6.12-arm64    | 150 | lint 6.12-arm64 | W=1, sparse, what the module needs is exported, with lockdep
lint-newest-x86_64      | rest  | newest-x86_64-prepare | 120 | lint newest-x86_64-prepare | ... for the newest kernel
lint-6.1-x86_64         | rest  | 6.1-x86_64-prepare    | 120 | lint 6.1-x86_64-prepare | ... for 6.1
lint-docs               | rest  | -             |  60 | lint docs | the book, without a warning
pages                   | rest  | distro        | 550 | guide | what the guide, the tutorials and the pages for users say, step by step
intree-6.12-x86_64      | rest  | 6.12-x86_64   | 300 | intree 6.12-x86_64 | KUnit in a kernel's source, by kunit.py, with two CPUs
kunit-formats-arm64     | rest  | 6.12-arm64    | 130 | guest --only axas_*[mp]? | EPT and AMD's tables on arm64
selftests-6.12-x86_64   | rest  | 6.12-x86_64   | 300 | guest --race 15 --without s2 | the programs on a debug kernel with two CPUs
selftests-6.12-arm64    | rest  | 6.12-arm64    | 300 | guest --race 15 --without ept,amd | ... on that of arm64
qemu                    | rest  | distro        | 400 | qemu | the distribution's QEMU, nested, with its RAM in a space
hw-arm64                | rest  | 6.12-arm64    | 350 | hw-arm64 KERNEL=debug STEPS=1000 | an emulated CPU walks the tables at EL2, and faults are planted, on two models
hw-amd                  | rest  | 6.12-x86_64   | 120 | hw-amd STEPS=5000 | ... by SVM
selftests-rt            | rest  | distro-rt     | 180 | guest --race 15 --without s2 | the programs on the prebuilt PREEMPT_RT
install                 | rest  | distro        | 180 | install | make install, dkms, the Debian packages
intree-newest-um        | rest  | um            | 200 | intree newest-um | in the newest kernel's source
vcpu-6.12-x86_64        | rest  | 6.12-x86_64   | 120 | guest | guests run on spaces, by QEMU's SVM, on the debug kernel
fuzz-6.12-x86_64        | rest  | 6.12-x86_64   | 120 | guest | the fuzzer on it, for a minute
hw-x86                  | rest  | bochs         |  90 | hw-x86 | a CPU walks the tables by VMX, in Bochs
vcpu-bochs              | rest  | bochs         | 100 | vcpu-bochs | guests run on spaces, by VMX in Bochs
paper                   | rest  | distro        |  60 | paper | make paper, of one program, twice
demo-guest              | rest  | distro-x86_64 |  60 | demo-guest | make demo-guest: guests on spaces, Linux one of them
odd-hole                | rest  | distro        |  45 | guest | memory kept from the kernel, four CPUs
odd-end                 | rest  | distro        |  35 | guest | memory that ends amid a section, one CPU
odd-nodes               | rest  | distro        |  60 | guest | two NUMA nodes
lint-newest-arm64       | rest  | newest-arm64-prepare  | 120 | lint newest-arm64-prepare | W=1, sparse and symbols for the newest kernel, on arm64
lint-6.1-arm64          | rest  | 6.1-arm64-prepare     | 120 | lint 6.1-arm64-prepare | ... for 6.1
lint-6.12-x86_64        | rest  | 6.12-x86_64-prepare   | 120 | lint 6.12-x86_64-prepare | ... for 6.12 on x86_64
kunit-kcsan             | rest  | 6.12-kcsan    |  90 | guest | the races of KUnit, under KCSAN
selftests-kcsan         | rest  | 6.12-kcsan    | 260 | guest | the programs with threads on it
kunit-x86_64            | named | 6.12-x86_64   | 250 | guest | KUnit as a module on a debug kernel of x86_64
kunit-rt                | named | 6.12-rt       | 450 | guest | ... of PREEMPT_RT, all of which has the sanitizers
selftests-newest        | named | newest        | 300 | guest | the programs on the newest kernel, several CPUs
intree-6.12-arm64       | named | 6.12-arm64    | 350 | intree 6.12-arm64 | in a kernel's source, on arm64
kunit-gcov              | named | 6.12-gcov     |  60 | guest | KUnit, counting what is run (make coverage)
selftests-gcov          | named | 6.12-gcov     | 200 | guest | the programs on it
TABLE
}

# Seconds to get a kernel from an empty cache, on two CPUs.
kernel_seconds() {
	case "$1" in
	- | alone) echo 0 ;;
	distro*) echo 20 ;;
	*-prepare) echo 40 ;;
	bochs) echo 130 ;;
	um) echo 230 ;;
	6.12-arm64) echo 300 ;;
	*) echo 400 ;;
	esac
}

declare -A set_of kernel_of seconds_of script_of
names=()
while IFS='|' read -r run set kernel seconds script _; do
	read -r run <<<"$run"
	names+=("$run")
	read -r "set_of[$run]" <<<"$set"
	# User Mode Linux is for such a machine.
	[[ "$kernel" != *um* ]] || [ "$(host_arch)" = x86_64 ] || set_of[$run]=named
	read -r "kernel_of[$run]" <<<"$kernel"
	read -r "seconds_of[$run]" <<<"$seconds"
	read -r "script_of[$run]" <<<"$script"
done < <(table)

# ---- which runs ----

within='' only='' runs=()
add() { [[ " ${runs[*]-} " == *" $1 "* ]] || runs+=("$1"); }

# named WORD: add the runs that WORD stands for
named() {
	local run found=''
	for run in "${names[@]}"; do
		case "$1" in
		check | rest) [ "${set_of[$run]}" = "$1" ] || continue ;;
		all) [ "${set_of[$run]}" != named ] || continue ;;
		"$run") ;;
		*) [[ "$run" == "$1"-* && "${set_of[$run]}" != named ]] || continue ;;
		esac
		add "$run"
		found=1
	done
	[ -z "$found" ] || return 0
	case "$1" in
	kcsan | coverage)
		for run in "${names[@]}"; do [[ "$run" != *-"${1/coverage/gcov}" ]] || add "$run"; done
		;;
	*_test)
		[ -e "$AXAS_TREE/selftests/$1.c" ] || usage_error "no program '$1' in selftests/"
		only=$1
		add "selftests-distro-$(host_arch)"
		;;
	axas*)
		only=$1
		add "kunit-$(host_arch | sed s/x86_64/um/)"
		;;
	*) usage_error "nothing is called '$1'; --list shows what there is" ;;
	esac
}

while [ $# -gt 0 ]; do
	case "$1" in
	--list)
		table
		exit 0
		;;
	--within)
		[[ "${2-}" =~ ^[0-9]+$ ]] || usage_error "--within needs a number of seconds"
		within=$2
		shift
		;;
	-*) usage_error "unknown option '$1'" ;;
	*) named "$1" ;;
	esac
	shift
done
[ "${#runs[@]}" -gt 0 ] || named check
[ -z "$only" ] || [ "${#runs[@]}" -eq 1 ] || usage_error "'$only' goes alone"

need make gcc libc6-dev python3 ccache
mkdir -p "$logs"
work=$(mktemp -d)
# Each job is a process group of its own, so that all of it can be ended.
set -m
finish() {
	local job
	for job in $(jobs -p); do kill -- "-$job" 2>/dev/null || true; done
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# ---- kernels, one after the other, beside the guests ----

# get KERNEL: have it in the cache
get() (
	. "$scripts/kernels.sh"
	case "$1" in
	bochs) "$scripts/build-kernel.sh" 6.12 x86_64 bochs ;;
	*)
		kernel_describe "$1"
		need_for "$k_arch"
		kernel_get "$1"
		;;
	esac
) >"$logs/kernel-$1.out" 2>&1

# get_all KERNEL...: and say for each if it is there, and what it took; no kernel
# is begun that would come too late
get_all() {
	local k start status pace TIMEFORMAT='%U %S'
	trap - EXIT
	for k; do
		start=$SECONDS status=ok pace=$(pace)
		if [[ "$needed" == *" $k "* ]] || in_time "$(kernel_seconds "$k")"; then
			{ time get "$k" || status=failed; } 2>"$work/kernel-$k.cpu"
			# What came at once was in the cache.
			[ $((SECONDS - start)) -lt 5 ] || ended "$k" "$(kernel_seconds "$k")" $((SECONDS - start))
		else
			status=late
		fi
		echo "$status $((SECONDS - start))" >"$work/$k.tmp"
		mv "$work/$k.tmp" "$work/$k.kernel"
	done
}

# ended NAME SECONDS TOOK: what the table says and what it took, for pace
ended() { echo "$2 $3" >"$work/$1.took"; }

# What something takes on this machine, beside all else, in percent of what the table
# says: a third more at first, and then what has ended counts.
pace() {
	{ cat "$work/"*.took 2>/dev/null || true; } |
		awk '{ n += $1; t += $2 } END { printf "%d", 100 * (t + 400) / (n + 300) }'
}

# in_time SECONDS: will what takes so long by the table end in time?
in_time() { [ -z "$within" ] || [ $((SECONDS + $1 * pace / 100)) -le "$within" ]; }

kernels=() needed=' '
for run in "${runs[@]}"; do
	k=${kernel_of[$run]}
	[[ " ${kernels[*]-} " == *" $k "* ]] || kernels+=("$k")
	[ "${set_of[$run]}" != check ] || needed+="$k "
done
fetched=() built=()
for k in "${kernels[@]}"; do
	case "$k" in
	- | alone) echo "ok 0" >"$work/$k.kernel" ;;
	distro*) fetched+=("$k") ;;
	*) built+=("$k") ;;
	esac
done

# ---- runs ----

passed=0 failed=0 skipped=0 left_out=() done_runs=0 to_check=0 check_took=''
for run in "${runs[@]}"; do [ "${set_of[$run]}" != check ] || to_check=$((to_check + 1)); done
others=$((${#runs[@]} - to_check))
declare -A pid_of=() began=()

counted() { # counted RUN P F S TEXT
	local colour=$C_GREEN
	passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
	done_runs=$((done_runs + 1))
	[ "$3" -eq 0 ] || colour=$C_RED
	printf '[%2d/%d] %s%-24s%s %d passed, %d failed%s  (%s)\n' "$done_runs" "${#runs[@]}" \
		"$colour" "$1" "$C_OFF" "$2" "$3" "$([ "$4" -eq 0 ] || echo ", $4 skipped")" "$5"
	[ "${set_of[$1]}" = check ] || return 0
	to_check=$((to_check - 1))
	[ "$to_check" -gt 0 ] || [ "$others" -eq 0 ] || {
		check_took=$SECONDS
		echo "all of check has ended after $check_took s"
	}
}

begin() { # begin RUN
	local cmd script
	read -ra cmd <<<"${script_of[$1]}"
	script=$scripts/check-${cmd[0]}.sh
	[ "${cmd[0]}" != lint ] || script=$scripts/lint.sh
	if [ "${cmd[0]}" = guest ]; then
		cmd=(guest "$1" "${cmd[@]:1}")
		[ -z "$only" ] || cmd+=(--only "$only")
	fi
	began[$1]=$SECONDS
	(
		trap - EXIT
		TIMEFORMAT='%U %S'
		{ time "$script" "${cmd[@]:1}" >"$logs/$1.out" 2>"$logs/$1.err" </dev/null || true; } \
			2>"$work/$1.cpu"
		touch "$work/$1.ended"
	) &
	pid_of[$1]=$!
}

end() { # end RUN
	local p='' f='' s=''
	wait "${pid_of[$1]}" || true
	unset "pid_of[$1]"
	[ -e "$logs/$1.out" ] || echo "its output has gone" >"$logs/$1.out"
	read -r p _ f _ s _ < <(tail -n 1 "$logs/$1.out" | tr -d ,) || true
	grep -E -A 20 'FAILED|NOT CAUGHT' "$logs/$1.out" | grep -v '^--$\|passed, ' | sed 's/^ */  /' || true
	grep -E 'FAILED|NOT CAUGHT' "$logs/$1.out" | sed "s/^ */$1: /" >>"$work/failures" || true
	grep -E '^ *skipped' "$logs/$1.out" | sed 's/^ */  /' || true
	if ! [[ "$p $f" =~ ^[0-9]+\ [0-9]+$ ]]; then
		echo "  FAILED  $1 did not get to its end:" | tee -a "$work/failures"
		tail -n 5 "$logs/$1.err" 2>&1 | sed 's/^/    /' || true
		echo "    the rest: $logs/$1.err, $logs/$1.out"
		p=0 f=1 s=0
	fi
	ended "$1" "${seconds_of[$1]}" $((SECONDS - ${began[$1]}))
	counted "$1" "$p" "$f" "${s:-0}" "$((SECONDS - ${began[$1]})) s, $(cpu_of "$work/$1.cpu") s of a CPU"
}

# cpu_of FILE...: what it took of CPUs, user and system, in seconds
cpu_of() { { cat "$@" 2>/dev/null || true; } | awk '{ n += $1 + $2 } END { printf "%.0f", n }'; }

# ready RUN: is its kernel there? If it never will be, the run has failed.
ready() {
	local k=${kernel_of[$1]}
	[ -e "$work/$k.kernel" ] || return 1
	grep -q failed "$work/$k.kernel" || return 0
	echo "  FAILED  $1: no kernel $k; see $logs/kernel-$k.out" | tee -a "$work/failures"
	counted "$1" 0 1 0 "not begun"
	gone[$1]=1
	return 1
}

# fits RUN: will it have ended in time?
fits() {
	[ "${set_of[$1]}" = check ] || { in_time "${seconds_of[$1]}" &&
		! grep -qs late "$work/${kernel_of[$1]}.kernel"; }
}

# What is left of it, in seconds of this machine, where two run at a time.
left_over() {
	local run k n=0 took
	for k in "${kernels[@]}"; do
		# All CPUs build one kernel.
		[ -e "$work/$k.kernel" ] || n=$((n + 2 * $(kernel_seconds "$k")))
	done
	for run in "${runs[@]}"; do
		[ -z "${gone[$run]-}" ] || continue
		took=$((SECONDS - ${began[$run]:-$SECONDS}))
		n=$((n + (took < seconds_of[$run] ? seconds_of[$run] - took : 0)))
	done
	n=$((n * pace / 200))
	# No run goes on beyond that.
	[ -z "$within" ] || [ $((SECONDS + n)) -le "$within" ] || n=$((within > SECONDS ? within - SECONDS : 0))
	echo "$n"
}

progress() {
	local text="$done_runs of ${#runs[@]} done, about $((($(left_over) + 59) / 60)) min left; now: ${!pid_of[*]}"
	[ -z "$building" ] || text="$text, kernels"
	if [ -t 2 ]; then
		printf '\r%s%s%s\e[K' "$C_DIM" "$text" "$C_OFF" >&2
	elif [ "$SECONDS" -ge "$next_progress" ]; then
		say "$text"
		next_progress=$((SECONDS + 60))
	fi
}

declare -A gone=()
building='' next_progress=5 pace=$(pace)
# Alone, and first: what two threads can do at the same time isn't seen on busy CPUs.
pending=()
for run in "${runs[@]}"; do
	if [ "${kernel_of[$run]}" = alone ]; then
		begin "$run"
		progress
		gone[$run]=1
		end "$run"
	else
		pending+=("$run")
	fi
done
# What is fetched doesn't wait for what is built.
get_all ${fetched[@]+"${fetched[@]}"} &
fetcher=$!
get_all ${built[@]+"${built[@]}"} &
builder=$! building=1
jobs_max=${AXAS_JOBS:-$(($(nproc) + 1))}

while [ "${#pending[@]}" -gt 0 ] || [ "${#pid_of[@]}" -gt 0 ]; do
	kill -0 "$builder" 2>/dev/null || building=''
	pace=$(pace)
	for run in "${!pid_of[@]}"; do
		[ -e "$work/$run.ended" ] || continue
		[ ! -t 2 ] || printf '\r\e[K' >&2
		gone[$run]=1
		end "$run"
	done
	# A build takes all CPUs, and one guest those that wait for a disk.
	slots=$jobs_max waiting=()
	[ -z "$building" ] || slots=$((jobs_max > 3 ? jobs_max - 2 : 1))
	for run in ${pending[@]+"${pending[@]}"}; do
		if [ "${#pid_of[@]}" -ge "$slots" ]; then
			waiting+=("$run")
		elif ! fits "$run"; then
			left_out+=("$run")
			gone[$run]=1
		elif ready "$run"; then
			begin "$run"
		elif [ -z "${gone[$run]-}" ]; then
			waiting+=("$run")
		fi
	done
	pending=(${waiting[@]+"${waiting[@]}"})
	progress
	sleep 0.5
done
[ ! -t 2 ] || printf '\r\e[K' >&2
wait "$fetcher" "$builder" 2>/dev/null || true

echo "took $SECONDS s, $(cpu_of "$work/"*.cpu) s of a CPU, $(cpu_of "$work/"kernel-*.cpu) of these for kernels${check_took:+; check ended after $check_took s}"
[ "${#left_out[@]}" -eq 0 ] || echo "not run, for want of time: ${left_out[*]}"
[ ! -s "$work/failures" ] || { echo "what failed:" && sed 's/^ */  /' "$work/failures"; }
echo "$passed passed, $failed failed$([ "$skipped" -eq 0 ] || echo ", $skipped skipped")"
[ "$failed" -eq 0 ]
