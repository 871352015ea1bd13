/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "kernel/task/cred.h"

/* What a change of user ids does to the capabilities of `c`, which replaces `old`. */
void cred_fix_uid(struct cred *c, const struct cred *old);
void cred_fix_fsuid(struct cred *c, const struct cred *old);

/* prctl's part of credentials (sys_cred.c). */
long cred_prctl(int option, unsigned long *a, bool *ret_known);
