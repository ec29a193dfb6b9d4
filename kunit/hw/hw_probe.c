// SPDX-License-Identifier: GPL-2.0
/*
 * What chooses between the probes of x86, which are in hw_vmx.c and hw_svm.c.
 */
#include "../../probe/x86.c"
