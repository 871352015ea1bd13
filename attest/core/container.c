/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Evidence as people have it in files: hex, base64, a PEM block, a JSON object around one of these, or behind Open Enclave's headers. Only tried
 * on what is not evidence as it is. What comes out is judged like any evidence; members beside it (a "tee" name, policies) are
 * not looked at, since nothing signs them.
 */
#include "attest/core/verifier.h"
#include "lib/jose/jose.h"
#include "lib/json/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TEXT (16u << 20)
/* A JSON value costs some 40 times the byte that it may be written with. */
#define MAX_JSON (1u << 20)
#define MAX_JSON_DEPTH 16
/* Shorter text is no evidence, but may well look like hex or base64. */
#define MIN_TEXT 64

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Text without white space; NULL if a byte cannot be part of hex or base64. malloc()ed. */
static char *compact(struct span in, size_t *ret_len)
{
	char *text = malloc(in.size + 1);
	size_t len = 0;

	for (size_t i = 0; text && i < in.size; i++) {
		uint8_t c = in.data[i];

		if (is_space(c) || (c == 0 && i + 1 == in.size))
			continue;
		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
		      c == '+' || c == '/' || c == '-' || c == '_' || c == '=')) {
			free(text);
			return NULL;
		}
		text[len++] = (char)c;
	}
	if (text)
		text[len] = 0;
	*ret_len = len;
	return text;
}

static int from_hex(const char *text, size_t len, struct unwrapped *ret)
{
	uint8_t *data;

	if (len >= 2 && text[0] == '0' && text[1] == 'x') {
		text += 2;
		len -= 2;
	}
	if (len < MIN_TEXT || len % 2 || strspn(text, "0123456789abcdefABCDEF") != len)
		return -ENOENT;
	data = malloc(len / 2);
	if (!data)
		return -ENOMEM;
	if (hex_parse(text, len, data, len / 2)) {
		free(data);
		return -ENOENT;
	}
	*ret = (struct unwrapped){ .data = data, .size = len / 2, .form = "hex" };
	return 0;
}

/* Either alphabet, with padding or without. Changes the text. */
static int from_base64(char *text, size_t len, struct unwrapped *ret)
{
	uint8_t *data;
	size_t size;
	int err;

	if (len % 4 == 0)
		for (int i = 0; i < 2 && len && text[len - 1] == '='; i++)
			len--;
	if (len < MIN_TEXT)
		return -ENOENT;
	for (size_t i = 0; i < len; i++)
		text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
	err = base64url_decode(text, len, &data, &size);
	if (err)
		return err == -ENOMEM ? err : -ENOENT;
	*ret = (struct unwrapped){ .data = data, .size = size, .form = "base64" };
	return 0;
}

static int from_text(struct span in, struct unwrapped *ret)
{
	size_t len;
	char *text = compact(in, &len);
	int err;

	if (!text)
		return -ENOENT;
	err = from_hex(text, len, ret);
	if (err == -ENOENT)
		err = from_base64(text, len, ret);
	free(text);
	return err;
}

/* The first block: RFC 7468. */
static int from_pem(struct span in, struct unwrapped *ret)
{
	const uint8_t *begin = memmem(in.data, in.size, "-----BEGIN ", 11), *body, *end;
	size_t left;
	int err;

	if (!begin)
		return -ENOENT;
	left = in.size - (size_t)(begin - in.data) - 11;
	body = memmem(begin + 11, left, "-----", 5);
	if (!body || memchr(begin + 11, '\n', (size_t)(body - begin) - 11))
		return -ENOENT;
	body += 5;
	left = in.size - (size_t)(body - in.data);
	end = memmem(body, left, "-----END ", 9);
	if (!end)
		return -ENOENT;
	err = from_text(SPAN(body, (size_t)(end - body)), ret);
	if (!err)
		ret->form = "PEM";
	return err;
}

static int from_byte_list(const json_t *list, struct unwrapped *ret)
{
	size_t count = json_array_size(list);
	uint8_t *data = malloc(count + 1);

	if (!data)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const json_t *item = json_array_get(list, i);

		if (!json_is_integer(item) || json_integer_value(item) < 0 ||
		    json_integer_value(item) > 255) {
			free(data);
			return -ENOENT;
		}
		data[i] = (uint8_t)json_integer_value(item);
	}
	*ret = (struct unwrapped){ .data = data, .size = count, .form = "JSON" };
	return count ? 0 : (free(data), -ENOENT);
}

static int from_value(const json_t *value, struct unwrapped *ret)
{
	int err = -ENOENT;

	if (json_is_string(value))
		err = from_text(SPAN(json_string_value(value), json_string_length(value)), ret);
	else if (json_is_array(value))
		err = from_byte_list(value, ret);
	else if (json_is_object(value)) {
		char *text = json_dumps(value, JSON_COMPACT);

		if (!text)
			return -ENOMEM;
		*ret = (struct unwrapped){ .data = (uint8_t *)text, .size = strlen(text) };
		err = 0;
	}
	if (!err)
		ret->form = "JSON";
	return err;
}

/* Names that evidence has in the JSON of others: Gramine and dstack, Trustee's evidence and requests, Azure's and Intel's services. */
static int from_json(struct span in, struct unwrapped *ret)
{
	static const char *const names[] = { "quote",	 "evidence",
					     "td_quote", "attestation_document",
					     "document", "report" };
	static const char *const logs[] = { "cc_eventlog", "event_log" };
	const json_t *value = NULL;
	struct unwrapped log;
	json_t *root;
	int err;

	if (in.size > MAX_JSON)
		return -ENOENT;
	root = json_read(in.data, in.size, MAX_JSON_DEPTH, NULL);
	for (size_t i = 0; !value && i < sizeof(names) / sizeof(names[0]); i++)
		value = json_object_get(root, names[i]);
	err = value ? from_value(value, ret) : -ENOENT;
	for (size_t i = 0; !err && i < sizeof(logs) / sizeof(logs[0]); i++) {
		value = json_object_get(root, logs[i]);
		if (!json_is_string(value) || from_value(value, &log))
			continue;
		ret->event_log = log.data;
		ret->event_log_size = log.size;
		break;
	}
	json_decref(root);
	return err;
}

/* sgx_ecdsa and tdx_ecdsa, of Open Enclave's attestation/sgx/evidence.h and tdx/evidence.h */
static const uint8_t open_enclave_formats[][16] = {
	{ 0xa3, 0xa2, 0x1e, 0x87, 0x1b, 0x4d, 0x40, 0x14, 0xb7, 0x0a, 0xa1, 0x25, 0xd2, 0xfb, 0xcd,
	  0x8c },
	{ 0x8b, 0xa7, 0x02, 0x86, 0xc1, 0xcf, 0x11, 0xed, 0xaf, 0xa1, 0x02, 0x42, 0xac, 0x12, 0x00,
	  0x02 },
};

/*
 * What Open Enclave and EGo put before a quote (their report.h and attest_plugin.h), little endian:
 *   oe_report_header_t        version 1 | type 4 (2: remote) | size 8
 *   oe_attestation_header_t   version 2 or 3 | format's UUID 16 | size 8; version 2 has the former in it
 * Custom claims that follow the quote are bytes behind it: what the quote says of them is its report data.
 */
struct span container_envelope(struct span in)
{
	static const struct span nothing = { 0 };
	struct cursor c = CURSOR(in);
	uint32_t version = take_le32(&c);
	bool known = version == 1 && take_le32(&c) == 2;
	struct span format;
	uint64_t size;

	if (version == 2 || version == 3) {
		format = take(&c, 16);
		for (size_t i = 0; i < 2 && !known; i++)
			known = span_equal(format, SPAN_OF(open_enclave_formats[i]));
	}
	size = take_le64(&c);
	return !known || c.bad || size != cursor_left(&c) ? nothing : take(&c, cursor_left(&c));
}

static int from_open_enclave(struct span in, struct unwrapped *ret)
{
	struct span content = container_envelope(in);
	uint8_t *data;

	if (!content.size)
		return -ENOENT;
	data = malloc(content.size);
	if (!data)
		return -ENOMEM;
	memcpy(data, content.data, content.size);
	*ret = (struct unwrapped){ .data = data,
				   .size = content.size,
				   .form = "Open Enclave's envelope" };
	return 0;
}

int container_open(struct span in, struct unwrapped *ret)
{
	int err = -ENOENT;

	if (in.size >= MIN_TEXT / 2 && in.size <= MAX_TEXT)
		err = from_open_enclave(in, ret);
	if (err != -ENOENT)
		return err;
	while (in.size && is_space(in.data[0]))
		in = SPAN(in.data + 1, in.size - 1);
	if (in.size < MIN_TEXT / 2 || in.size > MAX_TEXT)
		return -ENOENT;
	if (in.data[0] == '{')
		return from_json(in, ret);
	if (in.data[0] == '-')
		return from_pem(in, ret);
	return from_text(in, ret);
}
