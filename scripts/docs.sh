#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# docs.sh [OUT] - build the documentation as HTML into OUT (build/docs)
#
# A warning is an error.  kernel-doc comments come in through the kernel's own
# Sphinx extensions, from the source that scripts/fetch-kernel.sh unpacks.

. "$(dirname "$0")/common.sh"
help_wanted "$@"
[ $# -le 1 ] || usage_error "expected at most OUT"
out=${1:-$AXAS_TREE/build/docs}

need git perl python3-sphinx python3-myst-parser furo mandoc
# The last long-term kernel whose kernel-doc is the program and not a library.
AXAS_KERNEL=$("$AXAS_TREE/scripts/fetch-kernel.sh" 6.12)
export AXAS_KERNEL PYTHONDONTWRITEBYTECODE=1
mkdir -p "$AXAS_TREE/build/log"
run_logged "$AXAS_TREE/build/log/docs.log" "building the documentation" \
	sphinx-build -b html -W --keep-going -E -n -q -d "$out.doctrees" \
	"$AXAS_TREE/Documentation" "$out"
echo "$out/index.html"
