/* SPDX-License-Identifier: MIT */
/* An image that carries the version string of Linux 4.9.0, as a vmlinux does: the
 * monitor picks the row of the interface by it, without any configuration. */

#include "gtest.h"

extern const char image_version[];
const char image_version[] __attribute__((used)) = "Linux version 4.9.0 (guest test)";

GT_ROW(image_4_9_0, gt_abi_life, GT_RAW | GT_BOTH, .arg = GABI_ROW_4_1)
