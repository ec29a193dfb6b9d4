# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# bash completion for axas-replay

# Those that every module has, and those of the one that is loaded.
_axas_replay_formats() {
	echo host ept s2 amd
	axasctl info 2>/dev/null | sed -n 's/^\([^ ]\{1,\}\).*/\1/p'
}

_axas_replay() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words

	# Bash parts --format=NAME at the "=".
	if [ "$cur" = = ]; then
		cur=
	elif [ "$prev" = = ]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	COMPREPLY=()
	case "$prev" in
	--format) words=$(_axas_replay_formats | tr ' ' '\n' | sort -u) ;;
	--policy) words="list $(axas-replay --policy list 2>/dev/null | sed 's/ .*//')" ;;
	--backend) words=alloc ;;
	--cpu) words='skylake zen cortex-a55' ;;
	--walk-cache | --nested-walk-cache | --nested-tlb) words=off ;;
	--guest-paging) words='off 4K 2M' ;;
	--guest-format) words='x86-64 x86-64-la57 s1' ;;
	--guest-layout) words='dense given' ;;
	--leaf) words='4K 2M' ;;
	--then)
		mapfile -t COMPREPLY < <(compgen -c -- "$cur")
		return
		;;
	--batch | --gpa-bits | --hint | --limit | --linear-hpa | --linear-size | --mmio | --promote | --threads | --tlb)
		return
		;;
	*)
		case "$prev,$cur" in
		--device,* | --convert,* | --series,*) ;;
		*,-*)
			words='--backend --device --format --gpa-bits --leaf --linear-hpa --linear-size'
			words="$words --mmio --threads --batch --cpu --tlb --limit --no-data --probe --convert --promote --json --csv --then"
			words="$words --walk-cache --nested-walk-cache --nested-tlb --policy --hint --series"
			words="$words --guest-paging --guest-format --guest-layout --help --version"
			;;
		esac
		;;
	esac
	if [ -n "${words-}" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	else
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
	fi
}

complete -F _axas_replay axas-replay
