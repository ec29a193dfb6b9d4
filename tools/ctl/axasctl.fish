# SPDX-License-Identifier: GPL-2.0
#
# fish completion for axasctl

function __axasctl_ids
    set -l dir /sys/kernel/debug/axas
    set -q AXAS_DEBUGFS; and set dir $AXAS_DEBUGFS
    command ls $dir 2>/dev/null | string match -r '^[0-9]+$'
end

complete -c axasctl -f
complete -c axasctl -n __fish_use_subcommand -a info -d 'What the module can do, by format'
complete -c axasctl -n __fish_use_subcommand -a list -d 'The spaces that are alive'
complete -c axasctl -n __fish_use_subcommand -a stats -d 'Figures of a space, or of all'
complete -c axasctl -n __fish_use_subcommand -a dump -d 'The table of a space'
complete -c axasctl -n __fish_use_subcommand -a resident -d 'What memory is there, in runs'
complete -c axasctl -n __fish_use_subcommand -a map -d 'A picture of a space'
complete -c axasctl -n __fish_use_subcommand -a watch -d 'Faults per second'
complete -c axasctl -n __fish_use_subcommand -a heat -d 'What is written or used, address over time'
complete -c axasctl -l help -d 'Print help'
complete -c axasctl -n __fish_use_subcommand -l version -d 'Print the version'

set -l any '__fish_seen_subcommand_from info list stats dump resident map watch heat'
set -l map '__fish_seen_subcommand_from map'
set -l pictures '__fish_seen_subcommand_from map heat'
set -l times '__fish_seen_subcommand_from watch heat'

complete -c axasctl -n '__fish_seen_subcommand_from stats dump resident map watch heat' -a '(__axasctl_ids)'
complete -c axasctl -n $any -l json -d 'Print JSON'
complete -c axasctl -n '__fish_seen_subcommand_from dump' -l tree -d 'Print the tables'
complete -c axasctl -n $pictures -l svg -r -F -d 'Draw into a file'
complete -c axasctl -n $pictures -l width -x -d 'Width of that picture'
complete -c axasctl -n $pictures -l font-size -x -d 'Size of its text'
complete -c axasctl -n $pictures -l title -x -d 'What stands above it'
complete -c axasctl -n $pictures -l no-title -d 'Nothing stands above it'
complete -c axasctl -n $map -l scale -x -a 'own common log' -d 'How long the bar of an area is'
complete -c axasctl -n '__fish_seen_subcommand_from watch' -l latency -d 'How long faults took'
complete -c axasctl -n $times -l count -x -d 'Stop after so many times'
complete -c axasctl -n $times -l interval -x -d 'Time from one to the next'
complete -c axasctl -n '__fish_seen_subcommand_from heat' -l csv -d 'Print CSV'
complete -c axasctl -n '__fish_seen_subcommand_from heat' -l used -d 'What is used, not what is written'
