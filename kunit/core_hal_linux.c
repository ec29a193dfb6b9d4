// SPDX-License-Identifier: GPL-2.0
/*
 * The HAL of axas.ko under other names, beside the fake one: for its own tests.
 */
#define axas_hal_alloc_bound	linux_hal_alloc_bound
#define axas_hal_alloc_frame	linux_hal_alloc_frame
#define axas_hal_dealloc_frame	linux_hal_dealloc_frame
#define axas_hal_dealloc_pages	linux_hal_dealloc_pages
#define axas_hal_invalidate	linux_hal_invalidate
#define axas_hal_is_whole	linux_hal_is_whole
#define axas_hal_pages		linux_hal_pages
#define axas_hal_split_frame	linux_hal_split_frame
#define axas_hal_sync_frames	linux_hal_sync_frames
#include "../axas_hal_linux.c"
