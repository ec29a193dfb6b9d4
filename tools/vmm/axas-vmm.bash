# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# bash completion for axas-vmm

_axas_vmm() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words=''

	COMPREPLY=()
	# Bash parts --leaf=SIZE at the "=".
	if [ "$cur" = = ]; then
		cur=
	elif [ "$prev" = = ]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	case "$prev" in
	--leaf) words='4K 2M' ;;
	--serial) words='port mmio' ;;
	--ram | --append | --then) return ;;
	--initrd)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	esac
	if [ -z "$words" ] && [[ $cur != -* ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi
	[ -n "$words" ] || words='--ram --leaf --serial --initrd --append --then --json --help --version'
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _axas_vmm axas-vmm
