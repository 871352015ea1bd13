/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a kernel asks the launcher for evidence of its enclave: over one stream socket, whose handle boot_info.evidence_handle is. One
 * request at a time; each is answered once, in order. The launcher says what it knows of the enclave (on the process platform
 * the launcher is who measures) and has it signed: by a key of its own, by the host's quoting service, or by what the machine has.
 * The answer is the host's: the kernel bounds it, and hands it on to who asked. Little endian, no padding.
 */
#pragma once

#include <stdint.h>

#define EVIDENCE_MAGIC 0x7663656cU /* "lecv" */
#define EVIDENCE_DATA_SIZE 64
#define EVIDENCE_MAX (1u << 20)
#define EVIDENCE_PROVIDER_MAX 32

enum evidence_operation {
	EVIDENCE_PROVIDER =
		1, /* answer: the name of what makes the evidence, such as "sim"; its absence is an error */
	EVIDENCE_COLLECT = 2, /* answer: evidence bound to report_data */
};

struct evidence_request {
	uint32_t magic, sequence, operation, reserved;
	uint8_t report_data[EVIDENCE_DATA_SIZE];
};
_Static_assert(sizeof(struct evidence_request) == 80, "request");

struct evidence_answer {
	uint32_t magic, sequence; /* of the request */
	int32_t error;		  /* 0 or -errno */
	uint32_t size;		  /* bytes that follow: at most EVIDENCE_MAX, 0 on error */
};
_Static_assert(sizeof(struct evidence_answer) == 16, "answer");
