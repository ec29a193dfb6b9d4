/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_KUNIT_TRACK_PLAIN_H
#define _AXAS_KUNIT_TRACK_PLAIN_H

#include <axas/npt.h>

/* A number for modules. */
#define TRACK_PLAIN	30

extern const struct axas_npt_ops axas_npt_plain_ops;

#endif /* _AXAS_KUNIT_TRACK_PLAIN_H */
