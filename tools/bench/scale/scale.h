/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The device /dev/axas-scale, for who counts in the kernel without a descriptor
 * that CPUs share: each thread opens its own.
 */
#ifndef AXAS_SCALE_H
#define AXAS_SCALE_H

#include <linux/ioctl.h>

/* Faults are in the space with this descriptor. Once. */
#define AXAS_SCALE_SPACE	_IO('x', 1)

/* axas_space_fault() for a write to this GPA; returns the result. */
#define AXAS_SCALE_FAULT	_IO('x', 2)

/* A page like a guest's is allocated and kept until the device is closed. */
#define AXAS_SCALE_ALLOC	_IO('x', 3)

#endif /* AXAS_SCALE_H */
