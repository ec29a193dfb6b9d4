# SPDX-License-Identifier: GPL-2.0
#
# fish completion for axas-vmm

complete -c axas-vmm -l ram -x -d 'Memory of the guest'
complete -c axas-vmm -l leaf -x -a '4K 2M' -d 'Largest leaf of the memory'
complete -c axas-vmm -l serial -x -a 'port mmio' -d 'Where the serial port is'
complete -c axas-vmm -l initrd -r -F -d 'Initial file system'
complete -c axas-vmm -l append -x -d 'More for the command line'
complete -c axas-vmm -l then -x -d 'What to run when the guest has ended'
complete -c axas-vmm -l json -d 'Print the table as JSON'
complete -c axas-vmm -l help -d 'Print help'
complete -c axas-vmm -l version -d 'Print the version'
