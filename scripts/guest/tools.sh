#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# axasctl, axas-migrate, axas-run, axas-replay and the Python module over live spaces.
# shellcheck source=lib.sh
. /guest/lib.sh

# The host's own Python, where /host is its root.
axas_live() {
	lib=/host/lib/x86_64-linux-gnu:/host/usr/lib/x86_64-linux-gnu
	PYTHONHOME=/host/usr PYTHONDONTWRITEBYTECODE=1 AXAS_LIBRARY=/python/libaxas.so \
		"/host$LOADER" --library-path "$lib" /host/usr/bin/python3 /python/axas_live.py
}

load axas
plugins insmod
program live
[ ! -d /host ] || program axas_live
plugins rmmod
unload
finish
