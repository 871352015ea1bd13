/* SPDX-License-Identifier: Apache-2.0 */
/* The sample that proves what it is: its one ECALL, and what passes through memory of the host. */
#pragma once

#include <stdint.h>

enum {
	ATTESTED_REPORT, /* a: struct attested_request of the host -> 0; ~0: it does not lie outside, wholly */
};

struct attested_request {
	uint8_t target_info[512]; /* whom the REPORT is for */
	uint8_t challenge[64];	  /* what a relying party chose */
	uint8_t report[432];	  /* out */
};
