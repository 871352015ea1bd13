/* SPDX-License-Identifier: Apache-2.0 */
/* Timeouts as select, pselect6 and ppoll take them: relative, and the time left is written back. */
#pragma once

#include "lib/base/types.h"

#define POLL_STICKY_TIMEOUTS 0x4000000u /* personality(2) */

/* microseconds: the structure is a timeval. Deadline 0: do not wait; NEVER without a timeout. -EFAULT, -EINVAL. */
must_check long poll_timeout_start(struct uptr timeout, bool microseconds, uint64_t *ret_deadline);
/* Writes the time left. `ret`, or -EINTR for -ERESTARTNOHAND when that could not be done. */
must_check long poll_timeout_finish(long ret, struct uptr timeout, uint64_t deadline,
				    bool microseconds);
