# SPDX-License-Identifier: GPL-2.0
#
# fish completion for axas-trace

complete -c axas-trace -s o -l output -r -d 'Where the trace goes'
complete -c axas-trace -l only -x -a 'code data' -d 'Leave the others out'
complete -c axas-trace -l skip -x -d 'Leave out the first accesses'
complete -c axas-trace -l limit -x -d 'End the program after so many accesses'
complete -c axas-trace -l help -d 'Print help'
complete -c axas-trace -l version -d 'Print the version'
# What is behind "-" are its own options that take a value.
complete -c axas-trace -x -a '(__fish_complete_subcommand - -o --output --only --skip --limit)'
