/* SPDX-License-Identifier: MIT */
/* An image that carries the version string of Linux 2.6.30, as a vmlinux does: the
 * monitor picks the row of the interface by it, without any configuration. */

#include "gtest.h"

extern const char image_version[];
const char image_version[] __attribute__((used)) = "Linux version 2.6.30 (guest test)";

GT_ROW(image_2_6_30, gt_abi_life, GT_RAW | GT_2LEVEL, .arg = GABI_ROW_2_6_30)
