#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# KUnit speaks through the kernel log: so do the marks around it.
# shellcheck source=lib.sh
. /guest/lib.sh

load axas
say "begin kunit" >/dev/kmsg
load axas_kunit
say "end kunit 0" >/dev/kmsg
rmmod axas_kunit
unload
leaks
counters
finish
