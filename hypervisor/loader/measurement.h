/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MRENCLAVE computed without a processor (SDM 3D, 38.1.4 and the pages of ECREATE, EADD, EEXTEND): what EINIT will find if exactly this is
 * created and added in this order. Pages are measured whole (EADD and 16 times EEXTEND), or by their EADD alone.
 */
#pragma once

#include "hypervisor/loader/layout.h"

struct measurement; /* opaque */

struct measurement *measurement_start(uint32_t ssa_frame_pages,
				      uint64_t size); /* ECREATE; NULL: no memory */
void measurement_add(struct measurement *m, uint64_t offset, uint64_t flags); /* EADD */
void measurement_extend(struct measurement *m, uint64_t offset, const uint8_t chunk[256]);
/* EINIT; frees m. 0, or -EIO: something failed on the way. */
must_check int measurement_finish(struct measurement *m, uint8_t ret_mrenclave[32]);

/* All of it for a layout. 0, -ENOMEM, -EIO. */
must_check int measure_layout(const struct enclave_layout *layout, uint8_t ret_mrenclave[32]);
