/* SPDX-License-Identifier: GPL-2.0 */
#ifndef _AXAS_FILE_H
#define _AXAS_FILE_H

#include <uapi/linux/axas.h>

int axas_file_open(const struct axas_create *create);

#endif /* _AXAS_FILE_H */
