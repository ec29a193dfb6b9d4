# SPDX-License-Identifier: GPL-2.0
#
# fish completion for axas-run

# Those that every module has, and those of the one that is loaded.
function __axas_run_formats
    printf '%s\n' host ept s2 amd (axasctl info 2>/dev/null | string match -r '^[^ ]+') | sort -u
end

complete -c axas-run -l ram -x -d 'Memory, and where'
complete -c axas-run -l leaf -x -a '4K 2M' -d 'Largest leaf of the memory'
complete -c axas-run -l pin -d 'Let devices use the memory'
complete -c axas-run -l format -x -a '(__axas_run_formats)' -d 'How table entries are encoded'
complete -c axas-run -l help -d 'Print help'
complete -c axas-run -l version -d 'Print the version'
# What is behind "-" are its own options that take a value.
complete -c axas-run -x -a '(__fish_complete_subcommand - --ram --leaf --format)'
