#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# axasctl, axas-run and axas-replay over live spaces.
# shellcheck source=lib.sh
. /guest/lib.sh

load axas
plugins insmod
program live
plugins rmmod
unload
finish
