# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# bash completion for axas-migrate

_axas_migrate() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words=

	# Bash parts --pid=PID at the "=".
	if [ "$cur" = = ]; then
		cur=
	elif [ "$prev" = = ]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	COMPREPLY=()
	case "$prev" in
	--pid) words=$(cd /proc && echo [0-9]*) ;;
	--stop | --load | --rate | --size | --rounds | --downtime | --then | --cut | --retry) return ;;
	*)
		case "$COMP_CWORD,${COMP_WORDS[1]-},$cur" in
		1,*) words='send receive --help --version' ;;
		*,send,-*)
			words='--pid --stop --load --rate --size --rounds --downtime --retry --json --help'
			;;
		*,receive,-*) words='--then --cut --retry --json --help' ;;
		*)
			compopt -o filenames 2>/dev/null
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			return
			;;
		esac
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _axas_migrate axas-migrate
