#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The fuzzer, with what AXAS_FUZZ says.
# shellcheck source=lib.sh
. /guest/lib.sh

load axas
plugins insmod
# shellcheck disable=SC2086 # words
program /tests/axas_fuzz $AXAS_FUZZ
plugins rmmod
unload
leaks
finish
