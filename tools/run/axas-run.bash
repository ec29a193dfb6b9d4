# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# bash completion for axas-run

# Those that every module has, and those of the one that is loaded.
_axas_run_formats() {
	echo host ept s2 amd
	axasctl info 2>/dev/null | sed -n 's/^\([^ ]\{1,\}\).*/\1/p'
}

# _axas_run_command: print which word is the command, if that one or one before the
# cursor's is
_axas_run_command() {
	local i
	for ((i = 1; i <= COMP_CWORD; i++)); do
		case "${COMP_WORDS[i]}" in
		--) echo $((i + 1)) && return ;;
		# Bash parts --format=NAME at the "=".
		--ram | --leaf | --format)
			[ "${COMP_WORDS[i + 1]-}" != = ] || i=$((i + 1))
			i=$((i + 1))
			;;
		-*) ;;
		*) echo "$i" && return ;;
		esac
	done
}

_axas_run() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words command

	COMPREPLY=()
	command=$(_axas_run_command)
	if [ -n "$command" ] && [ "$command" -le "$COMP_CWORD" ]; then
		if [ "$command" -eq "$COMP_CWORD" ]; then
			mapfile -t COMPREPLY < <(compgen -c -- "$cur")
		elif declare -F _command_offset >/dev/null; then
			_command_offset "$command"
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
	--format) words=$(_axas_run_formats | tr ' ' '\n' | sort -u) ;;
	--leaf) words='4K 2M' ;;
	--ram) return ;;
	*) words='--ram --leaf --pin --format --help --version' ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _axas_run axas-run
