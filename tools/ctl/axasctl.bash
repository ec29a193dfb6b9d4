# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# bash completion for axasctl

_axasctl_ids() {
	local dir

	for dir in "${AXAS_DEBUGFS:-/sys/kernel/debug/axas}"/[0-9]*/; do
		[ ! -d "$dir" ] || basename "$dir"
	done
}

_axasctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local command=${COMP_WORDS[1]-} words

	# Bash parts --svg=FILE at the "=".
	if [ "$cur" = = ]; then
		cur=
	elif [ "$prev" = = ]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		words='info list stats dump map watch --help --version'
	else
		case "$prev" in
		--svg)
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			return
			;;
		--count | --interval) return ;;
		esac
		words='--json --help'
		case "$command" in
		stats | dump) words="$words $(_axasctl_ids)" ;;
		map) words="$words --svg $(_axasctl_ids)" ;;
		watch) words="$words --latency --count --interval $(_axasctl_ids)" ;;
		info | list) ;;
		*) return ;;
		esac
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _axasctl axasctl
