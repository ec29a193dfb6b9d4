#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# into-kernel.sh [--remove] KERNELSRC - put axas into a kernel's source, as
# drivers/virt/axas
#
#   KERNELSRC  the source of Linux 6.12 or newer
#   --remove   take it out again
#
# Copies the module with its tests to KERNELSRC/drivers/virt/axas and the uAPI
# header to KERNELSRC/include/uapi/linux, and has drivers/virt/Kconfig and
# drivers/virt/Makefile name them.  Run again, it copies what has changed since.
# Then, in KERNELSRC:
#
#   make menuconfig     Device Drivers > Virtualization drivers >
#                       Guest physical address spaces
#   tools/testing/kunit/kunit.py run --arch x86_64 \
#       --kunitconfig drivers/virt/axas/kunit

. "$(dirname "$0")/common.sh"
help_wanted "$@"
remove=''
[ "${1-}" != --remove ] || { remove=1 && shift; }
[ $# -eq 1 ] || usage_error "expected one KERNELSRC"
src=$1
if [ ! -r "$src/Kbuild" ] || [ ! -r "$src/drivers/virt/Kconfig" ]; then
	die "'$src' is not the source of a kernel; scripts/fetch-kernel.sh prints one"
fi
src=$(cd "$src" && pwd)
dir=$src/drivers/virt/axas
uapi=include/uapi/linux/axas.h

# hook FILE LINE SED: unless FILE has LINE, let SED put it there
hook() {
	grep -qxF "$2" "$src/$1" || sed -i "$3" "$src/$1"
	grep -qxF "$2" "$src/$1" || die "no place for '$2' in $src/$1: add it by hand"
}

# The menu's own "if" ends after ACRN.
menu='source "drivers/virt/axas/Kconfig"'
# Always: the tests can be built without the module.
make=$'obj-y\t\t\t\t+= axas/'
if [ -n "$remove" ]; then
	rm -rf "$dir" "${src:?}/$uapi"
	sed -i "\\#^$menu\$#d" "$src/drivers/virt/Kconfig"
	sed -i '/+= axas\/$/d' "$src/drivers/virt/Makefile"
	exit 0
fi

mkdir -p "$dir"
module_sources | grep -vxF "./$uapi" | mirror "$dir"
cmp -s "$AXAS_TREE/$uapi" "$src/$uapi" || cp "$AXAS_TREE/$uapi" "$src/$uapi"

hook drivers/virt/Kconfig "$menu" "\\#^source \"drivers/virt/acrn/Kconfig\"\$#a\\\\n$menu"
hook drivers/virt/Makefile "$make" "\$a$make"
say "axas is in $dir"
