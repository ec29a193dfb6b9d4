# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# bash completion for axas-trace

# _axas_trace_program: print which word is the program, if that one or one before the
# cursor's is
_axas_trace_program() {
	local i
	for ((i = 1; i <= COMP_CWORD; i++)); do
		case "${COMP_WORDS[i]}" in
		--) echo $((i + 1)) && return ;;
		# Bash parts --only=code at the "=".
		-o | --output | --only | --skip | --limit)
			[ "${COMP_WORDS[i + 1]-}" != = ] || i=$((i + 1))
			i=$((i + 1))
			;;
		-*) ;;
		*) echo "$i" && return ;;
		esac
	done
}

_axas_trace() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words program

	COMPREPLY=()
	program=$(_axas_trace_program)
	if [ -n "$program" ] && [ "$program" -le "$COMP_CWORD" ]; then
		if [ "$program" -eq "$COMP_CWORD" ]; then
			mapfile -t COMPREPLY < <(compgen -c -- "$cur")
		elif declare -F _command_offset >/dev/null; then
			_command_offset "$program"
		else
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		fi
		return
	fi
	if [ "$cur" = = ]; then
		cur=
	elif [ "$prev" = = ]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	case "$prev" in
	-o | --output)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--only) words='code data' ;;
	--skip | --limit) return ;;
	*) words='--output --only --skip --limit --help --version' ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _axas_trace axas-trace
