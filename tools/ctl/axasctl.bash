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
	case "$prev" in
	--svg)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--scale) words='own common log' ;;
	--count | --font-size | --interval | --title | --width) return ;;
	*)
		case "$COMP_CWORD,$command" in
		1,*) words='info list stats dump resident map watch heat --help --version' ;;
		*,info | *,list) words='--json --help' ;;
		*,stats | *,resident) words="--json --help $(_axasctl_ids)" ;;
		*,dump) words="--json --help --tree $(_axasctl_ids)" ;;
		*,map)
			words="--json --help --svg --width --font-size --title --no-title"
			words="$words --scale $(_axasctl_ids)"
			;;
		*,heat)
			words="--json --csv --used --help --svg --width --font-size --title --no-title"
			words="$words --count --interval $(_axasctl_ids)"
			;;
		*,watch) words="--json --help --latency --count --interval $(_axasctl_ids)" ;;
		esac
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _axasctl axasctl
