/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host's quoting service (cloister-quoted) and its clients say to each other on a unix
 * stream socket. Each message is u32 size and then that many bytes: a struct below and its body.
 * Little endian; reserved fields are zero. A client may send one request after the other on a
 * connection, each after the answer to the one before. What breaks these rules ends the connection.
 *
 * Who asks is not proved by anything here but the socket's permissions and the peer's user: what
 * evidence means is proved by what signs it.
 */
#pragma once

#include <stdint.h>

#define QUOTING_MAGIC 0x71746c63 /* "cltq" */
#define QUOTING_VERSION 1
#define QUOTING_REQUEST_MAX 4096 /* u32 size of a request is at most this */
#define QUOTING_ANSWER_MAX (4u << 20)
#define QUOTING_SOCKET "/run/cloister/quoting.socket"

enum quoting_operation {
	QUOTING_LIST = 1,     /* body of the answer: u32 for each back end that can be used now */
	QUOTING_EVIDENCE = 2, /* evidence bound to report_data */
	/* of QUOTING_SGX and QUOTING_HV: TARGETINFO (512 bytes) of who will judge the REPORT */
	QUOTING_TARGET_INFO = 3,
	QUOTING_SIM_KEY = 4, /* the sim signer's public key, PEM */
};

enum quoting_backend {
	QUOTING_NONE = 0,
	QUOTING_SIM = 1, /* body: struct report_sim (abi/report.h) */
	QUOTING_TPM = 2, /* no body */
	QUOTING_TSM = 3, /* configfs-tsm; no body */
	QUOTING_NSM = 4, /* no body */
	QUOTING_SGX = 5, /* body: an SGX REPORT, 432 bytes, made for TARGET_INFO */
	QUOTING_TDX = 6, /* body: a TDREPORT, 1024 bytes */
	QUOTING_HV = 7,	 /* Cloister's hypervisor; body as of SGX */
	QUOTING_BACKENDS
};

struct quoting_request {
	uint32_t magic;
	uint16_t version, operation;
	uint32_t backend;
	uint32_t body_size;
	/* The same as in the body where that holds one; zero for other operations than EVIDENCE. */
	uint8_t report_data[64];
};
_Static_assert(sizeof(struct quoting_request) == 80, "quoting request");

struct quoting_answer {
	uint32_t magic;
	uint16_t version, operation;
	/* 0, or a negative errno: then the body is its message, one line without a NUL. */
	int32_t error;
	uint32_t body_size;
};
_Static_assert(sizeof(struct quoting_answer) == 16, "quoting answer");
