/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol of Intel's AESM service, as far as quoting and launch tokens need it: u32 size (host
 * order, little endian here), then a protobuf message `Request` or `Response` (linux-sgx,
 * psw/ae/common/proto/messages.proto) with exactly one sub-message, whose number is the kind. All
 * fields have numbers up to 9 and are either bytes or varints: a message here is its kind and an
 * array by field number.
 *
 * No allocation and no input or output in the codec: bytes point into the caller's buffer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AESM_SOCKET "/var/run/aesmd/aesm.socket"
#define AESM_REQUEST_MAX (64u << 10) /* the largest are reports with a list of key ids: a few KiB */
#define AESM_RESPONSE_MAX (1u << 20)

enum aesm_kind {
	AESM_INIT_QUOTE = 1, /* EPID */
	AESM_GET_QUOTE = 2,  /* EPID */
	AESM_LAUNCH_TOKEN = 3,
	AESM_INIT_QUOTE_EX = 15,
	AESM_QUOTE_SIZE_EX = 16,
	AESM_GET_QUOTE_EX = 17,
	AESM_SELECT_KEY_ID = 19,
	AESM_UNSUPPORTED = 20, /* only as a response */
	AESM_KEY_ID_COUNT = 21,
	AESM_KEY_IDS = 22,
	AESM_OTHER = 0, /* a request that this codec does not know */
};

/* Field numbers. Every response: 1 = error code. */
enum {
	AESM_F_ERROR = 1,
	/* requests */
	AESM_F_TOKEN_MRENCLAVE = 1,
	AESM_F_TOKEN_MRSIGNER = 2,
	AESM_F_TOKEN_ATTRIBUTES = 3,
	AESM_F_INIT_KEY_ID = 1,
	AESM_F_INIT_WANTS_PUB_KEY_ID = 3,
	AESM_F_INIT_BUFFER = 4,
	AESM_F_SIZE_KEY_ID = 1,
	AESM_F_QUOTE_REPORT = 1,
	AESM_F_QUOTE_KEY_ID = 2,
	AESM_F_QUOTE_QE_REPORT_INFO = 3,
	AESM_F_QUOTE_BUFFER = 4,
	AESM_F_SELECT_LIST = 1,
	AESM_F_KEY_IDS_BUFFER = 1,
	AESM_F_TIMEOUT = 9, /* microseconds */
	AESM_F_SELECT_TIMEOUT = 2,
	/* responses */
	AESM_F_TOKEN = 2,
	AESM_F_TARGET_INFO = 2,
	AESM_F_PUB_KEY_ID_SIZE = 3,
	AESM_F_PUB_KEY_ID = 4,
	AESM_F_QUOTE_SIZE = 2,
	AESM_F_QUOTE = 2,
	AESM_F_QE_REPORT = 3,
	AESM_F_SELECTED = 2,
	AESM_F_COUNT = 2,
	AESM_F_KEY_IDS = 2,
};
#define AESM_FIELDS 10

/* aesm_error_t (linux-sgx, common/inc/aesm_error.h), those used here. */
enum {
	AESM_SUCCESS = 0,
	AESM_UNEXPECTED_ERROR = 1,
	AESM_PARAMETER_ERROR = 3,
	AESM_SERVICE_UNAVAILABLE = 30,
	AESM_UNSUPPORTED_ATT_KEY_ID = 38,
	AESM_ATT_KEY_NOT_INITIALIZED = 42,
	AESM_INVALID_REPORT = 47,
};
const char *aesm_error_text(uint64_t code);

struct aesm_field {
	bool present;
	uint64_t number;
	const uint8_t *data; /* bytes */
	size_t size;
};
struct aesm_message {
	uint32_t kind;
	struct aesm_field field[AESM_FIELDS];
};

/*
 * Without the u32. Reading: 0, or -EBADMSG: not protobuf, no or several sub-messages, a field of
 * the wrong wire type, twice, or required and not there. Unknown fields are skipped, as protobuf
 * asks for; an unknown request gives kind AESM_OTHER.
 */
int aesm_read_request(const uint8_t *data, size_t size, struct aesm_message *ret);
int aesm_read_response(const uint8_t *data, size_t size, struct aesm_message *ret);
/*
 * 0 and *ret_size, or -ENOBUFS; -EINVAL: a field that this kind does not have, or a required one
 * that is not set.
 */
int aesm_write_request(const struct aesm_message *m, uint8_t *buffer, size_t room,
		       size_t *ret_size);
int aesm_write_response(const struct aesm_message *m, uint8_t *buffer, size_t room,
			size_t *ret_size);

static inline void aesm_set_number(struct aesm_message *m, unsigned int field, uint64_t number)
{
	m->field[field] = (struct aesm_field){ .present = true, .number = number };
}
static inline void aesm_set_bytes(struct aesm_message *m, unsigned int field, const void *data,
				  size_t size)
{
	m->field[field] =
		(struct aesm_field){ .present = true, .data = (const uint8_t *)data, .size = size };
}

/* --- aesm_client.c --- */
/*
 * One request to a service at a unix socket ("@name": abstract). *ret_buffer is malloc()ed and
 * holds what *ret_response points into. 0, or a negative errno with a one-line message: -ENODEV no
 * such service. An error code in the response is not an error here.
 */
int aesm_ask(const char *socket_path, const struct aesm_message *request, uint8_t **ret_buffer,
	     struct aesm_message *ret_response, char *error, size_t error_size);
/*
 * att_key_id_t of an ECDSA P-256 key of a quoting enclave with that MRSIGNER (sgx_quote_3.h): 256
 * bytes.
 */
#define AESM_KEY_ID_SIZE 256
void aesm_ecdsa_key_id(const uint8_t mrsigner[32], uint16_t product,
		       uint8_t ret_id[AESM_KEY_ID_SIZE]);
extern const uint8_t aesm_intel_qe_mrsigner[32];

#define AESM_TARGET_INFO_SIZE 512
#define AESM_REPORT_SIZE 432
#define AESM_TOKEN_SIZE 304
#define AESM_QUOTE_PREFIX 432 /* then u32 size of the signature data */
/*
 * Whole conversations, with the service's default key; errors as aesm_ask, and -EIO: the service
 * refused.
 */
int aesm_target_info(const char *socket_path, uint8_t ret_target_info[AESM_TARGET_INFO_SIZE],
		     char *error, size_t error_size);
int aesm_quote(const char *socket_path, const uint8_t report[AESM_REPORT_SIZE], uint8_t **ret_quote,
	       size_t *ret_size, char *error, size_t error_size);
/* EINITTOKEN of machines without flexible launch control. */
int aesm_launch_token(const char *socket_path, const uint8_t mrenclave[32],
		      const uint8_t mrsigner[32], const uint8_t attributes[16],
		      uint8_t ret_token[AESM_TOKEN_SIZE], char *error, size_t error_size);
