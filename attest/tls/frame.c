/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of the exchange, written and read. Everything has one form: what is not exactly that is refused, so that there is nothing to
 * negotiate and nothing to bring down. Pure functions over bytes.
 */
#include "attest/tls/tls_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int ctls_fail(struct cattest_error *err, int code, const char *format, ...)
{
	va_list ap;

	if (!err)
		return code;
	va_start(ap, format);
	vsnprintf(err->text, sizeof(err->text), format, ap);
	va_end(ap);
	return code;
}

void frame_write(uint8_t header[FRAME_HEADER], enum frame_type type, uint32_t size)
{
	header[0] = 'C';
	header[1] = 'T';
	header[2] = FRAME_VERSION;
	header[3] = (uint8_t)type;
	header[4] = (uint8_t)(size >> 24);
	header[5] = (uint8_t)(size >> 16);
	header[6] = (uint8_t)(size >> 8);
	header[7] = (uint8_t)size;
}

int frame_parse(const uint8_t header[FRAME_HEADER], uint32_t max_evidence, struct frame *ret_frame,
		struct cattest_error *err)
{
	uint32_t size = (uint32_t)header[4] << 24 | (uint32_t)header[5] << 16 |
			(uint32_t)header[6] << 8 | header[7];
	uint32_t least, most;

	if (header[0] != 'C' || header[1] != 'T')
		return ctls_fail(
			err, -EPROTO,
			"the peer does not speak attested TLS (its first bytes are another protocol's)");
	if (header[2] != FRAME_VERSION)
		return ctls_fail(err, -EPROTO,
				 "the peer speaks version %u of attested TLS, we speak %u",
				 header[2], FRAME_VERSION);
	switch (header[3]) {
	case FRAME_HELLO:
		least = most = HELLO_SIZE;
		break;
	case FRAME_EVIDENCE:
		least = 1;
		most = max_evidence;
		break;
	case FRAME_RESULT:
		least = most = RESULT_SIZE;
		break;
	default:
		return ctls_fail(err, -EPROTO, "the peer sent a message of unknown type %u",
				 header[3]);
	}
	if (size < least || size > most)
		return ctls_fail(
			err, -EPROTO,
			"the peer sent a message of type %u with %u bytes; allowed are %u to %u",
			header[3], size, least, most);
	ret_frame->type = (enum frame_type)header[3];
	ret_frame->size = size;
	return 0;
}

void hello_write(uint8_t body[HELLO_SIZE], const struct hello *hello)
{
	body[0] = FRAME_VERSION;
	body[1] = hello->server;
	body[2] = hello->flags;
	body[3] = 0;
	memcpy(body + 4, hello->nonce, sizeof(hello->nonce));
}

int hello_parse(const uint8_t body[HELLO_SIZE], struct hello *ret_hello, struct cattest_error *err)
{
	if (body[0] != FRAME_VERSION || body[1] > 1 || body[2] & ~(HELLO_REQUIRES | HELLO_OFFERS) ||
	    body[3])
		return ctls_fail(err, -EPROTO, "the peer's HELLO is malformed");
	ret_hello->server = body[1];
	ret_hello->flags = body[2];
	memcpy(ret_hello->nonce, body + 4, sizeof(ret_hello->nonce));
	return 0;
}
