/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of an AESM service, Intel's aesmd or cloister-quoted: one connection, one request, one
 * response. The service is part of the host: its answer is bounded and strictly read, and believed
 * by nobody but a verifier.
 */
#include "platform/quoting/aesm.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_SECONDS 60

/* MRSIGNER of Intel's production quoting enclave (DCAP, sgx_ql_lib_common). */
const uint8_t aesm_intel_qe_mrsigner[32] = { 0x8c, 0x4f, 0x57, 0x75, 0xd7, 0x96, 0x50, 0x3e,
					     0x96, 0x13, 0x7f, 0x77, 0xc6, 0x8a, 0x82, 0x9a,
					     0x00, 0x56, 0xac, 0x8d, 0xed, 0x70, 0x14, 0x0b,
					     0x08, 0x1b, 0x09, 0x44, 0x90, 0xc5, 0x7b, 0xff };

/*
 * sgx_att_key_id_ext_t: id 2, version 2, mrsigner_length 2, mrsigner 48, prod_id 4,
 * extended_prod_id 16, config_id 64, family_id 16, algorithm_id 4; then spid, att_key_type,
 * reserved: zero.
 */
void aesm_ecdsa_key_id(const uint8_t mrsigner[32], uint16_t product,
		       uint8_t ret_id[AESM_KEY_ID_SIZE])
{
	memset(ret_id, 0, AESM_KEY_ID_SIZE);
	ret_id[4] = 32;
	memcpy(ret_id + 6, mrsigner, 32);
	ret_id[54] = (uint8_t)product;
	ret_id[55] = (uint8_t)(product >> 8);
	ret_id[154] = 2; /* SGX_QL_ALG_ECDSA_P256 */
}

__attribute__((format(printf, 4, 5))) static int say(char *error, size_t error_size, int code,
						     const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(error, error_size, format, ap);
	va_end(ap);
	return code;
}

static int connect_to(const char *path, char *error, size_t error_size)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval limit = { .tv_sec = ANSWER_SECONDS };
	size_t len = strlen(path);
	int fd, rc;

	if (!len || len >= sizeof(address.sun_path))
		return say(error, error_size, -ENAMETOOLONG, "\"%.60s\" is no name of a socket",
			   path);
	memcpy(address.sun_path, path, len);
	/* aesmd of old listens on an abstract name that fills all of sun_path. */
	if (path[0] == '@')
		address.sun_path[0] = 0;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return say(error, error_size, -errno, "cannot make a socket: %s", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address))) {
		rc = errno == ENOENT || errno == ECONNREFUSED ? -ENODEV : -errno;
		say(error, error_size, rc,
		    "%s: no AESM service there (%s): on an SGX machine install and start Intel's sgx-aesm-service; elsewhere start cloister-quoted --aesm-socket and name it with --aesm",
		    path, strerror(errno));
		close(fd);
		return rc;
	}
	return fd;
}

static int transfer(int fd, bool out, uint8_t *data, size_t size)
{
	while (size) {
		ssize_t n = out ? send(fd, data, size, MSG_NOSIGNAL) : recv(fd, data, size, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (!n)
			return -ECONNRESET;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

static int exchange(int fd, const struct aesm_message *request, uint8_t *buffer,
		    struct aesm_message *ret_response)
{
	size_t request_size;
	uint32_t size;
	int rc = aesm_write_request(request, buffer + 4, AESM_REQUEST_MAX, &request_size);

	if (rc)
		return rc;
	size = (uint32_t)request_size;
	memcpy(buffer, &size, 4);
	rc = transfer(fd, true, buffer, 4 + request_size);
	if (!rc)
		rc = transfer(fd, false, (uint8_t *)&size, 4);
	if (rc)
		return rc;
	if (size > AESM_RESPONSE_MAX)
		return -EMSGSIZE;
	rc = transfer(fd, false, buffer, size);
	if (!rc)
		rc = aesm_read_response(buffer, size, ret_response);
	if (!rc && ret_response->kind != request->kind && ret_response->kind != AESM_UNSUPPORTED)
		rc = -EBADMSG;
	return rc;
}

int aesm_ask(const char *socket_path, const struct aesm_message *request, uint8_t **ret_buffer,
	     struct aesm_message *ret_response, char *error, size_t error_size)
{
	uint8_t *buffer = malloc(AESM_RESPONSE_MAX);
	int fd, rc;

	if (!buffer)
		return say(error, error_size, -ENOMEM, "out of memory");
	fd = connect_to(socket_path, error, error_size);
	if (fd < 0) {
		free(buffer);
		return fd;
	}
	rc = exchange(fd, request, buffer, ret_response);
	close(fd);
	if (rc) {
		free(buffer);
		return say(error, error_size, rc, "%s: the AESM service %s", socket_path,
			   rc == -EBADMSG      ? "answered with something else than was asked"
			   : rc == -ECONNRESET ? "closed the connection without an answer"
					       : strerror(-rc));
	}
	*ret_buffer = buffer;
	return 0;
}

/* --- whole conversations --- */

static int say_code(const char *socket_path, const char *what, uint64_t code, char *error,
		    size_t error_size)
{
	return say(error, error_size, code == AESM_SERVICE_UNAVAILABLE ? -ENODEV : -EIO,
		   "%s: %s: AESM error %llu: %s", socket_path, what, (unsigned long long)code,
		   aesm_error_text(code));
}

/* 0: answered without an error code, and with that field of `size` bytes (0: any). */
static int ask_for(const char *socket_path, const struct aesm_message *request, const char *what,
		   unsigned int field, size_t size, uint8_t **ret_buffer,
		   struct aesm_message *ret_response, char *error, size_t error_size)
{
	uint8_t *buffer;
	int rc = aesm_ask(socket_path, request, &buffer, ret_response, error, error_size);

	if (rc)
		return rc;
	if (ret_response->kind == AESM_UNSUPPORTED)
		rc = say(error, error_size, -ENOTSUP, "%s: this service cannot do that: %s",
			 socket_path, what);
	else if (ret_response->field[AESM_F_ERROR].number)
		rc = say_code(socket_path, what, ret_response->field[AESM_F_ERROR].number, error,
			      error_size);
	else if (!ret_response->field[field].present ||
		 (size && ret_response->field[field].size != size))
		rc = say(error, error_size, -EBADMSG, "%s: %s: the answer lacks what was asked for",
			 socket_path, what);
	if (rc)
		free(buffer);
	else
		*ret_buffer = buffer;
	return rc;
}

/* The default key of the service: what it selects when no id is given. */
int aesm_target_info(const char *socket_path, uint8_t ret_target_info[AESM_TARGET_INFO_SIZE],
		     char *error, size_t error_size)
{
	struct aesm_message request = { .kind = AESM_INIT_QUOTE_EX }, response;
	uint8_t *buffer;
	int rc;

	aesm_set_number(&request, AESM_F_INIT_WANTS_PUB_KEY_ID, 0);
	rc = ask_for(socket_path, &request, "attestation key", AESM_F_PUB_KEY_ID_SIZE, 0, &buffer,
		     &response, error, error_size);
	if (rc)
		return rc;
	/* Asked for the id too, the service makes the key, without which there is no quote. */
	aesm_set_number(&request, AESM_F_INIT_WANTS_PUB_KEY_ID, 1);
	aesm_set_number(&request, AESM_F_INIT_BUFFER,
			response.field[AESM_F_PUB_KEY_ID_SIZE].number);
	free(buffer);
	rc = ask_for(socket_path, &request, "target info", AESM_F_TARGET_INFO,
		     AESM_TARGET_INFO_SIZE, &buffer, &response, error, error_size);
	if (rc)
		return rc;
	memcpy(ret_target_info, response.field[AESM_F_TARGET_INFO].data, AESM_TARGET_INFO_SIZE);
	free(buffer);
	return 0;
}

static int copy_quote(const char *socket_path, struct aesm_field field, uint8_t **ret_quote,
		      size_t *ret_size, char *error, size_t error_size)
{
	uint32_t signature_size;
	size_t size;

	/*
	 * The quote is padded to the buffer: its own length is in it (quote v3: header, body, u32).
	 */
	if (field.size < AESM_QUOTE_PREFIX + 4)
		return say(error, error_size, -EBADMSG, "%s: a quote of only %zu bytes",
			   socket_path, field.size);
	memcpy(&signature_size, field.data + AESM_QUOTE_PREFIX, 4);
	if (signature_size > field.size - AESM_QUOTE_PREFIX - 4)
		return say(error, error_size, -EBADMSG, "%s: the quote is cut short", socket_path);
	size = AESM_QUOTE_PREFIX + 4 + (size_t)signature_size;
	*ret_quote = malloc(size);
	if (!*ret_quote)
		return say(error, error_size, -ENOMEM, "out of memory");
	memcpy(*ret_quote, field.data, size);
	*ret_size = size;
	return 0;
}

int aesm_quote(const char *socket_path, const uint8_t report[AESM_REPORT_SIZE], uint8_t **ret_quote,
	       size_t *ret_size, char *error, size_t error_size)
{
	struct aesm_message size_request = { .kind = AESM_QUOTE_SIZE_EX },
			    request = { .kind = AESM_GET_QUOTE_EX }, response;
	uint64_t room;
	uint8_t *buffer;
	int rc = ask_for(socket_path, &size_request, "quote size", AESM_F_QUOTE_SIZE, 0, &buffer,
			 &response, error, error_size);

	if (rc)
		return rc;
	room = response.field[AESM_F_QUOTE_SIZE].number;
	free(buffer);
	if (room > AESM_RESPONSE_MAX / 2)
		return say(error, error_size, -EMSGSIZE, "%s: quotes of %llu bytes", socket_path,
			   (unsigned long long)room);
	aesm_set_bytes(&request, AESM_F_QUOTE_REPORT, report, AESM_REPORT_SIZE);
	aesm_set_number(&request, AESM_F_QUOTE_BUFFER, room);
	rc = ask_for(socket_path, &request, "quote", AESM_F_QUOTE, 0, &buffer, &response, error,
		     error_size);
	if (rc)
		return rc;
	rc = copy_quote(socket_path, response.field[AESM_F_QUOTE], ret_quote, ret_size, error,
			error_size);
	free(buffer);
	return rc;
}

int aesm_launch_token(const char *socket_path, const uint8_t mrenclave[32],
		      const uint8_t mrsigner[32], const uint8_t attributes[16],
		      uint8_t ret_token[AESM_TOKEN_SIZE], char *error, size_t error_size)
{
	struct aesm_message request = { .kind = AESM_LAUNCH_TOKEN }, response;
	uint8_t *buffer;
	int rc;

	aesm_set_bytes(&request, AESM_F_TOKEN_MRENCLAVE, mrenclave, 32);
	aesm_set_bytes(&request, AESM_F_TOKEN_MRSIGNER, mrsigner, 32);
	aesm_set_bytes(&request, AESM_F_TOKEN_ATTRIBUTES, attributes, 16);
	rc = ask_for(socket_path, &request, "launch token", AESM_F_TOKEN, AESM_TOKEN_SIZE, &buffer,
		     &response, error, error_size);
	if (rc)
		return rc;
	memcpy(ret_token, response.field[AESM_F_TOKEN].data, AESM_TOKEN_SIZE);
	free(buffer);
	return 0;
}
