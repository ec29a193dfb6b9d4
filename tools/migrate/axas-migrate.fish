# SPDX-License-Identifier: MIT
#
# fish completion for axas-migrate

set -l none 'not __fish_seen_subcommand_from send receive'
set -l any '__fish_seen_subcommand_from send receive'
set -l send '__fish_seen_subcommand_from send'
set -l receive '__fish_seen_subcommand_from receive'

complete -c axas-migrate -n $none -f -a send -d 'The source'
complete -c axas-migrate -n $none -f -a receive -d 'The destination'
complete -c axas-migrate -n $none -l version -d 'Print the version'
complete -c axas-migrate -l help -d 'Print help'
complete -c axas-migrate -n $any -l json -d 'Print JSON'
complete -c axas-migrate -n $any -l retry -x -d 'How long to wait for the other side'
complete -c axas-migrate -n $send -l pid -x -a '(__fish_complete_pids)' -d 'Move the space of a process'
complete -c axas-migrate -n $send -l stop -x -d 'Command that stops the guest'
complete -c axas-migrate -n $send -l load -x -d 'Move a guest to which threads write'
complete -c axas-migrate -n $send -l rate -x -d 'How often they write'
complete -c axas-migrate -n $send -l size -x -d 'Bytes of its memory'
complete -c axas-migrate -n $send -l rounds -x -d 'Stop the guest after so many rounds'
complete -c axas-migrate -n $send -l downtime -x -d 'Stop it when the rest takes no longer'
complete -c axas-migrate -n $receive -l then -x -d 'Command to run when all is there'
complete -c axas-migrate -n $receive -l cut -x -d 'Break the connection once'
