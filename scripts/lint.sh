#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# lint.sh [WHAT]... - look for mistakes without running anything
#
#   KERNEL  for that one of scripts/kernels.sh (6.12-arm64, newest-x86_64-prepare ...):
#           compile with W=1, run sparse, and see that what the module needs of the
#           kernel is exported
#   build   that for 6.1, 6.12 and the newest, on x86_64 and arm64
#   style   checkpatch --strict, kernel-doc -Wall, shellcheck
#   docs    build the documentation without a warning, all kernel-doc in it
#   all     all of these but a KERNEL by itself (the default)
#
# Any diagnostic in a file of ours is a failure and is shown; those in the
# kernel's own headers are not ours.  Logs stay in build/log/.  The last line is
# "N passed, N failed".

. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/kernels.sh"
help_wanted "$@"

scripts=$AXAS_TREE/scripts
logs=$AXAS_TREE/build/log
mkdir -p "$logs"
[ $# -gt 0 ] || set -- all
kernels=() do_style='' do_docs=''
# 6.12-arm64 is that of make check, and has a Module.symvers.
every_kernel=({6.1,newest}-{x86_64,arm64}-prepare 6.12-x86_64-prepare 6.12-arm64)
for what; do
	case "$what" in
	all) kernels=("${every_kernel[@]}") do_style=1 do_docs=1 ;;
	build) kernels=("${every_kernel[@]}") ;;
	style) do_style=1 ;;
	docs) do_docs=1 ;;
	*)
		[[ " ${every_kernel[*]} " == *" $what "* ]] ||
			usage_error "unknown word '$what'; use build, style, docs, all or one of: ${every_kernel[*]}"
		kernels+=("$what")
		;;
	esac
done
need make gcc libc6-dev

checks=0 failures=0
verdict() { # verdict NAME DIAGNOSTICS [NOTE]: one check; empty means it is clean
	checks=$((checks + 1))
	if [ -z "$2" ]; then
		printf '%sok%s     %s%s\n' "$C_GREEN" "$C_OFF" "$1" "${3:+  ($3)}"
	else
		failures=$((failures + 1))
		printf '%sFAILED%s %s%s\n' "$C_RED" "$C_OFF" "$1" "${3:+  ($3)}"
		head -n 40 <<<"$2" | sed 's/^/       /'
	fi
}

# ours_in LOG DIR: the diagnostics of LOG that are about our files, as paths in
# the checkout
ours_in() {
	local names
	names=$(cd "$2" && sed 's#^\./##; s#[.]#\\.#g' .manifest | paste -sd '|')
	# Newer kernels give paths relative to the module, older ones absolute.
	# What is compiled again is named kunit/../axas_NAME.c.
	sed -E "s#(^|[ /])(\.\./)*(\./)?$2/#\1#; :up; s#(^|[ /])[a-z]+/\.\./#\1#; t up" "$1" |
		grep -E "^($names):[0-9]+(:[0-9]+)?: *(fatal error|error|warning|note)|axas[a-z_0-9/]*\.(o|ko|mod): (warning|error)|(WARNING|ERROR): modpost|^(/bin/sh|make\[?.*\*\*\*)" |
		grep -vE 'modpost: .*(undefined!|Module\.symvers is missing|Symbol version dump)|modpost: "[^"]*" \[[^]]*\] undefined|suppressed [0-9]+ unresolved' |
		grep -vE ': note:' | sort -u | without_module_info "$2" || true
}

# without_module_info DIR: drop what sparse says about MODULE_LICENSE and its
# like, whose compile-time check of the string it cannot evaluate
without_module_info() {
	local line file number
	while IFS= read -r line; do
		case "$line" in
		*'error: bad constant expression'*)
			IFS=: read -r file number _ <<<"$line"
			! sed -n "${number}p" "$1/$file" | grep -qE '^(MODULE_|module_param)' || continue
			;;
		esac
		echo "$line"
	done
}

# exported SRC ARCH: the symbols that SRC exports to every module
exported() {
	local list
	list=$AXAS_CACHE/exports/$(basename "$1")-$(cat "$1/.axas-version")-$2-irqchip
	if [ ! -s "$list" ]; then
		local a=${2/x86_64/x86}
		mkdir -p "$(dirname "$list")"
		say "listing what $(basename "$1") exports on $2"
		(
			cd "$1"
			grep -rhoE --include='*.[chS]' 'EXPORT(_PER_CPU|_TRACEPOINT|_STATIC_CALL|_STATIC_CALL_TRAMP)?_SYMBOL(_GPL|_NOKASAN)?\([^,)]+|EXPORT_STATIC_CALL(_TRAMP)?(_GPL)?\([^)]+|EXPORT_TRACEPOINT_SYMBOL(_GPL)?\([^)]+' \
				"arch/$a" kernel mm lib fs block net/core security init virt drivers/base \
				drivers/firmware drivers/irqchip drivers/pci drivers/char drivers/tty crypto io_uring include |
				sed 's/.*(//; s/[" ]//g' | sort -u
		) >"$list.tmp"
		mv "$list.tmp" "$list"
	fi
	cat "$list"
}

# undefined_in OUT SRC ARCH: what its modules need and nobody exports; a few are
# exported by a macro that pastes their names
undefined_in() {
	local ko own
	local event='s/^(__SCT__|__SCK__|__tracepoint_|__traceiter_)(tp_func_)?//'
	own=$(awk '{ print $2 }' "$1/Module.symvers" 2>/dev/null | sed -E "$event" || true)
	find "$1" -name '*.ko' | while read -r ko; do
		"$(cross_of "$3")nm" -u "$ko" | awk '{ print $2 }' |
			sed -E "$event" |
			grep -vxE 'param_ops_[a-z]+|get_random_u(8|16|32|64)|__(asan|ubsan|sanitizer|x86_indirect|x86_return|kasan|hwasan)_.*|__fentry__|_mcount|__stack_chk_(fail|guard)|__this_module|_GLOBAL_OFFSET_TABLE_' |
			sort -u | comm -23 - <({ exported "$2" "$3"; echo "$own"; } | sort -u) |
			sed "s#^#${ko#"$1"/}: not exported: #"
	done
}

# All that can be compiled, beside the tests. Nothing of it is run: it takes no sanitizers.
everything=(CONFIG_AXAS_PROBE=y CONFIG_AXAS_HW_TEST=m
	CONFIG_AXAS_SAMPLE_SOFTMMU=m CONFIG_AXAS_SAMPLE_PLUGINS=m
	CONFIG_AXAS_SAMPLE_VCPU=m KASAN_SANITIZE=n UBSAN_SANITIZE=n)

lint_kernel() { # lint_kernel KERNEL
	local name=${1%-prepare} src out log rc=0 found note='' compiled=n checked=n
	# The tests once for each series and each architecture, and sparse sees them once.
	case "$1" in
	6.12-arm64) compiled=m checked=m ;;
	newest-x86_64-prepare | 6.1-x86_64-prepare) compiled=m ;;
	esac
	kernel_get "$1"
	src=$("$scripts/fetch-kernel.sh" "${1%%-*}")
	out=$AXAS_TREE/build/lint-$name log=$logs/lint-$name
	# Only what is compiled again can warn again.
	rm -rf "$out"
	run_logged "$log.w1.log" "compiling for $name with W=1" \
		"$scripts/build-module.sh" "$k_hdrs" "$out" W=1 "${everything[@]}" \
		CONFIG_AXAS_KUNIT_TEST=$compiled || rc=$?
	found=$(ours_in "$log.w1.log" "$out")
	if [ "$rc" -ne 0 ] && [ -z "$found" ]; then
		found="the build failed; see $log.w1.log"
	fi
	verdict "compile $name, W=1" "$found" "$(cat "$src/.axas-version")"
	if [ "$rc" -ne 0 ]; then
		verdict "sparse $name" "not reached: the build failed"
		verdict "symbols $name" "not reached: the build failed"
		return
	fi

	rc=0
	# sparse fails where a header is newer than it; that is no error of ours.
	run_logged "$log.sparse.log" "sparse for $name" \
		"$scripts/build-module.sh" "$k_hdrs" "$out" C=2 "${everything[@]}" \
		CONFIG_AXAS_KUNIT_TEST=$checked \
		CHECK="sh -c 'sparse \"\$\$@\" || :' sparse" \
		CF="-Wbitwise -Wcontext -D__typeof_unqual__=__typeof__" || rc=$?
	found=$(ours_in "$log.sparse.log" "$out")
	[ "$rc" -eq 0 ] || found="$found${found:+$'\n'}the run failed; see $log.sparse.log"
	if grep -F "$src/" "$log.sparse.log" | grep -qE '^[^ ]+:[0-9]+:[0-9]+: error:'; then
		note="sparse $(sparse --version) is too old for some of this kernel's headers: incomplete"
	fi
	verdict "sparse $name" "$found" "$note"

	if [ ! -s "$k_hdrs/Module.symvers" ]; then
		found=$(undefined_in "$out" "$src" "$k_arch")
		verdict "symbols $name" "$found" "against EXPORT_SYMBOL in the source"
	else
		verdict "symbols $name" "$(grep -E 'modpost: .*undefined' "$log.w1.log" || true)" \
			"against Module.symvers"
	fi
}

# lint_pages KERNEL: on arm64 with larger pages it doesn't compile, and says
# why; the option is changed behind the kernel's own configuration. After kernel_get.
lint_pages() {
	local out log shift name
	out=$AXAS_TREE/build/lint-pages
	for shift in 14 16; do
		log=$logs/lint-pages-$1-$shift.log
		rm -rf "$out"
		mkdir -p "$out"
		for name in CONFIG_PAGE_SHIFT CONFIG_ARM64_PAGE_SHIFT; do
			printf '#undef %s\n#define %s %s\n' $name $name "$shift"
		done >"$out/pages.h"
		"$scripts/build-module.sh" "$k_hdrs" "$out" KCFLAGS="-include $out/pages.h" >"$log" 2>&1 || true
		verdict "$1 with $((1 << shift - 10))K pages is refused" \
			"$(grep -q 'error.*axas: frames are 4 KiB' "$log" || echo "nothing says so; see $log")"
	done
}

for kernel in ${kernels[@]+"${kernels[@]}"}; do
	need sparse
	lint_kernel "$kernel"
	[ "$kernel" != 6.12-arm64 ] || lint_pages "$kernel"
done

# our_files PATTERN...: files of the checkout
our_files() {
	local p args=()
	for p; do args+=(-o -name "$p"); done
	(cd "$AXAS_TREE" && find . \( -path ./.git -o -path ./build \) -prune -o -type f \
		\( "${args[@]:1}" \) ! -name '*.mod.c' -print | sed 's#^\./##' | sort)
}

# licence_of FILE: what a monitor includes, links or begins from is for any program
licence_of() {
	case "$1" in
	include/uapi/* | samples/softmmu/softmmu.h | samples/vcpu/axas_vcpu.h) echo "GPL-2.0 WITH Linux-syscall-note" ;;
	tools/lib/* | tools/migrate/* | tools/python/* | samples/emulator/* | samples/kvm/* | samples/monitor/*) echo MIT ;;
	*) echo GPL-2.0 ;;
	esac
}

if [ -n "$do_style" ]; then
	need perl python3 shellcheck
	src=$("$scripts/fetch-kernel.sh" newest)
	cd "$AXAS_TREE"
	# .checkpatch.conf says what does not apply to the module, and why.
	mapfile -t files < <(our_files '*.[chS]' 'Kconfig*' Kbuild core.mk |
		grep -Ev '^((selftests|tools|samples/(emulator|kvm|monitor))/|include/axas/trace.h$)')
	mapfile -t programs < <(our_files '*.[chS]' | grep -E '^(selftests|tools|samples/(emulator|kvm|monitor))/')
	mapfile -t others < <(our_files Makefile '*.sh' '*.py' '*.config')
	style() {
		local check
		check=(perl "$src/scripts/checkpatch.pl" --no-tree --no-summary --terse --show-types)
		"${check[@]}" --strict -f "${files[@]}" || :
		# Trace events are laid out as in the kernel's include/trace/events/.
		"${check[@]}" --strict -f include/axas/trace.h \
			--ignore OPEN_ENDED_LINE,PARENTHESIS_ALIGNMENT || :
		# User space has the C library's types and attributes, and the macros
		# of a test harness; the litmus tests make barriers of their own.
		"${check[@]}" -f "${programs[@]}" \
			--ignore PREFER_KERNEL_TYPES,PREFER_DEFINED_ATTRIBUTE_MACRO,VOLATILE \
			--ignore MULTISTATEMENT_MACRO_USE_DO_WHILE,MACRO_WITH_FLOW_CONTROL,COMPLEX_MACRO \
			--ignore SPLIT_STRING,EMBEDDED_FUNCTION_NAME,MEMORY_BARRIER || :
		# What it says about C does not all fit shell.
		"${check[@]}" --max-line-length=120 -f "${others[@]}" \
			--ignore EMBEDDED_FILENAME,REPEATED_WORD || :
	}
	run_logged "$logs/checkpatch.log" "checkpatch over $((${#files[@]} + ${#programs[@]} + ${#others[@]})) files" style || true
	rm -f .checkpatch-camelcase.*
	verdict "checkpatch --strict" "$(grep -E '(ERROR|WARNING|CHECK):' "$logs/checkpatch.log" || true)"

	mapfile -t files < <(our_files '*.[ch]' | grep -Ev '^(selftests|tools|samples/(emulator|kvm|monitor))/')
	found=$("$src/scripts/kernel-doc" -none -Wall "${files[@]}" 2>&1 |
		grep -vE 'no structured comments found' | grep -E '(warning|error|Warning|Error):' || true)
	verdict "kernel-doc -Wall" "$found"

	# What cannot have the line: texts of licences, what Debian's own
	# debian/copyright covers, recorded data, and what tools have made.
	found=$(git ls-files | grep -Ev '^(LICENSES/|debian/|VERSION$|tools/tests/(odd|spaces)/|Documentation/(guest.svg|heat.svg|space.svg|paper/.*)$)|\.gz$' |
		while read -r f; do
			is=$(head -n 5 "$f" | sed -n 's/.*SPDX[-]License-Identifier: *//p' | sed 's/ *\(-->\|\*\/\)$//')
			[ "$is" = "$(licence_of "$f")" ] ||
				echo "$f: names ${is:-no licence}, and is $(licence_of "$f")"
		done)
	verdict "licences" "$found"

	mapfile -t files < <(our_files '*.sh')
	# SC2317 takes the handler of a trap for dead code.
	found=$(shellcheck -x -P SCRIPTDIR -e SC2317 -f gcc "${files[@]}" .ci/run 2>&1 || true)
	verdict "shellcheck" "$found"

	if command -v clang-format >/dev/null; then
		mapfile -t files < <(our_files '*.[ch]')
		n=$(clang-format --dry-run --style="file:$src/.clang-format" "${files[@]}" 2>&1 | grep -c 'code should be clang-formatted' || true)
		echo "note   clang-format would change $n places (for information only)"
	fi
fi

# undocumented DIR: names with kernel-doc or exported that no page in DIR describes
undocumented() {
	comm -23 <(
		cd "$AXAS_TREE"
		{
			grep -hoE '^ \* ((struct|enum|typedef|define) )?axas_[a-z0-9_]+(\(\))? - ' \
				include/uapi/linux/*.h include/axas/*.h
			grep -hoE '^EXPORT_SYMBOL_GPL\(axas_[a-z0-9_]+' ./*.c
		} | grep -oE 'axas_[a-z0-9_]+' | sort -u
	) <(cat "$1"/*.html | grep -oE 'id="c\.axas_[a-z0-9_]+"' | grep -oE 'axas_[a-z0-9_]+' | sort -u)
}

if [ -n "$do_docs" ]; then
	found=''
	rm -rf "$AXAS_TREE/build/docs"
	"$scripts/docs.sh" >/dev/null || found="see $logs/docs.log"$'\n'$(cat "$logs/docs.log")
	verdict "documentation" "$found"
	[ -n "$found" ] || verdict "kernel-doc is in the documentation" "$(undocumented "$AXAS_TREE/build/docs")"
fi

echo "$((checks - failures)) passed, $failures failed"
[ "$failures" -eq 0 ]
