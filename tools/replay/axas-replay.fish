# SPDX-License-Identifier: GPL-2.0
#
# fish completion for axas-replay

# Those that every module has, and those of the one that is loaded.
function __axas_replay_formats
    printf '%s\n' host ept s2 amd (axasctl info 2>/dev/null | string match -r '^[^ ]+') | sort -u
end

function __axas_replay_policies
    printf '%s\n' list (axas-replay --policy list 2>/dev/null | string match -r '^[^ ]+')
end

complete -c axas-replay -l device -r -d 'The device of axas'
complete -c axas-replay -l format -x -a '(__axas_replay_formats)' -d 'How table entries are encoded'
complete -c axas-replay -l gpa-bits -x -d 'Width of guest physical addresses'
complete -c axas-replay -l backend -x -a 'alloc' -d 'Where memory comes from'
complete -c axas-replay -l leaf -x -a '4K 2M' -d 'Largest leaf of alloc areas'
complete -c axas-replay -l promote -x -d 'Make 2 MiB leaves of so many touched pages'
complete -c axas-replay -l policy -x -a '(__axas_replay_policies)' -d 'Which memory comes in, or becomes, leaves of 2 MiB'
complete -c axas-replay -l hint -x -d 'What --policy hint makes leaves of 2 MiB of'
complete -c axas-replay -l linear-hpa -x -d 'Host physical memory for a linear area'
complete -c axas-replay -l linear-size -x -d 'Bytes of it'
complete -c axas-replay -l mmio -x -d 'A part of the memory that is a device'
complete -c axas-replay -l threads -x -d 'Virtual CPUs'
complete -c axas-replay -l batch -x -d 'Most faults in one call'
complete -c axas-replay -l cpu -x -a 'skylake zen cortex-a55' -d 'CPU to model'
complete -c axas-replay -l tlb -x -d 'TLBs of each virtual CPU'
complete -c axas-replay -l walk-cache -x -a 'off' -d "What is kept of walks of a guest's tables"
complete -c axas-replay -l nested-walk-cache -x -a 'off' -d 'What is kept of walks of the nested table'
complete -c axas-replay -l nested-tlb -x -a 'off' -d 'What is kept of guest physical addresses'
complete -c axas-replay -l guest-paging -x -a 'off 4K 2M' -d "Leaves of the program's own page tables"
complete -c axas-replay -l guest-format -x -a 'x86-64 x86-64-la57 s1' -d 'How their entries are encoded'
complete -c axas-replay -l guest-layout -x -a 'dense given' -d "Where the program's pages lie"
complete -c axas-replay -l limit -x -d 'Stop after so many accesses'
complete -c axas-replay -l no-data -d 'Move no data and compare none'
complete -c axas-replay -l probe -d 'Have the CPU walk to each page, and beside it'
complete -c axas-replay -l convert -r -d 'Write the trace in a compact form, and run nothing'
complete -c axas-replay -l json -d 'Print JSON'
complete -c axas-replay -l csv -d 'Print CSV'
complete -c axas-replay -l series -r -d 'Write figures over time'
complete -c axas-replay -l then -x -a '(__fish_complete_command)' -d 'Command to run while the space is there'
complete -c axas-replay -l help -d 'Print help'
complete -c axas-replay -l version -d 'Print the version'
